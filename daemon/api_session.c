/* api_session: the handlers that show and end sessions. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ending.h"

#define SESSION_TEXT_MAX 8192 /* a session as JSON, every byte of its names escaped */

/* ---- a session as its object ---- */

static void put_methods(struct json_writer *w, uint32_t methods) {
        json_key(w, "methods");
        json_open_array(w);
        for (unsigned i = 0; i < _METHODS_MAX; i++)
                if (methods & (1u << i))
                        json_put_string(w, method_name(1u << i));
        json_close_array(w);
}

/* What its device is called now; what it was called at login, when it is not kept any more. */
static void find_device_name(
        struct request *q, const struct session *session, char ret[static DEVICE_NAME_MAX + 1]) {
        struct device device;
        bool found = store_find_device(q->txn, session->realm, session->user, &session->device, &device) == 0;

        memcpy(ret, found ? device.name : session->device_name, DEVICE_NAME_MAX + 1);
}

void api_put_session(
        struct request *q, struct json_writer *w, const struct session *session, bool is_current) {
        char sid[SID_TEXT_MAX + 1], device[DEVICE_ID_TEXT_SIZE], device_name[DEVICE_NAME_MAX + 1];
        usec_t end = session_end_wall(session, q->now);

        sid_write(&session->sid, sid);
        device_id_write(&session->device, device);
        find_device_name(q, session, device_name);
        json_open_object(w);
        json_member_string(w, "sessionId", sid);
        json_member_string(w, "realm", session->realm);
        json_member_string(w, "user", session->user);
        json_member_integer(w, "uid", session->uid);
        json_member_string(w, "service", session->service);
        json_member_string(w, "class", session_class_name(session->class));
        json_member_string(w, "policy", session->policy);
        json_member_string(w, "deviceId", device);
        json_member_string(w, "deviceName", device_name);
        if (*session->ip)
                json_member_string(w, "ip", session->ip);
        if (*session->tty)
                json_member_string(w, "tty", session->tty);
        put_methods(w, session->methods);
        json_member_integer(w, "leader", session->leader.pid);
        if (session->audit_session != AUDIT_SESSION_UNSET)
                json_member_integer(w, "auditSession", session->audit_session);
        api_put_time(w, "createdAt", session->created_at);
        api_put_time(w, "lastSeen", session->last_seen);
        if (end != USEC_NEVER)
                api_put_time(w, "expiresAt", end);
        json_member_string(w, "state", session_state_name(session->state));
        if (session->end != END_NONE)
                json_member_string(w, "endReason", session_end_name(session->end));
        json_member_bool(w, "current", is_current);
        json_close_object(w);
}

/* ---- lists ---- */

struct list_params {
        char user[USER_MAX + 1];
        char realm[REALM_MAX + 1];
        bool all;
};

static const struct message_field list_fields[] = {
        MESSAGE_FIELD_STRING(struct list_params, user, "user", false),
        MESSAGE_FIELD_STRING(struct list_params, realm, "realm", false),
        MESSAGE_FIELD(struct list_params, all, "all", MESSAGE_BOOL, false),
        { 0 },
};

int walk_next(struct request *q, const struct walk *walk, struct store_cursor *cursor, struct session *ret) {
        int r;

        if (walk->all)
                r = store_next_session(q->txn, cursor, ret);
        else if (walk->by_name)
                r = store_next_session_of_user(q->txn, walk->realm, walk->user, cursor, ret);
        else
                r = store_next_session_of_uid(q->txn, q->peer.uid, cursor, ret);
        if (r)
                return r;
        if (!walk->any_realm && strcmp(ret->realm, walk->realm) != 0)
                return WALK_PASSES_OVER;
        if (*walk->user && strcmp(ret->user, walk->user) != 0)
                return WALK_PASSES_OVER;
        return api_may_act_on(q, ret->uid) ? 0 : WALK_PASSES_OVER;
}

