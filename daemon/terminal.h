/* terminal: the terminals of a login, best effort: says a line on them, finds when one was last read from.
 * Knows processes and devices, no session. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "daemon/clock.h"

/* Writes the line (at most 1019 bytes; a control character becomes a question mark) to each terminal that a
 * descendant of the process, or it itself, is controlled by, if the terminal belongs to uid. Never waits,
 * never becomes a terminal's owner.
 * Returns how many terminals heard it. */
size_t terminal_tell(pid_t pid, uid_t uid, const char *line);

/* When one of those terminals was last read from (its atime, on the wall clock; the kernel notes it in steps
 * of 8 seconds), and how many there are; 0: *ret_wall is untouched. A console on which a display is drawn is
 * none: its keys do not go to the terminal. Opens no pseudo-terminal, waits for nothing. */
size_t terminal_last_read(pid_t pid, uid_t uid, usec_t *ret_wall);
