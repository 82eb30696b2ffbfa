/* expiry: sessions whose time is over. Finds when the next one is due, and the change that ends those that
 * are. */
#pragma once

#include "daemon/store.h"
#include "daemon/turn.h"

/* When the earliest deadline is (boot clock); USEC_NEVER: there is none. 0 or negative errno. */
int expiry_due(struct store *store, usec_t *ret);

/* The change that ends what is due, at most EXPIRED_PER_TURN; its effects say which. */
#define EXPIRED_PER_TURN 64
int expiry_run(struct change *change, struct store_txn *txn);
