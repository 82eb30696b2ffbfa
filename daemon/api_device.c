/* api_device: the handlers of devices: which there are, what they are called, which may not log in, which are
 * forgotten. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ending.h"

#define DEVICE_TEXT_MAX 8192 /* a device as JSON, every byte of its names escaped */
#define ENDS_PER_TURN   256
#define ROWS_PER_TURN   4096

/* ---- a device as its object ---- */

/* n_live: NULL where it would have to be counted. */
static void put_device(
        struct json_writer *w, const struct device *device, const size_t *n_live, bool is_current) {
        char id[DEVICE_ID_TEXT_SIZE];

        device_id_write(&device->id, id);
        json_open_object(w);
        json_member_string(w, "deviceId", id);
        json_member_string(w, "realm", device->realm);
        json_member_string(w, "user", device->user);
        json_member_integer(w, "uid", device->uid);
        json_member_string(w, "name", device->name);
        json_member_string(w, "kind", device_kind_name(device->kind));
        json_member_string(w, "identity", device->identity);
        api_put_time(w, "firstSeen", device->first_seen);
        api_put_time(w, "lastSeen", device->last_seen);
        if (*device->last_ip)
                json_member_string(w, "ip", device->last_ip);
        json_member_integer(w, "logins", (int64_t) device->logins);
        json_member_string(w, "state", device_state_name(device->state));
        if (n_live)
                json_member_integer(w, "sessions", (int64_t) *n_live);
        json_member_bool(w, "current", is_current);
        json_close_object(w);
}

static bool is_callers(struct request *q, const struct device *device) {
        struct session current;

        return device->uid == q->peer.uid && api_find_callers_session(q, &current) == 0 &&
               device_id_equal(&current.device, &device->id);
}

/* ---- the list: user after user: his sessions are counted, then his devices go out ---- */

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

/* Whose devices: everybody's, or those of the caller's uid, or (admins) those of one name. */
struct whose {
        bool all;
        const char *user;          /* "": any */
        char realm[REALM_MAX + 1]; /* "": any */
};

static bool is_one_of(const struct whose *whose, const char *realm, const char *user) {
        return (!*whose->realm || strcmp(whose->realm, realm) == 0) &&
               (!*whose->user || strcmp(whose->user, user) == 0);
}

/* The next name to be listed: q->list.roster begins with it. 0; STORE_END; API_AGAIN: this one is not, look
 * on; negative errno. */
static int next_name(struct request *q, const struct whose *whose) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct store_cursor *cursor = &q->list.cursor;
        int r;

        if (q->peer.is_admin && *whose->user && !whose->all) { /* one name: no walk */
                if (cursor->started)
                        return STORE_END;
                cursor->started = true;
                return roster_new(whose->realm, whose->user, &q->list.roster);
        }
        r = whose->all ? store_next_name(q->txn, cursor, realm, user)
                       : store_next_name_of_uid(q->txn, q->peer.uid, cursor, realm, user);
        if (r)
                return r;
        return is_one_of(whose, realm, user) ? roster_new(realm, user, &q->list.roster) : API_AGAIN;
}

/* Another's name is for admins. For others: their own is one under which their uid has, or had, a session;
 * whether any other exists is not told. */
static int check_name(struct request *q, const struct whose *whose) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        struct store_cursor cursor = { 0 };
        int r;

        if (!*whose->user || q->peer.is_admin)
                return 0;
        while ((r = store_next_name_of_uid(q->txn, q->peer.uid, &cursor, realm, user)) == 0)
                if (is_one_of(whose, realm, user))
                        return 0;
        return r < 0 ? r : API_PERMISSION_DENIED;
}

static int find_whose(struct request *q, const struct list_params *p, struct whose *ret) {
        struct whose whose = { .all = p->all, .user = p->user };
        const struct realm *realm;
        int r;

        if (p->all && !q->peer.is_admin)
                return API_PERMISSION_DENIED;
        if (!p->all || *p->realm) {
                r = api_find_realm(q, p->realm, &realm);
                if (r)
                        return r;
                snprintf(whose.realm, sizeof(whose.realm), "%s", realm->name);
        }
        r = check_name(q, &whose);
        if (r)
                return r;
        *ret = whose;
        return 0;
}

