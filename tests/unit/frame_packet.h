/* A request of the module with every field set, as a struct and as bytes. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pam/frame.h"

/* Where the parts of a request stand. */
enum {
        AT_MAGIC = 0,
        AT_VERSION = 4,
        AT_KIND = 6,
        AT_SIZE = 8,
        AT_FLAGS = 12,
        AT_DEADLINE = 16,
        AT_UID = 24,
        AT_CHOICE = 28,
        AT_TEXT = 32
};

static const uint32_t some_groups[] = { 100, 4294967294u, 27 };

static const struct frame_request login = {
        .phase = FRAME_OPEN,
        .flags = FRAME_BREAK_GLASS | FRAME_SILENT,
        .deadline = 0x0102030405060708,
        .uid = 0xfffffffe,
        .user = "alice",
        .service = "sshd",
        .realm = "default",
        .tty = "ssh",
        .rhost = "192.0.2.7",
        .ruser = "",
        .ssh_connection = "192.0.2.7 51000 192.0.2.1 22",
        .auth_info = "publickey ssh-ed25519 AAAA\npassword\n",
        .session_id = "",
        .n_groups = 3,
        .groups = some_groups,
};

/* The strings in the order of the frame, with their limits. */
static const struct {
        const char *name;
        size_t offset;
        size_t max;
} fields[] = {
        { "user", offsetof(struct frame_request, user), USER_MAX },
        { "service", offsetof(struct frame_request, service), SERVICE_MAX },
        { "realm", offsetof(struct frame_request, realm), REALM_MAX },
        { "tty", offsetof(struct frame_request, tty), TTY_MAX },
        { "rhost", offsetof(struct frame_request, rhost), RHOST_MAX },
        { "ruser", offsetof(struct frame_request, ruser), USER_MAX },
        { "ssh_connection", offsetof(struct frame_request, ssh_connection), SSH_CONNECTION_MAX },
        { "auth_info", offsetof(struct frame_request, auth_info), AUTH_INFO_MAX },
        { "session_id", offsetof(struct frame_request, session_id), SID_TEXT_MAX },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

struct packet {
        uint8_t bytes[FRAME_REQUEST_MAX];
        size_t size;
};

static inline void set_field(struct frame_request *request, size_t i, const char *text) {
        memcpy((char *) request + fields[i].offset, &text, sizeof(text));
}

static inline struct packet *written(const struct frame_request *request) {
        struct packet *p = calloc(1, sizeof(*p));
        const char *field = NULL;

        assert_non_null(p);
        assert_int_equal(frame_write_request(request, p->bytes, sizeof(p->bytes), &p->size, &field), 0);
        return p;
}

/* Reads a copy of exactly the packet's size, so that a sanitizer sees a read past it. Strings go with the
 * copy. */
static inline int read_copy(const void *bytes, size_t size, const char **ret_field, uint16_t *ret_version) {
        struct frame_request request, before;
        uint32_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
        void *copy = malloc(size ? size : 1);
        int r;

        assert_true(copy && groups);
        if (size)
                memcpy(copy, bytes, size);
        memset(&request, 0x5a, sizeof(request));
        before = request;
        r = frame_read_request(copy, size, &request, groups, ret_version, ret_field);
        if (r < 0)
                assert_memory_equal(&request, &before, sizeof(request));
        free(groups);
        free(copy);
        return r;
}

static inline void refuse(const struct packet *p, const char *expected) {
        const char *field = NULL;
        uint16_t version = 0;

        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), -EBADMSG);
        assert_string_equal(field, expected);
}

static inline void set_size(struct packet *p) {
        for (int i = 0; i < 4; i++)
                p->bytes[AT_SIZE + i] = (uint8_t) (p->size >> (8 * i));
}

/* Where the length of the i-th string stands; for N_FIELDS, where the count of groups does. */
static inline size_t offset_of_field(const struct packet *p, size_t i) {
        size_t at = AT_TEXT;

        for (; i > 0; i--)
                at += 2 + (size_t) (p->bytes[at] | p->bytes[at + 1] << 8) + 1;
        return at;
}
