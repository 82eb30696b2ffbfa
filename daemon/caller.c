/* caller: see caller.h. */
#include "daemon/caller.h"

#include "daemon/process.h"

#define ANCESTORS_MAX 64
#define SESSIONS_MAX  4096

struct ancestry {
        struct leader_id ids[ANCESTORS_MAX];
        size_t n;
        uint32_t audit_session;
};

/* What /proc says of the process that connected. A pid that was recycled since shows a later start. */
static int ancestry_read(const struct peer *peer, const struct boot_id *boot, struct ancestry *ret) {
        struct ancestry ancestry = { .audit_session = AUDIT_SESSION_UNSET };
        struct process process;
        pid_t pid = peer->pid;

        if (pid <= 0 || process_read(pid, &process) < 0 || process_started(&process) > peer->connected_boot)
                return CALLER_HAS_NONE;
        (void) process_audit_session(pid, &ancestry.audit_session);
        while (ancestry.n < ANCESTORS_MAX && pid > 1 && process_read(pid, &process) == 0) {
                ancestry.ids[ancestry.n++] =
                        (struct leader_id){ .boot = *boot, .pid = pid, .start = process.start };
                pid = process.parent;
        }
        *ret = ancestry;
        return 0;
}

/* 0: it is no ancestor; the nearer it is, the more. */
static int ancestry_nearness(const struct ancestry *ancestry, const struct leader_id *leader) {
        for (size_t i = 0; i < ancestry->n; i++)
                if (leader_id_equal(&ancestry->ids[i], leader))
                        return (int) (ANCESTORS_MAX - i);
        return 0;
}

/* How sure it is that the process is in this session: 0 not at all. The audit session tells more than an
 * ancestor. A counted session is the login itself, a tracked one was opened inside it. Of two leaders above
 * the process (a login inside a login) the nearer one is meant. */
static int session_fits(
        const struct session *session, const struct ancestry *ancestry, const struct boot_id *boot) {
        bool is_counted = session->class == CLASS_COUNTED;
        bool has_audit = session->audit_session != AUDIT_SESSION_UNSET &&
                         session->audit_session == ancestry->audit_session;
        int nearness = ancestry_nearness(ancestry, &session->leader);

        if (session->state != SESSION_LIVE || !boot_id_equal(&session->leader.boot, boot))
                return 0;
        if (!has_audit && nearness == 0)
                return 0;
        return (2 * has_audit + is_counted) * (ANCESTORS_MAX + 1) + nearness;
}

int caller_find_session(
        struct store_txn *txn, const struct peer *peer, const struct boot_id *boot, struct session *ret) {
        struct store_cursor cursor = { 0 };
        struct ancestry ancestry;
        struct session session;
        int r, best = 0;

        r = ancestry_read(peer, boot, &ancestry);
        if (r)
                return r;
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
                int fit;

                r = store_next_session_of_uid(txn, peer->uid, &cursor, &session);
                if (r < 0)
                        return r;
                if (r == STORE_END)
                        break;
                fit = session_fits(&session, &ancestry, boot);
                if (fit > best) {
                        best = fit;
                        *ret = session;
                }
        }
        return best > 0 ? 0 : CALLER_HAS_NONE;
}
