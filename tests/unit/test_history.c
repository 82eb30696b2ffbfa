/* history: what is kept of effects, and what goes when it is too old or too much. */
#include "tests/unit/store_fixture.h"

#include "daemon/history.h"

static void keep(struct store_txn *txn, enum effect_kind kind, usec_t wall) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct session session = session_of(1, "default", "alice");

        assert_int_equal(effects_add(&effects, kind, BY_USER, &session, NULL), 0);
        effects_stamp(&effects, wall);
        assert_int_equal(history_keep(txn, &effects), 0);
}

static uint64_t count(struct store_txn *txn) {
        uint64_t n;

        assert_int_equal(store_count_events(txn, &n), 0);
        return n;
}

static usec_t oldest(struct store_txn *txn) {
        struct event event;
        uint64_t sequence;

        assert_int_equal(store_oldest_event(txn, &sequence, &event), 0);
        return event.wall;
}

static void test_what_is_for_the_journal_alone_is_not_kept(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        keep(turn, EFFECT_SESSION_OPENED, 1);
        keep(turn, EFFECT_SESSION_GONE, 2);
        keep(turn, EFFECT_END_NOT_KEPT, 3);
        assert_int_equal(count(turn), 1);
        commit(turn);
}

static void failed(struct store_txn *txn, const char *user, const char *source, usec_t wall) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct session told = { .realm = "default", .service = "sshd", .uid = 1000 };

        strcpy(told.user, user);
        assert_int_equal(effects_add(&effects, EFFECT_LOGIN_FAILED, BY_USER, &told, source), 0);
        effects_stamp(&effects, wall);
        assert_int_equal(history_keep(txn, &effects), 0);
}

/* That row back from the user's newest: how many attempts it stands for, and when it began. */
static void assert_row(struct store_txn *txn, const char *user, size_t back, uint32_t n, usec_t wall) {
        struct event event;
        uint64_t sequence, previous;

        assert_int_equal(store_newest_event_of_user(txn, "default", user, &sequence), 0);
        for (;;) {
                assert_int_equal(store_find_event(txn, sequence, &event, &previous), 0);
                if (back-- == 0)
                        break;
                sequence = previous;
        }
        assert_int_equal(event.count, n);
        assert_true(event.wall == wall);
}

#define SECOND USEC_PER_SEC

static void test_failures_from_one_source_within_a_minute_are_one_row(void **state) {
        struct store_txn *turn = begin_turn(*state);

        for (usec_t i = 0; i < 60; i++)
                failed(turn, "alice", "192.0.2.7", (100 + i) * SECOND);
        assert_int_equal(count(turn), 1);
        assert_row(turn, "alice", 0, 60, 100 * SECOND);
        failed(turn, "alice", "192.0.2.7", 160 * SECOND);
        assert_int_equal(count(turn), 2);
        assert_row(turn, "alice", 0, 1, 160 * SECOND);
        assert_consistent(turn);
        commit(turn);
}

static void test_failures_of_others_and_from_elsewhere_are_rows_of_their_own(void **state) {
        struct store_txn *turn = begin_turn(*state);

        for (usec_t i = 0; i < 3; i++) {
                failed(turn, "alice", "192.0.2.7", (100 + i) * SECOND);
                failed(turn, "alice", "192.0.2.8", (100 + i) * SECOND);
                failed(turn, "?", "192.0.2.7", (100 + i) * SECOND);
        }
        assert_int_equal(count(turn), 3);
        assert_row(turn, "alice", 0, 3, 100 * SECOND);
        assert_row(turn, "alice", 1, 3, 100 * SECOND);
        assert_row(turn, "?", 0, 3, 100 * SECOND);
        keep(turn, EFFECT_SESSION_OPENED, 104 * SECOND); /* what happened between them does not part them */
        failed(turn, "alice", "192.0.2.7", 105 * SECOND);
        assert_int_equal(count(turn), 4);
        assert_row(turn, "alice", 2, 4, 100 * SECOND);
        commit(turn);
}

static void test_a_failure_does_not_join_one_of_a_time_to_come(void **state) {
        struct store_txn *turn = begin_turn(*state);

        failed(turn, "alice", "192.0.2.7", 200 * SECOND);
        failed(turn, "alice", "192.0.2.7", 199 * SECOND); /* the clock was set back */
        assert_int_equal(count(turn), 2);
        commit(turn);
}

static void test_a_failure_is_looked_for_in_a_few_rows_only(void **state) {
        struct store_txn *turn = begin_turn(*state);

        failed(turn, "alice", "192.0.2.7", SECOND);
        for (usec_t i = 0; i < 20; i++)
                keep(turn, EFFECT_SESSION_OPENED, SECOND);
        failed(turn, "alice", "192.0.2.7", SECOND);
        assert_int_equal(count(turn), 22);
        commit(turn);
}

