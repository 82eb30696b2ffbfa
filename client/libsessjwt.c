/* libsessjwt: the methods of sessjwt.h. */
#include "client/libsessjwt_call.h"

#include <errno.h>
#include <stdio.h>

#include "client/json.h"

#define KINDS_TEXT_MAX 4096
#define ROLES_TEXT_MAX 8192 /* ROLES_MAX of ROLE_MAX bytes each, every one of them escaped */

/* Every method of the interface. Only one that changes nothing may be asked twice. */
enum method_number {
        INTROSPECT,
        GET_KEYS,
        GET_STATUS_LIST,
        MINT_TOKEN,
        ISSUE_REFRESH_TOKEN,
        REFRESH,
        LIST_SESSIONS,
        GET_SESSION,
        REVOKE_SESSION,
        REVOKE_OTHERS,
        REVOKE_ALL,
        RESET_USER,
        PURGE_USER,
        LIST_LOCKS,
        LOCK_USER,
        UNLOCK_USER,
        EXPLAIN_POLICY,
        LIST_DEVICES,
        RENAME_DEVICE,
        BLOCK_DEVICE,
        UNBLOCK_DEVICE,
        FORGET_DEVICE,
        LIST_HISTORY,
        SUBSCRIBE,
        LIST_KEYS,
        ROTATE_KEY,
        GET_HEALTH,
        GET_STATISTICS,
        RELOAD,
        BACKUP,
};

static const struct method methods[] = {
        [INTROSPECT] = { SESSJWT_INTERFACE ".Introspect", false, false },
        [GET_KEYS] = { SESSJWT_INTERFACE ".GetKeys", false, false },
        [GET_STATUS_LIST] = { SESSJWT_INTERFACE ".GetStatusList", false, false },
        [MINT_TOKEN] = { SESSJWT_INTERFACE ".MintToken", false, false },
        [ISSUE_REFRESH_TOKEN] = { SESSJWT_INTERFACE ".IssueRefreshToken", true, false },
        [REFRESH] = { SESSJWT_INTERFACE ".Refresh", true, false },
        [LIST_SESSIONS] = { SESSJWT_INTERFACE ".ListSessions", false, true },
        [GET_SESSION] = { SESSJWT_INTERFACE ".GetSession", false, false },
        [REVOKE_SESSION] = { SESSJWT_INTERFACE ".RevokeSession", true, false },
        [REVOKE_OTHERS] = { SESSJWT_INTERFACE ".RevokeOthers", true, false },
        [REVOKE_ALL] = { SESSJWT_INTERFACE ".RevokeAll", true, false },
        [RESET_USER] = { SESSJWT_INTERFACE ".ResetUser", true, false },
        [PURGE_USER] = { SESSJWT_INTERFACE ".PurgeUser", true, false },
        [LIST_LOCKS] = { SESSJWT_INTERFACE ".ListLocks", false, false },
        [LOCK_USER] = { SESSJWT_INTERFACE ".LockUser", true, false },
        [UNLOCK_USER] = { SESSJWT_INTERFACE ".UnlockUser", true, false },
        [EXPLAIN_POLICY] = { SESSJWT_INTERFACE ".ExplainPolicy", false, false },
        [LIST_DEVICES] = { SESSJWT_INTERFACE ".ListDevices", false, true },
        [RENAME_DEVICE] = { SESSJWT_INTERFACE ".RenameDevice", true, false },
        [BLOCK_DEVICE] = { SESSJWT_INTERFACE ".BlockDevice", true, false },
        [UNBLOCK_DEVICE] = { SESSJWT_INTERFACE ".UnblockDevice", true, false },
        [FORGET_DEVICE] = { SESSJWT_INTERFACE ".ForgetDevice", true, false },
        [LIST_HISTORY] = { SESSJWT_INTERFACE ".ListHistory", false, true },
        [SUBSCRIBE] = { SESSJWT_INTERFACE ".Subscribe", false, true },
        [LIST_KEYS] = { SESSJWT_INTERFACE ".ListKeys", false, false },
        [ROTATE_KEY] = { SESSJWT_INTERFACE ".RotateKey", true, false },
        [GET_HEALTH] = { SESSJWT_INTERFACE ".GetHealth", false, false },
        [GET_STATISTICS] = { SESSJWT_INTERFACE ".GetStatistics", false, false },
        [RELOAD] = { SESSJWT_INTERFACE ".Reload", true, false },
        [BACKUP] = { SESSJWT_INTERFACE ".Backup", true, false },
};

/* ---- the methods ------------------------------------------------------------------------------------- */

static int call(struct sessjwt *c, enum method_number number, const struct argument *arguments) {
        return call_method(c, &methods[number], arguments);
}

