/* expiry: when the next session is over, and the change that ends those that are. */
#include "tests/unit/process_fixture.h"
#include "tests/unit/store_fixture.h"

#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

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

static void test_a_record_that_cannot_be_read_keeps_no_other_session_alive(void **state) {
        struct session broken = session_until(1, 1), over = session_until(2, 2);
        struct change change = { 0 };
        struct record_key key;
        struct store_txn *turn;

        open_alone(*state, &broken);
        open_alone(*state, &over);
        record_key_session(broken.realm, broken.user, &broken.sid, &key);
        turn = begin_turn(*state);
        assert_int_equal(row_put(turn, DB_USER, SPAN(key), SPAN_EMPTY), 0);
        commit(turn);
        assert_int_equal(due(*state), 2);
        turn = begin_turn(*state);
        assert_int_equal(expiry_run(&change, turn), 0);
        commit(turn);
        assert_int_equal(change.effects.n, 1);
        assert_sid(&change.effects.items[0].session, 2);
        assert_int_equal(due(*state), USEC_NEVER);
        effects_free(&change.effects);
}

/* ---- idle ---- */

#define TTL (600 * USEC_PER_SEC)

static struct moment ago(usec_t usec) {
        struct moment now = clock_now();

        return (struct moment){ .wall = now.wall - usec, .boot = now.boot - usec };
}

/* Logged in so long ago, on a machine that has been up long enough. */
static struct session session_since(unsigned n, usec_t usec) {
        struct session session = session_of(n, "default", "alice");

        idle_begin(&session.idle, TTL, ago(usec));
        return session;
}

static struct session find(struct fixture *f, const struct session *session) {
        struct store_txn *read = begin_read(f);
        struct session out;

        assert_int_equal(store_find_session(read, &session->sid, &out), 0);
        store_abort(&read);
        return out;
}

static void test_the_look_at_an_idle_session_is_due_like_a_deadline(void **state) {
        struct session idle = session_since(1, 0), both = session_since(2, USEC_PER_SEC);

        open_alone(*state, &idle);
        assert_true(due(*state) == idle.idle.look_boot);
        both.deadline_boot = 5;
        open_alone(*state, &both);
        assert_int_equal(due(*state), 5);
}

static void test_a_session_without_a_terminal_is_looked_at_again_and_goes_on(void **state) {
        struct change change = { 0 };
        struct session session = session_since(1, TTL + IDLE_STEP + 1), out;

        open_alone(*state, &session);
        assert_int_equal(expire(*state, &change), 0);
        out = find(*state, &session);
        assert_int_equal(out.state, SESSION_LIVE);
        assert_true(out.idle.look_boot > clock_now().boot);
        assert_true(due(*state) == out.idle.look_boot);
}

static void test_looks_are_few_in_one_turn(void **state) {
        struct change change = { 0 };
        usec_t now = clock_now().boot;

        for (unsigned n = 1; n <= LOOKS_PER_TURN + 2; n++) {
                struct session session = session_since(n, TTL + IDLE_STEP + n * USEC_PER_SEC);

                open_alone(*state, &session);
        }
        assert_int_equal(expire(*state, &change), 0);
        assert_true(due(*state) <= now);
        assert_int_equal(expire(*state, &change), 0);
        assert_true(due(*state) > now);
}

static void test_what_is_over_is_over_even_if_it_was_used(void **state) {
        struct change change = { 0 };
        struct session session = session_since(1, TTL + IDLE_STEP + 1);

        session.deadline_boot = 1;
        open_alone(*state, &session);
        assert_int_equal(expire(*state, &change), 1);
        assert_int_equal(change.effects.items[0].session.end, END_EXPIRED);
        effects_free(&change.effects);
}

static void child_sits_at(int fd, void *userdata) {
        if (setsid() < 0 || ioctl(*(int *) userdata, TIOCSCTTY, 0) < 0)
                _exit(1);
}

/* Its terminal was last read from so many seconds ago. */
static void expire_at_terminal(struct fixture *f, int seconds, struct change *change) {
        struct session session = session_since(1, TTL + IDLE_STEP + 1);
        struct timespec times[2] = { { .tv_sec = time(NULL) - seconds }, { .tv_nsec = UTIME_OMIT } };
        struct child child;
        int master, slave;

        assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
        child = child_start(child_sits_at, &slave);
        assert_int_equal(futimens(slave, times), 0);
        session.leader = leader_of(&child);
        session.uid = getuid();
        open_alone(f, &session);
        (void) expire(f, change);
        child_kill(&child);
        close(master);
        close(slave);
}

static void test_a_terminal_that_nobody_reads_from_ends_its_session_as_idle(void **state) {
        struct change change = { 0 };

        expire_at_terminal(*state, 900, &change);
        assert_int_equal(change.effects.n, 1);
        assert_int_equal(change.effects.items[0].session.end, END_IDLE);
        assert_int_equal(change.effects.items[0].initiator, BY_POLICY);
        assert_int_equal(due(*state), USEC_NEVER);
        effects_free(&change.effects);
}

static void test_a_terminal_that_somebody_reads_from_keeps_its_session(void **state) {
        struct change change = { 0 };
        usec_t before = clock_now().boot;

        expire_at_terminal(*state, 100, &change);
        assert_int_equal(change.effects.n, 0);
        assert_true(due(*state) > before + TTL - 102 * USEC_PER_SEC);
        assert_true(due(*state) < before + TTL - 80 * USEC_PER_SEC);
}

#define expiry_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                expiry_test(test_nothing_is_due_without_a_deadline),
                expiry_test(test_the_earliest_deadline_is_due),
                expiry_test(test_what_is_over_ends_as_expired_and_what_is_not_goes_on),
                expiry_test(test_many_that_are_over_end_a_share_at_a_time),
                expiry_test(test_a_record_that_cannot_be_read_keeps_no_other_session_alive),
                expiry_test(test_the_look_at_an_idle_session_is_due_like_a_deadline),
                expiry_test(test_a_session_without_a_terminal_is_looked_at_again_and_goes_on),
                expiry_test(test_looks_are_few_in_one_turn),
                expiry_test(test_what_is_over_is_over_even_if_it_was_used),
                expiry_test(test_a_terminal_that_nobody_reads_from_ends_its_session_as_idle),
                expiry_test(test_a_terminal_that_somebody_reads_from_keeps_its_session),
        };

        return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
