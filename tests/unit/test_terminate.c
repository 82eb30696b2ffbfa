/* terminate: line, SIGTERM, SIGKILL to the right processes, step by step as the clock is moved. */
#include "tests/unit/process_fixture.h"
#include "tests/unit/store_fixture.h"

#include <pty.h>
#include <sys/ioctl.h>

#include "daemon/terminate.h"

#define NOW   (1000 * USEC_PER_SEC)
#define GRACE (TERMINATE_GRACE_SEC * USEC_PER_SEC)
#define ASKED (NOW + TERMINATE_LINE_MSEC * 1000)

struct scene {
        struct fixture *store;
        struct leaders *leaders;
        struct child child;
        struct session session;
};

/* A process that leads alice's session. */
static struct scene scene_open(void **state, void (*body)(int, void *), void *userdata) {
        struct scene scene = { .store = *state };
        int pidfd;

        assert_int_equal(leaders_new(10, NULL, &scene.leaders), 0);
        scene.child = child_start(body, userdata);
        scene.session = session_of(1, "default", "alice");
        scene.session.leader = leader_of(&scene.child);
        scene.session.uid = getuid();
        scene.session.state = SESSION_ENDING;
        scene.session.end = END_REVOKED;
        open_alone(scene.store, &scene.session);
        pidfd = same_pidfd(&scene.child);
        assert_int_equal(leaders_watch(scene.leaders, &scene.session.leader, &pidfd), 0);
        return scene;
}

static void scene_close(struct scene *scene) {
        leaders_free(&scene->leaders);
        child_kill(&scene->child);
}

static void begin(struct scene *scene, const char *line) {
        terminate_begin(scene->leaders, &scene->session, line, NOW);
}

static void run_at(struct scene *scene, usec_t now) {
        terminate_run(scene->leaders, NULL, scene->store->store, now);
}

static enum leader_stage stage(const struct scene *scene) {
        return leaders_find(scene->leaders, &scene->session.leader)->stage;
}

static void join_leader(struct scene *scene, unsigned n, const char *user, enum session_class class) {
        struct session session = session_of(n, "default", user);

        session.leader = scene->session.leader;
        session.uid = scene->session.uid;
        session.class = class;
        open_alone(scene->store, &session);
}

/* Signals that are blocked stay to be looked at. */
static void child_keeps_signals(int fd, void *userdata) {
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
}

static bool has_got(const struct child *child, int number) {
        unsigned long long pending = 0;
        char path[64], line[256];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/status", child->pid);
        file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                (void) sscanf(line, "ShdPnd: %llx", &pending);
        fclose(file);
        return pending & (1ULL << (number - 1));
}

/* ---- the steps ---- */

static void test_a_login_without_a_terminal_gets_as_long_to_set_up_its_handlers(void **state) {
        struct scene scene = scene_open(state, child_does_nothing, NULL);

        begin(&scene, "bye");
        assert_int_equal(terminate_due(scene.leaders), ASKED);
        run_at(&scene, ASKED);
        assert_int_equal(child_wait(&scene.child), SIGTERM);
        assert_int_equal(stage(&scene), LEADER_ASKED);
        run_at(&scene, ASKED + GRACE); /* its death was not heard of yet: nothing comes of it */
        run_at(&scene, ASKED + 2 * GRACE);
        scene_close(&scene);
}

static void child_sits_at(int fd, void *userdata) {
        if (setsid() < 0 || ioctl(*(int *) userdata, TIOCSCTTY, 0) < 0)
                _exit(1);
        child_keeps_signals(fd, userdata);
}

