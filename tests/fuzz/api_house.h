/* The whole daemon but for its sockets and its start, for fuzz_api: the real loop over a real store in
 * memory, which is as new at the beginning of each input. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "tests/fuzz/api_outside.h"

#include "daemon/api.h"
#include "daemon/keys.h"
#include "daemon/store_private.h"
#include "daemon/publish.h"
#include "daemon/terminate.h"

/* The loop, its rounds and what is due in them. */
#include "daemon/server.c"

#define MAP_LARGE (64U << 20)
#define MAP_SMALL (160U << 12) /* full after some logins */

#define ROUNDS_MAX 2000

static const char *const config_texts[] = {
        "",
        "[policy two]\nusers = alice\nmax_devices = 2\nsession_ttl = 1h\n"
        "[policy one]\nusers = bob\nmax_devices = 1\non_limit = deny\nidle_ttl = 10m\n",
        "[token]\ntoken_file = yes\naudience = a\nrefresh_grace = 30s\n"
        "[realm shop]\nissuer = https://shop.example\n"
        "[policy few]\nusers = alice bob\nmax_sessions = 2\nmax_devices = 1\non_limit = ask\n"
        "ask_fallback = deny\n[policy default]\naccess_ttl = 1m\nrefresh_ttl = 1h\n",
        "[lock]\nmax_failures_per_source = 2\nmax_failures_per_user = 3\nlock_time = 1m\n"
        "[history]\nhistory_size = 20\n[services]\ncounted = sshd login\ntracked = cron\n"
        "[policy default]\nmax_sessions = 1\nterminate = none\nenforce = no\nexempt = carol\n",
};
#define CONFIGS (sizeof(config_texts) / sizeof(*config_texts))

struct kept_row {
        enum database db;
        struct span key, value;
};

static struct house {
        struct server server;
        struct server_options options;
        char above[40], state[64], run[64];
        struct keyring *keyring; /* that it begins with */
        struct kept_row rows[32];
        size_t n_rows;
} houses[2];

static struct config *configs[CONFIGS];
static size_t next_config; /* which one a reload finds; CONFIGS: an invalid one */

/* ---- reload.c: what it reads is there ---- */

static bool reload_goes_on;

int reload_new(const char *file, struct reload **ret) {
        *ret = NULL;
        return 0;
}

void reload_free(struct reload **reload) {
}

int reload_fd(const struct reload *reload) {
        return -1;
}

int reload_start(struct reload *reload) {
        if (reload_goes_on)
                return -EALREADY;
        reload_goes_on = true;
        return 0;
}

int reload_take(struct reload *reload, struct config **ret, char error[static CONFIG_ERROR_MAX]) {
        reload_goes_on = false;
        snprintf(error, CONFIG_ERROR_MAX, "no such line");
        if (next_config >= CONFIGS)
                return -EINVAL;
        *ret = config_ref(configs[next_config]);
        return 0;
}

static inline void make_configs(void) {
        char error[CONFIG_ERROR_MAX] = "";

        for (size_t i = 0; i < CONFIGS && !configs[i]; i++) {
                const char *text = config_texts[i];

                if (config_read("fuzz", text, strlen(text), &configs[i], error) < 0) {
                        fprintf(stderr, "%s\n", error);
                        abort();
                }
        }
}

/* ---- once ---- */

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
        return remove(path);
}

