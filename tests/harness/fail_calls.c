/* fail_calls: preloaded into a process under test, makes one call of its fail on purpose: the n-th of a kind
 * (memory, reads, writes, …), as a test asks for through a file that both map. The process is armed and
 * disarmed as often as wanted, so that one daemon serves for every n. tests/harness/faults.py is the other
 * side. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NOTHING, MEMORY, READ, WRITE, SYNC, STORE, COMMIT, DESCRIPTOR, THREAD, RANDOM, NAME, ROOM };

#define DEPTH 24

/* Shared with the test: faults.py has the same layout. */
struct control {
        atomic_int kind;
        int error;
        uint64_t nth;   /* the first that fails; 1: the next */
        uint64_t times; /* how many in a row */
        atomic_ulong seen;
        atomic_ulong failed;
        char only[64]; /* "": any; else what the name of the caller's object has in it, one of "a|b" */
        char where[4096];
};

static struct control *control;
/* A look at where we are asks for memory itself. */
static __thread bool inside __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void open_control(void) {
        const char *path = getenv("SESSJWT_TEST_FAULTS");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *map =
                fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (fd >= 0)
                close(fd);
        if (map != MAP_FAILED)
                control = map;
}

static const char *object_of(const void *address) {
        Dl_info info;
        const char *slash;

        if (!dladdr(address, &info) || !info.dli_fname)
                return "";
        slash = strrchr(info.dli_fname, '/');
        return slash ? slash + 1 : info.dli_fname;
}

static bool is_among(const char *object, const char *names) {
        for (const char *name = names; *name;) {
                size_t size = strcspn(name, "|");
                char one[64];

                snprintf(one, sizeof(one), "%.*s", (int) size, name);
                if (strstr(object, one))
                        return true;
                name += size + (name[size] == '|');
        }
        return false;
}

/* For the report: OBJECT+OFFSET, outermost last, as addr2line takes them. */
static void note_where(const char *call) {
        void *frames[DEPTH];
        int n = backtrace(frames, DEPTH);
        size_t at = (size_t) snprintf(control->where, sizeof(control->where), "%s", call);

        for (int i = 2; i < n && at < sizeof(control->where); i++) {
                Dl_info info;

                if (dladdr(frames[i], &info) && info.dli_fname)
                        at += (size_t) snprintf(control->where + at, sizeof(control->where) - at,
                                "\n%s+0x%lx", info.dli_fname,
                                (unsigned long) ((char *) frames[i] - (char *) info.dli_fbase));
        }
}

/* Without memory for a thread's variables the dynamic linker ends the process: nobody could help that. */
static bool is_linker(const void *caller) {
        return strncmp(object_of(caller), "ld-linux", 8) == 0;
}

static bool must_fail(enum kind kind, const char *call, const void *caller) {
        unsigned long n;
        bool yes;

        if (!control || inside || atomic_load(&control->kind) != (int) kind)
                return false;
        inside = true;
        yes = !is_linker(caller) && (!*control->only || is_among(object_of(caller), control->only));
        if (yes) {
                n = atomic_fetch_add(&control->seen, 1) + 1;
                yes = n >= control->nth && n - control->nth < control->times;
        }
        if (yes) {
                atomic_fetch_add(&control->failed, 1);
                note_where(call);
                errno = control->error;
        }
        inside = false;
        return yes;
}

