#include "daemon/bearer_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/acl.h"
#include "daemon/publish.h"

#define TEMPORARY_NAME ".new"
#define SUFFIX         ".jwt"
#define UID_NAME_SIZE  sizeof("4294967295")
#define FILE_NAME_SIZE (SID_TEXT_MAX + sizeof(SUFFIX))
#define FOLDER_MODE    0750 /* to stat: the owner's rights, and the most that the ACL gives */

struct bearer_files {
        char runtime_dir[PATH_MAX]; /* resolved */
        DIR *all, *of_user;         /* of a walk */
        uint32_t uid;               /* of of_user */
};

int bearer_files_new(const char *runtime_dir, struct bearer_files **ret) {
        _cleanup_(bearer_files_free) struct bearer_files *files = calloc(1, sizeof(*files));

        if (!files)
                return -ENOMEM;
        if (!realpath(runtime_dir, files->runtime_dir))
                return -errno;
        *ret = TAKE(files);
        return 0;
}

void bearer_files_begin(struct bearer_files *files) {
        cleanup_dir(&files->of_user);
        cleanup_dir(&files->all);
        files->of_user = files->all = NULL;
}

void bearer_files_free(struct bearer_files **files) {
        if (!*files)
                return;
        bearer_files_begin(*files);
        free(*files);
        *files = NULL;
}

/* ---- names ---- */

static void name_user(uint32_t uid, char ret[static UID_NAME_SIZE]) {
        snprintf(ret, UID_NAME_SIZE, "%u", uid);
}

static void name_file(const struct sid *sid, char ret[static FILE_NAME_SIZE]) {
        sid_write(sid, ret);
        memcpy(ret + SID_TEXT_MAX, SUFFIX, sizeof(SUFFIX));
}

static bool read_user_name(const char *name, uint32_t *ret) {
        char *end, again[UID_NAME_SIZE];
        unsigned long uid = strtoul(name, &end, 10);

        if (*end != '\0' || uid > UINT32_MAX)
                return false;
        name_user((uint32_t) uid, again);
        *ret = (uint32_t) uid;
        return strcmp(again, name) == 0;
}

static bool read_file_name(const char *name, struct sid *ret) {
        char text[SID_TEXT_MAX + 1] = "";

        if (strlen(name) != FILE_NAME_SIZE - 1 || strcmp(name + SID_TEXT_MAX, SUFFIX) != 0)
                return false;
        memcpy(text, name, SID_TEXT_MAX);
        return sid_read(text, ret) == 0;
}

int bearer_files_path(const struct bearer_files *files, uint32_t uid, const struct sid *sid,
        char ret[static TOKEN_FILE_MAX + 1]) {
        char name[FILE_NAME_SIZE];
        int n;

        name_file(sid, name);
        n = snprintf(ret, TOKEN_FILE_MAX + 1, "%s/%s/%s/%u/%s", files->runtime_dir, SESSJWT_PUBLIC_DIR_NAME,
                SESSJWT_TOKENS_DIR_NAME, uid, name);
        return n > TOKEN_FILE_MAX ? -ENAMETOOLONG : 0;
}

/* ---- folders ---- */

/* Whoever owns a folder can replace what is in it. */
static int open_own(int parent, const char *name, struct stat *ret) {
        _cleanup_(cleanup_close) int fd =
                openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fstat(fd, ret) < 0)
                return -errno;
        if (ret->st_uid != geteuid())
                return -EPERM;
        return TAKE_FD(fd);
}

