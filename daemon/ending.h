/* ending: the one way in which a session's row leaves the live ones: decides whether its leader may be
 * told to go, keeps the decision, adds the effect. Used by whoever has a reason to end a session. Knows no
 * caller, no socket, no process. */
#pragma once

#include "daemon/effect.h"
#include "daemon/session.h"
#include "daemon/store.h"

/* Whether this leader may be told to go for the sake of `ending` (NULL: whichever it holds): not if it holds
 * a session of another user, a tracked one, or another one that is live: all of them would end with it.
 * `opening` (NULL: none) is a live session that is about to be put. < 0, 0 or 1. */
int ending_may_signal(struct store_txn *txn, const struct leader_id *leader, const struct session *ending,
        const struct session *opening);

/* Ends a live session while its leader may live on (evicted, revoked, expired, …). Fills the session's new
 * state. 0, also when it was on its way already; negative errno. note may be NULL. */
int ending_end(struct store_txn *txn, struct session *session, enum session_end end, enum initiator initiator,
        const char *note, struct effects *effects);

struct eviction {
        const struct session
                *opening;         /* the login that it is for: survives it even if one process leads both */
        enum initiator initiator; /* the policy, or the user who was asked */
        const char *note;
};

/* The same for the victim of a login. */
int ending_evict(struct store_txn *txn, struct session *victim, const struct eviction *eviction,
        struct effects *effects);

/* Notes that a login is over: its row goes. 0 or negative errno. */
int ending_finish(
        struct store_txn *txn, struct session *session, enum session_end end, struct effects *effects);