static int list_device(struct request *q, const struct device *device, const struct session *current) {
        const struct roster_row *row = roster_find(q->list.roster, &device->id);
        const size_t n_live = row ? row->n_live : 0;
        char text[DEVICE_TEXT_MAX];
        struct json_writer w;
        size_t size;
        int r;

        json_writer_init(&w, text, sizeof(text));
        put_device(&w, device, &n_live, current && device_id_equal(&current->device, &device->id));
        r = json_writer_finish(&w, &size);
        if (r < 0)
                return r;
        return list_put(q, "device", "devices", text, size);
}

/* One row looked at, or shown. 0; STORE_END: the list is over; LIST_FULL; negative errno. */
static int list_step(struct request *q, const struct whose *whose, const struct session *current) {
        struct roster *roster = q->list.roster;
        struct device device;
        int r;

        if (!roster) {
                r = next_name(q, whose);
                return r == API_AGAIN ? 0 : r;
        }
        if (!q->list.is_counted) {
                r = roster_step(roster, q->txn);
                q->list.is_counted = r == 0;
                return r < 0 ? r : 0;
        }
        r = store_next_device_of_user(q->txn, roster->realm, roster->user, &q->list.devices, &device);
        if (r < 0)
                return r;
        if (r == STORE_END) {
                roster_free(&q->list.roster);
                q->list.is_counted = false;
                q->list.devices = (struct store_cursor){ 0 };
                return 0;
        }
        /* A name may have had another uid before */
        if (!api_may_act_on(q, device.uid) || (!q->peer.is_admin && device.uid != q->peer.uid))
                return 0;
        r = list_device(q, &device, current);
        return r == LIST_FULL ? STORE_END : r;
}

int on_list_devices(struct request *q) {
        struct list_params p = { 0 };
        struct session current;
        struct whose whose;
        bool has_current;
        int r;

        r = api_read(q, list_fields, &p);
        if (r)
                return r;
        r = find_whose(q, &p, &whose);
        if (r)
                return r;
        r = api_find_callers_session(q, &current);
        if (r < 0)
                return r;
        has_current = r == 0;

        for (size_t i = 0; i < LIST_SLICE_ROWS; i++) {
                r = list_step(q, &whose, has_current ? &current : NULL);
                if (r == STORE_END)
                        return list_end(q, "device", "devices");
                if (r < 0)
                        return r;
        }
        return API_AGAIN;
}

/* ---- one device ---- */

struct device_params {
        char device_id[DEVICE_ID_TEXT_SIZE];
        char name[DEVICE_NAME_MAX + 1];
};

static const struct message_field device_fields[] = {
        MESSAGE_FIELD_STRING(struct device_params, device_id, "deviceId", true),
        { 0 },
};

static const struct message_field rename_fields[] = {
        MESSAGE_FIELD_STRING(struct device_params, device_id, "deviceId", true),
        MESSAGE_FIELD_STRING(struct device_params, name, "name", true),
        { 0 },
};

/* Looks up and checks in one step: a foreign device is answered as one that is not there. */
static int find_own_device(struct request *q, const char *device_id, struct device *ret) {
        struct device device;
        struct device_id id;
        bool found;
        int r;

        if (device_id_read(device_id, &id) < 0) {
                snprintf(q->detail, sizeof(q->detail), "deviceId");
                return API_INVALID_PARAMETER;
        }
        r = store_load_device(q->txn, &id, &device);
        if (r < 0)
                return r;
        found = r == 0 && api_may_act_on(q, device.uid);
        r = found ? api_sees_realm(q, device.realm) : 0;
        if (r < 0)
                return r;
        if (r == 0) {
                snprintf(q->detail, sizeof(q->detail), "%s", device_id);
                return API_DEVICE_NOT_FOUND;
        }
        *ret = device;
        return 0;
}

static int tell_device(
        struct request *q, enum effect_kind kind, const struct device *device, const char *note) {
        enum initiator initiator = device->uid == q->peer.uid ? BY_USER : BY_ADMIN;

        return effects_add_of_device(&q->change.effects, kind, initiator, device, note);
}

static void reply_device(struct request *q, const struct device *device) {
        json_key(&q->reply, "device");
        put_device(&q->reply, device, NULL, is_callers(q, device));
}

