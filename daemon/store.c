/* store: transactions, and how full it is. Opening is in store_open, rows in store_row, their meaning in the
 * other files. */
#include "daemon/store_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

/* What ends may still use when opens are refused: a tenth, and in a tiny map what a few changes need,
 * since the pages that two transactions freed are not yet free for the third. */
#define RESERVE_PAGES_MIN 64

void store_close(struct store **store) {
        struct store *s = TAKE(*store);

        if (!s)
                return;
        assert(!s->reader.busy);

        if (s->reader.mdb)
                mdb_txn_abort(s->reader.mdb);
        if (s->env)
                mdb_env_close(s->env);
        cleanup_close(&s->seen_fd);
        cleanup_close(&s->lock_fd); /* last: who has the lock has the map */
        free(s);
}

void store_id(const struct store *store, uint8_t ret[static 16]) {
        memcpy(ret, store->id, sizeof(store->id));
}

int store_check_readers(struct store *store) {
        int dead;

        return store_error(mdb_reader_check(store->env, &dead));
}

/* ---- transactions ---- */

int store_begin_read(struct store *store, struct store_txn **ret) {
        int r;

        if (store->reader.busy)
                return -EBUSY;

        r = mdb_txn_renew(store->reader.mdb);
        if (r)
                return store_error(r);
        store->reader.busy = true;
        *ret = &store->reader;
        return 0;
}

uint64_t store_sees(const struct store_txn *txn) {
        return mdb_txn_id(txn->mdb);
}

static int begin_write(struct store *store, struct store_txn *turn, struct store_txn **ret) {
        struct store_txn *txn;
        int r;

        txn = calloc(1, sizeof(*txn));
        if (!txn)
                return -ENOMEM;

        r = mdb_txn_begin(store->env, turn ? turn->mdb : NULL, 0, &txn->mdb);
        if (r) {
                free(txn);
                return store_error(r);
        }
        txn->store = store;
        txn->kind = turn ? TXN_REQUEST : TXN_TURN;
        txn->turn = turn;
        *ret = txn;
        return 0;
}

int store_begin_turn(struct store *store, struct store_txn **ret) {
        return begin_write(store, NULL, ret);
}

int store_begin_request(struct store_txn *turn, struct store_txn **ret) {
        int r;

        assert(turn->kind == TXN_TURN && !turn->busy);
        r = begin_write(turn->store, turn, ret);
        if (r)
                return r;
        turn->busy = true;
        return 0;
}

/* Forgets the transaction, which LMDB has ended. */
static void free_txn(struct store_txn *txn) {
        txn->busy = false;
        if (txn->turn)
                txn->turn->busy = false;
        if (txn->kind != TXN_READ)
                free(txn);
}

void store_abort(struct store_txn **txn) {
        struct store_txn *t = TAKE(*txn);

        if (!t)
                return;
        assert(t->kind == TXN_READ || !t->busy);

        row_end_walk(t);
        if (t->kind == TXN_READ)
                mdb_txn_reset(t->mdb);
        else
                mdb_txn_abort(t->mdb);
        free_txn(t);
}

/* LMDB calls a write that came out short EIO without a failed call behind it: that is how a full disk
 * begins. */
static int commit_error(int r, int call_errno) {
        if (r == EIO && call_errno != EIO)
                return -ENOSPC;
        return store_error(r);
}

int store_commit(struct store_txn **txn) {
        struct store_txn *t = *txn;
        int r;

        assert(t->kind == TXN_READ || !t->busy);
        if (t->error || t->kind == TXN_READ) {
                r = t->error;
                store_abort(txn);
                return r;
        }

        *txn = NULL;
        row_end_walk(t);
        errno = 0;
        r = mdb_txn_commit(t->mdb);
        r = commit_error(r, errno);
        if (r == 0 && t->kind == TXN_TURN)
                store_note_seen(t->store);
        free_txn(t);
        return r;
}

/* ---- how full ---- */

static int add_pages(struct store_txn *txn, MDB_dbi dbi, size_t *pages) {
        MDB_stat st;
        int r;

        r = mdb_stat(txn->mdb, dbi, &st);
        if (r)
                return store_error(r);
        *pages += st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;
        return 0;
}

/* By the trees, not by the end of the file: a file never shrinks, but what ends free is there for opens. */
int store_count_pages(struct store_txn *txn, size_t *ret_used, size_t *ret_all) {
        const MDB_dbi free_list = 0; /* LMDB's own, always open */
        size_t used = 2;             /* the two meta pages */
        MDB_envinfo info;
        MDB_stat st;
        int r;

        r = add_pages(txn, free_list, &used);
        if (!r)
                r = add_pages(txn, txn->store->main_db, &used);
        for (enum database db = 0; !r && db < _DB_MAX; db++)
                r = add_pages(txn, txn->store->dbs[db], &used);
        if (r)
                return r;

        r = mdb_env_info(txn->store->env, &info);
        if (!r)
                r = mdb_stat(txn->mdb, txn->store->main_db, &st);
        if (r)
                return store_error(r);
        *ret_used = used;
        *ret_all = info.me_mapsize / st.ms_psize;
        return 0;
}

int store_may_open(struct store_txn *txn) {
        size_t used, all, reserve;
        int r;

        r = store_count_pages(txn, &used, &all);
        if (r)
                return r;
        reserve = all / 10 > RESERVE_PAGES_MIN ? all / 10 : RESERVE_PAGES_MIN;
        return used + reserve > all ? -ENOSPC : 0;
}

int store_usage(struct store_txn *txn, unsigned *ret_permille) {
        size_t used, all;
        int r;

        r = store_count_pages(txn, &used, &all);
        if (r)
                return r;
        *ret_permille = (unsigned) (used * 1000 / all);
        return 0;
}

static int count_rows(struct store_txn *txn, enum database db, uint64_t *ret) {
        MDB_stat st;
        int r;

        r = mdb_stat(txn->mdb, txn->store->dbs[db], &st);
        if (r)
                return store_error(r);
        *ret = st.ms_entries;
        return 0;
}

int store_count_sessions(struct store_txn *txn, uint64_t *ret) {
        return count_rows(txn, DB_SID, ret);
}

int store_count_devices(struct store_txn *txn, uint64_t *ret) {
        return count_rows(txn, DB_DEVICE, ret);
}
