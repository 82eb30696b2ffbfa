/* record: see record.h.
 *
 * A record is a version byte, then the fields of its table in that order, integers little-endian, nothing
 * after them. The tables are the format: a field is never moved, retyped or taken out under the same
 * version. */
#include "daemon/record.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define RECORD_VERSION 1

enum field_type {
        FIELD_BYTES, /* as many as the table says */
        FIELD_FLAG,  /* a bool; one byte, 0 or 1 */
        FIELD_ENUM,  /* one byte, within min and max */
        FIELD_U32,   /* at most max */
        FIELD_U64,
        FIELD_U32S, /* one byte of how many, at most max; then as many of 32 bits */
        FIELD_TEXT, /* 16 bits of length, within min and max; then as many bytes, none of them NUL */
};

struct field {
        enum field_type type;
        size_t offset;
        size_t size; /* of FIELD_BYTES */
        uint32_t min;
        uint32_t max;
};

#define BYTES(s, m)                                                                                          \
        { FIELD_BYTES, offsetof(struct s, m), sizeof(((struct s *) NULL)->m), 0, 0 }
#define FLAG(s, m)                                                                                           \
        { FIELD_FLAG, offsetof(struct s, m), 0, 0, 1 }
#define ENUM(s, m, min, max)                                                                                 \
        { FIELD_ENUM, offsetof(struct s, m), 0, min, max }
#define U32(s, m, max)                                                                                       \
        { FIELD_U32, offsetof(struct s, m), 0, 0, max }
#define U64(s, m)                                                                                            \
        { FIELD_U64, offsetof(struct s, m), 0, 0, 0 }
#define TEXT(s, m, min)                                                                                      \
        { FIELD_TEXT, offsetof(struct s, m), 0, min, sizeof(((struct s *) NULL)->m) - 1 }

static const struct field session_fields[] = {
        BYTES(session, sid.bytes),
        U32(session, uid, UINT32_MAX),
        ENUM(session, class, CLASS_COUNTED, CLASS_IGNORED),
        FLAG(session, counts),
        ENUM(session, terminate, TERMINATE_LEADER, TERMINATE_SCOPE),
        BYTES(session, device.bytes),
        U32(session, methods, (1U << _METHODS_MAX) - 1),
        BYTES(session, leader.boot.bytes),
        U32(session, leader.pid, INT32_MAX),
        U64(session, leader.start),
        U32(session, audit_session, UINT32_MAX),
        U64(session, created_at),
        U64(session, last_seen),
        U64(session, deadline_boot),
        U64(session, deadline_wall),
        ENUM(session, state, SESSION_LIVE, SESSION_ENDED),
        ENUM(session, end, END_NONE, _END_MAX - 1),
        U64(session, status_index),
        TEXT(session, realm, 1),
        TEXT(session, user, 1),
        TEXT(session, service, 0),
        TEXT(session, policy, 0),
        TEXT(session, device_name, 0),
        TEXT(session, ip, 0),
        TEXT(session, tty, 0),
        U32(session, refresh.number, UINT32_MAX),
        U64(session, refresh.counter),
        U64(session, refresh.rotated_boot),
        U64(session, refresh.deadline_boot),
        BYTES(session, refresh.hash),
        U64(session, idle.ttl),
        U64(session, idle.used_boot),
        U64(session, idle.look_boot),
        U64(session, idle.looked_boot),
        U64(session, idle.looked_wall),
        U64(session, idle.terminal_wall),
};

static const struct field device_fields[] = {
        BYTES(device, id.bytes),
        U32(device, uid, UINT32_MAX),
        ENUM(device, kind, DEVICE_SSH_KEY, DEVICE_UNKNOWN),
        ENUM(device, state, DEVICE_KNOWN, DEVICE_BLOCKED),
        U64(device, first_seen),
        U64(device, last_seen),
        U64(device, logins),
        TEXT(device, realm, 1),
        TEXT(device, user, 1),
        TEXT(device, identity, 0),
        TEXT(device, name, 0),
        TEXT(device, last_ip, 0),
};

