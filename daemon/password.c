/* password: see password.h. */
#include "daemon/password.h"

#include <errno.h>

#include "daemon/ending.h"
#include "daemon/reset.h"

void password_rewind(struct password_work *work) {
        work->now = work->kept;
        work->n_used = 0;
}

void password_begin(struct password_work *work, const struct password_change *change, bool is_in_store) {
        work->now = (struct password_progress){
                .has_begun = true, .is_in_store = is_in_store, .change = *change
        };
}

enum initiator password_initiator(const struct password_change *change) {
        return change->is_by_user ? BY_USER : BY_ADMIN;
}

static int pick_index(struct password_work *work, struct status *status, uint64_t *ret) {
        int r;

        if (work->n_used == work->n_picked) {
                r = status_pick(status, &work->indices[work->n_picked]);
                if (r < 0)
                        return r;
                work->n_picked++;
        }
        *ret = work->indices[work->n_used++];
        return 0;
}

static int see_to(struct password_work *work, struct status *status, struct store_txn *txn,
        struct session *session, struct effects *effects) {
        const struct password_change *change = &work->now.change;
        const struct reset reset = { .initiator = password_initiator(change), .note = PASSWORD_NOTE };
        uint64_t index;

        if (password_change_keeps(change, &session->sid) && pick_index(work, status, &index) == 0)
                return reset_renew(txn, session, index, &reset, effects);
        return ending_end(txn, session, END_ACCOUNT_RESET, reset.initiator, reset.note, effects);
}

static int finish(struct password_progress *p, struct store_txn *txn) {
        int r;

        if (!p->is_in_store)
                return 0;
        r = store_remove_password_change(txn, &p->change);
        return r < 0 ? r : 0;
}

static int put_off(struct password_progress *p, struct store_txn *txn) {
        int r;

        r = store_put_password_change(txn, &p->change);
        if (r)
                return r;
        p->is_in_store = true;
        return PASSWORD_HAS_MORE;
}

int password_go_on(
        struct password_work *work, struct status *status, struct store_txn *txn, struct effects *effects) {
        struct password_progress *p = &work->now;
        struct session session;
        int r;

        for (size_t i = 0; i < PASSWORD_ROWS_PER_TURN; i++) {
                r = store_next_session_of_user(txn, p->change.realm, p->change.user, &p->cursor, &session);
                if (r == -EBADMSG) /* the cursor is behind it: one broken record must not save all others */
                        continue;
                if (r)
                        return r < 0 ? r : finish(p, txn);
                if (!password_change_concerns(&p->change, &session.sid))
                        continue;
                p->change.done = session.sid;
                if (session.state != SESSION_LIVE)
                        continue;
                r = see_to(work, status, txn, &session, effects);
                if (r < 0)
                        return r;
        }
        return put_off(p, txn);
}

void password_settle(struct password_work *work, struct status *status, int result) {
        if (result < 0)
                work->n_used = 0;
        for (size_t i = work->n_used; i < work->n_picked; i++)
                status_give_back(status, work->indices[i]);
        work->n_picked = work->n_used = 0;
        if (result >= 0)
                work->kept = work->now;
}
