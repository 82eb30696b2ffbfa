/* api: see api.h. The methods on one screen. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/caller.h"

static const struct method methods[] = {
        { "org.varlink.service.GetInfo", ANYONE, READS, on_get_info, NULL },
        { "org.varlink.service.GetInterfaceDescription", ANYONE, READS, on_get_interface_description, NULL },
        { "org.sessjwt.Introspect", ANYONE, READS, on_introspect, NULL },
        { "org.sessjwt.GetKeys", ANYONE, READS, on_get_keys, NULL },
        { "org.sessjwt.GetStatusList", ANYONE, READS, on_get_status_list, NULL },
        { "org.sessjwt.MintToken", OWNER, READS, on_mint_token, NULL },
        { "org.sessjwt.IssueRefreshToken", OWNER, CHANGES, on_issue_refresh_token,
                prepare_issue_refresh_token },
        { "org.sessjwt.Refresh", ANYONE, CHANGES, on_refresh, prepare_refresh },
        { "org.sessjwt.ListSessions", OWNER, READS, on_list_sessions, NULL },
        { "org.sessjwt.GetSession", OWNER, READS, on_get_session, NULL },
        { "org.sessjwt.RevokeSession", OWNER, CHANGES, on_revoke_session, NULL },
        { "org.sessjwt.RevokeOthers", OWNER, CHANGES, on_revoke_others, NULL },
        { "org.sessjwt.RevokeAll", OWNER, CHANGES, on_revoke_all, NULL },
        { "org.sessjwt.ResetUser", ADMIN, CHANGES, on_reset_user, NULL },
        { "org.sessjwt.PurgeUser", ADMIN, CHANGES, on_purge_user, NULL },
        { "org.sessjwt.ListLocks", ADMIN, READS, on_list_locks, NULL },
        { "org.sessjwt.LockUser", ADMIN, CHANGES, on_lock_user, NULL },
        { "org.sessjwt.UnlockUser", ADMIN, CHANGES, on_unlock_user, NULL },
        { "org.sessjwt.ExplainPolicy", ADMIN, READS, on_explain_policy, NULL },
        { "org.sessjwt.ListDevices", OWNER, READS, on_list_devices, NULL },
        { "org.sessjwt.RenameDevice", OWNER, CHANGES, on_rename_device, NULL },
        { "org.sessjwt.BlockDevice", OWNER, CHANGES, on_block_device, NULL },
        { "org.sessjwt.UnblockDevice", OWNER, CHANGES, on_unblock_device, NULL },
        { "org.sessjwt.ForgetDevice", OWNER, CHANGES, on_forget_device, NULL },
        { "org.sessjwt.ListHistory", OWNER, READS, on_list_history, NULL },
        { "org.sessjwt.Subscribe", OWNER, READS, on_subscribe, NULL },
        { "org.sessjwt.ListKeys", ROOT, READS, on_list_keys, NULL },
        { "org.sessjwt.RotateKey", ROOT, CHANGES, on_rotate_key, NULL },
        { "org.sessjwt.GetHealth", ANYONE, READS, on_get_health, NULL },
        { "org.sessjwt.GetStatistics", ADMIN, READS, on_get_statistics, NULL },
        { "org.sessjwt.Reload", ROOT, RELOADS, on_reload, NULL },
        { "org.sessjwt.Backup", ROOT, COPIES, on_backup, NULL },
};

static bool method_is_allowed(const struct method *method, const struct peer *peer) {
        switch (method->right) {
        case ANYONE:
        case OWNER:
                return true;
        case ADMIN:
                return peer->is_admin;
        case ROOT:
                return peer->uid == 0;
        }
        return false;
}

static bool interface_is_ours(const char *name, size_t size) {
        static const char *const interfaces[] = { "org.varlink.service", SESSJWT_INTERFACE };

        for (size_t i = 0; i < sizeof(interfaces) / sizeof(*interfaces); i++)
                if (strlen(interfaces[i]) == size && memcmp(interfaces[i], name, size) == 0)
                        return true;
        return false;
}

_Static_assert(sizeof(methods) / sizeof(*methods) <= STATISTICS_METHODS_MAX, "every method is counted");

const char *api_method_name(size_t index) {
        return index < sizeof(methods) / sizeof(*methods) ? methods[index].name : NULL;
}

static int find_method(struct request *q) {
        const char *name = q->call.method, *dot = strrchr(name, '.');

        for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
                if (strcmp(methods[i].name, name) != 0)
                        continue;
                if (!method_is_allowed(&methods[i], &q->peer))
                        return API_PERMISSION_DENIED;
                q->method = &methods[i];
                return 0;
        }
        if (dot && interface_is_ours(name, (size_t) (dot - name))) {
                snprintf(q->detail, sizeof(q->detail), "%s", dot + 1);
                return API_METHOD_NOT_FOUND;
        }
        snprintf(q->detail, sizeof(q->detail), "%.*s", dot ? (int) (dot - name) : (int) strlen(name), name);
        return API_INTERFACE_NOT_FOUND;
}

int api_find_method(struct request *q) {
        struct statistics *statistics = &q->service->statistics;
        int r = find_method(q);

        if (q->is_retried)
                return r;
        if (r == 0)
                statistics->calls[q->method - methods]++;
        else
                statistics->refused_calls++;
        return r;
}

/* An error that carries one string. */
static void write_error(struct request *q, const char *error, const char *name, const char *value) {
        message_begin_error(&q->reply, error);
        if (name)
                json_member_string(&q->reply, name, value);
        message_end_error(&q->reply);
}

