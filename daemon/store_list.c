/* store_list: walking sessions: a user's, a uid's, a leader's, all of them, the one to expire next. */
#include "daemon/store_private.h"

#include <errno.h>
#include <string.h>

int store_next_session_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct session *ret) {
        struct record_key prefix;
        struct span key, value;
        int r;

        if (!names_fit(realm, user))
                return STORE_END;

        record_key_prefix(realm, user, RECORD_SESSION, &prefix);
        r = row_next(txn, DB_USER, SPAN(prefix), cursor, &key, &value);
        if (r)
                return r;
        return session_read(key, value, ret);
}

int store_next_session(struct store_txn *txn, struct store_cursor *cursor, struct session *ret) {
        struct span sid, owner;
        int r;

        r = row_next(txn, DB_SID, SPAN_EMPTY, cursor, &sid, &owner);
        if (r)
                return r;
        return session_load(txn, sid, owner, ret);
}

int store_next_session_by_user(struct store_txn *txn, struct store_cursor *cursor, struct session *ret) {
        struct span key, value;
        int r, kind;

        do {
                r = row_next(txn, DB_USER, SPAN_EMPTY, cursor, &key, &value);
                if (r)
                        return r;
                kind = record_kind_of(key.bytes, key.size);
        } while (kind == RECORD_ACCOUNT || kind == RECORD_DEVICE || kind == RECORD_NEWEST);
        return session_read(key, value, ret);
}

/* An index's key ends in a sid: its session. */
static int load_indexed(struct store_txn *txn, struct span key, struct session *ret) {
        struct sid sid;
        int r;

        if (key.size < sizeof(sid.bytes))
                return -EBADMSG;
        memcpy(sid.bytes, key.bytes + key.size - sizeof(sid.bytes), sizeof(sid.bytes));

        r = store_find_session(txn, &sid, ret);
        return r == STORE_NOT_FOUND ? -EBADMSG : r;
}

int store_next_session_of_leader(struct store_txn *txn, const struct leader_id *leader,
        struct store_cursor *cursor, struct session *ret) {
        struct index_key prefix;
        struct span key, value;
        int r;

        index_key_leader(leader, &prefix);
        r = row_next(txn, DB_LEADER, SPAN(prefix), cursor, &key, &value);
        if (r)
                return r;
        return load_indexed(txn, key, ret);
}

/* Nobody can end one that cannot be read: it must not keep all behind it alive. */
int store_first_deadline(struct store_txn *txn, struct session *ret) {
        struct store_cursor cursor = { 0 };
        struct span key, value;
        int r;

        do {
                r = row_next(txn, DB_DEADLINE, SPAN_EMPTY, &cursor, &key, &value);
                if (r)
                        return r < 0 ? r : STORE_NOT_FOUND;
                r = load_indexed(txn, key, ret);
        } while (r == -EBADMSG);
        return r;
}

/* ---- by uid: the cursor stands in the range of one of the uid's users, whose name its key begins with
 * ---- */

static int read_name(const struct store_cursor *cursor, char *ret_realm, char *ret_user) {
        const uint8_t *realm_end, *user_end;
        struct span name;

        realm_end = memchr(cursor->last, 0, cursor->size);
        if (!realm_end)
                return -EBADMSG;
        user_end = memchr(realm_end + 1, 0, cursor->size - (size_t) (realm_end + 1 - cursor->last));
        if (!user_end)
                return -EBADMSG;

        name = (struct span){ cursor->last, (size_t) (user_end - cursor->last) };
        return owner_read(name, ret_realm, ret_user);
}

static int next_session_in_range(
        struct store_txn *txn, uint32_t uid, struct store_cursor *cursor, struct session *ret) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct session session;
        int r;

        r = read_name(cursor, realm, user);
        if (r)
                return r;

        /* A name may have had another uid before */
        do {
                r = store_next_session_of_user(txn, realm, user, cursor, &session);
                if (r)
                        return r;
        } while (session.uid != uid);
        *ret = session;
        return 0;
}

/* Sets the cursor before the sessions of the uid's next name. */
static int next_name_of_uid(struct store_txn *txn, uint32_t uid, struct store_cursor *cursor) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct store_cursor owner = { 0 };
        struct index_key prefix, at;
        struct record_key range;
        struct span key, value;
        int r;

        if (cursor->started) {
                r = read_name(cursor, realm, user);
                if (r)
                        return r;
                index_key_owner(uid, realm, user, &at);
                owner = (struct store_cursor){ .started = true, .size = at.size };
                memcpy(owner.last, at.bytes, at.size);
        }

        /* A row that names nobody points to no session */
        index_key_uid(uid, &prefix);
        do {
                r = row_next(txn, DB_OWNER, SPAN(prefix), &owner, &key, &value);
                if (r)
                        return r;
        } while (owner_read(span_after(key, prefix.size), realm, user) != 0);

        record_key_prefix(realm, user, RECORD_SESSION, &range);
        memcpy(cursor->last, range.bytes, range.size);
        cursor->size = range.size;
        cursor->started = true;
        return 0;
}

int store_next_session_of_uid(
        struct store_txn *txn, uint32_t uid, struct store_cursor *cursor, struct session *ret) {
        int r;

        for (;;) {
                r = cursor->started ? next_session_in_range(txn, uid, cursor, ret) : STORE_END;
                if (r != STORE_END)
                        return r;
                r = next_name_of_uid(txn, uid, cursor);
                if (r)
                        return r;
        }
}
