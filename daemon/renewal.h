/* renewal: what becomes of a store at start that is not what ran here last: a restored backup, or an older
 * copy that somebody put in its place. It does not know what has ended since, and must not bring it back;
 * so it begins anew with keys, status indices and refresh chains, all its sessions end, and every user of
 * it is reset. Devices, locks and history stay. DESIGN section 9.
 *
 * * It is recognised by what it says of itself (store_is_copy: backups, and what sessjwtd --restore put
 * there), by the status page, and by the file beside it that remembers how far it had come. What cannot be
 * recognised: the whole state folder of an earlier day, after a reboot. */
#pragma once

#include "daemon/service.h"

/* What sessions that end with it are told. */
#define RENEWAL_NOTE "the store was restored"

/* Before anything is read from the store: if it is to be renewed, takes its keys away and sets
 * service->is_renewed. 0 or negative errno. */
int renewal_begin(struct service *service, const char *runtime_dir);

/* When its sessions have been ended (reconcile sees to it): resets the users, and says so when all is done.
 * What a crash interrupts begins anew with the next start. Nothing if it is not to be renewed. 0 or
 * negative errno. */
int renewal_finish(struct service *service, struct moment now);
