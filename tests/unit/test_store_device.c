/* Devices in their users' ranges, and signing keys. */
#include "tests/unit/store_fixture.h"

static void test_devices_are_found_replaced_and_listed(void **state) {
        struct fixture *f = *state;
        struct device a = device_of(1, "default", "alice"), b = device_of(2, "default", "alice"), out;
        struct store_cursor c = { 0 };
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_find_device(turn, "default", "alice", &a.id, &out), STORE_NOT_FOUND);
        assert_int_equal(store_put_device(turn, &b), 0);
        assert_int_equal(store_put_device(turn, &a), 0);
        a.logins = 5;
        assert_int_equal(store_put_device(turn, &a), 0);
        assert_int_equal(store_find_device(turn, "default", "alice", &a.id, &out), 0);
        assert_int_equal(out.logins, 5);
        assert_int_equal(store_find_device(turn, "default", "bob", &a.id, &out), STORE_NOT_FOUND);
        assert_int_equal(store_next_device_of_user(turn, "default", "alice", &c, &out), 0);
        assert_int_equal(out.first_seen, 1);
        assert_int_equal(store_next_device_of_user(turn, "default", "alice", &c, &out), 0);
        assert_int_equal(out.first_seen, 2);
        assert_int_equal(store_next_device_of_user(turn, "default", "alice", &c, &out), STORE_END);
        a.kind = 0;
        assert_int_equal(store_put_device(turn, &a), -EINVAL);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_device_is_found_by_its_id_alone_until_it_is_removed(void **state) {
        struct fixture *f = *state;
        struct device a = device_of(1, "default", "alice"), stolen = a, out;
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_load_device(turn, &a.id, &out), STORE_NOT_FOUND);
        assert_int_equal(store_remove_device(turn, &a.id), STORE_NOT_FOUND);
        assert_int_equal(store_put_device(turn, &a), 0);
        strcpy(stolen.user, "bob");
        assert_int_equal(store_put_device(turn, &stolen), -EINVAL);
        assert_int_equal(store_load_device(turn, &a.id, &out), 0);
        assert_string_equal(out.user, "alice");
        assert_int_equal(store_remove_device(turn, &a.id), 0);
        assert_int_equal(store_load_device(turn, &a.id, &out), STORE_NOT_FOUND);
        assert_int_equal(store_find_device(turn, "default", "alice", &a.id, &out), STORE_NOT_FOUND);
        assert_consistent(turn);
        commit(turn);
}

static void assert_next_name(
        struct store_txn *txn, struct store_cursor *cursor, const char *realm, const char *user) {
        char r[REALM_MAX + 1], u[USER_MAX + 1];

        assert_int_equal(store_next_name(txn, cursor, r, u), 0);
        assert_string_equal(r, realm);
        assert_string_equal(u, user);
}

static void test_names_are_walked_once_each(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 }, of_uid = { 0 };
        char r[REALM_MAX + 1], u[USER_MAX + 1];
        struct device d;
        struct session s;

        assert_int_equal(store_next_name(turn, &c, r, u), STORE_END);
        for (unsigned n = 1; n <= 3; n++) {
                d = device_of(n, "default", n == 3 ? "bob" : "alice");
                assert_int_equal(store_put_device(turn, &d), 0);
                s = session_of(n, n == 3 ? "web" : "default", "alice");
                s.uid = n == 1 ? 1 : 1000;
                open_session(turn, &s);
        }
        assert_next_name(turn, &c, "default", "alice");
        assert_next_name(turn, &c, "default", "bob");
        assert_next_name(turn, &c, "web", "alice");
        assert_int_equal(store_next_name(turn, &c, r, u), STORE_END);

        assert_int_equal(store_next_name_of_uid(turn, 1000, &of_uid, r, u), 0);
        assert_string_equal(r, "default");
        assert_int_equal(store_next_name_of_uid(turn, 1000, &of_uid, r, u), 0);
        assert_string_equal(r, "web");
        assert_int_equal(store_next_name_of_uid(turn, 1000, &of_uid, r, u), STORE_END);
        commit(turn);
}

static void test_keys_are_kept_listed_and_removed(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 };
        char kid[KID_MAX + 1];
        uint8_t buf[8];
        size_t size;

        assert_int_equal(store_next_key(turn, &c, kid, buf, sizeof(buf), &size), STORE_END);
        assert_int_equal(store_put_key(turn, "b", "second", 6), 0);
        assert_int_equal(store_put_key(turn, "a", "first", 5), 0);
        assert_int_equal(store_next_key(turn, &c, kid, buf, 4, &size), -ENOBUFS);
        assert_int_equal(store_next_key(turn, &c, kid, buf, sizeof(buf), &size), 0);
        assert_string_equal(kid, "a");
        assert_int_equal(size, 5);
        assert_memory_equal(buf, "first", 5);
        assert_int_equal(store_next_key(turn, &c, kid, buf, sizeof(buf), &size), 0);
        assert_string_equal(kid, "b");
        assert_int_equal(store_next_key(turn, &c, kid, buf, sizeof(buf), &size), STORE_END);
        assert_int_equal(store_remove_key(turn, "a"), 0);
        assert_int_equal(store_remove_key(turn, "a"), STORE_NOT_FOUND);
        assert_consistent(turn);
        commit(turn);
}

static void test_there_is_one_seal_which_is_no_key(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 };
        char kid[KID_MAX + 1];
        uint8_t buf[8], bytes[RECORD_MAX + 1] = { 0 };
        size_t size = 0;

        assert_int_equal(store_find_seal(turn, buf, sizeof(buf), &size), STORE_NOT_FOUND);
        assert_int_equal(store_put_seal(turn, bytes, sizeof(bytes)), -EINVAL);
        assert_int_equal(store_put_seal(turn, "first", 5), 0);
        assert_int_equal(store_put_seal(turn, "second", 6), 0);
        commit(turn);
        fixture_reopen(f, FIXTURE_MAP);
        turn = begin_turn(f);
        assert_int_equal(store_find_seal(turn, buf, 5, &size), -ENOBUFS);
        assert_int_equal(size, 0);
        assert_int_equal(store_find_seal(turn, buf, sizeof(buf), &size), 0);
        assert_int_equal(size, 6);
        assert_memory_equal(buf, "second", 6);
        assert_int_equal(store_next_key(turn, &c, kid, buf, sizeof(buf), &size), STORE_END);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_kid_has_its_limits(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        uint8_t bytes[RECORD_MAX + 1] = { 0 };
        char kid[KID_MAX + 2] = "";

        memset(kid, 'k', KID_MAX + 1);
        assert_int_equal(store_put_key(turn, kid, bytes, 1), -EINVAL);
        assert_int_equal(store_put_key(turn, "", bytes, 1), -EINVAL);
        assert_int_equal(store_put_key(turn, "k", bytes, sizeof(bytes)), -EINVAL);
        assert_int_equal(store_put_key(turn, kid + 1, bytes, RECORD_MAX), 0);
        assert_int_equal(store_remove_key(turn, kid), STORE_NOT_FOUND);
        assert_int_equal(store_remove_key(turn, ""), STORE_NOT_FOUND);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_devices_are_found_replaced_and_listed),
                store_test(test_a_device_is_found_by_its_id_alone_until_it_is_removed),
                store_test(test_names_are_walked_once_each),
                store_test(test_keys_are_kept_listed_and_removed),
                store_test(test_there_is_one_seal_which_is_no_key),
                store_test(test_a_kid_has_its_limits),
        };

        return cmocka_run_group_tests_name("store_device", tests, NULL, NULL);
}
