/* reconcile: at start, what the store says against what is there: sessions of another boot end with
 * `reboot`, those whose leader went meanwhile with `lost`; the leaders of the others are watched again,
 * and an ending that a crash interrupted goes on. In a store that is renewed the others end too, with
 * `account-reset`. */
#pragma once

#include "daemon/leader.h"
#include "daemon/service.h"

/* Before the writer thread is started. 0 or negative errno. Also sets service->last_sid. */
int reconcile(struct service *service, struct leaders *leaders, struct moment now);
