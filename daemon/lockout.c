/* lockout: see lockout.h. */
#include "daemon/lockout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USEC_PER_MSEC ((usec_t) 1000)
#define MINUTE        (60 * USEC_PER_SEC)

/* What the clocks say has passed since `at`; a clock that went back says nothing. */
static usec_t elapsed(const struct lockout *row, const struct lockout_time *time) {
        usec_t by_wall = time->now_wall > row->at_wall ? time->now_wall - row->at_wall : 0;

        if (boot_id_equal(&row->boot, &time->boot))
                return time->now_boot > row->at_boot ? time->now_boot - row->at_boot : 0;
        return by_wall > time->now_boot ? by_wall : time->now_boot;
}

static uint32_t max_failures(const struct lockout *row, const struct lockout_rules *rules) {
        switch (row->kind) {
        case LOCKOUT_SOURCE:
                return rules->max_failures_per_source;
        case LOCKOUT_USER:
                return rules->max_failures_per_user;
        case LOCKOUT_ADMIN:
                break;
        }
        return 0;
}

usec_t lockout_left(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        usec_t lasts = row->lasts, passed = elapsed(row, time);

        if (row->kind != LOCKOUT_ADMIN) {
                if (max_failures(row, rules) == 0)
                        return 0;
                if (lasts > rules->lock_time)
                        lasts = rules->lock_time;
        }
        if (lasts == USEC_NEVER)
                return USEC_NEVER;
        return lasts > passed ? lasts - passed : 0;
}

static usec_t age_of(const struct lockout *row, size_t i, usec_t passed) {
        return row->failures.ages_msec[i] * USEC_PER_MSEC + passed;
}

uint32_t lockout_count(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        usec_t passed = elapsed(row, time);
        uint32_t n = 0;

        if (row->lasts)
                return lockout_left(row, rules, time) ? row->failures.n : 0;
        for (size_t i = 0; i < row->failures.n; i++)
                n += age_of(row, i, passed) < rules->failure_window;
        return n;
}

uint32_t lockout_remaining(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        uint32_t max = max_failures(row, rules), n = lockout_count(row, rules, time);

        if (max == 0)
                return UINT32_MAX;
        return n < max ? max - n : 0;
}

static void set_time(struct lockout *row, const struct lockout_time *time) {
        row->boot = time->boot;
        row->at_boot = time->now_boot;
        row->at_wall = time->now_wall;
}

/* Drops what the window has left behind, and tells the rest by `now`. */
static void forget_old(
        struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        usec_t passed = elapsed(row, time);
        uint32_t n = 0;

        for (size_t i = 0; !row->lasts && i < row->failures.n; i++) {
                usec_t age = age_of(row, i, passed);

                if (age < rules->failure_window)
                        row->failures.ages_msec[n++] = (uint32_t) (age / USEC_PER_MSEC);
        }
        row->failures.n = n;
        row->lasts = 0;
}

int lockout_fail(struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        struct lockout_failures *failures = &row->failures;
        uint32_t max = max_failures(row, rules);

        if (max == 0 || lockout_left(row, rules, time) > 0)
                return 0;
        forget_old(row, rules, time);
        set_time(row, time);
        if (failures->n == LOCKOUT_FAILURES_MAX)
                memmove(failures->ages_msec, failures->ages_msec + 1,
                        sizeof(failures->ages_msec) - sizeof(*failures->ages_msec));
        else
                failures->n++;
        failures->ages_msec[failures->n - 1] = 0;
        if (failures->n < max)
                return LOCKOUT_COUNTED;
        row->lasts = rules->lock_time;
        return LOCKOUT_LOCKED;
}

void lockout_lock(struct lockout *row, usec_t lasts, const char *reason, const struct lockout_time *time) {
        set_time(row, time);
        row->lasts = lasts;
        snprintf(row->reason, sizeof(row->reason), "%s", reason);
}

bool lockout_is_spent(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        return lockout_left(row, rules, time) == 0 && lockout_count(row, rules, time) == 0;
}

usec_t lockout_until(
        const struct lockout *row, const struct lockout_rules *rules, const struct lockout_time *time) {
        usec_t left = lockout_left(row, rules, time);

        return left == USEC_NEVER ? USEC_NEVER : time->now_wall + left;
}

/* The words "N attempts remaining" and "locked for M minutes" are the contract's, also where N or M is 1. */
void lockout_write_locked(
        const struct lockout_rules *rules, usec_t left, char ret[static MESSAGE_TEXT_MAX + 1]) {
        if (rules->messages != LOCK_MESSAGES_VERBOSE)
                snprintf(ret, MESSAGE_TEXT_MAX + 1, "Sign-in failed.");
        else if (left == USEC_NEVER)
                snprintf(ret, MESSAGE_TEXT_MAX + 1, "This account is locked.");
        else
                snprintf(ret, MESSAGE_TEXT_MAX + 1,
                        "Too many failed attempts: locked for %" PRIu64 " minutes",
                        (left + MINUTE - 1) / MINUTE);
}

void lockout_write_failed(
        const struct lockout_rules *rules, uint32_t remaining, char ret[static MESSAGE_TEXT_MAX + 1]) {
        if (rules->messages != LOCK_MESSAGES_VERBOSE)
                snprintf(ret, MESSAGE_TEXT_MAX + 1, "Sign-in failed.");
        else if (remaining == UINT32_MAX)
                ret[0] = '\0';
        else
                snprintf(ret, MESSAGE_TEXT_MAX + 1, "%" PRIu32 " attempts remaining", remaining);
}

const char *lockout_kind_name(enum lockout_kind kind) {
        switch (kind) {
        case LOCKOUT_SOURCE:
                return "source";
        case LOCKOUT_USER:
                return "user";
        case LOCKOUT_ADMIN:
                return "admin";
        }
        return "unknown";
}

const char *lock_messages_name(enum lock_messages messages) {
        switch (messages) {
        case LOCK_MESSAGES_GENERIC:
                return "generic";
        case LOCK_MESSAGES_VERBOSE:
                return "verbose";
        }
        return "unknown";
}
