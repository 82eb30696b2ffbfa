/* publish: the files in public/ that everybody may read. Knows paths and bytes, not what they mean. */
#pragma once

#include <stddef.h>

/* Makes `name` in the folder dirfd hold exactly these bytes with mode 0644, atomically (temporary file, fsync, rename); readers see the old or the new one. 0 or negative errno. */
int publish_file(int dirfd, const char *name, const void *bytes, size_t size);
/* Makes (0755) and opens runtime_dir/public. Returns the descriptor or negative errno. */
int publish_open(const char *runtime_dir);
