/* slow_sync: preloaded into a program, a disk on which each sync takes SLOW_SYNC_USEC longer: fsync,
 * fdatasync, msync, and what is written to a descriptor that was opened to sync every write (LMDB's last
 * step of a commit). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void wait_longer(void) {
        static long usec = -1;
        struct timespec left;

        if (usec < 0) {
                const char *text = getenv("SLOW_SYNC_USEC");

                usec = text ? atol(text) : 0;
        }
        left = (struct timespec){ .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 };
        while (nanosleep(&left, &left) < 0 && errno == EINTR)
                ;
}

/* The next one of this name. */
#define NEXT(function)                                                                                       \
        static __typeof__(&function) next;                                                                   \
        if (!next)                                                                                           \
        next = (__typeof__(&function)) dlsym(RTLD_NEXT, #function)

int fsync(int fd) {
        NEXT(fsync);
        wait_longer();
        return next(fd);
}

int fdatasync(int fd) {
        NEXT(fdatasync);
        wait_longer();
        return next(fd);
}

int msync(void *address, size_t size, int flags) {
        NEXT(msync);
        if (flags & MS_SYNC)
                wait_longer();
        return next(address, size, flags);
}

static void wait_if_synced(int fd) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0 && (flags & O_DSYNC))
                wait_longer();
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
        NEXT(pwrite);
        wait_if_synced(fd);
        return next(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
        NEXT(pwrite64);
        wait_if_synced(fd);
        return next(fd, bytes, size, offset);
}
