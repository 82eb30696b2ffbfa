/* store_private: what the files of the store share, and nobody else includes: its databases, and rows in
 * them.
 *
 * Databases, each with its keys in byte order, so integers in keys are big-endian:
 *   user      realm NUL user NUL kind id    -> record of a session, a device or an account (daemon/record.h);
 *                                              sequence of the user's newest row in history
 *   history   sequence                      -> record of an event
 *   sid       sid                           -> realm NUL user
 *   leader    boot id, pid, start, sid      -> nothing
 *   deadline  usec on the boot clock, sid   -> nothing; live sessions that are ever due (session_due)
 *   device    device's id                   -> realm NUL user
 *   owner     uid, realm NUL user           -> nothing; stays when the user's sessions are gone
 *   key       kid                           -> bytes of keyring
 *   retired   key's sequence, counter       -> status index; in the order in which they may be used again
 *   lock      'l' realm NUL user NUL kind, subject, source -> record of a lockout
 *             'k' realm NUL user NUL source                -> wall time of the newest login from there
 *   meta      "schema" -> version; "id" -> 16 random bytes; "sequence" -> of the key that signs;
 *             "seal" -> bytes of seal; "writer" -> version of the sessjwtd that opened it last; "copy" -> one
 *             byte, in a copy that was not renewed; "password" NUL realm NUL user NUL sid -> record of a
 *             change of a password that is not carried out yet
 *
 * Databases of their own cost a login one page more than one database with prefixes (11 and 10 pages at
 * 10^3 sessions, 19 and 18 at 10^6; a turn of 64 logins the same), and give the number of sessions without
 * a counter that every login would have to write. */
#pragma once

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/record.h"
#include "daemon/store.h"

#define STORE_SCHEMA_VERSION 8

enum database {
        DB_USER,
        DB_SID,
        DB_LEADER,
        DB_DEADLINE,
        DB_DEVICE,
        DB_OWNER,
        DB_KEY,
        DB_RETIRED,
        DB_LOCK,
        DB_HISTORY,
        DB_META,
        _DB_MAX
};

enum txn_kind { TXN_READ, TXN_TURN, TXN_REQUEST };

struct store_txn {
        struct store *store;
        enum txn_kind kind;
        MDB_txn *mdb;
        struct store_txn *turn; /* of a request */
        bool busy;              /* a turn: a request is open in it; the reader: a read is under way */
        int error;              /* of the first write that failed: what is half done must not be committed */
        MDB_cursor *walk;       /* where row_next was last, in walk_db; NULL: nowhere */
        enum database walk_db;
};

struct store {
        int lock_fd;
        int seen_fd;             /* -1: a store in one file */
        struct store_point seen; /* as it stands in that file; transaction 0: nothing */
        MDB_env *env;
        MDB_dbi dbs[_DB_MAX];
        MDB_dbi main_db;
        uint8_t id[16];
        struct store_txn reader; /* kept between reads, with its slot in the reader table */
};

#define DATA_NAME "data.mdb" /* as LMDB has it */

/* ---- store_folder: the folder, and the lock that goes with it ---- */
int store_open_dir(const char *dir, int *ret_fd);
int store_lock_dir(int dir_fd, int *ret_fd, pid_t *ret_holder);

/* ---- store_seen ---- */
int store_open_seen(struct store *store, int dir_fd);
/* Behind a turn. Nothing is synced, and a failure is nobody's: it is a second witness. */
void store_note_seen(struct store *store);

/* ---- store_open, store ---- */
const char *store_database_name(enum database db);
/* A new id, in the row and in the store. */
int store_put_id(struct store_txn *txn);
/* A new store in that file, which must be empty; nothing of it is durable before mdb_env_sync. */
int store_make_file(const char *path, struct store **ret);
/* Pages that are used, by the trees, and pages of the map. */
int store_count_pages(struct store_txn *txn, size_t *ret_used, size_t *ret_all);
/* 0, or -ENOSPC when only ends may still grow the store. */
int store_may_open(struct store_txn *txn);

/* ---- store_row: one row. A span's bytes are lent until the transaction's next write or its end ---- */
struct span {
        const uint8_t *bytes;
        size_t size;
};

#define SPAN_EMPTY ((struct span){ (const uint8_t *) "", 0 })

