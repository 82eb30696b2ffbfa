/* config_file: the bytes of a configuration file, if it can be trusted. Knows no line of it. */
#pragma once

#include <stddef.h>

/* Reads a file of at most max bytes that belongs to root or to us and can be written by its owner alone;
 * /dev/null is empty. 0 with malloced bytes, NUL-terminated; -E2BIG; -EPERM: not to be trusted; -EINVAL:
 * no regular file; a read error; with a line for people in error[0..size). */
int config_file_read(const char *path, size_t max, char **ret, size_t *ret_size, char *error, size_t size);
