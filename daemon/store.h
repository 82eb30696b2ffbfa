/* store: the only memory, and the only door to LMDB. Speaks of sessions, devices, leaders, deadlines, locks
 * and keys; never of requests, rights or processes. Values are copied out; no pointer into the map leaves
 * this room.
 *
 * Returns: 0 done; < 0 negative errno, fatal for the request (the caller aborts its transaction);
 * STORE_NOT_FOUND, STORE_END. -ENOSPC: the map or the disk is full (or, for opens, the tenth that is kept
 * for ends has been reached), or the turn has changed too many pages; -EIO and the rest: the store can no
 * longer be trusted to take writes. -EBADMSG: a record that cannot be read, or a row that points to
 * nothing.
 *
 * A call that fails may have done half of its writes. Only aborting its request undoes them; committing
 * that request instead is refused with the same error.
 *
 * Threads: reads from the loop thread, one at a time; turns from one thread at a time, begun and ended on
 * the same one. A store is opened once a process, never twice, and is not used across fork. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/account.h"
#include "daemon/device.h"
#include "daemon/event.h"
#include "daemon/lockout.h"
#include "daemon/session.h"

struct store;
struct store_txn;

enum { STORE_NOT_FOUND = 1, STORE_END = 2 };

/* Opens or makes the store in dir (0700; files 0600; the folder above must be there), takes the process
 * lock, checks the schema version, clears dead readers. map_size 0: the default, 64 GiB reserved. -EBUSY:
 * another daemon has it, its pid in *ret_holder (0 if it cannot be told; the own pid if it is opened
 * twice); -EPROTO: a schema of another version, or a foreign LMDB file; -EPERM: dir is not ours, or others
 * may write to it. */
int store_open(const char *dir, size_t map_size, struct store **ret, pid_t *ret_holder);
/* Opens a store that is one file, of which nobody else knows. -EBADMSG: it is no store, or not whole;
 * -EPROTO: a schema of another version. */
int store_open_file(const char *path, struct store **ret);
/* The schema that is read and written here. */
uint32_t store_schema(void);
/* The schema, and the version of the sessjwtd ("" if it cannot be told) that wrote the store in dir: when
 * store_open has refused it for that. 0 or negative errno. */
int store_read_schema(const char *dir, uint32_t *ret_schema, char *ret_writer, size_t size);
/* All transactions must have ended. NULL inside is fine. */
void store_close(struct store **store);

/* A short read transaction: to be ended in the same round of the loop. -EBUSY: one is under way. */
int store_begin_read(struct store *store, struct store_txn **ret);
/* The writer's outer transaction, a turn; and one request nested in it, which can fail without undoing the
 * others. While the request is open the turn itself must not be used. */
int store_begin_turn(struct store *store, struct store_txn **ret);
int store_begin_request(struct store_txn *turn, struct store_txn **ret);
/* Frees the transaction in any case. A request joins its turn; a turn is durable when this has returned 0,
 * and has left nothing behind when it has not. */
int store_commit(struct store_txn **txn);
/* Ends a read, undoes a write; NULL is fine. */
void store_abort(struct store_txn **txn);

/* The number of the last transaction that a read sees. */
uint64_t store_sees(const struct store_txn *txn);

/* Frees what readers killed -9 still pin; at start and on a timer. */
int store_check_readers(struct store *store);

/* How full the map is, in thousandths, and how many sessions and devices it has. */
int store_usage(struct store_txn *txn, unsigned *ret_permille);
int store_count_sessions(struct store_txn *txn, uint64_t *ret);
int store_count_devices(struct store_txn *txn, uint64_t *ret);

/* 16 random bytes made with the store. */
void store_id(const struct store *store, uint8_t ret[static 16]);

/* Walks everything: every record reads, every session is found by all that should point to it, nothing
 * points to what is not there. 0; or -EBADMSG with a line about the first row that is wrong. */
int store_check(struct store_txn *txn, char *ret_error, size_t size);

/* ---- sessions ---- */

/* Puts a new session with all that points to it (by sid, by leader, by deadline, by owner). -EEXIST if the
 * sid is there; -ENOSPC already at nine tenths of the map (of a map below 2.5 MiB, at 64 pages from its
 * end). */
