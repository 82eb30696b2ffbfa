/* leader: see leader.h. */
#include "daemon/leader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/process.h"

#define LEADER_BUCKETS 4096 /* pids are handed out in a row: they spread evenly */

struct leaders {
        int fd;
        struct fdstore *fdstore;
        size_t n;
        size_t max;
        struct leader *terminating;
        struct leader *buckets[LEADER_BUCKETS];
};

int leaders_new(size_t max, struct fdstore *fdstore, struct leaders **ret) {
        struct leaders *leaders = calloc(1, sizeof(*leaders));

        if (!leaders)
                return -ENOMEM;
        leaders->max = max;
        leaders->fdstore = fdstore;
        leaders->fd = epoll_create1(EPOLL_CLOEXEC);
        if (leaders->fd < 0) {
                int r = -errno;

                free(leaders);
                return r;
        }
        *ret = leaders;
        return 0;
}

/* Taken out by name: the module's copy of the descriptor may still be open, and would keep the watch. */
static void leader_free(struct leaders *leaders, struct leader *leader) {
        (void) epoll_ctl(leaders->fd, EPOLL_CTL_DEL, leader->pidfd, NULL);
        close(leader->pidfd);
        free(leader);
}

void leaders_free(struct leaders **leaders) {
        if (!*leaders)
                return;
        for (size_t i = 0; i < LEADER_BUCKETS; i++) {
                for (struct leader *leader = (*leaders)->buckets[i], *next; leader; leader = next) {
                        next = leader->next;
                        leader_free(*leaders, leader);
                }
        }
        close((*leaders)->fd);
        free(*leaders);
        *leaders = NULL;
}

int leaders_fd(const struct leaders *leaders) {
        return leaders->fd;
}

size_t leaders_count(const struct leaders *leaders) {
        return leaders->n;
}

bool leaders_are_full(const struct leaders *leaders) {
        return leaders->n >= leaders->max;
}

static struct leader **leaders_place(struct leaders *leaders, const struct leader_id *id) {
        struct leader **place = &leaders->buckets[(unsigned) id->pid % LEADER_BUCKETS];

        while (*place && !leader_id_equal(&(*place)->id, id))
                place = &(*place)->next;
        return place;
}

struct leader *leaders_find(const struct leaders *leaders, const struct leader_id *id) {
        return *leaders_place((struct leaders *) leaders, id);
}

size_t leaders_take_gone(struct leaders *leaders, struct leader_id *ret, size_t max) {
        struct epoll_event events[64];
        int n = epoll_wait(leaders->fd, events, max < 64 ? (int) max : 64, 0);

        for (int i = 0; i < n; i++) {
                struct leader *leader = events[i].data.ptr;

                (void) epoll_ctl(leaders->fd, EPOLL_CTL_DEL, leader->pidfd, NULL);
                leader->is_told = true;
                ret[i] = leader->id;
        }
        return n > 0 ? (size_t) n : 0;
}

static int leader_watch(struct leaders *leaders, struct leader *leader) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = leader };

        if (epoll_ctl(leaders->fd, EPOLL_CTL_ADD, leader->pidfd, &event) < 0)
                return -errno;
        leader->is_told = false;
        return 0;
}

int leaders_tell_again(struct leaders *leaders) {
        int result = 0;

        for (size_t i = 0; i < LEADER_BUCKETS; i++) {
                for (struct leader *leader = leaders->buckets[i]; leader; leader = leader->next) {
                        int r = leader->is_told ? leader_watch(leaders, leader) : 0;

                        if (r < 0)
                                result = r;
                }
        }
        return result;
}

