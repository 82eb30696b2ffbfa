/* A session and a device with every field set, and their bytes. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/record.h"

/* Where the fields of version 1 stand: the format on disk, written down a second time on purpose. */
enum {
        AT_VERSION = 0,
        AT_CLASS = 21,
        AT_COUNTS = 22,
        AT_TERMINATE = 23,
        AT_METHODS = 40,
        AT_PID = 60,
        AT_STATE = 108,
        AT_END = 109,
        AT_STATUS_INDEX = 110,
        AT_REALM = 118,
        AT_DEVICE_KIND = 21,
        AT_DEVICE_STATE = 22,
        AT_DEVICE_REALM = 47,
};

static inline struct session a_session(void) {
        struct session s = {
                .realm = "default",
                .user = "alice",
                .uid = 1000,
                .service = "sshd",
                .class = CLASS_COUNTED,
                .counts = true,
                .policy = "single-device",
                .terminate = TERMINATE_LEADER,
                .device_name = "ed25519 key, 192.0.2.7",
                .ip = "192.0.2.7",
                .tty = "ssh",
                .methods = METHOD_KEY | METHOD_OTHER,
                .leader = { .pid = 4711, .start = 0x0102030405060708 },
                .audit_session = AUDIT_SESSION_UNSET,
                .created_at = 1700000000000000,
                .last_seen = 1700000000000001,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = 1700000100000000,
                .state = SESSION_ENDING,
                .end = END_REBOOT,
                .status_index = 0x0a0b0c,
        };

        memset(s.sid.bytes, 0x11, sizeof(s.sid.bytes));
        memset(s.device.bytes, 0x22, sizeof(s.device.bytes));
        memset(s.leader.boot.bytes, 0x33, sizeof(s.leader.boot.bytes));
        s.refresh = (struct refresh_chain){ 0x11121314, 0x2122232425262728, 3, USEC_NEVER, { 0x77, 0x78 } };
        s.idle = (struct idle){ 600, 0x3132333435363738, USEC_NEVER, 4, 5, 6 };
        return s;
}

static inline struct device a_device(void) {
        struct device d = {
                .realm = "default",
                .user = "alice",
                .uid = 1000,
                .kind = DEVICE_SSH_KEY,
                .state = DEVICE_KNOWN,
                .identity = "SHA256:abc",
                .name = "laptop",
                .first_seen = 1,
                .last_seen = UINT64_MAX,
                .last_ip = "2001:db8::1",
                .logins = 3,
        };

        memset(d.id.bytes, 0x44, sizeof(d.id.bytes));
        return d;
}

static inline struct password_change a_password_change(void) {
        struct password_change c = { .realm = "default",
                .user = "alice",
                .what = PASSWORD_ENDS_OTHERS,
                .is_by_user = true,
                .has_own = true };

        memset(c.own.bytes, 0x11, sizeof(c.own.bytes));
        memset(c.newest.bytes, 0x22, sizeof(c.newest.bytes));
        memset(c.done.bytes, 0x10, sizeof(c.done.bytes));
        return c;
}

static inline struct history_row a_history_row(void) {
        struct history_row row = {
                .event = { .kind = "evicted",
                        .wall = 1700000000000000,
                        .realm = "default",
                        .user = "alice",
                        .uid = 1000,
                        .service = "sshd",
                        .device_name = "laptop",
                        .ip = "192.0.2.7",
                        .methods = METHOD_KEY,
                        .initiator = BY_POLICY,
                        .end = END_EVICTED,
                        .note = "phone at 192.0.2.8",
                        .count = 1 },
                .previous = 0x0102030405060708,
        };

        memset(row.event.sid.bytes, 0x11, sizeof(row.event.sid.bytes));
        memset(row.event.device.bytes, 0x22, sizeof(row.event.device.bytes));
        return row;
}

struct bytes {
        uint8_t bytes[RECORD_MAX + 64];
        size_t size;
};

static inline struct bytes session_bytes(const struct session *session) {
        struct bytes b = { 0 };

        assert_int_equal(record_write_session(session, b.bytes, RECORD_MAX, &b.size), 0);
        return b;
}

static inline struct bytes device_bytes(const struct device *device) {
        struct bytes b = { 0 };

        assert_int_equal(record_write_device(device, b.bytes, RECORD_MAX, &b.size), 0);
        return b;
}

static inline struct bytes history_bytes(const struct history_row *row) {
        struct bytes b = { 0 };

        assert_int_equal(record_write_history(row, b.bytes, RECORD_MAX, &b.size), 0);
        return b;
}

static inline struct bytes sample(void) {
        struct session s = a_session();

        return session_bytes(&s);
}
