/* server_keys: the signing keys as time goes by, and what is done on the loop thread when a change of them is
 * durable: published before it is answered, answered before it is anything else. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/hook.h"
#include "daemon/keys.h"
#include "daemon/log.h"
#include "daemon/tell.h"

#define APPLY_AGAIN_TIME (1 * USEC_PER_SEC)

/* ---- after a commit ---- */

/* Verifiers of this host must not go on with keys that they have in memory. */
static void raise_generation(struct server *server) {
        status_raise_generation(server->service.status);
        server_renew_bearer_files(server);
}

static int apply(struct server *server) {
        int r = keys_apply(&server->service, server->options->runtime_dir, server->keys_revoked);

        if (server->keys_revoked && r != -ENOMEM)
                raise_generation(server);
        if (r < 0) {
                log_line(LOG_ERR, "cannot publish keys in %s/%s: %s; it is tried again",
                        server->options->runtime_dir, SESSJWT_PUBLIC_DIR_NAME, strerror(-r));
                server->keys_unapplied = true;
                server->keys_due = server->now.boot + APPLY_AGAIN_TIME;
                return r;
        }
        server->keys_unapplied = server->keys_revoked = false;
        server_find_keys_due(server);
        return 0;
}

int server_keys_done(struct server *server, const struct effects *effects) {
        if (!keys_have_changed(effects))
                return 0;
        server->keys_revoked |= keys_were_revoked(effects);
        return apply(server);
}

/* ---- what is due by itself ---- */

struct tend_change {
        struct change change; /* first: the turn hands this back */
        const struct wrapping_key *wrapping;
        struct rotation_rule rule;
};

void server_find_keys_due(struct server *server) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct rotation_rule rule = keys_rule(server->config, &server->service.boot, clock_now());
        struct rotation rotation;
        int r;

        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = keys_read(txn, &rotation);
        if (r < 0)
                log_line(LOG_ERR, "cannot read the signing keys: %s", strerror(-r));
        server->keys_due = r < 0 ? rule.now.boot + APPLY_AGAIN_TIME : rotation_due(&rotation, &rule);
}

static int tend_run(struct change *change, struct store_txn *txn) {
        struct tend_change *tend = (struct tend_change *) change;

        return keys_tend(txn, tend->wrapping, &tend->rule, &change->effects);
}

static void tend_done(struct change *change, void *userdata) {
        struct server *server = userdata;

        server->keys_tending = false;
        if (change->result < 0) {
                log_line(LOG_ERR, "the signing keys could not be tended: %s", strerror(-change->result));
                server->keys_due = server->now.boot + APPLY_AGAIN_TIME;
        } else if (server_keys_done(server, &change->effects) == 0 && !server->keys_unapplied)
                server_find_keys_due(server);
        server_tell_events(server, &change->effects);
        effects_free(&change->effects);
        free(change);
}

void server_tend_keys(struct server *server) {
        struct tend_change *tend;

        server->keys_due = USEC_NEVER; /* found anew when this one is done */
        if (server->keys_unapplied) {
                (void) apply(server);
                return;
        }
        if (server->keys_tending)
                return;
        tend = calloc(1, sizeof(*tend));
        if (!tend) {
                server->keys_due = server->now.boot + APPLY_AGAIN_TIME;
                return;
        }
        tend->change = (struct change){ .lane = LANE_INTERNAL, .run = tend_run, .done = tend_done };
        tend->wrapping = server->service.wrapping;
        tend->rule = keys_rule(server->config, &server->service.boot, server->now);
        server->keys_tending = true;
        turn_post(server->turn, &tend->change);
}