static const struct field account_fields[] = {
        U32(account, uid, UINT32_MAX),
        U64(account, reset_at),
        U32(account, failures, UINT32_MAX),
        U64(account, failed_at),
        TEXT(account, realm, 1),
        TEXT(account, user, 1),
        TEXT(account, failed_from, 0),
};

static const struct field password_change_fields[] = {
        ENUM(password_change, what, PASSWORD_ENDS_OTHERS, PASSWORD_KEEPS),
        FLAG(password_change, is_by_user),
        FLAG(password_change, has_own),
        BYTES(password_change, own.bytes),
        BYTES(password_change, newest.bytes),
        BYTES(password_change, done.bytes),
        TEXT(password_change, realm, 1),
        TEXT(password_change, user, 1),
};

static const struct field lockout_fields[] = {
        ENUM(lockout, kind, LOCKOUT_SOURCE, LOCKOUT_ADMIN),
        U64(lockout, subject),
        BYTES(lockout, boot.bytes),
        U64(lockout, at_boot),
        U64(lockout, at_wall),
        U64(lockout, lasts),
        TEXT(lockout, realm, 1),
        TEXT(lockout, user, 1),
        TEXT(lockout, source, 0),
        TEXT(lockout, reason, 0),
        { FIELD_U32S, offsetof(struct lockout, failures), 0, 0, LOCKOUT_FAILURES_MAX },
};

static const struct field history_fields[] = {
        U64(history_row, previous),
        U64(history_row, event.wall),
        TEXT(history_row, event.kind, 1),
        TEXT(history_row, event.realm, 0),
        TEXT(history_row, event.user, 0),
        U32(history_row, event.uid, UINT32_MAX),
        BYTES(history_row, event.sid.bytes),
        TEXT(history_row, event.service, 0),
        BYTES(history_row, event.device.bytes),
        TEXT(history_row, event.device_name, 0),
        TEXT(history_row, event.ip, 0),
        U32(history_row, event.methods, (1U << _METHODS_MAX) - 1),
        ENUM(history_row, event.initiator, BY_SYSTEM, BY_POLICY),
        ENUM(history_row, event.end, END_NONE, _END_MAX - 1),
        TEXT(history_row, event.note, 0),
        U32(history_row, event.count, UINT32_MAX),
};

/* The tables copy C objects by their size: an enum and a pid are four bytes, a bool is one. */
static_assert(sizeof(enum session_state) == 4 && sizeof(enum session_end) == 4, "enums are 32 bits");
static_assert(sizeof(enum session_class) == 4 && sizeof(enum terminate) == 4, "enums are 32 bits");
static_assert(sizeof(enum device_kind) == 4 && sizeof(enum device_state) == 4, "enums are 32 bits");
static_assert(sizeof(enum on_password_change) == 4, "enums are 32 bits");
static_assert(sizeof(enum lockout_kind) == 4 && LOCKOUT_FAILURES_MAX <= UINT8_MAX, "a kind, and a count");
static_assert(offsetof(struct lockout_failures, ages_msec) == 4, "a count, and behind it the numbers");
static_assert(sizeof(pid_t) == 4 && sizeof(bool) == 1 && sizeof(usec_t) == 8, "fields have these sizes");

#define FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

struct writer {
        uint8_t *bytes;
        size_t size;
        size_t used;
};

static int write_bytes(struct writer *w, const void *bytes, size_t size) {
        if (size > w->size - w->used)
                return -ENOBUFS;

        memcpy(w->bytes + w->used, bytes, size);
        w->used += size;
        return 0;
}

static int write_number(struct writer *w, uint64_t value, size_t size) {
        uint64_t le = htole64(value);

        return write_bytes(w, &le, size);
}

static int write_text(struct writer *w, const char *text, const struct field *field) {
        size_t length = strnlen(text, field->max + 1);
        int r;

        if (length < field->min || length > field->max)
                return -EINVAL;

        r = write_number(w, length, 2);
        if (r)
                return r;
        return write_bytes(w, text, length);
}

