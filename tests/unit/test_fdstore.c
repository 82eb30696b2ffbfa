/* fdstore: what the service manager is told, and what is taken of what it hands back. */
#include "tests/unit/process_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "client/cleanup.h"
#include "daemon/fdstore.h"

static const struct leader_id leader = { .pid = 4711, .start = 123456 };
static const struct leader_id other = { .pid = 4711, .start = 123457 };

/* The service manager: a datagram socket with an abstract name, in $NOTIFY_SOCKET. */
static int manager = -1;

static int manager_setup(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char name[64];
        int n = snprintf(name, sizeof(name), "@test_fdstore-%d", getpid());

        memcpy(address.sun_path + 1, name + 1, (size_t) n - 1);
        manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(
                bind(manager, (struct sockaddr *) &address, (socklen_t) (sizeof(sa_family_t) + (size_t) n)),
                0);
        assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        return 0;
}

static int manager_teardown(void **state) {
        cleanup_close(&manager);
        return unsetenv("NOTIFY_SOCKET");
}

/* The next message, "" if there is none; *ret_fd: the descriptor that came with it, or -1. */
static const char *told(int *ret_fd) {
        static char text[256];
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t n = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);
        struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);

        text[n < 0 ? 0 : n] = '\0';
        *ret_fd = -1;
        if (header)
                memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
        return text;
}

static int a_descriptor(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

static void test_a_leader_is_kept_by_its_name_and_dropped_by_it(void **state) {
        _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;
        _cleanup_(cleanup_close) int fd = a_descriptor();
        int sent;

        assert_int_equal(fdstore_open(&fdstore), 0);
        fdstore_keep(fdstore, &leader, fd);
        assert_string_equal(told(&sent), "FDSTORE=1\nFDNAME=leader-4711-123456");
        assert_true(sent >= 0);
        close(sent);
        assert_true(is_open(fd));
        fdstore_drop(fdstore, &leader);
        assert_string_equal(told(&sent), "FDSTOREREMOVE=1\nFDNAME=leader-4711-123456");
        assert_int_equal(sent, -1);
}

static void test_what_is_handed_over_is_taken_once_and_is_not_sent_again(void **state) {
        _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;
        int first = a_descriptor(), second = a_descriptor(), sent;

        assert_int_equal(fdstore_open(&fdstore), 0);
        assert_true(fdstore_adopt(fdstore, "leader-4711-123457", second));
        assert_true(fdstore_adopt(fdstore, "leader-4711-123456", first));
        assert_int_equal(fdstore_take(fdstore, &leader), first);
        assert_int_equal(fdstore_take(fdstore, &leader), -ENOENT);
        fdstore_keep(fdstore, &leader, first);
        assert_string_equal(told(&sent), "");
        assert_int_equal(fdstore_take(fdstore, &other), second);
        close(first);
        close(second);
}

static void test_what_nobody_took_is_closed_and_forgotten(void **state) {
        _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;
        int fd = a_descriptor(), sent;

        assert_int_equal(fdstore_open(&fdstore), 0);
        assert_true(fdstore_adopt(fdstore, "leader-4711-123456", fd));
        fdstore_settle(fdstore);
        assert_false(is_open(fd));
        assert_string_equal(told(&sent), "FDSTOREREMOVE=1\nFDNAME=leader-4711-123456");
        assert_int_equal(fdstore_take(fdstore, &leader), -ENOENT);
}

static void test_a_name_that_is_not_exactly_ours_is_left_alone(void **state) {
        static const char *const names[] = { "", "sessjwtd.socket", "leader-4711", "leader-4711-123456x",
                "leader- 4711-123456", "leader-04711-123456", "leader-4711-123456-", "Leader-4711-123456" };
        _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;
        _cleanup_(cleanup_close) int fd = a_descriptor();

        assert_int_equal(fdstore_open(&fdstore), 0);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                assert_false(fdstore_adopt(fdstore, names[i], fd));
        assert_true(is_open(fd));
}

static void test_a_service_manager_that_does_not_read_is_not_waited_for(void **state) {
        _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;
        _cleanup_(cleanup_close) int fd = a_descriptor();

        assert_int_equal(fdstore_open(&fdstore), 0);
        for (int i = 0; i < 10000; i++)
                fdstore_keep(fdstore, &leader, fd); /* would wait for ever */
}

static void test_without_a_service_manager_nothing_is_kept(void **state) {
        static const char *const nowhere[] = { NULL, "", "vsock:2:1234", "/nonexistent/notify", "@" };

        for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
                _cleanup_(fdstore_close) struct fdstore *fdstore = NULL;

                if (nowhere[i])
                        assert_int_equal(setenv("NOTIFY_SOCKET", nowhere[i], 1), 0);
                else
                        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
                assert_int_equal(fdstore_open(&fdstore), 0);
                fdstore_keep(fdstore, &leader, 0);
                fdstore_drop(fdstore, &leader);
                assert_int_equal(fdstore_take(fdstore, &leader), -ENOENT);
        }
        fdstore_keep(NULL, &leader, 0);
        fdstore_drop(NULL, &leader);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_a_leader_is_kept_by_its_name_and_dropped_by_it, manager_setup, manager_teardown),
                cmocka_unit_test_setup_teardown(test_what_is_handed_over_is_taken_once_and_is_not_sent_again,
                        manager_setup, manager_teardown),
                cmocka_unit_test_setup_teardown(
                        test_what_nobody_took_is_closed_and_forgotten, manager_setup, manager_teardown),
                cmocka_unit_test_setup_teardown(
                        test_a_name_that_is_not_exactly_ours_is_left_alone, manager_setup, manager_teardown),
                cmocka_unit_test_setup_teardown(test_a_service_manager_that_does_not_read_is_not_waited_for,
                        manager_setup, manager_teardown),
                cmocka_unit_test(test_without_a_service_manager_nothing_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
