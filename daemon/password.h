/* password: what a changed password does to its user's sessions (DESIGN section 9), a slice a turn, so that
 * nobody else waits for the last of them. From the turn that leaves some to others, the store knows of it:
 * what a crash or a stop cuts is gone on with at the next start. Knows no frame and no socket. */
#pragma once

#include "daemon/account.h"
#include "daemon/effect.h"
#include "daemon/status.h"
#include "daemon/store.h"

#define PASSWORD_ROWS_PER_TURN 256
#define PASSWORD_NOTE          "the password was changed"

struct password_progress {
        bool has_begun;
        bool is_in_store;
        struct password_change change;
        struct store_cursor cursor;
};

/* Zeroed: nothing has begun. Indices are picked once, however often a turn is run. */
struct password_work {
        struct password_progress now;  /* of this turn */
        struct password_progress kept; /* of those before */
        uint64_t indices[PASSWORD_ROWS_PER_TURN];
        size_t n_picked, n_used;
};

enum password_outcome {
        PASSWORD_HAS_MORE = 1, /* than one turn may do */
};

/* Writer thread, first in each run: what an undone run did is forgotten. */
void password_rewind(struct password_work *work);
/* Begins, or goes on with one that is in the store already. */
void password_begin(struct password_work *work, const struct password_change *change, bool is_in_store);
/* A slice. A session that is kept and finds no place on the page ends: the tokens of before count no more.
 * 0: that was the last one; PASSWORD_HAS_MORE; negative errno. */
int password_go_on(
        struct password_work *work, struct status *status, struct store_txn *txn, struct effects *effects);
/* Loop thread, behind each run, with its result: gives back what was picked and not used. */
void password_settle(struct password_work *work, struct status *status, int result);

enum initiator password_initiator(const struct password_change *change);
