/* tell: see tell.h. */
#include "daemon/tell.h"

#include <stdio.h>
#include <string.h>

#include "daemon/event.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/terminate.h"

/* Who, what and where, as far as it has them. */
static void write_line(
        const struct event_kind *kind, const struct event *event, const char *sid, char *line, size_t size) {
        const char *end = session_end_name(event->end);
        int n;

        n = snprintf(line, size, "%s%s%s:", kind->sentence, *end ? ", " : "", end);
        if (*event->user)
                n += snprintf(line + n, size - (size_t) n, " %s", event->user);
        if (event_has_session(event))
                n += snprintf(line + n, size - (size_t) n, " %s", sid);
        if (*event->service)
                n += snprintf(line + n, size - (size_t) n, " by %s", event->service);
        if (*event->device_name)
                n += snprintf(line + n, size - (size_t) n, " from %s", event->device_name);
        if (*event->ip)
                n += snprintf(line + n, size - (size_t) n, " at %s", event->ip);
        if (!*event->user)
                snprintf(line + n, size - (size_t) n, "%s%s (%s)", *event->note ? " " : "", event->note,
                        initiator_name(event->initiator));
        else if (*event->note)
                snprintf(line + n, size - (size_t) n, " (%s)", event->note);
}

static void tell_event(const struct effect *effect) {
        const struct event_kind *kind = event_kind_of(effect);
        const struct event event = event_of(effect);
        const struct session *session = &effect->session;
        char sid[SID_TEXT_MAX + 1] = "", device[DEVICE_ID_TEXT_SIZE] = "", uid[16] = "", leader[16] = "";
        char line[2048];

        if (event_has_session(&event))
                sid_write(&event.sid, sid);
        if (event_has_device(&event))
                device_id_write(&event.device, device);
        if (event.uid != EVENT_UID_NONE)
                snprintf(uid, sizeof(uid), "%u", event.uid);
        if (session->leader.pid != 0)
                snprintf(leader, sizeof(leader), "%d", session->leader.pid);
        write_line(kind, &event, sid, line, sizeof(line));
        log_event(&(struct log_kind){ kind->priority, kind->name, kind->message_id }, line,
                (const struct log_field[]){ { "SID", sid }, { "USER", event.user }, { "UID", uid },
                        { "REALM", event.realm }, { "SERVICE", event.service }, { "DEVICE", device },
                        { "DEVICE_NAME", event.device_name }, { "IP", event.ip },
                        { "POLICY", session->policy }, { "LEADER", leader },
                        { "REASON", session_end_name(event.end) },
                        { "INITIATOR", initiator_name(event.initiator) }, { "NOTE", event.note },
                        { "KID", effects_is_of_key(effect) ? effect->note : "" } },
                14);
}

void tell_status(const struct effects *effects, struct status *status) {
        HOOK("before-status");
        for (size_t i = 0; i < effects->n; i++)
                if (effects_is_end(&effects->items[i]))
                        status_set(status, effects->items[i].session.status_index, STATUS_INVALID);
                else if (effects->items[i].kind == EFFECT_SESSION_RENEWED)
                        status_set(status, effects->items[i].former_index, STATUS_INVALID);
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_SESSION_OPENED ||
                        effects->items[i].kind == EFFECT_SESSION_RENEWED)
                        status_set(status, effects->items[i].session.status_index, STATUS_VALID);
        HOOK("after-status");
}

void tell_events(const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
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
                [END_ACCOUNT_RESET] = "all sign-ins of this account were ended",
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
