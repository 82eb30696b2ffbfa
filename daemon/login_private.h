/* login_private: what the parts of login share: login.c (which request it is, close), login_account.c (who
 * logs in, account), login_choose.c, login_open.c, login_lock.c (failed attempts, and whom locks refuse),
 * login_failure.c (what the user is told of them). */
#pragma once

#include "daemon/login.h"

#define LOGIN_BLOCKED_TEXT "This device is blocked."

/* text may be NULL. */
void login_reply(struct login *login, enum frame_outcome outcome, const char *text);

/* Who logs in, as far as limits go, and the policy that applies. Borrows from the login. */
struct limit_login login_limits(const struct login *login);

/* What it comes from: as facts, borrowed from the login, and as the device that it is. 0; -E2BIG; -EIO. */
struct device_facts login_device_facts(const struct login *login);
int login_recognise(const struct login *login, struct device *ret);
/* Whether the key of the login is one of those that never count (uncounted_keys). */
bool login_is_of_machine(const struct login *login);
/* Whether a session of the login takes part in limits. */
bool login_counts(const struct login *login, const struct limit_login *limits);

/* Preauth: whether an attempt to sign in may be made. Fills the reply. 0 or negative errno. */
int login_preauth(struct login *login, struct store_txn *txn, struct moment now);

/* Authfail and authsucc: what the attempt came to. 0 or negative errno. */
int login_change_lock(struct login *login, struct store_txn *txn, struct moment now);

/* Whether a lock refuses this login however it was made: an admin's; those by failures if they apply to keys.
 * < 0, 0, or 1 with the words for the user. */
int login_is_locked(const struct login *login, struct store_txn *txn, struct moment now,
        char ret_text[static MESSAGE_TEXT_MAX + 1]);

/* The login was let in: its address is one that its user comes from. 0 or negative errno. */
int login_note_source(const struct login *login, struct store_txn *txn, struct moment now);

/* The attempt failed; and the login was let in: what failed before it is told with the reply. 0 or negative
 * errno. */
int login_count_failure(struct store_txn *txn, const struct session *told, const char *source);
int login_tell_failures(struct login *login, struct store_txn *txn, const struct session *session);

/* The open of a login that still counts. 0 or negative errno. */
int login_open(struct login *login, struct store_txn *txn, struct moment now);

/* The user's password was changed: a reset. 0, LOGIN_AGAIN or negative errno. */
int login_password(struct login *login, struct store_txn *txn);
