/* store_name: walking the names that rows stand under: of a uid, and all of them. */
#include "daemon/store_private.h"

#include <errno.h>
#include <string.h>

int store_next_name_of_uid(struct store_txn *txn, uint32_t uid, struct store_cursor *cursor,
        char ret_realm[static REALM_MAX + 1], char ret_user[static USER_MAX + 1]) {
        struct index_key prefix;
        struct span key, value;
        int r;

        index_key_uid(uid, &prefix);
        r = row_next(txn, DB_OWNER, SPAN(prefix), cursor, &key, &value);
        if (r)
                return r;
        return owner_read(span_after(key, prefix.size), ret_realm, ret_user);
}

/* The name in a key of DB_USER: up to the second NUL. */
static int name_read(struct span key, struct span *ret) {
        const uint8_t *realm_end, *user_end;

        realm_end = memchr(key.bytes, 0, key.size);
        if (!realm_end)
                return -EBADMSG;
        user_end = memchr(realm_end + 1, 0, key.size - (size_t) (realm_end + 1 - key.bytes));
        if (!user_end)
                return -EBADMSG;
        *ret = (struct span){ key.bytes, (size_t) (user_end - key.bytes) };
        return 0;
}

int store_next_name(struct store_txn *txn, struct store_cursor *cursor, char ret_realm[static REALM_MAX + 1],
        char ret_user[static USER_MAX + 1]) {
        struct span from = SPAN_EMPTY, key, value, name;
        int r;

        if (cursor->started)
                from = (struct span){ cursor->last, cursor->size };
        r = row_seek(txn, DB_USER, from, false, &key, &value);
        if (r)
                return r;
        r = name_read(key, &name);
        if (r)
                return r;
        if (name.size > REALM_MAX + 1 + USER_MAX)
                return -EBADMSG;

        /* Behind all rows of the name: no kind is 0xff */
        memcpy(cursor->last, name.bytes, name.size);
        cursor->last[name.size] = 0;
        cursor->last[name.size + 1] = 0xff;
        cursor->size = name.size + 2;
        cursor->started = true;
        return owner_read(name, ret_realm, ret_user);
}
