/* lockout: failures counted, forgotten and turned into locks; time is moved by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/lockout.h"

#define MINUTE (60 * USEC_PER_SEC)
#define UPTIME (UINT64_C(100000) * USEC_PER_SEC)

static const struct lockout_rules rules = { .max_failures_per_source = 5,
        .max_failures_per_user = 20,
        .lock_time = 15 * MINUTE,
        .failure_window = 15 * MINUTE,
        .messages = LOCK_MESSAGES_VERBOSE };

/* So long after a moment that all tests begin with, on both clocks. */
static struct lockout_time after(usec_t passed) {
        return (struct lockout_time){ .boot = { { 1 } },
                .now_boot = UPTIME + passed,
                .now_wall = UINT64_C(1700000000) * USEC_PER_SEC + passed };
}

/* In another boot, which has lasted so long, when the wall clock says that so much has passed. */
static struct lockout_time next_boot(usec_t uptime, usec_t passed) {
        struct lockout_time time = after(passed);

        time.boot.bytes[0] = 2;
        time.now_boot = uptime;
        return time;
}

static struct lockout source(void) {
        return (struct lockout){
                .realm = "default", .user = "alice", .kind = LOCKOUT_SOURCE, .source = "192.0.2.7"
        };
}

static int fail_at(struct lockout *row, usec_t passed) {
        struct lockout_time time = after(passed);

        return lockout_fail(row, &rules, &time);
}

static usec_t left_at(const struct lockout *row, usec_t passed) {
        struct lockout_time time = after(passed);

        return lockout_left(row, &rules, &time);
}

static uint32_t remaining_at(const struct lockout *row, usec_t passed) {
        struct lockout_time time = after(passed);

        return lockout_remaining(row, &rules, &time);
}

/* Locked by five failures at the first moment. */
static struct lockout locked(void) {
        struct lockout row = source();

        for (int i = 0; i < 5; i++)
                (void) fail_at(&row, 0);
        return row;
}

static void test_the_fifth_failure_locks_for_lock_time(void **state) {
        struct lockout row = source();

        for (uint32_t i = 0; i < 4; i++) {
                assert_int_equal(remaining_at(&row, i), 5 - i);
                assert_int_equal(fail_at(&row, i), LOCKOUT_COUNTED);
                assert_int_equal(left_at(&row, i), 0);
        }
        assert_int_equal(remaining_at(&row, 4), 1);
        assert_int_equal(fail_at(&row, 4), LOCKOUT_LOCKED);
        assert_int_equal(remaining_at(&row, 4), 0);
        assert_int_equal(left_at(&row, 4), 15 * MINUTE);
        assert_int_equal(left_at(&row, 4 + 15 * MINUTE - 1), 1);
        assert_int_equal(left_at(&row, 4 + 15 * MINUTE), 0);
}

static void test_failures_while_it_locks_neither_count_nor_lengthen_it(void **state) {
        struct lockout row = locked(), before = row;

        assert_int_equal(fail_at(&row, MINUTE), 0);
        assert_memory_equal(&row, &before, sizeof(row));
}

static void test_a_lock_that_is_over_has_ended_its_failures(void **state) {
        struct lockout row = locked();
        struct lockout_time time = after(15 * MINUTE);

        assert_int_equal(remaining_at(&row, 15 * MINUTE), 5);
        assert_true(lockout_is_spent(&row, &rules, &time));
        assert_int_equal(fail_at(&row, 15 * MINUTE), LOCKOUT_COUNTED);
        assert_int_equal(remaining_at(&row, 15 * MINUTE), 4);
        assert_false(lockout_is_spent(&row, &rules, &time));
}

static void test_each_failure_counts_for_the_window_and_no_longer(void **state) {
        struct lockout row = source();

        for (usec_t i = 0; i < 4; i++)
                assert_int_equal(fail_at(&row, i * MINUTE), LOCKOUT_COUNTED);
        assert_int_equal(remaining_at(&row, 15 * MINUTE - 1), 1);
        assert_int_equal(remaining_at(&row, 15 * MINUTE), 2);
        assert_int_equal(fail_at(&row, 15 * MINUTE), LOCKOUT_COUNTED);
        assert_int_equal(remaining_at(&row, 16 * MINUTE), 2);
        assert_int_equal(remaining_at(&row, 18 * MINUTE), 4);
        assert_int_equal(remaining_at(&row, 30 * MINUTE), 5);
}

static void test_slow_failures_never_lock(void **state) {
        struct lockout row = source();

        for (usec_t i = 0; i < 50; i++)
                assert_int_equal(fail_at(&row, i * 4 * MINUTE), LOCKOUT_COUNTED);
}

