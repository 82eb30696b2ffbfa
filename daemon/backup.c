/* backup: see backup.h. */
#include "daemon/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/hook.h"

#define TEMPORARY_NAME ".new" /* no valid name; what a crash leaves is never taken for a backup */

struct backup {
        struct store *store;
        char *dir;
        int fd;
        atomic_bool cancel;
        bool goes_on; /* the thread exists; what is below is its own until it is joined */
        pthread_t thread;
        struct backup_made made;
        int result;
        char error[BACKUP_ERROR_MAX];
};

int backup_new(struct store *store, const char *state_dir, struct backup **ret) {
        _cleanup_(backup_free) struct backup *backup = calloc(1, sizeof(*backup));

        if (!backup)
                return -ENOMEM;
        backup->store = store;
        backup->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (backup->fd < 0)
                return -errno;
        if (asprintf(&backup->dir, "%s/%s", state_dir, SESSJWT_BACKUPS_DIR_NAME) < 0) {
                backup->dir = NULL;
                return -ENOMEM;
        }
        *ret = TAKE(backup);
        return 0;
}

static void join(struct backup *backup) {
        eventfd_t ignored;

        if (!backup->goes_on)
                return;
        pthread_join(backup->thread, NULL);
        (void) eventfd_read(backup->fd, &ignored);
        backup->goes_on = false;
}

void backup_cancel(struct backup *backup) {
        atomic_store(&backup->cancel, true);
        join(backup);
}

void backup_free(struct backup **backup) {
        if (!*backup)
                return;
        backup_cancel(*backup);
        cleanup_close(&(*backup)->fd);
        free((*backup)->dir);
        free(*backup);
        *backup = NULL;
}

int backup_fd(const struct backup *backup) {
        return backup->fd;
}

static bool is_alphanumeric(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool backup_name_is_valid(const char *name) {
        size_t length = strnlen(name, BACKUP_NAME_MAX + 1);

        if (length > BACKUP_NAME_MAX || !is_alphanumeric(*name))
                return false;
        for (size_t i = 1; i < length; i++)
                if (!is_alphanumeric(name[i]) && !strchr("._-", name[i]))
                        return false;
        return true;
}

/* ---- the thread ---- */

/* Ours, and nobody else's to look into. */
static int open_dir(const char *path) {
        _cleanup_(cleanup_close) int fd = -1;
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int find_size(int dir, const char *name, uint64_t *ret) {
        struct stat st;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        *ret = (uint64_t) st.st_size;
        return 0;
}

/* The name, and that of the folder, which the first backup has made. */
static int sync_names(int dir) {
        _cleanup_(cleanup_close) int parent = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return parent < 0 || fsync(dir) < 0 || fsync(parent) < 0 ? -errno : 0;
}

/* It gets its name when it is whole and durable, and never another's: link(2) replaces nothing. */
static int give_name(struct backup *backup, int dir) {
        const char *name = backup->made.name;
        int r;

        r = find_size(dir, TEMPORARY_NAME, &backup->made.size);
        if (r < 0)
                return r;
        if (linkat(dir, TEMPORARY_NAME, dir, name, 0) < 0)
                return errno == EEXIST ? BACKUP_EXISTS : -errno;
        HOOK("backup-named");
        (void) unlinkat(dir, TEMPORARY_NAME, 0);
        r = sync_names(dir);
        if (r < 0)
                (void) unlinkat(dir, name, 0);
        return r;
}

static int make_backup(struct backup *backup) {
        _cleanup_(cleanup_close) int dir = open_dir(backup->dir);
        _cleanup_(cleanup_free) char *path = NULL;
        int r;

        if (dir < 0)
                return dir;
        if (faccessat(dir, backup->made.name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return BACKUP_EXISTS;
        if (unlinkat(dir, TEMPORARY_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        if (asprintf(&path, "%s/" TEMPORARY_NAME, backup->dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = store_copy(backup->store, path, &backup->cancel, backup->error, sizeof(backup->error));
        HOOK("backup-copied");
        if (r < 0)
                return r;
        r = give_name(backup, dir);
        (void) unlinkat(dir, TEMPORARY_NAME, 0);
        return r;
}

static void *backup_thread(void *userdata) {
        struct backup *backup = userdata;

        backup->result = make_backup(backup);
        (void) eventfd_write(backup->fd, 1);
        return NULL;
}

/* ---- its outcome ---- */

int backup_start(struct backup *backup, const char *name) {
        int r;

        if (backup->goes_on)
                return -EALREADY;
        backup->made = (struct backup_made){ 0 };
        snprintf(backup->made.name, sizeof(backup->made.name), "%s", name);
        backup->error[0] = '\0';
        r = pthread_create(&backup->thread, NULL, backup_thread, backup);
        if (r)
                return -r;
        backup->goes_on = true;
        return 0;
}

/* What is wrong in the store stands in error already. */
static void say_why(const struct backup *backup, char *error) {
        if (backup->result == -ENOSPC)
                snprintf(error, BACKUP_ERROR_MAX, "no space for it in %s", backup->dir);
        else if (backup->result == -ECANCELED)
                snprintf(error, BACKUP_ERROR_MAX, "the daemon was told to end");
        else if (*backup->error)
                snprintf(error, BACKUP_ERROR_MAX, "the store is damaged: %.200s", backup->error);
        else
                snprintf(error, BACKUP_ERROR_MAX, "%s: %s", backup->dir, strerror(-backup->result));
}

int backup_take(struct backup *backup, struct backup_made *ret, char ret_error[static BACKUP_ERROR_MAX]) {
        join(backup);
        if (backup->result < 0)
                say_why(backup, ret_error);
        if (backup->result == 0)
                *ret = backup->made;
        return backup->result;
}
