/* connection: the table of public connections: who is at each, its bytes in and out, and how far its
 * present call has got. Replies find it by (slot, generation), since it may be gone. Loop thread only;
 * knows no method. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/peer.h"
#include "daemon/ready.h"
#include "daemon/request.h"
#include "daemon/stream.h"

/* What of a generation travels with an event of epoll, beside the slot. */
#define CONNECTION_GENERATION_MASK 0xffffffu

/* A call that is answered for each event, until its peer leaves or has not read for too long. */
struct subscription {
        struct feed_filter filter;
        uint64_t position; /* in the feed */
};

struct connection {
        struct ready ready; /* first: what the lists of those with work left hand back */
        int fd;
        uint32_t slot;
        uint32_t generation;
        struct peer peer;
        struct stream stream;
        struct request *list;              /* a list that goes on; owned */
        struct subscription *subscription; /* owned */
        bool is_put_off;                   /* its next call was begun in a round before */
        bool change_in_flight;             /* one a connection: replies come in the order of calls */
        bool has_closed;                   /* the peer sends no more; what it asked is still answered */
        bool has_hung_up;                  /* the peer is gone; what it asked is still done */
        uint32_t interest;                 /* what epoll watches */
        usec_t last_active;                /* boot clock */
};

struct connections;

/* At most max of them, and no more than CONNECTIONS_MAX. */
int connections_new(size_t max, struct connections **ret);
/* Closes all. */
void connections_free(struct connections **connections);

enum { CONNECTIONS_FULL = 1, CONNECTIONS_FULL_FOR_UID = 2 };

/* Takes *fd (which becomes -1) on success. 0, an outcome, or -ENOMEM. root has no bound of his own, and the
 * last CONNECTIONS_FOR_ROOT for himself. */
int connections_add(
        struct connections *connections, int *fd, const struct peer *peer, struct connection **ret);
/* Closes and frees; the pointer is gone. */
void connections_remove(struct connections *connections, struct connection *connection);
/* NULL when it is gone. */
struct connection *connections_find(struct connections *connections, uint32_t slot, uint32_t generation);

/* Begins one at this place of the feed. 0; CONNECTIONS_FULL, CONNECTIONS_FULL_FOR_UID: there are too many; or
 * -ENOMEM. root has no bound of his own. */
int connections_subscribe(struct connections *connections, struct connection *connection,
        const struct feed_filter *filter, uint64_t position);
/* Ends it; one that has none is left alone. */
void connections_unsubscribe(struct connections *connections, struct connection *connection);
/* Whether so many bytes more may be held for this uid's connections: 0; CONNECTIONS_FULL,
 * CONNECTIONS_FULL_FOR_UID: HELD_MAX, HELD_PER_UID_MAX. root has no bound. */
int connections_may_hold(const struct connections *connections, uid_t uid, size_t size);

/* Each that has one; NULL at the end. Start with *slot = 0. */
struct connection *connections_next_subscribed(struct connections *connections, uint32_t *slot);

/* Each without a subscription that has said nothing since before; NULL at the end. Start with *slot = 0. */
struct connection *connections_next_idle(struct connections *connections, usec_t before, uint32_t *slot);

/* Those with work left, in rotation by uid: who has many connections waits behind himself alone. */
void connections_push_ready(struct connections *connections, struct connection *connection);
/* One that can go on in the next round only; then it is before those that have had their turn. */
void connections_push_later(struct connections *connections, struct connection *connection);
struct connection *connections_pop_ready(struct connections *connections);
/* A round is over: what was pushed for later is ready. */
void connections_end_round(struct connections *connections);
size_t connections_count(const struct connections *connections);
bool connections_have_ready(const struct connections *connections);