int leaders_watch(struct leaders *leaders, const struct leader_id *id, int *pidfd) {
        struct leader **place = leaders_place(leaders, id);
        struct leader *leader = *place;
        int r;

        if (leader) {
                r = leader->is_told ? leader_watch(leaders, leader) : 0;
                if (r == 0)
                        leader->n_sessions++;
                return r;
        }
        if (leaders_are_full(leaders))
                return -EMFILE;
        leader = calloc(1, sizeof(*leader));
        if (!leader)
                return -ENOMEM;
        leader->id = *id;
        leader->pidfd = *pidfd;
        leader->n_sessions = 1;
        r = leader_watch(leaders, leader);
        if (r < 0) {
                free(leader);
                return r;
        }
        *pidfd = -1;
        *place = leader;
        fdstore_keep(leaders->fdstore, id, leader->pidfd);
        leaders->n++;
        return 0;
}

static void leader_unlist(struct leaders *leaders, struct leader *leader) {
        struct leader **place = &leaders->terminating;

        while (*place && *place != leader)
                place = &(*place)->next_terminating;
        if (*place)
                *place = leader->next_terminating;
}

void leaders_release(struct leaders *leaders, const struct leader_id *id) {
        struct leader **place = leaders_place(leaders, id);
        struct leader *leader = *place;

        if (!leader || --leader->n_sessions > 0)
                return;
        if (leader->stage != LEADER_STAYS)
                leader_unlist(leaders, leader);
        *place = leader->next;
        leaders->n--;
        fdstore_drop(leaders->fdstore, id);
        leader_free(leaders, leader);
}

void leader_set_stage(struct leaders *leaders, struct leader *leader, enum leader_stage stage, usec_t due) {
        if (leader->stage == LEADER_STAYS && stage != LEADER_STAYS) {
                leader->next_terminating = leaders->terminating;
                leaders->terminating = leader;
        }
        if (leader->stage != LEADER_STAYS && stage == LEADER_STAYS)
                leader_unlist(leaders, leader);
        leader->stage = stage;
        leader->due = due;
}

struct leader *leaders_first_terminating(const struct leaders *leaders) {
        return leaders->terminating;
}

int leader_identify(int pidfd, const struct boot_id *boot, struct leader_id *ret) {
        struct process process;
        pid_t pid;
        int r;

        r = process_of_pidfd(pidfd, &pid);
        if (r < 0)
                return r;
        r = process_read(pid, &process);
        if (r < 0)
                return r;
        /* Alive now, so the pid was its own all the while and the start time is not that of a successor. */
        if (!pidfd_is_alive(pidfd))
                return -ESRCH;
        *ret = (struct leader_id){ .boot = *boot, .pid = pid, .start = process.start };
        return 0;
}

/* As long as the child names the same parent, that one lives: it would name another as soon as it is gone. */
int leader_identify_parent(int pidfd, const struct boot_id *boot, struct leader_id *ret) {
        struct process child, parent;
        struct leader_id id;
        pid_t first;
        int r;

        r = leader_identify(pidfd, boot, &id);
        if (r < 0)
                return r;
        r = process_read(id.pid, &child);
        if (r < 0)
                return r;
        first = child.parent;
        if (first <= 1)
                return -ESRCH;
        r = process_read(first, &parent);
        if (r < 0)
                return r;
        r = process_read(id.pid, &child);
        if (r < 0)
                return r;
        if (child.parent != first || !pidfd_is_alive(pidfd))
                return -ESRCH;
        *ret = (struct leader_id){ .boot = *boot, .pid = first, .start = parent.start };
        return 0;
}

int leaders_reopen(struct leaders *leaders, const struct leader_id *id) {
        _cleanup_(cleanup_close) int pidfd = fdstore_take(leaders->fdstore, id);
        struct leader_id now;
        int r;

        if (pidfd < 0)
                pidfd = pidfd_open(id->pid, 0);
        if (pidfd < 0) /* the pid is a thread's now: EINVAL, since Linux 6.16 ENOENT */
                return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
        r = leader_identify(pidfd, &id->boot, &now);
        if (r < 0)
                return r;
        if (now.start != id->start)
                return -ESRCH;
        return TAKE_FD(pidfd);
}
