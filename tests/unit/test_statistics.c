/* statistics: each effect is counted once, under what it is; latencies are told within a factor of two. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/statistics.h"

static void note(struct statistics *statistics, enum effect_kind kind, enum session_end end) {
        struct session session = { .end = end };
        struct effects effects = { 0 };

        assert_int_equal(effects_add(&effects, kind, BY_SYSTEM, &session, NULL), 0);
        statistics_note_effects(statistics, &effects);
        effects_free(&effects);
}

static void test_what_was_committed_is_counted_under_what_it_is(void **state) {
        struct statistics statistics = { 0 };

        note(&statistics, EFFECT_SESSION_OPENED, END_NONE);
        note(&statistics, EFFECT_SESSION_DENIED, END_DENIED);
        note(&statistics, EFFECT_LOGIN_DENIED, END_DENIED);
        note(&statistics, EFFECT_SESSION_SPARED, END_NONE);
        note(&statistics, EFFECT_DEVICE_NEW, END_NONE);
        note(&statistics, EFFECT_SESSION_ENDED, END_LOGOUT);
        assert_int_equal(statistics.opened, 1);
        assert_int_equal(statistics.denied, 2);
        assert_int_equal(statistics.spared, 1);
        assert_int_equal(statistics.new_devices, 1);
        assert_int_equal(statistics.ended[END_LOGOUT], 1);
}

static void test_a_session_that_is_ending_and_then_gone_has_ended_once(void **state) {
        struct statistics statistics = { 0 };

        note(&statistics, EFFECT_SESSION_ENDING, END_EVICTED);
        note(&statistics, EFFECT_SESSION_GONE, END_EVICTED);
        assert_int_equal(statistics.ended[END_EVICTED], 1);
}

static void test_a_reason_that_is_none_is_not_counted(void **state) {
        struct statistics statistics = { 0 };

        note(&statistics, EFFECT_SESSION_ENDED, _END_MAX);
        for (unsigned i = 0; i < _END_MAX; i++)
                assert_int_equal(statistics.ended[i], 0);
}

static void test_nothing_took_no_time(void **state) {
        struct latency latency = { 0 };

        assert_int_equal(latency_at(&latency, 500), 0);
        assert_int_equal(latency_at(&latency, 1000), 0);
}

static void test_half_of_them_and_nearly_all_are_told_within_a_factor_of_two(void **state) {
        struct latency latency = { 0 };

        for (usec_t i = 1; i <= 1000; i++)
                latency_note(&latency, i * 10);
        assert_int_equal(latency.count, 1000);
        assert_in_range(latency_at(&latency, 500), 5000, 9999);
        assert_in_range(latency_at(&latency, 990), 9900, 10000);
        assert_int_equal(latency.longest, 10000);
        assert_int_equal(latency_at(&latency, 1000), 10000);
}

static void test_the_longest_and_the_shortest_have_a_bucket(void **state) {
        struct latency latency = { 0 };

        latency_note(&latency, 0);
        assert_int_equal(latency_at(&latency, 1000), 0);
        latency_note(&latency, USEC_NEVER);
        assert_true(latency_at(&latency, 1000) == USEC_NEVER);
        assert_int_equal(latency_at(&latency, 500), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_was_committed_is_counted_under_what_it_is),
                cmocka_unit_test(test_a_session_that_is_ending_and_then_gone_has_ended_once),
                cmocka_unit_test(test_a_reason_that_is_none_is_not_counted),
                cmocka_unit_test(test_nothing_took_no_time),
                cmocka_unit_test(test_half_of_them_and_nearly_all_are_told_within_a_factor_of_two),
                cmocka_unit_test(test_the_longest_and_the_shortest_have_a_bucket),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
