/* expiry: see expiry.h. */
#include "daemon/expiry.h"

#include <errno.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/process.h"
#include "daemon/terminal.h"

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
        *ret = r == STORE_NOT_FOUND ? USEC_NEVER : session_due(&session);
        return 0;
}

/* When a terminal of the login was last read from. One whose leader has gone has none. */
static bool find_terminal(const struct session *session, usec_t *ret_wall) {
        struct process leader;

        if (process_read(session->leader.pid, &leader) < 0 || leader.start != session->leader.start)
                return false;
        return terminal_last_read(session->leader.pid, session->uid, ret_wall) > 0;
}

/* Ends it, or notes when to look again. */
static int look(struct store_txn *txn, struct session *session, struct moment now, struct effects *effects) {
        usec_t terminal_wall = 0;
        bool has_terminal = find_terminal(session, &terminal_wall);
        int r;

        if (idle_look(&session->idle, has_terminal, terminal_wall, now) == IDLE_OVER)
                return ending_end(txn, session, END_IDLE, BY_POLICY, NULL, effects);
        r = store_put_session(txn, session);
        return r > 0 ? -ENOENT : r;
}

int expiry_run(struct change *change, struct store_txn *txn) {
        struct moment now = clock_now();
        int n_looks = 0;

        for (int i = 0; i < EXPIRED_PER_TURN && n_looks < LOOKS_PER_TURN; i++) {
                struct session session;
                int r;

                r = store_first_deadline(txn, &session);
                if (r < 0)
                        return r;
                if (r == STORE_NOT_FOUND || session_due(&session) > now.boot)
                        return 0;
                if (session.deadline_boot <= now.boot) {
                        r = ending_end(txn, &session, END_EXPIRED, BY_POLICY, NULL, &change->effects);
                } else {
                        r = look(txn, &session, now, &change->effects);
                        n_looks++;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}