static int write_numbers(struct writer *w, const uint8_t *from, const struct field *field) {
        uint32_t n, u32;
        int r;

        memcpy(&n, from, sizeof(n));
        if (n > field->max)
                return -EINVAL;
        r = write_number(w, n, 1);
        for (size_t i = 1; !r && i <= n; i++) {
                memcpy(&u32, from + i * sizeof(u32), sizeof(u32));
                r = write_number(w, u32, sizeof(u32));
        }
        return r;
}

static int write_field(struct writer *w, const uint8_t *object, const struct field *field) {
        const uint8_t *from = object + field->offset;
        uint64_t u64;
        uint32_t u32;

        switch (field->type) {
        case FIELD_BYTES:
                return write_bytes(w, from, field->size);
        case FIELD_FLAG:
                return write_number(w, *from, 1);
        case FIELD_ENUM:
                memcpy(&u32, from, sizeof(u32));
                return u32 < field->min || u32 > field->max ? -EINVAL : write_number(w, u32, 1);
        case FIELD_U32:
                memcpy(&u32, from, sizeof(u32));
                return u32 > field->max ? -EINVAL : write_number(w, u32, 4);
        case FIELD_U64:
                memcpy(&u64, from, sizeof(u64));
                return write_number(w, u64, 8);
        case FIELD_U32S:
                return write_numbers(w, from, field);
        case FIELD_TEXT:
                return write_text(w, (const char *) from, field);
        }
        return -EINVAL;
}

static int write_record(const void *object, const struct field *fields, size_t n_fields, struct writer *w) {
        int r;

        r = write_number(w, RECORD_VERSION, 1);
        for (size_t i = 0; !r && i < n_fields; i++)
                r = write_field(w, object, &fields[i]);
        return r;
}

static int write_whole(const void *object, const struct field *fields, size_t n_fields, void *buf,
        size_t size, size_t *ret_size) {
        struct writer w = { .bytes = buf, .size = size };
        int r;

        r = write_record(object, fields, n_fields, &w);
        if (r == 0)
                *ret_size = w.used;
        return r;
}

int record_write_session(const struct session *session, void *buf, size_t size, size_t *ret_size) {
        return write_whole(session, FIELDS(session_fields), buf, size, ret_size);
}

int record_write_device(const struct device *device, void *buf, size_t size, size_t *ret_size) {
        return write_whole(device, FIELDS(device_fields), buf, size, ret_size);
}

int record_write_account(const struct account *account, void *buf, size_t size, size_t *ret_size) {
        return write_whole(account, FIELDS(account_fields), buf, size, ret_size);
}

int record_write_password_change(
        const struct password_change *change, void *buf, size_t size, size_t *ret_size) {
        return write_whole(change, FIELDS(password_change_fields), buf, size, ret_size);
}

int record_write_lockout(const struct lockout *lockout, void *buf, size_t size, size_t *ret_size) {
        return write_whole(lockout, FIELDS(lockout_fields), buf, size, ret_size);
}

int record_write_history(const struct history_row *row, void *buf, size_t size, size_t *ret_size) {
        return write_whole(row, FIELDS(history_fields), buf, size, ret_size);
}

struct reader {
        const uint8_t *bytes;
        size_t left;
};

/* NULL when fewer are left. */
static const uint8_t *read_bytes(struct reader *in, size_t size) {
        const uint8_t *bytes = in->bytes;

        if (size > in->left)
                return NULL;

        in->bytes += size;
        in->left -= size;
        return bytes;
}

static int read_number(struct reader *in, size_t size, uint64_t min, uint64_t max, uint64_t *ret) {
        const uint8_t *bytes = read_bytes(in, size);
        uint64_t le = 0;

        if (!bytes)
                return -EBADMSG;

        memcpy(&le, bytes, size);
        *ret = le64toh(le);
        return *ret < min || *ret > max ? -EBADMSG : 0;
}

/* Into an object that was zeroed, so the text ends. */
static int read_text(struct reader *in, const struct field *field, uint8_t *to) {
        const uint8_t *bytes;
        uint64_t length;
        int r;

        r = read_number(in, 2, field->min, field->max, &length);
        if (r)
                return r;
        bytes = read_bytes(in, length);
        if (!bytes || memchr(bytes, 0, length))
                return -EBADMSG;

        memcpy(to, bytes, length);
        return 0;
}

