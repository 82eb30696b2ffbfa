/* store_account: what is kept of a user himself, at the front of his range. */
#include "daemon/store_private.h"

#include <errno.h>
#include <string.h>

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

/* ---- changes of passwords that are not carried out yet ---- */

static const struct span change_prefix = { (const uint8_t *) "password", sizeof("password") };

/* Two changes within a login's time concern the same sessions, and are one. */
static void change_key(const struct password_change *change, struct record_key *ret) {
        struct record_key name;

        record_key_user(change->realm, change->user, &name);
        memcpy(ret->bytes, change_prefix.bytes, change_prefix.size);
        memcpy(ret->bytes + change_prefix.size, name.bytes, name.size);
        ret->size = change_prefix.size + name.size;
        memcpy(ret->bytes + ret->size, change->newest.bytes, sizeof(change->newest.bytes));
        ret->size += sizeof(change->newest.bytes);
}

static int change_read(struct span key, struct span value, struct password_change *ret) {
        struct password_change change;
        struct record_key own;
        int r;

        r = record_read_password_change(value.bytes, value.size, &change);
        if (r)
                return r;
        change_key(&change, &own);
        if (!span_equal(SPAN(own), key))
                return -EBADMSG;
        *ret = change;
        return 0;
}

int password_row_check(struct span key, struct span value) {
        struct password_change change;

        return span_has_prefix(key, change_prefix) ? change_read(key, value, &change) : 0;
}

int store_put_password_change(struct store_txn *txn, const struct password_change *change) {
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size;
        int r;

        r = record_write_password_change(change, record, sizeof(record), &size);
        if (r)
                return r;
        change_key(change, &key);
        return row_put(txn, DB_META, SPAN(key), (struct span){ record, size });
}

int store_next_password_change(
        struct store_txn *txn, struct store_cursor *cursor, struct password_change *ret) {
        struct span key, value;
        int r;

        r = row_next(txn, DB_META, change_prefix, cursor, &key, &value);
        return r ? r : change_read(key, value, ret);
}

int store_remove_password_change(struct store_txn *txn, const struct password_change *change) {
        struct record_key key;

        change_key(change, &key);
        return row_remove(txn, DB_META, SPAN(key));
}
