/* purge: everything of the user goes, a bounded number of rows at a time; nothing of anybody else does. */
#include "tests/unit/store_fixture.h"

#include "daemon/purge.h"

#define N_OF_EACH 5

static void add_event(struct store_txn *txn, const char *realm, const char *user) {
        struct event event = {
                .kind = "login", .wall = 7, .uid = 1000, .sid = sid_of(1), .initiator = BY_USER, .count = 1
        };

        snprintf(event.realm, sizeof(event.realm), "%s", realm);
        snprintf(event.user, sizeof(event.user), "%s", user);
        assert_int_equal(store_add_event(txn, &event), 0);
}

/* A few rows of every kind, and an account that was reset at 500 and has failures. first: of its devices. */
static void add_user(struct store_txn *txn, const char *realm, const char *user, unsigned first) {
        struct account account = account_of(realm, user);

        for (unsigned i = 0; i < N_OF_EACH; i++) {
                struct device device = device_of(first + i, realm, user);
                struct lockout lockout = { .kind = LOCKOUT_SOURCE, .subject = i };
                char source[32];

                snprintf(lockout.realm, sizeof(lockout.realm), "%s", realm);
                snprintf(lockout.user, sizeof(lockout.user), "%s", user);
                snprintf(lockout.source, sizeof(lockout.source), "192.0.2.%u", i);
                snprintf(source, sizeof(source), "192.0.2.%u", i);
                assert_int_equal(store_put_device(txn, &device), 0);
                assert_int_equal(store_put_lockout(txn, &lockout), 0);
                assert_int_equal(store_put_source(txn, realm, user, source, 7), 0);
                add_event(txn, realm, user);
        }
        account_reset(&account, 1000, 500);
        account_fail(&account, 1000, "192.0.2.9", 600);
        assert_int_equal(store_put_account(txn, &account), 0);
}

static size_t count_rows(struct store_txn *txn, const char *realm, const char *user) {
        struct store_cursor devices = { 0 }, lockouts = { 0 }, sources = { 0 };
        char source[LOCK_SOURCE_MAX + 1];
        uint64_t sequence = 0;
        struct lockout lockout;
        struct device device;
        struct event event;
        usec_t wall;
        size_t n = 0;
        int r;

        while (store_next_device_of_user(txn, realm, user, &devices, &device) == 0)
                n++;
        while (store_next_lockout_of_user(txn, realm, user, &lockouts, &lockout) == 0)
                n++;
        while (store_next_source(txn, realm, user, &sources, source, &wall) == 0)
                n++;
        r = store_newest_event_of_user(txn, realm, user, &sequence);
        while (r == 0 && sequence > 0) {
                r = store_find_event(txn, sequence, &event, &sequence);
                if (r == 0)
                        n++;
        }
        return n;
}

static void test_all_of_the_user_goes_in_slices_and_the_store_is_whole_after_each(void **state) {
        size_t left = 4 * N_OF_EACH, n_slices = 0;
        struct store_txn *turn = begin_turn(*state);
        int r;

        add_user(turn, "default", "alice", 1);
        assert_int_equal(count_rows(turn, "default", "alice"), left);
        do {
                r = purge_user(turn, "default", "alice", 3);
                assert_in_range(r, 0, PURGE_HAS_MORE);
                assert_consistent(turn);
                assert_in_range(left - count_rows(turn, "default", "alice"), 0, 3);
                left = count_rows(turn, "default", "alice");
                assert_in_range(++n_slices, 1, 10);
        } while (r == PURGE_HAS_MORE);
        assert_int_equal(left, 0);
        assert_in_range(n_slices, 7, 8);
        assert_int_equal(purge_user(turn, "default", "alice", 3), 0);
        commit(turn);
}

static void test_of_the_account_the_reset_stays_alone(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct account account;

        add_user(turn, "default", "alice", 1);
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_int_equal(store_find_account(turn, "default", "alice", &account), 0);
        assert_int_equal(account.reset_at, 500);
        assert_int_equal(account.uid, 1000);
        assert_int_equal(account.failures, 0);
        assert_int_equal(account.failed_at, 0);
        assert_string_equal(account.failed_from, "");
        commit(turn);
}

