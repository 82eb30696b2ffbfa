/* What the module does when the n-th thing that it asks of libc fails, n = 1, 2, …; and when each is
 * interrupted first. This program stands in for libc's functions, and only where the module calls them. */
#include "pam_stage.h"

#include <grp.h>
#include <poll.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_OWN_MALLOC false /* the sanitizer's allocator is not to be stood in for */
#else
#define HAS_OWN_MALLOC true
#endif

enum plan { NOTHING, FAIL_NTH, INTERRUPT_EACH };

static struct {
        _Atomic(enum plan) plan; /* the daemon's thread asks, too */
        unsigned n;              /* FAIL_NTH: which one, */
        const char *of;          /* of this function's; NULL: of all */
        unsigned seen;           /* how many calls there were */
        unsigned n_interrupted;
        const char *failed; /* which function it was; NULL: there were not so many */
} fault;

static bool is_module(const void *address) {
        Dl_info info;

        return dladdr(address, &info) && info.dli_fname && strcmp(info.dli_fname, stage.module) == 0;
}

/* Whether this call is the one. Calls of others are not counted. */
static bool fails(const char *name, const void *caller, int error) {
        if (fault.plan != FAIL_NTH || !is_module(caller) || (fault.of && strcmp(fault.of, name) != 0))
                return false;
        if (++fault.seen != fault.n)
                return false;
        fault.failed = name;
        errno = error;
        return true;
}

/* Every other call of each function that can be: so each is done in the end. */
static bool is_interrupted(const void *caller, bool *before) {
        if (fault.plan != INTERRUPT_EACH || !is_module(caller))
                return false;
        *before = !*before;
        fault.n_interrupted += *before;
        errno = EINTR;
        return *before;
}

#define CALLER __builtin_return_address(0)

/* A function as libc has it, under the name `real`. */
#define REAL(name) __typeof__(&name) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define STAND_IN(result, name, parameters, arguments, error, failure)                                        \
        result name parameters {                                                                             \
                REAL(name);                                                                                  \
                return fails(#name, CALLER, error) ? (failure) : real arguments;                             \
        }

#define STAND_IN_INTERRUPTED(result, name, parameters, arguments, error)                                     \
        result name parameters {                                                                             \
                static bool before;                                                                          \
                REAL(name);                                                                                  \
                return is_interrupted(CALLER, &before) || fails(#name, CALLER, error) ? -1 : real arguments; \
        }

STAND_IN(int, socket, (int domain, int type, int protocol), (domain, type, protocol), EMFILE, -1)
STAND_IN(int, lstat, (const char *path, struct stat *st), (path, st), EACCES, -1)
STAND_IN(int, stat, (const char *path, struct stat *st), (path, st), EACCES, -1)
STAND_IN(int, clock_gettime, (clockid_t clock, struct timespec *ret), (clock, ret), EINVAL, -1)
STAND_IN(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
        (fd, level, name, value, size), ENOPROTOOPT, -1)
STAND_IN(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
        (fd, level, name, value, size), ENOPROTOOPT, -1)
STAND_IN(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), (user, group, groups, n),
        ENOMEM, -1)
STAND_IN_INTERRUPTED(
        int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), EACCES)
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

#if HAS_OWN_MALLOC
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);

void *malloc(size_t size) {
        return fails("malloc", CALLER, ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
        return fails("calloc", CALLER, ENOMEM) ? NULL : __libc_calloc(n, size);
}

char *strdup(const char *text) {
        size_t size = strlen(text) + 1;
        char *copy = fails("strdup", CALLER, ENOMEM) ? NULL : __libc_malloc(size);

        return copy ? memcpy(copy, text, size) : NULL;
}
#endif

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
        fault.n = n;
        fault.seen = 0;
        fault.failed = NULL;
        fault.plan = FAIL_NTH;
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
        if (!HAS_OWN_MALLOC)
                skip();
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