/* An array of strings as JSON. 0, -EINVAL (one is NULL), -E2BIG, -EILSEQ. */
static int write_strings(const char *const *strings, size_t n, char *buf, size_t size) {
        struct json_writer w;
        int r;

        json_writer_init(&w, buf, size - 1);
        json_open_array(&w);
        for (size_t i = 0; i < n; i++) {
                if (!strings || !strings[i])
                        return -EINVAL;
                json_put_string(&w, strings[i]);
        }
        json_close_array(&w);
        buf[w.length] = 0;
        r = json_writer_finish(&w, &size);
        return r == -ENOBUFS ? -E2BIG : r;
}

int sessjwt_introspect(struct sessjwt *c, const char *token, const char *audience, const char *realm,
        const char *const *roles, size_t n_roles) {
        char list[ROLES_TEXT_MAX];
        const struct argument arguments[] = { { "token", token, REQUIRED },
                { "audience", audience, OPTIONAL }, { "realm", realm, OPTIONAL },
                { "roles", n_roles > 0 ? list : NULL, BARE }, { 0 } };
        int r;

        r = write_strings(roles, n_roles, list, sizeof list);
        return r < 0 ? call_fail(c, r) : call(c, INTROSPECT, arguments);
}

int sessjwt_get_keys(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_KEYS, arguments);
}

int sessjwt_get_status_list(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_STATUS_LIST, arguments);
}

int sessjwt_mint_token(struct sessjwt *c, const char *session_id, const char *audience) {
        const struct argument arguments[] = { { "sessionId", session_id, OPTIONAL },
                { "audience", audience, OPTIONAL }, { 0 } };

        return call(c, MINT_TOKEN, arguments);
}

int sessjwt_issue_refresh_token(struct sessjwt *c, const char *session_id) {
        const struct argument arguments[] = { { "sessionId", session_id, OPTIONAL }, { 0 } };

        return call(c, ISSUE_REFRESH_TOKEN, arguments);
}

int sessjwt_refresh(struct sessjwt *c, const char *refresh_token) {
        const struct argument arguments[] = { { "refreshToken", refresh_token, REQUIRED }, { 0 } };

        return call(c, REFRESH, arguments);
}

/* A list of objects, one a reply. */
static int call_list(
        struct sessjwt *c, enum method_number number, const char *name, const struct argument *arguments) {
        int r;

        r = call(c, number, arguments);
        c->listing = r == 0 ? name : NULL;
        c->held = r == 0;
        return r;
}

int sessjwt_list_sessions(struct sessjwt *c, const char *user, const char *realm, bool all) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { "all", all ? "true" : NULL, BARE }, { 0 } };

        return call_list(c, LIST_SESSIONS, "session", arguments);
}

int sessjwt_next_session(struct sessjwt *c, const char **ret_session) {
        return call_next(c, "session", ret_session);
}

int sessjwt_get_session(struct sessjwt *c, const char *session_id) {
        const struct argument arguments[] = { { "sessionId", session_id, REQUIRED }, { 0 } };

        return call(c, GET_SESSION, arguments);
}

int sessjwt_revoke_session(struct sessjwt *c, const char *session_id, const char *reason) {
        const struct argument arguments[] = { { "sessionId", session_id, REQUIRED },
                { "reason", reason, OPTIONAL }, { 0 } };

        return call(c, REVOKE_SESSION, arguments);
}

int sessjwt_revoke_others(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, REVOKE_OTHERS, arguments);
}

int sessjwt_revoke_all(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, REVOKE_ALL, arguments);
}

int sessjwt_list_locks(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, LIST_LOCKS, arguments);
}

int sessjwt_lock_user(struct sessjwt *c, const char *user, const char *realm, const char *reason,
        unsigned int duration_sec, bool end_sessions) {
        char duration[16];
        const struct argument arguments[] = { { "user", user, REQUIRED }, { "realm", realm, OPTIONAL },
                { "reason", reason, OPTIONAL }, { "duration", duration_sec ? duration : NULL, BARE },
                { "endSessions", end_sessions ? "true" : NULL, BARE }, { 0 } };

        snprintf(duration, sizeof duration, "%u", duration_sec);
        return call(c, LOCK_USER, arguments);
}

int sessjwt_unlock_user(struct sessjwt *c, const char *user, const char *realm, const char *source) {
        const struct argument arguments[] = { { "user", user, REQUIRED }, { "realm", realm, OPTIONAL },
                { "source", source, OPTIONAL }, { 0 } };

        return call(c, UNLOCK_USER, arguments);
}