/* tokens/. make: if it is not there. */
static int open_all(const struct bearer_files *files, bool make) {
        _cleanup_(cleanup_close) int public = publish_open(files->runtime_dir), fd = -1;
        struct stat st;

        if (public < 0)
                return public;
        if (make && mkdirat(public, SESSJWT_TOKENS_DIR_NAME, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open_own(public, SESSJWT_TOKENS_DIR_NAME, &st);
        if (fd < 0)
                return fd;
        if ((st.st_mode & 07777) != 0711 && fchmod(fd, 0711) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Made, and then given to its user: a crash in between leaves it ours alone until the next file. */
static int make_user(int all, uint32_t uid) {
        _cleanup_(cleanup_close) int fd = -1;
        char name[UID_NAME_SIZE];
        struct stat st;
        int r;

        name_user(uid, name);
        if (mkdirat(all, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open_own(all, name, &st);
        if (fd < 0)
                return fd;
        if ((st.st_mode & 07777) != FOLDER_MODE) {
                r = acl_let_user(fd, uid, 7, 5);
                if (r < 0)
                        return r;
        }
        return TAKE_FD(fd);
}

/* ---- one file ---- */

static int write_temporary(int dir, uint32_t uid, const char *token) {
        _cleanup_(cleanup_close) int fd = -1;
        size_t size = strlen(token);
        ssize_t n;

        if (unlinkat(dir, TEMPORARY_NAME, 0) < 0 && errno != ENOENT) /* a crash left it */
                return -errno;
        fd = openat(dir, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        n = write(fd, token, size);
        if (n != (ssize_t) size)
                return n < 0 ? -errno : -ENOSPC; /* a file that takes no more */
        return acl_let_user(fd, uid, 6, 4);
}

int bearer_files_put(struct bearer_files *files, uint32_t uid, const struct sid *sid, const char *token) {
        _cleanup_(cleanup_close) int all = open_all(files, true), dir = -1;
        char user_name[UID_NAME_SIZE], name[FILE_NAME_SIZE];
        int r;

        if (all < 0)
                return all;
        name_user(uid, user_name);
        name_file(sid, name);
        dir = r = make_user(all, uid);
        if (r >= 0)
                r = write_temporary(dir, uid, token);
        if (r == 0 && renameat(dir, TEMPORARY_NAME, dir, name) < 0)
                r = -errno;
        if (r < 0) {
                if (dir >= 0)
                        (void) unlinkat(dir, TEMPORARY_NAME, 0);
                if (r != -EPERM)                                       /* else it is not ours to take away */
                        (void) unlinkat(all, user_name, AT_REMOVEDIR); /* if it is empty */
        }
        return r;
}

int bearer_files_remove(struct bearer_files *files, uint32_t uid, const struct sid *sid) {
        _cleanup_(cleanup_close) int all = open_all(files, false), dir = -1;
        char user_name[UID_NAME_SIZE], name[FILE_NAME_SIZE];
        struct stat st;

        if (all < 0)
                return all == -ENOENT ? 0 : all;
        name_user(uid, user_name);
        name_file(sid, name);
        dir = open_own(all, user_name, &st);
        if (dir < 0)
                return dir == -ENOENT ? 0 : dir;
        if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
                return -errno;
        (void) unlinkat(all, user_name, AT_REMOVEDIR); /* if it is empty */
        return 0;
}

/* ---- all of them ---- */

static int begin_walk(struct bearer_files *files) {
        _cleanup_(cleanup_close) int all = open_all(files, false);

        if (all == -ENOENT)
                return BEARER_FILES_END;
        if (all < 0)
                return all;
        files->all = fdopendir(all);
        if (!files->all)
                return -errno;
        (void) TAKE_FD(all);
        return 0;
}

static int take_away_other(int dir, const char *name) {
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && unlinkat(dir, name, 0) < 0)
                (void) unlinkat(dir, name, AT_REMOVEDIR);
        return BEARER_FILES_OTHER;
}

/* The next entry of tokens/: a user's folder, to be gone through from the next step on, or something else. */
static int next_user(struct bearer_files *files) {
        const struct dirent *entry = readdir(files->all);
        struct stat st;
        int dir;

        if (!entry) {
                bearer_files_begin(files);
                return BEARER_FILES_END;
        }
        if (!read_user_name(entry->d_name, &files->uid))
                return take_away_other(dirfd(files->all), entry->d_name);
        dir = open_own(dirfd(files->all), entry->d_name, &st);
        if (dir < 0)
                return take_away_other(dirfd(files->all), entry->d_name);
        files->of_user = fdopendir(dir);
        if (!files->of_user)
                close(dir);
        return BEARER_FILES_OTHER;
}

static int end_user(struct bearer_files *files) {
        char name[UID_NAME_SIZE];

        name_user(files->uid, name);
        (void) unlinkat(dirfd(files->all), name, AT_REMOVEDIR); /* if it is empty */
        cleanup_dir(&files->of_user);
        files->of_user = NULL;
        return BEARER_FILES_OTHER;
}

int bearer_files_next(struct bearer_files *files, uint32_t *ret_uid, struct sid *ret_sid) {
        const struct dirent *entry;

        if (!files->all) {
                int r = begin_walk(files);

                if (r)
                        return r;
        }
        if (!files->of_user)
                return next_user(files);
        entry = readdir(files->of_user);
        if (!entry)
                return end_user(files);
        if (!read_file_name(entry->d_name, ret_sid))
                return take_away_other(dirfd(files->of_user), entry->d_name);
        *ret_uid = files->uid;
        return 0;
}