int walk_prepare(struct request *q, const char *user, const char *realm, bool all, struct walk *ret) {
        struct walk walk = { .all = all, .any_realm = all && !*realm };
        const struct realm *found;
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        if (all && !q->peer.is_admin)
                return API_PERMISSION_DENIED;
        snprintf(walk.user, sizeof(walk.user), "%s", user);
        if (!walk.any_realm) {
                r = api_find_realm(q, realm, &found);
                if (r)
                        return r;
                snprintf(walk.realm, sizeof(walk.realm), "%s", found->name);
        }
        if (*user && !all && q->peer.is_admin)
                walk.by_name = true;
        if (*user && !q->peer.is_admin) {
                do
                        r = walk_next(q, &walk, &cursor, &session);
                while (r == WALK_PASSES_OVER);
                if (r)
                        return r < 0 ? r : API_PERMISSION_DENIED;
        }
        *ret = walk;
        return 0;
}

int on_list_sessions(struct request *q) {
        struct list_params p = { 0 };
        struct session session, current;
        struct walk walk;
        bool has_current;
        int r;

        r = api_read(q, list_fields, &p);
        if (r)
                return r;
        r = walk_prepare(q, p.user, p.realm, p.all, &walk);
        if (r)
                return r;
        r = api_find_callers_session(q, &current);
        if (r < 0)
                return r;
        has_current = r == 0;

        for (size_t i = 0; i < LIST_SLICE_ROWS; i++) {
                char text[SESSION_TEXT_MAX];
                struct json_writer row;
                size_t size;

                r = walk_next(q, &walk, &q->list.cursor, &session);
                if (r < 0)
                        return r;
                if (r == WALK_PASSES_OVER)
                        continue;
                if (r == STORE_END)
                        return list_end(q, "session", "sessions");
                json_writer_init(&row, text, sizeof(text));
                api_put_session(
                        q, &row, &session, has_current && sid_compare(&current.sid, &session.sid) == 0);
                r = json_writer_finish(&row, &size);
                if (r < 0)
                        return r;
                r = list_put(q, "session", "sessions", text, size);
                if (r < 0)
                        return r;
                if (r == LIST_FULL)
                        return list_end(q, "session", "sessions");
        }
        return API_AGAIN;
}

/* ---- one session ---- */

struct session_params {
        char session_id[SID_TEXT_MAX + 1];
        char reason[REASON_TEXT_MAX + 1];
};

static const struct message_field get_fields[] = {
        MESSAGE_FIELD_STRING(struct session_params, session_id, "sessionId", true),
        { 0 },
};

static const struct message_field revoke_fields[] = {
        MESSAGE_FIELD_STRING(struct session_params, session_id, "sessionId", true),
        MESSAGE_FIELD_STRING(struct session_params, reason, "reason", false),
        { 0 },
};

static bool is_callers(struct request *q, const struct session *session) {
        struct session current;

        return session->uid == q->peer.uid && api_find_callers_session(q, &current) == 0 &&
               sid_compare(&current.sid, &session->sid) == 0;
}

int on_get_session(struct request *q) {
        struct session_params p = { 0 };
        struct session session;
        int r;

        r = api_read(q, get_fields, &p);
        if (r)
                return r;
        r = api_find_own_session(q, p.session_id, &session);
        if (r)
                return r;
        json_key(&q->reply, "session");
        api_put_session(q, &q->reply, &session, is_callers(q, &session));
        return 0;
}

/* ---- ends ---- */

static int end_session(struct request *q, struct session *session, enum session_end end, const char *note) {
        enum initiator initiator = session->uid == q->peer.uid ? BY_USER : BY_ADMIN;

        return ending_end(q->txn, session, end, initiator, note, &q->change.effects);
}

int on_revoke_session(struct request *q) {
        struct session_params p = { 0 };
        struct session session;
        enum session_end end;
        bool is_current, was_live;
        int r;

        r = api_read(q, revoke_fields, &p);
        if (r)
                return r;
        r = api_find_own_session(q, p.session_id, &session);
        if (r)
                return r;
        is_current = is_callers(q, &session);
        was_live = session.state == SESSION_LIVE;
        end = session.uid == q->peer.uid && strcmp(p.reason, "logout") == 0 ? END_LOGOUT : END_REVOKED;
        r = end_session(q, &session, end, end == END_LOGOUT ? NULL : p.reason);
        if (r < 0)
                return r;
        json_key(&q->reply, "session");
        api_put_session(q, &q->reply, &session, is_current);
        json_member_integer(&q->reply, "revokedCount", was_live);
        return 0;
}
