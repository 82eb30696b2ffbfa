/* turn: the writer thread. It takes the changes that wait, runs each in a store transaction of its own nested
 * in one turn, with the rows of history that its effects are, commits the turn once, durably, and hands the
 * changes back: one fsync serves every login that waited, and nobody hears of what did not happen. Knows
 * nothing of what a change is about.
 *
 * Threads: turn_post and turn_take_done on the loop thread only. A change belongs to the writer thread
 * between the two. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/effect.h"
#include "daemon/store.h"

/* In the order in which they are taken: what ends by itself first, since it makes room; then logins; then
 * at most PUBLIC_CHANGES_PER_TURN from the public socket, one a uid in rotation. */
enum lane { LANE_INTERNAL = 0, LANE_LOGIN, LANE_PUBLIC, _LANE_MAX };

/* Embedded in what the caller wants done. */
struct change {
        enum lane lane;
        uid_t uid; /* LANE_PUBLIC: whose turn it counts as */
        /* Writer thread. Returns 0 or an outcome: what it put is kept; < 0: it is undone. May be run again
         * when the turn's commit failed for want of space: it must then give the same answer from the same
         * inputs; effects were cleared. */
        int (*run)(struct change *change, struct store_txn *txn);
        /* Loop thread, after the commit: tell, answer, free. */
        void (*done)(struct change *change, void *userdata);
        struct effects effects; /* on failure none, but for EFFECT_END_NOT_KEPT if ends_stand */
        bool ends_stand;        /* what it ends has ended, whether that could be kept or not */
        int result;             /* run's; -ENOSPC, -EIO: of the commit; -ENOMEM: it was not run */
        usec_t turn_took;       /* of its turn, commit included, if it was the first in it; else 0 */
        struct change *next;
};

struct turn;

/* Starts the thread. 0 or negative errno. The store must outlive it. */
int turn_new(struct store *store, struct turn **ret);
/* Runs all that was posted, joins the thread, frees. What is done but not taken is lost: take it after
 * turn_stop and before turn_free. */
void turn_stop(struct turn *turn);
void turn_free(struct turn **turn);

/* Readable (an eventfd) when changes are done. */
int turn_fd(const struct turn *turn);
void turn_post(struct turn *turn, struct change *change);
/* The changes that are done, oldest first, linked by next; NULL if none. */
struct change *turn_take_done(struct turn *turn);
/* The store's last transaction whose changes have been taken, or that was there before the first. A read that
 * sees a later one sees what nobody has been told of yet: it is on its way, and waits for no disk. Loop
 * thread. */
uint64_t turn_taken(const struct turn *turn);

/* The store failed a commit for another reason than space: it takes no more writes, the daemon must end
 * and start afresh. */
bool turn_has_failed(struct turn *turn);
