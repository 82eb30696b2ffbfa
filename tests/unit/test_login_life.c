/* login: opens that come late or for nobody, and closes: whose they are. */
#include "tests/unit/login_fixture.h"
#include "tests/unit/process_fixture.h"

#define ONE_DEVICE  "[policy default]\nmax_devices = 1\n"
#define ONE_SESSION "[policy default]\nmax_sessions = 1\non_limit = deny\n"

/* ---- late, gone, given up ---- */

struct lateness {
        bool is_late, denies_on_error, has_hung_up;
        bool counts, is_awaited;
};

static void test_an_open_counts_if_somebody_waits_or_the_login_went_on_without_us(void **state) {
        static const struct lateness cases[] = {
                { false, false, false, true, true },
                { false, true, false, true, true },
                { false, false, true, false, true },
                { false, true, true, false, true },
                { true, false, false, true, false },
                { true, false, true, true, false },
                { true, true, false, false, false },
                { true, true, true, false, false },
        };
        struct desk *desk = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint64_t before = count_rows(desk);
                struct login *login;
                int module;

                login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.1", &module);
                if (cases[i].is_late)
                        login->frame.deadline = clock_now().boot;
                if (cases[i].denies_on_error)
                        login->frame.flags |= FRAME_DENIES_ON_ERROR;
                if (cases[i].has_hung_up)
                        close(module);
                assert_int_equal(run_login(desk, login), 0);
                assert_int_equal(login->reply.outcome, cases[i].counts ? FRAME_OK : FRAME_FAILED);
                assert_int_equal(count_rows(desk) - before, cases[i].counts);
                if (cases[i].counts)
                        assert_int_equal(login->answer_is_awaited, cases[i].is_awaited);
                else
                        assert_int_equal(login->change.effects.n, 0);
                login_free(&login);
                if (!cases[i].has_hung_up)
                        close(module);
        }
}

static void test_nobody_is_evicted_for_a_login_that_is_gone(void **state) {
        struct desk *desk = *state;
        struct session laptop;

        desk_configure(desk, ONE_DEVICE);
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        for (int is_late = 0; is_late < 2; is_late++) {
                struct child child = child_start(child_does_nothing, NULL);
                struct login *login;
                int module;

                login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.2", &module);
                login->leader = leader_of(&child);
                login->pidfd = same_pidfd(&child);
                if (is_late)
                        login->frame.deadline = 1;
                child_kill(&child);
                assert_int_equal(run_login(desk, login), 0);
                assert_int_equal(login->reply.outcome, FRAME_FAILED);
                assert_int_equal(login->change.effects.n, 0);
                assert_string_equal(state_of(desk, &laptop), "live");
                assert_int_equal(count_rows(desk), 1);
                login_free(&login);
                close(module);
        }
}

static void test_a_late_open_that_is_denied_is_kept_to_be_disconnected(void **state) {
        struct desk *desk = *state;
        struct login *login;
        int module;

        desk_configure(desk, ONE_SESSION);
        open_session_of(desk, "alice", "192.0.2.1");
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.1", &module);
        login->frame.deadline = 1;
        assert_int_equal(run_login(desk, login), 0);
        EFFECTS(login, EFFECT_SESSION_DENIED);
        assert_false(login->answer_is_awaited);
        assert_int_equal(count_rows(desk), 2);
        login_free(&login);
        close(module);
}

/* ---- close ---- */

static struct login *close_login(struct desk *desk, const struct leader_id *leader, const char *user,
        const char *service, const struct sid *sid) {
        static char text[SID_TEXT_MAX + 1];
        struct login *login;
        int module;

        login = new_login(desk, FRAME_CLOSE, user, "", &module);
        login->leader = *leader;
        login->frame.service = service;
        login->frame.deadline = 1; /* a close is never too late */
        if (sid) {
                sid_write(sid, text);
                login->frame.session_id = text;
        }
        close(module);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        return login;
}

