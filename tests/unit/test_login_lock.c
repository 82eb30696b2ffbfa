/* Failed attempts: what they lock, for whom, and for how long. */
#include "tests/unit/lock_fixture.h"

/* ---- from one source ---- */

static void test_five_failures_lock_the_source_for_fifteen_minutes(void **state) {
        struct desk *desk = *state;
        char expected[64];

        for (unsigned left = 4; left > 0; left--) {
                assert_int_equal(try(desk, "alice", OFFICE), FRAME_OK);
                assert_int_equal(fail_once(desk, "alice", OFFICE), FRAME_DENIED);
                snprintf(expected, sizeof(expected), "%u attempts remaining", left);
                assert_string_equal(said, expected);
        }
        assert_int_equal(fail_once(desk, "alice", OFFICE), FRAME_DENIED);
        assert_non_null(strstr(said, "locked for 15 minutes"));
        assert_int_equal(n_effects, 2);
        assert_int_equal(effects_seen[0], EFFECT_LOGIN_FAILED);
        assert_int_equal(effects_seen[1], EFFECT_LOCKED);
        passed = 10 * MINUTE;
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_DENIED);
        assert_non_null(strstr(said, "locked for 5 minutes"));
        passed = 15 * MINUTE;
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_OK);
}

static void test_another_source_and_another_user_are_not_locked(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 5, "alice", ATTACKER);
        assert_int_equal(try(desk, "alice", ATTACKER), FRAME_DENIED);
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_OK);
        assert_int_equal(try(desk, "bob", ATTACKER), FRAME_OK);
}

static void test_addresses_of_one_network_of_ipv6_are_one_source(void **state) {
        struct desk *desk = *state;

        for (unsigned i = 0; i < 5; i++)
                fail_times(desk, 1, "alice", (const char *const[]){ "2001:db8::1", "2001:db8::2" }[i % 2]);
        assert_int_equal(try(desk, "alice", "2001:db8::3"), FRAME_DENIED);
        assert_int_equal(try(desk, "alice", "2001:db8:0:1::1"), FRAME_OK);
}

static void test_a_success_forgets_the_failures_of_its_own_source_alone(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 4, "alice", OFFICE);
        fail_times(desk, 4, "alice", ATTACKER);
        assert_int_equal(succeed(desk, "alice", OFFICE), FRAME_OK);
        fail_times(desk, 1, "alice", OFFICE);
        assert_string_equal(said, "4 attempts remaining");
        fail_times(desk, 1, "alice", ATTACKER);
        assert_int_equal(try(desk, "alice", ATTACKER), FRAME_DENIED);
}

static void test_the_right_password_is_refused_while_the_source_is_locked(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 5, "alice", OFFICE);
        assert_int_equal(succeed(desk, "alice", OFFICE), FRAME_DENIED);
        passed = 15 * MINUTE;
        assert_int_equal(succeed(desk, "alice", OFFICE), FRAME_OK);
}

static void test_a_failure_of_a_locked_source_does_not_count_and_is_no_event(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 5, "alice", OFFICE);
        passed = 14 * MINUTE;
        fail_times(desk, 30, "alice", OFFICE);
        assert_int_equal(n_effects, 0);
        passed = 15 * MINUTE;
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_OK);
        assert_int_equal(try(desk, "alice", ATTACKER), FRAME_OK);
}

static void test_a_success_without_failures_writes_nothing(void **state) {
        struct desk *desk = *state;
        uint64_t before, after;

        assert_int_equal(store_last_transaction(desk->store->store, &before), 0);
        assert_int_equal(succeed(desk, "alice", OFFICE), FRAME_OK);
        assert_int_equal(store_last_transaction(desk->store->store, &after), 0);
        assert_int_equal(count_lockouts(desk), 0);
        assert_true(after == before); /* LMDB commits no empty transaction */
}

/* ---- from everywhere ---- */

static void test_twenty_failures_lock_the_user_for_new_sources(void **state) {
        struct desk *desk = *state;

        fail_twenty_times(desk);
        assert_int_equal(try(desk, "alice", "198.51.100.1"), FRAME_DENIED);
        assert_non_null(strstr(said, "locked for 15 minutes"));
        assert_int_equal(try(desk, "bob", "198.51.100.1"), FRAME_OK);
        passed = 15 * MINUTE;
        assert_int_equal(try(desk, "alice", "198.51.100.1"), FRAME_OK);
}

static void test_a_source_from_which_the_user_came_within_thirty_days_passes_the_user_lock(void **state) {
        struct desk *desk = *state;

        (void) open_session_of(desk, "alice", OFFICE);
        passed = 29 * DAY;
        fail_twenty_times(desk);
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_OK);
        assert_int_equal(try(desk, "alice", "198.51.100.1"), FRAME_DENIED);
        passed = 31 * DAY;
        fail_twenty_times(desk);
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_DENIED);
}

static void test_a_known_source_is_locked_by_its_own_failures(void **state) {
        struct desk *desk = *state;

        (void) open_session_of(desk, "alice", OFFICE);
        fail_times(desk, 5, "alice", OFFICE);
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_DENIED);
}

static void test_known_sources_are_bounded(void **state) {
        struct desk *desk = *state;
        struct store_cursor c = { 0 };
        struct store_txn *read;
        char ip[IP_MAX + 1], source[LOCK_SOURCE_MAX + 1];
        usec_t wall;
        size_t n = 0;

        for (unsigned i = 0; i < 40; i++) {
                snprintf(ip, sizeof(ip), "192.0.2.%u", i);
                (void) open_session_of(desk, "alice", ip);
        }
        read = begin_read(desk->store);
        while (store_next_source(read, "default", "alice", &c, source, &wall) == 0)
                n++;
        assert_int_equal(n, 16);
        assert_int_equal(store_find_source(read, "default", "alice", "192.0.2.39", &wall), 0);
        store_abort(&read);
}

static void test_an_attacker_with_many_addresses_does_not_fill_the_store(void **state) {
        struct desk *desk = *state;
        char ip[IP_MAX + 1];

        desk_configure(desk, "[lock]\nmax_failures_per_user = 0\n");
        for (unsigned i = 0; i < 200; i++) {
                passed += USEC_PER_SEC;
                snprintf(ip, sizeof(ip), "203.0.113.%u", i);
                fail_times(desk, 1, "alice", ip);
        }
        assert_int_equal(count_lockouts(desk), 64);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, lock_setup, lock_teardown)
                T(test_five_failures_lock_the_source_for_fifteen_minutes),
                T(test_another_source_and_another_user_are_not_locked),
                T(test_addresses_of_one_network_of_ipv6_are_one_source),
                T(test_a_success_forgets_the_failures_of_its_own_source_alone),
                T(test_the_right_password_is_refused_while_the_source_is_locked),
                T(test_a_failure_of_a_locked_source_does_not_count_and_is_no_event),
                T(test_a_success_without_failures_writes_nothing),
                T(test_twenty_failures_lock_the_user_for_new_sources),
                T(test_a_source_from_which_the_user_came_within_thirty_days_passes_the_user_lock),
                T(test_a_known_source_is_locked_by_its_own_failures),
                T(test_known_sources_are_bounded),
                T(test_an_attacker_with_many_addresses_does_not_fill_the_store),
        };

        return cmocka_run_group_tests_name("login_lock", tests, NULL, NULL);
}
