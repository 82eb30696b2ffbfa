/* login_private: what the parts of login share: login.c (which request it is, close), login_account.c (what
 * is found of a user's other logins, account), login_open.c. */
#pragma once

#include "daemon/login.h"

/* text may be NULL. */
void login_reply(struct login *login, enum frame_outcome outcome, const char *text);

/* The policy that applies to this login, and what of it decides. Borrowed from the login. */
struct policy_facts login_policy_facts(const struct login *login);
const struct policy *login_policy(const struct login *login);

/* The user's live sessions that count, oldest first; malloced. 0; -E2BIG: more than can be judged; negative
 * errno. */
int login_find_rows(struct store_txn *txn, const struct login *login, struct policy_row **ret, size_t *ret_n);

/* What a refused user reads: when and from where the others logged in. */
void login_write_denial(struct store_txn *txn, const struct policy *policy, const struct policy_row *rows,
        size_t n_rows, char ret[static MESSAGE_TEXT_MAX + 1]);

/* The open of a login that still counts. 0 or negative errno. */
int login_open(struct login *login, struct store_txn *txn, struct moment now);
