/* store_history: events under their sequence, and where each user's newest is. */
#include "daemon/store_private.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sequence_key {
        uint8_t bytes[SEQUENCE_SIZE];
        size_t size;
};

static struct sequence_key sequence_key(uint64_t sequence) {
        struct sequence_key key = { .size = SEQUENCE_SIZE };
        uint64_t be = htobe64(sequence);

        memcpy(key.bytes, &be, sizeof(be));
        return key;
}

static int sequence_read(struct span bytes, uint64_t *ret) {
        uint64_t be;

        if (bytes.size != sizeof(be))
                return -EBADMSG;
        memcpy(&be, bytes.bytes, sizeof(be));
        *ret = be64toh(be);
        return *ret > 0 ? 0 : -EBADMSG;
}

int newest_read(struct span value, uint64_t *ret_sequence) {
        return sequence_read(value, ret_sequence);
}

int history_row_read(struct span key, struct span value, uint64_t *ret_sequence, struct history_row *ret) {
        uint64_t sequence;
        int r;

        r = sequence_read(key, &sequence);
        if (!r)
                r = record_read_history(value.bytes, value.size, ret);
        if (r)
                return r;
        *ret_sequence = sequence;
        return 0;
}

/* ---- finding ---- */

int store_newest_event(struct store_txn *txn, uint64_t *ret_sequence) {
        struct span key;
        int r;

        r = row_last(txn, DB_HISTORY, &key);
        if (r)
                return r < 0 ? r : STORE_NOT_FOUND;
        return sequence_read(key, ret_sequence);
}

int store_newest_event_of_user(
        struct store_txn *txn, const char *realm, const char *user, uint64_t *ret_sequence) {
        struct record_key key;
        struct span value;
        int r;

        if (!names_fit(realm, user))
                return STORE_NOT_FOUND;
        record_key_newest(realm, user, &key);
        r = row_get(txn, DB_USER, SPAN(key), &value);
        return r ? r : newest_read(value, ret_sequence);
}

int store_find_event(
        struct store_txn *txn, uint64_t sequence, struct event *ret, uint64_t *ret_previous_of_user) {
        const struct sequence_key key = sequence_key(sequence);
        struct history_row row;
        struct span value;
        uint64_t found;
        int r;

        r = row_get(txn, DB_HISTORY, SPAN(key), &value);
        if (!r)
                r = history_row_read(SPAN(key), value, &found, &row);
        if (r)
                return r;
        *ret = row.event;
        *ret_previous_of_user = row.previous < sequence ? row.previous : 0;
        return 0;
}

int store_event_before(struct store_txn *txn, uint64_t sequence, uint64_t *ret_sequence) {
        const struct sequence_key key = sequence_key(sequence);
        struct span found;
        int r;

        r = row_before(txn, DB_HISTORY, SPAN(key), &found);
        if (r)
                return r < 0 ? r : STORE_NOT_FOUND;
        return sequence_read(found, ret_sequence);
}

int store_oldest_event(struct store_txn *txn, uint64_t *ret_sequence, struct event *ret) {
        struct history_row row;
        struct span key, value;
        int r;

        r = row_seek(txn, DB_HISTORY, SPAN_EMPTY, false, &key, &value);
        if (r)
                return r < 0 ? r : STORE_NOT_FOUND;
        r = history_row_read(key, value, ret_sequence, &row);
        if (r)
                return r;
        *ret = row.event;
        return 0;
}

int store_count_events(struct store_txn *txn, uint64_t *ret) {
        MDB_stat st;
        int r;

        r = mdb_stat(txn->mdb, txn->store->dbs[DB_HISTORY], &st);
        if (r)
                return store_error(r);
        *ret = st.ms_entries;
        return 0;
}

/* ---- writing ---- */

int store_has_room(struct store_txn *txn) {
        int r = store_may_open(txn);

        return r == -ENOSPC ? 0 : r < 0 ? r : 1;
}

static int put_newest(struct store_txn *txn, const struct event *event, uint64_t sequence) {
        const struct sequence_key value = sequence_key(sequence);
        struct record_key key;

        record_key_newest(event->realm, event->user, &key);
        return row_put(txn, DB_USER, SPAN(key), SPAN(value));
}

