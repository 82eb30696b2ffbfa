/* store_check: whether the rows agree with each other. For `doctor` and for tests: it walks everything and
 * mends nothing. */
#include "daemon/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct check {
        struct store_txn *txn;
        char *error;
        size_t size;
};

static int wrong(const struct check *check, enum database db, struct span key, const char *what) {
        char hex[2 * 64 + 1] = "";

        for (size_t i = 0; i < key.size && i < sizeof(hex) / 2; i++)
                snprintf(hex + 2 * i, 3, "%02x", key.bytes[i]);
        snprintf(check->error, check->size, "%s %s: %s", store_database_name(db), hex, what);
        return -EBADMSG;
}

/* Positive when the row is not there. */
static int has_row(const struct check *check, enum database db, const struct index_key *key) {
        struct span value;

        return row_get(check->txn, db, SPAN(*key), &value);
}

static int check_session(const struct check *check, struct span key, struct span value) {
        struct index_key leader, deadline, owner;
        struct session session;
        struct span name;
        int r;

        r = session_read(key, value, &session);
        if (r)
                return wrong(check, DB_USER, key, "not a session of that name");
        index_key_leader_of(&session, &leader);
        index_key_deadline_of(&session, &deadline);
        index_key_owner(session.uid, session.realm, session.user, &owner);

        r = row_get(check->txn, DB_SID, SPAN_OF_SID(&session.sid), &name);
        if (r < 0)
                return r;
        if (r || !span_equal(name, span_after(SPAN(owner), sizeof(session.uid))))
                return wrong(check, DB_USER, key, "not found by its sid");
        r = has_row(check, DB_LEADER, &leader);
        if (r)
                return r < 0 ? r : wrong(check, DB_USER, key, "not found by its leader");
        r = has_row(check, DB_OWNER, &owner);
        if (r)
                return r < 0 ? r : wrong(check, DB_USER, key, "not found by its owner");
        r = session_has_deadline(&session) ? has_row(check, DB_DEADLINE, &deadline) : 0;
        if (r)
                return r < 0 ? r : wrong(check, DB_USER, key, "not found by its deadline");
        return 0;
}

static bool row_is_of(const struct history_row *row, const char *realm, const char *user) {
        return strcmp(row->event.realm, realm) == 0 && strcmp(row->event.user, user) == 0;
}

/* The row of this sequence; positive if it is not there. */
static int find_history(const struct check *check, uint64_t sequence, struct history_row *ret) {
        return store_find_event(check->txn, sequence, &ret->event, &ret->previous);
}

static int check_newest(const struct check *check, struct span key, struct span value) {
        struct history_row row;
        struct record_key own;
        uint64_t sequence;

        if (newest_read(value, &sequence) || find_history(check, sequence, &row))
                return wrong(check, DB_USER, key, "points to no event");
        if (!names_fit(row.event.realm, row.event.user))
                return wrong(check, DB_USER, key, "points to another's event");
        record_key_newest(row.event.realm, row.event.user, &own);
        return span_equal(SPAN(own), key) ? 0 : wrong(check, DB_USER, key, "points to another's event");
}

/* The row before it may have been dropped, as the oldest are; never one behind it. */
static int check_history_row(const struct check *check, struct span key, struct span value) {
        struct history_row row, previous;
        uint64_t sequence, newest;
        int r;

        r = history_row_read(key, value, &sequence, &row);
        if (r)
                return wrong(check, DB_HISTORY, key, "not an event");
        if (!*row.event.user)
                return row.previous == 0 ? 0 : wrong(check, DB_HISTORY, key, "nobody's, yet in a list");
        r = store_newest_event_of_user(check->txn, row.event.realm, row.event.user, &newest);
        if (r || newest < sequence)
                return r < 0 ? r : wrong(check, DB_HISTORY, key, "not found by its user");
        if (row.previous >= sequence)
                return wrong(check, DB_HISTORY, key, "its list does not lead back");
        r = find_history(check, row.previous, &previous);
        if (r < 0 || (r == 0 && !row_is_of(&previous, row.event.realm, row.event.user)))
                return wrong(check, DB_HISTORY, key, "leads to another's event");
        return 0;
}

static int check_device(const struct check *check, struct span key, struct span value) {
        struct index_key owner;
        struct device device;
        struct span name;
        int r;

        if (device_read(key, value, &device))
                return wrong(check, DB_USER, key, "not a device of that name");
        index_key_owner(0, device.realm, device.user, &owner);
        r = row_get(check->txn, DB_DEVICE, SPAN_OF_ID(&device.id), &name);
        if (r < 0)
                return r;
        return r || !span_equal(name, span_after(SPAN(owner), sizeof(device.uid)))
                       ? wrong(check, DB_USER, key, "not found by its id")
                       : 0;
}

static int check_user_row(const struct check *check, struct span key, struct span value) {
        struct account account;

        switch (record_kind_of(key.bytes, key.size)) {
        case RECORD_SESSION:
                return check_session(check, key, value);
        case RECORD_DEVICE:
                return check_device(check, key, value);
        case RECORD_ACCOUNT:
                return account_read(key, value, &account)
                               ? wrong(check, DB_USER, key, "not an account of that name")
                               : 0;
        case RECORD_NEWEST:
                return check_newest(check, key, value);
        default:
                return wrong(check, DB_USER, key, "of an unknown kind");
        }
}

