/* expiry: sessions whose time is over, or that nobody has used for too long. Finds when the next one is due,
 * and the change that ends those that are. An idle one is looked at when it may be over and not before, so
 * once an idle_ttl if it is used. */
#pragma once

#include "daemon/store.h"
#include "daemon/turn.h"

/* When the first session is due (boot clock); USEC_NEVER: there is none. 0 or negative errno. */
int expiry_due(struct store *store, usec_t *ret);

/* The change that ends what is due, at most EXPIRED_PER_TURN; its effects say which. */
#define EXPIRED_PER_TURN 64
/* Looks at terminals among them: each costs some 10 us a process, up to 10 ms for a user with a thousand. */
#define LOOKS_PER_TURN 8
int expiry_run(struct change *change, struct store_txn *txn);
