/* api_lock: who is locked, and the locks that admins set and take away. */
#include "daemon/api.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ending.h"

#define LOCK_TEXT_MAX 4096
#define DURATION_MAX  (INT64_C(3650) * 86400)

struct lock_params {
        char user[USER_MAX + 1];
        char realm[REALM_MAX + 1];
        char reason[REASON_TEXT_MAX + 1];
        char source[LOCK_SOURCE_MAX + 1];
        int64_t duration;
        bool end_sessions;
};

static const struct message_field list_fields[] = {
        MESSAGE_FIELD_STRING(struct lock_params, user, "user", false),
        MESSAGE_FIELD_STRING(struct lock_params, realm, "realm", false),
        { 0 },
};

static const struct message_field lock_fields[] = {
        MESSAGE_FIELD_STRING(struct lock_params, user, "user", true),
        MESSAGE_FIELD_STRING(struct lock_params, realm, "realm", false),
        MESSAGE_FIELD_STRING(struct lock_params, reason, "reason", false),
        MESSAGE_FIELD(struct lock_params, duration, "duration", MESSAGE_INTEGER, false),
        MESSAGE_FIELD(struct lock_params, end_sessions, "endSessions", MESSAGE_BOOL, false),
        { 0 },
};

static const struct message_field unlock_fields[] = {
        MESSAGE_FIELD_STRING(struct lock_params, user, "user", true),
        MESSAGE_FIELD_STRING(struct lock_params, realm, "realm", false),
        MESSAGE_FIELD_STRING(struct lock_params, source, "source", false),
        { 0 },
};

static struct lockout_time time_of(const struct request *q) {
        return (struct lockout_time){ q->service->boot, q->now.boot, q->now.wall };
}

static int refuse(struct request *q, const char *parameter) {
        snprintf(q->detail, sizeof(q->detail), "%s", parameter);
        return API_INVALID_PARAMETER;
}

/* ---- a lock as its object ---- */

static void put_time(struct json_writer *w, const char *key, usec_t wall) {
        char text[CLOCK_TEXT_SIZE];

        clock_write(wall, text);
        json_member_string(w, key, text);
}

/* Of names that nobody has it is not told which they were: nobody knows. */
static void put_lock(struct json_writer *w, const struct request *q, const struct lockout *row) {
        const struct lockout_time time = time_of(q);
        usec_t until = lockout_until(row, &q->config->lock, &time);

        json_open_object(w);
        json_member_string(w, "realm", row->realm);
        json_member_string(w, "user", row->subject ? "?" : row->user);
        json_member_string(w, "kind", lockout_kind_name(row->kind));
        if (*row->source)
                json_member_string(w, "source", row->source);
        put_time(w, "since", row->at_wall);
        if (until != USEC_NEVER)
                put_time(w, "until", until);
        json_member_integer(w, "failures", row->failures.n);
        if (*row->reason)
                json_member_string(w, "reason", row->reason);
        json_close_object(w);
}

int on_list_locks(struct request *q) {
        const struct lockout_time time = time_of(q);
        struct lock_params p = { 0 };
        int r;

        r = api_read(q, list_fields, &p);
        if (r)
                return r;
        for (size_t i = 0; i < LIST_SLICE_ROWS; i++) {
                char text[LOCK_TEXT_MAX];
                struct json_writer w;
                struct lockout row;
                size_t size;

                r = store_next_lockout(q->txn, &q->list.cursor, &row);
                if (r < 0)
                        return r;
                if (r == STORE_END)
                        return list_end(q, "lock", "locks");
                if ((*p.user && strcmp(p.user, row.subject ? "?" : row.user) != 0) ||
                        (*p.realm && strcmp(p.realm, row.realm) != 0) ||
                        lockout_left(&row, &q->config->lock, &time) == 0)
                        continue;
                json_writer_init(&w, text, sizeof(text));
                put_lock(&w, q, &row);
                r = json_writer_finish(&w, &size);
                if (r == 0)
                        r = list_put(q, "lock", "locks", text, size);
                if (r < 0)
                        return r;
                if (r == LIST_FULL)
                        return list_end(q, "lock", "locks");
        }
        return API_AGAIN;
}

