/* api_history: the handler that lists what happened, newest first. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- an event as its object ---- */

static void put_text(struct json_writer *w, const char *name, const char *value) {
        if (*value)
                json_member_string(w, name, value);
}

static void put_event(struct json_writer *w, const struct event *event) {
        char sid[SID_TEXT_MAX + 1] = "", device[DEVICE_ID_TEXT_SIZE] = "", time[CLOCK_TEXT_SIZE];

        if (event_has_session(event))
                sid_write(&event->sid, sid);
        if (event_has_device(event))
                device_id_write(&event->device, device);
        clock_write(event->wall, time);
        json_open_object(w);
        json_member_string(w, "time", time);
        json_member_string(w, "kind", event->kind);
        put_text(w, "realm", event->realm);
        put_text(w, "user", event->user);
        if (event->uid != EVENT_UID_NONE)
                json_member_integer(w, "uid", event->uid);
        put_text(w, "sessionId", sid);
        put_text(w, "service", event->service);
        put_text(w, "deviceId", device);
        put_text(w, "deviceName", event->device_name);
        put_text(w, "ip", event->ip);
        json_key(w, "methods");
        json_open_array(w);
        for (unsigned i = 0; i < _METHODS_MAX; i++)
                if (event->methods & (1u << i))
                        json_put_string(w, method_name(1u << i));
        json_close_array(w);
        json_member_string(w, "initiator", initiator_name(event->initiator));
        put_text(w, "endReason", session_end_name(event->end));
        put_text(w, "note", event->note);
        if (event->count > 1)
                json_member_integer(w, "count", event->count);
        json_close_object(w);
}

int api_write_event(const struct event *event, char ret[static EVENT_TEXT_MAX], size_t *ret_size) {
        struct json_writer w;

        json_writer_init(&w, ret, EVENT_TEXT_MAX);
        put_event(&w, event);
        return json_writer_finish(&w, ret_size);
}

/* ---- what is asked ---- */

#define ANY_KIND (MESSAGE_STRINGS_MAX + 1)

struct history_params {
        char user[USER_MAX + 1];
        char realm[REALM_MAX + 1];
        bool all;
        char since[CLOCK_TEXT_SIZE];
        char until[CLOCK_TEXT_SIZE];
        struct message_strings kinds; /* of n ANY_KIND: not asked for */
        int64_t limit;                /* 0: none */

        usec_t since_wall, until_wall;
};

static const struct message_field history_fields[] = {
        MESSAGE_FIELD_STRING(struct history_params, user, "user", false),
        MESSAGE_FIELD_STRING(struct history_params, realm, "realm", false),
        MESSAGE_FIELD(struct history_params, all, "all", MESSAGE_BOOL, false),
        MESSAGE_FIELD_STRING(struct history_params, since, "since", false),
        MESSAGE_FIELD_STRING(struct history_params, until, "until", false),
        MESSAGE_FIELD(struct history_params, kinds, "kinds", MESSAGE_STRINGS, false),
        MESSAGE_FIELD(struct history_params, limit, "limit", MESSAGE_INTEGER, false),
        { 0 },
};

static int invalid(struct request *q, const char *name) {
        snprintf(q->detail, sizeof(q->detail), "%s", name);
        return API_INVALID_PARAMETER;
}

static int read_params(struct request *q, struct history_params *p) {
        int r;

        *p = (struct history_params){ .kinds.n = ANY_KIND, .until_wall = USEC_NEVER };
        r = api_read(q, history_fields, p);
        if (r)
                return r;
        if (*p->since && clock_read_text(p->since, &p->since_wall) < 0)
                return invalid(q, "since");
        if (*p->until && clock_read_text(p->until, &p->until_wall) < 0)
                return invalid(q, "until");
        if (p->limit < 0)
                return invalid(q, "limit");
        if (p->kinds.n == 0) /* no event could be one of none */
                return invalid(q, "kinds");
        for (size_t i = 0; p->kinds.n != ANY_KIND && i < p->kinds.n; i++)
                if (!event_kind_find(p->kinds.items[i])) /* a slip of the pen, not an empty history */
                        return invalid(q, "kinds");
        return p->all && !q->peer.is_admin ? API_PERMISSION_DENIED : 0;
}

/* ---- where it begins ---- */

static int begin_with_name(struct request *q, const char *realm, const char *user, size_t *n) {
        int r;

        if (*n == LIST_NAMES_MAX)
                return 0;
        r = store_newest_event_of_user(q->txn, realm, user, &q->list.next[*n]);
        *n += r == 0;
        return r < 0 ? r : 0;
}