static void test_a_login_at_a_terminal_reads_the_line_before_it_is_asked(void **state) {
        int master, slave;
        struct scene scene;
        char text[64] = "";

        assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
        assert_int_equal(fchown(slave, getuid(), (gid_t) -1), 0);
        scene = scene_open(state, child_sits_at, &slave);
        begin(&scene, "bye");
        assert_true(is_readable(master, PATIENCE_MSEC));
        assert_true(read(master, text, sizeof(text) - 1) > 0);
        assert_non_null(strstr(text, "bye"));
        assert_int_equal(terminate_due(scene.leaders), NOW + TERMINATE_LINE_MSEC * 1000);
        run_at(&scene, NOW + TERMINATE_LINE_MSEC * 1000 - 1);
        assert_false(has_got(&scene.child, SIGTERM));
        run_at(&scene, NOW + TERMINATE_LINE_MSEC * 1000);
        assert_true(has_got(&scene.child, SIGTERM));
        scene_close(&scene);
        close(master);
        close(slave);
}

static void test_who_ignores_sigterm_is_killed_a_second_after_the_grace(void **state) {
        struct scene scene = scene_open(state, child_ignores_sigterm, NULL);

        begin(&scene, NULL);
        run_at(&scene, ASKED);
        assert_int_equal(terminate_due(scene.leaders), ASKED + GRACE);
        run_at(&scene, ASKED + GRACE - 1);
        assert_int_equal(stage(&scene), LEADER_ASKED);
        run_at(&scene, ASKED + GRACE);
        assert_int_equal(stage(&scene), LEADER_CHILDREN_KILLED);
        assert_int_equal(terminate_due(scene.leaders), ASKED + GRACE + USEC_PER_SEC);
        assert_true(pidfd_is_alive(scene.child.pidfd));
        run_at(&scene, ASKED + GRACE + USEC_PER_SEC);
        assert_int_equal(child_wait(&scene.child), SIGKILL);
        assert_int_equal(terminate_due(scene.leaders), USEC_NEVER);
        scene_close(&scene);
}

static void test_a_clock_that_jumps_far_still_takes_one_step_at_a_time(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);
        static const enum leader_stage stages[] = { LEADER_ASKED, LEADER_CHILDREN_KILLED, LEADER_KILLED };

        begin(&scene, NULL);
        for (size_t i = 0; i < 3; i++) {
                run_at(&scene, NOW + (i + 1) * 3600 * USEC_PER_SEC);
                assert_int_equal(stage(&scene), stages[i]);
        }
        assert_int_equal(child_wait(&scene.child), SIGKILL);
        scene_close(&scene);
}

/* Says the pids of a child, a grandchild of the same name, and a child of another name. */
static void child_has_family(int fd, void *userdata) {
        pid_t self = getpid(), pids[3] = { 0 };
        int up[2];

        child_ignores_sigterm(fd, userdata);
        if (pipe(up) < 0)
                _exit(1);
        for (int i = 0; i < 2; i++) {
                pids[i] = fork();
                if (pids[i] > 0)
                        continue;
                die_with(self);
                self = getpid();
                if (i == 1)
                        (void) prctl(PR_SET_NAME, "another");
                pids[2] = i == 0 ? fork() : -1;
                if (pids[2] == 0)
                        die_with(self);
                if (pids[2] != 0 && write(up[1], &pids[2], sizeof(pid_t)) != sizeof(pid_t))
                        _exit(1);
                for (;;)
                        pause();
        }
        for (int i = 0; i < 2; i++) {
                pid_t pid;

                if (read(up[0], &pid, sizeof(pid)) != sizeof(pid))
                        _exit(1);
                if (pid > 0)
                        pids[2] = pid;
        }
        if (write(fd, "!", 1) != 1 || write(fd, pids, sizeof(pids)) != sizeof(pids))
                _exit(1);
}

