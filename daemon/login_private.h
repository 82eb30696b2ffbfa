/* login_private: what the parts of login share: login.c (which request it is, close), login_account.c (who
 * logs in, account), login_open.c. */
#pragma once

#include "daemon/login.h"

/* text may be NULL. */
void login_reply(struct login *login, enum frame_outcome outcome, const char *text);

/* Who logs in, as far as limits go, and the policy that applies. Borrows from the login. */
struct limit_login login_limits(const struct login *login);

/* The open of a login that still counts. 0 or negative errno. */
int login_open(struct login *login, struct store_txn *txn, struct moment now);

/* The user's password was changed: a reset. 0, LOGIN_AGAIN or negative errno. */
int login_password(struct login *login, struct store_txn *txn);
