/* restore: sessjwtd --restore FILE. */
#pragma once

/* Puts a backup in the place of the store in state_dir, which no daemon may have open, and says so, or why
 * not. Run by root it becomes the folder's owner first, as the daemon is. What the backup knew as live
 * ends with the next start (daemon/renewal). Returns the exit status of the process. */
int restore_run(const char *state_dir, const char *file);
