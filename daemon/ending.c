/* ending: see ending.h. */
#include "daemon/ending.h"

#include <errno.h>
#include <string.h>

static bool session_shares_badly(const struct session *session, const struct session *first) {
        return session->class == CLASS_TRACKED || session->uid != first->uid ||
               strcmp(session->user, first->user) != 0 || strcmp(session->realm, first->realm) != 0;
}

int ending_may_signal(struct store_txn *txn, const struct leader_id *leader, const struct session *pending) {
        struct store_cursor cursor = { 0 };
        struct session first, session;
        bool has_first = pending != NULL;
        int r;

        if (pending) {
                first = *pending;
                if (session_shares_badly(pending, pending))
                        return 0;
        }
        while ((r = store_next_session_of_leader(txn, leader, &cursor, &session)) == 0) {
                if (!has_first)
                        first = session;
                has_first = true;
                if (session_shares_badly(&session, &first))
                        return 0;
        }
        return r < 0 ? r : 1;
}

int ending_end(struct store_txn *txn, struct session *session, enum session_end end, enum initiator initiator,
        const char *note, struct effects *effects) {
        int r;

        r = ending_may_signal(txn, &session->leader, NULL);
        if (r < 0)
                return r;
        switch (session_end(session, end, r == 1)) {
        case SESSION_BECAME_ENDING:
                r = store_put_session(txn, session);
                if (r)
                        return r < 0 ? r : -ENOENT;
                return effects_add(effects, EFFECT_SESSION_ENDING, initiator, session, note);
        case SESSION_BECAME_ENDED:
                r = store_remove_session(txn, &session->sid);
                if (r)
                        return r < 0 ? r : -ENOENT;
                return effects_add(effects, EFFECT_SESSION_ENDED, initiator, session, note);
        default:
                return 0;
        }
}

int ending_finish(
        struct store_txn *txn, struct session *session, enum session_end end, struct effects *effects) {
        bool was_ending = session->state == SESSION_ENDING;
        int r;

        session_finish(session, end);
        r = store_remove_session(txn, &session->sid);
        if (r)
                return r < 0 ? r : -ENOENT;
        return effects_add(
                effects, was_ending ? EFFECT_SESSION_GONE : EFFECT_SESSION_ENDED, BY_SYSTEM, session, NULL);
}