int on_rename_device(struct request *q) {
        struct device_params p = { 0 };
        char before[DEVICE_NAME_MAX + 1];
        struct device device;
        int r;

        r = api_read(q, rename_fields, &p);
        if (r)
                return r;
        if (!*p.name) {
                snprintf(q->detail, sizeof(q->detail), "name");
                return API_INVALID_PARAMETER;
        }
        r = find_own_device(q, p.device_id, &device);
        if (r)
                return r;
        memcpy(before, device.name, sizeof(before));
        memcpy(device.name, p.name, sizeof(device.name));
        r = store_put_device(q->txn, &device);
        if (r < 0)
                return r;
        r = tell_device(q, EFFECT_DEVICE_RENAMED, &device, before);
        if (r < 0)
                return r;
        reply_device(q, &device);
        return 0;
}

/* Ends the device's live sessions, as many as one turn should. 0: all have; API_AGAIN; negative errno. */
static int end_sessions(struct request *q, const struct device *device, const char *note) {
        enum initiator initiator = device->uid == q->peer.uid ? BY_USER : BY_ADMIN;
        struct session session;
        size_t n_ends = 0;
        int r;

        for (size_t i = 0; i < ROWS_PER_TURN && n_ends < ENDS_PER_TURN; i++) {
                r = store_next_session_of_user(
                        q->txn, device->realm, device->user, &q->progress.cursor, &session);
                if (r)
                        return r < 0 ? r : 0;
                if (session.state != SESSION_LIVE || !device_id_equal(&session.device, &device->id))
                        continue;
                r = ending_end(q->txn, &session, END_DEVICE_REMOVED, initiator, note, &q->change.effects);
                if (r < 0)
                        return r;
                n_ends++;
                q->progress.n_ended++;
        }
        return API_AGAIN;
}

/* First no login comes from it any more, then its sessions go. */
int on_block_device(struct request *q) {
        struct device_params p = { 0 };
        struct device device;
        int r;

        r = api_read(q, device_fields, &p);
        if (r)
                return r;
        r = find_own_device(q, p.device_id, &device);
        if (r)
                return r;
        if (!q->progress.has_begun) /* its session may be the first that ends */
                q->progress.is_current = is_callers(q, &device);
        if (device.state != DEVICE_BLOCKED) {
                device.state = DEVICE_BLOCKED;
                r = store_put_device(q->txn, &device);
                if (r < 0)
                        return r;
                r = tell_device(q, EFFECT_DEVICE_BLOCKED, &device, NULL);
                if (r < 0)
                        return r;
        }
        r = end_sessions(q, &device, "it was blocked");
        if (r)
                return r;
        json_key(&q->reply, "device");
        put_device(&q->reply, &device, &(size_t){ 0 }, q->progress.is_current);
        json_member_integer(&q->reply, "revokedCount", q->progress.n_ended);
        return 0;
}

int on_unblock_device(struct request *q) {
        struct device_params p = { 0 };
        struct device device;
        int r;

        r = api_read(q, device_fields, &p);
        if (r)
                return r;
        r = find_own_device(q, p.device_id, &device);
        if (r)
                return r;
        if (device.state == DEVICE_BLOCKED) {
                device.state = DEVICE_KNOWN;
                r = store_put_device(q->txn, &device);
                if (r < 0)
                        return r;
                r = tell_device(q, EFFECT_DEVICE_UNBLOCKED, &device, NULL);
                if (r < 0)
                        return r;
        }
        reply_device(q, &device);
        return 0;
}

/* Its sessions go, and in the turn in which none is left, its record: so no live session is without one. */
int on_forget_device(struct request *q) {
        struct device_params p = { 0 };
        struct device device;
        int r;

        r = api_read(q, device_fields, &p);
        if (r)
                return r;
        r = find_own_device(q, p.device_id, &device);
        if (r)
                return r;
        if (!q->progress.has_begun) /* its session may be the first that ends */
                q->progress.is_current = is_callers(q, &device);
        r = end_sessions(q, &device, "it was forgotten");
        if (r)
                return r;
        r = store_remove_device(q->txn, &device.id);
        if (r < 0)
                return r;
        r = tell_device(q, EFFECT_DEVICE_FORGOTTEN, &device, NULL);
        if (r < 0)
                return r;
        json_key(&q->reply, "device");
        put_device(&q->reply, &device, &(size_t){ 0 }, q->progress.is_current);
        json_member_integer(&q->reply, "revokedCount", q->progress.n_ended);
        return 0;
}
