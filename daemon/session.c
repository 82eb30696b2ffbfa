/* session: see session.h. */
#include "daemon/session.h"

#define NAME_OF(names, index) name_of((names), sizeof(names) / sizeof(*(names)), (index))

static bool becomes_ending(const struct session *session, enum session_end end, bool may_signal) {
        if (!may_signal)
                return false;
        if (end == END_DENIED)
                return true; /* `ssh -N` stays connected after a refused open, whatever terminate says */
        return session->class == CLASS_COUNTED && session->terminate != TERMINATE_NONE;
}

int session_end(struct session *session, enum session_end end, bool may_signal) {
        if (session->state == SESSION_ENDING)
                return SESSION_WAS_ENDING;
        if (session->state == SESSION_ENDED)
                return SESSION_BECAME_ENDED;

        session->end = end;
        if (becomes_ending(session, end, may_signal)) {
                session->state = SESSION_ENDING;
                return SESSION_BECAME_ENDING;
        }
        session->state = SESSION_ENDED;
        return SESSION_BECAME_ENDED;
}

int session_finish(struct session *session, enum session_end end) {
        if (session->state == SESSION_LIVE)
                session->end = end;
        session->state = SESSION_ENDED;
        return SESSION_BECAME_ENDED;
}

usec_t session_due(const struct session *session) {
        usec_t look = session->idle.ttl > 0 ? session->idle.look_boot : USEC_NEVER;

        return look < session->deadline_boot ? look : session->deadline_boot;
}

/* Clocks that were read one after the other differ by less than a second without a step. */
usec_t session_end_wall(const struct session *session, struct moment now) {
        usec_t left, end;

        if (session->deadline_wall == USEC_NEVER || session->state != SESSION_LIVE)
                return session->deadline_wall;
        left = session->deadline_boot > now.boot ? session->deadline_boot - now.boot : 0;
        if (__builtin_add_overflow(now.wall, left, &end))
                return session->deadline_wall;
        return end > session->deadline_wall + USEC_PER_SEC ? end : session->deadline_wall;
}

bool session_is_valid(const struct session *session, const struct boot_id *boot, usec_t boot_now) {
        if (session->state != SESSION_LIVE || !boot_id_equal(&session->leader.boot, boot))
                return false;
        return session->deadline_boot == USEC_NEVER || boot_now < session->deadline_boot;
}

bool leader_id_equal(const struct leader_id *a, const struct leader_id *b) {
        return a->pid == b->pid && a->start == b->start && boot_id_equal(&a->boot, &b->boot);
}

static const char *name_of(const char *const *names, unsigned n_names, unsigned index) {
        return index < n_names && names[index] ? names[index] : "unknown";
}

const char *session_state_name(enum session_state state) {
        static const char *const names[] = {
                [SESSION_LIVE] = "live",
                [SESSION_ENDING] = "ending",
                [SESSION_ENDED] = "ended",
        };

        return NAME_OF(names, state);
}

const char *session_end_name(enum session_end end) {
        static const char *const names[_END_MAX] = {
                [END_NONE] = "",
                [END_LOGOUT] = "logout",
                [END_EVICTED] = "evicted",
                [END_REVOKED] = "revoked",
                [END_DEVICE_REMOVED] = "device-removed",
                [END_EXPIRED] = "expired",
                [END_IDLE] = "idle",
                [END_REFRESH_REUSE] = "refresh-reuse",
                [END_ACCOUNT_RESET] = "account-reset",
                [END_USER_GONE] = "user-gone",
                [END_DENIED] = "denied",
                [END_KILLED] = "killed",
                [END_REBOOT] = "reboot",
                [END_LOST] = "lost",
        };

        return NAME_OF(names, end);
}

const char *session_class_name(enum session_class class) {
        static const char *const names[] = {
                [CLASS_COUNTED] = "counted",
                [CLASS_TRACKED] = "tracked",
                [CLASS_NESTED] = "nested",
                [CLASS_IGNORED] = "ignored",
        };

        return NAME_OF(names, class);
}

const char *terminate_name(enum terminate terminate) {
        static const char *const names[] = {
                [TERMINATE_LEADER] = "leader",
                [TERMINATE_NONE] = "none",
                [TERMINATE_SCOPE] = "scope",
        };

        return NAME_OF(names, terminate);
}
