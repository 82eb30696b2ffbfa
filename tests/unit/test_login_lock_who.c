/* Whom locks do not refuse, whom an admin locks, and names that nobody has. */
#include "tests/unit/lock_fixture.h"

/* ---- who is excepted ---- */

static void test_root_is_locked_for_addresses_alone(void **state) {
        struct desk *desk = *state;
        struct login *login;
        int module;

        for (unsigned i = 0; i < 6; i++) {
                login = new_login(desk, FRAME_AUTHFAIL, "root", ATTACKER, &module);
                login->frame.uid = 0;
                (void) change(desk, login, module);
                login = new_login(desk, FRAME_AUTHFAIL, "root", "", &module);
                login->frame.uid = 0;
                login->frame.service = "su";
                (void) change(desk, login, module);
        }
        login = new_login(desk, FRAME_PREAUTH, "root", ATTACKER, &module);
        login->frame.uid = 0;
        assert_int_equal(look(desk, login, module), FRAME_DENIED);
        login = new_login(desk, FRAME_PREAUTH, "root", "", &module);
        login->frame.uid = 0;
        login->frame.service = "su";
        assert_int_equal(look(desk, login, module), FRAME_OK);
}

static void test_a_console_is_never_locked(void **state) {
        struct desk *desk = *state;
        struct login *login;
        int module;

        for (unsigned i = 0; i < 30; i++) {
                login = new_login(desk, FRAME_AUTHFAIL, "alice", "", &module);
                login->frame.service = "login";
                login->frame.tty = "/dev/tty1";
                assert_int_equal(change(desk, login, module), FRAME_DENIED);
                assert_string_equal(said, "");
        }
        login = new_login(desk, FRAME_PREAUTH, "alice", "", &module);
        login->frame.service = "login";
        login->frame.tty = "/dev/tty1";
        assert_int_equal(look(desk, login, module), FRAME_OK);
        assert_int_equal(count_lockouts(desk), 0);
        fail_twenty_times(desk);
        login = new_login(desk, FRAME_PREAUTH, "alice", "", &module);
        login->frame.service = "login";
        login->frame.tty = "/dev/tty1";
        assert_int_equal(look(desk, login, module), FRAME_OK);
}

static void test_an_ignored_service_counts_nothing(void **state) {
        struct desk *desk = *state;
        int module;
        struct login *login = new_login(desk, FRAME_AUTHFAIL, "alice", "", &module);

        login->frame.service = "i3lock";
        assert_false(login_needs_store(login, false));
        assert_int_equal(finish(login, module), FRAME_IGNORED);
}

static void test_automatic_locks_pass_in_account_unless_they_apply_to_keys(void **state) {
        struct desk *desk = *state;

        fail_times(desk, 5, "alice", OFFICE);
        assert_int_equal(account(desk, "alice", OFFICE), FRAME_OK);
        desk_configure(desk, "[lock]\nlock_applies_to_keys = yes\nlock_messages = verbose\n");
        assert_int_equal(account(desk, "alice", OFFICE), FRAME_DENIED);
        assert_non_null(strstr(said, "locked for 15 minutes"));
        assert_int_equal(account(desk, "alice", ATTACKER), FRAME_OK);
}

/* ---- admins ---- */

static void test_an_admins_lock_refuses_every_way_in(void **state) {
        struct desk *desk = *state;
        struct login *login;

        (void) open_session_of(desk, "alice", OFFICE);
        lock_by_admin(desk, "alice");
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_DENIED);
        assert_int_equal(succeed(desk, "alice", OFFICE), FRAME_DENIED);
        assert_int_equal(account(desk, "alice", OFFICE), FRAME_DENIED);
        assert_string_equal(said, "This account is locked.");
        login = open_login(desk, "alice", OFFICE, FRAME_DENIED);
        login_free(&login);
        assert_int_equal(account(desk, "bob", OFFICE), FRAME_OK);
}

static void test_an_admins_lock_spares_root_and_break_glass_and_what_is_not_counted(void **state) {
        struct desk *desk = *state;
        struct store_txn *read;
        struct login *login;
        char text[MESSAGE_TEXT_MAX + 1];
        int module;

        lock_by_admin(desk, "alice");
        for (unsigned i = 0; i < 3; i++) {
                login = new_login(desk, FRAME_ACCOUNT, "alice", OFFICE, &module);
                if (i == 0)
                        login->frame.uid = 0;
                else if (i == 1)
                        login->frame.flags = FRAME_BREAK_GLASS;
                else
                        login->frame.service = "vsftpd";
                read = begin_read(desk->store);
                assert_int_equal(login_is_locked(login, read, now(), text), 0);
                store_abort(&read);
                (void) finish(login, module);
        }
}

