/* reconcile: at start every kept session meets the processes that are there, and each is judged rightly. */
#include "tests/unit/process_fixture.h"
#include "tests/unit/service_fixture.h"

#include "daemon/reconcile.h"
#include "daemon/terminate.h"

#define NOW   ((struct moment){ .wall = 5000 * USEC_PER_SEC, .boot = 1000 * USEC_PER_SEC })
#define GRACE (TERMINATE_GRACE_SEC * USEC_PER_SEC)

struct start {
        struct fixture *store;
        struct service service;
        struct leaders *leaders;
        struct unwatched unwatched;
};

/* The daemon as it starts, max leaders at most. What it says of ended sessions is not to be read here. */
static struct start start_with(void **state, size_t max) {
        struct start start = { .store = *state };
        struct moment now = NOW;
        int stderr_was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3),
            nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

        service_open(&start.service, start.store);
        assert_int_equal(leaders_new(max, NULL, &start.leaders), 0);
        assert_int_equal(dup2(nowhere, STDERR_FILENO), STDERR_FILENO);
        assert_int_equal(reconcile(&start.service, start.leaders, now, &start.unwatched.is_there), 0);
        assert_int_equal(dup2(stderr_was, STDERR_FILENO), STDERR_FILENO);
        close(stderr_was);
        close(nowhere);
        return start;
}

static void start_end(struct start *start) {
        struct store_txn *read = begin_read(start->store);

        assert_consistent(read);
        store_abort(&read);
        leaders_free(&start->leaders);
        service_close(&start->service);
}

static struct session session_led_by(unsigned n, const struct child *child) {
        struct session session = session_of(n, "default", "alice");

        session.leader = leader_of(child);
        return session;
}

static struct session ending(struct session session, enum session_end end) {
        session.state = SESSION_ENDING;
        session.end = end;
        return session;
}

static void test_an_empty_store_has_nothing_to_reconcile(void **state) {
        struct start start = start_with(state, 10);
        struct sid none = { 0 };

        assert_int_equal(leaders_count(start.leaders), 0);
        assert_memory_equal(&start.service.last_sid, &none, sizeof(none));
        start_end(&start);
}

static void test_the_newest_sid_is_known_before_one_is_minted(void **state) {
        struct session session = session_of(70000, "zzz", "alice");
        struct start start;

        open_alone(*state, &session);
        session = session_of(3, "aaa", "bob");
        open_alone(*state, &session);
        start = start_with(state, 10); /* both end: their leaders are of another boot */
        session.sid = sid_of(70000);
        assert_memory_equal(&start.service.last_sid, &session.sid, sizeof(session.sid));
        start_end(&start);
}

static void test_sessions_of_another_boot_end_whatever_runs_under_their_pid(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session live = session_led_by(1, &child),
                       going = ending(session_led_by(2, &child), END_EVICTED);
        struct start start;

        live.leader.boot.bytes[0] ^= 1;
        going.leader.boot.bytes[0] ^= 1;
        open_alone(*state, &live);
        open_alone(*state, &going);
        start = start_with(state, 10);
        assert_found(*state, 1, STORE_NOT_FOUND);
        assert_found(*state, 2, STORE_NOT_FOUND);
        assert_int_equal(leaders_count(start.leaders), 0);
        assert_true(pidfd_is_alive(child.pidfd));
        start_end(&start);
        child_kill(&child);
}

static void test_a_session_whose_leader_went_meanwhile_is_lost(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session live = session_led_by(1, &child),
                       going = ending(session_led_by(2, &child), END_REVOKED);
        struct start start;

        open_alone(*state, &live);
        open_alone(*state, &going);
        child_kill(&child);
        start = start_with(state, 10);
        assert_found(*state, 1, STORE_NOT_FOUND);
        assert_found(*state, 2, STORE_NOT_FOUND);
        assert_int_equal(leaders_count(start.leaders), 0);
        start_end(&start);
}

