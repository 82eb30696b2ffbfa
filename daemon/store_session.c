/* store_session: a session's record, and the rows of the indices that point to it. */
#include "daemon/store_private.h"

#include <errno.h>
#include <string.h>

/* ---- finding ---- */

bool session_has_deadline(const struct session *session) {
        return session->state == SESSION_LIVE && session_due(session) != USEC_NEVER;
}

int session_read(struct span key, struct span value, struct session *ret) {
        struct session session;
        struct record_key own;
        int r;

        r = record_read_session(value.bytes, value.size, &session);
        if (r)
                return r;

        record_key_session(session.realm, session.user, &session.sid, &own);
        if (!span_equal(SPAN(own), key))
                return -EBADMSG;
        *ret = session;
        return 0;
}

int session_load(struct store_txn *txn, struct span sid, struct span owner, struct session *ret) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct record_key key;
        struct sid id;
        struct span value;
        int r;

        if (sid.size != sizeof(id.bytes))
                return -EBADMSG;
        memcpy(id.bytes, sid.bytes, sizeof(id.bytes));
        r = owner_read(owner, realm, user);
        if (r)
                return r;

        record_key_session(realm, user, &id, &key);
        r = row_get(txn, DB_USER, SPAN(key), &value);
        if (r)
                return r < 0 ? r : -EBADMSG;
        return session_read(SPAN(key), value, ret);
}

int store_find_session(struct store_txn *txn, const struct sid *sid, struct session *ret) {
        struct span owner;
        int r;

        r = row_get(txn, DB_SID, SPAN_OF_SID(sid), &owner);
        if (r)
                return r;
        return session_load(txn, SPAN_OF_SID(sid), owner, ret);
}

int store_newest_sid(struct store_txn *txn, struct sid *ret) {
        struct span key;
        int r;

        r = row_last(txn, DB_SID, &key);
        if (r)
                return r < 0 ? r : STORE_NOT_FOUND;
        if (key.size != sizeof(ret->bytes))
                return -EBADMSG;
        memcpy(ret->bytes, key.bytes, sizeof(ret->bytes));
        return 0;
}

/* ---- writing ---- */

static int put_record(struct store_txn *txn, const struct session *session) {
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size;
        int r;

        r = record_write_session(session, record, sizeof(record), &size);
        if (r)
                return r;
        record_key_session(session->realm, session->user, &session->sid, &key);
        return row_put(txn, DB_USER, SPAN(key), (struct span){ record, size });
}

/* Only when it is missing: writing a row that is there would copy its page all the same. */
static int put_owner(struct store_txn *txn, const struct index_key *key) {
        struct span value;
        int r;

        r = row_get(txn, DB_OWNER, SPAN(*key), &value);
        return r == STORE_NOT_FOUND ? row_put(txn, DB_OWNER, SPAN(*key), SPAN_EMPTY) : r;
}

static int put_leader(struct store_txn *txn, const struct session *session) {
        struct index_key key;

        index_key_leader_of(session, &key);
        return row_put(txn, DB_LEADER, SPAN(key), SPAN_EMPTY);
}

static int put_deadline(struct store_txn *txn, const struct session *session) {
        struct index_key key;

        if (!session_has_deadline(session))
                return 0;
        index_key_deadline_of(session, &key);
        return row_put(txn, DB_DEADLINE, SPAN(key), SPAN_EMPTY);
}

/* A row that should be there and is not has been removed already. */
static int remove_if_there(struct store_txn *txn, enum database db, struct span key) {
        int r;

        r = row_remove(txn, db, key);
        return r == STORE_NOT_FOUND ? 0 : r;
}

static int remove_leader(struct store_txn *txn, const struct session *session) {
        struct index_key key;

        index_key_leader_of(session, &key);
        return remove_if_there(txn, DB_LEADER, SPAN(key));
}

static int remove_deadline(struct store_txn *txn, const struct session *session) {
        struct index_key key;

        if (!session_has_deadline(session))
                return 0;
        index_key_deadline_of(session, &key);
        return remove_if_there(txn, DB_DEADLINE, SPAN(key));
}

int store_open_session(struct store_txn *txn, const struct session *session) {
        struct index_key owner;
        struct span value;
        int r;

        r = store_may_open(txn);
        if (r)
                return r;
        r = row_get(txn, DB_SID, SPAN_OF_SID(&session->sid), &value);
        if (r != STORE_NOT_FOUND)
                return r < 0 ? r : -EEXIST;

        r = put_record(txn, session);
        if (r)
                return r;
        index_key_owner(session->uid, session->realm, session->user, &owner);
        r = row_put(txn, DB_SID, SPAN_OF_SID(&session->sid), span_after(SPAN(owner), sizeof(session->uid)));
        if (!r)
                r = put_owner(txn, &owner);
        if (!r)
                r = put_leader(txn, session);
        if (!r)
                r = put_deadline(txn, session);
        return r;
}

static int move_leader(struct store_txn *txn, const struct session *old, const struct session *session) {
        struct index_key before, after;
        int r;

        index_key_leader_of(old, &before);
        index_key_leader_of(session, &after);
        if (span_equal(SPAN(before), SPAN(after)))
                return 0;

        r = remove_leader(txn, old);
        return r ? r : put_leader(txn, session);
}

static int move_deadline(struct store_txn *txn, const struct session *old, const struct session *session) {
        int r;

        if (session_has_deadline(old) == session_has_deadline(session) &&
                session_due(old) == session_due(session))
                return 0;

        r = remove_deadline(txn, old);
        return r ? r : put_deadline(txn, session);
}

int store_put_session(struct store_txn *txn, const struct session *session) {
        struct session old;
        struct index_key owner;
        int r;

        r = store_find_session(txn, &session->sid, &old);
        if (r)
                return r;
        if (strcmp(old.realm, session->realm) != 0 || strcmp(old.user, session->user) != 0)
                return -EINVAL;

        r = put_record(txn, session);
        if (!r && old.status_index != session->status_index)
                r = retire_index(txn, old.status_index);
        if (!r)
                r = move_leader(txn, &old, session);
        if (!r)
                r = move_deadline(txn, &old, session);
        if (!r && old.uid != session->uid) {
                index_key_owner(session->uid, session->realm, session->user, &owner);
                r = put_owner(txn, &owner);
        }
        return r;
}

int store_remove_session(struct store_txn *txn, const struct sid *sid) {
        struct session old;
        struct record_key key;
        int r;

        r = store_find_session(txn, sid, &old);
        if (r)
                return r;

        record_key_session(old.realm, old.user, sid, &key);
        r = remove_if_there(txn, DB_USER, SPAN(key));
        if (!r)
                r = remove_if_there(txn, DB_SID, SPAN_OF_SID(sid));
        if (!r)
                r = remove_leader(txn, &old);
        if (!r)
                r = remove_deadline(txn, &old);
        if (!r)
                r = retire_index(txn, old.status_index);
        return r;
}
