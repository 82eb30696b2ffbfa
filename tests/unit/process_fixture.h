/* Real processes to watch, signal and ask about: forked, known by a pidfd, ended before the test is over. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/leader.h"
#include "daemon/process.h"

/* What must happen is waited for so long; nothing waits for it to pass. */
#define PATIENCE_MSEC 30000

struct child {
        pid_t pid;
        int pidfd;
        int said; /* what it writes can be read here */
};

/* The child of `parent` dies with it. */
static inline void die_with(pid_t parent) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(0); /* it was faster */
}

/* Runs body(fd) in a child, which then waits to be ended; returns when it has written its first byte to
 * fd. */
static inline struct child child_start(void (*body)(int fd, void *userdata), void *userdata) {
        struct child child = { 0 };
        pid_t self = getpid();
        int fds[2];
        char byte = 0;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        child.pid = fork();
        assert_true(child.pid >= 0);
        if (child.pid == 0) {
                die_with(self);
                body(fds[1], userdata);
                if (write(fds[1], "!", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(fds[1]);
        child.said = fds[0];
        child.pidfd = pidfd_open(child.pid, 0);
        assert_true(child.pidfd >= 0);
        assert_int_equal(read(child.said, &byte, 1), 1);
        return child;
}

static inline void child_does_nothing(int fd, void *userdata) {
}

static inline void child_ignores_sigterm(int fd, void *userdata) {
        signal(SIGTERM, SIG_IGN);
}

static inline bool is_readable(int fd, int msec) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, msec) == 1;
}

/* The signal that ended it; 0: it exited. It is reaped. */
static inline int child_wait(struct child *child) {
        int status;

        assert_true(is_readable(child->pidfd, PATIENCE_MSEC));
        assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
        close(child->pidfd);
        close(child->said);
        child->pid = 0;
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* More of what it writes. */
static inline void child_hear(const struct child *child, void *buf, size_t size) {
        assert_true(is_readable(child->said, PATIENCE_MSEC));
        assert_int_equal(read(child->said, buf, size), (ssize_t) size);
}

static inline void child_kill(struct child *child) {
        if (child->pid == 0)
                return;
        assert_int_equal(kill(child->pid, SIGKILL), 0);
        (void) child_wait(child);
}

/* Dead and not reaped: its pid cannot be anybody else's yet. */
static inline void child_become_zombie(struct child *child) {
        assert_int_equal(kill(child->pid, SIGKILL), 0);
        assert_true(is_readable(child->pidfd, PATIENCE_MSEC));
}

static inline struct leader_id leader_of(const struct child *child) {
        struct boot_id boot;
        struct leader_id id;

        assert_int_equal(clock_boot_id(&boot), 0);
        assert_int_equal(leader_identify(child->pidfd, &boot, &id), 0);
        return id;
}

static inline int same_pidfd(const struct child *child) {
        int fd = fcntl(child->pidfd, F_DUPFD_CLOEXEC, 3);

        assert_true(fd >= 0);
        return fd;
}
