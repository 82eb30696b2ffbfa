/* config_files: which files make up a configuration, and their bytes if they can be trusted. Knows no line
 * of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_FILES_MAX 256

struct config_files {
        size_t n;
        char **paths;
};

/* In the order in which they are to be read: of mains[], best first, ended by NULL, the first that exists
 * (of a single one that is `required`: it, and reading it will fail if it is not there), then the drop-ins
 * MAIN.d/ *.conf of all of them by name, where of two with one name the better folder's counts (so
 * /dev/null or an empty file hides the other). 0; -E2BIG: more than CONFIG_FILES_MAX; a read error; with a
 * line for people in error[0..size). */
int config_files_find(
        const char *const *mains, bool required, struct config_files *ret, char *error, size_t size);
void config_files_clear(struct config_files *files);

/* Reads a file of at most max bytes that belongs to root or to us and can be written by its owner alone;
 * /dev/null is empty. 0 with malloced bytes, NUL-terminated; -E2BIG; -EPERM: not to be trusted; -EINVAL:
 * no regular file; a read error; with a line for people in error[0..size). */
int config_files_read(const char *path, size_t max, char **ret, size_t *ret_size, char *error, size_t size);
