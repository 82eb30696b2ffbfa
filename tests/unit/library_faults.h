/* library_faults: libsessjwt before a libc that fails on purpose: a use of it is run again and again, each
 * time with another of its calls refused, and must leave nothing behind. OpenSSL's calls are the library's
 * own: applications see one library. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/libc_faults.h"

UNWATCHED static bool is_watched(const void *caller) {
        return is_in(caller, "/libsessjwt.so") || is_in(caller, "/libcrypto.so");
}

/* What the library has at the moment. Written by the thread that calls it alone; others close, too. */
struct held {
        long blocks, descriptors, mappings;
};

static struct held held;

/* OpenSSL's error queue has room that it keeps while its thread lives. */
static struct held held_now(void) {
        OPENSSL_thread_stop();
        return (struct held){ n_blocks, held.descriptors, held.mappings };
}

static void assert_held(struct held before) {
        struct held after = held_now();

        assert_int_equal(after.blocks, before.blocks);
        assert_int_equal(after.descriptors, before.descriptors);
        assert_int_equal(after.mappings, before.mappings);
}

/* ---- what it asks of libc ------------------------------------------------------------------------------ */

static bool is_late_now;

/* What would come or go at once does so at the second time, so that it is always waited for. */
UNWATCHED static bool is_late(const void *caller) {
        if (fault.plan == NOTHING || !is_watched(caller))
                return false;
        is_late_now = !is_late_now;
        errno = EAGAIN;
        return is_late_now;
}

#define STAND_IN_LATE(result, name, parameters, arguments, error)                                            \
        UNWATCHED result name parameters {                                                                   \
                static bool before;                                                                          \
                REAL(name);                                                                                  \
                return is_interrupted(CALLER, &before) || fails(#name, CALLER, error) || is_late(CALLER)     \
                               ? -1                                                                          \
                               : real arguments;                                                             \
        }

STAND_IN_LATE(
        ssize_t, send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags), ENOBUFS)
#define AT_ONCE 64 /* bytes: less than a reply */

static struct msghdr *shortened(const void *caller, struct msghdr *message) {
        if (is_watched(caller) && message->msg_iov->iov_len > AT_ONCE)
                message->msg_iov->iov_len = AT_ONCE;
        return message;
}

STAND_IN_LATE(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags),
        (fd, shortened(CALLER, message), flags), ECONNRESET)
STAND_IN_INTERRUPTED(
        ssize_t, recv, (int fd, void *buf, size_t size, int flags), (fd, buf, size, flags), ECONNRESET)
#undef poll
STAND_IN_INTERRUPTED(int, poll, (struct pollfd * fds, nfds_t n, int msec), (fds, n, msec), EFAULT)
STAND_IN_INTERRUPTED(ssize_t, read, (int fd, void *buf, size_t size), (fd, buf, size), EIO)
STAND_IN_INTERRUPTED(ssize_t, getrandom, (void *buf, size_t size, unsigned flags), (buf, size, flags), ENOSYS)
STAND_IN(int, fstat, (int fd, struct stat *st), (fd, st), EIO, -1)

static int last_fd; /* that it was given */

UNWATCHED static int counted_fd(const void *caller, int fd) {
        if (fd < 0 || !is_watched(caller))
                return fd;
        held.descriptors++;
        last_fd = fd;
        return fd;
}

UNWATCHED int socket(int domain, int type, int protocol) {
        REAL(socket);
        return fails("socket", CALLER, EMFILE) ? -1 : counted_fd(CALLER, real(domain, type, protocol));
}

/* Nobody under test makes files. */
UNWATCHED int open(const char *path, int flags, ...) {
        static bool before;
        va_list list;
        mode_t mode;
        REAL(open);

        va_start(list, flags);
        mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
        va_end(list);
        if (is_interrupted(CALLER, &before) || fails("open", CALLER, EMFILE))
                return -1;
        return counted_fd(CALLER, real(path, flags, mode));
}

UNWATCHED int close(int fd) {
        REAL(close);
        if (is_watched(CALLER))
                held.descriptors--;
        return real(fd);
}

UNWATCHED void *mmap(void *p, size_t size, int protection, int flags, int fd, off_t at) {
        void *mapping = MAP_FAILED;
        REAL(mmap);

        if (!fails("mmap", CALLER, ENODEV))
                mapping = real(p, size, protection, flags, fd, at);
        if (mapping != MAP_FAILED && is_watched(CALLER))
                held.mappings++;
        return mapping;
}

