/* What failed since the last login, as the next one is told of it. */
#include "tests/unit/lock_fixture.h"

static void assert_told(struct desk *desk, const char *user, const char *expected) {
        struct login *login = open_login(desk, user, OFFICE, FRAME_OK);

        if (!*expected)
                assert_string_equal(login->reply.text, "");
        else if (!strstr(login->reply.text, expected))
                fail_msg("told: %s", login->reply.text);
        login_free(&login);
}

static void test_a_login_tells_how_many_attempts_failed_and_from_where_the_last_came(void **state) {
        char expected[MESSAGE_TEXT_MAX + 1], at[CLOCK_TEXT_SIZE];
        struct desk *desk = *state;

        fail_times(desk, 2, "alice", OFFICE);
        fail_times(desk, 1, "alice", ATTACKER);
        clock_write(now().wall, at);
        snprintf(expected, sizeof(expected),
                "3 failed attempts since your last login, last from " ATTACKER " at %.16sZ.", at);
        assert_told(desk, "alice", expected);
}

static void test_they_are_told_once(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 1, "alice", ATTACKER);
        assert_told(desk, "alice", "1 failed attempt since your last login, last from " ATTACKER " at ");
        assert_told(desk, "alice", "");
        fail_times(desk, 1, "alice", ATTACKER);
        assert_told(desk, "alice", "1 failed attempt since");
}

static void test_nobody_is_told_of_anothers(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 1, "alice", ATTACKER);
        assert_told(desk, "bob", "");
        assert_told(desk, "alice", "1 failed attempt since");
}

static void test_a_user_with_nothing_to_be_remembered_has_no_row_left(void **state) {
        struct desk *desk = *state;
        struct account account;
        struct store_txn *read;

        fail_times(desk, 1, "alice", ATTACKER);
        assert_told(desk, "alice", "1 failed attempt since");
        read = begin_read(desk->store);
        assert_int_equal(store_find_account(read, "default", "alice", &account), STORE_NOT_FOUND);
        store_abort(&read);
}

static void test_a_reset_is_not_forgotten_with_them(void **state) {
        struct desk *desk = *state;
        struct store_txn *txn = begin_turn(desk->store);
        struct account account = account_of("default", "alice");

        account_reset(&account, 1000, 5);
        assert_int_equal(store_put_account(txn, &account), 0);
        commit(txn);
        fail_times(desk, 1, "alice", ATTACKER);
        assert_told(desk, "alice", "1 failed attempt since");
        txn = begin_read(desk->store);
        assert_int_equal(store_find_account(txn, "default", "alice", &account), 0);
        assert_int_equal(account.reset_at, 5);
        assert_int_equal(account.failures, 0);
        assert_string_equal(account.failed_from, "");
        store_abort(&txn);
}

static void test_a_login_that_shows_nothing_leaves_the_line_for_the_next_one(void **state) {
        struct desk *desk = *state;
        struct login *login;
        int module;

        fail_times(desk, 1, "alice", ATTACKER);
        login = new_login(desk, FRAME_OPEN, "alice", OFFICE, &module);
        login->frame.flags |= FRAME_SILENT;
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        assert_string_equal(login->reply.text, "");
        close(module);
        login_free(&login);

        login = new_login(desk, FRAME_OPEN, "alice", OFFICE, &module);
        login->frame.service = "backup-tool"; /* tracked */
        assert_int_equal(run_login(desk, login), 0);
        assert_string_equal(login->reply.text, "");
        close(module);
        login_free(&login);

        login = new_login(desk, FRAME_OPEN, "alice", OFFICE, &module); /* let in while we were away */
        login->frame.deadline = 1;
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        assert_string_equal(login->reply.text, "");
        close(module);
        login_free(&login);
        assert_told(desk, "alice", "1 failed attempt since");
}

static void test_a_machines_key_uses_nothing_up(void **state) {
        static const char key[] = "publickey ssh-ed25519 "
                                  "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        struct desk *desk = *state;
        struct device device;
        struct login *login;
        char config[64 + sizeof(device.identity)];
        int module;

        fail_times(desk, 1, "alice", ATTACKER);
        login = new_login(desk, FRAME_OPEN, "alice", OFFICE, &module);
        login->frame.auth_info = key;
        assert_int_equal(login_recognise(login, &device), 0);
        assert_int_equal(device.kind, DEVICE_SSH_KEY);
        snprintf(config, sizeof(config), "[daemon]\nuncounted_keys = %s\n", device.identity);
        desk_configure(desk, config);
        config_unref(&login->config);
        login->config = config_ref(desk->config);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        assert_string_equal(login->reply.text, "");
        close(module);
        login_free(&login);
        assert_told(desk, "alice", "1 failed attempt since");
}

static void test_a_denied_login_is_told_why_it_is_denied(void **state) {
        struct desk *desk = *state;
        struct login *login;

        (void) open_session_of(desk, "alice", OFFICE);
        desk_configure(desk, "[policy default]\nmax_sessions = 1\non_limit = deny\n");
        fail_times(desk, 1, "alice", ATTACKER);
        login = open_login(desk, "alice", OFFICE, FRAME_DENIED);
        assert_null(strstr(login->reply.text, "failed attempt"));
        login_free(&login);
        desk_configure(desk, "");
        assert_told(desk, "alice", "1 failed attempt since");
}

static void test_a_name_that_nobody_has_gets_no_account(void **state) {
        struct desk *desk = *state;
        struct store_txn *read;
        struct login *login;
        int module;

        login = new_login(desk, FRAME_AUTHFAIL, "hunter2", ATTACKER, &module);
        login->frame.flags |= FRAME_USER_UNKNOWN;
        assert_int_equal(change(desk, login, module), FRAME_DENIED);
        read = begin_read(desk->store);
        assert_int_equal(store_knows_user(read, "default", "hunter2"), 0);
        assert_int_equal(store_knows_user(read, "default", "?"), 0);
        store_abort(&read);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, lock_setup, lock_teardown)
                T(test_a_login_tells_how_many_attempts_failed_and_from_where_the_last_came),
                T(test_they_are_told_once),
                T(test_nobody_is_told_of_anothers),
                T(test_a_user_with_nothing_to_be_remembered_has_no_row_left),
                T(test_a_reset_is_not_forgotten_with_them),
                T(test_a_login_that_shows_nothing_leaves_the_line_for_the_next_one),
                T(test_a_machines_key_uses_nothing_up),
                T(test_a_denied_login_is_told_why_it_is_denied),
                T(test_a_name_that_nobody_has_gets_no_account),
        };

        return cmocka_run_group_tests_name("login_failure", tests, NULL, NULL);
}
