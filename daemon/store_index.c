/* store_index: the keys of the rows that point to sessions. */
#include "daemon/store_private.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

static void append(struct index_key *key, const void *bytes, size_t size) {
        assert(size <= sizeof(key->bytes) - key->size);
        memcpy(key->bytes + key->size, bytes, size);
        key->size += size;
}

/* Big-endian, so that byte order is the order of numbers. */
static void append_u32(struct index_key *key, uint32_t value) {
        uint32_t be = htobe32(value);

        append(key, &be, sizeof(be));
}

static void append_u64(struct index_key *key, uint64_t value) {
        uint64_t be = htobe64(value);

        append(key, &be, sizeof(be));
}

void index_key_leader(const struct leader_id *leader, struct index_key *ret) {
        ret->size = 0;
        append(ret, leader->boot.bytes, sizeof(leader->boot.bytes));
        append_u32(ret, (uint32_t) leader->pid);
        append_u64(ret, leader->start);
}

void index_key_leader_of(const struct session *session, struct index_key *ret) {
        index_key_leader(&session->leader, ret);
        append(ret, session->sid.bytes, sizeof(session->sid.bytes));
}

void index_key_deadline_of(const struct session *session, struct index_key *ret) {
        ret->size = 0;
        append_u64(ret, session_due(session));
        append(ret, session->sid.bytes, sizeof(session->sid.bytes));
}

void index_key_uid(uint32_t uid, struct index_key *ret) {
        ret->size = 0;
        append_u32(ret, uid);
}

void index_key_owner(uint32_t uid, const char *realm, const char *user, struct index_key *ret) {
        index_key_uid(uid, ret);
        append(ret, realm, strlen(realm) + 1);
        append(ret, user, strlen(user));
}

int owner_read(struct span bytes, char ret_realm[static REALM_MAX + 1], char ret_user[static USER_MAX + 1]) {
        const uint8_t *end = memchr(bytes.bytes, 0, bytes.size);
        size_t realm_size, user_size;

        if (!end)
                return -EBADMSG;
        realm_size = (size_t) (end - bytes.bytes);
        user_size = bytes.size - realm_size - 1;
        if (realm_size < 1 || realm_size > REALM_MAX || user_size < 1 || user_size > USER_MAX)
                return -EBADMSG;
        if (memchr(end + 1, 0, user_size))
                return -EBADMSG;

        memcpy(ret_realm, bytes.bytes, realm_size + 1);
        memcpy(ret_user, end + 1, user_size);
        ret_user[user_size] = '\0';
        return 0;
}

bool names_fit(const char *realm, const char *user) {
        return strnlen(realm, REALM_MAX + 1) <= REALM_MAX && strnlen(user, USER_MAX + 1) <= USER_MAX;
}