static int read_numbers(struct reader *in, const struct field *field, uint8_t *to) {
        uint64_t n, value = 0;
        uint32_t u32;
        int r;

        r = read_number(in, 1, 0, field->max, &n);
        if (r)
                return r;
        u32 = (uint32_t) n;
        memcpy(to, &u32, sizeof(u32));
        for (size_t i = 1; !r && i <= n; i++) {
                r = read_number(in, sizeof(u32), 0, UINT32_MAX, &value);
                u32 = (uint32_t) value;
                memcpy(to + i * sizeof(u32), &u32, sizeof(u32));
        }
        return r;
}

static int read_field(struct reader *in, const struct field *field, uint8_t *object) {
        uint8_t *to = object + field->offset;
        const uint8_t *bytes;
        uint64_t value = 0;
        uint32_t u32;
        int r;

        switch (field->type) {
        case FIELD_BYTES:
                bytes = read_bytes(in, field->size);
                if (!bytes)
                        return -EBADMSG;
                memcpy(to, bytes, field->size);
                return 0;
        case FIELD_FLAG:
                r = read_number(in, 1, 0, 1, &value);
                *to = value == 1;
                return r;
        case FIELD_ENUM:
        case FIELD_U32:
                r = read_number(in, field->type == FIELD_ENUM ? 1 : 4, field->min, field->max, &value);
                u32 = (uint32_t) value;
                memcpy(to, &u32, sizeof(u32));
                return r;
        case FIELD_U64:
                r = read_number(in, 8, 0, UINT64_MAX, &value);
                memcpy(to, &value, sizeof(value));
                return r;
        case FIELD_U32S:
                return read_numbers(in, field, to);
        case FIELD_TEXT:
                return read_text(in, field, to);
        }
        return -EBADMSG;
}

static int read_record(struct reader *in, const struct field *fields, size_t n_fields, void *object) {
        uint64_t version;
        int r;

        r = read_number(in, 1, RECORD_VERSION, RECORD_VERSION, &version);
        for (size_t i = 0; !r && i < n_fields; i++)
                r = read_field(in, &fields[i], object);
        if (r)
                return r;
        return in->left > 0 ? -EBADMSG : 0;
}

/* What cannot be read leaves the caller's as it was. */
static int read_whole(const void *bytes, size_t size, const struct field *fields, size_t n_fields, void *ret,
        size_t ret_size) {
        struct reader in = { .bytes = bytes, .left = size };
        union {
                struct session session;
                struct device device;
                struct account account;
                struct password_change password_change;
                struct lockout lockout;
                struct history_row history;
        } object;
        int r;

        assert(ret_size <= sizeof(object));
        memset(&object, 0, ret_size);
        r = read_record(&in, fields, n_fields, &object);
        if (r)
                return r;
        memcpy(ret, &object, ret_size);
        return 0;
}

int record_read_session(const void *bytes, size_t size, struct session *ret) {
        return read_whole(bytes, size, FIELDS(session_fields), ret, sizeof(*ret));
}

int record_read_device(const void *bytes, size_t size, struct device *ret) {
        return read_whole(bytes, size, FIELDS(device_fields), ret, sizeof(*ret));
}

int record_read_account(const void *bytes, size_t size, struct account *ret) {
        return read_whole(bytes, size, FIELDS(account_fields), ret, sizeof(*ret));
}

int record_read_password_change(const void *bytes, size_t size, struct password_change *ret) {
        return read_whole(bytes, size, FIELDS(password_change_fields), ret, sizeof(*ret));
}

int record_read_lockout(const void *bytes, size_t size, struct lockout *ret) {
        return read_whole(bytes, size, FIELDS(lockout_fields), ret, sizeof(*ret));
}

int record_read_history(const void *bytes, size_t size, struct history_row *ret) {
        return read_whole(bytes, size, FIELDS(history_fields), ret, sizeof(*ret));
}