int store_add_event(struct store_txn *txn, const struct event *event) {
        bool is_of_user = *event->user && names_fit(event->realm, event->user);
        struct history_row row = { .event = *event };
        uint8_t record[RECORD_MAX];
        struct sequence_key key;
        uint64_t newest = 0;
        size_t size;
        int r;

        r = store_may_open(txn);
        if (r)
                return r;
        r = store_newest_event(txn, &newest);
        if (r < 0)
                return r;
        r = is_of_user ? store_newest_event_of_user(txn, event->realm, event->user, &row.previous) : 0;
        if (r < 0)
                return r;
        r = record_write_history(&row, record, sizeof(record), &size);
        if (r)
                return r;
        key = sequence_key(newest + 1);
        r = row_append(txn, DB_HISTORY, SPAN(key), (struct span){ record, size });
        if (!r && is_of_user)
                r = put_newest(txn, event, newest + 1);
        return r;
}

int store_put_event(struct store_txn *txn, uint64_t sequence, const struct event *event) {
        const struct sequence_key key = sequence_key(sequence);
        struct history_row row;
        uint8_t record[RECORD_MAX];
        struct span value;
        uint64_t found;
        size_t size;
        int r;

        r = row_get(txn, DB_HISTORY, SPAN(key), &value);
        if (!r)
                r = history_row_read(SPAN(key), value, &found, &row);
        if (r)
                return r;
        row.event = *event;
        r = record_write_history(&row, record, sizeof(record), &size);
        return r ? r : row_put(txn, DB_HISTORY, SPAN(key), (struct span){ record, size });
}

/* The user's list begins with that row from now on; 0, or one that was dropped: he has none. */
static int lead_to(struct store_txn *txn, const struct event *event, uint64_t sequence) {
        uint64_t before;
        struct record_key key;
        struct event found;
        int r = STORE_NOT_FOUND;

        if (sequence > 0)
                r = store_find_event(txn, sequence, &found, &before);
        if (r < 0)
                return r;
        if (r == 0)
                return put_newest(txn, event, sequence);
        record_key_newest(event->realm, event->user, &key);
        r = row_remove(txn, DB_USER, SPAN(key));
        return r < 0 ? r : 0;
}

static int blank_event(
        struct store_txn *txn, uint64_t sequence, const struct event *former, const char *kind) {
        const struct sequence_key key = sequence_key(sequence);
        struct history_row row = { .event = { .wall = former->wall,
                                           .uid = EVENT_UID_NONE,
                                           .initiator = former->initiator,
                                           .count = 1 } };
        uint8_t record[RECORD_MAX];
        size_t size;
        int r;

        snprintf(row.event.kind, sizeof(row.event.kind), "%s", kind);
        r = record_write_history(&row, record, sizeof(record), &size);
        return r ? r : row_put(txn, DB_HISTORY, SPAN(key), (struct span){ record, size });
}

int store_drop_newest_event_of_user(
        struct store_txn *txn, const char *realm, const char *user, const char *kind) {
        uint64_t sequence, previous, newest;
        struct sequence_key key;
        struct event event;
        int r;

        r = store_newest_event_of_user(txn, realm, user, &sequence);
        if (!r)
                r = store_find_event(txn, sequence, &event, &previous);
        if (!r)
                r = store_newest_event(txn, &newest);
        if (!r)
                r = lead_to(txn, &event, previous);
        if (r)
                return r;
        if (sequence == newest)
                return blank_event(txn, sequence, &event, kind);
        key = sequence_key(sequence);
        return row_remove(txn, DB_HISTORY, SPAN(key));
}

/* When its user has no later one. */
static int forget_newest(struct store_txn *txn, const struct event *event, uint64_t sequence) {
        struct record_key key;
        uint64_t newest;
        int r;

        r = store_newest_event_of_user(txn, event->realm, event->user, &newest);
        if (r)
                return r < 0 && r != -EBADMSG ? r : 0;
        if (newest != sequence)
                return 0;
        record_key_newest(event->realm, event->user, &key);
        r = row_remove(txn, DB_USER, SPAN(key));
        return r < 0 ? r : 0;
}

int store_drop_oldest_event(struct store_txn *txn) {
        uint64_t sequence, newest;
        struct sequence_key key;
        struct event event;
        int r;

        r = store_newest_event(txn, &newest);
        if (!r)
                r = store_oldest_event(txn, &sequence, &event);
        if (!r && sequence == newest)
                r = STORE_NOT_FOUND;
        if (!r)
                r = forget_newest(txn, &event, sequence);
        if (r)
                return r;
        key = sequence_key(sequence);
        return row_remove(txn, DB_HISTORY, SPAN(key));
}
