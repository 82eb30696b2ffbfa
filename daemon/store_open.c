/* store_open: from a folder to a store: the environment, its databases, its schema. */
#include "daemon/store_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"

/* Address space, not memory or disk: changing it later would need every reader to stop. */
#define MAP_SIZE_DEFAULT (UINT64_C(64) << 30)

/* The daemon has one reader; the rest is for mdb_stat and mdb_copy, and for those killed until they are
 * cleared. */
#define READERS_MAX 32

/* Room to grow for further databases; LMDB asks for the number before it opens. */
#define DATABASES_MAX 16

static const char *const database_names[_DB_MAX] = {
        [DB_USER] = "user",
        [DB_SID] = "sid",
        [DB_LEADER] = "leader",
        [DB_DEADLINE] = "deadline",
        [DB_DEVICE] = "device",
        [DB_OWNER] = "owner",
        [DB_KEY] = "key",
        [DB_RETIRED] = "retired",
        [DB_LOCK] = "lock",
        [DB_HISTORY] = "history",
        [DB_META] = "meta",
};

const char *store_database_name(enum database db) {
        return database_names[db];
}

static const struct span schema_row = { (const uint8_t *) "schema", 6 };
static const struct span id_row = { (const uint8_t *) "id", 2 };

static int open_env(struct store *store, const char *dir, size_t map_size) {
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        int fd, r;

        r = mdb_env_create(&store->env);
        if (!r)
                r = mdb_env_set_mapsize(store->env, (map_size + page - 1) / page * page);
        if (!r)
                r = mdb_env_set_maxreaders(store->env, READERS_MAX);
        if (!r)
                r = mdb_env_set_maxdbs(store->env, DATABASES_MAX);
        /* No WRITEMAP: it forbids nested transactions. Nothing that puts off a sync: a commit is a
         * promise. */
        if (!r)
                r = mdb_env_open(store->env, dir, MDB_NOTLS, 0600);
        if (!r)
                r = mdb_env_get_fd(store->env, &fd);
        if (r)
                return store_error(r);

        /* LMDB 0.9.24 leaves this one descriptor to every program that is run; and a restored file may be
         * anybody's to read, though private keys are in it */
        return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fchmod(fd, 0600) < 0 ? -errno : 0;
}

static int write_meta(struct store_txn *txn) {
        uint32_t version = htole32(STORE_SCHEMA_VERSION);
        uint8_t id[16];
        int r;

        if (getrandom(id, sizeof(id), 0) != (ssize_t) sizeof(id))
                return -EIO;

        r = row_put(txn, DB_META, schema_row, (struct span){ (uint8_t *) &version, sizeof(version) });
        if (!r)
                r = row_put(txn, DB_META, id_row, (struct span){ id, sizeof(id) });
        return r;
}

static int read_meta(struct store_txn *txn) {
        uint32_t version = htole32(STORE_SCHEMA_VERSION);
        struct span value;
        int r;

        r = row_get(txn, DB_META, schema_row, &value);
        if (r < 0)
                return r;
        if (r || !span_equal(value, (struct span){ (uint8_t *) &version, sizeof(version) }))
                return -EPROTO;

        r = row_get(txn, DB_META, id_row, &value);
        if (r < 0)
                return r;
        if (r || value.size != sizeof(txn->store->id))
                return -EPROTO;
        memcpy(txn->store->id, value.bytes, value.size);
        return 0;
}

/* Only an empty file becomes a store: a schema is judged before anything is made in it. */
static int open_databases(struct store_txn *txn) {
        struct store *store = txn->store;
        unsigned flags = 0;
        MDB_stat st;
        int r;

        r = mdb_dbi_open(txn->mdb, NULL, 0, &store->main_db);
        if (!r)
                r = mdb_stat(txn->mdb, store->main_db, &st);
        if (r)
                return store_error(r);
        if (st.ms_entries == 0)
                flags = MDB_CREATE;

        r = mdb_dbi_open(txn->mdb, database_names[DB_META], flags, &store->dbs[DB_META]);
        if (r)
                return r == MDB_NOTFOUND || r == MDB_INCOMPATIBLE ? -EPROTO : store_error(r);
        r = flags ? write_meta(txn) : 0;
        if (!r)
                r = read_meta(txn);
        if (r)
                return r;

        for (enum database db = 0; db < _DB_MAX; db++) {
                r = mdb_dbi_open(txn->mdb, database_names[db], flags, &store->dbs[db]);
                if (r)
                        return r == MDB_NOTFOUND ? -EIO : store_error(r);
        }
        return 0;
}

static int open_schema(struct store *store) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_turn(store, &txn);
        if (!r)
                r = open_databases(txn);
        if (!r)
                r = store_commit(&txn);
        return r;
}

/* Begun once and reset, so that no later read can fail for want of a slot or of memory. */
static int open_reader(struct store *store) {
        int r;

        r = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader.mdb);
        if (r)
                return store_error(r);
        mdb_txn_reset(store->reader.mdb);
        return 0;
}

int store_open(const char *dir, size_t map_size, struct store **ret, pid_t *ret_holder) {
        _cleanup_(store_close) struct store *store = NULL;
        _cleanup_(cleanup_close) int dir_fd = -1;
        int r;

        store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;
        store->lock_fd = -1;
        store->reader = (struct store_txn){ .store = store, .kind = TXN_READ };

        r = store_open_dir(dir, &dir_fd);
        if (!r)
                r = store_lock_dir(dir_fd, &store->lock_fd, ret_holder);
        if (!r)
                r = open_env(store, dir, map_size ? map_size : MAP_SIZE_DEFAULT);
        if (!r)
                r = open_schema(store);
        if (!r)
                r = fsync(dir_fd) < 0 ? -errno : 0;
        if (!r)
                r = store_check_readers(store);
        if (!r)
                r = open_reader(store);
        if (r)
                return r;
        *ret = TAKE(store);
        return 0;
}