static int check_sid_row(const struct check *check, struct span key, struct span value) {
        struct session session;

        return session_load(check->txn, key, value, &session)
                       ? wrong(check, DB_SID, key, "points to no session")
                       : 0;
}

/* The session that an index's key ends in; positive if there is none. */
static int find_indexed(const struct check *check, struct span key, struct session *ret) {
        struct sid sid;

        if (key.size < sizeof(sid.bytes))
                return STORE_NOT_FOUND;
        memcpy(sid.bytes, key.bytes + key.size - sizeof(sid.bytes), sizeof(sid.bytes));
        return store_find_session(check->txn, &sid, ret);
}

static int check_leader_row(const struct check *check, struct span key, struct span value) {
        struct session session;
        struct index_key own;

        if (find_indexed(check, key, &session))
                return wrong(check, DB_LEADER, key, "points to no session");
        index_key_leader_of(&session, &own);
        return span_equal(SPAN(own), key)
                       ? 0
                       : wrong(check, DB_LEADER, key, "points to a session of another leader");
}

static int check_deadline_row(const struct check *check, struct span key, struct span value) {
        struct session session;
        struct index_key own;

        if (find_indexed(check, key, &session))
                return wrong(check, DB_DEADLINE, key, "points to no session");
        index_key_deadline_of(&session, &own);
        if (!session_has_deadline(&session) || !span_equal(SPAN(own), key))
                return wrong(check, DB_DEADLINE, key, "points to a session without that deadline");
        return 0;
}

static int check_device_row(const struct check *check, struct span key, struct span value) {
        struct device_id id;
        struct device device;

        if (key.size != sizeof(id.bytes))
                return wrong(check, DB_DEVICE, key, "no id of a device");
        memcpy(id.bytes, key.bytes, sizeof(id.bytes));
        return store_load_device(check->txn, &id, &device)
                       ? wrong(check, DB_DEVICE, key, "points to no device")
                       : 0;
}

static int check_owner_row(const struct check *check, struct span key, struct span value) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];

        if (key.size < sizeof(uint32_t) || owner_read(span_after(key, sizeof(uint32_t)), realm, user))
                return wrong(check, DB_OWNER, key, "names nobody");
        return 0;
}

static int check_key_row(const struct check *check, struct span key, struct span value) {
        return key.size > KID_MAX || value.size > RECORD_MAX ? wrong(check, DB_KEY, key, "too long") : 0;
}

static int check_retired_row(const struct check *check, struct span key, struct span value) {
        uint64_t sequence, index;

        return retired_read(key, value, &sequence, &index) ? wrong(check, DB_RETIRED, key, "unreadable") : 0;
}

static int check_lock_row(const struct check *check, struct span key, struct span value) {
        return lock_row_check(key, value) ? wrong(check, DB_LOCK, key, "neither a lockout nor a source") : 0;
}

static int check_meta_row(const struct check *check, struct span key, struct span value) {
        return password_row_check(key, value) ? wrong(check, DB_META, key, "no change of a password") : 0;
}

static bool is_behind(struct span key, const struct store_cursor *last) {
        int order = memcmp(key.bytes, last->last, key.size < last->size ? key.size : last->size);

        return !last->started || order > 0 || (order == 0 && key.size > last->size);
}

/* Where pages lead to each other at random, a walk could go on for ages: where keys grow, it ends. */
static int check_rows(const struct check *check, enum database db,
        int (*check_row)(const struct check *, struct span, struct span)) {
        struct store_cursor cursor = { 0 };
        struct span key, value;
        int r;

        do {
                struct store_cursor last = cursor;

                r = row_next(check->txn, db, SPAN_EMPTY, &cursor, &key, &value);
                if (!r && !is_behind(key, &last))
                        r = wrong(check, db, key, "stands behind a later one");
                if (!r)
                        r = check_row(check, key, value);
        } while (!r);
        return r == STORE_END ? 0 : r;
}

int store_check(struct store_txn *txn, char *ret_error, size_t size) {
        const struct check check = { .txn = txn, .error = ret_error, .size = size };
        int r;

        r = check_rows(&check, DB_USER, check_user_row);
        if (!r)
                r = check_rows(&check, DB_SID, check_sid_row);
        if (!r)
                r = check_rows(&check, DB_LEADER, check_leader_row);
        if (!r)
                r = check_rows(&check, DB_DEADLINE, check_deadline_row);
        if (!r)
                r = check_rows(&check, DB_DEVICE, check_device_row);
        if (!r)
                r = check_rows(&check, DB_OWNER, check_owner_row);
        if (!r)
                r = check_rows(&check, DB_KEY, check_key_row);
        if (!r)
                r = check_rows(&check, DB_RETIRED, check_retired_row);
        if (!r)
                r = check_rows(&check, DB_LOCK, check_lock_row);
        if (!r)
                r = check_rows(&check, DB_HISTORY, check_history_row);
        if (!r)
                r = check_rows(&check, DB_META, check_meta_row);
        return r;
}
