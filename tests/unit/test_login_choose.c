/* login: on_limit = ask: what was chosen in account is done by its open, and by no other. */
#include "tests/unit/login_fixture.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define TWO_DEVICES  "[policy default]\nmax_devices = 2\non_limit = ask\n"
#define TWO_SESSIONS "[policy default]\nmax_sessions = 2\non_limit = ask\n"

/* What a login of this process answers on a terminal: account and open are one process. */
static enum frame_outcome choose(
        struct desk *desk, const struct leader_id *leader, enum frame_choice choice, usec_t boot) {
        int module;
        struct login *login = new_login(desk, FRAME_CHOOSE, "alice", "192.0.2.3", &module);
        enum frame_outcome outcome;

        login->frame.tty = "/dev/pts/3";
        login->leader = *leader;
        login->frame.choice = choice;
        login_choose(login, boot);
        outcome = login->reply.outcome;
        login_free(&login);
        close(module);
        return outcome;
}

static struct login *open_chosen(struct desk *desk, const struct leader_id *leader, usec_t boot) {
        int module;
        struct login *login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.3", &module);

        login->leader = *leader;
        login_take_choice(login, boot);
        assert_int_equal(run_login(desk, login), 0);
        close(module);
        return login;
}

static void assert_others(struct desk *desk, const struct session others[2], const char *a, const char *b) {
        assert_string_equal(state_of(desk, &others[0]), a);
        assert_string_equal(state_of(desk, &others[1]), b);
}

static void open_two(struct desk *desk, struct session ret[2], const char *config) {
        desk_configure(desk, config);
        ret[0] = open_session_of(desk, "alice", "192.0.2.1");
        ret[1] = open_session_of(desk, "alice", "192.0.2.2");
}

static void test_an_open_does_what_was_chosen(void **state) {
        static const struct {
                enum frame_choice choice;
                const char *state_of_second;
        } cases[] = { { FRAME_CHOICE_OLDEST, "live" }, { FRAME_CHOICE_OTHERS, "ending" } };

        for (size_t i = 0; i < 2; i++) {
                struct desk *desk;
                struct session others[2];
                struct leader_id leader;
                struct login *login;

                assert_int_equal(desk_setup(state), 0);
                desk = *state;
                leader = new_leader(desk);
                open_two(desk, others, TWO_DEVICES "ask_fallback = deny\n");
                assert_int_equal(choose(desk, &leader, cases[i].choice, 1), FRAME_OK);
                login = open_chosen(desk, &leader, 1);
                assert_int_equal(login->reply.outcome, FRAME_OK);
                assert_others(desk, others, "ending", cases[i].state_of_second);
                assert_int_equal(login->change.effects.items[0].kind, EFFECT_SESSION_ENDING);
                assert_int_equal(login->change.effects.items[0].initiator, BY_USER);
                login_free(&login);
                assert_int_equal(desk_teardown(state), 0);
        }
}

static void test_giving_up_is_refused_and_keeps_nothing(void **state) {
        struct desk *desk = *state;
        struct session others[2];
        struct leader_id leader = new_leader(desk);

        open_two(desk, others, TWO_DEVICES);
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_GIVE_UP, 1), FRAME_DENIED);
        assert_int_equal(desk->service.choices.n, 0);
        assert_others(desk, others, "live", "live");
}

static void test_a_choice_is_for_one_login_alone(void **state) {
        struct desk *desk = *state;
        struct session others[2];
        struct leader_id chooser = new_leader(desk), stranger = new_leader(desk);
        struct login *login;

        open_two(desk, others, TWO_DEVICES "ask_fallback = deny\n");
        assert_int_equal(choose(desk, &chooser, FRAME_CHOICE_OTHERS, 1), FRAME_OK);
        login = open_chosen(desk, &stranger, 1);
        assert_int_equal(login->reply.outcome, FRAME_DENIED);
        login_free(&login);
        assert_others(desk, others, "live", "live");
        login = open_chosen(desk, &chooser, 1);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        login_free(&login);
        assert_others(desk, others, "ending", "ending");
}

static void test_a_choice_of_more_than_a_minute_ago_is_none(void **state) {
        struct desk *desk = *state;
        struct session others[2];
        struct leader_id leader = new_leader(desk);
        struct login *login;

        open_two(desk, others, TWO_DEVICES "ask_fallback = deny\n");
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OTHERS, 1), FRAME_OK);
        login = open_chosen(desk, &leader, 1 + CHOICE_LIFE_SEC * USEC_PER_SEC);
        assert_int_equal(login->reply.outcome, FRAME_DENIED);
        login_free(&login);
        assert_others(desk, others, "live", "live");
}

