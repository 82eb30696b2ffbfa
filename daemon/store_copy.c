/* store_copy: a copy of the store, row by row into a file of its own, so that nothing is in it but what
 * belongs there: LMDB's own copy would take the private keys along, and pages of the past with them. And
 * what becomes of a copy that is used. */
#include "daemon/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/hook.h"

#define ROWS_PER_COMMIT 16384
#define ROOM_LEFT       (UINT64_C(1) << 20) /* bytes, beside the copy: for logins that go on */

static const struct span copy_row = { (const uint8_t *) "copy", 4 };

/* Not the keys; nor what only matters as long as they do. Of meta the copy has rows of its own. */
static bool is_copied(enum database db) {
        return db != DB_KEY && db != DB_RETIRED && db != DB_META;
}

struct copying {
        MDB_txn *from;
        struct store *store; /* it comes from */
        struct store *to;
        struct store_txn *txn; /* of to */
        unsigned n_rows;       /* in it */
        const atomic_bool *cancel;
};

static void cleanup_copying(struct copying *copying) {
        store_abort(&copying->txn);
        store_close(&copying->to);
        if (copying->from)
                mdb_txn_abort(copying->from);
}

static int commit_rows(struct copying *copying) {
        int r;

        if (atomic_load(copying->cancel))
                return -ECANCELED;
        r = store_commit(&copying->txn);
        copying->n_rows = 0;
        return r ? r : store_begin_turn(copying->to, &copying->txn);
}

/* They come in the order of their keys, so each goes behind the last one. */
static int append_row(struct copying *copying, enum database db, MDB_val *key, MDB_val *value) {
        int r;

        r = mdb_put(copying->txn->mdb, copying->to->dbs[db], key, value, MDB_APPEND);
        if (r)
                return store_error(r);
        return ++copying->n_rows < ROWS_PER_COMMIT ? 0 : commit_rows(copying);
}

static void cleanup_cursor(MDB_cursor **cursor) {
        if (*cursor)
                mdb_cursor_close(*cursor);
}

static int copy_rows(struct copying *copying, enum database db) {
        _cleanup_(cleanup_cursor) MDB_cursor *cursor = NULL;
        MDB_val key, value;
        int r;

        r = mdb_cursor_open(copying->from, copying->store->dbs[db], &cursor);
        if (r)
                return store_error(r);
        while ((r = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
                r = append_row(copying, db, &key, &value);
                if (r)
                        return r;
        }
        return r == MDB_NOTFOUND ? 0 : store_error(r);
}

/* A disk that the copy fills would take no login any more. */
static int check_room(struct copying *copying, const char *path) {
        struct store_txn source = { .store = copying->store, .kind = TXN_READ, .mdb = copying->from };
        size_t used, all;
        struct statvfs fs;
        MDB_stat st;
        int r;

        r = store_count_pages(&source, &used, &all);
        if (!r)
                r = store_error(mdb_env_stat(copying->store->env, &st));
        if (r)
                return r;
        if (statvfs(path, &fs) < 0)
                return -errno;
        return (uint64_t) fs.f_bavail * fs.f_frsize < (uint64_t) used * st.ms_psize + ROOM_LEFT ? -ENOSPC : 0;
}

static int write_copy(struct store *store, const char *path, const atomic_bool *cancel, struct store **ret) {
        _cleanup_(cleanup_copying) struct copying copying = { .store = store, .cancel = cancel };
        int r;

        r = store_error(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &copying.from));
        if (!r)
                r = check_room(&copying, path);
        HOOK("copy-begun");
        if (!r)
                r = store_make_file(path, &copying.to);
        if (!r)
                r = store_begin_turn(copying.to, &copying.txn);
        if (!r)
                r = store_mark_copy(copying.txn);
        for (enum database db = 0; !r && db < _DB_MAX; db++)
                if (is_copied(db))
                        r = copy_rows(&copying, db);
        if (!r)
                r = store_commit(&copying.txn);
        HOOK("copy-written");
        if (!r)
                r = store_error(mdb_env_sync(copying.to->env, 1));
        if (r)
                return r;
        *ret = TAKE(copying.to);
        return 0;
}

/* What could not be restored is no backup. */
static int check_copy(struct store *copy, char *ret_error, size_t size) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_read(copy, &txn);
        return r ? r : store_check(txn, ret_error, size);
}

int store_copy(
        struct store *store, const char *path, const atomic_bool *cancel, char *ret_error, size_t size) {
        _cleanup_(store_close) struct store *copy = NULL;
        int fd, r;

        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        close(fd);
        r = write_copy(store, path, cancel, &copy);
        if (!r)
                r = check_copy(copy, ret_error, size);
        if (r)
                (void) unlink(path);
        return r;
}

/* ---- a copy that is used ---- */

int store_mark_copy(struct store_txn *txn) {
        return row_put(txn, DB_META, copy_row, (struct span){ (const uint8_t *) "", 1 });
}

int store_is_copy(struct store_txn *txn) {
        struct span value;
        int r;

        r = row_get(txn, DB_META, copy_row, &value);
        return r < 0 ? r : r == 0;
}

int store_is_blank(struct store_txn *txn) {
        struct span key, value;
        int r;

        r = row_seek(txn, DB_KEY, SPAN_EMPTY, false, &key, &value);
        return r < 0 ? r : r == STORE_END;
}

int store_renew(struct store_txn *txn) {
        int r;

        r = keys_forget(txn);
        if (!r)
                r = retired_forget(txn);
        if (!r)
                r = store_put_id(txn);
        return r ? r : store_mark_copy(txn);
}

int store_end_renewal(struct store_txn *txn) {
        int r;

        r = row_remove(txn, DB_META, copy_row);
        return r < 0 ? r : 0;
}
