/* A store in a folder of its own, and sessions to put into it. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/store_private.h"

/* Small, so that a folder of tests is not a disk of tests; large enough never to be full. */
#define FIXTURE_MAP (64U << 20)

struct fixture {
        char above[32];
        char dir[48];
        struct store *store;
};

static inline void fixture_reopen(struct fixture *f, size_t map_size) {
        pid_t holder;

        store_close(&f->store);
        assert_int_equal(store_open(f->dir, map_size, &f->store, &holder), 0);
}

static inline int fixture_setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->above, "/tmp/test_store.XXXXXX");
        assert_non_null(mkdtemp(f->above));
        snprintf(f->dir, sizeof(f->dir), "%s/state", f->above);
        fixture_reopen(f, FIXTURE_MAP);
        *state = f;
        return 0;
}

static inline void fixture_remove_files(struct fixture *f) {
        static const char *const names[] = { "data.mdb", "lock.mdb", "lock", "seen" };
        char path[64];

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
                (void) unlink(path);
        }
}

static inline int fixture_teardown(void **state) {
        struct fixture *f = *state;

        store_close(&f->store);
        fixture_remove_files(f);
        (void) rmdir(f->dir);
        (void) rmdir(f->above);
        free(f);
        return 0;
}

static inline struct store_txn *begin_turn(struct fixture *f) {
        struct store_txn *txn = NULL;

        assert_int_equal(store_begin_turn(f->store, &txn), 0);
        return txn;
}

static inline struct store_txn *begin_request(struct store_txn *turn) {
        struct store_txn *txn = NULL;

        assert_int_equal(store_begin_request(turn, &txn), 0);
        return txn;
}

static inline struct store_txn *begin_read(struct fixture *f) {
        struct store_txn *txn = NULL;

        assert_int_equal(store_begin_read(f->store, &txn), 0);
        return txn;
}

static inline void commit(struct store_txn *txn) {
        assert_int_equal(store_commit(&txn), 0);
        assert_null(txn);
}

static inline void assert_consistent(struct store_txn *txn) {
        char error[256] = "";
        int r = store_check(txn, error, sizeof(error));

        assert_string_equal(error, "");
        assert_int_equal(r, 0);
}

static inline struct sid sid_of(unsigned n) {
        return (struct sid){ { 1, 2, (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8),
                (uint8_t) n } };
}

/* Live, without a deadline, led by a process of its own. */
static inline struct session session_of(unsigned n, const char *realm, const char *user) {
        struct session s = {
                .sid = sid_of(n),
                .uid = 1000,
                .service = "sshd",
                .class = CLASS_COUNTED,
                .counts = true,
                .policy = "default",
                .terminate = TERMINATE_LEADER,
                .device_name = "laptop",
                .ip = "192.0.2.7",
                .tty = "ssh",
                .methods = METHOD_KEY,
                .leader = { .boot = { { 7 } }, .pid = (pid_t) (100 + n), .start = n },
                .audit_session = AUDIT_SESSION_UNSET,
                .created_at = n,
                .last_seen = n,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .state = SESSION_LIVE,
        };

        strcpy(s.realm, realm);
        strcpy(s.user, user);
        return s;
}

static inline struct device device_of(unsigned n, const char *realm, const char *user) {
        struct device d = {
                .uid = 1000,
                .kind = DEVICE_SSH_KEY,
                .state = DEVICE_KNOWN,
                .identity = "SHA256:abc",
                .name = "laptop",
                .last_ip = "192.0.2.7",
                .first_seen = n,
        };

        strcpy(d.realm, realm);
        strcpy(d.user, user);
        /* One id is one user's: the n first, so that they are listed in its order */
        d.id.bytes[0] = (uint8_t) (n >> 8);
        d.id.bytes[1] = (uint8_t) n;
        for (size_t i = 0; realm[i]; i++)
                d.id.bytes[2 + i % 7] = (uint8_t) (d.id.bytes[2 + i % 7] * 31 + realm[i]);
        for (size_t i = 0; user[i]; i++)
                d.id.bytes[9 + i % 7] = (uint8_t) (d.id.bytes[9 + i % 7] * 31 + user[i]);
        return d;
}

static inline void assert_same_session(const struct session *a, const struct session *b) {
        uint8_t x[RECORD_MAX], y[RECORD_MAX];
        size_t x_size, y_size;

        assert_int_equal(record_write_session(a, x, sizeof(x), &x_size), 0);
        assert_int_equal(record_write_session(b, y, sizeof(y), &y_size), 0);
        assert_int_equal(x_size, y_size);
        assert_memory_equal(x, y, x_size);
}

static inline void assert_sid(const struct session *session, unsigned n) {
        struct sid sid = sid_of(n);

        assert_memory_equal(session->sid.bytes, sid.bytes, sizeof(sid.bytes));
}

static inline void open_session(struct store_txn *txn, const struct session *session) {
        assert_int_equal(store_open_session(txn, session), 0);
}

/* One turn of one session. */
static inline void open_alone(struct fixture *f, const struct session *session) {
        struct store_txn *turn = begin_turn(f);

        open_session(turn, session);
        commit(turn);
}

static inline void assert_found(struct fixture *f, unsigned n, int expected) {
        struct store_txn *read = begin_read(f);
        struct sid sid = sid_of(n);
        struct session session;

        assert_int_equal(store_find_session(read, &sid, &session), expected);
        store_abort(&read);
}
