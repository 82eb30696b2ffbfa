/* What the module does when the daemon is not there, does not answer, answers nonsense or is not the
 * daemon. */
#include "pam_stage.h"

#include <sched.h>

#define USEC_PER_MSEC 1000

static uint64_t boot_usec(void) {
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* ---- no daemon, or not ours --------------------------------------------------------------------------- */

static void test_a_stopped_daemon_is_trouble(void **state) {
        daemon_stop(); /* the name stays */
        assert_trouble("sshd", "");
}

static void test_a_missing_socket_is_trouble_to_root(void **state) {
        if (geteuid() != 0)
                skip();
        daemon_stop();
        assert_int_equal(unlink(stage.socket_path), 0);
        assert_trouble("sshd", "");
}

static void test_a_file_that_is_no_socket_is_trouble_to_root(void **state) {
        if (geteuid() != 0)
                skip();
        daemon_stop();
        assert_int_equal(unlink(stage.socket_path), 0);
        assert_int_equal(mknod(stage.socket_path, S_IFREG | 0600, 0), 0);
        assert_trouble("sshd", "");
}

static void test_a_socket_of_somebody_else_is_not_spoken_to(void **state) {
        if (geteuid() != 0)
                skip();
        assert_int_equal(chown(stage.socket_path, getpwnam(SOMEBODY)->pw_uid, (gid_t) -1), 0);
        assert_trouble("sshd", "");
        assert_nobody_called();
}

/* The credentials that a client sees are those of the last listen(). */
static void test_a_server_of_another_uid_is_told_nothing(void **state) {
        if (geteuid() != 0)
                skip();
        assert_int_equal(seteuid(getpwnam(SOMEBODY)->pw_uid), 0);
        assert_int_equal(listen(stage.listener, 8), 0);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(open_when(SAY_NOTHING, "on_error=deny"), PAM_SESSION_ERR);
        assert_false(stage.was_asked);
}

/* systemd listens as root; the service that it starts accepts as another user. */
static void test_a_socket_that_root_made_may_be_served_by_another_uid(void **state) {
        pid_t child;

        if (geteuid() != 0)
                skip();
        begin("");
        stage.act = ANSWER;
        child = fork();
        if (child == 0) {
                if (setuid(getpwnam(SOMEBODY)->pw_uid) != 0)
                        _exit(1);
                stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
                daemon_run(NULL);
                _exit(stage.was_asked ? 0 : 2);
        }
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SUCCESS);
        assert_string_equal(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"), SID);
        assert_int_equal(waitpid(child, NULL, 0), child);
}

/* ---- the budget --------------------------------------------------------------------------------------- */

static void test_a_daemon_that_never_answers_costs_the_budget(void **state) {
        uint64_t before = boot_usec(), taken;

        assert_int_equal(open_when(SAY_NOTHING, "timeout=200ms"), IGNORED);
        taken = boot_usec() - before;
        assert_true(stage.was_asked);
        assert_in_range(taken, 200 * USEC_PER_MSEC, GUARD_MSEC * USEC_PER_MSEC);
        assert_in_range(stage.request.deadline, before + 200 * USEC_PER_MSEC, before + taken);
        assert_int_equal(open_when(SAY_NOTHING, "timeout=200ms on_error=deny"), PAM_SESSION_ERR);
}

static void test_the_default_budget_is_in_the_frame(void **state) {
        uint64_t before = boot_usec(), after;

        begin("");
        daemon_will_answer(FRAME_OK, "", "");
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), PAM_SUCCESS);
        assert_asked(FRAME_ACCOUNT);
        after = boot_usec();
        assert_in_range(stage.request.deadline, before + LOGIN_TIMEOUT_DEFAULT_MSEC * USEC_PER_MSEC,
                after + LOGIN_TIMEOUT_DEFAULT_MSEC * USEC_PER_MSEC);
}

/* In a time namespace the boot clock is a thousand seconds ahead of the monotonic one, as after a long
 * suspend. */
/* The first of both spends it all; the second still tells the daemon of the login, but does not wait long. */
static void test_account_and_open_share_one_budget(void **state) {
        uint64_t before;

        begin("timeout=300ms");
        daemon_will(SAY_NOTHING);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        daemon_join();
        daemon_will(SAY_NOTHING);
        before = boot_usec();
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
        assert_asked(FRAME_OPEN);
        /* 10 ms and what it took to get there; with a budget of its own it were 300. */
        assert_in_range(stage.request.deadline, before, boot_usec());
        assert_true(stage.request.deadline < before + 300 * USEC_PER_MSEC);
}

