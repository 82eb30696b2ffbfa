/* ending: the one way in which a session's row leaves the live ones: decides whether its leader may be
 * told to go, keeps the decision, adds the effect. Used by whoever has a reason to end a session. Knows no
 * caller, no socket, no process. */
#pragma once

#include "daemon/effect.h"
#include "daemon/session.h"
#include "daemon/store.h"

/* Whether all sessions of this leader are of one user and none is tracked: only then may it be signalled.
 * `pending` (NULL: none) is a session of it that is not in the store yet. < 0, 0 or 1. */
int ending_may_signal(struct store_txn *txn, const struct leader_id *leader, const struct session *pending);

/* Ends a live session while its leader may live on (evicted, revoked, expired, …). Fills the session's new
 * state. 0, also when it was on its way already; negative errno. note may be NULL. */
int ending_end(struct store_txn *txn, struct session *session, enum session_end end, enum initiator initiator,
        const char *note, struct effects *effects);

/* Notes that a login is over: its row goes. 0 or negative errno. */
int ending_finish(
        struct store_txn *txn, struct session *session, enum session_end end, struct effects *effects);
