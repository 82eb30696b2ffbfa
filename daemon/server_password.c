/* server_password: changes of passwords that a crash, a stop or a failure has cut: gone on with at start, and
 * with the next heartbeat after a failure. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/password.h"

struct resume {
        struct change change; /* first: the turn hands this back */
        struct service *service;
        struct password_work work; /* the one that is gone on with; not begun: the first that is found */
};

/* One that cannot be read is passed over. STORE_END. */
static int find_first(struct store_txn *txn, struct password_change *ret) {
        struct store_cursor cursor = { 0 };
        int r;

        do
                r = store_next_password_change(txn, &cursor, ret);
        while (r == -EBADMSG);
        return r;
}

static int resume_run(struct change *change, struct store_txn *txn) {
        struct resume *resume = (struct resume *) change;
        struct password_change cut;
        int r;

        password_rewind(&resume->work);
        if (!resume->work.now.has_begun) {
                r = find_first(txn, &cut);
                if (r)
                        return r == STORE_END ? 0 : r;
                password_begin(&resume->work, &cut, true);
        }
        r = password_go_on(&resume->work, resume->service->status, txn, &change->effects);
        if (r == 0)
                resume->work.now.has_begun = false; /* there may be others */
        return r < 0 ? r : PASSWORD_HAS_MORE;
}

static void resume_done(struct change *change, void *userdata) {
        struct resume *resume = (struct resume *) change;
        struct server *server = userdata;

        server_tell_own(server, &change->effects);
        password_settle(&resume->work, server->service.status, change->result);
        if (change->result == PASSWORD_HAS_MORE && !server->is_stopping) {
                HOOK("between-turns");
                effects_clear(&change->effects);
                turn_post(server->turn, change);
                return;
        }
        if (change->result < 0) {
                log_line(LOG_ERR, "cannot go on with what a changed password ends: %s; it is tried again",
                        strerror(-change->result));
                server->passwords_are_cut = true;
        }
        server->is_resuming_passwords = false;
        effects_free(&change->effects);
        free(resume);
}

/* < 0, 0 or 1. */
static int has_cut(struct server *server) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct password_change cut;
        int r;

        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = find_first(txn, &cut);
        if (r < 0)
                log_line(LOG_ERR, "cannot look for changes of passwords: %s", strerror(-r));
        return r < 0 ? r : r == 0;
}

void server_resume_passwords(struct server *server) {
        struct resume *resume;
        int r;

        if (!server->passwords_are_cut || server->is_resuming_passwords || server->is_stopping)
                return;
        r = has_cut(server);
        if (r <= 0) {
                server->passwords_are_cut =
                        r < 0; /* what cannot be looked for now is with the next heartbeat */
                return;
        }
        resume = calloc(1, sizeof(*resume));
        if (!resume)
                return;
        log_line(LOG_NOTICE, "going on with what a changed password ends");
        resume->change = (struct change){
                .lane = LANE_INTERNAL, .ends_stand = true, .run = resume_run, .done = resume_done
        };
        resume->service = &server->service;
        server->passwords_are_cut = false;
        server->is_resuming_passwords = true;
        turn_post(server->turn, &resume->change);
}
