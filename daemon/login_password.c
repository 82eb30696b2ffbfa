/* login_password: the user's password was changed: a reset (DESIGN section 9), as on_password_change says. It
 * has happened, so it is carried out whether the module still waits or not. See login.h. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/caller.h"
#include "daemon/ending.h"
#include "daemon/process.h"
#include "daemon/reset.h"

#define ROWS_PER_TURN 256

struct progress {
        bool has_begun;
        usec_t at;
        struct store_cursor cursor;
        struct sid newest; /* session when it began: later ones logged in with the new password */
        struct sid own;    /* session that it was changed in */
        bool has_own;
};

/* Indices are picked once, however often a turn is run: settle gives those back that it did not use. */
struct login_reset {
        struct progress progress; /* of this turn */
        struct progress kept;     /* of those before */
        uint64_t indices[ROWS_PER_TURN];
        size_t n_picked, n_used;
};

static const char note[] = "the password was changed";

static enum initiator initiator_of(const struct login *login) {
        return login->frame.flags & FRAME_BY_USER ? BY_USER : BY_ADMIN;
}

/* The session that the process is in which changed it, if that is its user's doing: root's `passwd alice` in
 * a session of alice's is not. A process that has gone, and whose pid another one has, is in none. */
static int find_own(const struct login *login, struct store_txn *txn, struct progress *p) {
        struct process process = { .start = login->leader.start };
        struct peer peer = {
                .uid = login->frame.uid, .pid = login->leader.pid, .connected_boot = process_started(&process)
        };
        struct session session;
        int r;

        if (!(login->frame.flags & FRAME_BY_USER) || login->leader.pid == 0)
                return 0;
        r = caller_find_session(txn, &peer, &login->service->boot, &session);
        if (r)
                return r < 0 ? r : 0;
        p->has_own = strcmp(session.realm, login->frame.realm) == 0 &&
                     strcmp(session.user, login->frame.user) == 0;
        p->own = session.sid;
        return 0;
}

static int begin(struct login *login, struct store_txn *txn, struct progress *p) {
        const struct frame_request *frame = &login->frame;
        struct reset reset = { .initiator = initiator_of(login), .note = note };
        int r;

        p->has_begun = true;
        p->at = reset.at = status_time(login->service->status, clock_now().wall);
        p->newest = login->service->last_sid;
        r = find_own(login, txn, p);
        if (r < 0)
                return r;
        return reset_user(txn, frame->realm, frame->user, frame->uid, &reset, &login->change.effects);
}

static bool is_kept(const struct login *login, const struct session *session) {
        const struct progress *p = &login->reset->progress;

        switch (login->config->on_password_change) {
        case PASSWORD_ENDS_OTHERS:
                return p->has_own && sid_compare(&p->own, &session->sid) == 0;
        case PASSWORD_ENDS_ALL:
                return false;
        case PASSWORD_KEEPS:
                return true;
        }
        return false;
}

static int pick_index(struct login *login, uint64_t *ret) {
        struct login_reset *reset = login->reset;
        int r;

        if (reset->n_used == reset->n_picked) {
                r = status_pick(login->service->status, &reset->indices[reset->n_picked]);
                if (r < 0)
                        return r;
                reset->n_picked++;
        }
        *ret = reset->indices[reset->n_used++];
        return 0;
}

/* One that is to be kept and finds no place on the page ends: the tokens of before count no more. */
static int reset_one(struct login *login, struct store_txn *txn, struct session *session) {
        struct reset reset = { .initiator = initiator_of(login), .note = note };
        uint64_t index;

        if (is_kept(login, session) && pick_index(login, &index) == 0)
                return reset_renew(txn, session, index, &reset, &login->change.effects);
        return ending_end(txn, session, END_ACCOUNT_RESET, reset.initiator, note, &login->change.effects);
}

static int reset_slice(struct login *login, struct store_txn *txn, struct progress *p) {
        struct session session;
        int r;

        for (size_t i = 0; i < ROWS_PER_TURN; i++) {
                r = store_next_session_of_user(
                        txn, login->frame.realm, login->frame.user, &p->cursor, &session);
                if (r)
                        return r < 0 ? r : 0;
                if (session.state != SESSION_LIVE || sid_compare(&session.sid, &p->newest) > 0)
                        continue;
                r = reset_one(login, txn, &session);
                if (r < 0)
                        return r;
        }
        return LOGIN_AGAIN;
}

int login_password(struct login *login, struct store_txn *txn) {
        struct progress *p;
        int r = 0;

        if (!login->reset)
                login->reset = calloc(1, sizeof(*login->reset));
        if (!login->reset)
                return -ENOMEM;
        login_reply(login, FRAME_OK, NULL);
        p = &login->reset->progress;
        *p = login->reset->kept;
        login->reset->n_used = 0;
        if (!p->has_begun)
                r = begin(login, txn, p);
        return r < 0 ? r : reset_slice(login, txn, p);
}

void login_settle(struct login *login) {
        struct login_reset *reset = login->reset;

        if (!reset)
                return;
        if (login->change.result < 0)
                reset->n_used = 0;
        for (size_t i = reset->n_used; i < reset->n_picked; i++)
                status_give_back(login->service->status, reset->indices[i]);
        reset->n_picked = reset->n_used = 0;
        reset->kept = reset->progress;
}
