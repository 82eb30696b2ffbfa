/* store_device: devices in their users' ranges. */
#include "daemon/store_private.h"

#include <errno.h>

int device_read(struct span key, struct span value, struct device *ret) {
        struct device device;
        struct record_key own;
        int r;

        r = record_read_device(value.bytes, value.size, &device);
        if (r)
                return r;

        record_key_device(device.realm, device.user, &device.id, &own);
        if (!span_equal(SPAN(own), key))
                return -EBADMSG;
        *ret = device;
        return 0;
}

int store_find_device(struct store_txn *txn, const char *realm, const char *user, const struct device_id *id,
        struct device *ret) {
        struct record_key key;
        struct span value;
        int r;

        if (!names_fit(realm, user))
                return STORE_NOT_FOUND;

        record_key_device(realm, user, id, &key);
        r = row_get(txn, DB_USER, SPAN(key), &value);
        if (r)
                return r;
        return device_read(SPAN(key), value, ret);
}

int store_load_device(struct store_txn *txn, const struct device_id *id, struct device *ret) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct span owner;
        int r;

        r = row_get(txn, DB_DEVICE, SPAN_OF_ID(id), &owner);
        if (r)
                return r;
        r = owner_read(owner, realm, user);
        if (r)
                return r;
        r = store_find_device(txn, realm, user, id, ret);
        return r == STORE_NOT_FOUND ? -EBADMSG : r;
}

/* Its id leads to its user. Only when that is missing: a login from a known device writes a page less. */
static int put_owner_of_device(struct store_txn *txn, const struct device *device) {
        struct index_key owner;
        struct span name, value;
        int r;

        index_key_owner(0, device->realm, device->user, &owner);
        name = span_after(SPAN(owner), sizeof(device->uid));
        r = row_get(txn, DB_DEVICE, SPAN_OF_ID(&device->id), &value);
        if (r == STORE_NOT_FOUND)
                return row_put(txn, DB_DEVICE, SPAN_OF_ID(&device->id), name);
        if (r)
                return r;
        return span_equal(value, name) ? 0 : -EINVAL;
}

int store_put_device(struct store_txn *txn, const struct device *device) {
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size;
        int r;

        r = record_write_device(device, record, sizeof(record), &size);
        if (r)
                return r;
        r = put_owner_of_device(txn, device);
        if (r)
                return r;
        record_key_device(device->realm, device->user, &device->id, &key);
        return row_put(txn, DB_USER, SPAN(key), (struct span){ record, size });
}

int store_remove_device(struct store_txn *txn, const struct device_id *id) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct record_key key;
        struct span owner;
        int r;

        r = row_get(txn, DB_DEVICE, SPAN_OF_ID(id), &owner);
        if (r)
                return r;
        r = owner_read(owner, realm, user);
        if (r)
                return r;

        record_key_device(realm, user, id, &key);
        r = row_remove(txn, DB_USER, SPAN(key));
        if (r < 0)
                return r;
        r = row_remove(txn, DB_DEVICE, SPAN_OF_ID(id));
        return r < 0 ? r : 0;
}

int store_next_device_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct device *ret) {
        struct record_key prefix;
        struct span key, value;
        int r;

        if (!names_fit(realm, user))
                return STORE_END;

        record_key_prefix(realm, user, RECORD_DEVICE, &prefix);
        r = row_next(txn, DB_USER, SPAN(prefix), cursor, &key, &value);
        if (r)
                return r;
        return device_read(key, value, ret);
}
