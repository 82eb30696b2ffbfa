/* store_row: one row of one database: the only calls to LMDB that read or write data, and what its errors
 * are called here. */
#include "daemon/store_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "client/cleanup.h"

int store_error(int r) {
        switch (r) {
        case 0:
                return 0;
        case MDB_MAP_FULL:
        case MDB_TXN_FULL: /* as with a full map, fewer changes at a time may do */
        case EDQUOT:
        case EFBIG: /* a limit on the size of files */
                return -ENOSPC;
        case MDB_KEYEXIST:
                return -EEXIST;
        case MDB_READERS_FULL:
        case MDB_DBS_FULL:
                return -EMFILE;
        case MDB_VERSION_MISMATCH:
                return -EPROTO;
        default:
                /* A positive one is an errno; what is left of LMDB's own says that the file or our use of
                 * it is broken */
                return r > 0 ? -r : -EIO;
        }
}

bool span_equal(struct span a, struct span b) {
        return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

bool span_has_prefix(struct span s, struct span prefix) {
        return s.size >= prefix.size && memcmp(s.bytes, prefix.bytes, prefix.size) == 0;
}

struct span span_after(struct span s, size_t size) {
        assert(size <= s.size);
        return (struct span){ s.bytes + size, s.size - size };
}

static MDB_val val_of(struct span s) {
        return (MDB_val){ .mv_size = s.size, .mv_data = (void *) s.bytes };
}

static struct span span_of(MDB_val v) {
        return (struct span){ .bytes = v.mv_data, .size = v.mv_size };
}

/* Whatever LMDB fails with, what the transaction was about to do may be half done from here on. */
static int failed(struct store_txn *txn, int r) {
        r = store_error(r);
        if (txn->kind != TXN_READ && !txn->error)
                txn->error = r;
        return r;
}

int row_get(struct store_txn *txn, enum database db, struct span key, struct span *ret_value) {
        MDB_val k = val_of(key), v;
        int r;

        r = mdb_get(txn->mdb, txn->store->dbs[db], &k, &v);
        if (r)
                return r == MDB_NOTFOUND ? STORE_NOT_FOUND : failed(txn, r);
        *ret_value = span_of(v);
        return 0;
}

int row_put(struct store_txn *txn, enum database db, struct span key, struct span value) {
        MDB_val k = val_of(key), v = val_of(value);
        int r;

        r = mdb_put(txn->mdb, txn->store->dbs[db], &k, &v, 0);
        return r ? failed(txn, r) : 0;
}

int row_append(struct store_txn *txn, enum database db, struct span key, struct span value) {
        MDB_val k = val_of(key), v = val_of(value);
        int r;

        r = mdb_put(txn->mdb, txn->store->dbs[db], &k, &v, MDB_APPEND);
        return r ? failed(txn, r) : 0;
}

int row_remove(struct store_txn *txn, enum database db, struct span key) {
        MDB_val k = val_of(key);
        int r;

        r = mdb_del(txn->mdb, txn->store->dbs[db], &k, NULL);
        if (r == MDB_NOTFOUND)
                return STORE_NOT_FOUND;
        return r ? failed(txn, r) : 0;
}

int row_remove_all(struct store_txn *txn, enum database db) {
        int r;

        r = mdb_drop(txn->mdb, txn->store->dbs[db], 0);
        return r ? failed(txn, r) : 0;
}

static void cleanup_cursor(MDB_cursor **cursor) {
        if (*cursor)
                mdb_cursor_close(*cursor);
}

int row_seek(struct store_txn *txn, enum database db, struct span key, bool after, struct span *ret_key,
        struct span *ret_value) {
        _cleanup_(cleanup_cursor) MDB_cursor *cursor = NULL;
        MDB_val k = val_of(key), v;
        int r;

        r = mdb_cursor_open(txn->mdb, txn->store->dbs[db], &cursor);
        if (r)
                return failed(txn, r);

        /* LMDB has no empty keys */
        r = mdb_cursor_get(cursor, &k, &v, key.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
        if (!r && after && span_equal(span_of(k), key))
                r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        if (r)
                return r == MDB_NOTFOUND ? STORE_END : failed(txn, r);
        *ret_key = span_of(k);
        *ret_value = span_of(v);
        return 0;
}

int row_last(struct store_txn *txn, enum database db, struct span *ret_key) {
        _cleanup_(cleanup_cursor) MDB_cursor *cursor = NULL;
        MDB_val k, v;
        int r;

        r = mdb_cursor_open(txn->mdb, txn->store->dbs[db], &cursor);
        if (r)
                return failed(txn, r);

        r = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
        if (r)
                return r == MDB_NOTFOUND ? STORE_END : failed(txn, r);
        *ret_key = span_of(k);
        return 0;
}

int row_before(struct store_txn *txn, enum database db, struct span key, struct span *ret_key) {
        _cleanup_(cleanup_cursor) MDB_cursor *cursor = NULL;
        MDB_val k = val_of(key), v;
        int r;

        r = mdb_cursor_open(txn->mdb, txn->store->dbs[db], &cursor);
        if (r)
                return failed(txn, r);

        r = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (r == 0)
                r = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
        else if (r == MDB_NOTFOUND)
                r = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
        if (r)
                return r == MDB_NOTFOUND ? STORE_END : failed(txn, r);
        *ret_key = span_of(k);
        return 0;
}

void row_end_walk(struct store_txn *txn) {
        if (txn->walk)
                mdb_cursor_close(txn->walk);
        txn->walk = NULL;
}

static int begin_walk(struct store_txn *txn, enum database db) {
        int r;

        if (txn->walk && txn->walk_db == db)
                return 0;
        row_end_walk(txn);
        r = mdb_cursor_open(txn->mdb, txn->store->dbs[db], &txn->walk);
        if (r)
                txn->walk = NULL;
        txn->walk_db = db;
        return r ? failed(txn, r) : 0;
}

/* The row that the walk stands on: it was the last one seen, if nothing has moved since. */
static bool walk_is_at(struct store_txn *txn, struct span key) {
        MDB_val k, v;

        return mdb_cursor_get(txn->walk, &k, &v, MDB_GET_CURRENT) == 0 && span_equal(span_of(k), key);
}

/* A step to the next row costs a tenth of looking for it from the root. */
static int step(struct store_txn *txn, enum database db, const struct store_cursor *cursor,
        struct span *ret_key, struct span *ret_value) {
        const struct span last = { cursor->last, cursor->size };
        MDB_val k = val_of(last), v;
        int r;

        r = begin_walk(txn, db);
        if (r)
                return r;
        if (walk_is_at(txn, last))
                r = mdb_cursor_get(txn->walk, &k, &v, MDB_NEXT);
        else {
                r = mdb_cursor_get(txn->walk, &k, &v, MDB_SET_RANGE);
                if (!r && span_equal(span_of(k), last))
                        r = mdb_cursor_get(txn->walk, &k, &v, MDB_NEXT);
        }
        if (r)
                return r == MDB_NOTFOUND ? STORE_END : failed(txn, r);
        *ret_key = span_of(k);
        *ret_value = span_of(v);
        return 0;
}

int row_next(struct store_txn *txn, enum database db, struct span prefix, struct store_cursor *cursor,
        struct span *ret_key, struct span *ret_value) {
        struct span key, value;
        int r;

        r = cursor->started ? step(txn, db, cursor, &key, &value)
                            : row_seek(txn, db, prefix, false, &key, &value);
        if (r)
                return r;
        if (!span_has_prefix(key, prefix))
                return STORE_END;

        assert(key.size <= sizeof(cursor->last));
        memcpy(cursor->last, key.bytes, key.size);
        cursor->size = key.size;
        cursor->started = true;
        *ret_key = key;
        *ret_value = value;
        return 0;
}
