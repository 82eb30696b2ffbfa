/* server_history: history that is too old or too much goes, once a minute, a bounded batch a turn. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/history.h"
#include "daemon/log.h"

#define HISTORY_INTERVAL (60 * USEC_PER_SEC)

struct drop_change {
        struct change change; /* first: the turn hands this back */
        struct history_rule rule;
};

static int drop_run(struct change *change, struct store_txn *txn) {
        return history_drop(txn, &((struct drop_change *) change)->rule, clock_now().wall);
}

/* What is left goes in the next turn: others have theirs in between. */
static void drop_done(struct change *change, void *userdata) {
        struct server *server = userdata;

        server->is_dropping = false;
        if (change->result < 0)
                log_line(LOG_ERR, "cannot drop old history: %s", strerror(-change->result));
        else if (change->result == HISTORY_HAS_MORE)
                server->history_due = server->now.boot;
        free(change);
}

static bool has_work(struct server *server, const struct history_rule *rule) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = history_is_due(txn, rule, server->now.wall);
        if (r < 0)
                log_line(LOG_ERR, "cannot look through history: %s", strerror(-r));
        return r > 0;
}

void server_tend_history(struct server *server) {
        const struct history_rule rule = { server->config->history_keep, server->config->history_size };
        struct drop_change *drop;

        server->history_due = server->now.boot + HISTORY_INTERVAL;
        if (server->is_dropping || server->is_stopping || !has_work(server, &rule))
                return;
        drop = malloc(sizeof(*drop));
        if (!drop)
                return;
        *drop = (struct drop_change){ .change = { .lane = LANE_INTERNAL, .run = drop_run, .done = drop_done },
                .rule = rule };
        server->is_dropping = true;
        turn_post(server->turn, &drop->change);
}
