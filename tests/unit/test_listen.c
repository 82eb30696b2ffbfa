/* listen: two sockets, bound here or handed over, and nobody else's taken away. */
#include "tests/unit/process_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "client/protocol.h"
#include "daemon/listen.h"

static struct fdstore *fdstore;

struct place {
        char dir[64];
        struct listeners listeners;
        char error[256];
};

static int open_fdstore(void **state) {
        return fdstore_open(&fdstore);
}

static int close_fdstore(void **state) {
        fdstore_close(&fdstore);
        return 0;
}

static int place_setup(void **state) {
        struct place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        strcpy(place->dir, "/tmp/test_listen.XXXXXX");
        assert_non_null(mkdtemp(place->dir));
        place->listeners = (struct listeners){ .login = -1, .public = -1 };
        *state = place;
        return 0;
}

static const char *path_of(const struct place *place, const char *name) {
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", place->dir, name);
        return path;
}

static int place_teardown(void **state) {
        struct place *place = *state;

        listeners_close(&place->listeners, place->dir);
        (void) unlink(path_of(place, SESSJWT_LOGIN_SOCKET_NAME));
        (void) unlink(path_of(place, SESSJWT_VARLINK_SOCKET_NAME));
        assert_int_equal(rmdir(place->dir), 0);
        free(place);
        return 0;
}

static int open_at(struct place *place) {
        return listeners_open(place->dir, fdstore, &place->listeners, place->error, sizeof(place->error));
}

static mode_t mode_of(const struct place *place, const char *name) {
        struct stat st;

        return lstat(path_of(place, name), &st) < 0 ? 0 : st.st_mode;
}

static int connect_to(const struct place *place, const char *name, int type) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        strcpy(address.sun_path, path_of(place, name));
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
                return fd;
        close(fd);
        return -errno;
}

