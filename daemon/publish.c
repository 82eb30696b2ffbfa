#include "daemon/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

#define TEMPORARY_PREFIX ".publish-"

/* A plain name: no path, and nothing hidden, so that no published name is the temporary name of another. */
static bool is_name(const char *name) {
        size_t size = strlen(name);

        return size > 0 && size + strlen(TEMPORARY_PREFIX) <= NAME_MAX && name[0] != '.' &&
               !strchr(name, '/');
}

static int write_all(int fd, const char *bytes, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, bytes, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                size -= (size_t) n;
        }
        return 0;
}

static int write_temporary(int dirfd, const char *temporary, const void *bytes, size_t size) {
        _cleanup_(cleanup_close) int fd = -1;
        int r;

        fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, bytes, size);
        if (r < 0)
                return r;
        if (fchmod(fd, 0644) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int publish_file(int dirfd, const char *name, const void *bytes, size_t size) {
        char temporary[NAME_MAX + 1];
        int r;

        if (!is_name(name))
                return -EINVAL;
        snprintf(temporary, sizeof(temporary), TEMPORARY_PREFIX "%s", name);
        if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
                return -errno;

        r = write_temporary(dirfd, temporary, bytes, size);
        if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(dirfd, temporary, 0);
        return r;
}

int publish_open(const char *runtime_dir) {
        _cleanup_(cleanup_close) int parent = -1, fd = -1;
        struct stat st;

        parent = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return -errno;
        if (mkdirat(parent, SESSJWT_PUBLIC_DIR_NAME, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(parent, SESSJWT_PUBLIC_DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* Whoever owns the folder can replace what verifiers trust. */
        if (st.st_uid != geteuid())
                return -EPERM;
        if (fchmod(fd, 0755) < 0)
                return -errno;
        return TAKE_FD(fd);
}
