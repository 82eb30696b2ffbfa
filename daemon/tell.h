/* tell: what the world hears of a change after its commit, in this order: events, (the reply, by whoever
 * asked), then watches, terminal lines and signals. Loop thread only. */
#pragma once

#include "daemon/effect.h"
#include "daemon/leader.h"
#include "daemon/status.h"

/* The bytes of the status page: of sessions that ended (`ending` is one that has), then of those that were
 * opened. Before anything else: after the reply no verifier accepts what ended. */
void tell_status(const struct effects *effects, struct status *status);

/* One event a change, to the journal or standard error. Before the reply. */
void tell_events(const struct effects *effects);

/* Watches and releases leaders. *pidfd (-1: none) is the one that came with a login; taken if it is
 * needed. Before the reply. */
void tell_leaders(const struct effects *effects, struct leaders *leaders, int *pidfd);

/* Terminal lines and signals. After the reply. */
void tell_logins(const struct effects *effects, struct leaders *leaders, usec_t now_boot);

/* The line that a terminal hears when this session ends, at most 639 bytes. note may be "". */
#define TELL_LINE_SIZE 640
void tell_line(const struct session *session, const char *note, char ret[static TELL_LINE_SIZE]);
