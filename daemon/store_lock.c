/* store_lock: who failed and who is locked, and the sources that users come from. A database of its own:
 * what is locked is listed without walking through every session and device, and an attacker who makes rows
 * here makes no login's walk longer. */
#include "daemon/store_private.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

enum row_kind { ROW_LOCKOUT = 'l', ROW_SOURCE = 'k' };

struct lock_key {
        size_t size;
        uint8_t bytes[1 + REALM_MAX + 1 + USER_MAX + 1 + 1 + sizeof(uint64_t) + LOCK_SOURCE_MAX];
};

static_assert(sizeof(((struct lock_key *) NULL)->bytes) <= RECORD_KEY_MAX, "every name fits in a key");

static void append(struct lock_key *key, const void *bytes, size_t size) {
        assert(size <= sizeof(key->bytes) - key->size);
        memcpy(key->bytes + key->size, bytes, size);
        key->size += size;
}

static void key_of_user(enum row_kind kind, const char *realm, const char *user, struct lock_key *ret) {
        *ret = (struct lock_key){ .size = 1, .bytes = { (uint8_t) kind } };
        append(ret, realm, strlen(realm) + 1);
        append(ret, user, strlen(user) + 1);
}

static void key_of_lockout(const struct lockout *lockout, struct lock_key *ret) {
        uint64_t subject = htobe64(lockout->subject);
        uint8_t kind = (uint8_t) lockout->kind;

        key_of_user(ROW_LOCKOUT, lockout->realm, lockout->user, ret);
        append(ret, &kind, sizeof(kind));
        append(ret, &subject, sizeof(subject));
        append(ret, lockout->source, strlen(lockout->source));
}

static bool source_fits(const char *source) {
        return *source && strnlen(source, LOCK_SOURCE_MAX + 1) <= LOCK_SOURCE_MAX;
}

/* ---- lockouts ---- */

static int lockout_read(struct span key, struct span value, struct lockout *ret) {
        struct lockout lockout;
        struct lock_key own;
        int r;

        r = record_read_lockout(value.bytes, value.size, &lockout);
        if (r)
                return r;
        key_of_lockout(&lockout, &own);
        if (!span_equal(SPAN(own), key))
                return -EBADMSG;
        *ret = lockout;
        return 0;
}

int store_find_lockout(struct store_txn *txn, const struct lockout *name, struct lockout *ret) {
        struct lock_key key;
        struct span value;
        int r;

        key_of_lockout(name, &key);
        r = row_get(txn, DB_LOCK, SPAN(key), &value);
        if (r)
                return r;
        return lockout_read(SPAN(key), value, ret);
}

int store_put_lockout(struct store_txn *txn, const struct lockout *lockout) {
        uint8_t record[RECORD_MAX];
        struct lock_key key;
        size_t size;
        int r;

        r = record_write_lockout(lockout, record, sizeof(record), &size);
        if (r)
                return r;
        key_of_lockout(lockout, &key);
        return row_put(txn, DB_LOCK, SPAN(key), (struct span){ record, size });
}

int store_remove_lockout(struct store_txn *txn, const struct lockout *name) {
        struct lock_key key;

        key_of_lockout(name, &key);
        return row_remove(txn, DB_LOCK, SPAN(key));
}

static int next_lockout(
        struct store_txn *txn, struct span prefix, struct store_cursor *cursor, struct lockout *ret) {
        struct span key, value;
        int r;

        r = row_next(txn, DB_LOCK, prefix, cursor, &key, &value);
        if (r)
                return r;
        return lockout_read(key, value, ret);
}

int store_next_lockout_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct lockout *ret) {
        struct lock_key prefix;

        if (!names_fit(realm, user))
                return STORE_END;
        key_of_user(ROW_LOCKOUT, realm, user, &prefix);
        return next_lockout(txn, SPAN(prefix), cursor, ret);
}

int store_next_lockout(struct store_txn *txn, struct store_cursor *cursor, struct lockout *ret) {
        static const uint8_t kind = ROW_LOCKOUT;

        return next_lockout(txn, (struct span){ &kind, sizeof(kind) }, cursor, ret);
}

/* ---- sources ---- */

static void key_of_source(const char *realm, const char *user, const char *source, struct lock_key *ret) {
        key_of_user(ROW_SOURCE, realm, user, ret);
        append(ret, source, strlen(source));
}

static int source_read(struct span value, usec_t *ret) {
        uint64_t be;

        if (value.size != sizeof(be))
                return -EBADMSG;
        memcpy(&be, value.bytes, sizeof(be));
        *ret = be64toh(be);
        return 0;
}

int store_find_source(
        struct store_txn *txn, const char *realm, const char *user, const char *source, usec_t *ret) {
        struct lock_key key;
        struct span value;
        int r;

        if (!names_fit(realm, user) || !source_fits(source))
                return STORE_NOT_FOUND;
        key_of_source(realm, user, source, &key);
        r = row_get(txn, DB_LOCK, SPAN(key), &value);
        if (r)
                return r;
        return source_read(value, ret);
}

int store_put_source(
        struct store_txn *txn, const char *realm, const char *user, const char *source, usec_t wall) {
        uint64_t be = htobe64(wall);
        struct lock_key key;

        if (!names_fit(realm, user) || !source_fits(source))
                return -EINVAL;
        key_of_source(realm, user, source, &key);
        return row_put(txn, DB_LOCK, SPAN(key), (struct span){ (const uint8_t *) &be, sizeof(be) });
}

int store_remove_source(struct store_txn *txn, const char *realm, const char *user, const char *source) {
        struct lock_key key;

        if (!names_fit(realm, user) || !source_fits(source))
                return STORE_NOT_FOUND;
        key_of_source(realm, user, source, &key);
        return row_remove(txn, DB_LOCK, SPAN(key));
}

int store_next_source(struct store_txn *txn, const char *realm, const char *user, struct store_cursor *cursor,
        char ret_source[static LOCK_SOURCE_MAX + 1], usec_t *ret) {
        struct span key, value, source;
        struct lock_key prefix;
        int r;

        if (!names_fit(realm, user))
                return STORE_END;
        key_of_user(ROW_SOURCE, realm, user, &prefix);
        r = row_next(txn, DB_LOCK, SPAN(prefix), cursor, &key, &value);
        if (r)
                return r;
        source = span_after(key, prefix.size);
        if (source.size > LOCK_SOURCE_MAX || memchr(source.bytes, 0, source.size))
                return -EBADMSG;
        r = source_read(value, ret);
        if (r)
                return r;
        memcpy(ret_source, source.bytes, source.size);
        ret_source[source.size] = '\0';
        return 0;
}

int lock_row_check(struct span key, struct span value) {
        struct lockout lockout;
        usec_t wall;

        if (key.size > 0 && key.bytes[0] == ROW_LOCKOUT)
                return lockout_read(key, value, &lockout);
        if (key.size > 0 && key.bytes[0] == ROW_SOURCE)
                return source_read(value, &wall);
        return -EBADMSG;
}
