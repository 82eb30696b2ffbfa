/* fdstore: systemd's file descriptor store: it keeps the pidfds of leaders while the daemon is restarted, so
 * that no moment is left in which a pid could become somebody else's. Without a service manager nothing is
 * kept, and leaders are opened anew by their pid and start time. Never waits for the service manager.
 * sd_notify(3), FDSTORE=1. */
#pragma once

#include "daemon/session.h"

struct fdstore;

/* Of the service manager in $NOTIFY_SOCKET, if there is one. 0 or -ENOMEM. */
int fdstore_open(struct fdstore **ret);
/* Leaves with the service manager what it keeps. NULL inside is fine. */
void fdstore_close(struct fdstore **fdstore);

/* Of what was handed over at start: takes fd if the name is one of ours. true, or false and nothing is
 * changed. */
bool fdstore_adopt(struct fdstore *fdstore, const char *name, int fd);
/* A pidfd that was handed over, which becomes the caller's; -ENOENT. Whose it is now is the caller's to look
 * at. */
int fdstore_take(struct fdstore *fdstore, const struct leader_id *id);
/* Start is over: what nobody took is closed, and the service manager forgets it. */
void fdstore_settle(struct fdstore *fdstore);

/* Both accept NULL. A pidfd that is not kept, since the service manager is busy, is no harm. */
void fdstore_keep(struct fdstore *fdstore, const struct leader_id *id, int pidfd);
void fdstore_drop(const struct fdstore *fdstore, const struct leader_id *id);
