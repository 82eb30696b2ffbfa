/* store_open: from a folder to a store: the environment, its databases, its schema. */
#include "daemon/store_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

/* Address space, not memory or disk: changing it later would need every reader to stop. */
#define MAP_SIZE_DEFAULT (UINT64_C(64) << 30)

/* The daemon has one reader; the rest is for mdb_stat and mdb_copy, and for those killed until they are
 * cleared. */
#define READERS_MAX 32

/* Room to grow for further databases; LMDB asks for the number before it opens. */
#define DATABASES_MAX 16

#define MADE_NAME ".made"

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
static const struct span writer_row = { (const uint8_t *) "writer", 6 };

/* SESSJWT_TEST_MAP: bytes. */
static size_t usual_map_size(void) {
#ifdef SESSJWT_TEST_HOOKS
        const char *size = getenv("SESSJWT_TEST_MAP");

        if (size)
                return strtoul(size, NULL, 10);
#endif
        return MAP_SIZE_DEFAULT;
}

static int open_env(struct store *store, const char *path, size_t map_size, unsigned flags) {
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
                r = mdb_env_open(store->env, path, MDB_NOTLS | flags, 0600);
        if (!r)
                r = mdb_env_get_fd(store->env, &fd);
        if (r)
                return store_error(r);

        /* LMDB 0.9.24 leaves this one descriptor to every program that is run; and a restored file may be
         * anybody's to read, though private keys are in it */
        return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fchmod(fd, 0600) < 0 ? -errno : 0;
}

int store_put_id(struct store_txn *txn) {
        uint8_t *id = txn->store->id;

        if (getrandom(id, sizeof(txn->store->id), 0) != (ssize_t) sizeof(txn->store->id))
                return -EIO;
        return row_put(txn, DB_META, id_row, (struct span){ id, sizeof(txn->store->id) });
}

/* For whoever cannot read what is written from here on. */
static int put_writer(struct store_txn *txn) {
        const struct span own = { (const uint8_t *) SESSJWT_VERSION, strlen(SESSJWT_VERSION) };
        struct span known;
        int r;

        r = row_get(txn, DB_META, writer_row, &known);
        if (r < 0)
                return r;
        return r == 0 && span_equal(known, own) ? 0 : row_put(txn, DB_META, writer_row, own);
}

static int write_meta(struct store_txn *txn) {
        uint32_t version = htole32(STORE_SCHEMA_VERSION);
        int r;

        r = row_put(txn, DB_META, schema_row, (struct span){ (uint8_t *) &version, sizeof(version) });
        return r ? r : store_put_id(txn);
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
        if (!r)
                r = put_writer(txn);
        if (r)
                return r;

        for (enum database db = 0; db < _DB_MAX; db++) {
                r = mdb_dbi_open(txn->mdb, database_names[db], flags, &store->dbs[db]);
                if (r)
                        return r == MDB_NOTFOUND ? -EIO : store_error(r);
        }
        return 0;
}

/* A process that was killed may have left in memory, for all to read, what it had not synced: whoever answers
 * by that would lose it with the power. */
