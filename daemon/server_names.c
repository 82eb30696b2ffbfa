/* server_names: requests that wait for what NSS says of their user, and what follows when he is gone. */
#include "daemon/server_private.h"

#include <stdio.h>

#include "client/cleanup.h"
#include "daemon/api.h"
#include "daemon/ending.h"

static int end_gone_run(struct change *change, struct store_txn *txn) {
        struct request *q = (struct request *) change;
        struct session session;
        int r;

        r = store_find_session(txn, &q->gone, &session);
        if (r == 0)
                r = ending_end(txn, &session, END_USER_GONE, BY_SYSTEM, NULL, &change->effects);
        if (r < 0)
                return r;
        sid_write(&q->gone, q->detail);
        snprintf(q->detail_more, sizeof(q->detail_more), "%s", session_end_name(END_USER_GONE));
        return API_SESSION_ENDED; /* as it is now, whoever ended it */
}

static void end_gone(struct server *server, struct request *q) {
        effects_clear(&q->change.effects); /* of a change before this one: they are told */
        q->change.lane = LANE_INTERNAL;
        q->change.ends_stand = true;
        q->change.run = end_gone_run;
        q->change.done = server_change_done;
        turn_post(server->turn, &q->change);
}

static void wait_on(struct server *server, struct request *q) {
        q->change.next = (struct change *) server->names_waits;
        server->names_waits = q;
}

void server_suspend(struct server *server, struct request *q, int result, int (*handler)(struct request *)) {
        if (result == API_USER_GONE) {
                end_gone(server, q);
                return;
        }
        q->when_known = handler;
        q->waits_until = server->now.awake + NAMES_TIMEOUT;
        wait_on(server, q);
}

/* Calls the handler again. What names still cannot say when its time is over it cannot say at all. */
static void go_on(struct server *server, struct request *q) {
        int r;

        q->now = server->now;
        request_begin_reply(q);
        r = server_read(server, q, q->when_known);
        if (r == API_AGAIN || (r == API_NAMES_ASKED && q->now.awake < q->waits_until)) {
                wait_on(server, q);
        } else if (r == API_USER_GONE) {
                end_gone(server, q);
        } else if (r == 0 && q->when_known == q->method->prepare) {
                server_post_change(server, q);
        } else {
                server_answer(server, q, r == API_NAMES_ASKED ? API_NAMES_UNAVAILABLE : r);
                request_free(&q);
        }
}

void server_go_on_with_names(struct server *server) {
        struct request *waits = TAKE(server->names_waits), *next;

        names_take(server->service.names, server->now.boot);
        for (struct request *q = waits; q; q = next) {
                next = (struct request *) q->change.next;
                go_on(server, q);
        }
}

/* As a time on the boot clock, like everything that is due. */
usec_t server_names_due(const struct server *server) {
        usec_t first = USEC_NEVER;

        for (const struct request *q = server->names_waits; q; q = (const struct request *) q->change.next)
                if (q->waits_until < first)
                        first = q->waits_until;
        if (first == USEC_NEVER)
                return USEC_NEVER;
        return server->now.boot + (first > server->now.awake ? first - server->now.awake : 0);
}

void server_cancel_names(struct server *server) {
        struct request *waits = TAKE(server->names_waits), *next;

        for (struct request *q = waits; q; q = next) {
                next = (struct request *) q->change.next;
                server_answer(server, q, API_NAMES_UNAVAILABLE);
                request_free(&q);
        }
}