#define FAILS(kind) must_fail(kind, __func__, __builtin_return_address(0))
#define NEXT(name)                                                                                           \
        static __typeof__(name) *next;                                                                       \
        if (!next)                                                                                           \
                next = (__typeof__(name) *) dlsym(RTLD_NEXT, #name);

/* ---- memory ---- */

/* The C library's own, which dlsym needs before it can find another. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size) {
        return FAILS(MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
        return FAILS(MEMORY) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
        return FAILS(MEMORY) ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size) {
        size_t all;

        if (__builtin_mul_overflow(n, size, &all)) {
                errno = ENOMEM;
                return NULL;
        }
        return FAILS(MEMORY) ? NULL : __libc_realloc(p, all);
}

/* ---- reads and writes ---- */

#define WRAP(kind, result, failure, name, parameters, arguments)                                             \
        result name parameters {                                                                             \
                NEXT(name)                                                                                   \
                if (FAILS(kind))                                                                             \
                        return failure;                                                                      \
                return next arguments;                                                                       \
        }

WRAP(READ, ssize_t, -1, read, (int fd, void *buf, size_t size), (fd, buf, size))
WRAP(READ, ssize_t, -1, pread, (int fd, void *buf, size_t size, off_t at), (fd, buf, size, at))
WRAP(READ, ssize_t, -1, pread64, (int fd, void *buf, size_t size, off_t at), (fd, buf, size, at))
WRAP(READ, ssize_t, -1, recv, (int fd, void *buf, size_t size, int flags), (fd, buf, size, flags))
WRAP(READ, ssize_t, -1, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(WRITE, ssize_t, -1, write, (int fd, const void *buf, size_t size), (fd, buf, size))
WRAP(WRITE, ssize_t, -1, pwrite, (int fd, const void *buf, size_t size, off_t at), (fd, buf, size, at))
WRAP(WRITE, ssize_t, -1, pwrite64, (int fd, const void *buf, size_t size, off_t at), (fd, buf, size, at))
WRAP(WRITE, ssize_t, -1, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))
WRAP(WRITE, ssize_t, -1, pwritev, (int fd, const struct iovec *iov, int n, off_t at), (fd, iov, n, at))
WRAP(WRITE, ssize_t, -1, send, (int fd, const void *buf, size_t size, int flags), (fd, buf, size, flags))
WRAP(WRITE, ssize_t, -1, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP(SYNC, int, -1, fsync, (int fd), (fd))
WRAP(SYNC, int, -1, fdatasync, (int fd), (fd))
WRAP(SYNC, int, -1, msync, (void *p, size_t size, int flags), (p, size, flags))

/* Those of _FORTIFY_SOURCE, where the compiler could not see the buffer's size. */
extern ssize_t __read_chk(int fd, void *buf, size_t size, size_t room);
extern ssize_t __pread_chk(int fd, void *buf, size_t size, off_t at, size_t room);
extern ssize_t __recv_chk(int fd, void *buf, size_t size, size_t room, int flags);
WRAP(READ, ssize_t, -1, __read_chk, (int fd, void *buf, size_t size, size_t room), (fd, buf, size, room))
WRAP(READ, ssize_t, -1, __pread_chk, (int fd, void *buf, size_t size, off_t at, size_t room),
        (fd, buf, size, at, room))
WRAP(READ, ssize_t, -1, __recv_chk, (int fd, void *buf, size_t size, size_t room, int flags),
        (fd, buf, size, room, flags))

/* ---- descriptors ---- */

static mode_t mode_of(int flags, va_list more) {
        return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define WRAP_OPEN(name)                                                                                      \
        int name(const char *path, int flags, ...) {                                                         \
                va_list more;                                                                                \
                mode_t mode;                                                                                 \
                NEXT(name)                                                                                   \
                va_start(more, flags);                                                                       \
                mode = mode_of(flags, more);                                                                 \
                va_end(more);                                                                                \
                if (FAILS(DESCRIPTOR))                                                                       \
                        return -1;                                                                           \
                return next(path, flags, mode);                                                              \
        }
#define WRAP_OPENAT(name)                                                                                    \
        int name(int dir, const char *path, int flags, ...) {                                                \
                va_list more;                                                                                \
                mode_t mode;                                                                                 \
                NEXT(name)                                                                                   \
                va_start(more, flags);                                                                       \
                mode = mode_of(flags, more);                                                                 \
                va_end(more);                                                                                \
                if (FAILS(DESCRIPTOR))                                                                       \
                        return -1;                                                                           \
                return next(dir, path, flags, mode);                                                         \
        }
WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)
extern int pidfd_open(pid_t pid, unsigned flags);
WRAP(DESCRIPTOR, int, -1, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))
WRAP(DESCRIPTOR, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(DESCRIPTOR, int, -1, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
        (fd, address, size, flags))
WRAP(DESCRIPTOR, int, -1, eventfd, (unsigned value, int flags), (value, flags))
WRAP(DESCRIPTOR, int, -1, timerfd_create, (int clock, int flags), (clock, flags))
WRAP(DESCRIPTOR, int, -1, epoll_create1, (int flags), (flags))
WRAP(DESCRIPTOR, int, -1, pipe2, (int fds[2], int flags), (fds, flags))
WRAP(DESCRIPTOR, int, -1, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))

/* What is watched already costs the kernel nothing to change. */
int epoll_ctl(int fd, int op, int of, struct epoll_event *event) {
        NEXT(epoll_ctl)
        return op == EPOLL_CTL_ADD && FAILS(DESCRIPTOR) ? -1 : next(fd, op, of, event);
}

/* ---- threads, random bytes, names of files, room in files ---- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg) {
        NEXT(pthread_create)
        return FAILS(THREAD) ? control->error : next(thread, attr, run, arg);
}

WRAP(RANDOM, ssize_t, -1, getrandom, (void *buf, size_t size, unsigned flags), (buf, size, flags))
WRAP(NAME, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(NAME, int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(NAME, int, -1, linkat, (int a, const char *from, int b, const char *to, int flags),
        (a, from, b, to, flags))
WRAP(NAME, int, -1, unlinkat, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(NAME, int, -1, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(NAME, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(NAME, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(ROOM, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(ROOM, void *, MAP_FAILED, mmap, (void *p, size_t size, int prot, int flags, int fd, off_t at),
        (p, size, prot, flags, fd, at))
WRAP(ROOM, void *, MAP_FAILED, mmap64, (void *p, size_t size, int prot, int flags, int fd, off_t at),
        (p, size, prot, flags, fd, at))

int posix_fallocate(int fd, off_t at, off_t size) {
        NEXT(posix_fallocate)
        return FAILS(ROOM) ? control->error : next(fd, at, size);
}

/* ---- LMDB, whose errors are returned; mdb_env_info has none for who has an environment ---- */

#define WRAP_MDB(name, parameters, arguments)                                                                \
        int name parameters {                                                                                \
                NEXT(name)                                                                                   \
                if (FAILS(STORE))                                                                            \
                        return control->error;                                                               \
                return next arguments;                                                                       \
        }
WRAP_MDB(mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **ret),
        (env, parent, flags, ret))
