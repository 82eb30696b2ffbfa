/* What is due first, among many that come, move and go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "client/cleanup.h"
#include "daemon/due.h"

static struct due *due;

static int set_up(void **state) {
        return due_new(&due);
}

static int tear_down(void **state) {
        due_free(&due);
        due_free(&due);
        return due == NULL ? 0 : -1;
}

static void put(uint64_t number, usec_t at) {
        struct due_item item = { .at = at, .expires = at + 1, .number = number };

        item.sid.bytes[15] = (uint8_t) number;
        assert_int_equal(due_put(due, &item), 0);
}

static void assert_first(uint64_t number, usec_t at) {
        const struct due_item *first = due_first(due);

        assert_non_null(first);
        assert_int_equal(first->number, number);
        assert_int_equal(first->at, at);
        assert_int_equal(first->expires, at + 1);
        assert_int_equal(first->sid.bytes[15], (uint8_t) number);
}

static void test_nothing_is_due_first_of_nothing(void **state) {
        assert_null(due_first(due));
        assert_int_equal(due_count(due), 0);
        due_remove(due, 0);
        due_remove(due, UINT64_MAX);
        due_clear(due);
        assert_null(due_first(due));
}

static void test_what_is_due_first_comes_first_whatever_the_order_in_which_it_was_put(void **state) {
        put(7, 300);
        put(1000000, 100);
        put(0, 200);
        assert_first(1000000, 100);
        due_remove(due, 1000000);
        assert_first(0, 200);
        due_remove(due, 0);
        assert_first(7, 300);
        due_remove(due, 7);
        assert_false(due_has(due, 7));
        assert_null(due_first(due));
}

static void test_a_session_is_due_once_at_the_time_that_was_put_last(void **state) {
        put(1, 100);
        put(2, 200);
        put(1, 300);
        assert_int_equal(due_count(due), 2);
        assert_first(2, 200);
        put(1, 50);
        assert_first(1, 50);
        assert_int_equal(due_count(due), 2);
        assert_true(due_has(due, 1) && due_has(due, 2));
        assert_false(due_has(due, 0) || due_has(due, UINT64_MAX));
}

static void test_the_first_one_can_be_put_again_as_it_was_lent(void **state) {
        put(1, 100);
        put(2, 200);
        assert_int_equal(due_put(due, due_first(due)), 0);
        assert_first(1, 100);
}

static void test_what_was_cleared_is_due_no_more_and_can_be_put_anew(void **state) {
        put(1, 100);
        put(500, 200);
        due_clear(due);
        assert_null(due_first(due));
        put(500, 300);
        assert_first(500, 300);
        assert_int_equal(due_count(due), 1);
}

static void test_a_number_for_which_there_is_no_memory_is_refused_and_changes_nothing(void **state) {
        struct due_item item = { .number = UINT64_MAX };

        put(1, 100);
        assert_true(due_put(due, &item) < 0);
        assert_first(1, 100);
        assert_int_equal(due_count(due), 1);
}

/* Against the plainest thing that could be right: an array that is searched. */
static void test_many_that_come_move_and_go_stay_in_order(void **state) {
        enum { NUMBERS = 97, STEPS = 20000 };
        usec_t times[NUMBERS] = { 0 }; /* 0: not there */

        srandom(4711);
        for (int step = 0; step < STEPS; step++) {
                uint64_t number = (uint64_t) random() % NUMBERS;
                usec_t earliest = USEC_NEVER;
                size_t n = 0;

                if (random() % 3 == 0) {
                        due_remove(due, number);
                        times[number] = 0;
                } else {
                        times[number] = 1 + (usec_t) random() % 1000;
                        put(number, times[number]);
                }
                for (size_t i = 0; i < NUMBERS; i++) {
                        n += times[i] != 0;
                        if (times[i] && times[i] < earliest)
                                earliest = times[i];
                }
                assert_int_equal(due_count(due), n);
                if (n == 0) {
                        assert_null(due_first(due));
                        continue;
                }
                assert_int_equal(due_first(due)->at, earliest);
                assert_int_equal(times[due_first(due)->number], earliest);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_nothing_is_due_first_of_nothing),
                TEST(test_what_is_due_first_comes_first_whatever_the_order_in_which_it_was_put),
                TEST(test_a_session_is_due_once_at_the_time_that_was_put_last),
                TEST(test_the_first_one_can_be_put_again_as_it_was_lent),
                TEST(test_what_was_cleared_is_due_no_more_and_can_be_put_anew),
                TEST(test_a_number_for_which_there_is_no_memory_is_refused_and_changes_nothing),
                TEST(test_many_that_come_move_and_go_stay_in_order),
        };

        return cmocka_run_group_tests_name("due", tests, NULL, NULL);
}