static void assert_listens(int fd) {
        assert_int_equal(accept4(fd, NULL, NULL, SOCK_CLOEXEC), -1);
        assert_int_equal(errno, EAGAIN); /* it does not wait for somebody */
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* ---- bound here ---- */

static void test_the_login_socket_is_roots_and_the_public_one_everybodys_whatever_the_umask(void **state) {
        struct place *place = *state;
        mode_t umask_was = umask(0077);
        int fd;

        assert_int_equal(open_at(place), 0);
        umask(umask_was);
        assert_true(place->listeners.are_ours);
        assert_int_equal(mode_of(place, SESSJWT_LOGIN_SOCKET_NAME), S_IFSOCK | 0600);
        assert_int_equal(mode_of(place, SESSJWT_VARLINK_SOCKET_NAME), S_IFSOCK | 0666);
        assert_listens(place->listeners.login);
        assert_listens(place->listeners.public);
        fd = connect_to(place, SESSJWT_LOGIN_SOCKET_NAME, SOCK_SEQPACKET);
        assert_true(fd >= 0);
        close(fd);
        fd = connect_to(place, SESSJWT_VARLINK_SOCKET_NAME, SOCK_STREAM);
        assert_true(fd >= 0);
        close(fd);
}

static void test_sockets_bound_here_go_when_they_are_closed(void **state) {
        struct place *place = *state;

        assert_int_equal(open_at(place), 0);
        listeners_close(&place->listeners, place->dir);
        assert_int_equal(mode_of(place, SESSJWT_LOGIN_SOCKET_NAME), 0);
        assert_int_equal(mode_of(place, SESSJWT_VARLINK_SOCKET_NAME), 0);
        assert_int_equal(place->listeners.login, -1);
        assert_int_equal(place->listeners.public, -1);
}

static void test_what_a_killed_daemon_left_is_replaced(void **state) {
        struct place *place = *state;

        assert_int_equal(open_at(place), 0);
        close(place->listeners.login); /* as the kernel does: the names stay */
        close(place->listeners.public);
        assert_int_equal(open_at(place), 0);
        assert_listens(place->listeners.login);
}

static void test_the_sockets_of_a_living_daemon_are_left_to_it(void **state) {
        struct place *place = *state;
        struct listeners second = { .login = -1, .public = -1 };
        char error[256] = "";
        int fd;

        assert_int_equal(open_at(place), 0);
        assert_int_equal(listeners_open(place->dir, fdstore, &second, error, sizeof(error)), -EADDRINUSE);
        assert_non_null(strstr(error, place->dir));
        assert_int_equal(second.login, -1);
        fd = connect_to(place, SESSJWT_LOGIN_SOCKET_NAME, SOCK_SEQPACKET);
        assert_true(fd >= 0);
        close(fd);
}

static void test_a_file_in_a_sockets_place_is_not_removed(void **state) {
        struct place *place = *state;
        int fd = open(path_of(place, SESSJWT_VARLINK_SOCKET_NAME), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

        close(fd);
        assert_true(open_at(place) < 0);
        assert_non_null(strstr(place->error, SESSJWT_VARLINK_SOCKET_NAME));
        assert_true(S_ISREG(mode_of(place, SESSJWT_VARLINK_SOCKET_NAME)));
        assert_int_equal(place->listeners.login, -1);
}

static void test_a_link_in_a_sockets_place_is_not_followed(void **state) {
        struct place *place = *state;

        assert_int_equal(symlink("/tmp/elsewhere", path_of(place, SESSJWT_LOGIN_SOCKET_NAME)), 0);
        assert_true(open_at(place) < 0);
        assert_true(S_ISLNK(mode_of(place, SESSJWT_LOGIN_SOCKET_NAME)));
}

static void test_a_folder_whose_name_is_too_long_is_refused(void **state) {
        struct listeners listeners = { .login = -1, .public = -1 };
        char dir[160] = "/tmp/", error[256] = "";

        memset(dir + 5, 'd', 130);
        assert_int_equal(listeners_open(dir, fdstore, &listeners, error, sizeof(error)), -ENAMETOOLONG);
        assert_int_equal(rmdir(dir), 0);
        assert_true(*error != '\0');
}

static void test_a_folder_that_cannot_be_made_is_named(void **state) {
        struct listeners listeners = { .login = -1, .public = -1 };
        char error[256] = "";

        assert_int_equal(
                listeners_open("/nonexistent/sessjwt", fdstore, &listeners, error, sizeof(error)), -ENOENT);
        assert_non_null(strstr(error, "/nonexistent/sessjwt"));
}

static void test_a_folder_that_is_made_can_be_entered_by_everybody(void **state) {
        struct place *place = *state;
        struct listeners listeners;
        char dir[80], error[256];
        mode_t umask_was = umask(0077);

        snprintf(dir, sizeof(dir), "%s/run", place->dir);
        assert_int_equal(listeners_open(dir, fdstore, &listeners, error, sizeof(error)), 0);
        umask(umask_was);
        assert_int_equal(mode_of(place, "run"), S_IFDIR | 0755);
        listeners_close(&listeners, dir);
        assert_int_equal(chmod(dir, 0700), 0);
        assert_int_equal(listeners_open(dir, fdstore, &listeners, error, sizeof(error)), 0);
        assert_int_equal(mode_of(place, "run"), S_IFDIR | 0700); /* one that is there is somebody's choice */
        listeners_close(&listeners, dir);
        assert_int_equal(rmdir(dir), 0);
}

/* ---- handed over ---- */

/* Listening sockets of these types as 3, 4, …, as systemd hands them over: they block. */
static void hand_over(const int *types, int n) {
        char text[16];
        int fds[4];

        for (int i = 0; i < n; i++) {
                struct sockaddr_un address = { .sun_family = AF_UNIX };
                int fd = socket(AF_UNIX, types[i], 0);

                if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(sa_family_t)) < 0 ||
                        listen(fd, 5) < 0)
                        _exit(1);
                fds[i] = fcntl(fd, F_DUPFD, 50);
        }
        for (int i = 0; i < n; i++)
                if (dup2(fds[i], 3 + i) < 0)
                        _exit(1);
        snprintf(text, sizeof(text), "%d", getpid());
        (void) setenv("LISTEN_PID", text, 1);
        snprintf(text, sizeof(text), "%d", n);
        (void) setenv("LISTEN_FDS", text, 1);
}