static inline void remove_houses(void) {
        for (size_t i = 0; i < 2; i++)
                if (*houses[i].above)
                        (void) nftw(houses[i].above, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Key and value in memory of their own. */
static inline void keep_row(struct house *house, enum database db, struct span key, struct span value) {
        uint8_t *bytes = malloc(key.size + value.size);

        REQUIRE(bytes && house->n_rows < sizeof(house->rows) / sizeof(*house->rows));
        memcpy(bytes, key.bytes, key.size);
        memcpy(bytes + key.size, value.bytes, value.size);
        house->rows[house->n_rows++] = (struct kept_row){
                .db = db, .key = { bytes, key.size }, .value = { bytes + key.size, value.size }
        };
}

static inline void keep_rows(struct house *house) {
        struct store_txn *txn;

        REQUIRE(store_begin_read(house->server.service.store, &txn) == 0);
        for (enum database db = 0; db < _DB_MAX; db++) {
                struct store_cursor cursor = { 0 };
                struct span key, value;

                while (row_next(txn, db, SPAN_EMPTY, &cursor, &key, &value) == 0)
                        keep_row(house, db, key, value);
        }
        store_abort(&txn);
}

static inline void make_house(struct house *house, size_t map_size) {
        struct server *server = &house->server;
        struct rotation_rule rule;
        pid_t holder;

        strcpy(house->above,
                access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz_api.XXXXXX" : "/tmp/fuzz_api.XXXXXX");
        REQUIRE(mkdtemp(house->above));
        snprintf(house->state, sizeof(house->state), "%s/state", house->above);
        snprintf(house->run, sizeof(house->run), "%s/run", house->above);
        REQUIRE(mkdir(house->run, 0755) == 0);
        house->options = (struct server_options){ .state_dir = house->state, .runtime_dir = house->run };
        server->options = &house->options;
        server->epoll = epoll_create1(EPOLL_CLOEXEC);
        server->scratch_reply = malloc(REPLY_MAX + 1);
        REQUIRE(server->epoll >= 0 && server->scratch_reply);
        server->service.health.state_dir = house->state;
        REQUIRE(clock_boot_id(&server->service.boot) == 0);
        REQUIRE(store_open(house->state, map_size, &server->service.store, &holder) == 0);
        rule = keys_rule(configs[0], &server->service.boot, clock_now());
        REQUIRE(keys_load(&server->service, &rule) == 0);
        REQUIRE(keys_load_seal(&server->service) == 0);
        REQUIRE(keys_publish(&server->service, house->run) == 0);
        house->keyring = keyring_ref(server->service.keyring);
        REQUIRE(token_cache_new(0, &server->service.tokens_seen) == 0);
        REQUIRE(list_file_new(house->run, &server->list_file) == 0);
        REQUIRE(server_watch(server, list_file_fd(server->list_file), EPOLLIN, WATCH_LIST, 0) == 0);
        REQUIRE(backup_new(server->service.store, house->state, &server->backup) == 0);
        REQUIRE(server_watch(server, backup_fd(server->backup), EPOLLIN, WATCH_BACKUP, 0) == 0);
        REQUIRE(bearer_files_new(house->run, &server->bearer.files) == 0);
        REQUIRE(due_new(&server->bearer.due) == 0);
        keep_rows(house);
}

/* ---- for each input ---- */

static inline void empty_store(struct house *house) {
        struct store_txn *txn;

        REQUIRE(store_begin_turn(house->server.service.store, &txn) == 0);
        for (enum database db = 0; db < _DB_MAX; db++)
                REQUIRE(row_remove_all(txn, db) == 0);
        for (size_t i = 0; i < house->n_rows; i++)
                REQUIRE(row_put(txn, house->rows[i].db, house->rows[i].key, house->rows[i].value) == 0);
        REQUIRE(store_commit(&txn) == 0);
}

/* The keys, if the last input has changed them. */
static inline void renew_keys(struct house *house) {
        struct service *service = &house->server.service;
        struct rotation_rule rule;

        if (service->keyring == house->keyring)
                return;
        keyring_free(&service->keyring);
        keyset_free(&service->keyset);
        rule = keys_rule(configs[0], &service->boot, clock_now());
        REQUIRE(keys_load(service, &rule) == 0);
        REQUIRE(keys_publish(service, house->run) == 0);
        keyring_free(&house->keyring);
        house->keyring = keyring_ref(service->keyring);
}

static inline void renew_status(struct house *house) {
        struct service *service = &house->server.service;
        _cleanup_(cleanup_close) int dir = publish_open(house->run);
        uint8_t id[16];

        REQUIRE(dir >= 0);
        status_close(&service->status);
        (void) unlinkat(dir, SESSJWT_STATUS_NAME, 0);
        store_id(service->store, id);
        REQUIRE(status_open(dir, id, &service->status) == 0);
        status_mend(service->status);
}

static inline void remove_backups(struct house *house) {
        char path[sizeof(house->state) + sizeof(SESSJWT_BACKUPS_DIR_NAME) + 1];

        snprintf(path, sizeof(path), "%s/" SESSJWT_BACKUPS_DIR_NAME, house->state);
        (void) nftw(path, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

static inline struct house *house_begin(size_t number) {
        struct house *house = &houses[number % 2];
        struct server *server = &house->server;

        if (!configs[0]) {
                make_configs();
                atexit(remove_houses);
        }
        clocks_begin();
        users_begin();
        processes_make_missing();
        next_config = 0;
        if (!*house->above)
                make_house(house, number % 2 ? MAP_SMALL : MAP_LARGE);
        empty_store(house);
        renew_keys(house);
        renew_status(house);
        remove_backups(house);
        /* Behind all that was put without it: nobody is shown what it has not told. */
        turn_free(&server->turn);
        REQUIRE(turn_new(server->service.store, &server->turn) == 0);
        REQUIRE(server_watch(server, turn_fd(server->turn), EPOLLIN, WATCH_TURN, 0) == 0);
        server->config = config_ref(configs[0]);
        server->now = clock_now();
        server->service.started_boot = server->now.boot;
        server->service.last_sid = (struct sid){ 0 };
        server->expiry_due = server->keys_due = USEC_NEVER;
        server->history_due = server->sweep_due = server->heartbeat_due = server->now.boot;
        server->expiry_not_before = server->list_not_before = 0;
        server->listed = (struct status_listed){ 0 };
        server->released_below = server->counted_transaction = 0;
        REQUIRE(connections_new(CONNECTIONS_MAX, &server->connections) == 0);
        REQUIRE(quotas_new(&server->quotas) == 0);
        REQUIRE(feed_new(8, 4096, &server->feed) == 0);
        REQUIRE(leaders_new(6, NULL, &server->leaders) == 0);
        REQUIRE(server_watch(server, leaders_fd(server->leaders), EPOLLIN, WATCH_LEADERS, 0) == 0);
        server_note_config(server);
        server_begin_bearer_files(server);
        server_find_keys_due(server);
        server_find_expiry(server);
        return house;
}

/* One round of the loop. Whether anything was done in it. */
static inline bool house_round(struct house *house) {
        struct server *server = &house->server;
        struct epoll_event events[64];
        bool did;
        int n;

        n = epoll_wait(server->epoll, events, 64, 0);
        server->now = clock_now();
        server->signature_checks = SIGNATURE_CHECKS_PER_ROUND;
        server->calls = CALLS_PER_ROUND;
        server->work_ends = server->now.awake + SERVER_WORK_TIME;
        handle_events(server, events, n);
        server_work(server);
        run_due(server);
        did = n > 0 || connections_have_ready(server->connections) || server->notices.n > 0;
        if (reload_goes_on) {
                take_reload(server);
                did = true;
        }
        return turn_run_posted(server->turn) || did;
}

/* Nobody has anything left to do. */
static inline void house_end(struct house *house) {
        struct server *server = &house->server;

        connections_free(&server->connections);
        quotas_free(&server->quotas);
        feed_free(&server->feed);
        leaders_free(&server->leaders);
        effects_free(&server->unkept);
        server->unkept = (struct effects){ 0 };
        server->notices = (struct notices){ 0 };
        free(TAKE(server->service.status_list));
        token_cache_clear(server->service.tokens_seen);
        choices_clear(&server->service.choices);
        due_clear(server->bearer.due);
        config_unref(&server->config);
        server->service.statistics = (struct statistics){ 0 };
        REQUIRE(server->n_waiters == 0 && server->n_touches == 0 && !server->is_expiring);
        REQUIRE(!server->names_waits && !server->backup_waits && !server->reload_waits);
        REQUIRE(!server->is_stopping && !turn_has_failed(server->turn));
}
