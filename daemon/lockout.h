/* lockout: who has failed how often, and who is locked for how long. Pure: rows, rules and times in, values
 * out; no store, no clock. DESIGN section 8.
 *
 * A row counts the failures of one user from one source, or of one user from everywhere, or is an admin's
 * lock. Its times are told by the boot clock within one boot, so that setting the clock neither locks nor
 * unlocks. In a later boot the wall clock says how long ago a row changed, but never less than this boot has
 * lasted: whatever the clock says, a lock of fifteen minutes is over after fifteen minutes of a boot. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"

#define LOCKOUT_FAILURES_MAX 100 /* what one row can count, so the largest max_failures_* */

/* Kept in records: never renumber. */
enum lockout_kind { LOCKOUT_SOURCE = 1, LOCKOUT_USER = 2, LOCKOUT_ADMIN = 3 };

enum lock_messages { LOCK_MESSAGES_GENERIC = 1, LOCK_MESSAGES_VERBOSE };

/* [lock] */
struct lockout_rules {
        uint32_t max_failures_per_source; /* 0: off */
        uint32_t max_failures_per_user;   /* 0: off */
        usec_t lock_time;
        usec_t failure_window;
        bool applies_to_keys;
        enum lock_messages messages;
};

/* How long before the row's `at` each failure was, oldest first. */
struct lockout_failures {
        uint32_t n;
        uint32_t ages_msec[LOCKOUT_FAILURES_MAX];
};

struct lockout {
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        uint64_t subject; /* 0; of users whom nobody knows: which of those that are kept under one name */
        enum lockout_kind kind;
        char source[LOCK_SOURCE_MAX + 1]; /* of LOCKOUT_SOURCE; else "" */
        struct boot_id boot;
        usec_t at_boot; /* the newest failure; of a lock, when it was set */
        usec_t at_wall;
        usec_t lasts; /* 0: not locked; USEC_NEVER: until somebody unlocks it */
        struct lockout_failures failures;
        char reason[REASON_TEXT_MAX + 1]; /* of LOCKOUT_ADMIN */
};

/* When it is asked: in which boot, and the clocks of it. */
struct lockout_time {
        struct boot_id boot;
        usec_t now_boot;
        usec_t now_wall;
};

/* For how long the row still locks: 0: it does not; USEC_NEVER. Rules that became milder count at once. */
usec_t lockout_left(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

/* How many failures count: those within the window; none when a lock has ended them. */
uint32_t lockout_count(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

/* How many more failures the row bears before it locks; UINT32_MAX where nothing is counted. */
uint32_t lockout_remaining(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

enum lockout_outcome {
        LOCKOUT_COUNTED = 1,
        LOCKOUT_LOCKED, /* this failure was the last one: the row locks from now on */
};

/* One more failure. 0: nothing is counted here (the rules say 0, or the row locks already); else an outcome,
 * and the row has changed. */
int lockout_fail(struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

/* An admin's lock, from now on. lasts: USEC_NEVER is until it is unlocked. */
void lockout_lock(struct lockout *row, usec_t lasts, const char *reason, const struct lockout_time *time);

/* It says nothing any more and need not be kept. */
bool lockout_is_spent(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

/* The end of a lock for people, on the wall clock; USEC_NEVER. */
usec_t lockout_until(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time);

/* What a user reads; generic texts are the same whatever happened. */
void lockout_write_locked(
        const struct lockout_rules *rules, usec_t left, char ret[static MESSAGE_TEXT_MAX + 1]);
void lockout_write_failed(
        const struct lockout_rules *rules, uint32_t remaining, char ret[static MESSAGE_TEXT_MAX + 1]);

const char *lockout_kind_name(enum lockout_kind kind);       /* "source", "user", "admin" */
const char *lock_messages_name(enum lock_messages messages); /* "generic", "verbose" */
