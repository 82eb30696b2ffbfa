/* record: preloaded into a daemon, it writes down what is done to the files below a folder, in order, so that
 * a test can lose the power anywhere in it. What a test was told stands between, written by the test.
 *
 * RECORD_DIR: the folder. RECORD_LOG: the file to append to, a record a write(2): struct record, then its
 * bytes. A write stands there before it is made, a sync when it is done. RECORD_DIE=N: SIGKILL at the N-th
 * write that is durable when it returns (O_DSYNC: a page that says what LMDB has committed), before it is. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
        WRITE = 'w',    /* of file, at offset */
        SYNC = 's',     /* of file, or of a folder: all up to here */
        DURABLE = 'd',  /* of file: the last write at offset */
        TRUNCATE = 't', /* of file, to the size in offset */
        NAME = 'n',     /* in folder `other`: that name is `file` from now on (made, linked, renamed to) */
        UNNAME = 'u',   /* in folder `other`: that name is gone */
};

struct record {
        uint8_t kind;
        uint8_t is_folder; /* NAME */
        uint16_t reserved;
        uint32_t size; /* bytes that follow: those written, or a name */
        uint64_t file; /* inode */
        uint64_t other;
        uint64_t offset;
};

#define FDS_MAX 1024

static bool is_dsync[FDS_MAX]; /* opened O_DSYNC, which we do by hand */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *next_of(const char *name) {
        void *found = dlsym(RTLD_NEXT, name);

        if (!found)
                abort();
        return found;
}

#define NEXT(name) ((__typeof__(&(name))) next_of(#name))

/* ---- the log ---- */

