/* purge: see purge.h. */
#include "daemon/purge.h"

#include <errno.h>

#include "daemon/account.h"

#define BLANK_KIND "purged" /* as daemon/event calls it */

/* Each takes one row: 0; STORE_END: there is none left; negative errno. */

static int take_device(struct store_txn *txn, const char *realm, const char *user) {
        struct store_cursor cursor = { 0 };
        struct device device;
        int r;

        r = store_next_device_of_user(txn, realm, user, &cursor, &device);
        if (r)
                return r;
        r = store_remove_device(txn, &device.id);
        return r > 0 ? -EBADMSG : r;
}

static int take_lockout(struct store_txn *txn, const char *realm, const char *user) {
        struct store_cursor cursor = { 0 };
        struct lockout lockout;
        int r;

        r = store_next_lockout_of_user(txn, realm, user, &cursor, &lockout);
        if (r)
                return r;
        r = store_remove_lockout(txn, &lockout);
        return r > 0 ? -EBADMSG : r;
}

static int take_source(struct store_txn *txn, const char *realm, const char *user) {
        struct store_cursor cursor = { 0 };
        char source[LOCK_SOURCE_MAX + 1];
        usec_t wall;
        int r;

        r = store_next_source(txn, realm, user, &cursor, source, &wall);
        if (r)
                return r;
        r = store_remove_source(txn, realm, user, source);
        return r > 0 ? -EBADMSG : r;
}

static int take_event(struct store_txn *txn, const char *realm, const char *user) {
        int r = store_drop_newest_event_of_user(txn, realm, user, BLANK_KIND);

        return r == STORE_NOT_FOUND ? STORE_END : r;
}

/* Of the account the reset alone. */
static int keep_reset(struct store_txn *txn, const char *realm, const char *user) {
        struct account kept = account_of(realm, user), account;
        int r;

        r = store_find_account(txn, realm, user, &account);
        if (r)
                return r < 0 ? r : 0;
        account_reset(&kept, account.uid, account.reset_at);
        if (account_is_empty(&kept)) {
                r = store_remove_account(txn, realm, user);
                return r < 0 ? r : 0;
        }
        return store_put_account(txn, &kept);
}

int purge_user(struct store_txn *txn, const char *realm, const char *user, size_t max) {
        static int (*const takes[])(struct store_txn *, const char *, const char *) = { take_device,
                take_lockout, take_source, take_event };
        int r;

        for (size_t i = 0; i < sizeof(takes) / sizeof(*takes); i++) {
                do {
                        if (max-- == 0)
                                return PURGE_HAS_MORE;
                        r = takes[i](txn, realm, user);
                } while (r == 0);
                if (r < 0)
                        return r;
                max++; /* it took none */
        }
        return keep_reset(txn, realm, user);
}
