/* server_status: what the loop owes the status page: the bytes after each commit, a sign of life every
 * second, another try for ends that the store had no room for, and the indices that nothing valid is signed
 * with any more. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/log.h"
#include "daemon/publish.h"
#include "daemon/tell.h"

#define HEARTBEAT_INTERVAL USEC_PER_SEC
#define UNKEPT_MAX         4096
#define INDICES_PER_TURN   1024

/* ---- at start ---- */

int server_open_status(struct server *server) {
        _cleanup_(cleanup_close) int dir = publish_open(server->options->runtime_dir);
        uint8_t id[16];
        int r = dir;

        store_id(server->service.store, id);
        if (r >= 0)
                r = status_open(dir, id, &server->service.status);
        if (r < 0)
                log_line(LOG_ERR, "cannot open %s/%s/%s: %s", server->options->runtime_dir,
                        SESSJWT_PUBLIC_DIR_NAME, SESSJWT_STATUS_NAME, strerror(-r));
        return r;
}

/* ---- after a commit ---- */

/* Their bytes say so already; the store is told again and again. */
static void remember_unkept(struct server *server, const struct effect *end) {
        if (server->unkept.n == UNKEPT_MAX ||
                effects_add(&server->unkept, end->kind, end->initiator, &end->session, end->note) < 0) {
                log_line(LOG_CRIT, "too many ends wait for room in the store: a restart forgets one of %s",
                        end->session.user);
                return;
        }
        server->unkept.items[server->unkept.n - 1].is_over = end->is_over;
}

void server_tell_status(struct server *server, const struct effects *effects) {
        tell_status(effects, server->service.status);
        server_tell_bearer_files(server, effects);
        statistics_note_effects(&server->service.statistics, effects);
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_END_NOT_KEPT)
                        remember_unkept(server, &effects->items[i]);
}

/* ---- ends that were not kept ---- */

struct retry {
        struct change change; /* first: the turn hands this back */
        struct effects ends;
};

static int retry_end(struct store_txn *txn, const struct effect *end, struct effects *effects) {
        struct session session;
        int r;

        r = store_find_session(txn, &end->session.sid, &session);
        if (r)
                return r < 0 ? r : 0; /* somebody else has ended it */
        if (end->is_over)
                return ending_finish(txn, &session, end->session.end, effects);
        return ending_end(
                txn, &session, end->session.end, end->initiator, *end->note ? end->note : NULL, effects);
}

static int retry_run(struct change *change, struct store_txn *txn) {
        const struct retry *retry = (struct retry *) change;

        for (size_t i = 0; i < retry->ends.n; i++) {
                int r = retry_end(txn, &retry->ends.items[i], &change->effects);

                if (r < 0)
                        return r;
        }
        return 0;
}

static void retry_done(struct change *change, void *userdata) {
        struct retry *retry = (struct retry *) change;
        struct server *server = userdata;
        int no_pidfd = -1;

        server->is_retrying = false;
        tell_status(&change->effects, server->service.status);
        server_tell_bearer_files(server, &change->effects);
        if (change->result < 0) {
                for (size_t i = 0; i < retry->ends.n; i++)
                        remember_unkept(server, &retry->ends.items[i]);
        } else {
                server_tell_events(server, &change->effects);
                tell_leaders(&change->effects, server->leaders, &no_pidfd);
                tell_logins(&change->effects, server->leaders, server->now.boot);
        }
        effects_free(&retry->ends);
        effects_free(&change->effects);
        free(retry);
}

static void retry_ends(struct server *server) {
        struct retry *retry;

        if (server->unkept.n == 0 || server->is_retrying)
                return;
        retry = calloc(1, sizeof(*retry));
        if (!retry)
                return; /* with the next heartbeat */
        retry->change = (struct change){ .lane = LANE_INTERNAL, .run = retry_run, .done = retry_done };
        retry->ends = server->unkept;
        server->unkept = (struct effects){ 0 };
        server->is_retrying = true;
        turn_post(server->turn, &retry->change);
}

/* ---- after each turn, and every second ---- */

uint64_t server_note_transaction(struct server *server) {
        uint64_t last_transaction = 0;
        int r;

        r = store_last_transaction(server->service.store, &last_transaction);
        if (r < 0)
                log_line(LOG_ERR, "cannot read the store's last transaction: %s", strerror(-r));
        else
                status_note_transaction(server->service.status, last_transaction);
        return last_transaction;
}

void server_beat(struct server *server) {
        server->heartbeat_due = server->now.boot + HEARTBEAT_INTERVAL;
        status_beat(server->service.status, server->now.wall);
        server_watch_bearer_clock(server);
        server_note_health(server, server_note_transaction(server));
        server_tell_leaders_again(server);
        if (server->turn) {
                retry_ends(server);
                server_resume_passwords(server);
                server_watch_leaders_again(server);
        }
}

/* ---- indices that may be used again ---- */

struct release {
        struct change change; /* first: the turn hands this back */
        uint64_t below;
        size_t n;
        uint64_t indices[INDICES_PER_TURN];
};

static int release_run(struct change *change, struct store_txn *txn) {
        struct release *release = (struct release *) change;

        return store_take_retired(txn, release->below, release->indices, INDICES_PER_TURN, &release->n);
}

static void release_done(struct change *change, void *userdata) {
        struct release *release = (struct release *) change;
        struct server *server = userdata;

        if (change->result == 0 && release->n == INDICES_PER_TURN && !server->is_stopping) {
                for (size_t i = 0; i < release->n; i++)
                        status_give_back(server->service.status, release->indices[i]);
                turn_post(server->turn, change); /* there are more */
                return;
        }
        if (change->result == 0) {
                for (size_t i = 0; i < release->n; i++)
                        status_give_back(server->service.status, release->indices[i]);
                server->released_below = release->below;
        } else
                log_line(LOG_ERR, "cannot release status indices: %s; they rest on",
                        strerror(-change->result));
        server->is_releasing = false;
        free(release);
}

static bool has_indices_to_release(struct server *server, uint64_t below) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = store_has_retired(txn, below);
        if (r < 0)
                log_line(LOG_ERR, "cannot look for status indices to release: %s", strerror(-r));
        return r == 1;
}

/* The keys that are gone are published no more. Verifiers forget what they have seen of them before an index
 * can be another session's. */
void server_release_indices(struct server *server) {
        uint64_t oldest = keyring_oldest_sequence(server->service.keyring);
        struct release *release;

        if (oldest <= server->released_below || server->is_releasing || server->is_stopping)
                return;
        if (!has_indices_to_release(server, oldest)) {
                server->released_below = oldest;
                return;
        }
        release = calloc(1, sizeof(*release));
        if (!release)
                return;
        release->change = (struct change){ .lane = LANE_INTERNAL, .run = release_run, .done = release_done };
        release->below = oldest;
        server->is_releasing = true;
        status_raise_generation(server->service.status);
        turn_post(server->turn, &release->change);
}
