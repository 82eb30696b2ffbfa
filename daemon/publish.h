/* publish: the files in public/ that everybody may read. Knows paths and bytes, not what they mean. */
#pragma once

#include <stddef.h>

/* Makes `name` in the folder dirfd hold exactly these bytes with mode 0644, atomically (temporary file,
 * fsync, rename); readers see the old or the new one. What a crash left of an earlier try is removed first.
 * 0; -EINVAL (name is empty, too long, hidden or a path); negative errno. On failure the old file stays. One
 * writer at a time. */
int publish_file(int dirfd, const char *name, const void *bytes, size_t size);

/* Makes (0755, whatever the umask) and opens runtime_dir/public. Returns the descriptor; -EPERM if the folder
 * is somebody else's; negative errno. */
int publish_open(const char *runtime_dir);
