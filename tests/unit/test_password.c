/* password: what a changed password ends, a slice a turn. */
#include "tests/unit/store_fixture.h"

#include "daemon/password.h"

static struct password_change change_of(unsigned newest) {
        struct password_change change = { .what = PASSWORD_ENDS_ALL, .newest = sid_of(newest) };

        strcpy(change.realm, "default");
        strcpy(change.user, "alice");
        return change;
}

static void break_record(struct store_txn *turn, const struct session *session) {
        struct record_key key;

        record_key_session(session->realm, session->user, &session->sid, &key);
        assert_int_equal(row_put(turn, DB_USER, SPAN(key), SPAN_EMPTY), 0);
}

static void test_a_record_that_cannot_be_read_keeps_no_other_session_alive(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct password_change change = change_of(3);
        struct password_work work = { 0 };
        struct session session;

        for (unsigned n = 1; n <= 3; n++) {
                session = session_of(n, "default", "alice");
                open_session(turn, &session);
                if (n == 2)
                        break_record(turn, &session);
        }
        password_rewind(&work);
        password_begin(&work, &change, false);
        assert_int_equal(password_go_on(&work, NULL, turn, &effects), 0);
        assert_int_equal(effects.n, 2);
        for (size_t i = 0; i < effects.n; i++)
                assert_int_equal(effects.items[i].session.end, END_ACCOUNT_RESET);
        assert_true(sid_compare(&effects.items[1].session.sid, &session.sid) == 0);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_a_record_that_cannot_be_read_keeps_no_other_session_alive),
        };

        return cmocka_run_group_tests_name("password", tests, NULL, NULL);
}