static void test_other_events_never_join(void **state) {
        struct store_txn *turn = begin_turn(*state);

        keep(turn, EFFECT_LOGIN_DENIED, SECOND);
        keep(turn, EFFECT_LOGIN_DENIED, SECOND);
        assert_int_equal(count(turn), 2);
        commit(turn);
}

static void test_what_is_too_old_goes_and_the_last_row_never(void **state) {
        const struct history_rule rule = { .keep = 100 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        for (usec_t wall = 1; wall <= 10; wall++)
                keep(turn, EFFECT_SESSION_OPENED, wall);
        assert_int_equal(history_is_due(turn, &rule, 101), 0);
        assert_int_equal(history_is_due(turn, &rule, 102), 1);
        assert_int_equal(history_drop(turn, &rule, 105), 0);
        assert_int_equal(oldest(turn), 5);
        assert_int_equal(history_drop(turn, &rule, 1000), 0);
        assert_int_equal(count(turn), 1);
        assert_int_equal(history_is_due(turn, &rule, 1000), 0);
        assert_consistent(turn);
        commit(turn);
}

static void test_what_is_too_much_goes_oldest_first(void **state) {
        const struct history_rule rule = { .size = 4 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        for (usec_t wall = 1; wall <= 10; wall++)
                keep(turn, EFFECT_SESSION_OPENED, wall);
        assert_int_equal(history_drop(turn, &rule, 10), 0);
        assert_int_equal(count(turn), 4);
        assert_int_equal(oldest(turn), 7);
        assert_int_equal(history_is_due(turn, &rule, 10), 0);
        commit(turn);
}

static void test_no_limit_drops_nothing(void **state) {
        const struct history_rule rule = { 0 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        keep(turn, EFFECT_SESSION_OPENED, 1);
        keep(turn, EFFECT_SESSION_OPENED, 2);
        assert_int_equal(history_drop(turn, &rule, USEC_NEVER), 0);
        assert_int_equal(count(turn), 2);
        commit(turn);
}

static void test_a_turn_drops_a_bounded_batch(void **state) {
        const struct history_rule rule = { .keep = 1 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        unsigned n = 2 * HISTORY_DROPS_PER_TURN + 10;

        for (unsigned i = 0; i < n; i++)
                keep(turn, EFFECT_SESSION_OPENED, 1);
        for (unsigned i = 1; i <= 2; i++) {
                assert_int_equal(history_drop(turn, &rule, 1000), HISTORY_HAS_MORE);
                assert_int_equal(count(turn), n - i * HISTORY_DROPS_PER_TURN);
        }
        assert_int_equal(history_drop(turn, &rule, 1000), 0);
        assert_int_equal(count(turn), 1);
        commit(turn);
}

/* A map of a mebibyte, nine tenths of it history: it makes room, and what comes meanwhile is not kept. */
static void test_a_full_store_keeps_no_history_and_drops_what_it_has(void **state) {
        const struct history_rule rule = { 0 };
        struct fixture *f = *state;
        struct store_txn *turn;
        uint64_t n;

        store_close(&f->store);
        fixture_remove_files(f);
        fixture_reopen(f, 1U << 20);
        turn = begin_turn(f);
        while (store_has_room(turn) == 1)
                keep(turn, EFFECT_SESSION_OPENED, 1);
        n = count(turn);
        assert_true(n > 100);
        keep(turn, EFFECT_SESSION_ENDED, 2);
        assert_int_equal(count(turn), n);
        assert_int_equal(history_is_due(turn, &rule, 2), 1);
        assert_true(history_drop(turn, &rule, 2) >= 0);
        assert_true(count(turn) < n && store_has_room(turn) == 1);
        keep(turn, EFFECT_SESSION_ENDED, 3);
        assert_consistent(turn);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_what_is_for_the_journal_alone_is_not_kept),
                store_test(test_failures_from_one_source_within_a_minute_are_one_row),
                store_test(test_failures_of_others_and_from_elsewhere_are_rows_of_their_own),
                store_test(test_a_failure_does_not_join_one_of_a_time_to_come),
                store_test(test_a_failure_is_looked_for_in_a_few_rows_only),
                store_test(test_other_events_never_join),
                store_test(test_what_is_too_old_goes_and_the_last_row_never),
                store_test(test_what_is_too_much_goes_oldest_first),
                store_test(test_no_limit_drops_nothing),
                store_test(test_a_turn_drops_a_bounded_batch),
                store_test(test_a_full_store_keeps_no_history_and_drops_what_it_has),
        };

        return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