/* ---- names that nobody has ---- */

static enum frame_outcome unknown(
        struct desk *desk, enum frame_phase phase, const char *name, const char *ip) {
        int module;
        struct login *login = new_login(desk, phase, name, ip, &module);

        login->frame.flags = FRAME_USER_UNKNOWN;
        login->frame.uid = UINT32_MAX;
        return phase == FRAME_PREAUTH ? look(desk, login, module) : change(desk, login, module);
}

static void test_an_unknown_name_is_answered_like_any_other(void **state) {
        struct desk *desk = *state;
        char of_alice[MESSAGE_TEXT_MAX + 1];

        for (unsigned i = 0; i < 7; i++) {
                enum frame_outcome outcome = try(desk, "alice", ATTACKER);

                strcpy(of_alice, said);
                assert_int_equal(unknown(desk, FRAME_PREAUTH, "nemo", ATTACKER), outcome);
                assert_string_equal(said, of_alice);
                outcome = fail_once(desk, "alice", ATTACKER);
                strcpy(of_alice, said);
                assert_int_equal(unknown(desk, FRAME_AUTHFAIL, "nemo", ATTACKER), outcome);
                assert_string_equal(said, of_alice);
                assert_int_equal(count_lockouts(desk), 4); /* two rows each: the same work */
        }
        assert_int_equal(unknown(desk, FRAME_PREAUTH, "outis", ATTACKER), FRAME_OK);
        assert_int_equal(unknown(desk, FRAME_PREAUTH, "nemo", OFFICE), FRAME_OK);
}

static void test_an_unknown_name_is_kept_nowhere(void **state) {
        struct desk *desk = *state;
        struct store_txn *read;
        struct store_cursor c = { 0 };
        struct lockout row;
        char path[128];
        uint8_t *file;
        long size;
        FILE *f;

        assert_int_equal(unknown(desk, FRAME_AUTHFAIL, "my-secret-password", ATTACKER), FRAME_DENIED);
        read = begin_read(desk->store);
        while (store_next_lockout(read, &c, &row) == 0)
                assert_int_equal(row.user[0], '?');
        store_abort(&read);
        snprintf(path, sizeof(path), "%s/data.mdb", desk->store->dir);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fseek(f, 0, SEEK_END), 0);
        size = ftell(f);
        rewind(f);
        file = malloc((size_t) size);
        assert_non_null(file);
        assert_int_equal(fread(file, 1, (size_t) size, f), size);
        assert_non_null(memmem(file, (size_t) size, ATTACKER, strlen(ATTACKER)));
        assert_null(memmem(file, (size_t) size, "secret", 6));
        free(file);
        fclose(f);
}

static void test_unknown_names_do_not_fill_the_store(void **state) {
        struct desk *desk = *state;
        char name[32];

        for (unsigned i = 0; i < 3000; i++) {
                snprintf(name, sizeof(name), "nemo%u", i % 1500);
                passed += USEC_PER_SEC;
                (void) unknown(desk, FRAME_AUTHFAIL, name, ATTACKER);
        }
        assert_in_range(count_lockouts(desk), 1500, 256 * 64);
}

static void test_with_generic_messages_every_refusal_reads_the_same(void **state) {
        struct desk *desk = *state;
        char first[MESSAGE_TEXT_MAX + 1];

        desk_configure(desk, "");
        fail_times(desk, 1, "alice", OFFICE);
        strcpy(first, said);
        for (unsigned i = 0; i < 6; i++) {
                fail_times(desk, 1, "alice", OFFICE);
                assert_string_equal(said, first);
        }
        assert_int_equal(try(desk, "alice", OFFICE), FRAME_DENIED);
        assert_string_equal(said, first);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, lock_setup, lock_teardown)
                T(test_root_is_locked_for_addresses_alone),
                T(test_a_console_is_never_locked),
                T(test_an_ignored_service_counts_nothing),
                T(test_automatic_locks_pass_in_account_unless_they_apply_to_keys),
                T(test_an_admins_lock_refuses_every_way_in),
                T(test_an_admins_lock_spares_root_and_break_glass_and_what_is_not_counted),
                T(test_an_unknown_name_is_answered_like_any_other),
                T(test_an_unknown_name_is_kept_nowhere),
                T(test_unknown_names_do_not_fill_the_store),
                T(test_with_generic_messages_every_refusal_reads_the_same),
        };

        return cmocka_run_group_tests_name("login_lock_who", tests, NULL, NULL);
}
