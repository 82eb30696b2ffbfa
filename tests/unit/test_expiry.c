/* expiry: when the next session is over, and the change that ends those that are. */
#include "tests/unit/store_fixture.h"

#include "daemon/expiry.h"

static struct session session_until(unsigned n, usec_t deadline_boot) {
        struct session session = session_of(n, "default", "alice");

        session.deadline_boot = deadline_boot;
        return session;
}

static usec_t due(struct fixture *f) {
        usec_t due = 7;

        assert_int_equal(expiry_due(f->store, &due), 0);
        return due;
}

/* As the turn does it; how many effects came of it. */
static size_t expire(struct fixture *f, struct change *change) {
        struct store_txn *turn = begin_turn(f), *request = begin_request(turn);

        effects_clear(&change->effects);
        assert_int_equal(expiry_run(change, request), 0);
        commit(request);
        assert_consistent(turn);
        commit(turn);
        return change->effects.n;
}

static void test_nothing_is_due_without_a_deadline(void **state) {
        struct change change = { 0 };
        struct session session = session_of(1, "default", "alice");

        assert_int_equal(due(*state), USEC_NEVER);
        open_alone(*state, &session);
        assert_int_equal(due(*state), USEC_NEVER);
        assert_int_equal(expire(*state, &change), 0);
        assert_found(*state, 1, 0);
}

static void test_the_earliest_deadline_is_due(void **state) {
        struct session sessions[3] = { session_until(1, 900), session_until(2, 300), session_until(3, 600) };

        for (int i = 0; i < 3; i++)
                open_alone(*state, &sessions[i]);
        assert_int_equal(due(*state), 300);
}

static void test_what_is_over_ends_as_expired_and_what_is_not_goes_on(void **state) {
        struct change change = { 0 };
        usec_t now = clock_now().boot;
        struct session over = session_until(1, now), later = session_until(2, now + 3600 * USEC_PER_SEC),
                       tracked = session_until(3, 1), out;
        struct store_txn *read;

        tracked.class = CLASS_TRACKED;
        open_alone(*state, &over);
        open_alone(*state, &later);
        open_alone(*state, &tracked);
        assert_int_equal(expire(*state, &change), 2);
        assert_int_equal(change.effects.items[0].kind, EFFECT_SESSION_ENDED);
        assert_sid(&change.effects.items[0].session, 3);
        assert_int_equal(change.effects.items[1].kind, EFFECT_SESSION_ENDING);
        assert_sid(&change.effects.items[1].session, 1);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(change.effects.items[i].session.end, END_EXPIRED);
                assert_int_equal(change.effects.items[i].initiator, BY_POLICY);
        }
        assert_found(*state, 3, STORE_NOT_FOUND);
        read = begin_read(*state);
        assert_int_equal(store_find_session(read, &over.sid, &out), 0);
        store_abort(&read);
        assert_int_equal(out.state, SESSION_ENDING);
        assert_int_equal(due(*state), later.deadline_boot);
        assert_int_equal(expire(*state, &change), 0);
        effects_free(&change.effects);
}

static void test_many_that_are_over_end_a_share_at_a_time(void **state) {
        enum { N = 2 * EXPIRED_PER_TURN + 5 };
        struct change change = { 0 };
        struct store_txn *turn = begin_turn(*state);

        for (unsigned n = 0; n < N; n++) {
                struct session session = session_until(n, 1 + n);

                open_session(turn, &session);
        }
        commit(turn);
        assert_int_equal(expire(*state, &change), EXPIRED_PER_TURN);
        assert_int_equal(due(*state), 1 + EXPIRED_PER_TURN);
        assert_int_equal(expire(*state, &change), EXPIRED_PER_TURN);
        assert_int_equal(expire(*state, &change), 5);
        assert_int_equal(due(*state), USEC_NEVER);
        effects_free(&change.effects);
}

#define expiry_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                expiry_test(test_nothing_is_due_without_a_deadline),
                expiry_test(test_the_earliest_deadline_is_due),
                expiry_test(test_what_is_over_ends_as_expired_and_what_is_not_goes_on),
                expiry_test(test_many_that_are_over_end_a_share_at_a_time),
        };

        return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
