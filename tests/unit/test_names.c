/* names: what NSS says of real users, with time moved by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/names.h"

#define START (1000 * USEC_PER_SEC)

/* While the machine does not sleep both clocks tell the same. */
static struct moment at(usec_t time) {
        return (struct moment){ .boot = time, .awake = time };
}

static int set_up(void **state) {
        struct names *names = NULL;

        assert_int_equal(names_new(&names), 0);
        *state = names;
        return 0;
}

static int tear_down(void **state) {
        names_free((struct names **) state);
        assert_null(*state);
        names_free((struct names **) state);
        return 0;
}

/* Until NSS has answered, and the answer is in the table. */
static void take(struct names *names, usec_t now) {
        struct pollfd p = { .fd = names_fd(names), .events = POLLIN };

        assert_int_equal(poll(&p, 1, 10000), 1);
        names_take(names, now);
}

static bool has_group(const struct name *name, uint32_t gid) {
        for (size_t i = 0; i < name->n_groups; i++)
                if (name->groups[i] == gid)
                        return true;
        return false;
}

/* No descriptor is left to read /etc/passwd with: who is not found then is not gone. */
static void test_without_a_descriptor_nobody_is_gone(void **state) {
        struct rlimit limit, none;
        struct names *names = *state;
        struct name name = { 0 };

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){ .rlim_cur = 1, .rlim_max = limit.rlim_max };
        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED); /* NSS is loaded */
        take(names, START);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(names_find(names, "daemon", at(START), &name), NAMES_ASKED);
        take(names, START);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(names_find(names, "daemon", at(START), &name), 0);
        assert_int_equal(name.state, NAMES_UNAVAILABLE);
}

static void test_a_user_is_asked_for_once_and_then_known(void **state) {
        struct names *names = *state;
        struct name name = { 0 };

        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED);
        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED);
        take(names, START);
        assert_int_equal(names_find(names, "root", at(START), &name), 0);
        assert_int_equal(name.state, NAMES_FOUND);
        assert_int_equal(name.uid, 0);
        assert_true(has_group(&name, 0));
}

static void test_a_user_who_does_not_exist_is_gone(void **state) {
        struct names *names = *state;
        struct name name = { 0 };

        assert_int_equal(names_find(names, "no such user", at(START), &name), NAMES_ASKED);
        take(names, START);
        assert_int_equal(names_find(names, "no such user", at(START), &name), 0);
        assert_int_equal(name.state, NAMES_GONE);
        assert_int_equal(name.n_groups, 0);
}

static void test_what_is_known_is_asked_again_after_a_minute(void **state) {
        struct names *names = *state;
        struct name name = { 0 };

        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED);
        take(names, START);
        assert_int_equal(names_find(names, "root", at(START + NAMES_KEPT_FOR - 1), &name), 0);
        assert_int_equal(names_find(names, "root", at(START + NAMES_KEPT_FOR), &name), NAMES_ASKED);
        take(names, START + NAMES_KEPT_FOR);
        assert_int_equal(names_find(names, "root", at(START + NAMES_KEPT_FOR), &name), 0);
        assert_int_equal(name.state, NAMES_FOUND);
}

static void test_an_answer_that_does_not_come_in_a_second_is_none(void **state) {
        struct names *names = *state;
        struct name name = { 0 };

        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED);
        assert_int_equal(names_find(names, "root", at(START + NAMES_TIMEOUT - 1), &name), NAMES_ASKED);
        assert_int_equal(names_find(names, "root", at(START + NAMES_TIMEOUT), &name), 0);
        assert_int_equal(name.state, NAMES_UNAVAILABLE);
        /* It counts when it comes after all. */
        take(names, START + 2 * NAMES_TIMEOUT);
        assert_int_equal(names_find(names, "root", at(START + 2 * NAMES_TIMEOUT), &name), 0);
        assert_int_equal(name.state, NAMES_FOUND);
}

static void test_sleep_is_no_time_in_which_an_answer_could_have_come(void **state) {
        struct names *names = *state;
        struct moment woken = { .boot = START + 3600 * USEC_PER_SEC, .awake = START + 1 };
        struct name name = { 0 };

        assert_int_equal(names_find(names, "root", at(START), &name), NAMES_ASKED);
        assert_int_equal(names_find(names, "root", woken, &name), NAMES_ASKED);
        take(names, woken.boot);
        assert_int_equal(names_find(names, "root", woken, &name), 0);
        assert_int_equal(name.state, NAMES_FOUND);
}

static void test_more_users_than_there_is_room_for_push_out_the_longest_known(void **state) {
        struct names *names = *state;
        struct name name;

        for (unsigned i = 0; i < NAMES_MAX + 1; i++) {
                char user[32];

                snprintf(user, sizeof(user), "nobody-%u", i);
                assert_int_equal(names_find(names, user, at(START + i), &name), NAMES_ASKED);
                take(names, START + i);
                assert_int_equal(names_find(names, user, at(START + i), &name), 0);
        }
        assert_int_equal(names_find(names, "nobody-1", at(START + NAMES_MAX + 1), &name), 0);
        assert_int_equal(names_find(names, "nobody-0", at(START + NAMES_MAX + 1), &name), NAMES_ASKED);
        take(names, START + NAMES_MAX + 1);
}

static void test_with_all_places_waiting_nothing_is_known_of_one_more(void **state) {
        struct names *names = *state;
        struct name name = { 0 };

        for (unsigned i = 0; i < NAMES_MAX; i++) {
                char user[32];

                snprintf(user, sizeof(user), "nobody-%u", i);
                assert_int_equal(names_find(names, user, at(START), &name), NAMES_ASKED);
        }
        assert_int_equal(names_find(names, "one more", at(START), &name), 0);
        assert_int_equal(name.state, NAMES_UNAVAILABLE);
}

static void test_a_name_over_its_limit_is_an_error(void **state) {
        char user[USER_MAX + 2];
        struct name name;

        memset(user, 'a', sizeof(user) - 1);
        user[sizeof(user) - 1] = '\0';
        assert_int_equal(names_find(*state, user, at(START), &name), -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_a_user_is_asked_for_once_and_then_known, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_a_descriptor_nobody_is_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_user_who_does_not_exist_is_gone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_what_is_known_is_asked_again_after_a_minute, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_an_answer_that_does_not_come_in_a_second_is_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_sleep_is_no_time_in_which_an_answer_could_have_come, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_more_users_than_there_is_room_for_push_out_the_longest_known, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_with_all_places_waiting_nothing_is_known_of_one_more, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_name_over_its_limit_is_an_error, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
