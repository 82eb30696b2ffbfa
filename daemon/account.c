/* account: see account.h. */
#include "daemon/account.h"

#include <stdio.h>

struct account account_of(const char *realm, const char *user) {
        struct account account = { .uid = ACCOUNT_UID_UNKNOWN };

        snprintf(account.realm, sizeof(account.realm), "%s", realm);
        snprintf(account.user, sizeof(account.user), "%s", user);
        return account;
}

void account_reset(struct account *account, uint32_t uid, usec_t at) {
        if (uid != ACCOUNT_UID_UNKNOWN)
                account->uid = uid;
        if (account->reset_at < at)
                account->reset_at = at;
}

const char *on_password_change_name(enum on_password_change what) {
        switch (what) {
        case PASSWORD_ENDS_OTHERS:
                return "end-others";
        case PASSWORD_ENDS_ALL:
                return "end-all";
        case PASSWORD_KEEPS:
                return "keep";
        }
        return "unknown";
}
