/* terminal: says a line on the terminals of a login, best effort. Knows processes and devices, no session. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Writes the line (at most 1019 bytes; a control character becomes a question mark) to each terminal that a
 * descendant of the process, or it itself, is controlled by, if the terminal belongs to uid. Never waits,
 * never becomes a terminal's owner.
 * Returns how many terminals heard it. */
size_t terminal_tell(pid_t pid, uid_t uid, const char *line);