/* A negative errno for what LMDB returned; 0 for 0. */
int store_error(int r);

/* 0 or STORE_NOT_FOUND. */
int row_get(struct store_txn *txn, enum database db, struct span key, struct span *ret_value);
int row_put(struct store_txn *txn, enum database db, struct span key, struct span value);
/* Behind all that are there. */
int row_append(struct store_txn *txn, enum database db, struct span key, struct span value);
/* 0 or STORE_NOT_FOUND. */
int row_remove(struct store_txn *txn, enum database db, struct span key);
/* All of them. */
int row_remove_all(struct store_txn *txn, enum database db);
/* The first row at or after key; with `after`, the first that is later. 0 or STORE_END. */
int row_seek(struct store_txn *txn, enum database db, struct span key, bool after, struct span *ret_key,
        struct span *ret_value);
/* The last row. 0 or STORE_END. */
int row_last(struct store_txn *txn, enum database db, struct span *ret_key);
/* The last row before key. 0 or STORE_END. */
int row_before(struct store_txn *txn, enum database db, struct span key, struct span *ret_key);
/* The next row whose key begins with prefix, behind the last one the cursor saw. 0 or STORE_END; the
 * cursor moves. */
int row_next(struct store_txn *txn, enum database db, struct span prefix, struct store_cursor *cursor,
        struct span *ret_key, struct span *ret_value);

/* Before a transaction ends. */
void row_end_walk(struct store_txn *txn);

bool span_equal(struct span a, struct span b);
bool span_has_prefix(struct span s, struct span prefix);
/* Without its first bytes. */
struct span span_after(struct span s, size_t size);

/* ---- store_index: the keys of the indices ---- */
struct index_key {
        size_t size;
        uint8_t bytes[4 + REALM_MAX + 1 + USER_MAX]; /* owner's is the longest */
};

void index_key_leader(const struct leader_id *leader, struct index_key *ret);
void index_key_leader_of(const struct session *session, struct index_key *ret);
void index_key_deadline_of(const struct session *session, struct index_key *ret);
void index_key_uid(uint32_t uid, struct index_key *ret);
void index_key_owner(uint32_t uid, const char *realm, const char *user, struct index_key *ret);
/* realm NUL user, as it stands behind a sid and an owner's uid. -EBADMSG */
int owner_read(struct span bytes, char ret_realm[static REALM_MAX + 1], char ret_user[static USER_MAX + 1]);

#define SPAN(k)        ((struct span){ (k).bytes, (k).size })
#define SPAN_OF_ID(s)  ((struct span){ (s)->bytes, sizeof((s)->bytes) })
#define SPAN_OF_SID(s) SPAN_OF_ID(s)

/* A name beyond its limit has no rows, and would not fit into a key. */
bool names_fit(const char *realm, const char *user);

/* ---- store_session, store_device, store_account: records ----
 *
 * All -EBADMSG for one that cannot be read or is another key's. */

/* Only live sessions have a row in the deadline index, and only those that are due at some time. */
bool session_has_deadline(const struct session *session);
int session_read(struct span key, struct span value, struct session *ret);
/* By what its sid's row says of it; -EBADMSG also when that points to nothing. */
int session_load(struct store_txn *txn, struct span sid, struct span owner, struct session *ret);
int device_read(struct span key, struct span value, struct device *ret);
int account_read(struct span key, struct span value, struct account *ret);

/* -EBADMSG: a row of meta that stands where changes of passwords do, and is none. */
int password_row_check(struct span key, struct span value);

/* ---- store_lock ---- */

/* -EBADMSG: not a row of that database. */
int lock_row_check(struct span key, struct span value);

/* ---- store_history ---- */

#define SEQUENCE_SIZE 8
/* -EBADMSG */
int history_row_read(struct span key, struct span value, uint64_t *ret_sequence, struct history_row *ret);
int newest_read(struct span value, uint64_t *ret_sequence);

/* ---- store_key, store_status: in a renewal ---- */

int keys_forget(struct store_txn *txn);
int retired_forget(struct store_txn *txn);

/* ---- store_status ---- */

/* The session that has this index goes, or gets another one. */
int retire_index(struct store_txn *txn, uint64_t index);
int retired_read(struct span key, struct span value, uint64_t *ret_sequence, uint64_t *ret_index);
