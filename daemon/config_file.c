#include "daemon/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"

static int __attribute__((format(printf, 4, 5)))
fail(char *error, size_t size, int r, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error, size, format, arguments);
        va_end(arguments);
        return r;
}

static int fail_errno(char *error, size_t size, const char *path, int errnum) {
        return fail(error, size, -errnum, "%s: cannot be read: %s", path, strerror(errnum));
}

static bool is_null_device(const struct stat *status) {
        return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Who can write the file can decide who is let in. */
static int check_trust(const char *path, const struct stat *status, char *error, size_t size) {
        if (is_null_device(status))
                return 0;
        if (!S_ISREG(status->st_mode))
                return fail(error, size, -EINVAL, "%s: is not a regular file", path);
        if (status->st_uid != 0 && status->st_uid != geteuid())
                return fail(error, size, -EPERM, "%s: belongs to uid %u; it must belong to root", path,
                        (unsigned) status->st_uid);
        if (status->st_mode & (S_IWGRP | S_IWOTH))
                return fail(error, size, -EPERM,
                        "%s: has mode %04o and can be written by others than its owner; chmod go-w is right",
                        path, (unsigned) status->st_mode & 07777);
        return 0;
}

/* Up to max + 1 bytes, so that a file which grew meanwhile is found out. */
static int read_all(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_(cleanup_free) char *text = malloc(max + 2);
        ssize_t n;

        if (!text)
                return -ENOMEM;
        n = bytes_read(fd, text, max + 1);
        if (n < 0)
                return (int) n;
        if ((size_t) n > max)
                return -E2BIG;
        text[n] = '\0';
        *ret = TAKE(text);
        *ret_size = (size_t) n;
        return 0;
}

int config_file_read(const char *path, size_t max, char **ret, size_t *ret_size, char *error, size_t size) {
        _cleanup_(cleanup_close) int fd = -1;
        struct stat status;
        int r;

        /* Not blocking: opening a FIFO that somebody put there would wait for ever. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &status) < 0)
                return fail_errno(error, size, path, errno);
        r = check_trust(path, &status, error, size);
        if (r)
                return r;
        r = read_all(fd, max, ret, ret_size);
        if (r == -E2BIG)
                return fail(error, size, r, "%s: is larger than %zu bytes", path, max);
        if (r)
                return fail_errno(error, size, path, -r);
        return 0;
}