UNWATCHED int munmap(void *p, size_t size) {
        REAL(munmap);
        if (is_watched(CALLER))
                held.mappings--;
        return real(p, size);
}

static int write_text(const void *caller, const char *name, char **ret, const char *format, va_list list) {
        if (!fails(name, caller, ENOMEM))
                return vasprintf(ret, format, list);
        *ret = (char *) 1; /* it is undefined then */
        return -1;
}

#undef asprintf
int asprintf(char **ret, const char *format, ...) {
        va_list list;
        int n;

        va_start(list, format);
        n = write_text(CALLER, "asprintf", ret, format, list);
        va_end(list);
        return n;
}

int __asprintf_chk(char **ret, int flag, const char *format, ...);
int __asprintf_chk(char **ret, int flag, const char *format, ...) {
        va_list list;
        int n;

        va_start(list, format);
        n = write_text(CALLER, "asprintf", ret, format, list);
        va_end(list);
        return n;
}

/* ---- one fault at a time ------------------------------------------------------------------------------*/

/* begin and end are not disturbed. run returns what the first call said that was not as it should be, and 0
 * if all were; it judges what must hold whatever fails. */
struct use {
        const char *name;
        void (*begin)(void);
        int (*run)(void);
        void (*end)(void);
        const char *calls; /* of libc's, each of which must have failed */
};

#define ERRORS_OF_CALLER 42 /* in OpenSSL's queue; they stay there, alone */

static unsigned n_faults;

static void use_undisturbed(const struct use *use) {
        use->begin();
        ERR_raise(ERR_LIB_USER, ERRORS_OF_CALLER);
        assert_int_equal(use->run(), 0);
        use->end();
}

/* OpenSSL does not always say that there is no memory, only that it could not. */
static bool is_told(int r) {
        return fault.failed && (r == -fault.said || (r == -EIO && is_in(fault.caller, "/libcrypto.so")));
}

/* Returns whether there was an n-th call. */
static bool use_failing(const struct use *use, unsigned n) {
        struct held before = held_now();
        int r;

        use->begin();
        is_late_now = false;
        if (!fault.lasts)
                ERR_raise(ERR_LIB_USER, ERRORS_OF_CALLER);
        fail_nth(n);
        r = use->run();
        fault.plan = NOTHING;
        assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), fault.lasts ? 0 : ERRORS_OF_CALLER);
        if (r != 0 && !is_told(r))
                fail_msg("%s: call %u, %s, fails: %d", use->name, n, fault.failed, r);
        use->end();
        assert_held(before);
        return fault.failed != NULL;
}

/* Which functions have failed: " malloc  send " */
static void note_failed(char *failed, size_t size) {
        char name[32];

        snprintf(name, sizeof(name), " %s ", fault.failed);
        if (!strstr(failed, name))
                snprintf(failed + strlen(failed), size - strlen(failed), "%s", name);
}

static void assert_failed(const char *failed, const char *calls) {
        while (*calls) {
                size_t size = strcspn(calls, " ");
                char name[32];

                snprintf(name, sizeof(name), " %.*s ", (int) size, calls);
                if (!strstr(failed, name))
                        fail_msg("%sis never called", name);
                calls += size + (calls[size] == ' ');
        }
}

/* Each n there is: failing by its own error and by others, once and from then on. */
static void assert_every_fault_is_told(const struct use *use) {
        static const int errors[] = { 0, EIO, ENOMEM, EMFILE };
        char failed[512] = "";
        unsigned before = n_faults;

        use_undisturbed(use); /* what OpenSSL keeps for ever it has then */
        for (size_t i = 0; i < 2 * sizeof(errors) / sizeof(errors[0]); i++) {
                fault.error = errors[i / 2];
                fault.lasts = i % 2;
                for (unsigned n = 1; use_failing(use, n); n++) {
                        note_failed(failed, sizeof(failed));
                        n_faults++;
                }
        }
        use_undisturbed(use);
        assert_failed(failed, use->calls);
        print_message("%s: %u faults\n", use->name, n_faults - before);
}

/* Whatever can be is interrupted before it is done, and done. */
static void assert_interruptions_are_not_seen(const struct use *use) {
        use->begin();
        fault.n_interrupted = 0;
        fault.plan = INTERRUPT_EACH;
        assert_int_equal(use->run(), 0);
        fault.plan = NOTHING;
        assert_true(fault.n_interrupted > 0);
        use->end();
}