/* What an outcome is called, and what it says: a text (q->detail), a limit, or nothing. */
static const struct api_error {
        int outcome;
        const char *error;
        const char *name; /* of its text */
        int limit;
} api_errors[] = {
        { API_INTERFACE_NOT_FOUND, "org.varlink.service.InterfaceNotFound", "interface", 0 },
        { API_METHOD_NOT_FOUND, "org.varlink.service.MethodNotFound", "method", 0 },
        { API_INVALID_PARAMETER, "org.varlink.service.InvalidParameter", "parameter", 0 },
        { API_PERMISSION_DENIED, "org.varlink.service.PermissionDenied", NULL, 0 },
        { API_SESSION_NOT_FOUND, "org.sessjwt.SessionNotFound", "sessionId", 0 },
        { API_DEVICE_NOT_FOUND, "org.sessjwt.DeviceNotFound", "deviceId", 0 },
        { API_INVALID_REFRESH_TOKEN, "org.sessjwt.InvalidRefreshToken", NULL, 0 },
        { API_REFRESH_TOKEN_REUSED, "org.sessjwt.RefreshTokenReused", "sessionId", 0 },
        { API_REFRESH_TOKEN_EXPIRED, "org.sessjwt.RefreshTokenExpired", "sessionId", 0 },
        { API_NO_SESSION, "org.sessjwt.NoSession", NULL, 0 },
        { API_REALM_NOT_FOUND, "org.sessjwt.RealmNotFound", "realm", 0 },
        { API_EXPECTED_MORE, "org.varlink.service.ExpectedMore", NULL, 0 },
        { API_EVENTS_LOST, "org.sessjwt.EventsLost", NULL, 0 },
        { API_NAMES_UNAVAILABLE, "org.sessjwt.NamesUnavailable", NULL, 0 },
        { API_USER_NOT_FOUND, "org.sessjwt.UserNotFound", "user", 0 },
        { API_NOT_PUBLISHED, "org.sessjwt.NotPublished", "reason", 0 },
        { API_BACKUP_EXISTS, "org.sessjwt.BackupExists", "name", 0 },
        { API_BACKUP_UNDER_WAY, "org.sessjwt.BackupUnderWay", NULL, 0 },
        { API_BACKUP_FAILED, "org.sessjwt.BackupFailed", "reason", 0 },
        { API_CONFIGURATION_INVALID, "org.sessjwt.ConfigurationInvalid", "message", 0 },
        { API_TOO_MANY_CONNECTIONS, "org.sessjwt.TooManyConnections", NULL, CONNECTIONS_PER_UID_MAX },
        { API_TOO_MANY_SUBSCRIPTIONS, "org.sessjwt.TooManySubscriptions", NULL, SUBSCRIPTIONS_PER_UID_MAX },
        { API_CONNECTIONS_TAKEN, "org.sessjwt.TooManyConnections", NULL, CONNECTIONS_MAX },
        { API_SUBSCRIPTIONS_TAKEN, "org.sessjwt.TooManySubscriptions", NULL, SUBSCRIPTIONS_MAX },
        { API_TOO_MANY_CHANGES, "org.sessjwt.TooManyChanges", NULL, CHANGES_PER_SEC_PER_UID },
        { API_TOO_MUCH_HELD, "org.sessjwt.TooMuchUnread", NULL, HELD_PER_UID_MAX },
        { API_ALL_HELD, "org.sessjwt.TooMuchUnread", NULL, HELD_MAX },
        { API_TOO_MANY_KEYS, "org.sessjwt.TooManyKeys", NULL, JWKS_KEYS_MAX },
};

