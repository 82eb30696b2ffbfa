/* What the module does when the program that called it is not in the best of states, or has it called
 * wrongly. */
#include "pam_stage.h"

#include <sys/time.h>

static void on_alarm(int signal) {
        sem_post(&stage.interrupted);
}

/* A signal every millisecond, which restarts nothing; the peer's thread takes none. */
static void test_interruptions_neither_end_nor_prolong_the_wait(void **state) {
        static const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
        struct sigaction action = { .sa_handler = on_alarm }, before;

        assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
        assert_int_equal(open_when(ANSWER_AFTER_SIGNALS, "timeout=1s"), PAM_SUCCESS);
        assert_int_equal(open_when(SAY_NOTHING, "timeout=20ms"), IGNORED);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* As login(1) calls: 0, 1 and 2 are closed, and must be free afterwards and meanwhile. */
static void test_the_standard_descriptors_are_never_used(void **state) {
        pid_t child;
        int status;

        begin("timeout=1s");
        daemon_will_answer(FRAME_OK, SID, "");
        child = fork();
        if (child == 0) {
                int rc;

                for (int fd = 0; fd <= 2; fd++)
                        close(fd);
                rc = stage.pam_open_session(stage.pamh, 0);
                for (int fd = 0; fd <= 2; fd++)
                        if (fcntl(fd, F_GETFD) >= 0)
                                rc = 200 + fd;
                _exit(rc);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_asked(FRAME_OPEN);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), PAM_SUCCESS);
        assert_int_equal(stage.pidfd_pid, child);
        assert_false(stage.used_low_descriptor);
}

/* The answer comes while the caller is stopped, and the budget ends before he goes on. */
static pid_t stopped;

static void *answer_the_stopped(void *unused) {
        struct pollfd waiting = { .fd = stage.listener, .events = POLLIN };
        uint8_t packet[FRAME_REPLY_MAX];
        struct timespec deadline;
        size_t size;
        int fd, status;

        if (poll(&waiting, 1, GUARD_MSEC) <= 0)
                return NULL;
        fd = accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC);
        daemon_read(fd);
        kill(stopped, SIGSTOP);
        (void) waitpid(stopped, &status, WUNTRACED);
        if (frame_write_reply(&stage.reply, packet, sizeof(packet), &size) == 0)
                daemon_send(fd, packet, size, -1);
        deadline = (struct timespec){ .tv_sec = (time_t) (stage.request.deadline / 1000000),
                .tv_nsec = (long) (stage.request.deadline % 1000000) * 1000 + 1000 };
        (void) clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &deadline, NULL);
        kill(stopped, SIGCONT);
        close(fd);
        return NULL;
}

/* Who starts su himself can stop it, and would do so if a lock could be passed by that. */
static void test_an_answer_that_came_while_the_caller_was_stopped_counts(void **state) {
        int start[2], status;

        assert_int_equal(pipe2(start, O_CLOEXEC), 0);
        begin("timeout=1s");
        stopped = fork();
        if (stopped == 0) {
                char byte;

                _exit(read(start[0], &byte, 1) == 1 ? stage.pam_acct_mgmt(stage.pamh, 0) : 255);
        }
        stage.reply = (struct frame_reply){ .outcome = FRAME_DENIED, .text = "No." };
        assert_int_equal(pthread_create(&stage.thread, NULL, answer_the_stopped, NULL), 0);
        assert_int_equal(write(start[1], "x", 1), 1);
        daemon_join();
        assert_int_equal(waitpid(stopped, &status, 0), stopped);
        close(start[0]);
        close(start[1]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), PAM_PERM_DENIED);
}

static void test_without_root_nothing_is_asked_and_everything_is_ignored(void **state) {
        begin_without_socket("sshd", SOMEBODY, "on_error=deny nonsense");
        if (geteuid() == 0)
                assert_int_equal(seteuid(getpwnam(SOMEBODY)->pw_uid), 0);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
        assert_int_equal(stage.pam_close_session(stage.pamh, 0), IGNORED);
        finish(0);
        assert_int_equal(seteuid(getuid()), 0);

        if (geteuid() != 0)
                return;
        begin("on_error=deny"); /* root's socket, the caller somebody else */
        assert_int_equal(seteuid(getpwnam(SOMEBODY)->pw_uid), 0);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
        assert_int_equal(seteuid(0), 0);
        assert_nobody_called();
}

static void test_a_close_after_root_was_dropped_is_ignored_and_stays_open(void **state) {
        if (geteuid() != 0)
                skip();
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
        assert_int_equal(open_when(ANSWER, ""), PAM_SUCCESS);
        assert_int_equal(seteuid(getpwnam(SOMEBODY)->pw_uid), 0);
        (void) stage.pam_close_session(stage.pamh, 0);
        assert_int_equal(seteuid(0), 0);
        assert_nobody_called();
        close_ignored(SID);
}

static void test_an_ordinary_user_may_ask_a_socket_of_his_own(void **state) {
        uid_t uid = getpwnam(SOMEBODY)->pw_uid;

        if (geteuid() != 0)
                skip(); /* then all other tests show it */
        begin("");
        assert_int_equal(chown(stage.socket_path, uid, (gid_t) -1), 0);
        assert_int_equal(seteuid(uid), 0);
        assert_int_equal(listen(stage.listener, 8), 0);
        daemon_will_answer(FRAME_OK, "", "");
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), PAM_SUCCESS);
        assert_int_equal(seteuid(0), 0);
        assert_asked(FRAME_ACCOUNT);
}

static void test_a_wrong_option_is_trouble(void **state) {
        assert_trouble("sshd", "nonsense");
        assert_trouble("sshd", "timeout=1h");
        assert_trouble("sshd", "authfail");
        assert_nobody_called();
        begin("nonsense on_error=deny");
        assert_int_equal(stage.pam_close_session(stage.pamh, 0), PAM_SUCCESS);
        assert_nobody_called();
}

static void test_break_glass_passes_through_trouble(void **state) {
        begin("nonsense on_error=deny break_glass=nogroup");
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        finish(0);
        daemon_stop();
        begin("on_error=deny break_glass=nogroup");
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
}

static void test_a_service_name_that_cannot_be_carried_is_trouble(void **state) {
        char longer[SERVICE_MAX + 2];

        memset(longer, 's', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_trouble(longer, "");
        assert_trouble("ss\nhd", "");
        assert_nobody_called();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                stage_test(test_interruptions_neither_end_nor_prolong_the_wait),
                stage_test(test_the_standard_descriptors_are_never_used),
                stage_test(test_an_answer_that_came_while_the_caller_was_stopped_counts),
                stage_test(test_without_root_nothing_is_asked_and_everything_is_ignored),
                stage_test(test_a_close_after_root_was_dropped_is_ignored_and_stays_open),
                stage_test(test_an_ordinary_user_may_ask_a_socket_of_his_own),
                stage_test(test_a_wrong_option_is_trouble),
                stage_test(test_break_glass_passes_through_trouble),
                stage_test(test_a_service_name_that_cannot_be_carried_is_trouble),
        };

        return cmocka_run_group_tests_name("pam_caller", tests, stage_build, NULL);
}
