/* terminal: a line on the terminals of a login, on nobody else's, and nothing but the line. */
#include "tests/unit/process_fixture.h"

#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "daemon/terminal.h"

#define LINE "*** sessjwt: this session ends: it was revoked. ***"

struct screen {
        int master;
        int slave;
        char name[64];
};

static struct screen screen_open(uid_t owner) {
        struct screen screen;

        assert_int_equal(openpty(&screen.master, &screen.slave, screen.name, NULL, NULL), 0);
        assert_int_equal(fcntl(screen.master, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(fchown(screen.slave, owner, (gid_t) -1), 0);
        return screen;
}

static void screen_close(struct screen *screen) {
        close(screen->master);
        close(screen->slave);
}

/* All that has come to the screen before a mark that is written now. */
static const char *screen_text(const struct screen *screen) {
        static char text[8192];
        size_t length = 0;

        assert_int_equal(write(screen->slave, "\1", 1), 1);
        while (length == 0 || text[length - 1] != '\1') {
                ssize_t n;

                assert_true(is_readable(screen->master, PATIENCE_MSEC));
                n = read(screen->master, text + length, sizeof(text) - length);
                assert_true(n > 0);
                length += (size_t) n;
        }
        text[length - 1] = '\0';
        return text;
}

static void sit_at(const struct screen *screen) {
        if (setsid() < 0 || ioctl(screen->slave, TIOCSCTTY, 0) < 0)
                _exit(1);
}

static void child_sits_at(int fd, void *userdata) {
        sit_at(userdata);
}

/* As sshd: the leader has no terminal, its child has one, and that one's child another (script, tmux). */
static void child_has_two_at_screens(int fd, void *userdata) {
        const struct screen *screens = userdata;
        pid_t parent = getpid();
        int ready[2];
        char bytes[2];

        if (setsid() < 0 || pipe(ready) < 0)
                _exit(1);
        for (int i = 0; i < 2 && fork() == 0; i++) {
                die_with(parent);
                parent = getpid();
                sit_at(&screens[i]);
                if (write(ready[1], "!", 1) != 1)
                        _exit(1);
                if (i == 1)
                        for (;;)
                                pause();
        }
        if (getsid(0) != getpid() || open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0)
                for (;;)
                        pause(); /* the first child: only the leader has no terminal */
        for (size_t n = 0; n < 2;) {
                ssize_t r = read(ready[0], bytes, 2 - n); /* both at once, if they were fast */

                n += r > 0 ? (size_t) r : 0;
        }
}

static void test_the_process_itself_hears_it(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);

        assert_int_equal(terminal_tell(child.pid, getuid(), LINE), 1);
        assert_string_equal(screen_text(&screen), "\r\r\n" LINE "\r\r\n");
        child_kill(&child);
        screen_close(&screen);
}

static void test_descendants_hear_it_each_terminal_once(void **state) {
        struct screen screens[2] = { screen_open(getuid()), screen_open(getuid()) };
        struct child child = child_start(child_has_two_at_screens, screens);

        assert_int_equal(terminal_tell(child.pid, getuid(), LINE), 2);
        for (int i = 0; i < 2; i++)
                assert_string_equal(screen_text(&screens[i]), "\r\r\n" LINE "\r\r\n");
        child_kill(&child);
        for (int i = 0; i < 2; i++)
                screen_close(&screens[i]);
}

static void test_a_terminal_of_another_user_hears_nothing(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);

        assert_int_equal(terminal_tell(child.pid, getuid() + 1, LINE), 0);
        assert_string_equal(screen_text(&screen), "");
        if (getuid() == 0) {
                assert_int_equal(fchown(screen.slave, 65534, (gid_t) -1), 0);
                assert_int_equal(terminal_tell(child.pid, 0, LINE), 0);
                assert_int_equal(terminal_tell(child.pid, 65534, LINE), 1);
        }
        child_kill(&child);
        screen_close(&screen);
}

static void set_last_read(const struct screen *screen, time_t seconds) {
        struct timespec times[2] = { { .tv_sec = seconds }, { .tv_nsec = UTIME_OMIT } };

        assert_int_equal(futimens(screen->slave, times), 0);
}

static void test_the_newest_reading_of_its_terminals_is_found(void **state) {
        struct screen screens[2] = { screen_open(getuid()), screen_open(getuid()) };
        struct child child = child_start(child_has_two_at_screens, screens);
        usec_t wall = 7;

        set_last_read(&screens[0], 1700000000);
        set_last_read(&screens[1], 1600000000);
        assert_int_equal(terminal_last_read(child.pid, getuid(), &wall), 2);
        assert_true(wall == UINT64_C(1700000000) * USEC_PER_SEC);
        child_kill(&child);
        for (int i = 0; i < 2; i++)
                screen_close(&screens[i]);
}