static void test_a_pid_used_again_is_neither_watched_nor_signalled(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session live = session_led_by(1, &child),
                       going = ending(session_led_by(2, &child), END_REVOKED);
        struct start start;

        live.leader.start--;
        going.leader.start--;
        open_alone(*state, &live);
        open_alone(*state, &going);
        start = start_with(state, 10);
        assert_found(*state, 1, STORE_NOT_FOUND);
        assert_found(*state, 2, STORE_NOT_FOUND);
        assert_int_equal(leaders_count(start.leaders), 0);
        assert_int_equal(terminate_due(start.leaders), USEC_NEVER);
        assert_true(pidfd_is_alive(child.pidfd));
        start_end(&start);
        child_kill(&child);
}

static uint8_t byte_of(const struct start *start, uint64_t index) {
        struct status_view view = status_view(start->service.status);

        return status_view_get(&view, index);
}

static void test_the_bytes_of_those_that_live_are_valid_and_no_others(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session live = session_led_by(1, &child),
                       going = ending(session_led_by(2, &child), END_REVOKED),
                       lost = session_led_by(3, &child), gone = session_led_by(4, &child);
        struct start start;
        struct store_txn *turn;

        live.status_index = 100;
        going.status_index = 200;
        lost.status_index = 300;
        lost.leader.start--;
        gone.status_index = 5000; /* beyond a new page */
        open_alone(*state, &live);
        open_alone(*state, &going);
        open_alone(*state, &lost);
        open_alone(*state, &gone);
        turn = begin_turn(*state);
        assert_int_equal(store_remove_session(turn, &gone.sid), 0);
        commit(turn);
        start = start_with(state, 10);
        assert_int_equal(status_view(start.service.status).size, 8192);
        for (uint64_t i = 0; i < 8192; i++)
                assert_int_equal(byte_of(&start, i), i == 100 ? STATUS_VALID : STATUS_INVALID);
        start_end(&start);
        child_kill(&child);
}

static void test_a_login_that_goes_on_is_watched_and_unchanged(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &child), second = session_led_by(2, &child), out;
        struct leader_id gone;
        struct store_txn *read;
        struct start start;

        open_alone(*state, &first);
        open_alone(*state, &second);
        start = start_with(state, 10);
        read = begin_read(*state);
        assert_int_equal(store_find_session(read, &first.sid, &out), 0);
        store_abort(&read);
        assert_same_session(&first, &out);
        assert_int_equal(leaders_count(start.leaders), 1);
        assert_int_equal(leaders_find(start.leaders, &first.leader)->n_sessions, 2);
        assert_int_equal(terminate_due(start.leaders), USEC_NEVER);
        child_become_zombie(&child);
        assert_true(is_readable(leaders_fd(start.leaders), PATIENCE_MSEC));
        assert_int_equal(leaders_take_gone(start.leaders, &gone, 1), 1);
        assert_true(leader_id_equal(&gone, &first.leader));
        child_wait(&child);
        start_end(&start);
}

static void test_an_ending_that_a_crash_interrupted_goes_on(void **state) {
        struct child child = child_start(child_ignores_sigterm, NULL),
                     polite = child_start(child_does_nothing, NULL);
        struct session stubborn = ending(session_led_by(1, &child), END_EVICTED),
                       going = ending(session_led_by(2, &polite), END_EXPIRED);
        usec_t asked = NOW.boot + TERMINATE_LINE_MSEC * 1000;
        struct start start;

        open_alone(*state, &stubborn);
        open_alone(*state, &going);
        start = start_with(state, 10);
        assert_int_equal(terminate_due(start.leaders), asked);
        terminate_run(start.leaders, NULL, start.service.store, asked);
        assert_int_equal(child_wait(&polite), SIGTERM);
        assert_found(*state, 1, 0);
        terminate_run(start.leaders, NULL, start.service.store, asked + GRACE);
        terminate_run(start.leaders, NULL, start.service.store, asked + GRACE + USEC_PER_SEC);
        assert_int_equal(child_wait(&child), SIGKILL);
        start_end(&start);
}