int store_open_session(struct store_txn *txn, const struct session *session);
/* Replaces the record of a session that is there; keeps the indices right when leader, deadline, uid or state
 * changed; a status index that it no longer has rests. STORE_NOT_FOUND. -EINVAL: it is there under another
 * realm or user. */
int store_put_session(struct store_txn *txn, const struct session *session);
/* Takes it away with all that points to it; its status index rests. STORE_NOT_FOUND. That its uid goes by its
 * user's name is remembered, as the user's devices are: a login that finds it there writes one page less. */
int store_remove_session(struct store_txn *txn, const struct sid *sid);
int store_find_session(struct store_txn *txn, const struct sid *sid, struct session *ret);
/* The newest sid in the store. STORE_NOT_FOUND when it is empty. */
int store_newest_sid(struct store_txn *txn, struct sid *ret);

/* Lists go on from the last one seen, so a list survives its transaction: zero a cursor, call until
 * STORE_END. Rows removed or added meanwhile are skipped or seen, never repeated. After -EBADMSG the next
 * call goes on behind the row that could not be read. */
struct store_cursor {
        bool started;
        size_t size;
        uint8_t last[511];
};

/* A user's sessions, oldest first. */
int store_next_session_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct session *ret);
/* The sessions of all whose uid it is (several names may share one), in any realm. */
int store_next_session_of_uid(
        struct store_txn *txn, uint32_t uid, struct store_cursor *cursor, struct session *ret);
/* Every session, by time. */
int store_next_session(struct store_txn *txn, struct store_cursor *cursor, struct session *ret);
/* Every session, by realm and user: in the order they lie in, so a walk through all of them (at start) takes
 * a third of the time. */
int store_next_session_by_user(struct store_txn *txn, struct store_cursor *cursor, struct session *ret);
/* The sessions that one process leads. */
int store_next_session_of_leader(struct store_txn *txn, const struct leader_id *leader,
        struct store_cursor *cursor, struct session *ret);
/* The session that is due first (session_due). STORE_NOT_FOUND if none is. Only live sessions are in
 * this index; those of an earlier boot stand among them until they are ended. One that cannot be read is
 * passed over. */
int store_first_deadline(struct store_txn *txn, struct session *ret);

/* ---- devices ---- */

/* STORE_NOT_FOUND. */
int store_find_device(struct store_txn *txn, const char *realm, const char *user, const struct device_id *id,
        struct device *ret);
/* The same by its id alone. */
int store_load_device(struct store_txn *txn, const struct device_id *id, struct device *ret);
/* -EINVAL: its id is there under another realm or user. */
int store_put_device(struct store_txn *txn, const struct device *device);
/* STORE_NOT_FOUND. Sessions from it stay. */
int store_remove_device(struct store_txn *txn, const struct device_id *id);
/* By id. */
int store_next_device_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct device *ret);

/* ---- who has rows ---- */

/* The names of a uid that has, or had, sessions. */
int store_next_name_of_uid(struct store_txn *txn, uint32_t uid, struct store_cursor *cursor,
        char ret_realm[static REALM_MAX + 1], char ret_user[static USER_MAX + 1]);
/* Everybody of whom anything is kept, by realm and user. */
int store_next_name(struct store_txn *txn, struct store_cursor *cursor, char ret_realm[static REALM_MAX + 1],
        char ret_user[static USER_MAX + 1]);

/* ---- accounts ---- */

/* STORE_NOT_FOUND: nothing is kept of the user himself. */
int store_find_account(struct store_txn *txn, const char *realm, const char *user, struct account *ret);
int store_put_account(struct store_txn *txn, const struct account *account);
/* 0, STORE_NOT_FOUND or negative errno. */
int store_remove_account(struct store_txn *txn, const char *realm, const char *user);
/* Changes of passwords that are not carried out yet, in no copy of the store. */
int store_put_password_change(struct store_txn *txn, const struct password_change *change);
/* STORE_END. */
int store_next_password_change(
        struct store_txn *txn, struct store_cursor *cursor, struct password_change *ret);
int store_remove_password_change(
        struct store_txn *txn, const struct password_change *change); /* STORE_NOT_FOUND */
/* Whether anything is kept of the user: a session, a device, an account. < 0, 0 or 1. */
int store_knows_user(struct store_txn *txn, const char *realm, const char *user);
/* Whether a session of this uid ever went by that name. < 0, 0 or 1. */
int store_has_owner(struct store_txn *txn, uint32_t uid, const char *realm, const char *user);

