/* reconcile: see reconcile.h. */
#include "daemon/reconcile.h"

#include <errno.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/history.h"
#include "daemon/log.h"
#include "daemon/renewal.h"
#include "daemon/tell.h"
#include "daemon/terminate.h"

#define SESSIONS_PER_TURN 1024

static int watch_leader(struct leaders *leaders, const struct leader_id *id) {
        _cleanup_(cleanup_close) int pidfd = -1;

        if (!leaders_find(leaders, id)) {
                pidfd = leaders_reopen(leaders, id);
                if (pidfd < 0)
                        return pidfd;
        }
        return leaders_watch(leaders, id, &pidfd);
}

static int reconcile_session(struct service *service, struct leaders *leaders, struct store_txn *txn,
        struct session *session, struct effects *effects, struct moment now) {
        char line[TELL_LINE_SIZE];
        int r;

        if (!boot_id_equal(&session->leader.boot, &service->boot))
                return ending_finish(txn, session, END_REBOOT, effects);
        r = watch_leader(leaders, &session->leader);
        if (r == -ESRCH)
                return ending_finish(txn, session, END_LOST, effects);
        if (r < 0) {
                log_line(LOG_ERR, "cannot watch login process %d: %s", session->leader.pid, strerror(-r));
                return service->is_renewed ? ending_finish(txn, session, END_LOST, effects) : 0;
        }
        if (service->is_renewed) {
                r = ending_end(txn, session, END_ACCOUNT_RESET, BY_SYSTEM, RENEWAL_NOTE, effects);
                if (r < 0)
                        return r;
        }
        if (session->state == SESSION_ENDING) {
                tell_line(session, service->is_renewed ? RENEWAL_NOTE : "", line);
                terminate_begin(leaders, session, session->end == END_DENIED ? NULL : line, now.boot);
        }
        return 0;
}

/* A slice of all sessions in one commit. 0: there are more; STORE_END; negative errno. */
static int reconcile_slice(
        struct service *service, struct leaders *leaders, struct store_cursor *cursor, struct moment now) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(effects_free) struct effects effects = { 0 };
        int r, commit_result;

        r = store_begin_turn(service->store, &txn);
        for (int i = 0; r == 0 && i < SESSIONS_PER_TURN; i++) {
                struct session session;

                r = store_next_session_by_user(txn, cursor, &session);
                if (r == -EBADMSG) { /* the cursor is behind it: one broken record must not end all others */
                        log_line(LOG_ERR, "the record of a session cannot be read and is passed over");
                        r = 0;
                        continue;
                }
                if (r == 0)
                        r = reconcile_session(service, leaders, txn, &session, &effects, now);
                if (r == 0 && session.state != SESSION_ENDED) /* else its index rests */
                        r = status_claim(
                                service->status, session.status_index, session.state == SESSION_LIVE);
        }
        if (r < 0)
                return r;
        effects_stamp(&effects, now.wall);
        if (r >= 0 && history_keep(txn, &effects) < 0)
                log_line(
                        LOG_ERR, "the ends of sessions that are found at start could not be kept in history");
        commit_result = store_commit(&txn);
        if (commit_result < 0)
                return commit_result;
        tell_events(&effects);
        return r;
}

/* All but the bytes of those that live is invalid: whatever a crash left, and whoever wrote it. */
static int mend_status(struct service *service) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct store_cursor cursor = { 0 };
        uint64_t index;
        int r;

        r = store_begin_read(service->store, &txn);
        if (r < 0)
                return r;
        while ((r = store_next_retired(txn, &cursor, &index)) == 0) {
                r = status_claim(service->status, index, false);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        status_mend(service->status);
        return 0;
}

int reconcile(struct service *service, struct leaders *leaders, struct moment now) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct store_cursor cursor = { 0 };
        int r;

        r = store_begin_read(service->store, &txn);
        if (r < 0)
                return r;
        r = store_newest_sid(txn, &service->last_sid);
        if (r < 0)
                return r;
        store_abort(&txn);
        do
                r = reconcile_slice(service, leaders, &cursor, now);
        while (r == 0);
        return r < 0 ? r : mend_status(service);
}
