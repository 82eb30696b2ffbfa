/* record: what the store keeps, as bytes: session, device, account, change of a password, lockout, event <->
 * versioned records, and the keys they stand under. Pure. Nothing in a record is trusted when read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/account.h"
#include "daemon/device.h"
#include "daemon/lockout.h"
#include "daemon/event.h"
#include "daemon/session.h"

#define RECORD_MAX     2048
#define RECORD_KEY_MAX 511 /* LMDB's MDB_MAXKEYSIZE */

/* 0 with the size; -ENOBUFS; -EINVAL for a struct that could not be read back: an enum or a text out of its
 * range. */
int record_write_session(const struct session *session, void *buf, size_t size, size_t *ret_size);
/* 0; -EBADMSG: truncated, trailing bytes, unknown version, a value out of range, an overlong string or one
 * with a NUL. */
int record_read_session(const void *bytes, size_t size, struct session *ret);
int record_write_device(const struct device *device, void *buf, size_t size, size_t *ret_size);
int record_read_device(const void *bytes, size_t size, struct device *ret);
int record_write_account(const struct account *account, void *buf, size_t size, size_t *ret_size);
int record_read_account(const void *bytes, size_t size, struct account *ret);
int record_write_password_change(
        const struct password_change *change, void *buf, size_t size, size_t *ret_size);
int record_read_password_change(const void *bytes, size_t size, struct password_change *ret);
int record_write_lockout(const struct lockout *lockout, void *buf, size_t size, size_t *ret_size);
int record_read_lockout(const void *bytes, size_t size, struct lockout *ret);

/* An event as a row of history. */
struct history_row {
        struct event event;
        uint64_t previous; /* sequence of the same user's row before it; 0: there was none */
};
int record_write_history(const struct history_row *row, void *buf, size_t size, size_t *ret_size);
int record_read_history(const void *bytes, size_t size, struct history_row *ret);

/* Keys of a user's range, so that a login touches few pages: realm NUL user NUL kind id. Kind sorts; sids
 * sort by time. Realm and user are at most REALM_MAX and USER_MAX long. */
enum record_kind {
        RECORD_ACCOUNT = 'a',
        RECORD_DEVICE = 'd',
        RECORD_NEWEST = 'n', /* of the user's rows in history: its sequence */
        RECORD_SESSION = 's',
};

#define RECORD_ID_SIZE 16

struct record_key {
        size_t size;
        uint8_t bytes[RECORD_KEY_MAX];
};

void record_key_session(const char *realm, const char *user, const struct sid *sid, struct record_key *ret);
void record_key_device(
        const char *realm, const char *user, const struct device_id *id, struct record_key *ret);
/* There is one of each a user: its id is all zero. */
void record_key_account(const char *realm, const char *user, struct record_key *ret);
void record_key_newest(const char *realm, const char *user, struct record_key *ret);
/* The prefix of all that is a user's; and of all of one kind. */
void record_key_user(const char *realm, const char *user, struct record_key *ret);
void record_key_prefix(const char *realm, const char *user, enum record_kind kind, struct record_key *ret);
/* The kind in a whole key, as it stands there: any byte; 0 if it is too short to have one. */
int record_kind_of(const void *key, size_t size);
