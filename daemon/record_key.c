/* record_key: the keys of a user's range; declared in record.h. */
#include "daemon/record.h"

#include <assert.h>
#include <string.h>

static_assert(
        REALM_MAX + 1 + USER_MAX + 1 + 1 + RECORD_ID_SIZE <= RECORD_KEY_MAX, "every name fits in a key");

void record_key_user(const char *realm, const char *user, struct record_key *ret) {
        size_t realm_size = strlen(realm) + 1, user_size = strlen(user) + 1;

        /* The NULs keep "a" apart from "ab" */
        assert(realm_size <= REALM_MAX + 1 && user_size <= USER_MAX + 1);
        memcpy(ret->bytes, realm, realm_size);
        memcpy(ret->bytes + realm_size, user, user_size);
        ret->size = realm_size + user_size;
}

void record_key_prefix(const char *realm, const char *user, enum record_kind kind, struct record_key *ret) {
        record_key_user(realm, user, ret);
        ret->bytes[ret->size++] = (uint8_t) kind;
}

void record_key_account(const char *realm, const char *user, struct record_key *ret) {
        record_key_prefix(realm, user, RECORD_ACCOUNT, ret);
        memset(ret->bytes + ret->size, 0, RECORD_ID_SIZE);
        ret->size += RECORD_ID_SIZE;
}

void record_key_session(const char *realm, const char *user, const struct sid *sid, struct record_key *ret) {
        record_key_prefix(realm, user, RECORD_SESSION, ret);
        memcpy(ret->bytes + ret->size, sid->bytes, RECORD_ID_SIZE);
        ret->size += RECORD_ID_SIZE;
}

void record_key_device(
        const char *realm, const char *user, const struct device_id *id, struct record_key *ret) {
        record_key_prefix(realm, user, RECORD_DEVICE, ret);
        memcpy(ret->bytes + ret->size, id->bytes, RECORD_ID_SIZE);
        ret->size += RECORD_ID_SIZE;
}

void record_key_newest(const char *realm, const char *user, struct record_key *ret) {
        record_key_prefix(realm, user, RECORD_NEWEST, ret);
        memset(ret->bytes + ret->size, 0, RECORD_ID_SIZE);
        ret->size += RECORD_ID_SIZE;
}

int record_kind_of(const void *key, size_t size) {
        const uint8_t *bytes = key;

        return size > RECORD_ID_SIZE ? bytes[size - RECORD_ID_SIZE - 1] : 0;
}
