/* store_key: signing keys under their kid, and the seal: opaque bytes. */
#include "daemon/store_private.h"

#include <errno.h>
#include <string.h>

static int kid_span(const char *kid, struct span *ret) {
        size_t size = strnlen(kid, KID_MAX + 1);

        if (size < 1 || size > KID_MAX)
                return -EINVAL;
        *ret = (struct span){ (const uint8_t *) kid, size };
        return 0;
}

int store_put_key(struct store_txn *txn, const char *kid, const void *bytes, size_t size) {
        struct span key;
        int r;

        r = kid_span(kid, &key);
        if (r)
                return r;
        if (size > RECORD_MAX)
                return -EINVAL;
        return row_put(txn, DB_KEY, key, (struct span){ bytes, size });
}

static int copy_row(
        struct store_txn *txn, enum database db, struct span key, void *buf, size_t size, size_t *ret_size) {
        struct span value;
        int r;

        r = row_get(txn, db, key, &value);
        if (r)
                return r;
        if (value.size > size)
                return -ENOBUFS;
        memcpy(buf, value.bytes, value.size);
        *ret_size = value.size;
        return 0;
}

int store_find_key(struct store_txn *txn, const char *kid, void *buf, size_t size, size_t *ret_size) {
        struct span key;

        if (kid_span(kid, &key))
                return STORE_NOT_FOUND;
        return copy_row(txn, DB_KEY, key, buf, size, ret_size);
}

int store_next_key(struct store_txn *txn, struct store_cursor *cursor, char ret_kid[static KID_MAX + 1],
        void *buf, size_t size, size_t *ret_size) {
        struct store_cursor next = *cursor;
        struct span kid, value;
        int r;

        r = row_next(txn, DB_KEY, SPAN_EMPTY, &next, &kid, &value);
        if (r)
                return r;
        if (kid.size <= KID_MAX && value.size > size)
                return -ENOBUFS;

        *cursor = next;
        if (kid.size > KID_MAX || memchr(kid.bytes, 0, kid.size))
                return -EBADMSG;
        memcpy(ret_kid, kid.bytes, kid.size);
        ret_kid[kid.size] = '\0';
        memcpy(buf, value.bytes, value.size);
        *ret_size = value.size;
        return 0;
}

int store_remove_key(struct store_txn *txn, const char *kid) {
        struct span key;

        if (kid_span(kid, &key))
                return STORE_NOT_FOUND;
        return row_remove(txn, DB_KEY, key);
}

static const struct span seal_row = { (const uint8_t *) "seal", 4 };

int store_put_seal(struct store_txn *txn, const void *bytes, size_t size) {
        if (size > RECORD_MAX)
                return -EINVAL;
        return row_put(txn, DB_META, seal_row, (struct span){ bytes, size });
}

int store_find_seal(struct store_txn *txn, void *buf, size_t size, size_t *ret_size) {
        return copy_row(txn, DB_META, seal_row, buf, size, ret_size);
}

int keys_forget(struct store_txn *txn) {
        int r;

        r = row_remove_all(txn, DB_KEY);
        if (r == 0)
                r = row_remove(txn, DB_META, seal_row);
        return r < 0 ? r : 0;
}