/* In a process of its own; true if `check` holds of what listeners_open made of it. */
static bool handed_over(
        const int *types, int n, bool (*check)(int r, const struct listeners *, const char *)) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                struct listeners listeners = { .login = -1, .public = -1 };
                char error[256] = "";
                int r;

                hand_over(types, n);
                r = listeners_open("/nonexistent/sessjwt", fdstore, &listeners, error, sizeof(error));
                _exit(check(r, &listeners, error) ? 0 : 2);
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_ready(int fd) {
        return fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static bool is_login_first(int r, const struct listeners *l, const char *error) {
        return r == 0 && l->login == 3 && l->public == 4 && is_ready(3) && is_ready(4) && !l->are_ours &&
               !getenv("LISTEN_FDS");
}

static bool is_public_first(int r, const struct listeners *l, const char *error) {
        return r == 0 && l->login == 4 && l->public == 3 && is_ready(3) && is_ready(4);
}

static bool is_refused(int r, const struct listeners *l, const char *error) {
        return r == -EINVAL && strstr(error, "SOCK_SEQPACKET") && l->login == -1 && l->public == -1;
}

static void test_sockets_from_systemd_are_known_by_their_type_and_never_wait(void **state) {
        assert_true(handed_over((int[]){ SOCK_SEQPACKET, SOCK_STREAM }, 2, is_login_first));
        assert_true(handed_over((int[]){ SOCK_STREAM, SOCK_SEQPACKET }, 2, is_public_first));
}

static void test_sockets_from_systemd_that_are_not_the_two_are_refused(void **state) {
        assert_true(handed_over((int[]){ SOCK_STREAM }, 1, is_refused));
        assert_true(handed_over((int[]){ SOCK_SEQPACKET }, 1, is_refused));
        assert_true(handed_over((int[]){ SOCK_STREAM, SOCK_STREAM }, 2, is_refused));
}

static void test_sockets_that_were_handed_over_keep_their_names(void **state) {
        struct place *place = *state;

        assert_int_equal(open_at(place), 0);
        place->listeners.are_ours = false;
        listeners_close(&place->listeners, place->dir);
        assert_true(S_ISSOCK(mode_of(place, SESSJWT_LOGIN_SOCKET_NAME)));
        assert_true(S_ISSOCK(mode_of(place, SESSJWT_VARLINK_SOCKET_NAME)));
}

#define listen_test(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                listen_test(test_the_login_socket_is_roots_and_the_public_one_everybodys_whatever_the_umask),
                listen_test(test_sockets_bound_here_go_when_they_are_closed),
                listen_test(test_what_a_killed_daemon_left_is_replaced),
                listen_test(test_the_sockets_of_a_living_daemon_are_left_to_it),
                listen_test(test_a_file_in_a_sockets_place_is_not_removed),
                listen_test(test_a_link_in_a_sockets_place_is_not_followed),
                listen_test(test_a_folder_whose_name_is_too_long_is_refused),
                listen_test(test_a_folder_that_cannot_be_made_is_named),
                listen_test(test_a_folder_that_is_made_can_be_entered_by_everybody),
                listen_test(test_sockets_from_systemd_are_known_by_their_type_and_never_wait),
                listen_test(test_sockets_from_systemd_that_are_not_the_two_are_refused),
                listen_test(test_sockets_that_were_handed_over_keep_their_names),
        };

        return cmocka_run_group_tests_name("listen", tests, open_fdstore, close_fdstore);
}
