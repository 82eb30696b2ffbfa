/* store_folder: the folder of the store, and the lock that keeps every other process, and this one, from
 * opening it twice. */
#include "daemon/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"

/* LMDB makes files in a new folder; neither they nor it outlive a power loss before their folders are
 * synced. */
static int sync_parent(int dir_fd) {
        _cleanup_(cleanup_close) int parent_fd = -1;

        parent_fd = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent_fd < 0 || fsync(parent_fd) < 0)
                return -errno;
        return 0;
}

int store_open_dir(const char *dir, int *ret_fd) {
        _cleanup_(cleanup_close) int fd = -1;
        bool made;
        struct stat st;
        int r;

        made = mkdir(dir, 0700) == 0;
        if (!made && errno != EEXIST)
                return -errno;

        /* A last component that is a link is fine: what counts is whose folder it ends in */
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return -EPERM;

        r = made ? sync_parent(fd) : 0;
        if (r)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Byte 0 is locked by open file description: LMDB breaks when one process opens a store twice, and such a
 * lock holds within a process too, and is not lost when another descriptor of the file is closed. It has
 * no pid, so byte 1 is also locked by process, for its pid alone. */
static struct flock lock_of_byte(off_t byte) {
        return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
}

int store_lock_dir(int dir_fd, int *ret_fd, pid_t *ret_holder) {
        _cleanup_(cleanup_close) int fd = -1;
        struct flock guard = lock_of_byte(0), name = lock_of_byte(1);

        fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        if (fcntl(fd, F_OFD_SETLK, &guard) < 0) {
                if (errno != EAGAIN && errno != EACCES)
                        return -errno;
                if (fcntl(fd, F_GETLK, &name) < 0)
                        return -errno;
                *ret_holder = name.l_type == F_UNLCK ? 0 : name.l_pid;
                return -EBUSY;
        }
        if (fcntl(fd, F_SETLK, &name) < 0)
                return -errno;

        *ret_fd = TAKE_FD(fd);
        return 0;
}
