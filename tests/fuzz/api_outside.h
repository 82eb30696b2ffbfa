/* The world outside the house, for fuzz_api: a clock that is moved by hand, processes and users that are made
 * up, no writer thread (its turns are run when they are wanted), no log. Each stands in for a whole room, so
 * that the linker leaves the real one out. */
#pragma once

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/log.h"
#include "daemon/names.h"
#include "daemon/process.h"

#define REQUIRE(condition) ((condition) ? (void) 0 : abort())

/* ---- LMDB's memory ---- */

#define LARGE_MIN  65536
#define LARGE_KEPT 8

/* A nested transaction takes 3 MiB, which AddressSanitizer maps, marks and unmaps each time: half of all the
 * time an input takes. The fuzzer's LMDB asks here instead (see the Makefile). */
static void *large[LARGE_KEPT];

void *lmdb_malloc(size_t size);
void lmdb_free(void *p);

void *lmdb_malloc(size_t size) {
        for (size_t i = 0; size >= LARGE_MIN && i < LARGE_KEPT; i++)
                if (large[i] && malloc_usable_size(large[i]) == size)
                        return TAKE(large[i]);
        return malloc(size);
}

void lmdb_free(void *p) {
        size_t size = p ? malloc_usable_size(p) : 0;

        for (size_t i = 0; size >= LARGE_MIN && i < LARGE_KEPT; i++) {
                if (large[i])
                        continue;
                large[i] = p;
                return;
        }
        free(p);
}

/* ---- clock.c, whose clocks are these ---- */

#define WALL_AT_START  (UINT64_C(1800000000) * 1000000)
#define AWAKE_AT_START (UINT64_C(40000) * 1000000)

static struct { uint64_t wall, awake; } clocks;

static int moved_clock(clockid_t id, struct timespec *ret) {
        uint64_t now = id == CLOCK_REALTIME ? clocks.wall : clocks.awake;

        ret->tv_sec = (time_t) (now / 1000000);
        ret->tv_nsec = (long) (now % 1000000) * 1000;
        return 0;
}

#define clock_gettime moved_clock
#include "daemon/clock.c"
#undef clock_gettime

static inline void clocks_begin(void) {
        clocks.wall = WALL_AT_START;
        clocks.awake = AWAKE_AT_START;
}

/* Also backwards on the wall. */
static inline void clocks_move(int64_t wall, uint64_t awake) {
        clocks.wall += (uint64_t) wall;
        clocks.awake += awake;
        if (clocks.wall < WALL_AT_START / 2 || clocks.wall > WALL_AT_START * 2)
                clocks.wall = WALL_AT_START;
}

/* ---- list_file.c and backup.c, whose threads have done their work when they begin ---- */

static inline int run_at_once(
        pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *userdata) {
        (void) run(userdata);
        return 0;
}

static inline int join_no_thread(pthread_t thread, void **ret) {
        return 0;
}

#define pthread_create run_at_once
#define pthread_join   join_no_thread
#define join           join_list_file
#include "daemon/list_file.c"
#undef join
#define join join_backup
#include "daemon/backup.c"
#undef join
#undef pthread_create

/* ---- turn.c, whose thread is ours ---- */

static inline int begin_no_thread(
        pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *userdata) {
        return 0;
}

#define pthread_create begin_no_thread
#include "daemon/turn.c"
#undef pthread_create
#undef pthread_join

/* Runs what was posted. Whether there was anything. */
static inline bool turn_run_posted(struct turn *turn) {
        if (turn_is_idle(turn))
                return false;
        turn->stopping = true; /* it returns when it is idle */
        (void) turn_thread(turn);
        turn->stopping = false;
        return true;
}

/* ---- log.c: formatted, and forgotten ---- */

void log_line(int priority, const char *format, ...) {
        char line[1024];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        if (getenv("FUZZ_API_LOG"))
                fprintf(stderr, "%s\n", line);
}

void log_event(
        const struct log_kind *kind, const char *line, const struct log_field *fields, size_t n_fields) {
        REQUIRE(*kind->name);
        for (size_t i = 0; i < n_fields; i++)
                REQUIRE(*fields[i].name);
        log_line(kind->priority, "%s", line);
}

/* ---- process.c: processes whose pidfd is the end of a pipe, which hangs up when they die ---- */

#define PROCESSES  8
#define PID_FIRST  100
#define PID_PARENT 99 /* of them all: what sshd would be */

static struct made_process {
        int pidfd, life; /* two ends of a pipe; life -1: it is dead */
        ino_t inode;
} processes[PROCESSES];

