/* login: on_limit = ask: who is asked, and what he reads. */
#include "tests/unit/login_fixture.h"

#define TWO_DEVICES  "[policy default]\nmax_devices = 2\non_limit = ask\n"
#define TWO_SESSIONS "[policy default]\nmax_sessions = 2\non_limit = ask\n"

/* ---- account ---- */

/* The reply to a login whose user can be asked, from the address, with this SSH_AUTH_INFO_0. */
static struct frame_reply ask_account(
        struct desk *desk, uint32_t flags, const char *ip, const char *auth_info) {
        struct store_txn *read = begin_read(desk->store);
        struct frame_reply reply;
        struct login *login;
        int module;

        login = new_login(desk, FRAME_ACCOUNT, "alice", ip, &module);
        login->frame.flags = flags;
        login->frame.auth_info = auth_info;
        assert_int_equal(login_read(login, read), 0);
        store_abort(&read);
        assert_int_equal(login->change.effects.n, 0);
        reply = login->reply;
        login_free(&login);
        close(module);
        return reply;
}

static enum frame_outcome outcome_from(struct desk *desk, const char *ip) {
        return ask_account(desk, FRAME_CAN_ASK, ip, "").outcome;
}

static void test_who_would_pass_max_devices_is_asked(void **state) {
        struct desk *desk = *state;

        desk_configure(desk, TWO_DEVICES);
        open_session_of(desk, "alice", "192.0.2.1");
        assert_int_equal(outcome_from(desk, "192.0.2.3"), FRAME_OK);
        open_session_of(desk, "alice", "192.0.2.2");
        assert_int_equal(outcome_from(desk, "192.0.2.3"), FRAME_ASKS);
        assert_int_equal(outcome_from(desk, "192.0.2.2"), FRAME_OK); /* a device that is there */
}

static void test_who_would_pass_max_sessions_is_asked_wherever_he_is(void **state) {
        struct desk *desk = *state;

        desk_configure(desk, TWO_SESSIONS);
        open_session_of(desk, "alice", "192.0.2.1");
        assert_int_equal(outcome_from(desk, "192.0.2.1"), FRAME_OK);
        open_session_of(desk, "alice", "192.0.2.1");
        assert_int_equal(outcome_from(desk, "192.0.2.1"), FRAME_ASKS);
}

#define BLOB        "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define KEY         "publickey ssh-ed25519 " BLOB "\n"
#define FINGERPRINT "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"

