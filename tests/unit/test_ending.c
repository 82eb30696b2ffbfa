/* ending: who goes, who is only forgotten, and what the world is told. */
#include "tests/unit/store_fixture.h"

#include "daemon/ending.h"

static struct session open_led(
        struct store_txn *txn, unsigned n, const char *user, const struct leader_id *leader) {
        struct session session = session_of(n, "default", user);

        session.leader = *leader;
        open_session(txn, &session);
        return session;
}

static const struct leader_id leader = { .boot = { { 7 } }, .pid = 42, .start = 1 };

static void assert_effect(
        const struct effects *effects, size_t index, enum effect_kind kind, unsigned n, const char *note) {
        assert_true(effects->n > index);
        assert_int_equal(effects->items[index].kind, kind);
        assert_sid(&effects->items[index].session, n);
        assert_string_equal(effects->items[index].note, note);
}

static struct session stored(struct store_txn *txn, unsigned n) {
        struct sid sid = sid_of(n);
        struct session session;

        assert_int_equal(store_find_session(txn, &sid, &session), 0);
        return session;
}

static void assert_gone(struct store_txn *txn, unsigned n) {
        struct sid sid = sid_of(n);
        struct session session;

        assert_int_equal(store_find_session(txn, &sid, &session), STORE_NOT_FOUND);
        assert_consistent(txn);
}

/* ---- ending a login that lives ---- */

static void test_a_counted_session_waits_for_its_leader_to_go(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = open_led(turn, 1, "alice", &leader);

        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_ADMIN, "why", &effects), 0);
        assert_int_equal(session.state, SESSION_ENDING);
        assert_int_equal(stored(turn, 1).state, SESSION_ENDING);
        assert_int_equal(stored(turn, 1).end, END_REVOKED);
        assert_int_equal(effects.n, 1);
        assert_effect(&effects, 0, EFFECT_SESSION_ENDING, 1, "why");
        assert_int_equal(effects.items[0].initiator, BY_ADMIN);
        assert_int_equal(effects.items[0].session.state, SESSION_ENDING);
        assert_consistent(turn);
        commit(turn);
}

static void assert_ends_at_once(struct fixture *f, struct session session) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(f);

        open_session(turn, &session);
        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_USER, NULL, &effects), 0);
        assert_int_equal(session.state, SESSION_ENDED);
        assert_int_equal(effects.n, 1);
        assert_effect(&effects, 0, EFFECT_SESSION_ENDED, 1, "");
        assert_int_equal(effects.items[0].session.end, END_REVOKED);
        assert_gone(turn, 1);
        store_abort(&turn);
}

static void test_a_tracked_session_and_one_that_only_revokes_end_at_once(void **state) {
        struct session session = session_of(1, "default", "alice");

        session.class = CLASS_TRACKED;
        assert_ends_at_once(*state, session);
        session.class = CLASS_COUNTED;
        session.terminate = TERMINATE_NONE;
        assert_ends_at_once(*state, session);
}

static void test_a_second_end_keeps_the_first_reason_and_tells_nothing(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = open_led(turn, 1, "alice", &leader);

        assert_int_equal(ending_end(turn, &session, END_EVICTED, BY_POLICY, NULL, &effects), 0);
        session = stored(turn, 1);
        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_USER, NULL, &effects), 0);
        assert_int_equal(session.end, END_EVICTED);
        assert_int_equal(stored(turn, 1).end, END_EVICTED);
        assert_int_equal(effects.n, 1);
        commit(turn);
}

/* ---- who shares a leader ---- */

static void test_a_leader_shared_by_two_users_is_not_told_to_go(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session alice = open_led(turn, 1, "alice", &leader);

        open_led(turn, 2, "bob", &leader);
        assert_int_equal(ending_end(turn, &alice, END_REVOKED, BY_USER, NULL, &effects), 0);
        assert_effect(&effects, 0, EFFECT_SESSION_ENDED, 1, "");
        assert_gone(turn, 1);
        assert_int_equal(stored(turn, 2).state, SESSION_LIVE);
        commit(turn);
}