static void test_children_of_the_same_program_go_before_the_leader_and_no_others(void **state) {
        struct scene scene = scene_open(state, child_has_family, NULL);
        pid_t pids[3];
        int pidfds[3];

        child_hear(&scene.child, pids, sizeof(pids));
        for (int i = 0; i < 3; i++)
                pidfds[i] = pidfd_open(pids[i], 0);
        begin(&scene, NULL);
        run_at(&scene, ASKED);
        run_at(&scene, ASKED + GRACE);
        assert_true(is_readable(pidfds[0], PATIENCE_MSEC));
        assert_true(pidfd_is_alive(pidfds[1]));
        assert_true(pidfd_is_alive(scene.child.pidfd));
        for (int i = 0; i < 3; i++)
                close(pidfds[i]);
        scene_close(&scene);
}

/* ---- denied ---- */

static void test_a_denied_login_may_go_by_itself_first(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        scene.session.end = END_DENIED;
        begin(&scene, NULL);
        assert_int_equal(stage(&scene), LEADER_DENIED);
        assert_int_equal(terminate_due(scene.leaders), NOW + DENIED_GRACE_SEC * USEC_PER_SEC);
        run_at(&scene, NOW + DENIED_GRACE_SEC * USEC_PER_SEC - 1);
        assert_false(has_got(&scene.child, SIGTERM));
        run_at(&scene, NOW + DENIED_GRACE_SEC * USEC_PER_SEC);
        assert_true(has_got(&scene.child, SIGTERM));
        scene_close(&scene);
}

/* ---- who is left alone ---- */

static void assert_left_alone(struct scene *scene) {
        for (usec_t now = NOW; now <= NOW + 4 * GRACE; now += USEC_PER_SEC)
                run_at(scene, now);
        assert_false(has_got(&scene->child, SIGTERM));
        assert_true(pidfd_is_alive(scene->child.pidfd));
        assert_int_equal(terminate_due(scene->leaders), USEC_NEVER);
}

static void test_a_leader_that_another_user_joined_is_never_signalled(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        join_leader(&scene, 2, "bob", CLASS_COUNTED); /* committed before the end was told */
        begin(&scene, NULL);
        assert_left_alone(&scene);
        scene_close(&scene);
}

static void test_a_leader_that_a_tracked_service_joined_later_is_left_alone(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        scene.session.end = END_DENIED;
        begin(&scene, NULL);
        join_leader(&scene, 2, "alice", CLASS_TRACKED);
        assert_left_alone(&scene);
        scene_close(&scene);
}

static void test_a_leader_joined_between_sigterm_and_sigkill_is_not_killed(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        begin(&scene, NULL);
        run_at(&scene, ASKED);
        assert_true(has_got(&scene.child, SIGTERM));
        join_leader(&scene, 2, "bob", CLASS_COUNTED);
        for (usec_t now = ASKED; now <= NOW + 4 * GRACE; now += USEC_PER_SEC)
                run_at(&scene, now);
        assert_true(pidfd_is_alive(scene.child.pidfd));
        scene_close(&scene);
}

static void test_a_leader_left_alone_is_asked_when_its_last_session_ends(void **state) {
        struct scene scene = scene_open(state, child_does_nothing, NULL);
        struct store_txn *turn;
        struct session second;
        struct sid sid = sid_of(2);

        join_leader(&scene, 2, "alice", CLASS_COUNTED);
        begin(&scene, NULL);
        run_at(&scene, ASKED);
        assert_int_equal(stage(&scene), LEADER_STAYS);
        assert_int_equal(terminate_due(scene.leaders), USEC_NEVER);
        turn = begin_turn(scene.store);
        assert_int_equal(store_find_session(turn, &sid, &second), 0);
        second.state = SESSION_ENDING;
        second.end = END_REVOKED;
        assert_int_equal(store_put_session(turn, &second), 0);
        commit(turn);
        terminate_begin(scene.leaders, &second, NULL, NOW);
        run_at(&scene, ASKED);
        assert_int_equal(child_wait(&scene.child), SIGTERM);
        scene_close(&scene);
}

/* ---- again, gone, none ---- */