static void write_session_ended(struct request *q) {
        message_begin_error(&q->reply, "org.sessjwt.SessionEnded");
        json_member_string(&q->reply, "sessionId", q->detail);
        json_member_string(&q->reply, "endReason", q->detail_more);
        message_end_error(&q->reply);
}

static void write_limit(struct request *q, const struct api_error *error) {
        message_begin_error(&q->reply, error->error);
        json_member_integer(&q->reply, "limit", error->limit);
        message_end_error(&q->reply);
}

static void api_write_error(struct request *q, int outcome) {
        json_writer_init(&q->reply, q->reply_bytes, q->reply_size);
        if (outcome == API_SESSION_ENDED) {
                write_session_ended(q);
                return;
        }
        for (size_t i = 0; i < sizeof(api_errors) / sizeof(*api_errors); i++) {
                const struct api_error *error = &api_errors[i];

                if (error->outcome != outcome)
                        continue;
                if (error->limit)
                        write_limit(q, error);
                else
                        write_error(q, error->error, error->name, q->detail);
                return;
        }
        write_error(
                q, "org.sessjwt.StoreUnavailable", "reason", outcome < 0 ? strerror(-outcome) : "unknown");
}

bool api_must_wait(int result) {
        return result == API_NAMES_ASKED || result == API_USER_GONE;
}

int api_finish_reply(struct request *q, int result, size_t *ret_size) {
        int r;

        if (result == 0) {
                message_end_reply(&q->reply, false);
                r = json_writer_finish(&q->reply, ret_size);
                if (r == 0)
                        return 0;
                result = r; /* did not fit: say so rather than cut it */
        }
        api_write_error(q, result);
        return json_writer_finish(&q->reply, ret_size);
}

int api_read(struct request *q, const struct message_field *fields, void *params) {
        char name[METHOD_NAME_MAX + 1];

        if (message_read(&q->call, fields, params, name) == 0)
                return 0;
        snprintf(q->detail, sizeof(q->detail), "%s", name);
        return API_INVALID_PARAMETER;
}

void api_put_time(struct json_writer *w, const char *key, usec_t wall) {
        char text[CLOCK_TEXT_SIZE];

        clock_write(wall, text);
        json_member_string(w, key, text);
}

bool api_may_act_on(const struct request *q, uint32_t uid) {
        if (q->peer.uid == 0 || q->peer.uid == uid)
                return true;
        return q->peer.is_admin && uid != 0;
}

/* What is in another realm is for others than admins as what is not there. */
int api_sees_realm(struct request *q, const char *name) {
        const struct realm *realm;
        int r;

        if (q->peer.is_admin)
                return 1;
        r = api_find_realm(q, "", &realm);
        if (r < 0)
                return r;
        return r == 0 && strcmp(realm->name, name) == 0;
}

int api_find_own_session(struct request *q, const char *session_id, struct session *ret) {
        struct session session;
        struct sid sid;
        bool found;
        int r;

        if (sid_read(session_id, &sid) < 0) {
                snprintf(q->detail, sizeof(q->detail), "sessionId");
                return API_INVALID_PARAMETER;
        }
        r = store_find_session(q->txn, &sid, &session);
        if (r < 0)
                return r;
        found = r == 0 && api_may_act_on(q, session.uid);
        r = found ? api_sees_realm(q, session.realm) : 0;
        if (r < 0)
                return r;
        if (r == 0) {
                snprintf(q->detail, sizeof(q->detail), "%s", session_id);
                return API_SESSION_NOT_FOUND;
        }
        *ret = session;
        return 0;
}

