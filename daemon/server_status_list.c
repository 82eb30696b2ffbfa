/* server_status_list: when the signed status list is written: at once when a byte of the page or the key that
 * signs has changed, or its time is half over; at most once a second. */
#include "daemon/server_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/keys.h"
#include "daemon/log.h"

#define WRITE_INTERVAL USEC_PER_SEC

static bool is_outdated(const struct server *server) {
        const struct status_listed *listed = &server->listed;
        char uri[STATUS_URI_MAX + 1];

        list_token_uri(server->config->issuer, uri);
        return listed->key != keyring_active_sequence(server->service.keyring) ||
               listed->changes != status_changes(server->service.status) || strcmp(listed->uri, uri) != 0 ||
               status_time(server->service.status, server->now.wall) >= listed->renew_wall;
}

static void say(struct server *server, int result) {
        if (result < 0 && result != server->listed.result)
                log_line(LOG_ERR, "cannot write %s/%s/%s: %s; it is tried again",
                        server->options->runtime_dir, SESSJWT_PUBLIC_DIR_NAME, SESSJWT_STATUS_LIST_NAME,
                        strerror(-result));
        server->listed.result = result;
        if (result < 0)
                server->listed.key = 0; /* which none has: again */
}

/* As long as the longest token, so that an old list says nothing of any that still verifies. A key that
 * retires is kept as long. */
static int begin(struct server *server) {
        struct rotation_rule rule = keys_rule(server->config, &server->service.boot, server->now);
        struct status_listed *listed = &server->listed;
        struct list_token_facts facts = {
                .uri = listed->uri,
                .view = status_view(server->service.status),
                .now_wall = status_time(server->service.status, server->now.wall),
                .lifetime = rule.longest_ttl,
        };

        listed->key = keyring_active_sequence(server->service.keyring);
        listed->changes = status_changes(server->service.status);
        listed->renew_wall = facts.now_wall + facts.lifetime / 2;
        list_token_uri(server->config->issuer, listed->uri);
        server->list_not_before = server->now.boot + WRITE_INTERVAL;
        return list_file_start(server->list_file, server->service.keyring, &facts);
}

usec_t server_list_due(const struct server *server) {
        return server->is_listing || !is_outdated(server) ? USEC_NEVER : server->list_not_before;
}

void server_tend_list(struct server *server) {
        int r;

        if (server_list_due(server) > server->now.boot)
                return;
        r = begin(server);
        if (r < 0)
                say(server, r);
        else
                server->is_listing = true;
}

void server_take_list(struct server *server) {
        _cleanup_(cleanup_free) char *list = NULL;
        int r;

        if (!server->is_listing)
                return;
        r = list_file_take(server->list_file, &list);
        server->is_listing = false;
        say(server, r);
        if (r < 0)
                return;
        free(server->service.status_list);
        server->service.status_list = TAKE(list);
}

void server_settle_list(struct server *server) {
        if (!server->list_file)
                return;
        server_take_list(server);
        server->now = clock_now();
        server->list_not_before = 0;
        server_tend_list(server);
        server_take_list(server);
}