static void test_a_user_is_locked_by_twenty(void **state) {
        struct lockout row = { .realm = "default", .user = "alice", .kind = LOCKOUT_USER };

        for (int i = 0; i < 19; i++)
                assert_int_equal(fail_at(&row, 0), LOCKOUT_COUNTED);
        assert_int_equal(fail_at(&row, 0), LOCKOUT_LOCKED);
}

static void test_a_limit_of_zero_counts_and_locks_nothing(void **state) {
        struct lockout_rules off = rules;
        struct lockout_time time = after(0);
        struct lockout row = source(), old = locked();

        off.max_failures_per_source = 0;
        for (int i = 0; i < 10; i++)
                assert_int_equal(lockout_fail(&row, &off, &time), 0);
        assert_int_equal(lockout_remaining(&row, &off, &time), UINT32_MAX);
        assert_int_equal(row.failures.n, 0);
        assert_int_equal(lockout_left(&old, &off, &time), 0);
}

static void test_the_largest_limit_is_reached(void **state) {
        struct lockout_rules large = rules;
        struct lockout_time time = after(0);
        struct lockout row = source();

        large.max_failures_per_source = LOCKOUT_FAILURES_MAX;
        for (int i = 1; i < LOCKOUT_FAILURES_MAX; i++)
                assert_int_equal(lockout_fail(&row, &large, &time), LOCKOUT_COUNTED);
        assert_int_equal(lockout_fail(&row, &large, &time), LOCKOUT_LOCKED);
}

static void test_rules_that_became_milder_count_at_once(void **state) {
        struct lockout_rules milder = rules;
        struct lockout_time time = after(2 * MINUTE);
        struct lockout row = locked();

        milder.lock_time = 3 * MINUTE;
        assert_int_equal(lockout_left(&row, &milder, &time), MINUTE);
        milder.lock_time = 2 * MINUTE;
        assert_int_equal(lockout_left(&row, &milder, &time), 0);
}

static void test_failures_of_before_a_lower_limit_lock_at_the_next(void **state) {
        struct lockout_rules strict = rules;
        struct lockout_time time = after(0);
        struct lockout row = source();

        for (int i = 0; i < 4; i++)
                (void) fail_at(&row, 0);
        strict.max_failures_per_source = 2;
        assert_int_equal(lockout_remaining(&row, &strict, &time), 0);
        assert_int_equal(lockout_left(&row, &strict, &time), 0);
        assert_int_equal(lockout_fail(&row, &strict, &time), LOCKOUT_LOCKED);
}

/* ---- clocks ---- */

static void test_setting_the_clock_neither_locks_nor_unlocks(void **state) {
        struct lockout row = locked();
        struct lockout_time time = after(5 * MINUTE);

        time.now_wall += UINT64_C(1000000) * MINUTE;
        assert_int_equal(lockout_left(&row, &rules, &time), 10 * MINUTE);
        time.now_wall = 0;
        assert_int_equal(lockout_left(&row, &rules, &time), 10 * MINUTE);
}

static void test_a_lock_goes_on_across_a_reboot(void **state) {
        struct lockout row = locked();
        struct lockout_time time = next_boot(MINUTE, 5 * MINUTE);

        assert_int_equal(lockout_left(&row, &rules, &time), 10 * MINUTE);
        time = next_boot(11 * MINUTE, 15 * MINUTE);
        assert_int_equal(lockout_left(&row, &rules, &time), 0);
}

static void test_counters_go_on_across_a_reboot(void **state) {
        struct lockout row = source();
        struct lockout_time time = next_boot(MINUTE, 5 * MINUTE);

        for (usec_t i = 0; i < 4; i++)
                (void) fail_at(&row, 0);
        assert_int_equal(lockout_remaining(&row, &rules, &time), 1);
        assert_int_equal(lockout_fail(&row, &rules, &time), LOCKOUT_LOCKED);
        assert_int_equal(lockout_left(&row, &rules, &time), 15 * MINUTE);
}

static void test_a_clock_set_back_before_a_boot_locks_for_lock_time_at_most(void **state) {
        struct lockout row = locked();
        struct lockout_time time = next_boot(0, 0);

        time.now_wall = 0;
        assert_int_equal(lockout_left(&row, &rules, &time), 15 * MINUTE);
        time.now_boot = 15 * MINUTE - 1;
        assert_int_equal(lockout_left(&row, &rules, &time), 1);
        time.now_boot = 15 * MINUTE;
        assert_int_equal(lockout_left(&row, &rules, &time), 0);
}

/* ---- admins ---- */

