/* event: see event.h. */
#include "daemon/event.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define FAILED_KIND   "failed"
#define JOINED_WITHIN (60 * USEC_PER_SEC)

/* What is not END_NONE stands before what is, of one effect. */
const struct event_kind event_kinds[] = {
        { EFFECT_SESSION_OPENED, END_NONE, "login", LOG_INFO, EVENT_KEPT, "b36335985f5d4e7e8ab736d5ad8eb287",
                "session opened" },
        { EFFECT_LOGIN_DENIED, END_NONE, "denied", LOG_NOTICE, EVENT_KEPT, "63b8bad5503b428b87816247b9cdbe12",
                "login denied" },
        { EFFECT_SESSION_ENDED, END_LOGOUT, "logout", LOG_INFO, EVENT_KEPT,
                "b3149a34bb034345b701d0aecf1ad378", "session ended" },
        { EFFECT_SESSION_ENDED, END_EVICTED, "evicted", LOG_INFO, EVENT_KEPT,
                "80d95ea8014b489c8d3201572077b727", "session ended" },
        { EFFECT_SESSION_ENDED, END_REVOKED, "revoked", LOG_INFO, EVENT_KEPT,
                "5fc7440aef7a4258b68e22c38f628ba0", "session ended" },
        { EFFECT_SESSION_ENDED, END_DEVICE_REMOVED, "device-removed", LOG_INFO, EVENT_KEPT,
                "c22c3186dcdf4631935a34c2eb1cb750", "session ended" },
        { EFFECT_SESSION_ENDED, END_EXPIRED, "expired", LOG_INFO, EVENT_KEPT,
                "7d1a87f72b93450a9e0c13e187065cf8", "session ended" },
        { EFFECT_SESSION_ENDED, END_IDLE, "idle", LOG_INFO, EVENT_KEPT, "07e7666a931e4be69edde91fe9379314",
                "session ended" },
        { EFFECT_SESSION_ENDED, END_REFRESH_REUSE, "reuse", LOG_WARNING, EVENT_KEPT,
                "f20300cc284947f298f97a8486aa52f9", "session ended" },
        { EFFECT_SESSION_ENDED, END_ACCOUNT_RESET, "account-reset", LOG_INFO, EVENT_KEPT,
                "17931ae5a6f84b38b5decfd8e0ae9e38", "session ended" },
        { EFFECT_SESSION_ENDED, END_USER_GONE, "user-gone", LOG_INFO, EVENT_KEPT,
                "883344d4b3934d70bc9eba5658ad3569", "session ended" },
        { EFFECT_SESSION_ENDED, END_DENIED, "denied-late", LOG_INFO, EVENT_KEPT,
                "d93c9a887d1c49f2a5c3a0d20ccaf6f4", "session ended" },
        { EFFECT_SESSION_ENDED, END_KILLED, "killed", LOG_INFO, EVENT_KEPT,
                "69b13796a3b84cfdaaf040eb643b48bf", "session ended" },
        { EFFECT_SESSION_ENDED, END_REBOOT, "reboot", LOG_INFO, EVENT_KEPT,
                "bc1c00853bba4047aa8f42ae81d68621", "session ended" },
        { EFFECT_SESSION_ENDED, END_LOST, "lost", LOG_INFO, EVENT_KEPT, "49b25697a86642738a010a61d2cee341",
                "session ended" },
        { EFFECT_SESSION_GONE, END_NONE, "gone", LOG_DEBUG, EVENT_LOGGED, "1376a048a3ba4600987ca1892b496ec6",
                "login process has gone" },
        { EFFECT_END_NOT_KEPT, END_NONE, "end-not-kept", LOG_ERR, EVENT_LOGGED,
                "522fe893b7f6407b8b94c19648af2f1c", "session ended, but the store has no room to say so" },
        { EFFECT_SESSION_SPARED, END_NONE, "spared", LOG_NOTICE, EVENT_KEPT,
                "81e510c1a8f748ab8ad017ce32769242", "not enforced" },
        { EFFECT_DEVICE_NEW, END_NONE, "new-device", LOG_NOTICE, EVENT_KEPT,
                "e2dd0fe7654c4258bf8c7e0497d2dc2d", "new device" },
        { EFFECT_USER_RESET, END_NONE, "reset", LOG_NOTICE, EVENT_KEPT, "3cea92c8ae9d494eb28f09e419beafa0",
                "account reset, no token of before counts" },
        { EFFECT_USER_PURGED, END_NONE, "purged", LOG_NOTICE, EVENT_LOGGED,
                "bbae0f33fc9f4c51aea6b34861f41de8", "what was kept of the user was removed" },
        { EFFECT_SESSION_RENEWED, END_NONE, "renewed", LOG_INFO, EVENT_LOGGED,
                "233ed726a3a748ebb627862d5a1d9f3b", "session kept by the reset, with new tokens" },
        { EFFECT_DEVICE_RENAMED, END_NONE, "device-renamed", LOG_INFO, EVENT_KEPT,
                "769755a4933d46a2a446838a98810d97", "device renamed" },
        { EFFECT_DEVICE_BLOCKED, END_NONE, "device-blocked", LOG_NOTICE, EVENT_KEPT,
                "18c8319c03664e55bec43fff21ae7da5", "device blocked" },
        { EFFECT_DEVICE_UNBLOCKED, END_NONE, "device-unblocked", LOG_NOTICE, EVENT_KEPT,
                "e980f0059f93420fa694ebac50497d10", "device unblocked" },
        { EFFECT_DEVICE_FORGOTTEN, END_NONE, "device-forgotten", LOG_NOTICE, EVENT_KEPT,
                "4709d3e6e5c84f9aaccf88910cfb6480", "device forgotten" },
        { EFFECT_LOGIN_FAILED, END_NONE, FAILED_KIND, LOG_NOTICE, EVENT_KEPT,
                "65d51a2e2af942008f4cbed0bbcf8ed2", "sign-in failed" },
        { EFFECT_LOCKED, END_NONE, "lock", LOG_NOTICE, EVENT_KEPT, "994783cc8a714019b1e242d45bc5ad71",
                "locked" },
        { EFFECT_UNLOCKED, END_NONE, "unlock", LOG_NOTICE, EVENT_KEPT, "a591077e9e964862a5e96700e3326c9a",
                "unlocked" },
        { EFFECT_REFRESHED, END_NONE, "refresh", LOG_INFO, EVENT_KEPT, "ede4ee3118194d8082b39986ca7a2aa3",
                "tokens renewed" },
        { EFFECT_RELOADED, END_NONE, "reload", LOG_INFO, EVENT_KEPT, "f19fe233f1b44506893caec3636b3aba",
                "configuration reloaded" },
        { EFFECT_KEY_MADE, END_NONE, "key-made", LOG_INFO, EVENT_KEPT, "5009aee0d48b4ca78c7b9ea8dad79216",
                "signing key made, to be used next" },
        { EFFECT_KEY_ROTATED, END_NONE, "key-rotated", LOG_NOTICE, EVENT_KEPT,
                "de68c6f977cb462e8275ecd92b5f97b2", "signing key rotated, tokens are signed from now on by" },
        { EFFECT_KEY_GONE, END_NONE, "key-gone", LOG_INFO, EVENT_KEPT, "04be7c988e254b96b8bafa0b2a32ebe6",
                "signing key gone, its last token has expired" },
        { EFFECT_KEY_REVOKED, END_NONE, "key-revoked", LOG_WARNING, EVENT_KEPT,
                "7ebf94ef68c242a4af2cd441305f6c1b", "signing key revoked, no token of it verifies" },
};
const size_t event_n_kinds = sizeof(event_kinds) / sizeof(*event_kinds);

