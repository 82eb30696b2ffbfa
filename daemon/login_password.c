/* login_password: the user's password was changed: a reset (DESIGN section 9), as on_password_change says. It
 * has happened, so it is carried out whether the module still waits or not. See login.h. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/caller.h"
#include "daemon/password.h"
#include "daemon/process.h"
#include "daemon/reset.h"

/* The session that the process is in which changed it, if that is its user's doing: root's `passwd alice` in
 * a session of alice's is not. A process that has gone, and whose pid another one has, is in none. */
static int find_own(const struct login *login, struct store_txn *txn, struct password_change *change) {
        struct process process = { .start = login->leader.start };
        struct peer peer = {
                .uid = login->frame.uid, .pid = login->leader.pid, .connected_boot = process_started(&process)
        };
        struct session session;
        int r;

        if (!change->is_by_user || login->leader.pid == 0)
                return 0;
        r = caller_find_session(txn, &peer, &login->service->boot, &session);
        if (r)
                return r < 0 ? r : 0;
        change->has_own =
                strcmp(session.realm, change->realm) == 0 && strcmp(session.user, change->user) == 0;
        change->own = session.sid;
        return 0;
}

static int begin(struct login *login, struct store_txn *txn) {
        const struct frame_request *frame = &login->frame;
        struct password_change change = { .what = login->config->on_password_change,
                .is_by_user = frame->flags & FRAME_BY_USER,
                .newest = login->service->last_sid };
        struct reset reset = { .initiator = password_initiator(&change),
                .note = PASSWORD_NOTE,
                .at = status_time(login->service->status, clock_now().wall) };
        int r;

        snprintf(change.realm, sizeof(change.realm), "%s", frame->realm);
        snprintf(change.user, sizeof(change.user), "%s", frame->user);
        r = find_own(login, txn, &change);
        if (r < 0)
                return r;
        password_begin(login->password, &change, false);
        return reset_user(txn, frame->realm, frame->user, frame->uid, &reset, &login->change.effects);
}

int login_password(struct login *login, struct store_txn *txn) {
        int r = 0;

        if (!login->password)
                login->password = calloc(1, sizeof(*login->password));
        if (!login->password)
                return -ENOMEM;
        login_reply(login, FRAME_OK, NULL);
        password_rewind(login->password);
        if (!login->password->now.has_begun)
                r = begin(login, txn);
        if (r == 0)
                r = password_go_on(login->password, login->service->status, txn, &login->change.effects);
        return r == PASSWORD_HAS_MORE ? LOGIN_AGAIN : r;
}

void login_settle(struct login *login) {
        if (login->password)
                password_settle(login->password, login->service->status, login->change.result);
}
