/* store_account: what is kept of a user himself, at the front of his range. */
#include "daemon/store_private.h"

#include <errno.h>

int account_read(struct span key, struct span value, struct account *ret) {
        struct account account;
        struct record_key own;
        int r;

        r = record_read_account(value.bytes, value.size, &account);
        if (r)
                return r;

        record_key_account(account.realm, account.user, &own);
        if (!span_equal(SPAN(own), key))
                return -EBADMSG;
        *ret = account;
        return 0;
}

int store_find_account(struct store_txn *txn, const char *realm, const char *user, struct account *ret) {
        struct record_key key;
        struct span value;
        int r;

        if (!names_fit(realm, user))
                return STORE_NOT_FOUND;

        record_key_account(realm, user, &key);
        r = row_get(txn, DB_USER, SPAN(key), &value);
        if (r)
                return r;
        return account_read(SPAN(key), value, ret);
}

int store_put_account(struct store_txn *txn, const struct account *account) {
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size;
        int r;

        r = record_write_account(account, record, sizeof(record), &size);
        if (r)
                return r;
        record_key_account(account->realm, account->user, &key);
        return row_put(txn, DB_USER, SPAN(key), (struct span){ record, size });
}

int store_remove_account(struct store_txn *txn, const char *realm, const char *user) {
        struct record_key key;

        if (!names_fit(realm, user))
                return STORE_NOT_FOUND;
        record_key_account(realm, user, &key);
        return row_remove(txn, DB_USER, SPAN(key));
}

int store_knows_user(struct store_txn *txn, const char *realm, const char *user) {
        struct record_key prefix;
        struct span key, value;
        int r;

        if (!names_fit(realm, user))
                return 0;

        record_key_user(realm, user, &prefix);
        r = row_seek(txn, DB_USER, SPAN(prefix), false, &key, &value);
        if (r)
                return r < 0 ? r : 0;
        return span_has_prefix(key, SPAN(prefix));
}

int store_has_owner(struct store_txn *txn, uint32_t uid, const char *realm, const char *user) {
        struct index_key key;
        struct span value;
        int r;

        if (!names_fit(realm, user))
                return 0;

        index_key_owner(uid, realm, user, &key);
        r = row_get(txn, DB_OWNER, SPAN(key), &value);
        return r < 0 ? r : r == 0;
}