/* ---- changes ---- */

static int tell(struct request *q, enum effect_kind kind, const struct lockout *row, const char *note) {
        struct session told = { .uid = UINT32_MAX };

        snprintf(told.realm, sizeof(told.realm), "%s", row->realm);
        snprintf(told.user, sizeof(told.user), "%s", row->user);
        return effects_add(&q->change.effects, kind, BY_ADMIN, &told, note);
}

/* Those of root are root's. */
static int end_sessions(struct request *q, const struct lockout *row, int64_t *ret_n) {
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        while ((r = store_next_session_of_user(q->txn, row->realm, row->user, &cursor, &session)) == 0) {
                if (session.state != SESSION_LIVE || !api_may_act_on(q, session.uid))
                        continue;
                r = ending_end(q->txn, &session, END_REVOKED, BY_ADMIN, "this account was locked",
                        &q->change.effects);
                if (r < 0)
                        return r;
                ++*ret_n;
        }
        return r < 0 ? r : 0;
}

/* Root is who could undo it. */
int on_lock_user(struct request *q) {
        const struct lockout_time time = time_of(q);
        struct lockout row = { .kind = LOCKOUT_ADMIN };
        const struct realm *realm;
        struct lock_params p = { .duration = 0 };
        int64_t n = 0;
        int r;

        r = api_read(q, lock_fields, &p);
        if (r)
                return r;
        if (!*p.user || strcmp(p.user, "root") == 0)
                return refuse(q, "user");
        if (p.duration < 0 || p.duration > DURATION_MAX)
                return refuse(q, "duration");
        r = api_find_realm(q, p.realm, &realm);
        if (r)
                return r;
        snprintf(row.realm, sizeof(row.realm), "%s", realm->name);
        snprintf(row.user, sizeof(row.user), "%s", p.user);
        lockout_lock(&row, p.duration ? (usec_t) p.duration * USEC_PER_SEC : USEC_NEVER, p.reason, &time);
        r = store_put_lockout(q->txn, &row);
        if (r == 0)
                r = tell(q, EFFECT_LOCKED, &row, *p.reason ? p.reason : "by an admin");
        if (r == 0 && p.end_sessions)
                r = end_sessions(q, &row, &n);
        if (r < 0)
                return r;
        json_key(&q->reply, "lock");
        put_lock(&q->reply, q, &row);
        json_member_integer(&q->reply, "revokedCount", n);
        return 0;
}

int on_unlock_user(struct request *q) {
        const struct lockout_time time = time_of(q);
        struct store_cursor cursor = { 0 };
        const struct realm *realm;
        struct lock_params p = { .duration = 0 };
        struct lockout row, name = { 0 };
        int64_t n = 0;
        int r;

        r = api_read(q, unlock_fields, &p);
        if (r == 0)
                r = api_find_realm(q, p.realm, &realm);
        if (r)
                return r;
        snprintf(name.realm, sizeof(name.realm), "%s", realm->name);
        snprintf(name.user, sizeof(name.user), "%s", p.user);
        while ((r = store_next_lockout_of_user(q->txn, realm->name, p.user, &cursor, &row)) == 0) {
                if (*p.source && strcmp(p.source, row.source) != 0)
                        continue;
                n += lockout_left(&row, &q->config->lock, &time) > 0;
                r = store_remove_lockout(q->txn, &row);
                if (r < 0)
                        return r;
        }
        if (r == STORE_END)
                r = n > 0 ? tell(q, EFFECT_UNLOCKED, &name, *p.source ? p.source : "everywhere") : 0;
        if (r < 0)
                return r;
        json_member_integer(&q->reply, "unlockedCount", n);
        return 0;
}