WRAP_MDB(mdb_txn_renew, (MDB_txn * txn), (txn))
WRAP_MDB(mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value), (txn, dbi, key, value))
WRAP_MDB(mdb_put, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value, unsigned flags),
        (txn, dbi, key, value, flags))
WRAP_MDB(mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value), (txn, dbi, key, value))
WRAP_MDB(mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **ret), (txn, dbi, ret))
WRAP_MDB(mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op),
        (cursor, key, value, op))
WRAP_MDB(mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *ret), (txn, dbi, ret))
WRAP_MDB(mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *ret),
        (txn, name, flags, ret))
WRAP_MDB(mdb_drop, (MDB_txn * txn, MDB_dbi dbi, int del), (txn, dbi, del))
WRAP_MDB(mdb_reader_check, (MDB_env * env, int *dead), (env, dead))
WRAP_MDB(mdb_env_create, (MDB_env * *ret), (ret))
WRAP_MDB(mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
        (env, path, flags, mode))
WRAP_MDB(mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))

/* One that fails has freed its transaction and kept nothing. */
int mdb_txn_commit(MDB_txn *txn) {
        NEXT(mdb_txn_commit)
        if (FAILS(COMMIT)) {
                int error = control->error;

                mdb_txn_abort(txn);
                errno = error;
                return error;
        }
        return next(txn);
}