static void test_other_names_and_realms_lose_nothing(void **state) {
        static const char *const others[][2] = { { "default", "alic" }, { "default", "alice2" },
                { "web", "alice" }, { "default", "bob" } };
        struct store_txn *turn = begin_turn(*state);
        struct account account;

        for (unsigned i = 0; i < 2; i++)
                add_user(turn, others[i][0], others[i][1], 100 * (i + 1));
        add_user(turn, "default", "alice", 1);
        for (unsigned i = 2; i < 4; i++)
                add_user(turn, others[i][0], others[i][1], 100 * (i + 1));
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_consistent(turn);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                assert_int_equal(count_rows(turn, others[i][0], others[i][1]), 4 * N_OF_EACH);
                assert_int_equal(store_find_account(turn, others[i][0], others[i][1], &account), 0);
                assert_int_equal(account.failures, 1);
        }
        commit(turn);
}

static void test_sessions_and_whose_name_it_is_stay(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice"), found;

        open_session(turn, &session);
        add_user(turn, "default", "alice", 1);
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_consistent(turn);
        assert_int_equal(store_find_session(turn, &session.sid, &found), 0);
        assert_int_equal(store_has_owner(turn, 1000, "default", "alice"), 1);
        commit(turn);
}

static void test_the_last_row_of_all_history_stays_as_nobodys_and_no_sequence_comes_again(void **state) {
        struct store_txn *turn = begin_turn(*state);
        uint64_t newest, sequence, previous, n;
        struct event event;

        add_user(turn, "default", "alice", 1);
        assert_int_equal(store_newest_event(turn, &newest), 0);
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_int_equal(store_count_events(turn, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(store_find_event(turn, newest, &event, &previous), 0);
        assert_string_equal(event.kind, "purged");
        assert_string_equal(event.user, "");
        assert_string_equal(event.realm, "");
        assert_string_equal(event.ip, "");
        assert_int_equal(event.uid, EVENT_UID_NONE);
        assert_false(event_has_session(&event));
        assert_int_equal(previous, 0);
        add_event(turn, "default", "alice");
        assert_int_equal(store_newest_event_of_user(turn, "default", "alice", &sequence), 0);
        assert_int_equal(sequence, newest + 1);
        assert_int_equal(store_find_event(turn, sequence, &event, &previous), 0);
        assert_int_equal(previous, 0);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_list_whose_oldest_rows_were_dropped_goes_too(void **state) {
        struct store_txn *turn = begin_turn(*state);

        for (unsigned i = 0; i < 4; i++)
                add_event(turn, "default", "alice");
        add_event(turn, "default", "bob");
        assert_int_equal(store_drop_oldest_event(turn), 0);
        assert_int_equal(store_drop_oldest_event(turn), 0);
        assert_int_equal(purge_user(turn, "default", "alice", 1), PURGE_HAS_MORE);
        assert_consistent(turn);
        assert_int_equal(count_rows(turn, "default", "alice"), 1);
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_consistent(turn);
        assert_int_equal(count_rows(turn, "default", "alice"), 0);
        assert_int_equal(count_rows(turn, "default", "bob"), 1);
        commit(turn);
}

static void test_one_of_whom_nothing_is_kept_leaves_no_trace(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct account account = account_of("default", "alice");

        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_int_equal(store_knows_user(turn, "default", "alice"), 0);
        account_fail(&account, 1000, "192.0.2.9", 600); /* never reset */
        assert_int_equal(store_put_account(turn, &account), 0);
        assert_int_equal(purge_user(turn, "default", "alice", 100), 0);
        assert_int_equal(store_knows_user(turn, "default", "alice"), 0);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_all_of_the_user_goes_in_slices_and_the_store_is_whole_after_each),
                store_test(test_of_the_account_the_reset_stays_alone),
                store_test(test_other_names_and_realms_lose_nothing),
                store_test(test_sessions_and_whose_name_it_is_stay),
                store_test(test_the_last_row_of_all_history_stays_as_nobodys_and_no_sequence_comes_again),
                store_test(test_a_list_whose_oldest_rows_were_dropped_goes_too),
                store_test(test_one_of_whom_nothing_is_kept_leaves_no_trace),
        };

        return cmocka_run_group_tests_name("purge", tests, NULL, NULL);
}
