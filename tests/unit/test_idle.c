/* idle: a session that nobody uses ends when its time is over, and no session that somebody uses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/idle.h"

#define SECONDS(n) ((usec_t) (n) *USEC_PER_SEC)
#define WALL       SECONDS(1700000000)
#define TTL        SECONDS(600)
#define OVER       (TTL + IDLE_STEP)

/* So many seconds behind the login, on both clocks. */
static struct moment at(usec_t seconds) {
        return (struct moment){ .wall = WALL + SECONDS(seconds), .boot = SECONDS(1000 + seconds) };
}

static struct idle begun(void) {
        struct idle idle;

        idle_begin(&idle, TTL, at(0));
        return idle;
}

static void test_a_login_is_looked_at_when_its_time_may_be_over_and_not_before(void **state) {
        struct idle idle = begun();

        assert_true(idle.look_boot == at(608).boot);
}

static void test_a_terminal_that_nobody_read_from_since_the_login_is_over(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, true, at(0).wall, at(608)), IDLE_OVER);
}

static void test_nothing_is_over_before_its_time(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, true, at(0).wall, at(607)), 0);
        assert_true(idle.look_boot == at(608).boot);
        assert_int_equal(idle_look(&idle, true, at(0).wall, at(608)), IDLE_OVER);
}

static void test_reading_at_a_terminal_puts_the_end_off(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, true, at(500).wall, at(608)), 0);
        assert_true(idle.look_boot == at(500).boot + OVER);
        assert_int_equal(idle_look(&idle, true, at(500).wall, at(1107)), 0);
        assert_int_equal(idle_look(&idle, true, at(500).wall, at(1108)), IDLE_OVER);
}

static void test_a_token_puts_the_end_off(void **state) {
        struct idle idle = begun();

        idle_use(&idle, at(300).boot);
        assert_int_equal(idle_look(&idle, true, at(0).wall, at(608)), 0);
        assert_true(idle.look_boot == at(300).boot + OVER);
        assert_int_equal(idle_look(&idle, true, at(0).wall, at(908)), IDLE_OVER);
}

static void test_the_newest_use_counts_whichever_it_is(void **state) {
        struct idle idle = begun();

        idle_use(&idle, at(300).boot);
        assert_int_equal(idle_look(&idle, true, at(200).wall, at(608)), 0);
        assert_true(idle.used_boot == at(300).boot);
        assert_int_equal(idle_look(&idle, true, at(700).wall, at(908)), 0);
        assert_true(idle.used_boot == at(700).boot);
        idle_use(&idle, at(650).boot);
        assert_true(idle.used_boot == at(700).boot);
}

static void test_without_a_terminal_it_is_never_over_and_looked_at_once_a_ttl(void **state) {
        struct idle idle = begun();

        for (unsigned i = 1; i < 100; i++) {
                usec_t seconds = i * 608;

                assert_int_equal(idle_look(&idle, false, 0, at(seconds)), 0);
                assert_true(idle.look_boot == at(seconds).boot + OVER);
        }
}

static void test_a_terminal_that_comes_later_has_its_own_time(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, false, 0, at(608)), 0);
        assert_int_equal(idle_look(&idle, true, at(1000).wall, at(1216)), 0);
        assert_true(idle.look_boot == at(1000).boot + OVER);
        assert_int_equal(idle_look(&idle, true, at(1000).wall, at(1608)), IDLE_OVER);
}

static void test_a_use_is_kept_once_a_step(void **state) {
        struct idle idle = begun(), none = { 0 };

        assert_false(idle_wants_use(&idle, at(8).boot));
        assert_true(idle_wants_use(&idle, at(9).boot));
        assert_false(idle_wants_use(&none, at(9).boot));
}

static void test_a_wall_clock_set_forward_ends_nobody_who_was_there(void **state) {
        struct idle idle = begun();
        struct moment later = at(608);

        later.wall += SECONDS(86400); /* after he typed at 500: his terminal shows a day ago */
        assert_int_equal(idle_look(&idle, true, at(500).wall, later), 0);
        assert_true(idle.used_boot == later.boot);
}

static void test_a_wall_clock_set_back_ends_nobody_who_was_there_and_keeps_nobody_else(void **state) {
        struct idle idle = begun();
        struct moment later = at(608);

        later.wall -= SECONDS(86400);
        assert_int_equal(idle_look(&idle, true, at(500).wall, later), 0);
        later.wall += OVER; /* nobody reads, whose time lies a day ahead of the clock */
        later.boot += OVER;
        assert_int_equal(idle_look(&idle, true, at(500).wall, later), IDLE_OVER);
}

static void test_a_time_ahead_of_the_clock_is_one_use_not_many(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, true, at(1000000).wall, at(608)), 0);
        assert_int_equal(idle_look(&idle, true, at(1000000).wall, at(608 + 608)), IDLE_OVER);
}

static void test_a_late_look_ends_what_is_over_and_keeps_what_is_not(void **state) {
        struct idle idle = begun();

        assert_int_equal(idle_look(&idle, true, at(9000).wall, at(9100)), 0);
        idle = begun();
        assert_int_equal(idle_look(&idle, true, at(400).wall, at(9100)), IDLE_OVER);
}

static void test_the_longest_time_overflows_nothing(void **state) {
        struct idle idle;

        idle_begin(&idle, SECONDS(3650) * 86400, at(0));
        assert_true(idle.look_boot > at(0).boot + SECONDS(3650) * 86400);
        assert_int_equal(idle_look(&idle, true, at(0).wall, at(608)), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_login_is_looked_at_when_its_time_may_be_over_and_not_before),
                cmocka_unit_test(test_a_terminal_that_nobody_read_from_since_the_login_is_over),
                cmocka_unit_test(test_nothing_is_over_before_its_time),
                cmocka_unit_test(test_reading_at_a_terminal_puts_the_end_off),
                cmocka_unit_test(test_a_token_puts_the_end_off),
                cmocka_unit_test(test_the_newest_use_counts_whichever_it_is),
                cmocka_unit_test(test_without_a_terminal_it_is_never_over_and_looked_at_once_a_ttl),
                cmocka_unit_test(test_a_terminal_that_comes_later_has_its_own_time),
                cmocka_unit_test(test_a_use_is_kept_once_a_step),
                cmocka_unit_test(test_a_wall_clock_set_forward_ends_nobody_who_was_there),
                cmocka_unit_test(test_a_wall_clock_set_back_ends_nobody_who_was_there_and_keeps_nobody_else),
                cmocka_unit_test(test_a_time_ahead_of_the_clock_is_one_use_not_many),
                cmocka_unit_test(test_a_late_look_ends_what_is_over_and_keeps_what_is_not),
                cmocka_unit_test(test_the_longest_time_overflows_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
