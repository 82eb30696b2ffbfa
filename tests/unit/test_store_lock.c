/* Lockouts and sources in the store. */
#include "tests/unit/store_fixture.h"

static struct lockout lockout_of(const char *realm, const char *user, const char *source) {
        struct lockout l = { .kind = *source ? LOCKOUT_SOURCE : LOCKOUT_USER, .at_wall = 7, .lasts = 9 };

        strcpy(l.realm, realm);
        strcpy(l.user, user);
        strcpy(l.source, source);
        l.failures.n = 3;
        l.failures.ages_msec[2] = UINT32_MAX;
        return l;
}

static void put(struct store_txn *txn, const char *realm, const char *user, const char *source) {
        struct lockout l = lockout_of(realm, user, source);

        assert_int_equal(store_put_lockout(txn, &l), 0);
}

static void test_lockouts_are_found_replaced_and_removed(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct lockout l = lockout_of("default", "alice", "192.0.2.7"), other = l, out;

        assert_int_equal(store_find_lockout(turn, &l, &out), STORE_NOT_FOUND);
        assert_int_equal(store_put_lockout(turn, &l), 0);
        l.failures.n = 2;
        l.failures.ages_msec[2] = 0;
        assert_int_equal(store_put_lockout(turn, &l), 0);
        assert_int_equal(store_find_lockout(turn, &l, &out), 0);
        assert_memory_equal(&out, &l, sizeof(l));
        other.subject = 1;
        assert_int_equal(store_find_lockout(turn, &other, &out), STORE_NOT_FOUND);
        other = lockout_of("default", "alice", "192.0.2.70");
        assert_int_equal(store_find_lockout(turn, &other, &out), STORE_NOT_FOUND);
        other = lockout_of("default", "alice", "");
        assert_int_equal(store_find_lockout(turn, &other, &out), STORE_NOT_FOUND);
        assert_consistent(turn);
        assert_int_equal(store_remove_lockout(turn, &l), 0);
        assert_int_equal(store_remove_lockout(turn, &l), STORE_NOT_FOUND);
        commit(turn);
}

static void test_a_lockout_that_could_not_be_read_back_is_not_written(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct lockout l = lockout_of("default", "alice", "x");

        l.failures.n = LOCKOUT_FAILURES_MAX + 1;
        assert_int_equal(store_put_lockout(turn, &l), -EINVAL);
        l = lockout_of("default", "alice", "x");
        l.kind = 0;
        assert_int_equal(store_put_lockout(turn, &l), -EINVAL);
        l = lockout_of("", "alice", "x");
        assert_int_equal(store_put_lockout(turn, &l), -EINVAL);
        store_abort(&turn);
}

static void test_a_lockout_of_the_longest_names_is_kept(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct lockout l = { .kind = LOCKOUT_SOURCE, .subject = UINT64_MAX, .lasts = USEC_NEVER }, out;

        memset(l.realm, 'r', REALM_MAX);
        memset(l.user, 'u', USER_MAX);
        memset(l.source, 's', LOCK_SOURCE_MAX);
        memset(l.reason, 'w', REASON_TEXT_MAX);
        l.failures.n = LOCKOUT_FAILURES_MAX;
        assert_int_equal(store_put_lockout(turn, &l), 0);
        assert_int_equal(store_find_lockout(turn, &l, &out), 0);
        assert_memory_equal(&out, &l, sizeof(l));
        assert_consistent(turn);
        commit(turn);
}

static size_t count_of_user(struct store_txn *txn, const char *realm, const char *user) {
        struct store_cursor c = { 0 };
        struct lockout out;
        size_t n = 0;
        int r;

        while ((r = store_next_lockout_of_user(txn, realm, user, &c, &out)) == 0) {
                assert_string_equal(out.user, user);
                assert_string_equal(out.realm, realm);
                n++;
        }
        assert_int_equal(r, STORE_END);
        return n;
}

static void test_a_users_lockouts_are_his_alone(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 };
        struct lockout out;
        size_t n = 0;

        put(turn, "default", "al", "192.0.2.7");
        put(turn, "default", "alice", "192.0.2.7");
        put(turn, "default", "alice", "192.0.2.8");
        put(turn, "default", "alice", "");
        put(turn, "web", "alice", "");
        assert_int_equal(store_put_source(turn, "default", "alice", "192.0.2.7", 1), 0);
        assert_int_equal(count_of_user(turn, "default", "alice"), 3);
        assert_int_equal(count_of_user(turn, "default", "al"), 1);
        assert_int_equal(count_of_user(turn, "web", "alice"), 1);
        assert_int_equal(count_of_user(turn, "default", "bob"), 0);
        while (store_next_lockout(turn, &c, &out) == 0)
                n++;
        assert_int_equal(n, 5);
        assert_consistent(turn);
        commit(turn);
}

static void test_sources_are_found_listed_and_removed(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 };
        char source[LOCK_SOURCE_MAX + 1], too_long[LOCK_SOURCE_MAX + 2];
        usec_t wall = 0;

        put(turn, "default", "alice", "192.0.2.7");
        assert_int_equal(store_find_source(turn, "default", "alice", "192.0.2.7", &wall), STORE_NOT_FOUND);
        assert_int_equal(store_put_source(turn, "default", "alice", "192.0.2.7", 1), 0);
        assert_int_equal(store_put_source(turn, "default", "alice", "192.0.2.7", 2), 0);
        assert_int_equal(store_put_source(turn, "default", "alice", "2001:db8::/64", 3), 0);
        assert_int_equal(store_find_source(turn, "default", "alice", "192.0.2.7", &wall), 0);
        assert_int_equal(wall, 2);
        assert_int_equal(store_find_source(turn, "default", "bob", "192.0.2.7", &wall), STORE_NOT_FOUND);
        assert_int_equal(store_next_source(turn, "default", "alice", &c, source, &wall), 0);
        assert_string_equal(source, "192.0.2.7");
        assert_int_equal(store_next_source(turn, "default", "alice", &c, source, &wall), 0);
        assert_string_equal(source, "2001:db8::/64");
        assert_int_equal(wall, 3);
        assert_int_equal(store_next_source(turn, "default", "alice", &c, source, &wall), STORE_END);
        assert_int_equal(store_remove_source(turn, "default", "alice", "192.0.2.7"), 0);
        assert_int_equal(store_remove_source(turn, "default", "alice", "192.0.2.7"), STORE_NOT_FOUND);
        memset(too_long, 's', LOCK_SOURCE_MAX + 1);
        too_long[LOCK_SOURCE_MAX + 1] = '\0';
        assert_int_equal(store_put_source(turn, "default", "alice", too_long, 1), -EINVAL);
        assert_int_equal(store_put_source(turn, "default", "alice", "", 1), -EINVAL);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_row_that_is_none_is_reported(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        char error[256] = "";

        assert_int_equal(
                row_put(turn, DB_LOCK, (struct span){ (const uint8_t *) "ldefault", 8 }, SPAN_EMPTY), 0);
        assert_int_equal(store_check(turn, error, sizeof(error)), -EBADMSG);
        assert_non_null(strstr(error, "lock"));
        store_abort(&turn);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                T(test_lockouts_are_found_replaced_and_removed),
                T(test_a_lockout_that_could_not_be_read_back_is_not_written),
                T(test_a_lockout_of_the_longest_names_is_kept),
                T(test_a_users_lockouts_are_his_alone),
                T(test_sources_are_found_listed_and_removed),
                T(test_a_row_that_is_none_is_reported),
        };

        return cmocka_run_group_tests_name("store_lock", tests, NULL, NULL);
}