static void test_the_deadline_is_on_the_boot_clock(void **state) {
        static const char offset[] = "boottime 1000 0\n";
        uint64_t before = boot_usec();
        pid_t child;
        int status;

        if (geteuid() != 0)
                skip();
        begin("timeout=20ms");
        daemon_will(SAY_NOTHING);
        child = fork();
        if (child == 0) {
                int fd;

                if (unshare(CLONE_NEWTIME) < 0)
                        _exit(77);
                fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
                if (fd < 0 || write(fd, offset, strlen(offset)) < 0)
                        _exit(77);
                child = fork(); /* children are in it, not we */
                if (child == 0)
                        _exit(stage.pam_open_session(stage.pamh, 0));
                _exit(waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WEXITSTATUS(status) == 77) { /* no such namespaces here */
                assert_int_equal(open_when(SAY_NOTHING, "timeout=20ms"), IGNORED);
                skip();
        }
        assert_asked(FRAME_OPEN);
        assert_int_equal(WEXITSTATUS(status), IGNORED);
        assert_true(stage.request.deadline >= before + UINT64_C(1000000000));
}

static void test_a_full_backlog_costs_the_budget(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uint64_t before;
        int waiting[16], n = 0;

        daemon_stop();
        assert_int_equal(unlink(stage.socket_path), 0);
        daemon_listen(0);
        memcpy(address.sun_path, stage.socket_path, strlen(stage.socket_path));
        for (; n < 16; n++) {
                waiting[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (connect(waiting[n], (struct sockaddr *) &address, sizeof(address)) < 0)
                        break;
        }
        assert_in_range(n, 1, 15);
        begin("timeout=20ms");
        before = boot_usec();
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        assert_in_range(boot_usec() - before, 20 * USEC_PER_MSEC, GUARD_MSEC * USEC_PER_MSEC);
        for (; n >= 0; n--)
                close(waiting[n]);
}

/* ---- answers that are none ---------------------------------------------------------------------------- */

static size_t good_reply(uint8_t packet[static FRAME_REPLY_MAX]) {
        struct frame_reply reply = { .outcome = FRAME_OK, .session_id = SID, .text = "A text." };
        size_t size;

        assert_int_equal(frame_write_reply(&reply, packet, FRAME_REPLY_MAX, &size), 0);
        return size;
}

static void test_a_short_reply_is_trouble(void **state) {
        size_t whole = good_reply(stage.raw);

        for (stage.raw_size = 1; stage.raw_size < whole; stage.raw_size += 7) {
                assert_int_equal(open_when(ANSWER_RAW, ""), IGNORED);
                assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
                assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), PAM_SESSION_ERR);
        }
}

static void test_a_long_reply_is_trouble(void **state) {
        stage.raw_size = good_reply(stage.raw) + 1;
        assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), PAM_SESSION_ERR);
        stage.raw_size = sizeof(stage.raw); /* the kernel cuts it */
        assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), PAM_SESSION_ERR);
        assert_int_equal(open_when(ANSWER_RAW, ""), IGNORED);
}

static void test_a_reply_of_another_version_is_ignored_even_when_errors_deny(void **state) {
        stage.raw_size = good_reply(stage.raw);
        stage.raw[4] = FRAME_VERSION + 1;
        assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), IGNORED);
        (void) stage.pam_close_session(stage.pamh, 0);
        assert_nobody_called();
}

static void test_an_open_without_a_session_id_is_trouble(void **state) {
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .text = "Welcome." };
        assert_int_equal(open_when(ANSWER, "on_error=deny"), PAM_SESSION_ERR);
        assert_string_equal(stage.heard, "");
        assert_int_equal(open_when(ANSWER, ""), IGNORED);
        assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
        close_ignored("");
}

static void test_a_descriptor_in_a_reply_is_not_kept(void **state) {
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
        assert_int_equal(open_when(ANSWER_WITH_DESCRIPTOR, ""), PAM_SUCCESS);
        /* the end of every test counts descriptors */
}

static void test_an_unanswered_open_is_closed_by_its_leader_alone(void **state) {
        assert_int_equal(open_when(SAY_NOTHING, "timeout=20ms"), IGNORED);
        assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
        close_ignored("");
        (void) stage.pam_close_session(stage.pamh, 0);
        assert_nobody_called();
        assert_int_equal(open_when(READ_AND_HANG_UP, ""), IGNORED);
        close_ignored("");
}

static void test_an_open_that_was_not_sent_is_not_remembered(void **state) {
        daemon_stop();
        begin("");
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
        assert_int_equal(unlink(stage.socket_path), 0);
        daemon_listen(8);
        (void) stage.pam_close_session(stage.pamh, 0);
        assert_nobody_called();
}

/* SIGPIPE has its default here: it would end this program. */
static void test_a_daemon_that_hangs_up_kills_nobody(void **state) {
        for (int i = 0; i < 50; i++) {
                assert_int_equal(open_when(HANG_UP, ""), IGNORED);
                assert_int_equal(open_when(READ_AND_HANG_UP, "on_error=deny"), PAM_SESSION_ERR);
        }
}

static void test_a_close_without_a_daemon_is_a_success(void **state) {
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
        assert_int_equal(open_when(ANSWER, "on_error=deny"), PAM_SUCCESS);
        daemon_stop();
        assert_int_equal(stage.pam_close_session(stage.pamh, 0), PAM_SUCCESS);
        assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                stage_test(test_a_stopped_daemon_is_trouble),
                stage_test(test_a_missing_socket_is_trouble_to_root),
                stage_test(test_a_file_that_is_no_socket_is_trouble_to_root),
                stage_test(test_a_socket_of_somebody_else_is_not_spoken_to),
                stage_test(test_a_server_of_another_uid_is_told_nothing),
                stage_test(test_a_socket_that_root_made_may_be_served_by_another_uid),
                stage_test(test_a_daemon_that_never_answers_costs_the_budget),
                stage_test(test_the_default_budget_is_in_the_frame),
                stage_test(test_account_and_open_share_one_budget),
                stage_test(test_the_deadline_is_on_the_boot_clock),
                stage_test(test_a_full_backlog_costs_the_budget),
                stage_test(test_a_short_reply_is_trouble),
                stage_test(test_a_long_reply_is_trouble),
                stage_test(test_a_reply_of_another_version_is_ignored_even_when_errors_deny),
                stage_test(test_an_open_without_a_session_id_is_trouble),
                stage_test(test_a_descriptor_in_a_reply_is_not_kept),
                stage_test(test_an_unanswered_open_is_closed_by_its_leader_alone),
                stage_test(test_an_open_that_was_not_sent_is_not_remembered),
                stage_test(test_a_daemon_that_hangs_up_kills_nobody),
                stage_test(test_a_close_without_a_daemon_is_a_success),
        };

        return cmocka_run_group_tests_name("pam_trouble", tests, stage_build, NULL);
}
