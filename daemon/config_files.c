/* config_files: see config_files.h. */
#include "daemon/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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

static void cleanup_dir(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

void config_files_clear(struct config_files *files) {
        for (size_t i = 0; i < files->n; i++)
                free(files->paths[i]);
        free(files->paths);
        *files = (struct config_files){ 0 };
}

static const char *name_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* ---- finding ---- */

/* Adds folder/name (folder may be NULL), unless a path with that name is there from `first` on. */
static int add_path(struct config_files *files, size_t first, const char *folder, const char *name) {
        _cleanup_(cleanup_free) char *path = NULL;
        char **paths;

        for (size_t i = first; i < files->n; i++)
                if (strcmp(name_of(files->paths[i]), name) == 0)
                        return 0;
        if (files->n == CONFIG_FILES_MAX)
                return -E2BIG;
        paths = reallocarray(files->paths, files->n + 1, sizeof(*paths));
        if (!paths)
                return -ENOMEM;
        files->paths = paths;
        if (asprintf(&path, "%s%s%s", folder ? folder : "", folder ? "/" : "", name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        files->paths[files->n++] = TAKE(path);
        return 0;
}

static bool is_drop_in(const char *name) {
        size_t length = strlen(name);

        return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

static int add_folder(
        struct config_files *files, size_t first, const char *folder, char *error, size_t size) {
        _cleanup_(cleanup_dir) DIR *dir = opendir(folder);
        struct dirent *entry;
        int r;

        if (!dir)
                return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(error, size, folder, errno);
        for (;;) {
                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return errno ? fail_errno(error, size, folder, errno) : 0;
                if (!is_drop_in(entry->d_name))
                        continue;
                r = add_path(files, first, folder, entry->d_name);
                if (r == -E2BIG)
                        return fail(error, size, r, "%s: more than %d files", folder, CONFIG_FILES_MAX);
                if (r)
                        return fail_errno(error, size, folder, -r);
        }
}

static int compare_names(const void *a, const void *b) {
        return strcmp(name_of(*(char *const *) a), name_of(*(char *const *) b));
}

static int add_main(
        struct config_files *files, const char *const *mains, bool required, char *error, size_t size) {
        struct stat status;

        for (; *mains; mains++) {
                if (!required && stat(*mains, &status) < 0) {
                        if (errno == ENOENT || errno == ENOTDIR)
                                continue;
                        return fail_errno(error, size, *mains, errno);
                }
                return add_path(files, 0, NULL, *mains) ? fail_errno(error, size, *mains, ENOMEM) : 0;
        }
        return 0;
}

int config_files_find(
        const char *const *mains, bool required, struct config_files *ret, char *error, size_t size) {
        _cleanup_(config_files_clear) struct config_files files = { 0 };
        size_t first;
        int r;

        r = add_main(&files, mains, required, error, size);
        if (r)
                return r;
        first = files.n;
        for (; *mains; mains++) {
                _cleanup_(cleanup_free) char *folder = NULL;

                if (asprintf(&folder, "%s.d", *mains) < 0) {
                        folder = NULL;
                        return fail_errno(error, size, *mains, ENOMEM);
                }
                r = add_folder(&files, first, folder, error, size);
                if (r)
                        return r;
        }
        if (files.n > first)
                qsort(files.paths + first, files.n - first, sizeof(*files.paths), compare_names);
        *ret = files;
        files = (struct config_files){ 0 };
        return 0;
}

/* ---- reading ---- */

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
        size_t length = 0;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        do {
                n = read(fd, text + length, max + 1 - length);
                if (n < 0 && errno != EINTR)
                        return -errno;
                length += n > 0 ? (size_t) n : 0;
        } while (n != 0 && length <= max);
        if (length > max)
                return -E2BIG;
        text[length] = '\0';
        *ret = TAKE(text);
        *ret_size = length;
        return 0;
}

int config_files_read(const char *path, size_t max, char **ret, size_t *ret_size, char *error, size_t size) {
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
