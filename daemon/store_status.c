/* store_status: the indices that sessions had on the status page, which must rest while any key is published
 * that may have signed a token with them; and the sequence number of the key that signs. Rows are only ever
 * added at the end and taken from the front, so that an end touches one page more. */
#include "daemon/store_private.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static const struct span sequence_row = { (const uint8_t *) "sequence", 8 };

struct retired_key {
        uint64_t sequence_be;
        uint64_t counter_be;
};

static int read_number(struct span value, uint64_t *ret) {
        uint64_t le;

        if (value.size != sizeof(le))
                return -EBADMSG;
        memcpy(&le, value.bytes, sizeof(le));
        *ret = le64toh(le);
        return 0;
}

static int read_key(struct span key, uint64_t *ret_sequence, uint64_t *ret_counter) {
        struct retired_key retired;

        if (key.size != sizeof(retired))
                return -EBADMSG;
        memcpy(&retired, key.bytes, sizeof(retired));
        *ret_sequence = be64toh(retired.sequence_be);
        *ret_counter = be64toh(retired.counter_be);
        return 0;
}

int retired_read(struct span key, struct span value, uint64_t *ret_sequence, uint64_t *ret_index) {
        uint64_t counter;
        int r;

        r = read_key(key, ret_sequence, &counter);
        return r ? r : read_number(value, ret_index);
}

static int find_sequence(struct store_txn *txn, uint64_t *ret) {
        struct span value;
        int r;

        *ret = 0;
        r = row_get(txn, DB_META, sequence_row, &value);
        if (r)
                return r < 0 ? r : 0;
        return read_number(value, ret);
}

int store_put_key_sequence(struct store_txn *txn, uint64_t sequence) {
        uint64_t le = htole64(sequence), known;
        int r;

        r = find_sequence(txn, &known);
        if (r || known == sequence)
                return r;
        return row_put(txn, DB_META, sequence_row, (struct span){ (uint8_t *) &le, sizeof(le) });
}

/* Behind the last row, whatever the sequence says: one that went back would only rest longer. */
int retire_index(struct store_txn *txn, uint64_t index) {
        uint64_t sequence, last_sequence = 0, counter = 0, le = htole64(index);
        struct retired_key retired;
        struct span last;
        int r;

        r = find_sequence(txn, &sequence);
        if (r)
                return r;
        r = row_last(txn, DB_RETIRED, &last);
        if (r < 0)
                return r;
        if (r == 0) {
                r = read_key(last, &last_sequence, &counter);
                if (r)
                        return r;
        }
        retired = (struct retired_key){
                .sequence_be = htobe64(last_sequence > sequence ? last_sequence : sequence),
                .counter_be = htobe64(last_sequence >= sequence ? counter + 1 : 1),
        };
        return row_put(txn, DB_RETIRED, (struct span){ (uint8_t *) &retired, sizeof(retired) },
                (struct span){ (uint8_t *) &le, sizeof(le) });
}

int store_next_retired(struct store_txn *txn, struct store_cursor *cursor, uint64_t *ret_index) {
        struct span key, value;
        uint64_t sequence;
        int r;

        r = row_next(txn, DB_RETIRED, SPAN_EMPTY, cursor, &key, &value);
        return r ? r : retired_read(key, value, &sequence, ret_index);
}

static int first_retired(
        struct store_txn *txn, uint64_t *ret_sequence, uint64_t *ret_index, struct span *ret_key) {
        struct span value;
        int r;

        r = row_seek(txn, DB_RETIRED, SPAN_EMPTY, false, ret_key, &value);
        return r ? r : retired_read(*ret_key, value, ret_sequence, ret_index);
}

int store_has_retired(struct store_txn *txn, uint64_t below) {
        uint64_t sequence, index;
        struct span key;
        int r;

        r = first_retired(txn, &sequence, &index, &key);
        if (r)
                return r < 0 ? r : 0;
        return sequence < below;
}

int store_take_retired(struct store_txn *txn, uint64_t below, uint64_t *indices, size_t max, size_t *ret_n) {
        size_t n = 0;

        while (n < max) {
                uint8_t name[sizeof(struct retired_key)];
                int r;
                uint64_t sequence, index;
                struct span key;

                r = first_retired(txn, &sequence, &index, &key);
                if (r < 0)
                        return r;
                if (r == STORE_END || sequence >= below)
                        break;
                memcpy(name, key.bytes, sizeof(name)); /* the page is written while the row goes */
                r = row_remove(txn, DB_RETIRED, (struct span){ name, sizeof(name) });
                if (r)
                        return r < 0 ? r : -EIO;
                indices[n++] = index;
        }
        *ret_n = n;
        return 0;
}

int retired_forget(struct store_txn *txn) {
        int r;

        r = row_remove_all(txn, DB_RETIRED);
        if (r == 0)
                r = row_remove(txn, DB_META, sequence_row);
        return r < 0 ? r : 0;
}

int store_last_transaction(const struct store *store, uint64_t *ret) {
        MDB_envinfo info;
        int r;

        r = mdb_env_info(store->env, &info);
        if (r)
                return store_error(r);
        *ret = info.me_last_txnid;
        return 0;
}