static int sync_what_is_there(struct store *store) {
        return store_error(mdb_env_sync(store->env, 1));
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

static struct store *new_store(void) {
        struct store *store = calloc(1, sizeof(*store));

        if (!store)
                return NULL;
        store->lock_fd = store->seen_fd = -1;
        store->reader = (struct store_txn){ .store = store, .kind = TXN_READ };
        return store;
}

/* ---- a store in one file ---- */

/* LMDB looks at pages through a mapping: one that the file does not reach would end us. */
static int check_size(struct store *store) {
        MDB_envinfo info;
        MDB_stat st;
        struct stat file;
        int fd, r;

        r = mdb_env_info(store->env, &info);
        if (!r)
                r = mdb_env_stat(store->env, &st);
        if (!r)
                r = mdb_env_get_fd(store->env, &fd);
        if (r)
                return store_error(r);
        if (fstat(fd, &file) < 0)
                return -errno;
        return (uint64_t) file.st_size / st.ms_psize > info.me_last_pgno ? 0 : -EBADMSG;
}

static int open_file(const char *path, unsigned flags, bool is_new, struct store **ret) {
        _cleanup_(store_close) struct store *store = new_store();
        int r;

        if (!store)
                return -ENOMEM;
        r = open_env(store, path, MAP_SIZE_DEFAULT, MDB_NOSUBDIR | MDB_NOLOCK | flags);
        if (r == -EIO)
                r = -EBADMSG; /* what LMDB says of a file that is not one of its own */
        if (!r && !is_new)
                r = check_size(store);
        if (!r)
                r = open_schema(store);
        if (!r)
                r = open_reader(store);
        if (r)
                return r;
        *ret = TAKE(store);
        return 0;
}

int store_open_file(const char *path, struct store **ret) {
        struct stat st;

        /* An empty file would become an empty store */
        if (stat(path, &st) < 0)
                return -errno;
        return st.st_size > 0 ? open_file(path, 0, false, ret) : -EBADMSG;
}

int store_make_file(const char *path, struct store **ret) {
        return open_file(path, MDB_NOSYNC, true, ret);
}

/* ---- a store in a folder ---- */

/* Under another name until it is whole and durable: LMDB makes a store in place, and one in which the power
 * was lost meanwhile it calls none. */
static int make_data(const char *dir, int dir_fd) {
        _cleanup_(store_close) struct store *store = NULL;
        _cleanup_(cleanup_free) char *path = NULL;
        struct stat st;
        int r;

        if (fstatat(dir_fd, DATA_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size > 0 : errno != ENOENT)
                return 0; /* what it is, is for LMDB to say */
        if (unlinkat(dir_fd, MADE_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        if (asprintf(&path, "%s/" MADE_NAME, dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = store_make_file(path, &store);
        if (!r)
                r = store_error(mdb_env_sync(store->env, 1));
        if (!r && renameat(dir_fd, MADE_NAME, dir_fd, DATA_NAME) < 0)
                r = -errno;
        if (r)
                (void) unlinkat(dir_fd, MADE_NAME, 0);
        return r;
}

int store_open(const char *dir, size_t map_size, struct store **ret, pid_t *ret_holder) {
        _cleanup_(store_close) struct store *store = new_store();
        _cleanup_(cleanup_close) int dir_fd = -1;
        int r;

        if (!store)
                return -ENOMEM;
        r = store_open_dir(dir, &dir_fd);
        if (!r)
                r = store_lock_dir(dir_fd, &store->lock_fd, ret_holder);
        if (!r)
                r = make_data(dir, dir_fd);
        if (!r)
                r = open_env(store, dir, map_size ? map_size : usual_map_size(), 0);
        if (!r)
                r = sync_what_is_there(store);
        if (!r)
                r = open_schema(store);
        if (!r)
                r = store_open_seen(store, dir_fd);
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

/* ---- a store that we cannot read ---- */

uint32_t store_schema(void) {
        return STORE_SCHEMA_VERSION;
}

int store_read_schema(const char *dir, uint32_t *ret_schema, char *ret_writer, size_t size) {
        _cleanup_(store_close) struct store *store = new_store();
        struct span value;
        int r;

        if (!store)
                return -ENOMEM;
        r = open_env(store, dir, MAP_SIZE_DEFAULT, MDB_RDONLY);
        if (r)
                return r;
        r = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader.mdb);
        if (!r)
                r = mdb_dbi_open(store->reader.mdb, database_names[DB_META], 0, &store->dbs[DB_META]);
        if (r)
                return store_error(r);
        r = row_get(&store->reader, DB_META, schema_row, &value);
        if (r || value.size != sizeof(*ret_schema))
                return r < 0 ? r : -EBADMSG;
        memcpy(ret_schema, value.bytes, sizeof(*ret_schema));
        *ret_schema = le32toh(*ret_schema);
        r = row_get(&store->reader, DB_META, writer_row, &value);
        if (r < 0)
                return r;
        snprintf(ret_writer, size, "%.*s", r ? 0 : (int) value.size, r ? "" : (const char *) value.bytes);
        return 0;
}
