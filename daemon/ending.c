/* ending: see ending.h. */
#include "daemon/ending.h"

#include <errno.h>
#include <string.h>

static bool is_same_session(const struct session *a, const struct session *b) {
        return b && sid_compare(&a->sid, &b->sid) == 0;
}

static bool is_same_user(const struct session *a, const struct session *b) {
        return a->uid == b->uid && strcmp(a->user, b->user) == 0 && strcmp(a->realm, b->realm) == 0;
}

int ending_may_signal(struct store_txn *txn, const struct leader_id *leader, const struct session *ending,
        const struct session *opening) {
        struct store_cursor cursor = { 0 };
        struct session first, session;
        bool has_first = ending != NULL;
        int r;

        if (ending && ending->class == CLASS_TRACKED)
                return 0;
        if (opening && leader_id_equal(&opening->leader, leader))
                return 0;
        if (has_first)
                first = *ending;
        while ((r = store_next_session_of_leader(txn, leader, &cursor, &session)) == 0) {
                if (is_same_session(&session, ending))
                        continue;
                if (session.class == CLASS_TRACKED || session.state == SESSION_LIVE)
                        return 0;
                if (has_first && !is_same_user(&session, &first))
                        return 0;
                first = session;
                has_first = true;
        }
        return r < 0 ? r : 1;
}

struct ending {
        enum session_end end;
        enum initiator initiator;
        const char *note;
};

static int keep_ending(struct store_txn *txn, struct session *session, const struct ending *how,
        int may_signal, struct effects *effects) {
        int r, outcome;

        if (may_signal < 0)
                return may_signal;
        outcome = session_end(session, how->end, may_signal);
        if (outcome == SESSION_WAS_ENDING)
                return 0;
        /* Said before it is kept: an end for which the store has no room stands all the same. */
        r = effects_add(effects,
                outcome == SESSION_BECAME_ENDING ? EFFECT_SESSION_ENDING : EFFECT_SESSION_ENDED,
                how->initiator, session, how->note);
        if (r < 0)
                return r;
        r = outcome == SESSION_BECAME_ENDING ? store_put_session(txn, session)
                                             : store_remove_session(txn, &session->sid);
        return r > 0 ? -ENOENT : r;
}

int ending_end(struct store_txn *txn, struct session *session, enum session_end end, enum initiator initiator,
        const char *note, struct effects *effects) {
        return keep_ending(txn, session, &(struct ending){ .end = end, .initiator = initiator, .note = note },
                ending_may_signal(txn, &session->leader, session, NULL), effects);
}

int ending_evict(struct store_txn *txn, struct session *victim, const struct eviction *eviction,
        struct effects *effects) {
        return keep_ending(txn, victim,
                &(struct ending){
                        .end = END_EVICTED, .initiator = eviction->initiator, .note = eviction->note },
                ending_may_signal(txn, &victim->leader, victim, eviction->opening), effects);
}

int ending_finish(
        struct store_txn *txn, struct session *session, enum session_end end, struct effects *effects) {
        bool was_ending = session->state == SESSION_ENDING;
        int r;

        session_finish(session, end);
        r = effects_add(
                effects, was_ending ? EFFECT_SESSION_GONE : EFFECT_SESSION_ENDED, BY_SYSTEM, session, NULL);
        if (r < 0)
                return r;
        effects->items[effects->n - 1].is_over = true;
        r = store_remove_session(txn, &session->sid);
        return r > 0 ? -ENOENT : r;
}
