/* reset: the moment before which no token of a user counts any more (DESIGN section 9). What ends with it
 * ends by daemon/ending; what is kept is renewed here, so that no token of before verifies, in any process.
 * Knows no caller, no socket, no page: whoever keeps a session brings the status index for it. */
#pragma once

#include "daemon/account.h"
#include "daemon/effect.h"
#include "daemon/store.h"

struct reset {
        usec_t at; /* wall, by the time of tokens */
        enum initiator initiator;
        const char *note; /* for people: why */
};

/* Notes the moment in the user's account and adds the effect. uid may be ACCOUNT_UID_UNKNOWN. 0 or negative
 * errno. */
int reset_user(struct store_txn *txn, const char *realm, const char *user, uint32_t uid,
        const struct reset *reset, struct effects *effects);

/* Keeps a live session, with another status index and without its refresh chain: its tokens, of both kinds,
 * are refused from then on, and it can be minted and issued new ones. Fills the session. 0 or negative
 * errno. */
int reset_renew(struct store_txn *txn, struct session *session, uint64_t status_index,
        const struct reset *reset, struct effects *effects);