static void test_an_admins_lock_stays_until_it_is_taken_away(void **state) {
        struct lockout row = { .realm = "default", .user = "alice", .kind = LOCKOUT_ADMIN };
        struct lockout_time time = after(0);

        assert_int_equal(lockout_left(&row, &rules, &time), 0);
        lockout_lock(&row, USEC_NEVER, "left the company", &time);
        assert_string_equal(row.reason, "left the company");
        time = next_boot(1000000 * MINUTE, 1000000 * MINUTE);
        assert_int_equal(lockout_left(&row, &rules, &time), USEC_NEVER);
        assert_int_equal(lockout_until(&row, &rules, &time), USEC_NEVER);
        assert_false(lockout_is_spent(&row, &rules, &time));
        assert_int_equal(lockout_fail(&row, &rules, &time), 0);
}

static void test_an_admins_lock_with_an_end_is_not_shortened_by_lock_time(void **state) {
        struct lockout row = { .realm = "default", .user = "alice", .kind = LOCKOUT_ADMIN };
        struct lockout_time time = after(0);

        lockout_lock(&row, 60 * MINUTE, "", &time);
        time = after(20 * MINUTE);
        assert_int_equal(lockout_left(&row, &rules, &time), 40 * MINUTE);
        assert_int_equal(lockout_until(&row, &rules, &time), time.now_wall + 40 * MINUTE);
        time = after(60 * MINUTE);
        assert_true(lockout_is_spent(&row, &rules, &time));
}

/* ---- words ---- */

static void test_verbose_texts_count_down(void **state) {
        char text[MESSAGE_TEXT_MAX + 1];

        lockout_write_failed(&rules, 4, text);
        assert_string_equal(text, "4 attempts remaining");
        lockout_write_failed(&rules, UINT32_MAX, text);
        assert_string_equal(text, "");
        lockout_write_locked(&rules, 15 * MINUTE, text);
        assert_non_null(strstr(text, "locked for 15 minutes"));
        lockout_write_locked(&rules, 14 * MINUTE + 1, text);
        assert_non_null(strstr(text, "locked for 15 minutes"));
        lockout_write_locked(&rules, 1, text);
        assert_non_null(strstr(text, "locked for 1 minutes"));
        lockout_write_locked(&rules, USEC_NEVER, text);
        assert_string_equal(text, "This account is locked.");
}

static void test_generic_texts_are_the_same_whatever_happened(void **state) {
        struct lockout_rules generic = rules;
        char locked_text[MESSAGE_TEXT_MAX + 1], text[MESSAGE_TEXT_MAX + 1];

        generic.messages = LOCK_MESSAGES_GENERIC;
        lockout_write_locked(&generic, USEC_NEVER, locked_text);
        lockout_write_locked(&generic, MINUTE, text);
        assert_string_equal(text, locked_text);
        lockout_write_failed(&generic, 4, text);
        assert_string_equal(text, locked_text);
        lockout_write_failed(&generic, UINT32_MAX, text);
        assert_string_equal(text, locked_text);
}

static void test_names(void **state) {
        assert_string_equal(lockout_kind_name(LOCKOUT_SOURCE), "source");
        assert_string_equal(lockout_kind_name(LOCKOUT_USER), "user");
        assert_string_equal(lockout_kind_name(LOCKOUT_ADMIN), "admin");
        assert_string_equal(lockout_kind_name((enum lockout_kind) 9), "unknown");
        assert_string_equal(lock_messages_name(LOCK_MESSAGES_GENERIC), "generic");
        assert_string_equal(lock_messages_name(LOCK_MESSAGES_VERBOSE), "verbose");
        assert_string_equal(lock_messages_name((enum lock_messages) 9), "unknown");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_fifth_failure_locks_for_lock_time),
                cmocka_unit_test(test_failures_while_it_locks_neither_count_nor_lengthen_it),
                cmocka_unit_test(test_a_lock_that_is_over_has_ended_its_failures),
                cmocka_unit_test(test_each_failure_counts_for_the_window_and_no_longer),
                cmocka_unit_test(test_slow_failures_never_lock),
                cmocka_unit_test(test_a_user_is_locked_by_twenty),
                cmocka_unit_test(test_a_limit_of_zero_counts_and_locks_nothing),
                cmocka_unit_test(test_the_largest_limit_is_reached),
                cmocka_unit_test(test_rules_that_became_milder_count_at_once),
                cmocka_unit_test(test_failures_of_before_a_lower_limit_lock_at_the_next),
                cmocka_unit_test(test_setting_the_clock_neither_locks_nor_unlocks),
                cmocka_unit_test(test_a_lock_goes_on_across_a_reboot),
                cmocka_unit_test(test_counters_go_on_across_a_reboot),
                cmocka_unit_test(test_a_clock_set_back_before_a_boot_locks_for_lock_time_at_most),
                cmocka_unit_test(test_an_admins_lock_stays_until_it_is_taken_away),
                cmocka_unit_test(test_an_admins_lock_with_an_end_is_not_shortened_by_lock_time),
                cmocka_unit_test(test_verbose_texts_count_down),
                cmocka_unit_test(test_generic_texts_are_the_same_whatever_happened),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
