/* What is kept of a user himself, beside his sessions and devices. */
#include "tests/unit/store_fixture.h"

static void test_an_account_is_found_by_realm_and_user_and_replaced(void **state) {
        struct fixture *f = *state;
        struct account alice = account_of("default", "alice"), out;
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_find_account(turn, "default", "alice", &out), STORE_NOT_FOUND);
        account_reset(&alice, 1000, 5);
        assert_int_equal(store_put_account(turn, &alice), 0);
        account_reset(&alice, ACCOUNT_UID_UNKNOWN, 7);
        assert_int_equal(store_put_account(turn, &alice), 0);
        assert_int_equal(store_find_account(turn, "default", "alice", &out), 0);
        assert_string_equal(out.realm, "default");
        assert_string_equal(out.user, "alice");
        assert_int_equal(out.uid, 1000);
        assert_int_equal(out.reset_at, 7);
        assert_int_equal(store_find_account(turn, "shop", "alice", &out), STORE_NOT_FOUND);
        assert_int_equal(store_find_account(turn, "default", "alic", &out), STORE_NOT_FOUND);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_reset_never_goes_back(void **state) {
        struct account account = account_of("default", "alice");

        assert_int_equal(account.reset_at, 0);
        account_reset(&account, 1000, 9);
        account_reset(&account, 1001, 8);
        assert_int_equal(account.reset_at, 9);
        assert_int_equal(account.uid, 1001);
}

static void test_accounts_are_no_sessions_and_no_devices(void **state) {
        struct fixture *f = *state;
        struct session session = session_of(1, "default", "alice"), found;
        struct account account = account_of("default", "alice");
        struct store_cursor by_user = { 0 }, of_user = { 0 }, devices = { 0 }, of_uid = { 0 };
        struct store_txn *turn = begin_turn(f);
        struct device device;

        assert_int_equal(store_put_account(turn, &account), 0);
        open_session(turn, &session);
        assert_int_equal(store_next_session_by_user(turn, &by_user, &found), 0);
        assert_int_equal(store_next_session_by_user(turn, &by_user, &found), STORE_END);
        assert_int_equal(store_next_session_of_user(turn, "default", "alice", &of_user, &found), 0);
        assert_int_equal(store_next_session_of_user(turn, "default", "alice", &of_user, &found), STORE_END);
        assert_int_equal(store_next_session_of_uid(turn, session.uid, &of_uid, &found), 0);
        assert_int_equal(store_next_device_of_user(turn, "default", "alice", &devices, &device), STORE_END);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_user_is_known_by_anything_that_is_kept_of_him(void **state) {
        struct fixture *f = *state;
        struct session session = session_of(1, "default", "alice");
        struct device device = device_of(1, "default", "bob");
        struct account account = account_of("default", "carol");
        struct store_txn *turn = begin_turn(f);
        char longest[USER_MAX + 2];

        assert_int_equal(store_knows_user(turn, "default", "alice"), 0);
        open_session(turn, &session);
        assert_int_equal(store_put_device(turn, &device), 0);
        assert_int_equal(store_put_account(turn, &account), 0);
        assert_int_equal(store_knows_user(turn, "default", "alice"), 1);
        assert_int_equal(store_knows_user(turn, "default", "bob"), 1);
        assert_int_equal(store_knows_user(turn, "default", "carol"), 1);
        assert_int_equal(store_knows_user(turn, "default", "alic"), 0);
        assert_int_equal(store_knows_user(turn, "default", "zoe"), 0);
        assert_int_equal(store_knows_user(turn, "shop", "alice"), 0);
        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(store_knows_user(turn, "default", longest), 0);
        commit(turn);
}

static void test_the_owner_of_a_name_is_known_when_his_sessions_are_gone(void **state) {
        struct fixture *f = *state;
        struct session session = session_of(1, "default", "alice");
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_has_owner(turn, session.uid, "default", "alice"), 0);
        open_session(turn, &session);
        assert_int_equal(store_remove_session(turn, &session.sid), 0);
        assert_int_equal(store_has_owner(turn, session.uid, "default", "alice"), 1);
        assert_int_equal(store_has_owner(turn, session.uid + 1, "default", "alice"), 0);
        assert_int_equal(store_has_owner(turn, session.uid, "shop", "alice"), 0);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_an_account_is_found_by_realm_and_user_and_replaced),
                cmocka_unit_test(test_a_reset_never_goes_back),
                store_test(test_accounts_are_no_sessions_and_no_devices),
                store_test(test_a_user_is_known_by_anything_that_is_kept_of_him),
                store_test(test_the_owner_of_a_name_is_known_when_his_sessions_are_gone),
        };

        return cmocka_run_group_tests_name("store_account", tests, NULL, NULL);
}