/* ---- locks: failures and locks, and the sources that a user comes from ---- */

/* A row is named by its realm, user, subject, kind and source. STORE_NOT_FOUND. */
int store_find_lockout(struct store_txn *txn, const struct lockout *name, struct lockout *ret);
/* -EINVAL: a text out of its limits. */
int store_put_lockout(struct store_txn *txn, const struct lockout *lockout);
int store_remove_lockout(struct store_txn *txn, const struct lockout *name); /* STORE_NOT_FOUND */
/* Those of one user; all, by realm and user. STORE_END. */
int store_next_lockout_of_user(struct store_txn *txn, const char *realm, const char *user,
        struct store_cursor *cursor, struct lockout *ret);
int store_next_lockout(struct store_txn *txn, struct store_cursor *cursor, struct lockout *ret);

/* When (wall) the user last logged in from there. STORE_NOT_FOUND. */
int store_find_source(
        struct store_txn *txn, const char *realm, const char *user, const char *source, usec_t *ret);
/* -EINVAL: a source that is empty or too long. */
int store_put_source(
        struct store_txn *txn, const char *realm, const char *user, const char *source, usec_t wall);
/* STORE_NOT_FOUND. */
int store_remove_source(struct store_txn *txn, const char *realm, const char *user, const char *source);
/* Those of one user. STORE_END. */
int store_next_source(struct store_txn *txn, const char *realm, const char *user, struct store_cursor *cursor,
        char ret_source[static LOCK_SOURCE_MAX + 1], usec_t *ret);

/* ---- history ----
 *
 * Events in the order of their keeping, each under a sequence number that grows and is never a time: a clock
 * that is set back spoils no order. Each row says where its user's row before it is, and the user's range
 * where the newest is: a login then writes two pages for history (the last one, and its parent) beside the
 * user's own, which it writes anyway, and a user's history is read without passing over others'. */

/* 0; -ENOSPC already when store_has_room says no. */
int store_add_event(struct store_txn *txn, const struct event *event);
/* Writes the row of this sequence anew; realm and user stay. 0, STORE_NOT_FOUND or negative errno. */
int store_put_event(struct store_txn *txn, uint64_t sequence, const struct event *event);
/* < 0, 0 or 1: whether there is room for what need not be kept: not in the tenth that is kept for ends. */
int store_has_room(struct store_txn *txn);
/* The newest row of all; of a user. STORE_NOT_FOUND. */
int store_newest_event(struct store_txn *txn, uint64_t *ret_sequence);
int store_newest_event_of_user(
        struct store_txn *txn, const char *realm, const char *user, uint64_t *ret_sequence);
/* The row of this sequence, and the sequence of its user's row before it (0: none; it may have been dropped
 * since). STORE_NOT_FOUND. */
int store_find_event(
        struct store_txn *txn, uint64_t sequence, struct event *ret, uint64_t *ret_previous_of_user);
/* The newest row before this sequence. STORE_NOT_FOUND. */
int store_event_before(struct store_txn *txn, uint64_t sequence, uint64_t *ret_sequence);
int store_oldest_event(struct store_txn *txn, uint64_t *ret_sequence, struct event *ret);
int store_count_events(struct store_txn *txn, uint64_t *ret);
/* Takes the oldest row away; its user's newest, if it was that. The last row of all stays, so that no
 * sequence comes again. STORE_NOT_FOUND. */
int store_drop_oldest_event(struct store_txn *txn);
/* Takes a user's newest row away; if it is the last row of all, it stays as an event of that kind that is
 * nobody's, for the same reason. STORE_NOT_FOUND. */
int store_drop_newest_event_of_user(
        struct store_txn *txn, const char *realm, const char *user, const char *kind);

/* ---- status indices ----
 *
 * An index rests from the end of its session until no key is published any more that may have signed a token
 * with it: the sequence number of the key that signed when the session ended is kept with it. Never a time:
 * a clock that is set back must not revive a token. */

