/* terminate: see terminate.h. */
#include "daemon/terminate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/process.h"
#include "daemon/terminal.h"

#define CHILDREN_MAX 256

static void leader_signal(const struct leader *leader, int number) {
        if (pidfd_send_signal(leader->pidfd, number, NULL, 0) < 0 && pidfd_is_alive(leader->pidfd))
                log_line(LOG_WARNING, "cannot signal login process %d: %m", leader->id.pid);
}

/* Whether logind will see to it, with all that the login has started. */
static bool logind_asks(struct logind *logind, const struct leader *leader) {
        int r;

        if (!leader->by_scope || !logind)
                return false;
        r = logind_terminate(logind, &leader->id, leader->pidfd, leader->uid);
        if (r < 0 && r != -ENXIO && r != -ESRCH)
                log_line(LOG_WARNING, "cannot ask logind to end the session of login process %d: %s",
                        leader->id.pid, strerror(-r));
        return r == 0;
}

static void leader_ask(
        struct leaders *leaders, struct logind *logind, struct leader *leader, usec_t now_boot) {
        HOOK("before-signal");
        if (!logind_asks(logind, leader))
                leader_signal(leader, SIGTERM);
        leader_set_stage(leaders, leader, LEADER_ASKED, now_boot + TERMINATE_GRACE_SEC * USEC_PER_SEC);
}

void terminate_begin(
        struct leaders *leaders, const struct session *session, const char *line, usec_t now_boot) {
        struct leader *leader = leaders_find(leaders, &session->leader);

        if (!leader)
                return;
        if (line)
                (void) terminal_tell(leader->id.pid, session->uid, line);
        if (leader->stage != LEADER_STAYS)
                return;
        leader->uid = session->uid;
        leader->by_scope = session->terminate == TERMINATE_SCOPE;
        /* SIGTERM only from terminate_run, which looks who shares the leader: somebody may have joined it
         * between the commit of this end and now. */
        if (session->end == END_DENIED)
                leader_set_stage(leaders, leader, LEADER_DENIED, now_boot + DENIED_GRACE_SEC * USEC_PER_SEC);
        else
                leader_set_stage(
                        leaders, leader, LEADER_TOLD, now_boot + TERMINATE_LINE_MSEC * UINT64_C(1000));
}

usec_t terminate_due(const struct leaders *leaders) {
        usec_t due = USEC_NEVER;

        for (struct leader *leader = leaders_first_terminating(leaders); leader;
                leader = leader->next_terminating)
                if (leader->due < due)
                        due = leader->due;
        return due;
}

/* sshd's monitor closes the session properly when its child is killed; other programs' children are not
 * ours to judge. */
static void leader_kill_children(const struct leader *leader) {
        pid_t pids[CHILDREN_MAX];
        struct process self;
        size_t n;

        if (process_read(leader->id.pid, &self) < 0)
                return;
        n = process_descendants(leader->id.pid, pids, CHILDREN_MAX);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(cleanup_close) int pidfd = pidfd_open(pids[i], 0);
                struct process child;

                if (pidfd < 0 || process_read(pids[i], &child) < 0 || child.parent != self.pid ||
                        strcmp(child.command, self.command) != 0)
                        continue;
                if (pidfd_is_alive(leader->pidfd))
                        (void) pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        }
}

static bool leader_is_shared(struct store *store, const struct leader *leader) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;

        if (store_begin_read(store, &txn) < 0)
                return true;
        return ending_may_signal(txn, &leader->id, NULL, NULL) != 1;
}

static void leader_step(struct leaders *leaders, struct logind *logind, struct store *store,
        struct leader *leader, usec_t now_boot) {
        if (leader_is_shared(store, leader)) {
                log_line(LOG_WARNING, "login process %d holds another session by now: it is left alone",
                        leader->id.pid);
                leader_set_stage(leaders, leader, LEADER_STAYS, USEC_NEVER);
                return;
        }
        switch (leader->stage) {
        case LEADER_DENIED:
        case LEADER_TOLD:
                leader_ask(leaders, logind, leader, now_boot);
                return;
        case LEADER_ASKED:
                leader_kill_children(leader);
                leader_set_stage(leaders, leader, LEADER_CHILDREN_KILLED, now_boot + USEC_PER_SEC);
                return;
        default:
                leader_signal(leader, SIGKILL);
                leader_set_stage(leaders, leader, LEADER_KILLED, USEC_NEVER);
                return;
        }
}

void terminate_run(struct leaders *leaders, struct logind *logind, struct store *store, usec_t now_boot) {
        for (struct leader *leader = leaders_first_terminating(leaders), *next; leader; leader = next) {
                next = leader->next_terminating; /* a step may take it off the list */
                if (leader->due <= now_boot)
                        leader_step(leaders, logind, store, leader, now_boot);
        }
}

void terminate_refused(struct leaders *leaders, const struct leader_id *id) {
        const struct leader *leader = leaders_find(leaders, id);

        if (leader && leader->stage == LEADER_ASKED)
                leader_signal(leader, SIGTERM);
}
