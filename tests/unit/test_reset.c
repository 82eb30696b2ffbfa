/* reset: the moment is kept, it never goes back, and what is kept has nothing of before. */
#include "tests/unit/store_fixture.h"

#include "daemon/reset.h"

static const struct reset because = { .at = 500, .initiator = BY_ADMIN, .note = "why" };

static void test_a_user_without_an_account_gets_one(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct account account;

        assert_int_equal(reset_user(turn, "default", "alice", 1000, &because, &effects), 0);
        assert_int_equal(store_find_account(turn, "default", "alice", &account), 0);
        assert_int_equal(account.uid, 1000);
        assert_int_equal(account.reset_at, 500);
        assert_int_equal(effects.n, 1);
        assert_int_equal(effects.items[0].kind, EFFECT_USER_RESET);
        assert_int_equal(effects.items[0].initiator, BY_ADMIN);
        assert_string_equal(effects.items[0].session.realm, "default");
        assert_string_equal(effects.items[0].session.user, "alice");
        assert_string_equal(effects.items[0].note, "why");
        commit(turn);
}

static void test_an_earlier_reset_changes_nothing_and_is_told(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct reset earlier = { .at = 400, .initiator = BY_USER };
        struct account account;

        assert_int_equal(reset_user(turn, "default", "alice", 1000, &because, &effects), 0);
        assert_int_equal(reset_user(turn, "default", "alice", ACCOUNT_UID_UNKNOWN, &earlier, &effects), 0);
        assert_int_equal(store_find_account(turn, "default", "alice", &account), 0);
        assert_int_equal(account.reset_at, 500);
        assert_int_equal(account.uid, 1000);
        assert_int_equal(effects.n, 2);
        commit(turn);
}

static void test_a_name_that_cannot_be_kept_is_refused(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);

        assert_int_equal(reset_user(turn, "default", "", 1000, &because, &effects), -EINVAL);
        assert_int_equal(effects.n, 0);
        commit(turn);
}

static void test_a_session_that_is_kept_has_another_index_and_no_chain(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice"), kept;
        struct store_cursor cursor = { 0 };
        struct refresh_token token;
        uint64_t former, resting;

        refresh_begin(&session.refresh, 0, 10);
        open_session(turn, &session);
        former = session.status_index;
        token = refresh_current(&session.refresh, &session.sid);

        assert_int_equal(reset_renew(turn, &session, 4711, &because, &effects), 0);
        assert_int_equal(store_find_session(turn, &session.sid, &kept), 0);
        assert_int_equal(kept.status_index, 4711);
        assert_int_equal(kept.state, SESSION_LIVE);
        assert_false(refresh_is_live(&kept.refresh, 11));
        assert_int_equal(
                refresh_decide(&kept.refresh, &token, session.refresh.hash, 100, 11), REFRESH_EXPIRED);
        assert_int_equal(store_next_retired(turn, &cursor, &resting), 0);
        assert_int_equal(resting, former);
        assert_int_equal(effects.n, 1);
        assert_int_equal(effects.items[0].kind, EFFECT_SESSION_RENEWED);
        assert_int_equal(effects.items[0].former_index, former);
        assert_int_equal(effects.items[0].session.status_index, 4711);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_session_that_is_gone_cannot_be_kept(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice");

        assert_int_equal(reset_renew(turn, &session, 4711, &because, &effects), -ENOENT);
        assert_int_equal(effects.n, 0);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_a_user_without_an_account_gets_one),
                store_test(test_an_earlier_reset_changes_nothing_and_is_told),
                store_test(test_a_name_that_cannot_be_kept_is_refused),
                store_test(test_a_session_that_is_kept_has_another_index_and_no_chain),
                store_test(test_a_session_that_is_gone_cannot_be_kept),
        };

        return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
