/* history: which events are kept, and for how long. DESIGN section 8. Knows no thread and no caller. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/clock.h"
#include "daemon/effect.h"
#include "daemon/store.h"

#define HISTORY_DROPS_PER_TURN 256

/* Keeps what of these is history, in the transaction of the change that they come from: what is acknowledged
 * is in history. In a store that is full but for the tenth that is kept for ends nothing is kept: an end goes
 * before its row. 0 or negative errno. */
int history_keep(struct store_txn *txn, const struct effects *effects);

struct history_rule {
        usec_t keep;   /* 0: for ever */
        uint64_t size; /* rows; 0: any number */
};

/* < 0, 0 or 1: whether history_drop has work. */
int history_is_due(struct store_txn *txn, const struct history_rule *rule, usec_t wall);
/* Drops the oldest rows that are too old or too many, and those of a store that is full, at most
 * HISTORY_DROPS_PER_TURN. 0: all that had to go has gone; HISTORY_HAS_MORE; negative errno. */
enum { HISTORY_HAS_MORE = 1 };
int history_drop(struct store_txn *txn, const struct history_rule *rule, usec_t wall);