/* What is told alike. */
static enum effect_kind told_as(enum effect_kind kind) {
        switch (kind) {
        case EFFECT_SESSION_DENIED:
                return EFFECT_LOGIN_DENIED;
        case EFFECT_SESSION_ENDING:
                return EFFECT_SESSION_ENDED;
        default:
                return kind;
        }
}

const struct event_kind *event_kind_of(const struct effect *effect) {
        /* A session that ended for a reason without a row of its own: never silent. */
        static const struct event_kind other = {
                .name = "other", .priority = LOG_NOTICE, .use = EVENT_KEPT, .sentence = "something happened"
        };
        enum effect_kind kind = told_as(effect->kind);

        for (size_t i = 0; i < event_n_kinds; i++)
                if (event_kinds[i].effect == kind &&
                        (!event_kinds[i].end || event_kinds[i].end == effect->session.end))
                        return &event_kinds[i];
        return &other;
}

const struct event_kind *event_kind_find(const char *name) {
        for (size_t i = 0; i < event_n_kinds; i++)
                if (strcmp(event_kinds[i].name, name) == 0)
                        return &event_kinds[i];
        return NULL;
}

struct event event_of(const struct effect *effect) {
        const struct session *session = &effect->session;
        struct event event = { .wall = effect->wall,
                .uid = *session->user ? session->uid : EVENT_UID_NONE,
                .sid = session->sid,
                .device = session->device,
                .methods = session->methods,
                .initiator = effect->initiator,
                .end = session->end,
                .count = 1 };

        snprintf(event.kind, sizeof(event.kind), "%s", event_kind_of(effect)->name);
        snprintf(event.realm, sizeof(event.realm), "%s", session->realm);
        snprintf(event.user, sizeof(event.user), "%s", session->user);
        snprintf(event.service, sizeof(event.service), "%s", session->service);
        snprintf(event.device_name, sizeof(event.device_name), "%s", session->device_name);
        snprintf(event.ip, sizeof(event.ip), "%s", session->ip);
        snprintf(event.note, sizeof(event.note), "%s", effect->note);
        return event;
}

bool event_joins(const struct event *row, const struct event *later) {
        return strcmp(later->kind, FAILED_KIND) == 0 && strcmp(row->kind, FAILED_KIND) == 0 &&
               row->wall <= later->wall && later->wall - row->wall < JOINED_WITHIN &&
               row->uid == later->uid && row->count < UINT32_MAX &&
               strcmp(row->service, later->service) == 0 && strcmp(row->ip, later->ip) == 0 &&
               strcmp(row->note, later->note) == 0;
}

bool event_has_session(const struct event *event) {
        static const struct sid none;

        return memcmp(&event->sid, &none, sizeof(none)) != 0;
}

bool event_has_device(const struct event *event) {
        static const struct device_id none;

        return !device_id_equal(&event->device, &none);
}
