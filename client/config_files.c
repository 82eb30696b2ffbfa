#include "client/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cleanup.h"

#define MAIN_NAME   "sessjwtd.conf"
#define DROP_IN_DIR "sessjwtd.conf.d"

void config_files_done(struct config_files *files) {
        for (size_t i = 0; i < files->n; i++)
                free(files->paths[i]);
        free(files->paths);
        *files = (struct config_files){ 0 };
}

/* Takes path, which may be NULL: memory has run out. */
static int add(struct config_files *files, char *path) {
        _cleanup_(cleanup_free) char *owned = path;

        if (!owned)
                return -ENOMEM;
        if (!files->paths)
                files->paths = calloc(CONFIG_FILES_MAX, sizeof *files->paths);
        if (!files->paths)
                return -ENOMEM;
        if (files->n == CONFIG_FILES_MAX)
                return -E2BIG;
        files->paths[files->n++] = TAKE(owned);
        return 0;
}

static char *join(const char *dir, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Whether path leads to /dev/null, through however many links. */
static bool is_mask(const char *path) {
        char target[PATH_MAX];

        return realpath(path, target) && strcmp(target, "/dev/null") == 0;
}

/* A link that leads nowhere counts: its reader says so. */
static bool exists(const char *path) {
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *base_name(const char *path) {
        return strrchr(path, '/') + 1;
}

static int by_name(const void *a, const void *b) {
        return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

static bool is_config_name(const char *name) {
        size_t size = strlen(name);

        return name[0] != '.' && size > strlen(".conf") &&
               strcmp(name + size - strlen(".conf"), ".conf") == 0;
}

static void close_dir(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

/* The *.conf of one drop-in folder, by name. */
static int list_dir(const char *root, struct config_files *ret) {
        _cleanup_(config_files_done) struct config_files files = { 0 };
        _cleanup_(cleanup_free) char *path = join(root, DROP_IN_DIR);
        _cleanup_(close_dir) DIR *dir = path ? opendir(path) : NULL;
        int r;

        if (!path)
                return -ENOMEM;
        if (!dir && errno != ENOENT)
                return -errno;
        while (dir) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry && errno)
                        return -errno;
                if (!entry)
                        break;
                if (!is_config_name(entry->d_name))
                        continue;
                r = add(&files, join(path, entry->d_name));
                if (r < 0)
                        return r;
        }
        if (files.n > 0)
                qsort(files.paths, files.n, sizeof *files.paths, by_name);
        *ret = files;
        files = (struct config_files){ 0 };
        return 0;
}

static int add_main(const char *vendor_dir, const char *etc_dir, struct config_files *files) {
        _cleanup_(cleanup_free) char *vendor = join(vendor_dir, MAIN_NAME);
        _cleanup_(cleanup_free) char *etc = join(etc_dir, MAIN_NAME);

        if (!vendor || !etc)
                return -ENOMEM;
        if (exists(etc))
                return is_mask(etc) ? 0 : add(files, TAKE(etc));
        return exists(vendor) ? add(files, TAKE(vendor)) : 0;
}

/* Merges two sorted lists; where both have a name, etc's file stands for both. */
static int add_drop_ins(struct config_files *vendor, struct config_files *etc, struct config_files *files) {
        size_t v = 0, e = 0;
        int r = 0;

        while (r == 0 && (v < vendor->n || e < etc->n)) {
                int order = v == vendor->n ? 1
                            : e == etc->n  ? -1
                                           : by_name(&vendor->paths[v], &etc->paths[e]);

                if (order < 0) {
                        r = add(files, TAKE(vendor->paths[v++]));
                        continue;
                }
                if (order == 0)
                        v++;
                if (!is_mask(etc->paths[e]))
                        r = add(files, TAKE(etc->paths[e]));
                e++;
        }
        return r;
}

int config_files_list(const char *vendor_dir, const char *etc_dir, struct config_files *ret) {
        _cleanup_(config_files_done) struct config_files files = { 0 };
        _cleanup_(config_files_done) struct config_files vendor = { 0 };
        _cleanup_(config_files_done) struct config_files etc = { 0 };
        int r;

        r = add_main(vendor_dir, etc_dir, &files);
        if (r < 0)
                return r;
        r = list_dir(vendor_dir, &vendor);
        if (r < 0)
                return r;
        r = list_dir(etc_dir, &etc);
        if (r < 0)
                return r;
        r = add_drop_ins(&vendor, &etc, &files);
        if (r < 0)
                return r;
        *ret = files;
        files = (struct config_files){ 0 };
        return 0;
}