static void test_a_process_goes_with_the_last_of_its_sessions(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session first = open_led(turn, 1, "alice", &leader),
                       second = open_led(turn, 2, "alice", &leader);

        assert_int_equal(ending_end(turn, &first, END_REVOKED, BY_USER, NULL, &effects), 0);
        assert_effect(&effects, 0, EFFECT_SESSION_ENDED, 1, "");
        assert_int_equal(stored(turn, 2).state, SESSION_LIVE);
        assert_int_equal(ending_end(turn, &second, END_REVOKED, BY_USER, NULL, &effects), 0);
        assert_effect(&effects, 1, EFFECT_SESSION_ENDING, 2, "");
        commit(turn);
}

static void put_ending(struct store_txn *txn, struct session *session) {
        session->state = SESSION_ENDING;
        session->end = END_REVOKED;
        assert_int_equal(store_put_session(txn, session), 0);
}

/* What makes the second session of a leader one that it must not be signalled for. */
static void test_any_difference_in_who_it_is_shields_the_leader(void **state) {
        for (int difference = 0; difference < 6; difference++) {
                struct store_txn *turn = begin_turn(*state);
                struct session first = open_led(turn, 1, "alice", &leader),
                               second = session_of(2, "default", "alice");

                if (difference != 5)
                        put_ending(turn, &first); /* else it lives */
                second.leader = leader;
                if (difference == 1)
                        strcpy(second.user, "bob");
                if (difference == 2)
                        strcpy(second.realm, "other");
                if (difference == 3)
                        second.uid++;
                if (difference == 4)
                        second.class = CLASS_TRACKED;
                assert_int_equal(ending_may_signal(turn, &leader, &second, NULL), difference == 0);
                open_session(turn, &second);
                put_ending(turn, &second);
                assert_int_equal(ending_may_signal(turn, &leader, &second, NULL), difference == 0);
                assert_int_equal(ending_may_signal(turn, &leader, NULL, NULL), difference == 0);
                store_abort(&turn);
        }
}

static void test_a_process_with_the_same_pid_at_another_time_shields_nobody(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct leader_id later = leader, other_boot = leader;
        struct session alice;

        later.start++;
        other_boot.boot.bytes[0]++;
        alice = open_led(turn, 1, "alice", &leader);
        open_led(turn, 2, "bob", &later);
        open_led(turn, 3, "carol", &other_boot);
        assert_int_equal(ending_may_signal(turn, &leader, &alice, NULL), 1);
        commit(turn);
}

static void test_a_tracked_session_that_is_not_kept_yet_shields_its_leader(void **state) {
        struct store_txn *turn = begin_turn(*state);
        struct session pending = session_of(1, "default", "alice");

        pending.leader = leader;
        assert_int_equal(ending_may_signal(turn, &leader, &pending, NULL), 1);
        pending.class = CLASS_TRACKED;
        assert_int_equal(ending_may_signal(turn, &leader, &pending, NULL), 0);
        commit(turn);
}

static void test_an_eviction_never_costs_the_login_that_causes_it(void **state) {
        for (int is_same = 0; is_same < 2; is_same++) {
                _cleanup_(effects_free) struct effects effects = { 0 };
                struct store_txn *turn = begin_turn(*state);
                struct session victim = open_led(turn, 1, "alice", &leader),
                               opening = session_of(2, "default", "alice");

                if (is_same)
                        opening.leader = leader;
                assert_int_equal(
                        ending_evict(turn, &victim,
                                &(struct eviction){ &opening, is_same ? BY_USER : BY_POLICY, "phone" },
                                &effects),
                        0);
                assert_effect(
                        &effects, 0, is_same ? EFFECT_SESSION_ENDED : EFFECT_SESSION_ENDING, 1, "phone");
                assert_int_equal(effects.items[0].session.end, END_EVICTED);
                assert_int_equal(effects.items[0].initiator, is_same ? BY_USER : BY_POLICY);
                store_abort(&turn);
        }
}