static int log_fd(void) {
        static int fd = -1;

        if (fd < 0)
                fd = NEXT(open)(getenv("RECORD_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
        return fd;
}

static void put(struct record record, const struct iovec *parts, int n_parts) {
        struct iovec all[66] = { { &record, sizeof(record) } };

        for (int i = 0; i < n_parts && i < 65; i++) {
                all[i + 1] = parts[i];
                record.size += (uint32_t) parts[i].iov_len;
        }
        if (n_parts > 65 ||
                NEXT(writev)(log_fd(), all, n_parts + 1) != (ssize_t) (sizeof(record) + record.size))
                abort();
}

/* Whether it is a file or folder of ours; then its inode. */
static bool is_ours(int fd, struct stat *ret) {
        const char *dir = getenv("RECORD_DIR");
        char link[64], path[PATH_MAX + 1];
        ssize_t n;

        if (!dir || !getenv("RECORD_LOG"))
                return false;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < (ssize_t) strlen(dir))
                return false;
        path[n] = '\0';
        return strncmp(path, dir, strlen(dir)) == 0 && fstat(fd, ret) == 0;
}

/* The folder that a path is in, and its last name. */
static int open_parent(int dir, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        char folder[PATH_MAX + 1] = ".";

        if (slash)
                snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int) (slash - path) : 1, path);
        *ret_name = slash ? slash + 1 : path;
        return NEXT(openat)(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What that name is now. */
static void put_name(int dir, const char *path) {
        struct stat folder, st;
        const char *name;
        int fd = open_parent(dir, path, &name);

        if (fd >= 0 && is_ours(fd, &folder)) {
                bool is_there = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

                put((struct record){ .kind = is_there ? NAME : UNNAME,
                            .is_folder = is_there && S_ISDIR(st.st_mode),
                            .file = is_there ? st.st_ino : 0,
                            .other = folder.st_ino },
                        &(struct iovec){ (void *) name, strlen(name) }, 1);
        }
        if (fd >= 0)
                NEXT(close)(fd);
}

/* ---- names ---- */

static int open_recorded(int dir, const char *path, int flags, mode_t mode) {
        bool was_there = faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        struct stat st;
        int fd = NEXT(openat)(dir, path, flags & ~(O_DSYNC | O_TRUNC), mode);

        if (fd < 0)
                return fd;
        if (fd < FDS_MAX)
                is_dsync[fd] = (flags & O_DSYNC) && is_ours(fd, &st);
        if ((flags & O_CREAT) && !was_there)
                put_name(dir, path);
        if (flags & O_TRUNC)
                (void) !ftruncate(fd, 0);
        return fd;
}

int open(const char *path, int flags, ...) {
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
        va_end(args);
        return open_recorded(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) {
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
        va_end(args);
        return open_recorded(dir, path, flags, mode);
}

int mkdirat(int dir, const char *path, mode_t mode) {
        int r = NEXT(mkdirat)(dir, path, mode);

        if (r == 0)
                put_name(dir, path);
        return r;
}

int mkdir(const char *path, mode_t mode) {
        return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
        int r = NEXT(linkat)(from_dir, from, to_dir, to, flags);

        if (r == 0)
                put_name(to_dir, to);
        return r;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
        int r = NEXT(renameat)(from_dir, from, to_dir, to);

        if (r == 0) {
                put_name(to_dir, to);
                put_name(from_dir, from);
        }
        return r;
}

int rename(const char *from, const char *to) {
        return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dir, const char *path, int flags) {
        int r = NEXT(unlinkat)(dir, path, flags);

        if (r == 0)
                put_name(dir, path);
        return r;
}

int unlink(const char *path) {
        return unlinkat(AT_FDCWD, path, 0);
}

/* ---- bytes ---- */

/* What O_DSYNC promises; and the instant at which a process may die before it is kept. */
static void sync_by_hand(int fd, uint64_t file, off_t offset) {
        static int n_left = INT_MIN;

        if (n_left == INT_MIN)
                n_left = getenv("RECORD_DIE") ? atoi(getenv("RECORD_DIE")) : 0;
        if (--n_left == 0)
                raise(SIGKILL);
        if (NEXT(fdatasync)(fd) == 0)
                put((struct record){ .kind = DURABLE, .file = file, .offset = (uint64_t) offset }, NULL, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
        struct stat st;
        ssize_t n;

        if (!is_ours(fd, &st))
                return NEXT(pwrite)(fd, bytes, size, offset);
        pthread_mutex_lock(&mutex);
        put((struct record){ .kind = WRITE, .file = st.st_ino, .offset = (uint64_t) offset },
                &(struct iovec){ (void *) bytes, size }, 1);
        n = NEXT(pwrite)(fd, bytes, size, offset);
        if (n != (ssize_t) size)
                abort(); /* what was written down would be wrong */
        pthread_mutex_unlock(&mutex);
        if (fd < FDS_MAX && is_dsync[fd])
                sync_by_hand(fd, st.st_ino, offset);
        return n;
}

ssize_t writev(int fd, const struct iovec *parts, int n_parts) {
        off_t offset;
        struct stat st;
        ssize_t n;

        if (!is_ours(fd, &st))
                return NEXT(writev)(fd, parts, n_parts);
        offset = lseek(fd, 0, SEEK_CUR);
        pthread_mutex_lock(&mutex);
        put((struct record){ .kind = WRITE, .file = st.st_ino, .offset = (uint64_t) offset }, parts, n_parts);
        n = NEXT(writev)(fd, parts, n_parts);
        pthread_mutex_unlock(&mutex);
        if (fd < FDS_MAX && is_dsync[fd])
                sync_by_hand(fd, st.st_ino, offset);
        return n;
}

ssize_t write(int fd, const void *bytes, size_t size) {
        struct stat st;

        if (!is_ours(fd, &st))
                return NEXT(write)(fd, bytes, size);
        return writev(fd, &(struct iovec){ (void *) bytes, size }, 1);
}

/* As much as one write, through our hands. */
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
        static __thread uint8_t bytes[65536];
        struct stat st;
        ssize_t n;

        if (!is_ours(to, &st))
                return NEXT(sendfile)(to, from, at, size);
        n = pread(from, bytes, size < sizeof(bytes) ? size : sizeof(bytes), *at);
        if (n > 0)
                n = write(to, bytes, (size_t) n);
        if (n > 0)
                *at += n;
        return n;
}

int ftruncate(int fd, off_t size) {
        struct stat st;

        if (is_ours(fd, &st))
                put((struct record){ .kind = TRUNCATE, .file = st.st_ino, .offset = (uint64_t) size }, NULL,
                        0);
        return NEXT(ftruncate)(fd, size);
}

static int put_sync(int fd, int r) {
        struct stat st;

        if (r == 0 && is_ours(fd, &st))
                put((struct record){ .kind = SYNC, .file = st.st_ino }, NULL, 0);
        return r;
}

int fsync(int fd) {
        return put_sync(fd, NEXT(fsync)(fd));
}

int fdatasync(int fd) {
        return put_sync(fd, NEXT(fdatasync)(fd));
}
