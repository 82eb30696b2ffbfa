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

/* ---- changes of passwords that are not carried out yet ---- */

static struct sid sid_number(uint8_t number) {
        struct sid sid = { { 0 } };

        sid.bytes[0] = number;
        return sid;
}

static struct password_change change_of(const char *user, uint8_t newest) {
        struct password_change change = { .realm = "default", .what = PASSWORD_ENDS_ALL };

        snprintf(change.user, sizeof(change.user), "%s", user);
        change.newest = sid_number(newest);
        return change;
}

static void assert_next_change(
        struct store_txn *txn, struct store_cursor *cursor, const char *user, uint8_t newest, uint8_t done) {
        struct sid newest_sid = sid_number(newest), done_sid = sid_number(done);
        struct password_change out;

        assert_int_equal(store_next_password_change(txn, cursor, &out), 0);
        assert_string_equal(out.user, user);
        assert_int_equal(sid_compare(&out.newest, &newest_sid), 0);
        assert_int_equal(sid_compare(&out.done, &done_sid), 0);
}

static void test_changes_of_passwords_are_kept_until_they_are_removed(void **state) {
        struct fixture *f = *state;
        struct password_change alice = change_of("alice", 1), again = change_of("alice", 2),
                               al = change_of("al", 1), out;
        struct store_cursor cursor = { 0 }, empty = { 0 };
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_put_password_change(turn, &alice), 0);
        assert_int_equal(store_put_password_change(turn, &again), 0);
        assert_int_equal(store_put_password_change(turn, &al), 0);
        alice.done = sid_number(1);
        assert_int_equal(store_put_password_change(turn, &alice), 0);
        assert_next_change(turn, &cursor, "al", 1, 0);
        assert_next_change(turn, &cursor, "alice", 1, 1);
        assert_next_change(turn, &cursor, "alice", 2, 0);
        assert_int_equal(store_next_password_change(turn, &cursor, &out), STORE_END);
        assert_consistent(turn);

        assert_int_equal(store_remove_password_change(turn, &alice), 0);
        assert_int_equal(store_remove_password_change(turn, &alice), STORE_NOT_FOUND);
        assert_int_equal(store_remove_password_change(turn, &again), 0);
        assert_int_equal(store_remove_password_change(turn, &al), 0);
        assert_int_equal(store_next_password_change(turn, &empty, &out), STORE_END);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_change_of_a_password_concerns_what_is_not_seen_to_up_to_the_newest(void **state) {
        struct password_change change = change_of("alice", 5);

        change.done = sid_number(2);
        for (uint8_t i = 0; i < 8; i++) {
                struct sid sid = sid_number(i);

                assert_int_equal(password_change_concerns(&change, &sid), i > 2 && i <= 5);
        }
}

static void test_what_of_a_session_a_change_of_a_password_keeps(void **state) {
        struct password_change change = change_of("alice", 5);
        struct sid own = sid_number(3), other = sid_number(4);

        assert_false(password_change_keeps(&change, &own));
        change.what = PASSWORD_KEEPS;
        assert_true(password_change_keeps(&change, &own));
        change.what = PASSWORD_ENDS_OTHERS;
        assert_false(password_change_keeps(&change, &own));
        change.own = own;
        assert_false(password_change_keeps(&change, &own));
        change.has_own = true;
        assert_true(password_change_keeps(&change, &own));
        assert_false(password_change_keeps(&change, &other));
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_an_account_is_found_by_realm_and_user_and_replaced),
                cmocka_unit_test(test_a_reset_never_goes_back),
                store_test(test_accounts_are_no_sessions_and_no_devices),
                store_test(test_a_user_is_known_by_anything_that_is_kept_of_him),
                store_test(test_the_owner_of_a_name_is_known_when_his_sessions_are_gone),
                store_test(test_changes_of_passwords_are_kept_until_they_are_removed),
                cmocka_unit_test(test_a_change_of_a_password_concerns_what_is_not_seen_to_up_to_the_newest),
                cmocka_unit_test(test_what_of_a_session_a_change_of_a_password_keeps),
        };

        return cmocka_run_group_tests_name("store_account", tests, NULL, NULL);
}
