/* What the module does when the n-th thing that it asks of libc fails, n = 1, 2, …; and when each is
 * interrupted first. This program stands in for libc's functions, and only where the module calls them. */
#include "pam_stage.h"

#include <grp.h>
#include <poll.h>

#include "tests/unit/libc_faults.h"

UNWATCHED static bool is_watched(const void *caller) {
        return is_in(caller, stage.module);
}

STAND_IN(int, socket, (int domain, int type, int protocol), (domain, type, protocol), EMFILE, -1)
STAND_IN(int, stat, (const char *path, struct stat *st), (path, st), EACCES, -1)
STAND_IN(int, clock_gettime, (clockid_t clock, struct timespec *ret), (clock, ret), EINVAL, -1)
STAND_IN(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
        (fd, level, name, value, size), ENOPROTOOPT, -1)
STAND_IN(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), (user, group, groups, n),
        ENOMEM, -1)
STAND_IN_INTERRUPTED(
        ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), EPIPE)
STAND_IN_INTERRUPTED(
        ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), ECONNRESET)

#undef ppoll
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask) {
        static bool before;
        REAL(ppoll);
        return is_interrupted(CALLER, &before) || fails("ppoll", CALLER, ENOMEM) ? -1
                                                                                 : real(fds, n, limit, mask);
}

/* pidfd_open is all that the module calls by number. */
long syscall(long number, ...) {
        REAL(syscall);
        va_list list;
        long one, two;

        va_start(list, number);
        one = va_arg(list, long);
        two = va_arg(list, long);
        va_end(list);
        return fails("syscall", CALLER, ENOSYS) ? -1 : real(number, one, two);
}

/* ---- one call at a time ------------------------------------------------------------------------------- */

/* A daemon that nobody called waits for a long time: somebody calls. Who was not needed is sent away. */
static void daemon_dismiss(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        memcpy(address.sun_path, stage.socket_path, strlen(stage.socket_path));
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
        daemon_join();
        while ((fd = accept(stage.listener, NULL, NULL)) >= 0)
                close(fd);
}

typedef int pam_call(pam_handle_t *pamh, int flags);

/* The call, its n-th request of libc failing; the handle stays. */
static int call_failing(pam_call *call, unsigned n) {
        int rc;

        daemon_will_answer(FRAME_OK, SID, "");
        fail_nth(n);
        rc = call(stage.pamh, 0);
        fault.plan = NOTHING;
        daemon_dismiss();
        return rc;
}

/* Every n there is: trouble is ignored, or refused where the line says so; nothing else, and no descriptor or
 * variable is left of it. */
static void assert_every_fault_is_trouble(pam_call *(*choose)(void), const char *options, int refusal) {
        unsigned n = 0, troubled = 0;

        do {
                int before, rc;

                begin(options);
                before = count_descriptors();
                rc = call_failing(choose(), ++n);
                assert_int_equal(count_descriptors(), before);
                if (rc == PAM_SUCCESS)
                        continue; /* it was not needed */
                assert_non_null(fault.failed);
                assert_int_equal(rc, refusal);
                assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
                troubled++;
        } while (fault.failed);
        assert_true(n > 12);
        assert_in_range(troubled, 10, n);
}

static pam_call *account(void) {
        return stage.pam_acct_mgmt;
}

static pam_call *open_session(void) {
        return stage.pam_open_session;
}

static void test_every_fault_in_account_is_ignored(void **state) {
        assert_every_fault_is_trouble(account, "timeout=1s", IGNORED);
}

static void test_every_fault_in_account_denies_where_errors_deny(void **state) {
        assert_every_fault_is_trouble(account, "timeout=1s on_error=deny", PAM_PERM_DENIED);
}

static void test_every_fault_in_open_is_ignored(void **state) {
        assert_every_fault_is_trouble(open_session, "timeout=1s", IGNORED);
}

static void test_every_fault_in_open_denies_where_errors_deny(void **state) {
        assert_every_fault_is_trouble(open_session, "timeout=1s on_error=deny", PAM_SESSION_ERR);
}

/* Not by us: the leader's end is still to come. */
static void test_no_fault_keeps_a_close_from_being_done(void **state) {
        unsigned n = 0;

        do {
                begin("timeout=1s");
                daemon_will_answer(FRAME_OK, SID, "");
                assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SUCCESS);
                daemon_join();
                assert_int_equal(call_failing(stage.pam_close_session, ++n), PAM_SUCCESS);
                assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
        } while (fault.failed);
        assert_true(n > 8);
}

static void test_a_session_of_which_nothing_can_be_remembered_is_open_all_the_same(void **state) {
        begin("timeout=1s on_error=deny");
        fault.of = "strdup";
        assert_int_equal(call_failing(stage.pam_open_session, 1), PAM_SUCCESS);
        fault.of = NULL;
        assert_non_null(fault.failed);
        assert_string_equal(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"), SID);
}

/* One login, all of whose calls that can be are interrupted before they are done. */
static void test_what_is_interrupted_is_done_again(void **state) {
        fault.n_interrupted = 0;
        begin("timeout=1s on_error=deny");
        daemon_will_answer(FRAME_OK, SID, "");
        fault.plan = INTERRUPT_EACH;
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SUCCESS);
        fault.plan = NOTHING;
        assert_asked(FRAME_OPEN);
        assert_true(fault.n_interrupted >= 4);
        assert_string_equal(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"), SID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                stage_test(test_every_fault_in_account_is_ignored),
                stage_test(test_every_fault_in_account_denies_where_errors_deny),
                stage_test(test_every_fault_in_open_is_ignored),
                stage_test(test_every_fault_in_open_denies_where_errors_deny),
                stage_test(test_no_fault_keeps_a_close_from_being_done),
                stage_test(test_a_session_of_which_nothing_can_be_remembered_is_open_all_the_same),
                stage_test(test_what_is_interrupted_is_done_again),
        };

        return cmocka_run_group_tests_name("pam_faults", tests, stage_build, NULL);
}
