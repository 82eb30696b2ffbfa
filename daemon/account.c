/* account: see account.h. */
#include "daemon/account.h"

#include <inttypes.h>
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

void account_fail(struct account *account, uint32_t uid, const char *from, usec_t wall) {
        account->uid = uid;
        if (account->failures < UINT32_MAX)
                account->failures++;
        account->failed_at = wall;
        snprintf(account->failed_from, sizeof(account->failed_from), "%s", from);
}

bool account_tell_failures(struct account *account, char ret_text[static MESSAGE_TEXT_MAX + 1]) {
        char at[CLOCK_TEXT_SIZE];

        if (account->failures == 0)
                return false;
        clock_write(account->failed_at, at);
        snprintf(ret_text, MESSAGE_TEXT_MAX + 1,
                "%" PRIu32 " failed attempt%s since your last login, last from %s at %.16sZ.",
                account->failures, account->failures == 1 ? "" : "s", account->failed_from, at);
        account->failures = 0;
        account->failed_at = 0;
        account->failed_from[0] = '\0';
        return true;
}

bool account_is_empty(const struct account *account) {
        return account->reset_at == 0 && account->failures == 0;
}

bool password_change_keeps(const struct password_change *change, const struct sid *sid) {
        switch (change->what) {
        case PASSWORD_ENDS_OTHERS:
                return change->has_own && sid_compare(&change->own, sid) == 0;
        case PASSWORD_ENDS_ALL:
                return false;
        case PASSWORD_KEEPS:
                return true;
        }
        return false;
}

bool password_change_concerns(const struct password_change *change, const struct sid *sid) {
        return sid_compare(sid, &change->done) > 0 && sid_compare(sid, &change->newest) <= 0;
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