/* ---- a login that is over ---- */

static void test_a_finished_session_goes_with_its_reason(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = open_led(turn, 1, "alice", &leader);

        assert_int_equal(ending_finish(turn, &session, END_LOGOUT, &effects), 0);
        assert_effect(&effects, 0, EFFECT_SESSION_ENDED, 1, "");
        assert_int_equal(effects.items[0].initiator, BY_SYSTEM);
        assert_int_equal(effects.items[0].session.end, END_LOGOUT);
        assert_gone(turn, 1);
        commit(turn);
}

static void test_an_ending_session_that_finishes_is_gone_with_its_own_reason(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = open_led(turn, 1, "alice", &leader);

        assert_int_equal(ending_end(turn, &session, END_EVICTED, BY_POLICY, NULL, &effects), 0);
        assert_int_equal(ending_finish(turn, &session, END_KILLED, &effects), 0);
        assert_int_equal(effects.n, 2);
        assert_effect(&effects, 1, EFFECT_SESSION_GONE, 1, "");
        assert_int_equal(effects.items[1].session.end, END_EVICTED);
        assert_gone(turn, 1);
        commit(turn);
}

static void test_what_is_not_in_the_store_cannot_end(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice"), copy = session;

        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_USER, NULL, &effects), -ENOENT);
        session = copy;
        session.terminate = TERMINATE_NONE;
        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_USER, NULL, &effects), -ENOENT);
        assert_int_equal(ending_finish(turn, &copy, END_LOGOUT, &effects), -ENOENT);
        store_abort(&turn);
}

/* So that an end for which the store has no room is known all the same. */
static void test_an_end_is_said_before_it_is_kept(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct store_txn *turn = begin_turn(*state);
        struct session session = session_of(1, "default", "alice"), copy = session;

        assert_int_equal(ending_end(turn, &session, END_REVOKED, BY_USER, "why", &effects), -ENOENT);
        assert_int_equal(ending_finish(turn, &copy, END_LOGOUT, &effects), -ENOENT);
        effects_keep_ends(&effects);
        assert_int_equal(effects.n, 2);
        assert_effect(&effects, 0, EFFECT_END_NOT_KEPT, 1, "why");
        assert_int_equal(effects.items[0].session.end, END_REVOKED);
        assert_false(effects.items[0].is_over);
        assert_effect(&effects, 1, EFFECT_END_NOT_KEPT, 1, "");
        assert_true(effects.items[1].is_over);
        store_abort(&turn);
}

#define ending_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                ending_test(test_a_counted_session_waits_for_its_leader_to_go),
                ending_test(test_a_tracked_session_and_one_that_only_revokes_end_at_once),
                ending_test(test_a_second_end_keeps_the_first_reason_and_tells_nothing),
                ending_test(test_a_leader_shared_by_two_users_is_not_told_to_go),
                ending_test(test_a_process_goes_with_the_last_of_its_sessions),
                ending_test(test_any_difference_in_who_it_is_shields_the_leader),
                ending_test(test_a_process_with_the_same_pid_at_another_time_shields_nobody),
                ending_test(test_a_tracked_session_that_is_not_kept_yet_shields_its_leader),
                ending_test(test_an_eviction_never_costs_the_login_that_causes_it),
                ending_test(test_a_finished_session_goes_with_its_reason),
                ending_test(test_an_ending_session_that_finishes_is_gone_with_its_own_reason),
                ending_test(test_what_is_not_in_the_store_cannot_end),
                ending_test(test_an_end_is_said_before_it_is_kept),
        };

        return cmocka_run_group_tests_name("ending", tests, NULL, NULL);
}
