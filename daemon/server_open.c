/* server_open: the start of the daemon, in order: nothing is promised before the store is ours, nobody is
 * answered before what the store says is checked. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/keys.h"
#include "daemon/log.h"
#include "daemon/renewal.h"
#include "daemon/terminate.h"

#define FDS_FOR_OURSELVES 64

/* What descriptors are for. The public has its share, so that none is missing where somebody logs in. */
struct budget {
        size_t leaders;
        size_t connections;
};

static struct budget budget_of(size_t limit) {
        size_t others = CONNECTIONS_MAX + LOGIN_CONNECTIONS_MAX * 2 + FDS_FOR_OURSELVES;
        size_t rest = limit > FDS_FOR_OURSELVES + 4 ? limit - FDS_FOR_OURSELVES : 4;

        if (limit > 2 * others)
                return (struct budget){ .leaders = limit - others, .connections = CONNECTIONS_MAX };
        return (struct budget){ .leaders = rest / 2, .connections = rest / 4 };
}

static struct budget raise_descriptors(void) {
        struct rlimit limit = { .rlim_cur = 1024, .rlim_max = 1024 };

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
        return budget_of(limit.rlim_cur);
}

/* Whoever comes here has another version than before: which one reads it, and what else can be done. */
static void refuse_schema(const char *dir) {
        char writer[32] = "";
        uint32_t schema;

        if (store_read_schema(dir, &schema, writer, sizeof(writer)) < 0) {
                log_line(LOG_ERR,
                        "%s/data.mdb is no store of sessjwtd: move it away to begin with an empty one", dir);
                return;
        }
        log_line(LOG_ERR,
                "the store in %s has the schema %u and was last opened by sessjwtd %s; this is sessjwtd %s, "
                "which "
                "reads schema %u: install the former again, or move %s/data.mdb away to begin with an empty "
                "store (a backup in %s/backups can be restored if it was made with schema %u)",
                dir, schema, *writer ? writer : "of an unknown version", SESSJWT_VERSION, store_schema(), dir,
                dir, store_schema());
}

static int open_store(struct server *server) {
        pid_t holder = 0;
        int r = store_open(server->options->state_dir, 0, &server->service.store, &holder);

        if (r == -EBUSY)
                log_line(LOG_ERR, "%s is in use by another sessjwtd, pid %d", server->options->state_dir,
                        holder);
        else if (r == -EPERM)
                log_line(LOG_ERR, "%s must belong to uid %u, and nobody else may write in it",
                        server->options->state_dir, geteuid());
        else if (r == -EPROTO)
                refuse_schema(server->options->state_dir);
        else if (r < 0)
                log_line(
                        LOG_ERR, "cannot open the store in %s: %s", server->options->state_dir, strerror(-r));
        return r;
}

static int open_public_files(struct server *server) {
        int r = keys_publish(&server->service, server->options->runtime_dir);

        if (r < 0)
                log_line(LOG_ERR, "cannot publish keys in %s/%s: %s", server->options->runtime_dir,
                        SESSJWT_PUBLIC_DIR_NAME, strerror(-r));
        return r < 0 ? r : server_open_bearer_files(server);
}

static int watch_all(struct server *server) {
        const struct {
                int fd;
                enum watch watch;
        } all[] = {
                { server->listeners.login, WATCH_LOGIN_LISTENER },
                { server->listeners.public, WATCH_PUBLIC_LISTENER },
                { turn_fd(server->turn), WATCH_TURN },
                { leaders_fd(server->leaders), WATCH_LEADERS },
                { reload_fd(server->reload), WATCH_RELOAD },
                { names_fd(server->service.names), WATCH_NAMES },
                { list_file_fd(server->list_file), WATCH_LIST },
                { backup_fd(server->backup), WATCH_BACKUP },
        };

        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
                int r = server_watch(server, all[i].fd, EPOLLIN, all[i].watch, 0);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int open_listeners(struct server *server) {
        char error[CONFIG_ERROR_MAX] = "";
        int r = listeners_open(
                server->options->runtime_dir, server->fdstore, &server->listeners, error, sizeof(error));

        if (r < 0)
                log_line(LOG_ERR, "%s", error);
        return r;
}

static int load_config(struct server *server) {
        char error[CONFIG_ERROR_MAX] = "";
        int r = config_load(server->options->config_file, &server->config, error);

        if (r < 0)
                log_line(LOG_ERR, "%s", error);
        else
                server_note_config(server);
        return r;
}

/* Keys, what is public, and the sessions with their leaders. */
static int take_up(struct server *server, size_t max_leaders) {
        struct rotation_rule rule = keys_rule(server->config, &server->service.boot, server->now);
        int r;

        r = renewal_begin(&server->service, server->options->runtime_dir);
        if (r >= 0)
                r = keys_load(&server->service, &rule);
        if (r >= 0)
                r = keys_load_seal(&server->service);
        if (r >= 0)
                r = open_public_files(server);
        if (r >= 0)
                r = server_open_status(server);
        if (r >= 0)
                r = token_cache_new(sizeof(struct token_text), &server->service.tokens_seen);
        if (r >= 0)
                r = leaders_new(max_leaders, server->fdstore, &server->leaders);
        if (r >= 0)
                r = logind_new(server->event, terminate_refused, server->leaders, &server->logind);
        if (r >= 0)
                r = reconcile(&server->service, server->leaders, server->now, &server->unwatched.is_there);
        if (r >= 0)
                r = renewal_finish(&server->service, server->now);
        if (r >= 0)
                fdstore_settle(server->fdstore);
        return r;
}

/* Connections, and the threads that work for the loop. */
static int make_parts(struct server *server, size_t max_connections) {
        int r;

        server->scratch_reply = malloc(REPLY_MAX + 1);
        if (!server->scratch_reply)
                return -ENOMEM;
        r = connections_new(max_connections, &server->connections);
        if (r >= 0)
                r = quotas_new(&server->quotas);
        if (r >= 0)
                r = feed_new(FEED_EVENTS_MAX, FEED_BYTES_MAX, &server->feed);
        if (r >= 0)
                r = reload_new(server->options->config_file, &server->reload);
        if (r >= 0)
                r = names_new(&server->service.names);
        if (r >= 0)
                r = list_file_new(server->options->runtime_dir, &server->list_file);
        if (r >= 0)
                r = backup_new(server->service.store, server->options->state_dir, &server->backup);
        if (r >= 0)
                r = turn_new(server->service.store, &server->turn);
        return r < 0 ? r : watch_all(server);
}

int server_open(struct server *server) {
        struct budget budget = raise_descriptors();
        int r;

        server->now = clock_now();
        server->service.started_boot = server->now.boot;
        server->config_read_wall = server->now.wall;
        server->service.health.leaders_max = budget.leaders;
        server->service.health.state_dir = server->options->state_dir;
        server->service.health.config_file = server->options->config_file;
        server->sweep_due = server->now.boot;
        r = load_config(server);
        if (r >= 0)
                r = clock_boot_id(&server->service.boot);
        if (r >= 0)
                r = open_store(server);
        if (r >= 0)
                r = server_open_loop(server);
        if (r >= 0)
                r = fdstore_open(&server->fdstore);
        if (r >= 0)
                r = open_listeners(server);
        if (r >= 0)
                r = take_up(server, budget.leaders);
        if (r >= 0)
                r = make_parts(server, budget.connections);
        if (r < 0)
                return r;
        server->passwords_are_cut = true;
        server_find_expiry(server);
        server_find_keys_due(server);
        server_beat(server);
        server_settle_list(server);
        server_release_indices(server);
        return 0;
}
