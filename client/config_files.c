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
                files->paths = calloc(CONFIG_FILES_MAX, sizeof(*files->paths));
        if (!files->paths)
                return -ENOMEM;
        if (files->n == CONFIG_FILES_MAX)
                return -E2BIG;
        files->paths[files->n++] = TAKE(owned);
        return 0;
}

static char *join(const char *a, const char *b, const char *c) {
        char *path;

        return asprintf(&path, "%s%s%s", a, b, c) < 0 ? NULL : path;
}

/* Whether path leads to /dev/null, through however many links. */
static bool is_mask(const char *path) {
        char target[PATH_MAX];

        return realpath(path, target) && strcmp(target, "/dev/null") == 0;
}

static int add_main(const char *const *mains, struct config_files *files) {
        for (; *mains; mains++) {
                /* A link that leads nowhere is there: its reader says so. */
                if (faccessat(AT_FDCWD, *mains, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        return is_mask(*mains) ? 0 : add(files, strdup(*mains));
                if (errno != ENOENT)
                        return -errno;
        }
        return 0;
}

static const char *base_name(const char *path) {
        return strrchr(path, '/') + 1;
}

static int by_name(const void *a, const void *b) {
        return strcmp(base_name(*(char *const *) a), base_name(*(char *const *) b));
}

static bool is_drop_in_name(const char *name) {
        size_t size = strlen(name), suffix = strlen(".conf");

        return name[0] != '.' && size > suffix && strcmp(name + size - suffix, ".conf") == 0;
}

static bool has_name(const struct config_files *files, const char *name) {
        for (size_t i = 0; i < files->n; i++)
                if (strcmp(base_name(files->paths[i]), name) == 0)
                        return true;
        return false;
}

/* The drop-ins of one place, but for names that a better one has. */
static int add_drop_ins(const char *main, struct config_files *drop_ins) {
        _cleanup_(cleanup_free) char *folder = join(main, ".d", "");
        _cleanup_(cleanup_dir) DIR *dir = folder ? opendir(folder) : NULL;
        struct dirent *entry;
        int r = 0;

        if (!folder)
                return -ENOMEM;
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        while (r == 0) {
                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                if (is_drop_in_name(entry->d_name) && !has_name(drop_ins, entry->d_name))
                        r = add(drop_ins, join(folder, "/", entry->d_name));
        }
        return r;
}

int config_files_list(const char *const *mains, struct config_files *ret) {
        _cleanup_(config_files_done) struct config_files files = { 0 }, drop_ins = { 0 };
        int r;

        r = add_main(mains, &files);
        for (; r == 0 && *mains; mains++)
                r = add_drop_ins(*mains, &drop_ins);
        if (r == 0 && drop_ins.n > 0)
                qsort(drop_ins.paths, drop_ins.n, sizeof(*drop_ins.paths), by_name);
        for (size_t i = 0; r == 0 && i < drop_ins.n; i++)
                if (!is_mask(drop_ins.paths[i]))
                        r = add(&files, TAKE(drop_ins.paths[i]));
        if (r < 0)
                return r;
        *ret = files;
        files = (struct config_files){ 0 };
        return 0;
}
