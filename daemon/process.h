/* process: what /proc says of a process. Knows no session. Every answer can be outdated when it arrives:
 * whoever acts on it holds a pidfd and looks whether it is still alive afterwards. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/clock.h"

struct process {
        pid_t pid;
        pid_t parent;
        uint64_t start;    /* clock ticks since boot */
        unsigned long tty; /* device number of the controlling terminal, 0: none */
        char command[17];  /* at most 15 characters */
};

/* 0, -ESRCH, or -EBADMSG. A zombie is -ESRCH: it is over. */
int process_read(pid_t pid, struct process *ret);

/* The audit session id (AUDIT_SESSION_UNSET if the kernel has none for it). 0 or negative errno. */
int process_audit_session(pid_t pid, uint32_t *ret);

/* As whom somebody signed in who runs this process: its audit login uid; where there is none, its real uid,
 * or that of its parent where a setuid program has become root altogether. 0 or negative errno. */
int process_login_uid(pid_t pid, uint32_t *ret);

/* The pid behind a pidfd as this pid namespace sees it. -ESRCH when it is gone or not of this namespace. */
int process_of_pidfd(int pidfd, pid_t *ret);
bool pidfd_is_alive(int pidfd);

/* Children, then theirs, … up to max, the process itself not included. Returns how many. Looks at so many
 * threads at most: each costs 10 us, and a user may have a hundred thousand. */
#define PROCESS_TASKS_MAX 1024
size_t process_descendants(pid_t pid, pid_t *ret, size_t max);

/* Microseconds after boot at which it started. */
usec_t process_started(const struct process *process);
