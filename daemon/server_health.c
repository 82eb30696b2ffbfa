/* server_health: how the daemon is, noted where everybody may ask for it, and told to systemd. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "client/cleanup.h"
#include "daemon/log.h"

#define STATUS_INTERVAL (2 * USEC_PER_SEC)

void server_note_config(struct server *server) {
        struct health *health = &server->service.health;

        health->n_unresolved_groups = server->config->n_unresolved_groups;
        health->config_read_wall = server->config_read_wall;
        health->config_error[0] = '\0';
}

/* Only when something was committed: it is the same transaction else. */
static void count_store(struct server *server, uint64_t last_transaction) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        if (last_transaction == server->counted_transaction)
                return;
        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = store_count_sessions(txn, &server->n_sessions);
        if (r == 0)
                r = store_usage(txn, &server->service.health.store_permille);
        if (r < 0)
                log_line(LOG_ERR, "cannot count what is in the store: %s", strerror(-r));
        else
                server->counted_transaction = last_transaction;
}

static void tell_systemd(struct server *server) {
        char text[STATUS_TEXT_MAX + 1];

        if (server->now.boot < server->status_not_before || server->is_stopping)
                return;
        health_write_status(&server->service.health, server->n_sessions,
                connections_count(server->connections), text, sizeof(text));
        if (strcmp(text, server->status_text) == 0)
                return;
        snprintf(server->status_text, sizeof(server->status_text), "%s", text);
        server->status_not_before = server->now.boot + STATUS_INTERVAL;
        sd_notifyf(0, "STATUS=%s", text);
}

void server_note_health(struct server *server, uint64_t last_transaction) {
        struct health *health = &server->service.health;

        health->n_unkept = server->unkept.n;
        health->keys_are_unpublished = server->keys_unapplied;
        health->list_error = server->listed.result;
        health->leaders = leaders_count(server->leaders);
        count_store(server, last_transaction);
        tell_systemd(server);
}