int sessjwt_explain_policy(struct sessjwt *c, const char *user, const char *service, const char *realm) {
        return call(c, EXPLAIN_POLICY,
                (const struct argument[]){ { "user", user, REQUIRED }, { "service", service, OPTIONAL },
                        { "realm", realm, OPTIONAL }, { 0 } });
}

int sessjwt_reset_user(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, REQUIRED }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, RESET_USER, arguments);
}

int sessjwt_purge_user(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, REQUIRED }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, PURGE_USER, arguments);
}

int sessjwt_list_devices(struct sessjwt *c, const char *user, const char *realm, bool all) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { "all", all ? "true" : NULL, BARE }, { 0 } };

        return call_list(c, LIST_DEVICES, "device", arguments);
}

int sessjwt_next_device(struct sessjwt *c, const char **ret_device) {
        return call_next(c, "device", ret_device);
}

int sessjwt_rename_device(struct sessjwt *c, const char *device_id, const char *name) {
        const struct argument arguments[] = { { "deviceId", device_id, REQUIRED }, { "name", name, REQUIRED },
                { 0 } };

        return call(c, RENAME_DEVICE, arguments);
}

int sessjwt_block_device(struct sessjwt *c, const char *device_id) {
        const struct argument arguments[] = { { "deviceId", device_id, REQUIRED }, { 0 } };

        return call(c, BLOCK_DEVICE, arguments);
}

int sessjwt_unblock_device(struct sessjwt *c, const char *device_id) {
        const struct argument arguments[] = { { "deviceId", device_id, REQUIRED }, { 0 } };

        return call(c, UNBLOCK_DEVICE, arguments);
}

int sessjwt_forget_device(struct sessjwt *c, const char *device_id) {
        const struct argument arguments[] = { { "deviceId", device_id, REQUIRED }, { 0 } };

        return call(c, FORGET_DEVICE, arguments);
}

int sessjwt_list_history(struct sessjwt *c, const struct sessjwt_event_filter *filter) {
        static const struct sessjwt_event_filter none;
        const struct sessjwt_event_filter *f = filter ? filter : &none;
        char kinds[KINDS_TEXT_MAX], limit[16];
        const struct argument arguments[] = { { "user", f->user, OPTIONAL }, { "realm", f->realm, OPTIONAL },
                { "all", f->all ? "true" : NULL, BARE }, { "since", f->since, OPTIONAL },
                { "until", f->until, OPTIONAL }, { "kinds", f->n_kinds > 0 ? kinds : NULL, BARE },
                { "limit", f->limit > 0 ? limit : NULL, BARE }, { 0 } };
        int r;

        snprintf(limit, sizeof limit, "%u", f->limit);
        r = write_strings(f->kinds, f->n_kinds, kinds, sizeof kinds);
        return r < 0 ? call_fail(c, r) : call_list(c, LIST_HISTORY, "event", arguments);
}

/* Its first reply has no event: it says that it has begun. */
int sessjwt_subscribe(struct sessjwt *c, const struct sessjwt_event_filter *filter) {
        static const struct sessjwt_event_filter none;
        const struct sessjwt_event_filter *f = filter ? filter : &none;
        char kinds[KINDS_TEXT_MAX];
        const struct argument arguments[] = { { "user", f->user, OPTIONAL }, { "realm", f->realm, OPTIONAL },
                { "all", f->all ? "true" : NULL, BARE }, { "kinds", f->n_kinds > 0 ? kinds : NULL, BARE },
                { 0 } };
        int r;

        r = write_strings(f->kinds, f->n_kinds, kinds, sizeof kinds);
        r = r < 0 ? call_fail(c, r) : call_list(c, SUBSCRIBE, "event", arguments);
        c->held = false;
        c->waiting = r == 0;
        return r;
}

int sessjwt_next_event(struct sessjwt *c, const char **ret_event) {
        return call_next(c, "event", ret_event);
}

int sessjwt_list_keys(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, LIST_KEYS, arguments);
}

int sessjwt_rotate_key(struct sessjwt *c, bool compromised) {
        const struct argument arguments[] = { { "compromised", compromised ? "true" : NULL, BARE }, { 0 } };

        return call(c, ROTATE_KEY, arguments);
}

int sessjwt_get_health(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_HEALTH, arguments);
}

int sessjwt_get_statistics(struct sessjwt *c) {
        return call(c, GET_STATISTICS, (const struct argument[]){ { 0 } });
}

int sessjwt_reload(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, RELOAD, arguments);
}

int sessjwt_backup(struct sessjwt *c, const char *name) {
        return call(c, BACKUP, (const struct argument[]){ { "name", name, REQUIRED }, { 0 } });
}
