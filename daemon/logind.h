/* logind: asks systemd-logind to end the session that a login process is in, with all that was started from
 * it. Which one that is says the process's own cgroup, never the PAM environment. Knows processes, no session
 * of ours. Loop thread only; never waits. */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/leader.h"

struct logind;

/* refused is called when logind was asked and has not done it: there is none, or it does not let us (polkit).
 * 0 or -ENOMEM. */
int logind_new(sd_event *event, void (*refused)(struct leaders *leaders, const struct leader_id *id),
        struct leaders *leaders, struct logind **ret);
void logind_free(struct logind **logind);

/* Asks for the end of the session of this process, which must be of uid. 0: asked. -ENXIO: it is in none;
 * -EPERM: it is another user's; or why the system bus cannot be reached. */
int logind_terminate(struct logind *logind, const struct leader_id *id, int pidfd, uint32_t uid);