int api_find_session_to_mint_for(struct request *q, const char *session_id, struct session *ret) {
        int r;

        r = *session_id ? api_find_own_session(q, session_id, ret) : api_find_callers_session(q, ret);
        if (r)
                return r;
        if (*session_id && ret->uid != q->peer.uid)
                return API_PERMISSION_DENIED;
        return api_check_session(q, ret);
}

int api_check_session(struct request *q, const struct session *session) {
        char sid[SID_TEXT_MAX + 1];

        if (session_is_valid(session, &q->service->boot, q->now.boot))
                return 0;
        sid_write(&session->sid, sid);
        snprintf(q->detail, sizeof(q->detail), "%s", sid);
        snprintf(q->detail_more, sizeof(q->detail_more), "%s",
                session_end_name(session->end ? session->end : END_EXPIRED));
        return API_SESSION_ENDED;
}

int api_find_callers_session(struct request *q, struct session *ret) {
        int r = caller_find_session(q->txn, &q->peer, &q->service->boot, ret);

        return r == CALLER_HAS_NONE ? API_NO_SESSION : r;
}

/* That of his session, else default. To find out which session he is in costs more than all the rest of a
 * short call (/proc), so it is done only for those who have one in another realm: a service that asks about
 * others' tokens mostly has none at all. */
static int find_callers_realm(struct request *q, char ret[static REALM_MAX + 1]) {
        struct store_cursor cursor = { 0 };
        struct session session;
        int r = STORE_END;

        snprintf(ret, REALM_MAX + 1, "%s", SESSJWT_DEFAULT_REALM);
        while (q->config->n_realms > 1 &&
                (r = store_next_session_of_uid(q->txn, q->peer.uid, &cursor, &session)) == 0)
                if (strcmp(session.realm, SESSJWT_DEFAULT_REALM) != 0)
                        break;
        if (r)
                return r < 0 ? r : 0;
        r = api_find_callers_session(q, &session);
        if (r == 0)
                snprintf(ret, REALM_MAX + 1, "%s", session.realm);
        return r < 0 ? r : 0;
}

int api_find_realm(struct request *q, const char *named, const struct realm **ret) {
        char own[REALM_MAX + 1];
        const struct realm *realm;
        bool is_his = true;
        int r;

        if (!*named || !q->peer.is_admin) {
                r = find_callers_realm(q, own);
                if (r < 0)
                        return r;
                is_his = !*named || strcmp(named, own) == 0;
                named = *named ? named : own;
        }
        realm = is_his ? config_realm(q->config, named) : NULL;
        if (!realm) {
                snprintf(q->detail, sizeof(q->detail), "%s", named);
                return API_REALM_NOT_FOUND;
        }
        *ret = realm;
        return 0;
}

/* What NSS said, or that it is asked. */
static int find_name(struct request *q, const char *user, struct name *ret) {
        int r;

        r = names_find(q->service->names, user, q->now, ret);
        if (r < 0)
                return r;
        if (r == NAMES_ASKED)
                return API_NAMES_ASKED;
        return ret->state == NAMES_UNAVAILABLE ? API_NAMES_UNAVAILABLE : 0;
}

int api_find_names(struct request *q, const struct session *session, struct name *ret) {
        struct name name;
        int r;

        r = find_name(q, session->user, &name);
        if (r)
                return r;
        if (name.state == NAMES_GONE || name.uid != session->uid) {
                q->gone = session->sid;
                return API_USER_GONE;
        }
        *ret = name;
        return 0;
}

int api_find_user(struct request *q, const char *user, struct name *ret) {
        struct name name;
        int r;

        r = find_name(q, user, &name);
        if (r)
                return r;
        if (name.state == NAMES_GONE) {
                snprintf(q->detail, sizeof(q->detail), "%s", user);
                return API_USER_NOT_FOUND;
        }
        *ret = name;
        return 0;
}
