/* store: status indices rest from the end of their sessions until the keys of their time are gone. */
#include "tests/unit/store_fixture.h"

static void open_with_index(struct store_txn *txn, unsigned n, uint64_t index) {
        struct session session = session_of(n, "default", "alice");

        session.status_index = index;
        open_session(txn, &session);
}

static void remove_session(struct store_txn *txn, unsigned n) {
        struct sid sid = sid_of(n);

        assert_int_equal(store_remove_session(txn, &sid), 0);
}

static void assert_resting(struct store_txn *txn, const uint64_t *indices, size_t n) {
        struct store_cursor cursor = { 0 };
        uint64_t index = 0;

        for (size_t i = 0; i < n; i++) {
                assert_int_equal(store_next_retired(txn, &cursor, &index), 0);
                assert_int_equal(index, indices[i]);
        }
        assert_int_equal(store_next_retired(txn, &cursor, &index), STORE_END);
}

static size_t take(struct store_txn *txn, uint64_t below, uint64_t indices[static 8], size_t max) {
        size_t n = 99;

        assert_int_equal(store_take_retired(txn, below, indices, max, &n), 0);
        return n;
}

static void test_an_index_rests_when_its_session_goes(void **state) {
        struct store_txn *turn = begin_turn(*state);

        open_with_index(turn, 1, 500);
        open_with_index(turn, 2, 300);
        assert_resting(turn, NULL, 0);
        remove_session(turn, 1);
        remove_session(turn, 2);
        assert_resting(turn, (uint64_t[]){ 500, 300 }, 2);
        assert_consistent(turn);
        commit(turn);
}

static void test_an_index_rests_when_its_session_gets_another(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice");

        open_with_index(turn, 1, 500);
        session.status_index = 501;
        assert_int_equal(store_put_session(turn, &session), 0);
        assert_int_equal(store_put_session(turn, &session), 0);
        assert_resting(turn, (uint64_t[]){ 500 }, 1);
        commit(turn);
}

static void test_indices_are_free_when_the_keys_of_their_time_are_gone(void **state) {
        struct store_txn *turn = begin_turn(*state);
        uint64_t taken[8];

        for (unsigned n = 1; n <= 6; n++)
                open_with_index(turn, n, n * 10);
        assert_int_equal(store_put_key_sequence(turn, 3), 0);
        remove_session(turn, 1);
        remove_session(turn, 2);
        assert_int_equal(store_put_key_sequence(turn, 4), 0);
        remove_session(turn, 3);
        remove_session(turn, 4);

        assert_int_equal(store_has_retired(turn, 3), 0);
        assert_int_equal(store_has_retired(turn, 4), 1);
        assert_int_equal(take(turn, 3, taken, 8), 0); /* key 3 is still published */
        assert_int_equal(take(turn, 4, taken, 1), 1);
        assert_int_equal(taken[0], 10);
        assert_int_equal(take(turn, 4, taken, 8), 1);
        assert_int_equal(taken[0], 20);
        assert_int_equal(take(turn, 4, taken, 8), 0);
        assert_resting(turn, (uint64_t[]){ 30, 40 }, 2);
        remove_session(turn, 5);
        assert_int_equal(take(turn, 5, taken, 8), 3);
        assert_int_equal(taken[2], 50);
        assert_resting(turn, NULL, 0);
        commit(turn);
}

static void test_a_sequence_that_goes_back_frees_nothing_sooner(void **state) {
        struct store_txn *turn = begin_turn(*state);
        uint64_t taken[8];

        for (unsigned n = 1; n <= 3; n++)
                open_with_index(turn, n, n * 10);
        assert_int_equal(store_put_key_sequence(turn, 7), 0);
        remove_session(turn, 1);
        assert_int_equal(store_put_key_sequence(turn, 5), 0);
        remove_session(turn, 2);
        remove_session(turn, 3);
        assert_int_equal(take(turn, 7, taken, 8), 0);
        assert_int_equal(take(turn, 8, taken, 8), 3);
        commit(turn);
}

static void test_a_request_that_is_undone_retires_nothing(void **state) {
        struct store_txn *turn = begin_turn(*state), *request;

        open_with_index(turn, 1, 500);
        request = begin_request(turn);
        remove_session(request, 1);
        store_abort(&request);
        assert_resting(turn, NULL, 0);
        commit(turn);
}

static void test_what_rests_and_the_sequence_outlive_a_restart(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        uint64_t taken[8];

        open_with_index(turn, 1, 500);
        open_with_index(turn, 2, 600);
        assert_int_equal(store_put_key_sequence(turn, 3), 0);
        remove_session(turn, 1);
        commit(turn);
        fixture_reopen(f, FIXTURE_MAP);
        turn = begin_turn(f);
        remove_session(turn, 2);
        assert_resting(turn, (uint64_t[]){ 500, 600 }, 2);
        assert_int_equal(take(turn, 3, taken, 8), 0);
        assert_int_equal(take(turn, 4, taken, 8), 2);
        commit(turn);
}

static void test_each_commit_has_a_later_number(void **state) {
        struct fixture *f = *state;
        uint64_t before = 0, after = 0;
        struct store_txn *turn;

        assert_int_equal(store_last_transaction(f->store, &before), 0);
        turn = begin_turn(f);
        open_with_index(turn, 1, 500);
        commit(turn);
        assert_int_equal(store_last_transaction(f->store, &after), 0);
        assert_true(after > before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                T(test_an_index_rests_when_its_session_goes),
                T(test_an_index_rests_when_its_session_gets_another),
                T(test_indices_are_free_when_the_keys_of_their_time_are_gone),
                T(test_a_sequence_that_goes_back_frees_nothing_sooner),
                T(test_a_request_that_is_undone_retires_nothing),
                T(test_what_rests_and_the_sequence_outlive_a_restart),
                T(test_each_commit_has_a_later_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
