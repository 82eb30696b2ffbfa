/* history: see history.h. */
#include "daemon/history.h"

#include <errno.h>

#include "daemon/event.h"

int history_keep(struct store_txn *txn, const struct effects *effects) {
        int r;

        for (size_t i = 0; i < effects->n; i++) {
                struct event event;

                if (event_kind_of(&effects->items[i])->use != EVENT_KEPT)
                        continue;
                r = store_has_room(txn);
                if (r <= 0)
                        return r;
                event = event_of(&effects->items[i]);
                r = store_add_event(txn, &event);
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
