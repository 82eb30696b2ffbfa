/* terminate: makes the leader of an ending session go: a line on its terminals, TERMINATE_LINE_MSEC later
 * SIGTERM, after TERMINATE_GRACE_SEC SIGKILL to its children of the same program (killing sshd's monitor
 * first would leave the shell alive), a second later to itself. With `terminate = scope` logind is asked
 * instead of SIGTERM, which comes only when logind does not do it. Loop thread only. */
#pragma once

#include "daemon/leader.h"
#include "daemon/logind.h"
#include "daemon/session.h"
#include "daemon/store.h"

/* Begins with the session's leader, unless it is at it already. line is for the user's terminals; NULL:
 * nothing is said. A denied session's leader is first given DENIED_GRACE_SEC to go by itself. Signals
 * nobody yet. */
void terminate_begin(
        struct leaders *leaders, const struct session *session, const char *line, usec_t now_boot);

/* When the next step of any leader is due (boot clock); USEC_NEVER: there is none. */
usec_t terminate_due(const struct leaders *leaders);

/* Takes the steps that are due. A leader that by now holds a live session (a second login of the user,
 * another user's) or a tracked one is left alone. */
void terminate_run(struct leaders *leaders, struct logind *logind, struct store *store, usec_t now_boot);

/* logind did not end the session of this one: it gets its SIGTERM after all. */
void terminate_refused(struct leaders *leaders, const struct leader_id *id);