static void test_the_device_is_foreseen_by_the_key_that_was_shown_before(void **state) {
        struct desk *desk = *state;
        int module;
        struct login *login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.9", &module);

        login->frame.auth_info = KEY "keyboard-interactive/pam\n";
        desk_configure(desk, TWO_DEVICES);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        login_free(&login);
        close(module);
        open_session_of(desk, "alice", "192.0.2.2");
        assert_int_equal(ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", "").outcome, FRAME_ASKS);
        assert_int_equal(ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", KEY).outcome, FRAME_OK);
}

static void test_a_key_that_does_not_count_is_asked_nothing(void **state) {
        struct desk *desk = *state;

        desk_configure(desk, "[daemon]\nuncounted_keys = " FINGERPRINT "\n" TWO_DEVICES);
        open_session_of(desk, "alice", "192.0.2.1");
        open_session_of(desk, "alice", "192.0.2.2");
        assert_int_equal(ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", KEY).outcome, FRAME_OK);
        assert_int_equal(ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", "").outcome, FRAME_ASKS);
}

static void test_who_cannot_or_need_not_be_asked_is_not(void **state) {
        static const struct {
                const char *config;
                uint32_t flags;
                enum frame_outcome outcome;
        } cases[] = {
                { TWO_SESSIONS, FRAME_CAN_ASK, FRAME_ASKS },
                { TWO_SESSIONS, 0, FRAME_OK },
                { TWO_SESSIONS "ask_fallback = deny\n", 0, FRAME_DENIED },
                { TWO_SESSIONS "ask_fallback = deny\n", FRAME_CAN_ASK, FRAME_ASKS },
                { TWO_DEVICES "ask_fallback = deny\n", 0, FRAME_OK }, /* open knows better */
                { TWO_SESSIONS, FRAME_CAN_ASK | FRAME_BREAK_GLASS, FRAME_OK },
                { TWO_SESSIONS "exempt = alice\n", FRAME_CAN_ASK, FRAME_OK },
                { TWO_SESSIONS "enforce = no\n", FRAME_CAN_ASK, FRAME_OK },
                { "[services]\ncounted = login\n" TWO_SESSIONS, FRAME_CAN_ASK, FRAME_OK },
                { "[policy default]\non_limit = ask\n", FRAME_CAN_ASK, FRAME_OK },
                { "[policy default]\nmax_sessions = 2\n", FRAME_CAN_ASK, FRAME_OK },
                { "[policy default]\nmax_sessions = 2\non_limit = deny\n", FRAME_CAN_ASK, FRAME_DENIED },
        };
        struct desk *desk = *state;

        open_session_of(desk, "alice", "192.0.2.1");
        open_session_of(desk, "alice", "192.0.2.2");
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct frame_reply reply;

                desk_configure(desk, cases[i].config);
                reply = ask_account(desk, cases[i].flags, "192.0.2.3", "");
                if (reply.outcome != cases[i].outcome)
                        fail_msg("case %zu: %d, %s", i, (int) reply.outcome, reply.text);
        }
}

/* ---- what is read ---- */

/* A session of alice's at a time of our own. */
static void backdate(struct desk *desk, struct session session, unsigned minute, unsigned seen_minute) {
        struct store_txn *turn = begin_turn(desk->store);

        session.created_at = (UINT64_C(1700000000) + minute * 60) * USEC_PER_SEC; /* 2023-11-14T22:13:20Z */
        session.last_seen = (UINT64_C(1700000000) + seen_minute * 60) * USEC_PER_SEC;
        assert_int_equal(store_put_session(turn, &session), 0);
        commit(turn);
}

static void test_devices_are_read_with_name_from_since_and_last_seen_and_the_oldest_is_marked(void **state) {
        struct desk *desk = *state;
        struct frame_reply reply;

        desk_configure(desk, TWO_DEVICES);
        backdate(desk, open_session_of(desk, "alice", "192.0.2.1"), 0, 1);
        backdate(desk, open_session_of(desk, "alice", "2001:db8:1:2:3::4"), 2, 3);
        backdate(desk, open_session_of(desk, "alice", "192.0.2.1"), 4, 9);
        reply = ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", "");
        assert_int_equal(reply.outcome, FRAME_ASKS);
        assert_string_equal(reply.text,
                "You are signed in already, as often as policy default allows:\n"
                "  192.0.2.1 since 2023-11-14T22:13Z, seen 2023-11-14T22:22Z\n"
                "* 2001:db8:1:2::/64 from 2001:db8:1:2:3::4 since 2023-11-14T22:15Z, seen "
                "2023-11-14T22:16Z\n");
}

static void test_where_sessions_are_limited_each_has_its_line(void **state) {
        struct desk *desk = *state;
        struct frame_reply reply;

        desk_configure(desk, TWO_SESSIONS);
        backdate(desk, open_session_of(desk, "alice", "192.0.2.1"), 0, 1);
        backdate(desk, open_session_of(desk, "alice", "192.0.2.1"), 4, 9);
        reply = ask_account(desk, FRAME_CAN_ASK, "192.0.2.1", "");
        assert_string_equal(reply.text, "You are signed in already, as often as policy default allows:\n"
                                        "* 192.0.2.1 since 2023-11-14T22:13Z, seen 2023-11-14T22:14Z\n"
                                        "  192.0.2.1 since 2023-11-14T22:17Z, seen 2023-11-14T22:22Z\n");
}

static void test_the_own_device_is_not_among_the_others(void **state) {
        struct desk *desk = *state;
        struct frame_reply reply;

        desk_configure(desk, "[policy default]\nmax_devices = 9\non_limit = ask\n");
        for (int i = 1; i <= 3; i++)
                open_session_of(
                        desk, "alice", (const char *[]){ "", "192.0.2.1", "192.0.2.2", "192.0.2.3" }[i]);
        desk_configure(desk, TWO_DEVICES); /* lowered: two of three must go even for one that is there */
        reply = ask_account(desk, FRAME_CAN_ASK, "192.0.2.2", "");
        assert_int_equal(reply.outcome, FRAME_ASKS);
        assert_non_null(strstr(reply.text, "* 192.0.2.1 since"));
        assert_null(strstr(reply.text, "192.0.2.2"));
        assert_non_null(strstr(reply.text, "  192.0.2.3 since"));
}

static void test_a_long_list_is_cut_where_a_line_ends(void **state) {
        struct desk *desk = *state;
        struct frame_reply reply;
        size_t length;

        desk_configure(desk, "");
        for (unsigned i = 1; i <= 40; i++) {
                char ip[32];

                snprintf(ip, sizeof(ip), "2001:db8:%x::1", i);
                open_session_of(desk, "alice", ip);
        }
        desk_configure(desk, TWO_DEVICES);
        reply = ask_account(desk, FRAME_CAN_ASK, "192.0.2.3", "");
        length = strlen(reply.text);
        assert_in_range(length, QUESTION_TEXT_MAX - 120, QUESTION_TEXT_MAX);
        assert_string_equal(reply.text + length - 7, "Z\n  ...\n" + 1);
        assert_int_equal(reply.text[length - 8], 'Z');
}

static void test_the_five_devices_of_a_customer_are_all_shown(void **state) {
        struct desk *desk = *state;
        struct frame_reply reply;

        desk_configure(desk, "[policy customer]\nusers = alice\nmax_devices = 5\non_limit = ask\n");
        for (unsigned i = 1; i <= 5; i++) {
                char ip[32];

                snprintf(ip, sizeof(ip), "192.0.2.20%u", i);
                open_session_of(desk, "alice", ip);
        }
        reply = ask_account(desk, FRAME_CAN_ASK, "192.0.2.9", "");
        for (unsigned i = 1; i <= 5; i++) {
                char ip[32];

                snprintf(ip, sizeof(ip), " 192.0.2.20%u since", i);
                assert_non_null(strstr(reply.text, ip));
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
#define desk_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
                desk_test(test_who_would_pass_max_devices_is_asked),
                desk_test(test_who_would_pass_max_sessions_is_asked_wherever_he_is),
                desk_test(test_the_device_is_foreseen_by_the_key_that_was_shown_before),
                desk_test(test_a_key_that_does_not_count_is_asked_nothing),
                desk_test(test_who_cannot_or_need_not_be_asked_is_not),
                desk_test(test_devices_are_read_with_name_from_since_and_last_seen_and_the_oldest_is_marked),
                desk_test(test_where_sessions_are_limited_each_has_its_line),
                desk_test(test_the_own_device_is_not_among_the_others),
                desk_test(test_a_long_list_is_cut_where_a_line_ends),
                desk_test(test_the_five_devices_of_a_customer_are_all_shown),
        };

        return cmocka_run_group_tests_name("login_ask", tests, NULL, NULL);
}
