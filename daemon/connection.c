/* connection: see connection.h. */
#include "daemon/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

struct connections {
        struct connection *slots[CONNECTIONS_MAX];
        uint32_t generations[CONNECTIONS_MAX];
        /* Of those in use, packed beside the pointers: counting is one pass over 16 KiB. */
        uid_t uids[CONNECTIONS_MAX];
        size_t max;
        size_t n_used; /* slots from here on were never used */
        uint32_t free_slots[CONNECTIONS_MAX];
        size_t n_free;
        size_t n_subscriptions;
        struct ready_list ready, later;
};

#define NO_UID ((uid_t) -1)

int connections_new(size_t max, struct connections **ret) {
        struct connections *connections = calloc(1, sizeof(*connections));

        if (!connections)
                return -ENOMEM;
        connections->max = max < CONNECTIONS_MAX ? max : CONNECTIONS_MAX;
        *ret = connections;
        return 0;
}

void connections_free(struct connections **connections) {
        if (!*connections)
                return;
        for (size_t i = 0; i < (*connections)->n_used; i++)
                if ((*connections)->slots[i])
                        connections_remove(*connections, (*connections)->slots[i]);
        free(*connections);
        *connections = NULL;
}

static size_t count_uid(const struct connections *connections, uid_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < connections->n_used; i++)
                n += connections->uids[i] == uid;
        return n;
}

/* A small table keeps a quarter for him. */
static size_t for_root(const struct connections *connections) {
        return connections->max / 4 < CONNECTIONS_FOR_ROOT ? connections->max / 4 : CONNECTIONS_FOR_ROOT;
}

int connections_add(
        struct connections *connections, int *fd, const struct peer *peer, struct connection **ret) {
        struct connection *connection;
        uint32_t slot;

        if (peer->uid != 0 && count_uid(connections, peer->uid) >= CONNECTIONS_PER_UID_MAX)
                return CONNECTIONS_FULL_FOR_UID;
        if (connections_count(connections) >= connections->max - (peer->uid != 0 ? for_root(connections) : 0))
                return CONNECTIONS_FULL;
        connection = calloc(1, sizeof(*connection));
        if (!connection)
                return -ENOMEM;
        slot = connections->n_free > 0 ? connections->free_slots[--connections->n_free]
                                       : (uint32_t) connections->n_used++;
        connection->ready.uid = peer->uid;
        connection->fd = TAKE_FD(*fd);
        connection->slot = slot;
        connection->generation = ++connections->generations[slot] & CONNECTION_GENERATION_MASK;
        connection->peer = *peer;
        connection->last_active = peer->connected_boot;
        connections->slots[slot] = connection;
        connections->uids[slot] = peer->uid;
        *ret = connection;
        return 0;
}

void connections_remove(struct connections *connections, struct connection *connection) {
        ready_remove(&connections->ready, &connection->ready);
        ready_remove(&connections->later, &connection->ready);
        connections->slots[connection->slot] = NULL;
        connections->uids[connection->slot] = NO_UID;
        connections->free_slots[connections->n_free++] = connection->slot;
        connections_unsubscribe(connections, connection);
        close(connection->fd);
        request_free(&connection->list);
        stream_free(&connection->stream);
        free(connection);
}

struct connection *connections_find(struct connections *connections, uint32_t slot, uint32_t generation) {
        struct connection *connection = slot < connections->n_used ? connections->slots[slot] : NULL;

        return connection && connection->generation == generation ? connection : NULL;
}

static size_t bytes_held(const struct connection *connection) {
        const struct request *list = connection->list;

        return connection->stream.in.size + connection->stream.out.end +
               (list ? list->reply.length + list->list.held_size : 0);
}

int connections_may_hold(const struct connections *connections, uid_t uid, size_t size) {
        size_t all = size, of_uid = size;

        if (uid == 0)
                return 0;
        for (size_t i = 0; i < connections->n_used; i++) {
                const struct connection *connection = connections->slots[i];

                if (!connection || connection->peer.uid == 0)
                        continue;
                all += bytes_held(connection);
                of_uid += connection->peer.uid == uid ? bytes_held(connection) : 0;
        }
        if (of_uid > HELD_PER_UID_MAX)
                return CONNECTIONS_FULL_FOR_UID;
        return all > HELD_MAX ? CONNECTIONS_FULL : 0;
}

static size_t count_subscriptions(const struct connections *connections, uid_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < connections->n_used; i++)
                n += connections->uids[i] == uid && connections->slots[i] &&
                     connections->slots[i]->subscription;
        return n;
}

int connections_subscribe(struct connections *connections, struct connection *connection,
        const struct feed_filter *filter, uint64_t position) {
        uid_t uid = connection->peer.uid;

        if (uid != 0 && count_subscriptions(connections, uid) >= SUBSCRIPTIONS_PER_UID_MAX)
                return CONNECTIONS_FULL_FOR_UID;
        if (connections->n_subscriptions >= SUBSCRIPTIONS_MAX)
                return CONNECTIONS_FULL;
        connection->subscription = malloc(sizeof(*connection->subscription));
        if (!connection->subscription)
                return -ENOMEM;
        *connection->subscription = (struct subscription){ .filter = *filter, .position = position };
        connections->n_subscriptions++;
        return 0;
}

void connections_unsubscribe(struct connections *connections, struct connection *connection) {
        if (!connection->subscription)
                return;
        free(TAKE(connection->subscription));
        connections->n_subscriptions--;
}

struct connection *connections_next_subscribed(struct connections *connections, uint32_t *slot) {
        while (connections->n_subscriptions > 0 && *slot < connections->n_used) {
                struct connection *connection = connections->slots[(*slot)++];

                if (connection && connection->subscription)
                        return connection;
        }
        return NULL;
}

struct connection *connections_next_idle(struct connections *connections, usec_t before, uint32_t *slot) {
        while (*slot < connections->n_used) {
                struct connection *connection = connections->slots[(*slot)++];

                if (connection && connection->last_active < before && !connection->change_in_flight &&
                        !connection->subscription)
                        return connection;
        }
        return NULL;
}

void connections_push_ready(struct connections *connections, struct connection *connection) {
        ready_push(&connections->ready, &connection->ready);
}

void connections_push_later(struct connections *connections, struct connection *connection) {
        ready_push(&connections->later, &connection->ready);
}

struct connection *connections_pop_ready(struct connections *connections) {
        return (struct connection *) ready_pop(&connections->ready);
}

void connections_end_round(struct connections *connections) {
        struct ready *ready;

        while ((ready = ready_pop(&connections->later)))
                ready_push(&connections->ready, ready);
}

size_t connections_count(const struct connections *connections) {
        return connections->n_used - connections->n_free;
}

bool connections_have_ready(const struct connections *connections) {
        return connections->ready.first != NULL;
}