static inline void process_make(struct made_process *process) {
        struct stat st;
        int fds[2];

        REQUIRE(pipe2(fds, O_CLOEXEC) == 0 && fstat(fds[0], &st) == 0);
        *process = (struct made_process){ .pidfd = fds[0], .life = fds[1], .inode = st.st_ino };
}

static inline void process_die(struct made_process *process) {
        cleanup_close(&process->life);
        process->life = -1;
}

static inline void processes_make_missing(void) {
        for (size_t i = 0; i < PROCESSES; i++) {
                if (processes[i].inode && processes[i].life >= 0)
                        continue;
                if (processes[i].inode)
                        cleanup_close(&processes[i].pidfd);
                process_make(&processes[i]);
        }
}

static inline bool process_lives(pid_t pid) {
        return pid >= PID_FIRST && pid < PID_FIRST + PROCESSES && processes[pid - PID_FIRST].life >= 0;
}

int process_read(pid_t pid, struct process *ret) {
        if (!process_lives(pid) && pid != PID_PARENT)
                return -ESRCH;
        /* Of two neighbours the second was started by the first. */
        *ret = (struct process){ .pid = pid,
                .parent = pid == PID_PARENT ? 1
                          : pid % 2         ? pid - 1
                                            : PID_PARENT,
                .start = (uint64_t) pid,
                .command = "sshd" };
        return 0;
}

/* Each pair of neighbours is a session of the kernel's; the last has none. */
int process_audit_session(pid_t pid, uint32_t *ret) {
        if (!process_lives(pid))
                return -ESRCH;
        *ret = pid >= PID_FIRST + PROCESSES - 2 ? UINT32_MAX : (uint32_t) pid / 2;
        return 0;
}

int process_login_uid(pid_t pid, uint32_t *ret) {
        if (!process_lives(pid))
                return -ESRCH;
        *ret = 1000 + (uint32_t) pid % 2;
        return 0;
}

int process_of_pidfd(int pidfd, pid_t *ret) {
        struct stat st;

        if (fstat(pidfd, &st) < 0)
                return -errno;
        for (int i = 0; i < PROCESSES; i++) {
                if (processes[i].inode != st.st_ino || processes[i].life < 0)
                        continue;
                *ret = PID_FIRST + i;
                return 0;
        }
        return -ESRCH;
}

bool pidfd_is_alive(int pidfd) {
        pid_t pid;

        return process_of_pidfd(pidfd, &pid) == 0;
}

size_t process_descendants(pid_t pid, pid_t *ret, size_t max) {
        return 0;
}

usec_t process_started(const struct process *process) {
        return process->start;
}

/* ---- names.c: what NSS says, and when ---- */

static const uint32_t groups_of_root[] = { 0 }, groups_of_alice[] = { 1000, 10 },
                      groups_of_bob[] = { 1001, 20 }, groups_of_carol[] = { 1002, 10, 20 };

enum { NAMES_SILENT = 0 }; /* beside enum names_state: asked, and not answered yet */

static struct made_user {
        const char *name;
        uint32_t uid;
        const uint32_t *groups;
        size_t n_groups;
        bool is_admin;
        int state;
} users[] = {
        { "root", 0, groups_of_root, 1, true, NAMES_FOUND },
        { "alice", 1000, groups_of_alice, 2, false, NAMES_FOUND },
        { "bob", 1001, groups_of_bob, 2, false, NAMES_FOUND },
        { "carol", 1002, groups_of_carol, 3, true, NAMES_FOUND },
};
#define USERS (sizeof(users) / sizeof(*users))

static inline void users_begin(void) {
        for (size_t i = 0; i < USERS; i++)
                users[i].state = NAMES_FOUND;
}

int names_new(struct names **ret) {
        *ret = NULL;
        return 0;
}

void names_free(struct names **names) {
}

int names_find(struct names *names, const char *user, struct moment now, struct name *ret) {
        *ret = (struct name){ .state = NAMES_GONE };
        for (size_t i = 0; i < USERS; i++) {
                if (strcmp(users[i].name, user) != 0)
                        continue;
                if (users[i].state == NAMES_SILENT)
                        return NAMES_ASKED;
                *ret = (struct name){ .state = (enum names_state) users[i].state,
                        .uid = users[i].uid,
                        .n_groups = users[i].n_groups,
                        .groups = users[i].groups };
        }
        return 0;
}

int names_fd(const struct names *names) {
        return -1;
}

void names_take(struct names *names, usec_t now_boot) {
}
