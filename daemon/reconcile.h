/* reconcile: at start, what the store says against what is there: sessions of another boot end with
 * `reboot`, those whose leader went meanwhile with `lost`; the leaders of the others are watched again,
 * and an ending that a crash interrupted goes on. In a store that is renewed the others end too, with
 * `account-reset`. */
#pragma once

#include "daemon/leader.h"
#include "daemon/service.h"

/* Before the writer thread is started. 0 or negative errno. Also sets service->last_sid. ret_has_unwatched: a
 * leader could not be watched (no descriptor is left, say); its session goes on. */
int reconcile(struct service *service, struct leaders *leaders, struct moment now, bool *ret_has_unwatched);

#define UNWATCHED_GONE_MAX 64

/* The leaders that could not be watched are tried again, a slice of the sessions at a time. */
struct unwatched {
        bool is_there;   /* there may be some */
        bool has_failed; /* one could not be watched in the walk that goes on */
        struct store_cursor cursor;
        struct leader_id gone[UNWATCHED_GONE_MAX]; /* of this slice: their sessions are to be ended */
        size_t n_gone;
};

/* Loop thread. Nothing if there are none, or if the store has come further than told (turn_taken): a session
 * that has ended unheard would be missing here, and yet be released. 0 or negative errno. */
int reconcile_unwatched(struct service *service, struct leaders *leaders, struct unwatched *unwatched,
        struct moment now, uint64_t told);
