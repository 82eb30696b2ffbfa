/* Which devices a user has, which are in use, and which one is to go. */
#include "tests/unit/store_fixture.h"

#include "daemon/roster.h"

static void put_device(
        struct store_txn *txn, unsigned n, const char *user, usec_t last_seen, bool is_blocked) {
        struct device d = device_of(n, "default", user);

        d.last_seen = last_seen;
        d.state = is_blocked ? DEVICE_BLOCKED : DEVICE_KNOWN;
        assert_int_equal(store_put_device(txn, &d), 0);
}

static void open_from(struct store_txn *txn, unsigned n, unsigned device, enum session_state state) {
        struct session s = session_of(n, "default", "alice");

        s.device = device_of(device, "default", "alice").id;
        s.state = state;
        s.end = state == SESSION_LIVE ? END_NONE : END_REVOKED;
        open_session(txn, &s);
}

static struct roster *load(struct store_txn *txn, const char *user) {
        struct roster *roster;
        int r;

        assert_int_equal(roster_new("default", user, &roster), 0);
        while ((r = roster_step(roster, txn)) == ROSTER_GOES_ON)
                ;
        assert_int_equal(r, 0);
        return roster;
}

static size_t live(const struct roster *roster, unsigned n) {
        struct device_id id = device_of(n, "default", "alice").id;
        const struct roster_row *row = roster_find(roster, &id);

        assert_non_null(row);
        return row->n_live;
}

static void assert_goes(struct roster *roster, unsigned n, size_t many) {
        struct device_id id = device_of(n, "default", "alice").id;
        const struct roster_row *row = roster_find_unused(roster, many);

        assert_non_null(row);
        assert_memory_equal(row->id.bytes, id.bytes, sizeof(id.bytes));
        roster_remove(roster, row);
        assert_null(roster_find(roster, &id));
}

static void test_live_sessions_are_counted_by_device_and_no_others(void **state) {
        struct device_id id = device_of(9, "default", "alice").id;
        struct store_txn *turn = begin_turn(*state);
        struct roster *roster;

        for (unsigned n = 1; n <= 20; n++) /* more than a roster begins with */
                put_device(turn, n, "alice", n, false);
        put_device(turn, 30, "bob", 1, false);
        open_from(turn, 1, 1, SESSION_LIVE);
        open_from(turn, 2, 20, SESSION_LIVE);
        open_from(turn, 3, 20, SESSION_LIVE);
        open_from(turn, 4, 20, SESSION_ENDING);
        open_from(turn, 5, 99, SESSION_LIVE); /* its device has no record */

        roster = load(turn, "alice");
        assert_int_equal(roster->n, 20);
        assert_int_equal(live(roster, 1), 1);
        assert_int_equal(live(roster, 20), 2);
        assert_int_equal(live(roster, 9), 0);
        assert_non_null(roster_find(roster, &id));
        roster_free(&roster);
        assert_null(roster);
        roster_free(&roster);
        commit(turn);
}

static void test_a_user_without_rows_has_an_empty_roster(void **state) {
        struct device_id id = device_of(1, "default", "alice").id;
        struct store_txn *turn = begin_turn(*state);
        struct roster *roster = load(turn, "nobody");

        assert_int_equal(roster->n, 0);
        assert_null(roster_find(roster, &id));
        assert_null(roster_find_unused(roster, 0));
        roster_free(&roster);
        commit(turn);
}

static void test_the_device_seen_longest_ago_goes_first_one_in_use_never_a_blocked_one_last(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct roster *roster;

        put_device(turn, 1, "alice", 10, true);
        put_device(turn, 2, "alice", 20, false);
        put_device(turn, 3, "alice", 40, false);
        put_device(turn, 4, "alice", 30, false);
        put_device(turn, 5, "alice", 5, true);
        open_from(turn, 1, 2, SESSION_LIVE);
        open_from(turn, 2, 4, SESSION_ENDING); /* does not keep it */

        roster = load(turn, "alice");
        assert_goes(roster, 4, 2);
        assert_goes(roster, 3, 3);
        assert_null(roster_find_unused(roster, 3)); /* a blocked one stays while there are fewer */
        assert_goes(roster, 5, 2);
        assert_null(roster_find_unused(roster, 2));
        assert_goes(roster, 1, 1);
        assert_null(roster_find_unused(roster, 0));
        assert_int_equal(roster->n, 1);
        roster_free(&roster);
        commit(turn);
}

static void test_sessions_are_looked_at_only_if_there_are_enough_devices(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct roster *roster;

        put_device(turn, 1, "alice", 1, false);
        put_device(turn, 2, "alice", 2, false);
        open_from(turn, 1, 1, SESSION_LIVE);
        for (size_t enough = 2; enough <= 3; enough++) {
                assert_int_equal(roster_new("default", "alice", &roster), 0);
                assert_int_equal(roster_look(roster, turn, enough), 0);
                assert_int_equal(roster->n, 2);
                assert_int_equal(live(roster, 1), enough == 2);
                roster_free(&roster);
        }
        commit(turn);
}

static void test_a_device_that_was_seen_since_the_last_counted_session_may_be_in_use(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct session first = session_of(1, "default", "alice"), second = session_of(2, "default", "alice");
        struct roster *roster;

        put_device(turn, 1, "alice", 100, false);
        put_device(turn, 2, "alice", 200, false);
        first.created_at = 150;
        second.created_at = 200;
        second.device = device_of(2, "default", "alice").id;
        open_session(turn, &first);
        open_session(turn, &second);

        assert_int_equal(roster_new("default", "alice", &roster), 0);
        while (roster->counted_wall == 0) /* only the first one */
                assert_int_equal(roster_step(roster, turn), ROSTER_GOES_ON);
        assert_int_equal(live(roster, 2), 0);
        assert_goes(roster, 1, 1);
        assert_null(roster_find_unused(roster, 1));
        roster_free(&roster);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_live_sessions_are_counted_by_device_and_no_others),
                store_test(test_a_user_without_rows_has_an_empty_roster),
                store_test(test_the_device_seen_longest_ago_goes_first_one_in_use_never_a_blocked_one_last),
                store_test(test_sessions_are_looked_at_only_if_there_are_enough_devices),
                store_test(test_a_device_that_was_seen_since_the_last_counted_session_may_be_in_use),
        };

        return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