static void test_a_denied_login_is_given_its_time_again(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session session = ending(session_led_by(1, &child), END_DENIED);
        struct start start;

        open_alone(*state, &session);
        start = start_with(state, 10);
        assert_int_equal(terminate_due(start.leaders), NOW.boot + DENIED_GRACE_SEC * USEC_PER_SEC);
        assert_int_equal(leaders_find(start.leaders, &session.leader)->stage, LEADER_DENIED);
        terminate_run(start.leaders, NULL, start.service.store, NOW.boot + DENIED_GRACE_SEC * USEC_PER_SEC);
        assert_int_equal(child_wait(&child), SIGTERM);
        start_end(&start);
}

static void test_an_ending_whose_leader_holds_a_live_session_signals_nobody(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct session going = ending(session_led_by(1, &child), END_EVICTED),
                       live = session_led_by(2, &child);
        struct start start;

        strcpy(live.user, "bob");
        open_alone(*state, &going);
        open_alone(*state, &live);
        start = start_with(state, 10);
        for (usec_t passed = 0; passed < 4 * GRACE; passed += USEC_PER_SEC)
                terminate_run(start.leaders, NULL, start.service.store, NOW.boot + passed);
        assert_true(pidfd_is_alive(child.pidfd));
        assert_found(*state, 2, 0);
        start_end(&start);
        child_kill(&child);
}

static void test_a_leader_that_cannot_be_watched_keeps_its_session(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &a), second = session_led_by(2, &b);
        struct start start;

        open_alone(*state, &first);
        open_alone(*state, &second);
        start = start_with(state, 1);
        assert_int_equal(leaders_count(start.leaders), 1);
        assert_found(*state, 1, 0);
        assert_found(*state, 2, 0);
        assert_true(start.unwatched.is_there);
        start_end(&start);
        child_kill(&a);
        child_kill(&b);
}

static void remove_alone(struct fixture *f, const struct session *session) {
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_remove_session(turn, &session->sid), 0);
        commit(turn);
}

static uint64_t last_transaction(struct start *start) {
        uint64_t last = 0;

        assert_int_equal(store_last_transaction(start->store->store, &last), 0);
        return last;
}

static void try_again_told(struct start *start, uint64_t told) {
        struct moment now = NOW;

        assert_int_equal(
                reconcile_unwatched(&start->service, start->leaders, &start->unwatched, now, told), 0);
}

static void try_again(struct start *start) {
        try_again_told(start, last_transaction(start));
}

static void test_leaders_that_could_not_be_watched_are_when_there_is_room(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &a), second = session_led_by(2, &b),
                       third = session_led_by(3, &b);
        struct start start;

        strcpy(third.user, "bob");
        open_alone(*state, &first);
        open_alone(*state, &second);
        open_alone(*state, &third);
        start = start_with(state, 1);
        try_again(&start);
        assert_true(start.unwatched.is_there);
        assert_null(leaders_find(start.leaders, &second.leader));

        remove_alone(*state, &first);
        leaders_release(start.leaders, &first.leader);
        try_again(&start);
        assert_int_equal(leaders_find(start.leaders, &second.leader)->n_sessions, 2);
        assert_int_equal(start.unwatched.n_gone, 0);
        assert_false(start.unwatched.is_there);
        start_end(&start);
        child_kill(&a);
        child_kill(&b);
}

static void test_where_an_end_is_not_told_yet_they_are_looked_for_later(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &a), second = session_led_by(2, &b),
                       third = session_led_by(3, &b);
        struct start start;
        uint64_t told;

        open_alone(*state, &first);
        open_alone(*state, &second);
        open_alone(*state, &third);
        start = start_with(state, 1);
        remove_alone(*state, &first);
        leaders_release(start.leaders, &first.leader);
        told = last_transaction(&start);
        remove_alone(*state, &second);
        try_again_told(&start, told);
        leaders_release(start.leaders, &second.leader);
        try_again(&start);
        assert_non_null(leaders_find(start.leaders, &third.leader));
        assert_int_equal(leaders_find(start.leaders, &third.leader)->n_sessions, 1);
        start_end(&start);
        child_kill(&a);
        child_kill(&b);
}

