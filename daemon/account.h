/* account: what is kept of a user beyond his sessions and devices. Pure: values in, values out; knows no
 * store and no clock. A user of whom nothing is to be remembered has none. */
#pragma once

#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"

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
};

/* One of whom nothing is known yet. Names are cut at their limits. */
struct account account_of(const char *realm, const char *user);

/* Notes a reset at that time; it never goes back. uid ACCOUNT_UID_UNKNOWN: what was known stays. */
void account_reset(struct account *account, uint32_t uid, usec_t at);

/* "end-others", "end-all", "keep"; "unknown" for no such number. Static text. */
const char *on_password_change_name(enum on_password_change what);
