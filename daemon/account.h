/* account: what is kept of a user beyond his sessions and devices. Pure: values in, values out; knows no
 * store and no clock. A user of whom nothing is to be remembered has none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"
#include "daemon/sid.h"

/* What a change of the password does to the user's sessions. Tokens of before are void in any case. */
enum on_password_change {
        PASSWORD_ENDS_OTHERS = 1, /* than the one that it was changed in */
        PASSWORD_ENDS_ALL,
        PASSWORD_KEEPS,
};

#define ACCOUNT_UID_UNKNOWN UINT32_MAX /* no user has it: to the kernel it is "nobody named" */

struct account {
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        uint32_t uid;    /* the last that was seen; ACCOUNT_UID_UNKNOWN */
        usec_t reset_at; /* wall, the time of tokens: none issued before counts any more; 0: never reset */
        /* Attempts to sign in that failed since the last login that was told of them. */
        uint32_t failures;
        usec_t failed_at; /* wall: the last of them */
        char failed_from[LOCK_SOURCE_MAX + 1];
};

/* A password was changed, and what that does to its user's sessions takes more than one turn: so that a crash
 * does not leave it half done. */
struct password_change {
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        enum on_password_change what;
        bool is_by_user;   /* himself; else an administrator */
        bool has_own;      /* he is signed in where he changed it: */
        struct sid own;    /* that session */
        struct sid newest; /* when it was changed: later ones logged in with the new password */
        struct sid done;   /* it, and all before it, have been seen to */
};

/* One of whom nothing is known yet. Names are cut at their limits. */
struct account account_of(const char *realm, const char *user);

/* Notes a reset at that time; it never goes back. uid ACCOUNT_UID_UNKNOWN: what was known stays. */
void account_reset(struct account *account, uint32_t uid, usec_t at);

/* Counts an attempt that failed, from there, then. */
void account_fail(struct account *account, uint32_t uid, const char *from, usec_t wall);
/* The user signs in: the line that tells him what has failed since he did so last (times in UTC), and nothing
 * is counted any more. false: there is nothing to tell, ret_text is untouched. */
bool account_tell_failures(struct account *account, char ret_text[static MESSAGE_TEXT_MAX + 1]);
/* Nothing is to be remembered of him. */
bool account_is_empty(const struct account *account);

/* Whether that session goes on, without the tokens of before. */
bool password_change_keeps(const struct password_change *change, const struct sid *sid);
/* Whether that session is still to be seen to. */
bool password_change_concerns(const struct password_change *change, const struct sid *sid);

/* "end-others", "end-all", "keep"; "unknown" for no such number. Static text. */
const char *on_password_change_name(enum on_password_change what);