static void test_of_a_leader_that_is_watched_for_one_session_the_others_count_too(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &a), second = session_led_by(2, &b),
                       third = session_led_by(3, &b);
        struct start start;
        int pidfd;

        open_alone(*state, &first);
        open_alone(*state, &second);
        start = start_with(state, 1);
        remove_alone(*state, &first);
        leaders_release(start.leaders, &first.leader);
        open_alone(*state, &third); /* a login of the process that could not be watched */
        pidfd = fcntl(b.pidfd, F_DUPFD_CLOEXEC, 3);
        assert_int_equal(leaders_watch(start.leaders, &third.leader, &pidfd), 0);
        try_again(&start);
        assert_int_equal(leaders_find(start.leaders, &second.leader)->n_sessions, 2);
        try_again(&start);
        assert_int_equal(leaders_find(start.leaders, &second.leader)->n_sessions, 2);
        start_end(&start);
        child_kill(&a);
        child_kill(&b);
}

static void test_a_leader_that_went_before_it_could_be_watched_is_told(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct session first = session_led_by(1, &a), second = session_led_by(2, &b);
        struct start start;

        open_alone(*state, &first);
        open_alone(*state, &second);
        start = start_with(state, 1);
        child_kill(&b);
        remove_alone(*state, &first);
        leaders_release(start.leaders, &first.leader);
        try_again(&start);
        assert_int_equal(start.unwatched.n_gone, 1);
        assert_true(leader_id_equal(&start.unwatched.gone[0], &second.leader));
        assert_int_equal(leaders_count(start.leaders), 0);
        start_end(&start);
        child_kill(&a);
}

static void test_more_than_a_turn_of_them_are_all_judged(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct store_txn *turn = begin_turn(*state), *read;
        struct session session;
        struct start start;
        uint64_t count;

        for (unsigned n = 0; n < 2500; n++) {
                char user[16];

                snprintf(user, sizeof(user), "user%u", n % 97);
                session = session_of(n, "default", user); /* of another boot */
                if (n % 100 == 0)
                        session.leader = leader_of(&child);
                open_session(turn, &session);
        }
        commit(turn);
        start = start_with(state, 10);
        read = begin_read(*state);
        assert_int_equal(store_count_sessions(read, &count), 0);
        store_abort(&read);
        assert_int_equal(count, 25);
        session.leader = leader_of(&child);
        assert_int_equal(leaders_find(start.leaders, &session.leader)->n_sessions, 25);
        start_end(&start);
        child_kill(&child);
}

#define reconcile_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                reconcile_test(test_an_empty_store_has_nothing_to_reconcile),
                reconcile_test(test_the_newest_sid_is_known_before_one_is_minted),
                reconcile_test(test_sessions_of_another_boot_end_whatever_runs_under_their_pid),
                reconcile_test(test_a_session_whose_leader_went_meanwhile_is_lost),
                reconcile_test(test_a_pid_used_again_is_neither_watched_nor_signalled),
                reconcile_test(test_a_login_that_goes_on_is_watched_and_unchanged),
                reconcile_test(test_an_ending_that_a_crash_interrupted_goes_on),
                reconcile_test(test_a_denied_login_is_given_its_time_again),
                reconcile_test(test_the_bytes_of_those_that_live_are_valid_and_no_others),
                reconcile_test(test_an_ending_whose_leader_holds_a_live_session_signals_nobody),
                reconcile_test(test_a_leader_that_cannot_be_watched_keeps_its_session),
                reconcile_test(test_leaders_that_could_not_be_watched_are_when_there_is_room),
                reconcile_test(test_where_an_end_is_not_told_yet_they_are_looked_for_later),
                reconcile_test(test_of_a_leader_that_is_watched_for_one_session_the_others_count_too),
                reconcile_test(test_a_leader_that_went_before_it_could_be_watched_is_told),
                reconcile_test(test_more_than_a_turn_of_them_are_all_judged),
        };

        return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