static void assert_closes(struct desk *desk, struct login *login, const struct session *session) {
        EFFECTS(login, EFFECT_SESSION_ENDED);
        assert_int_equal(login->change.effects.items[0].session.end, END_LOGOUT);
        assert_string_equal(state_of(desk, session), "");
        login_free(&login);
}

static void assert_closes_nothing(struct login *login) {
        assert_int_equal(login->change.effects.n, 0);
        login_free(&login);
}

static void test_the_leader_closes_its_session_by_id_or_by_what_it_is(void **state) {
        struct desk *desk = *state;
        struct session session = open_session_of(desk, "alice", "192.0.2.1");

        assert_closes(desk, close_login(desk, &session.leader, "alice", "sshd", &session.sid), &session);
        assert_closes_nothing(close_login(desk, &session.leader, "alice", "sshd", &session.sid));
        session = open_session_of(desk, "alice", "192.0.2.1");
        assert_closes(desk, close_login(desk, &session.leader, "alice", "sshd", NULL), &session);
        assert_closes_nothing(close_login(desk, &session.leader, "alice", "sshd", NULL));
}

static void test_a_close_from_any_other_process_is_ignored(void **state) {
        struct desk *desk = *state;
        struct session session = open_session_of(desk, "alice", "192.0.2.1");
        struct leader_id other = session.leader;

        other.start++;
        assert_closes_nothing(close_login(desk, &other, "alice", "sshd", &session.sid));
        other = session.leader;
        other.pid++;
        assert_closes_nothing(close_login(desk, &other, "alice", "sshd", &session.sid));
        other.pid = 0;
        assert_closes_nothing(close_login(desk, &other, "alice", "sshd", &session.sid));
        assert_string_equal(state_of(desk, &session), "live");
}

static void test_a_leader_of_several_closes_the_one_that_it_means(void **state) {
        struct desk *desk = *state;
        struct session alice = open_session_of(desk, "alice", "192.0.2.1"), bob;
        struct login *login;
        int module;

        login = new_login(desk, FRAME_OPEN, "bob", "192.0.2.1", &module);
        login->leader = alice.leader;
        assert_int_equal(run_login(desk, login), 0);
        bob = session_by_text(desk, login->reply.session_id);
        login_free(&login);
        close(module);
        assert_closes_nothing(close_login(desk, &alice.leader, "carol", "sshd", NULL));
        assert_closes_nothing(close_login(desk, &alice.leader, "alice", "login", NULL));
        assert_closes(desk, close_login(desk, &alice.leader, "bob", "sshd", NULL), &bob);
        assert_closes_nothing(close_login(desk, &alice.leader, "alice", "sshd", &bob.sid));
        assert_closes(desk, close_login(desk, &alice.leader, "alice", "sshd", &alice.sid), &alice);
}

static void test_a_close_does_not_let_an_ending_session_off(void **state) {
        struct desk *desk = *state;
        struct session laptop;

        desk_configure(desk, ONE_DEVICE);
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        open_session_of(desk, "alice", "192.0.2.2");
        assert_closes_nothing(close_login(desk, &laptop.leader, "alice", "sshd", &laptop.sid));
        assert_string_equal(state_of(desk, &laptop), "ending");
}

#define login_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                login_test(test_an_open_counts_if_somebody_waits_or_the_login_went_on_without_us),
                login_test(test_nobody_is_evicted_for_a_login_that_is_gone),
                login_test(test_a_late_open_that_is_denied_is_kept_to_be_disconnected),
                login_test(test_the_leader_closes_its_session_by_id_or_by_what_it_is),
                login_test(test_a_close_from_any_other_process_is_ignored),
                login_test(test_a_leader_of_several_closes_the_one_that_it_means),
                login_test(test_a_close_does_not_let_an_ending_session_off),
        };

        return cmocka_run_group_tests_name("login_life", tests, NULL, NULL);
}
