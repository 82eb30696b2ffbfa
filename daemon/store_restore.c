/* store_restore: a file in the place of the store, while no daemon has it. At every instant there is one
 * whole store under the store's name: the one of before, or the one that was restored. */
#include "daemon/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"
#include "daemon/hook.h"

#define TEMPORARY_NAME ".restored"

/* Of our own, so that nobody changes it while it is looked at. */
static int copy_bytes(int dir_fd, int file_fd) {
        _cleanup_(cleanup_close) int fd = -1;
        struct stat st;
        ssize_t n = 1;

        if (unlinkat(dir_fd, TEMPORARY_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir_fd, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || fstat(file_fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        for (off_t at = 0; at < st.st_size && n > 0;)
                n = sendfile(fd, file_fd, &at, (size_t) (st.st_size - at));
        return n < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int check_file(const char *path, char *error, size_t size) {
        _cleanup_(store_close) struct store *store = NULL;
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_open_file(path, &store);
        if (!r)
                r = store_begin_read(store, &txn);
        return r ? r : store_check(txn, error, size);
}

/* In a process of its own, which a file with broken pages may end: LMDB trusts what it reads. */
static int check_apart(const char *path, char *error, size_t size) {
        int fds[2], status, r = -EBADMSG;
        pid_t pid;
        ssize_t n;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                char line[256] = "";

                r = check_file(path, line, sizeof(line));
                if (write(fds[1], &r, sizeof(r)) == (ssize_t) sizeof(r))
                        (void) !write(fds[1], line, strlen(line));
                _exit(0);
        }
        close(fds[1]);
        n = pid < 0 ? 0 : read(fds[0], &r, sizeof(r));
        if (n != (ssize_t) sizeof(r))
                r = -EBADMSG; /* it came to no end */
        n = r ? read(fds[0], error, size - 1) : 0;
        error[n > 0 ? n : 0] = '\0';
        close(fds[0]);
        if (pid > 0)
                (void) waitpid(pid, &status, 0);
        return pid < 0 ? -EAGAIN : r;
}

static int mark(const char *path, uint64_t *ret_sessions) {
        _cleanup_(store_close) struct store *store = NULL;
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_open_file(path, &store);
        if (!r)
                r = store_begin_turn(store, &txn);
        if (!r)
                r = store_count_sessions(txn, ret_sessions);
        if (!r)
                r = store_mark_copy(txn);
        return r ? r : store_commit(&txn);
}

/* A second name for what is there, if something is. */
static int keep_former(int dir_fd, const char *kept_name) {
        _cleanup_(cleanup_close) int backups_fd = -1;
        int r;

        if (mkdirat(dir_fd, SESSJWT_BACKUPS_DIR_NAME, 0700) < 0 && errno != EEXIST)
                return -errno;
        backups_fd =
                openat(dir_fd, SESSJWT_BACKUPS_DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (backups_fd < 0)
                return -errno;
        if (linkat(dir_fd, DATA_NAME, backups_fd, kept_name, 0) < 0)
                return errno == ENOENT ? STORE_NOT_FOUND : -errno;
        if (fsync(backups_fd) < 0) {
                r = -errno;
                (void) unlinkat(backups_fd, kept_name, 0);
                return r;
        }
        return 0;
}

/* It has private keys in it: where nothing came of it all, the name goes again. */
static void forget_former(int dir_fd, const char *kept_name) {
        char path[sizeof(SESSJWT_BACKUPS_DIR_NAME) + 1 + BACKUP_NAME_MAX];

        snprintf(path, sizeof(path), SESSJWT_BACKUPS_DIR_NAME "/%s", kept_name);
        (void) unlinkat(dir_fd, path, 0);
}

/* LMDB's table of readers was of the former file. */
static int take_place(int dir_fd, struct store_restored *restored) {
        if (unlinkat(dir_fd, "lock.mdb", 0) < 0 && errno != ENOENT)
                return -errno;
        if (renameat(dir_fd, TEMPORARY_NAME, dir_fd, DATA_NAME) < 0)
                return -errno;
        restored->is_placed = true;
        HOOK("restore-placed");
        return fsync(dir_fd) < 0 ? -errno : 0;
}

static int prepare(int dir_fd, const char *path, int file_fd, struct store_restored *restored) {
        int r;

        r = copy_bytes(dir_fd, file_fd);
        HOOK("restore-copied");
        if (!r)
                r = check_apart(path, restored->error, sizeof(restored->error));
        return r ? r : mark(path, &restored->n_sessions);
}

int store_restore(const char *dir, int file_fd, const char *kept_name, struct store_restored *ret) {
        _cleanup_(cleanup_close) int dir_fd = -1, lock_fd = -1;
        _cleanup_(cleanup_free) char *path = NULL;
        int r;

        *ret = (struct store_restored){ 0 };
        r = store_open_dir(dir, &dir_fd);
        if (!r)
                r = store_lock_dir(dir_fd, &lock_fd, &ret->holder);
        if (r)
                return r;
        if (asprintf(&path, "%s/" TEMPORARY_NAME, dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = prepare(dir_fd, path, file_fd, ret);
        if (!r)
                r = keep_former(dir_fd, kept_name);
        ret->has_kept = r == 0;
        HOOK("restore-kept");
        if (r >= 0)
                r = take_place(dir_fd, ret);
        if (r && ret->has_kept && !ret->is_placed) {
                forget_former(dir_fd, kept_name);
                ret->has_kept = false;
        }
        if (r)
                (void) unlinkat(dir_fd, TEMPORARY_NAME, 0);
        return r;
}