static void test_what_is_read_at_anothers_terminal_is_no_reading(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);
        usec_t wall = 7;

        assert_int_equal(terminal_last_read(child.pid, getuid() + 1, &wall), 0);
        assert_int_equal(wall, 7);
        child_kill(&child);
        assert_int_equal(terminal_last_read(child.pid, getuid(), &wall), 0);
        screen_close(&screen);
}

static void child_leaves_terminal(int fd, void *userdata) {
        if (setsid() < 0)
                _exit(1);
}

static void test_who_is_no_descendant_hears_nothing(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen),
                     other = child_start(child_leaves_terminal, NULL);

        assert_int_equal(terminal_tell(other.pid, getuid(), LINE), 0);
        assert_string_equal(screen_text(&screen), "");
        child_kill(&child);
        child_kill(&other);
        screen_close(&screen);
}

static void test_a_login_without_a_terminal_and_one_that_is_gone_are_not_told(void **state) {
        struct child child = child_start(child_leaves_terminal, NULL);
        pid_t pid = child.pid;

        assert_int_equal(terminal_tell(pid, getuid(), LINE), 0);
        child_become_zombie(&child);
        assert_int_equal(terminal_tell(pid, getuid(), LINE), 0);
        child_wait(&child);
        assert_int_equal(terminal_tell(pid, getuid(), LINE), 0);
}

static void test_nothing_in_a_line_ends_it_or_drives_the_terminal(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);

        assert_int_equal(
                terminal_tell(child.pid, getuid(), "a\nb\r\033]0;title\007\033[2Jc\x7f\tz\xc2\xa9"), 1);
        assert_string_equal(screen_text(&screen), "\r\r\na?b??]0;title??[2Jc??z\xc2\xa9\r\r\n");
        child_kill(&child);
        screen_close(&screen);
}

static void test_a_line_that_is_too_long_is_not_told(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);
        char line[5000];

        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\0';
        assert_int_equal(terminal_tell(child.pid, getuid(), line), 0);
        assert_string_equal(screen_text(&screen), "");
        child_kill(&child);
        screen_close(&screen);
}

/* Nobody reads, and then Ctrl-S: it is full, and nobody waits for it. */
static void test_a_full_and_a_stopped_terminal_are_not_waited_for(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen);
        int fd = open(screen.name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

        assert_true(fd >= 0);
        do
                while (write(fd, "0123456789", 10) > 0)
                        ;
        while (poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 100) > 0); /* it is carried away */
        assert_int_equal(terminal_tell(child.pid, getuid(), LINE), 0);
        assert_int_equal(tcflow(fd, TCOOFF), 0);
        assert_int_equal(terminal_tell(child.pid, getuid(), LINE), 0);
        assert_int_equal(tcflow(fd, TCOON), 0);
        close(fd);
        child_kill(&child);
        screen_close(&screen);
}

/* What the leader of a session without a terminal opens becomes its terminal, unless it says no. */
static void child_tells_from_a_session_of_its_own(int fd, void *userdata) {
        if (setsid() < 0 || terminal_tell(*(pid_t *) userdata, getuid(), LINE) != 1)
                _exit(1);
        if (open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0 || errno != ENXIO)
                _exit(1);
}

static void test_who_tells_does_not_become_the_terminals_owner(void **state) {
        struct screen screen = screen_open(getuid());
        struct child child = child_start(child_sits_at, &screen), teller;
        pid_t pid = child.pid;

        teller = child_start(child_tells_from_a_session_of_its_own, &pid);
        child_kill(&teller);
        child_kill(&child);
        screen_close(&screen);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_process_itself_hears_it),
                cmocka_unit_test(test_descendants_hear_it_each_terminal_once),
                cmocka_unit_test(test_a_terminal_of_another_user_hears_nothing),
                cmocka_unit_test(test_who_is_no_descendant_hears_nothing),
                cmocka_unit_test(test_the_newest_reading_of_its_terminals_is_found),
                cmocka_unit_test(test_what_is_read_at_anothers_terminal_is_no_reading),
                cmocka_unit_test(test_a_login_without_a_terminal_and_one_that_is_gone_are_not_told),
                cmocka_unit_test(test_nothing_in_a_line_ends_it_or_drives_the_terminal),
                cmocka_unit_test(test_a_line_that_is_too_long_is_not_told),
                cmocka_unit_test(test_a_full_and_a_stopped_terminal_are_not_waited_for),
                cmocka_unit_test(test_who_tells_does_not_become_the_terminals_owner),
        };

        return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
