/* caller: which session a process is in. The kernel says who asks; the store, whose sessions these are. */
#pragma once

#include "daemon/peer.h"
#include "daemon/session.h"
#include "daemon/store.h"

enum { CALLER_HAS_NONE = 1 };

/* The live session of the peer's own uid that the peer runs in: by the kernel's audit session id, else by
 * a leader among its ancestors. 0, CALLER_HAS_NONE, or negative errno of the store. */
int caller_find_session(
        struct store_txn *txn, const struct peer *peer, const struct boot_id *boot, struct session *ret);
