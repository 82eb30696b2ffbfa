/* notice: lines for the terminals of live sessions that nothing happens to: who is signed in hears of a
 * new device. Best effort: a bounded queue in memory, of which one is said a round, because finding the
 * terminals of a login can take some milliseconds. Loop thread only. */
#pragma once

#include "daemon/leader.h"
#include "daemon/session.h"
#include "daemon/store.h"

#define NOTICES_MAX      64  /* that wait; more are dropped */
#define NOTICE_LINE_SIZE 320 /* a device's name, an address, a service, and what to do */

struct notice {
        struct leader_id leader;
        uint32_t uid;
        char line[NOTICE_LINE_SIZE];
};

/* Zero is empty. */
struct notices {
        struct notice items[NOTICES_MAX];
        size_t first, n;
};

/* Notes it for the other live sessions of the user: this one has opened from a device never seen before. 0 or
 * negative errno. */
int notices_add_new_device(struct notices *notices, struct store_txn *txn, const struct session *session);

/* Says the oldest, if its login is still there. Nothing if there is none. */
void notices_say(struct notices *notices, const struct leaders *leaders);