/* Of the key that signs from this transaction on. */
int store_put_key_sequence(struct store_txn *txn, uint64_t sequence);
/* Those that rest. STORE_END. */
int store_next_retired(struct store_txn *txn, struct store_cursor *cursor, uint64_t *ret_index);
/* Whether there are any that store_take_retired would take. < 0, 0 or 1. */
int store_has_retired(struct store_txn *txn, uint64_t below);
/* Takes those away, at most max, that rest since a key below this sequence number signed. */
int store_take_retired(struct store_txn *txn, uint64_t below, uint64_t *indices, size_t max, size_t *ret_n);

/* The number of the last transaction that was committed. */
int store_last_transaction(const struct store *store, uint64_t *ret);

/* ---- copies; and stores that are not what was here last ---- */

/* Writes a copy of what is committed now: a store in a file of its own (0600; there must be none of that
 * name) that is durable and has been checked when this returns; its folder is not. There are no signing keys
 * in it, no seal and no resting indices; and it says of itself that it is a copy. Any thread, beside
 * everything else. -EEXIST; -ENOSPC: also if logins would have next to no room left beside it; -ECANCELED;
 * -EBADMSG with a line about what is wrong in the store. On failure the file is gone. */
int store_copy(
        struct store *store, const char *path, const atomic_bool *cancel, char *ret_error, size_t size);

/* Whether it is a copy that has not been renewed. < 0, 0 or 1. */
int store_is_copy(struct store_txn *txn);
/* Says so of a store that was copied in another way. */
int store_mark_copy(struct store_txn *txn);
/* Whether no key was ever kept in it. < 0, 0 or 1. */
int store_is_blank(struct store_txn *txn);
/* So that nothing that was issued from it, or from what it is a copy of, counts any more: signing keys, seal
 * and resting indices go; from here on it is another store, with an id of its own, and is called a copy until
 * store_end_renewal. */
int store_renew(struct store_txn *txn);
int store_end_renewal(struct store_txn *txn);

struct store_restored {
        uint64_t n_sessions; /* that are in it, and will end */
        bool has_kept;       /* there was a store, which has the other name now */
        bool is_placed;      /* on failure: it is the store, and only its durability is not sure */
        pid_t holder;        /* of -EBUSY, as for store_open */
        char error[256];     /* of -EBADMSG: what is wrong, or "" */
};

/* Puts what is in the file in the place of the store in dir, marked as a copy, durable; the former store
 * becomes backups/kept_name. Single-threaded processes only (it forks). -EBUSY, -EPERM as for store_open;
 * -EBADMSG: the file is no store, or is damaged; -EPROTO: it has another schema; -EEXIST: kept_name is
 * there; -ENOSPC. On failure the store is as it was, unless ret->is_placed. */
int store_restore(const char *dir, int file_fd, const char *kept_name, struct store_restored *ret);

/* How far a store had come. */
struct store_point {
        uint8_t id[16];
        uint64_t transaction;
};

/* How far the store in this folder had come when it was opened, by a file beside it, which each turn is noted
 * in. STORE_NOT_FOUND: that says nothing. */
int store_find_seen(const struct store *store, struct store_point *ret);
/* Whether it is not what had come so far: it is another store, or was taken back to what it had been. < 0, 0
 * or 1. */
int store_is_behind(const struct store *store, const struct store_point *point);

/* ---- signing keys: opaque bytes under their kid; only keyring knows what is in them ---- */

/* -EINVAL: a kid that is empty or longer than KID_MAX, or more than RECORD_MAX bytes. */
int store_put_key(struct store_txn *txn, const char *kid, const void *bytes, size_t size);
/* STORE_NOT_FOUND; -ENOBUFS: more than size bytes. */
int store_find_key(struct store_txn *txn, const char *kid, void *buf, size_t size, size_t *ret_size);
/* By kid. -ENOBUFS: more than size bytes; the cursor has not moved. */
int store_next_key(struct store_txn *txn, struct store_cursor *cursor, char ret_kid[static 65], void *buf,
        size_t size, size_t *ret_size);
/* STORE_NOT_FOUND. */
int store_remove_key(struct store_txn *txn, const char *kid);

/* ---- the seal of refresh tokens: opaque bytes, one record; only seal knows what is in them ---- */

/* -EINVAL: more than RECORD_MAX bytes. */
int store_put_seal(struct store_txn *txn, const void *bytes, size_t size);
/* STORE_NOT_FOUND. -ENOBUFS: more than size bytes. */
int store_find_seal(struct store_txn *txn, void *buf, size_t size, size_t *ret_size);
