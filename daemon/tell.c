/* tell: see tell.h. */
#include "daemon/tell.h"

#include <stdio.h>
#include <string.h>

#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/terminate.h"

struct event {
        const char *name;
        int priority;
        const char *sentence; /* user, short sid and device follow */
};

static const struct event events[] = {
        [EFFECT_SESSION_OPENED] = { "session-opened", LOG_INFO, "session opened" },
        [EFFECT_SESSION_DENIED] = { "login-denied", LOG_NOTICE, "login denied" },
        [EFFECT_LOGIN_DENIED] = { "login-denied", LOG_NOTICE, "login denied" },
        [EFFECT_SESSION_ENDING] = { "session-ended", LOG_INFO, "session ended" },
        [EFFECT_SESSION_ENDED] = { "session-ended", LOG_INFO, "session ended" },
        [EFFECT_SESSION_GONE] = { "login-closed", LOG_DEBUG, "login process has gone" },
        [EFFECT_END_NOT_KEPT] = { "end-not-kept", LOG_ERR,
                "session ended, but the store has no room to say so" },
        [EFFECT_SESSION_SPARED] = { "session-spared", LOG_NOTICE, "not enforced" },
        [EFFECT_DEVICE_NEW] = { "device-new", LOG_NOTICE, "new device" },
        [EFFECT_KEY_MADE] = { "key-made", LOG_INFO, "signing key made, to be used next" },
        [EFFECT_KEY_ROTATED] = { "key-rotated", LOG_NOTICE,
                "signing key rotated, tokens are signed from now on by" },
        [EFFECT_KEY_GONE] = { "key-gone", LOG_INFO, "signing key gone, its last token has expired" },
        [EFFECT_KEY_REVOKED] = { "key-revoked", LOG_WARNING, "signing key revoked, no token of it verifies" },
};

static void tell_key(const struct effect *effect) {
        const struct event *event = &events[effect->kind];
        const char *initiator = initiator_name(effect->initiator);
        char line[256];

        snprintf(line, sizeof(line), "%s: %.64s (%s)", event->sentence, effect->note, initiator);
        log_event(event->priority, event->name, line,
                (const struct log_field[]){ { "KID", effect->note }, { "INITIATOR", initiator } }, 2);
}

static void tell_event(const struct effect *effect) {
        const struct session *session = &effect->session;
        const struct event *event = &events[effect->kind];
        const char *reason = session_end_name(session->end);
        char sid[SID_TEXT_MAX + 1], device[DEVICE_ID_TEXT_SIZE], uid[16], leader[16], line[2048];

        sid_write(&session->sid, sid);
        device_id_write(&session->device, device);
        snprintf(uid, sizeof(uid), "%u", session->uid);
        snprintf(leader, sizeof(leader), "%d", session->leader.pid);
        snprintf(line, sizeof(line), "%s%s%s: %s %s by %s from %s%s%s%s%s%s", event->sentence,
                *reason ? ", " : "", reason, session->user, sid, session->service, session->device_name,
                *session->ip ? " at " : "", session->ip, *effect->note ? " (" : "", effect->note,
                *effect->note ? ")" : "");
        log_event(event->priority, event->name, line,
                (const struct log_field[]){ { "SID", sid }, { "USER", session->user }, { "UID", uid },
                        { "REALM", session->realm }, { "SERVICE", session->service }, { "DEVICE", device },
                        { "DEVICE_NAME", session->device_name }, { "IP", session->ip },
                        { "POLICY", session->policy }, { "LEADER", leader }, { "REASON", reason },
                        { "INITIATOR", initiator_name(effect->initiator) }, { "NOTE", effect->note } },
                13);
}

static bool is_of_key(const struct effect *effect) {
        return effect->kind >= EFFECT_KEY_MADE && effect->kind <= EFFECT_KEY_REVOKED;
}

void tell_status(const struct effects *effects, struct status *status) {
        HOOK("before-status");
        for (size_t i = 0; i < effects->n; i++)
                if (effects_is_end(&effects->items[i]))
                        status_set(status, effects->items[i].session.status_index, STATUS_INVALID);
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_SESSION_OPENED)
                        status_set(status, effects->items[i].session.status_index, STATUS_VALID);
        HOOK("after-status");
}

void tell_events(const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
                if (is_of_key(&effects->items[i]))
                        tell_key(&effects->items[i]);
                else
                        tell_event(&effects->items[i]);
}

void tell_leaders(const struct effects *effects, struct leaders *leaders, int *pidfd) {
        for (size_t i = 0; i < effects->n; i++) {
                const struct session *session = &effects->items[i].session;
                int r = 0;

                switch (effects->items[i].kind) {
                case EFFECT_SESSION_OPENED:
                case EFFECT_SESSION_DENIED:
                        r = leaders_watch(leaders, &session->leader, pidfd);
                        break;
                case EFFECT_SESSION_ENDED:
                case EFFECT_SESSION_GONE:
                        leaders_release(leaders, &session->leader);
                        break;
                default:
                        break;
                }
                if (r < 0)
                        log_line(LOG_ERR,
                                "cannot watch login process %d: %s; its session ends at its close or at the "
                                "next start",
                                session->leader.pid, strerror(-r));
        }
}

void tell_line(const struct session *session, const char *note, char ret[static TELL_LINE_SIZE]) {
        static const char *const sentences[_END_MAX] = {
                [END_EVICTED] = "you signed in elsewhere",
                [END_REVOKED] = "it was revoked",
                [END_LOGOUT] = "you signed out",
                [END_DEVICE_REMOVED] = "this device was removed",
                [END_EXPIRED] = "it has reached its longest time",
                [END_REFRESH_REUSE] = "one of its refresh tokens came a second time, as if stolen",
                [END_IDLE] = "it was idle for too long",
                [END_USER_GONE] = "this account is not there any more",
        };
        const char *sentence =
                sentences[session->end] ? sentences[session->end] : session_end_name(session->end);

        snprintf(ret, TELL_LINE_SIZE, "*** sessjwt: this session ends: %s%s%s%s. ***", sentence,
                *note ? " (" : "", note, *note ? ")" : "");
}

void tell_logins(const struct effects *effects, struct leaders *leaders, usec_t now_boot) {
        for (size_t i = 0; i < effects->n; i++) {
                const struct effect *effect = &effects->items[i];
                char line[TELL_LINE_SIZE];

                if (effect->kind == EFFECT_SESSION_DENIED)
                        terminate_begin(leaders, &effect->session, NULL, now_boot);
                if (effect->kind != EFFECT_SESSION_ENDING)
                        continue;
                HOOK("before-terminal");
                tell_line(&effect->session, effect->note, line);
                terminate_begin(leaders, &effect->session, line, now_boot);
        }
}
