/* Attempts to sign in, as frames made by hand, against a real store; time is moved by hand. */
#pragma once

#include "tests/unit/login_fixture.h"

#include "daemon/login_private.h"

#define MINUTE   (60 * USEC_PER_SEC)
#define DAY      (86400 * USEC_PER_SEC)
#define OFFICE   "192.0.2.7"
#define ATTACKER "203.0.113.9"

static usec_t passed; /* since the test began, on all clocks */

static inline int lock_setup(void **state) {
        uint8_t record[SEAL_RECORD_SIZE];
        struct desk *desk;

        passed = 0;
        assert_int_equal(desk_setup(state), 0);
        desk = *state;
        desk_configure(desk, "[lock]\nlock_messages = verbose\n");
        assert_int_equal(seal_make(&desk->service.unknown_names, record), 0);
        return 0;
}

static inline int lock_teardown(void **state) {
        struct desk *desk = *state;

        seal_free(&desk->service.unknown_names);
        return desk_teardown(state);
}

static inline struct moment now(void) {
        static struct moment began;

        if (began.wall == 0)
                began = clock_now();
        return (struct moment){ .wall = began.wall + passed, .boot = began.boot + passed };
}

/* What was said, "" for OK. */
static char said[MESSAGE_TEXT_MAX + 1];
static size_t n_effects;
static enum effect_kind effects_seen[8];

static inline enum frame_outcome finish(struct login *login, int module) {
        enum frame_outcome outcome = login->reply.outcome;

        strcpy(said, login->reply.text);
        n_effects = login->change.effects.n;
        for (size_t i = 0; i < n_effects; i++)
                effects_seen[i] = login->change.effects.items[i].kind;
        close(module);
        login_free(&login);
        return outcome;
}

static inline enum frame_outcome change(struct desk *desk, struct login *login, int module) {
        struct store_txn *turn = begin_turn(desk->store), *request = begin_request(turn);

        assert_true(login_needs_store(login, false));
        assert_int_equal(login_change_lock(login, request, now()), 0);
        commit(request);
        assert_consistent(turn);
        commit(turn);
        return finish(login, module);
}

static inline enum frame_outcome fail_once(struct desk *desk, const char *user, const char *ip) {
        int module;
        struct login *login = new_login(desk, FRAME_AUTHFAIL, user, ip, &module);

        return change(desk, login, module);
}

static inline enum frame_outcome succeed(struct desk *desk, const char *user, const char *ip) {
        int module;
        struct login *login = new_login(desk, FRAME_AUTHSUCC, user, ip, &module);

        return change(desk, login, module);
}

static inline enum frame_outcome look(struct desk *desk, struct login *login, int module) {
        struct store_txn *read = begin_read(desk->store);

        assert_true(login_needs_store(login, false) && login_only_reads(login));
        assert_int_equal(login_preauth(login, read, now()), 0);
        store_abort(&read);
        return finish(login, module);
}

static inline enum frame_outcome try(struct desk *desk, const char *user, const char *ip) {
        int module;
        struct login *login = new_login(desk, FRAME_PREAUTH, user, ip, &module);

        return look(desk, login, module);
}

static inline enum frame_outcome account(struct desk *desk, const char *user, const char *ip) {
        int module;
        struct login *login = new_login(desk, FRAME_ACCOUNT, user, ip, &module);
        struct store_txn *read = begin_read(desk->store);

        assert_int_equal(login_read(login, read), 0);
        store_abort(&read);
        return finish(login, module);
}

static inline void fail_times(struct desk *desk, unsigned n, const char *user, const char *ip) {
        while (n-- > 0)
                assert_int_equal(fail_once(desk, user, ip), FRAME_DENIED);
}

static inline size_t count_lockouts(struct desk *desk) {
        struct store_txn *read = begin_read(desk->store);
        struct store_cursor c = { 0 };
        struct lockout row;
        size_t n = 0;

        while (store_next_lockout(read, &c, &row) == 0)
                n++;
        store_abort(&read);
        return n;
}

static inline void lock_by_admin(struct desk *desk, const char *user) {
        struct store_txn *turn = begin_turn(desk->store);
        struct lockout row = { .realm = "default", .kind = LOCKOUT_ADMIN };
        struct lockout_time time = { desk->service.boot, now().boot, now().wall };

        strcpy(row.user, user);
        lockout_lock(&row, USEC_NEVER, "", &time);
        assert_int_equal(store_put_lockout(turn, &row), 0);
        commit(turn);
}

static inline void fail_twenty_times(struct desk *desk) {
        static const char *const sources[] = { "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4",
                "203.0.113.5" };

        for (size_t i = 0; i < 5; i++)
                fail_times(desk, 4, "alice", sources[i]);
}
