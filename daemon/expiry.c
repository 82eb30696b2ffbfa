/* expiry: see expiry.h. */
#include "daemon/expiry.h"

#include "client/cleanup.h"
#include "daemon/ending.h"

int expiry_due(struct store *store, usec_t *ret) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct session session;
        int r;

        r = store_begin_read(store, &txn);
        if (r < 0)
                return r;
        r = store_first_deadline(txn, &session);
        if (r < 0)
                return r;
        *ret = r == STORE_NOT_FOUND ? USEC_NEVER : session.deadline_boot;
        return 0;
}

int expiry_run(struct change *change, struct store_txn *txn) {
        struct moment now = clock_now();

        for (int i = 0; i < EXPIRED_PER_TURN; i++) {
                struct session session;
                int r;

                r = store_first_deadline(txn, &session);
                if (r < 0)
                        return r;
                if (r == STORE_NOT_FOUND || session.deadline_boot > now.boot)
                        return 0;
                r = ending_end(txn, &session, END_EXPIRED, BY_POLICY, NULL, &change->effects);
                if (r < 0)
                        return r;
        }
        return 0;
}