/* The caller's own names, or that one of them that he named. */
static int begin_with_own(struct request *q, const struct history_params *p, const char *realm) {
        char name_realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct store_cursor cursor = { 0 };
        bool is_his = !*p->user;
        size_t n = 0;
        int r;

        while ((r = store_next_name_of_uid(q->txn, q->peer.uid, &cursor, name_realm, user)) == 0) {
                if (strcmp(name_realm, realm) != 0 || (*p->user && strcmp(user, p->user) != 0))
                        continue;
                is_his = true;
                r = begin_with_name(q, name_realm, user, &n);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        return is_his ? 0 : API_PERMISSION_DENIED;
}

static int begin(struct request *q, const struct history_params *p) {
        const struct realm *realm;
        size_t n = 0;
        int r;

        if (p->all) {
                r = store_newest_event(q->txn, &q->list.next[0]);
                return r < 0 ? r : 0;
        }
        r = api_find_realm(q, p->realm, &realm);
        if (r)
                return r;
        if (*p->user && q->peer.is_admin)
                return begin_with_name(q, realm->name, p->user, &n);
        return begin_with_own(q, p, realm->name);
}

/* ---- row by row ---- */

/* A row that is not asked for, not the caller's to see, or gone. It counts as one of a slice. */
enum { HISTORY_PASSES_OVER = STORE_END + 1 };

static uint64_t *newest_of(struct request *q) {
        uint64_t *newest = &q->list.next[0];

        for (size_t i = 1; i < LIST_NAMES_MAX; i++)
                if (q->list.next[i] > *newest)
                        newest = &q->list.next[i];
        return newest;
}

static bool is_wanted(const struct request *q, const struct history_params *p, const struct event *event) {
        bool is_of_kind = p->kinds.n == ANY_KIND;

        for (size_t i = 0; !is_of_kind && i < p->kinds.n; i++)
                is_of_kind = strcmp(p->kinds.items[i], event->kind) == 0;
        if (!is_of_kind || event->wall > p->until_wall)
                return false;
        if (p->all && *p->realm && strcmp(event->realm, p->realm) != 0)
                return false;
        if (p->all && *p->user && strcmp(event->user, p->user) != 0)
                return false;
        /* Of a name that was another's once, his events are not the caller's. */
        return event->uid == EVENT_UID_NONE || api_may_act_on(q, event->uid);
}

/* Rows stand in the order of their keeping: a list is over at its first row from before `since`. One that
 * cannot be read or is gone ends the list of its name (older ones went before it, or it was purged), and is
 * passed over among all. */
static int next_event(struct request *q, const struct history_params *p, struct event *ret) {
        uint64_t *next = newest_of(q), sequence = *next, previous = 0;
        int r, s;

        if (sequence == 0)
                return STORE_END;
        *next = 0;
        r = store_find_event(q->txn, sequence, ret, &previous);
        if (r < 0 && r != -EBADMSG)
                return r;
        if (r == 0 && ret->wall < p->since_wall)
                return HISTORY_PASSES_OVER;
        if (r > 0 && !p->all)
                return HISTORY_PASSES_OVER;
        if (p->all) {
                previous = 0;
                s = store_event_before(q->txn, sequence, &previous);
                if (s < 0)
                        return s;
        }
        *next = previous;
        return r == 0 && is_wanted(q, p, ret) ? 0 : HISTORY_PASSES_OVER;
}

int on_list_history(struct request *q) {
        struct history_params p;
        struct event event;
        int r;

        r = read_params(q, &p);
        if (r == 0 && !q->list.cursor.started)
                r = begin(q, &p);
        if (r)
                return r;
        q->list.cursor.started = true;

        for (size_t i = 0; i < LIST_SLICE_ROWS; i++) {
                char text[EVENT_TEXT_MAX];
                size_t size;

                if (p.limit > 0 && q->list.n_shown == (uint64_t) p.limit)
                        return list_end(q, "event", "events");
                r = next_event(q, &p, &event);
                if (r < 0)
                        return r;
                if (r == HISTORY_PASSES_OVER)
                        continue;
                if (r == STORE_END)
                        return list_end(q, "event", "events");
                r = api_write_event(&event, text, &size);
                if (r == 0)
                        r = list_put(q, "event", "events", text, size);
                if (r < 0)
                        return r;
                if (r == LIST_FULL)
                        return list_end(q, "event", "events");
                q->list.n_shown++;
        }
        return API_AGAIN;
}

/* ---- Subscribe ---- */

static const struct message_field subscribe_fields[] = {
        MESSAGE_FIELD_STRING(struct history_params, user, "user", false),
        MESSAGE_FIELD_STRING(struct history_params, realm, "realm", false),
        MESSAGE_FIELD(struct history_params, all, "all", MESSAGE_BOOL, false),
        MESSAGE_FIELD(struct history_params, kinds, "kinds", MESSAGE_STRINGS, false),
        { 0 },
};

static int read_kinds(struct request *q, const struct message_strings *kinds) {
        if (kinds->n == ANY_KIND)
                return 0;
        if (kinds->n == 0)
                return invalid(q, "kinds");
        for (size_t i = 0; i < kinds->n; i++)
                if (!feed_filter_add_kind(&q->filter, kinds->items[i]))
                        return invalid(q, "kinds");
        return 0;
}

/* Of all, or of one user: his own events, or for admins anybody's; as ListHistory. */
int on_subscribe(struct request *q) {
        struct history_params p = { .kinds.n = ANY_KIND };
        const struct realm *realm;
        int r;

        if (!q->call.more)
                return API_EXPECTED_MORE;
        q->filter = (struct feed_filter){ .hides_root = q->peer.uid != 0 };
        r = api_read(q, subscribe_fields, &p);
        if (r == 0)
                r = read_kinds(q, &p.kinds);
        if (r)
                return r;
        if (p.all && !q->peer.is_admin)
                return API_PERMISSION_DENIED;
        snprintf(q->filter.user, sizeof(q->filter.user), "%s", p.user);
        snprintf(q->filter.realm, sizeof(q->filter.realm), "%s", p.realm);
        if (p.all)
                return API_SUBSCRIBES;
        r = api_find_realm(q, p.realm, &realm);
        if (r)
                return r;
        snprintf(q->filter.realm, sizeof(q->filter.realm), "%s", realm->name);
        if (*p.user && q->peer.is_admin)
                return API_SUBSCRIBES;
        q->filter.is_of_uid = true;
        q->filter.uid = q->peer.uid;
        q->filter.hides_root = false;
        r = *p.user ? begin_with_own(q, &p, realm->name) : 0;
        return r ? r : API_SUBSCRIBES;
}
