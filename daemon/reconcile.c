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

static void go_on_ending(
        struct leaders *leaders, const struct session *session, const char *note, usec_t boot) {
        char line[TELL_LINE_SIZE];

        if (session->state != SESSION_ENDING)
                return;
        tell_line(session, note, line);
        terminate_begin(leaders, session, session->end == END_DENIED ? NULL : line, boot);
}

static int reconcile_session(struct service *service, struct leaders *leaders, struct store_txn *txn,
        struct session *session, struct effects *effects, struct moment now, bool *has_unwatched) {
        int r;

        if (!boot_id_equal(&session->leader.boot, &service->boot))
                return ending_finish(txn, session, END_REBOOT, effects);
        r = watch_leader(leaders, &session->leader);
        if (r == -ESRCH)
                return ending_finish(txn, session, END_LOST, effects);
        if (r < 0) {
                log_line(LOG_ERR, "cannot watch login process %d: %s", session->leader.pid, strerror(-r));
                *has_unwatched = true;
                return service->is_renewed ? ending_finish(txn, session, END_LOST, effects) : 0;
        }
        if (service->is_renewed) {
                r = ending_end(txn, session, END_ACCOUNT_RESET, BY_SYSTEM, RENEWAL_NOTE, effects);
                if (r < 0)
                        return r;
        }
        go_on_ending(leaders, session, service->is_renewed ? RENEWAL_NOTE : "", now.boot);
        return 0;
}

/* A slice of all sessions in one commit. 0: there are more; STORE_END; negative errno. */
static int reconcile_slice(struct service *service, struct leaders *leaders, struct store_cursor *cursor,
        struct moment now, bool *has_unwatched) {
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
                        r = reconcile_session(service, leaders, txn, &session, &effects, now, has_unwatched);
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

int reconcile(struct service *service, struct leaders *leaders, struct moment now, bool *ret_has_unwatched) {
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
        *ret_has_unwatched = false;
        do
                r = reconcile_slice(service, leaders, &cursor, now, ret_has_unwatched);
        while (r == 0);
        return r < 0 ? r : mend_status(service);
}

/* ---- those that could not be watched ---- */

/* Leaders count their sessions: those of them that are not counted yet, when the walk is at the first. */
static int watch_rest_of(
        struct leaders *leaders, struct store_txn *txn, const struct session *first, usec_t boot) {
        const struct leader *known = leaders_find(leaders, &first->leader);
        size_t n_counted = known ? known->n_sessions : 0;
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        for (size_t n = 0; (r = store_next_session_of_leader(txn, &first->leader, &cursor, &session)) == 0;
                n++) {
                if (n == 0 && sid_compare(&session.sid, &first->sid) != 0)
                        return 0;
                if (n < n_counted)
                        continue;
                r = watch_leader(leaders, &first->leader);
                if (r < 0)
                        return r;
                go_on_ending(leaders, &session, "", boot);
        }
        return r < 0 ? r : 0;
}

int reconcile_unwatched(struct service *service, struct leaders *leaders, struct unwatched *unwatched,
        struct moment now, uint64_t told) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct session session;
        int r, watched;

        unwatched->n_gone = 0;
        if (!unwatched->is_there)
                return 0;
        r = store_begin_read(service->store, &txn);
        if (r == 0 && store_sees(txn) > told)
                return 0;
        for (int i = 0; r == 0 && i < SESSIONS_PER_TURN && unwatched->n_gone < UNWATCHED_GONE_MAX; i++) {
                r = store_next_session_by_user(txn, &unwatched->cursor, &session);
                if (r == -EBADMSG) { /* passed over, as at start */
                        r = 0;
                        continue;
                }
                if (r || !boot_id_equal(&session.leader.boot, &service->boot))
                        continue;
                watched = watch_rest_of(leaders, txn, &session, now.boot);
                if (watched == -ESRCH)
                        unwatched->gone[unwatched->n_gone++] = session.leader;
                else if (watched < 0)
                        unwatched->has_failed = true;
        }
        if (r == STORE_END) {
                unwatched->is_there = unwatched->has_failed;
                unwatched->has_failed = false;
                unwatched->cursor = (struct store_cursor){ 0 };
        }
        return r < 0 ? r : 0;
}
