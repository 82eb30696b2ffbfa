/* leader: the processes that opened sessions, watched by pidfd; and how far the ending of each has got.
 * Memory only: at start it is made anew from the store. Knows no session, only how many a leader has. Loop
 * thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/clock.h"
#include "daemon/fdstore.h"
#include "daemon/session.h"

/* How far the termination of a leader has got, and when its next step is due (boot clock). */
enum leader_stage {
        LEADER_STAYS = 0,
        LEADER_DENIED, /* its login was refused: it is given time to go by itself */
        LEADER_TOLD,   /* a line is on its terminals, if it has any: it needs a moment to reach the user */
        LEADER_ASKED,  /* SIGTERM was sent */
        LEADER_CHILDREN_KILLED,
        LEADER_KILLED,
};

struct leader {
        struct leader_id id;
        int pidfd;
        size_t n_sessions; /* and logins that are under way */
        bool is_told;      /* that it is gone */
        uint32_t uid;      /* while it has a stage: whose login it is */
        bool by_scope;     /* and whether logind is to be asked first */
        enum leader_stage stage;
        usec_t due;
        struct leader *next;             /* in its bucket */
        struct leader *next_terminating; /* in the list of those with a stage */
};

struct leaders;

/* At most max of them. Their pidfds are kept in fdstore (lent; NULL: nowhere) while they are watched. 0 or
 * negative errno. */
int leaders_new(size_t max, struct fdstore *fdstore, struct leaders **ret);
/* fdstore keeps what it keeps. */
void leaders_free(struct leaders **leaders);

/* Readable (an epoll) when one of them is gone. */
int leaders_fd(const struct leaders *leaders);
/* The ids of those that went since the last call, at most max; each is told once. They stay until
 * released. */
size_t leaders_take_gone(struct leaders *leaders, struct leader_id *ret, size_t max);
/* What was told of those that are still there is told once more: their sessions' ends could not be kept. 0 or
 * negative errno: to be tried again. */
int leaders_tell_again(struct leaders *leaders);

/* One more session, or login under way, of this leader. Takes *pidfd (which becomes -1) when the leader was
 * not watched yet. A leader whose end was told before is told again: what comes now was not known then. 0;
 * -EMFILE: too many; another negative errno. */
int leaders_watch(struct leaders *leaders, const struct leader_id *id, int *pidfd);
/* One session less; the last one frees it. */
void leaders_release(struct leaders *leaders, const struct leader_id *id);

/* Borrowed until it is released; NULL if it is not watched. */
struct leader *leaders_find(const struct leaders *leaders, const struct leader_id *id);
size_t leaders_count(const struct leaders *leaders);
bool leaders_are_full(const struct leaders *leaders);

/* Sets the stage and when its next step is due; LEADER_STAYS takes it off the list. */
void leader_set_stage(struct leaders *leaders, struct leader *leader, enum leader_stage stage, usec_t due);
struct leader *leaders_first_terminating(const struct leaders *leaders);

/* Who a pidfd's process is: pid from the pidfd, start time from /proc, looked at again afterwards. 0;
 * -ESRCH: gone. */
int leader_identify(int pidfd, const struct boot_id *boot, struct leader_id *ret);
/* Who that process's parent is, as long as it is not init, which leads nobody's login. The same returns. */
int leader_identify_parent(int pidfd, const struct boot_id *boot, struct leader_id *ret);
/* A pidfd for a kept leader of this boot: from the fdstore, else by its pid. -ESRCH: it is gone, or its pid
 * is somebody else's now. */
int leaders_reopen(struct leaders *leaders, const struct leader_id *id);
