/* login: what account refuses, and what a refused user reads. */
#include "tests/unit/login_fixture.h"

#define ONE_SESSION "[policy default]\nmax_sessions = 1\non_limit = deny\n"

/* ---- account ---- */

static enum frame_outcome ask_account(struct desk *desk, const char *service, const char *ret_text[]) {
        static struct frame_reply reply;
        struct store_txn *read = begin_read(desk->store);
        struct login *login;
        int module;

        login = new_login(desk, FRAME_ACCOUNT, "alice", "192.0.2.2", &module);
        login->frame.service = service;
        assert_int_equal(login_read(login, read), 0);
        store_abort(&read);
        assert_int_equal(login->change.effects.n, 0);
        reply = login->reply;
        if (ret_text)
                *ret_text = reply.text;
        login_free(&login);
        close(module);
        return reply.outcome;
}

static void test_account_refuses_only_what_no_later_fact_can_change(void **state) {
        static const struct {
                const char *config;
                const char *service;
                enum frame_outcome outcome;
        } cases[] = {
                { ONE_SESSION, "sshd", FRAME_DENIED },
                { ONE_SESSION, "vsftpd", FRAME_OK },
                { ONE_SESSION "enforce = no\n", "sshd", FRAME_OK },
                { ONE_SESSION "exempt = alice\n", "sshd", FRAME_OK },
                { "[policy default]\nmax_sessions = 2\non_limit = deny\n", "sshd", FRAME_OK },
                { "[policy default]\nmax_sessions = 1\n", "sshd", FRAME_OK },
                { "[policy default]\nmax_devices = 1\non_limit = deny\n", "sshd", FRAME_OK },
                { "[daemon]\nuncounted_keys = "
                  "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n" ONE_SESSION,
                        "sshd", FRAME_OK },
        };
        struct desk *desk = *state;
        const char *text;

        open_session_of(desk, "alice", "192.0.2.1");
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                desk_configure(desk, cases[i].config);
                assert_int_equal(ask_account(desk, cases[i].service, &text), cases[i].outcome);
                assert_int_equal(strstr(text, "192.0.2.1") != NULL, cases[i].outcome == FRAME_DENIED);
        }
}

static void test_an_ending_session_is_no_longer_counted(void **state) {
        struct desk *desk = *state;
        struct session laptop;
        struct store_txn *turn;

        desk_configure(desk, ONE_SESSION);
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        assert_int_equal(ask_account(desk, "sshd", NULL), FRAME_DENIED);
        turn = begin_turn(desk->store);
        laptop.state = SESSION_ENDING;
        laptop.end = END_REVOKED;
        assert_int_equal(store_put_session(turn, &laptop), 0);
        commit(turn);
        assert_int_equal(ask_account(desk, "sshd", NULL), FRAME_OK);
        open_session_of(desk, "alice", "192.0.2.2");
}

/* ---- what a denied user reads ---- */

static const char *denial(struct desk *desk, const char *policy, unsigned n, const char *name) {
        static char reply[MESSAGE_TEXT_MAX + 1];
        struct store_txn *turn;
        char text[256];
        struct login *login;

        snprintf(text, sizeof(text), "[policy %s]\nusers = alice\nmax_sessions = %u\non_limit = deny\n",
                policy, n);
        desk_configure(desk, text);
        turn = begin_turn(desk->store);
        for (unsigned i = 0; i < n; i++) {
                struct session session = session_of(i + 1, "default", "alice");

                snprintf(session.device_name, sizeof(session.device_name), "%s", name);
                session.created_at = UINT64_C(1795448417) * USEC_PER_SEC;
                open_session(turn, &session);
        }
        commit(turn);
        login = open_login(desk, "alice", "192.0.2.1", FRAME_DENIED);
        assert_true(memchr(login->reply.text, 0, sizeof(login->reply.text)) != NULL);
        strcpy(reply, login->reply.text);
        login_free(&login);
        return reply;
}

static void test_a_denial_names_when_and_from_where_the_others_logged_in(void **state) {
        assert_string_equal(denial(*state, "single", 2, "laptop"),
                "Too many sign-ins (policy single); signed in already: laptop since 2026-11-23T15:40Z from "
                "192.0.2.7; laptop since 2026-11-23T15:40Z from 192.0.2.7.");
}

static void test_a_denial_never_outgrows_its_bound_and_cuts_no_name(void **state) {
        char name[DEVICE_NAME_MAX + 1], policy[POLICY_NAME_MAX + 1];
        const char *text;

        memset(name, 'n', DEVICE_NAME_MAX);
        name[DEVICE_NAME_MAX] = '\0';
        memset(policy, 'p', POLICY_NAME_MAX);
        policy[POLICY_NAME_MAX] = '\0';
        text = denial(*state, policy, 30, name);
        assert_true(strlen(text) <= MESSAGE_TEXT_MAX);
        assert_string_equal(text + strlen(text) - 5, "; ...");
        assert_non_null(strstr(text, name));
}

/* All lengths of a name, so that every place where the text may end is met. */
static void test_a_denial_ends_well_wherever_its_bound_falls(void **state) {
        for (size_t length = 1; length <= 60; length++) {
                char name[64];
                const char *text;
                void *desk;

                memset(name, 'n', length);
                name[length] = '\0';
                assert_int_equal(desk_setup(&desk), 0);
                text = denial(desk, "p", 12, name);
                assert_true(strlen(text) <= MESSAGE_TEXT_MAX);
                if (text[strlen(text) - 5] == ';')
                        assert_string_equal(text + strlen(text) - 4, " ...");
                else
                        assert_int_equal(text[strlen(text) - 1], '.');
                assert_int_equal(desk_teardown(&desk), 0);
        }
}

/* An ordinary login gets no session there and goes on without one; who is refused must not gain by it. */
static void test_a_full_store_lets_nobody_in_who_is_refused(void **state) {
        struct desk *desk = *state;
        struct login *login;
        int module, r = 0;

        store_close(&desk->store->store);
        fixture_remove_files(desk->store);
        fixture_reopen(desk->store, 1U << 20);
        desk->service.store = desk->store->store;
        desk_configure(desk, "[policy one]\nusers = alice\nmax_sessions = 1\non_limit = deny\n");
        open_session_of(desk, "alice", "192.0.2.1");
        while (r == 0) {
                login = new_login(desk, FRAME_OPEN, "bob", "192.0.2.3", &module);
                r = run_login(desk, login);
                login_free(&login);
                close(module);
        }
        assert_int_equal(r, -ENOSPC);
        login = open_login(desk, "alice", "192.0.2.2", FRAME_DENIED);
        assert_int_equal(login->change.effects.n, 1);
        assert_int_equal(login->change.effects.items[0].kind, EFFECT_LOGIN_DENIED);
        login_free(&login);
}

#define login_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                login_test(test_account_refuses_only_what_no_later_fact_can_change),
                login_test(test_an_ending_session_is_no_longer_counted),
                login_test(test_a_denial_names_when_and_from_where_the_others_logged_in),
                login_test(test_a_denial_never_outgrows_its_bound_and_cuts_no_name),
                login_test(test_a_full_store_lets_nobody_in_who_is_refused),
                cmocka_unit_test(test_a_denial_ends_well_wherever_its_bound_falls),
        };

        return cmocka_run_group_tests_name("login_denial", tests, NULL, NULL);
}
