/* What modules ask, as frames made by hand, run against a real store. */
#pragma once

#include "tests/unit/service_fixture.h"

#include <sys/socket.h>

#include "daemon/login.h"

struct desk {
        struct fixture *store;
        struct service service;
        struct config *config;
        pid_t next_pid; /* leaders that are not looked at are made up */
};

static inline void desk_configure(struct desk *desk, const char *text) {
        char error[CONFIG_ERROR_MAX] = "";

        config_unref(&desk->config);
        if (config_read("test", text, strlen(text), &desk->config, error) < 0)
                fail_msg("%s", error);
}

static inline int desk_setup(void **state) {
        struct desk *desk = calloc(1, sizeof(*desk));
        void *store;

        assert_non_null(desk);
        assert_int_equal(fixture_setup(&store), 0);
        desk->store = store;
        service_open(&desk->service, desk->store);
        desk_configure(desk, "");
        desk->next_pid = 100000;
        *state = desk;
        return 0;
}

static inline int desk_teardown(void **state) {
        struct desk *desk = *state;
        void *store = desk->store;

        config_unref(&desk->config);
        service_close(&desk->service);
        free(desk);
        return fixture_teardown(&store);
}

static inline struct leader_id new_leader(struct desk *desk) {
        return (struct leader_id){ .boot = desk->service.boot, .pid = desk->next_pid++, .start = 1 };
}

/* An ssh login of uid 1000 from the address, in time, whose module waits at *ret_module. */
static inline struct login *new_login(
        struct desk *desk, enum frame_phase phase, const char *user, const char *ip, int *ret_module) {
        struct login *login = calloc(1, sizeof(*login));
        int fds[2];

        assert_non_null(login);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        login->service = &desk->service;
        login->config = config_ref(desk->config);
        login->frame = (struct frame_request){ .phase = phase,
                .deadline = clock_now().boot + 3600 * USEC_PER_SEC,
                .uid = 1000,
                .user = user,
                .service = "sshd",
                .realm = "default",
                .tty = "ssh",
                .rhost = ip,
                .ruser = "",
                .ssh_connection = "",
                .auth_info = "",
                .session_id = "" };
        login->pidfd = -1;
        login->audit_session = AUDIT_SESSION_UNSET;
        login->leader = new_leader(desk);
        login->fd = fds[0];
        *ret_module = fds[1];
        return login;
}

/* In a turn of its own, as the turn does it. Returns what the change returned. */
static inline int run_login(struct desk *desk, struct login *login) {
        struct store_txn *turn = begin_turn(desk->store), *request = begin_request(turn);
        int r;

        effects_clear(&login->change.effects);
        r = login_run(&login->change, request);
        if (r < 0)
                store_abort(&request);
        else
                commit(request);
        assert_consistent(turn);
        commit(turn);
        return r;
}

/* An open that is expected to be answered so. The login is the caller's. */
static inline struct login *open_login(
        struct desk *desk, const char *user, const char *ip, enum frame_outcome outcome) {
        int module;
        struct login *login = new_login(desk, FRAME_OPEN, user, ip, &module);

        assert_int_equal(run_login(desk, login), 0);
        if (login->reply.outcome != outcome)
                fail_msg("outcome %d: %s", (int) login->reply.outcome, login->reply.text);
        close(module);
        return login;
}

static inline struct session session_by_text(struct desk *desk, const char *text) {
        struct store_txn *read = begin_read(desk->store);
        struct session session;
        struct sid sid;

        assert_int_equal(sid_read(text, &sid), 0);
        assert_int_equal(store_find_session(read, &sid, &session), 0);
        store_abort(&read);
        return session;
}

/* Opens, and forgets the request: the session as it is kept. */
static inline struct session open_session_of(struct desk *desk, const char *user, const char *ip) {
        struct login *login = open_login(desk, user, ip, FRAME_OK);
        struct session session = session_by_text(desk, login->reply.session_id);

        login_free(&login);
        return session;
}

/* "" when it is gone. */
static inline const char *state_of(struct desk *desk, const struct session *session) {
        struct store_txn *read = begin_read(desk->store);
        struct session now;
        int r = store_find_session(read, &session->sid, &now);

        store_abort(&read);
        return r ? "" : session_state_name(now.state);
}

static inline uint64_t count_rows(struct desk *desk) {
        struct store_txn *read = begin_read(desk->store);
        uint64_t n;

        assert_int_equal(store_count_sessions(read, &n), 0);
        store_abort(&read);
        return n;
}

static inline void assert_effects(const struct login *login, size_t n, const enum effect_kind *kinds) {
        assert_int_equal(login->change.effects.n, n);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(login->change.effects.items[i].kind, kinds[i]);
}
#define EFFECTS(login, ...)                                                                                  \
        assert_effects((login), sizeof((enum effect_kind[]){ __VA_ARGS__ }) / sizeof(enum effect_kind),      \
                (enum effect_kind[]){ __VA_ARGS__ })