static void test_a_second_end_of_the_same_leader_does_not_begin_again(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        scene.session.end = END_DENIED;
        begin(&scene, NULL);
        scene.session.end = END_REVOKED;
        terminate_begin(scene.leaders, &scene.session, NULL, NOW + USEC_PER_SEC);
        assert_int_equal(stage(&scene), LEADER_DENIED);
        assert_int_equal(terminate_due(scene.leaders), NOW + DENIED_GRACE_SEC * USEC_PER_SEC);
        scene_close(&scene);
}

static void test_a_released_leader_has_nothing_due(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        begin(&scene, NULL);
        leaders_release(scene.leaders, &scene.session.leader);
        assert_int_equal(terminate_due(scene.leaders), USEC_NEVER);
        run_at(&scene, NOW + GRACE);
        assert_false(has_got(&scene.child, SIGTERM));
        scene_close(&scene);
}

static void test_a_leader_that_is_not_watched_is_not_touched(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);

        scene.session.leader.start++;
        begin(&scene, NULL);
        assert_int_equal(terminate_due(scene.leaders), USEC_NEVER);
        run_at(&scene, NOW + GRACE);
        assert_false(has_got(&scene.child, SIGTERM));
        scene_close(&scene);
}

static void test_due_is_the_earliest_and_only_what_is_due_is_run(void **state) {
        struct scene scene = scene_open(state, child_keeps_signals, NULL);
        struct child other = child_start(child_keeps_signals, NULL);
        struct session session = session_of(2, "default", "bob");
        int pidfd = same_pidfd(&other);

        session.leader = leader_of(&other);
        session.state = SESSION_ENDING;
        session.end = END_DENIED;
        open_alone(scene.store, &session);
        assert_int_equal(leaders_watch(scene.leaders, &session.leader, &pidfd), 0);
        terminate_begin(scene.leaders, &session, NULL, NOW);
        terminate_begin(scene.leaders, &scene.session, NULL, NOW + USEC_PER_SEC);
        run_at(&scene, ASKED + USEC_PER_SEC);
        assert_int_equal(terminate_due(scene.leaders), NOW + DENIED_GRACE_SEC * USEC_PER_SEC);
        assert_true(has_got(&scene.child, SIGTERM));
        assert_false(has_got(&other, SIGTERM));
        run_at(&scene, NOW + DENIED_GRACE_SEC * USEC_PER_SEC);
        assert_true(has_got(&other, SIGTERM));
        assert_int_equal(terminate_due(scene.leaders), ASKED + USEC_PER_SEC + GRACE);
        scene_close(&scene);
        child_kill(&other);
}

#define terminate_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                terminate_test(test_a_login_without_a_terminal_gets_as_long_to_set_up_its_handlers),
                terminate_test(test_a_login_at_a_terminal_reads_the_line_before_it_is_asked),
                terminate_test(test_who_ignores_sigterm_is_killed_a_second_after_the_grace),
                terminate_test(test_a_clock_that_jumps_far_still_takes_one_step_at_a_time),
                terminate_test(test_children_of_the_same_program_go_before_the_leader_and_no_others),
                terminate_test(test_a_denied_login_may_go_by_itself_first),
                terminate_test(test_a_leader_that_another_user_joined_is_never_signalled),
                terminate_test(test_a_leader_that_a_tracked_service_joined_later_is_left_alone),
                terminate_test(test_a_leader_joined_between_sigterm_and_sigkill_is_not_killed),
                terminate_test(test_a_leader_left_alone_is_asked_when_its_last_session_ends),
                terminate_test(test_a_second_end_of_the_same_leader_does_not_begin_again),
                terminate_test(test_a_released_leader_has_nothing_due),
                terminate_test(test_a_leader_that_is_not_watched_is_not_touched),
                terminate_test(test_due_is_the_earliest_and_only_what_is_due_is_run),
        };

        return cmocka_run_group_tests_name("terminate", tests, NULL, NULL);
}
