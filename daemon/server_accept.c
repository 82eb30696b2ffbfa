/* server_accept: who comes in on the public socket, how long he stays, and how much may be held for him. */
#include "daemon/server_private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/api.h"

#define IDLE_TIME (IDLE_CONNECTION_SEC * USEC_PER_SEC)

static void refuse_connection(struct server *server, int fd, int outcome) {
        struct request *q = &server->scratch;
        size_t size;

        q->reply_bytes = server->scratch_reply;
        q->reply_size = REPLY_MAX;
        if (outcome != CONNECTIONS_FULL && outcome != CONNECTIONS_FULL_FOR_UID)
                return;
        outcome = outcome == CONNECTIONS_FULL ? API_CONNECTIONS_TAKEN : API_TOO_MANY_CONNECTIONS;
        if (api_finish_reply(q, outcome, &size) < 0)
                return;
        q->reply_bytes[size] = '\0';
        (void) send(fd, q->reply_bytes, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void server_accept_public(struct server *server) {
        for (int i = 0; i < 64; i++) {
                _cleanup_(cleanup_close) int fd =
                        accept4(server->listeners.public, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                struct connection *connection;
                struct peer peer;
                int r;

                if (fd < 0) {
                        server_pause_listener(server, server->listeners.public, WATCH_PUBLIC_LISTENER, errno);
                        return;
                }
                if (peer_read(fd, server->config->admin_gid, server->now.boot, &peer) < 0)
                        continue;
                r = connections_add(server->connections, &fd, &peer, &connection);
                if (r) {
                        refuse_connection(server, fd, r);
                        continue;
                }
                connection->interest = EPOLLIN;
                r = server_watch(server, connection->fd, EPOLLIN, WATCH_PUBLIC,
                        ((uint64_t) connection->generation << 32) | connection->slot);
                if (r < 0)
                        connections_remove(server->connections, connection);
        }
}

void server_drop_idle(struct server *server) {
        struct connection *connection;
        uint32_t slot = 0;

        if (server->now.boot < IDLE_TIME)
                return;
        while ((connection = connections_next_idle(server->connections, server->now.boot - IDLE_TIME, &slot)))
                connections_remove(server->connections, connection);
}

int server_may_hold(const struct server *server, const struct connection *connection, size_t size) {
        switch (connections_may_hold(server->connections, connection->peer.uid, size)) {
        case CONNECTIONS_FULL:
                return API_ALL_HELD;
        case CONNECTIONS_FULL_FOR_UID:
                return API_TOO_MUCH_HELD;
        }
        return 0;
}