static void test_whoever_logged_in_meanwhile_counts(void **state) {
        struct desk *desk = *state;
        struct session others[2], meanwhile;
        struct leader_id leader = new_leader(desk);
        struct login *login;

        open_two(desk, others, TWO_SESSIONS);
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OLDEST, 1), FRAME_OK);
        meanwhile = open_session_of(desk, "alice", "192.0.2.4"); /* and the first one went for it */
        assert_others(desk, others, "ending", "live");
        login = open_chosen(desk, &leader, 1);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        login_free(&login);
        assert_others(desk, others, "ending", "ending");
        assert_string_equal(state_of(desk, &meanwhile), "live");
}

static void test_a_policy_that_asks_no_more_decides_alone(void **state) {
        struct desk *desk = *state;
        struct session others[2];
        struct leader_id leader = new_leader(desk);
        struct login *login;

        open_two(desk, others, TWO_DEVICES);
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OTHERS, 1), FRAME_OK);
        desk_configure(desk, "[policy default]\nmax_devices = 2\non_limit = deny\n");
        login = open_chosen(desk, &leader, 1);
        assert_int_equal(login->reply.outcome, FRAME_DENIED);
        login_free(&login);
}

/* A change that is run again must do the same. */
static void test_a_choice_outlives_a_turn_that_is_run_again(void **state) {
        struct desk *desk = *state;
        struct session others[2];
        struct leader_id leader = new_leader(desk);
        struct store_txn *turn, *request;
        struct login *login;
        int module;

        open_two(desk, others, TWO_DEVICES "ask_fallback = deny\n");
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OTHERS, 1), FRAME_OK);
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.3", &module);
        login->leader = leader;
        login_take_choice(login, 1);
        turn = begin_turn(desk->store);
        request = begin_request(turn);
        assert_int_equal(login_run(&login->change, request), 0);
        store_abort(&request);
        store_abort(&turn);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        assert_others(desk, others, "ending", "ending");
        login_free(&login);
        close(module);
}

static void test_too_many_choices_are_a_failure_that_says_so(void **state) {
        struct desk *desk = *state;
        struct leader_id leader;

        for (int i = 0; i < CHOICES_PER_USER_MAX; i++) {
                leader = new_leader(desk);
                assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OLDEST, 1), FRAME_OK);
        }
        leader = new_leader(desk);
        assert_int_equal(choose(desk, &leader, FRAME_CHOICE_OLDEST, 1), FRAME_FAILED);
        leader.pid = 0; /* nobody can be told apart */
        assert_int_equal(
                choose(desk, &leader, FRAME_CHOICE_OLDEST, 1 + CHOICE_LIFE_SEC * USEC_PER_SEC), FRAME_FAILED);
}

/* ---- sshd's keyboard-interactive: a child asks, its parent opens ---- */

static void test_what_sshds_child_was_answered_is_its_parents_to_carry_out(void **state) {
        struct desk *desk = *state;
        struct leader_id self;
        struct login *login, *open;
        int module, other, own_pidfd = pidfd_open(getpid(), 0);
        pid_t child = fork();

        if (child == 0) {
                pause();
                _exit(0);
        }
        assert_int_equal(leader_identify(own_pidfd, &desk->service.boot, &self), 0);
        close(own_pidfd);
        login = new_login(desk, FRAME_CHOOSE, "alice", "192.0.2.3", &module);
        login->pidfd = pidfd_open(child, 0);
        assert_int_equal(leader_identify(login->pidfd, &desk->service.boot, &login->leader), 0);
        login->frame.choice = FRAME_CHOICE_OTHERS;
        login_choose(login, 1);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        open = new_login(desk, FRAME_OPEN, "alice", "192.0.2.3", &other);
        open->leader = login->leader;
        login_take_choice(open, 1);
        assert_int_equal(open->choice, CHOICE_NONE); /* not the child's */
        open->leader = self;
        login_take_choice(open, 1);
        assert_int_equal(open->choice, CHOICE_OTHERS);
        login_free(&open);
        close(other);

        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        login_choose(login, 1);
        assert_int_equal(login->reply.outcome, FRAME_FAILED); /* gone, and nobody's child */
        login_free(&login);
        close(module);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define desk_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
                cmocka_unit_test(test_an_open_does_what_was_chosen),
                desk_test(test_giving_up_is_refused_and_keeps_nothing),
                desk_test(test_a_choice_is_for_one_login_alone),
                desk_test(test_a_choice_of_more_than_a_minute_ago_is_none),
                desk_test(test_whoever_logged_in_meanwhile_counts),
                desk_test(test_a_policy_that_asks_no_more_decides_alone),
                desk_test(test_a_choice_outlives_a_turn_that_is_run_again),
                desk_test(test_too_many_choices_are_a_failure_that_says_so),
                desk_test(test_what_sshds_child_was_answered_is_its_parents_to_carry_out),
        };

        return cmocka_run_group_tests_name("login_choose", tests, NULL, NULL);
}
