/* history: see history.h. */
#include "daemon/history.h"

#include <errno.h>

#include "daemon/event.h"

#define LOOKS_BACK 16 /* rows of the user, for one that a failed attempt joins */

/* The failed attempts of one user from one source are one row a minute, so that a guesser makes no row an
 * attempt. With many sources at once, or much else of the user's between, they are a few more. 1: it joined a
 * row; 0; negative errno. */
static int join(struct store_txn *txn, const struct event *event) {
        uint64_t sequence = 0;
        int r;

        r = store_newest_event_of_user(txn, event->realm, event->user, &sequence);
        for (size_t i = 0; r == 0 && sequence > 0 && i < LOOKS_BACK; i++) {
                struct event row;
                uint64_t previous;

                r = store_find_event(txn, sequence, &row, &previous);
                if (r)
                        break;
                if (event_joins(&row, event)) {
                        row.count++;
                        r = store_put_event(txn, sequence, &row);
                        return r < 0 ? r : r == 0;
                }
                sequence = previous;
        }
        return r < 0 && r != -EBADMSG ? r : 0;
}

static int keep(struct store_txn *txn, const struct effect *effect) {
        struct event event = event_of(effect);
        int r = effect->kind == EFFECT_LOGIN_FAILED ? join(txn, &event) : 0;

        return r ? r : store_add_event(txn, &event);
}

int history_keep(struct store_txn *txn, const struct effects *effects) {
        int r;

        for (size_t i = 0; i < effects->n; i++) {
                if (event_kind_of(&effects->items[i])->use != EVENT_KEPT)
                        continue;
                r = store_has_room(txn);
                if (r <= 0)
                        return r;
                r = keep(txn, &effects->items[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The oldest row's own time decides: behind a clock that was set back rows stay a little longer. A row that
 * cannot be read goes when it is the oldest. */
int history_is_due(struct store_txn *txn, const struct history_rule *rule, usec_t wall) {
        struct event oldest;
        uint64_t n, sequence;
        int r;

        r = store_count_events(txn, &n);
        if (r < 0 || n <= 1)
                return r;
        if (rule->size && n > rule->size)
                return 1;
        r = store_has_room(txn);
        if (r <= 0)
                return r < 0 ? r : 1;
        if (!rule->keep)
                return 0;
        r = store_oldest_event(txn, &sequence, &oldest);
        if (r == -EBADMSG)
                return 1;
        return r ? r : wall > rule->keep && oldest.wall < wall - rule->keep;
}

int history_drop(struct store_txn *txn, const struct history_rule *rule, usec_t wall) {
        for (size_t i = 0; i < HISTORY_DROPS_PER_TURN; i++) {
                int r = history_is_due(txn, rule, wall);

                if (r <= 0)
                        return r;
                r = store_drop_oldest_event(txn);
                if (r)
                        return r < 0 ? r : 0;
        }
        return HISTORY_HAS_MORE;
}
