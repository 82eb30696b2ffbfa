/* login: what an open becomes: every outcome, whom it evicts, who is exempt. */
#include "tests/unit/login_fixture.h"

/* The key of RFC 8032 7.1, test 1. */
#define KEY         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define FINGERPRINT "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"
#define ONE_DEVICE  "[policy default]\nmax_devices = 1\n"
#define ONE_SESSION "[policy default]\nmax_sessions = 1\non_limit = deny\n"

/* ---- what needs no store ---- */

static bool needs_store(struct desk *desk, const char *service, const char *realm, enum frame_phase phase,
        pid_t pid, bool full, enum frame_outcome *ret) {
        int module;
        struct login *login = new_login(desk, phase, "alice", "192.0.2.1", &module);
        bool needs;

        login->frame.service = service;
        login->frame.realm = realm;
        login->leader.pid = pid;
        needs = login_needs_store(login, full);
        *ret = login->reply.outcome;
        if (!needs && *ret == FRAME_FAILED)
                assert_memory_equal(login->reply.text, "sessjwt: ", 9);
        login_free(&login);
        assert_null(login);
        close(module);
        return needs;
}

static void test_what_is_nested_or_ignored_is_answered_at_once(void **state) {
        static const char *const services[] = { "su", "su-l", "sudo", "cron", "systemd-user", "runuser" };
        enum frame_outcome outcome;

        for (size_t i = 0; i < 6; i++) {
                assert_false(needs_store(*state, services[i], "default", FRAME_OPEN, 7, false, &outcome));
                assert_int_equal(outcome, FRAME_IGNORED);
                assert_false(needs_store(*state, services[i], "default", FRAME_ACCOUNT, 0, true, &outcome));
                assert_int_equal(outcome, FRAME_IGNORED);
        }
        assert_true(needs_store(*state, "sshd", "default", FRAME_OPEN, 7, false, &outcome));
        assert_true(needs_store(*state, "vsftpd", "default", FRAME_OPEN, 7, false, &outcome));
}

static void test_an_open_needs_a_realm_a_leader_and_room_to_watch_it(void **state) {
        enum frame_outcome outcome;

        assert_false(needs_store(*state, "sshd", "elsewhere", FRAME_OPEN, 7, false, &outcome));
        assert_int_equal(outcome, FRAME_FAILED);
        assert_false(needs_store(*state, "sshd", "default", FRAME_OPEN, 0, false, &outcome));
        assert_int_equal(outcome, FRAME_FAILED);
        assert_false(needs_store(*state, "sshd", "default", FRAME_OPEN, 7, true, &outcome));
        assert_int_equal(outcome, FRAME_FAILED);
        assert_true(needs_store(*state, "sshd", "default", FRAME_ACCOUNT, 0, true, &outcome));
        assert_true(needs_store(*state, "su", "elsewhere", FRAME_CLOSE, 0, true, &outcome));
}

/* ---- open ---- */

static void test_an_open_keeps_a_session_and_its_device(void **state) {
        struct desk *desk = *state;
        struct login *login = open_login(desk, "alice", "192.0.2.7", FRAME_OK);
        struct session session = session_by_text(desk, login->reply.session_id);
        struct store_txn *read;
        struct device device;

        assert_int_equal(session.state, SESSION_LIVE);
        assert_string_equal(session.user, "alice");
        assert_string_equal(session.realm, "default");
        assert_string_equal(session.service, "sshd");
        assert_string_equal(session.policy, "default");
        assert_string_equal(session.tty, "ssh");
        assert_string_equal(session.ip, "192.0.2.7");
        assert_int_equal(session.uid, 1000);
        assert_int_equal(session.class, CLASS_COUNTED);
        assert_true(session.counts);
        assert_true(leader_id_equal(&session.leader, &login->leader));
        assert_int_equal(session.audit_session, AUDIT_SESSION_UNSET);
        assert_int_equal(session.deadline_boot, USEC_NEVER);
        EFFECTS(login, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_true(login->answer_is_awaited);
        read = begin_read(desk->store);
        assert_int_equal(store_find_device(read, "default", "alice", &session.device, &device), 0);
        store_abort(&read);
        assert_string_equal(device.identity, "192.0.2.7");
        assert_string_equal(device.last_ip, "192.0.2.7");
        assert_int_equal(device.logins, 1);
        assert_int_equal(device.first_seen, session.created_at);
        login_free(&login);
}

static void test_a_known_device_keeps_its_name_and_counts_its_logins(void **state) {
        struct desk *desk = *state;
        struct session session = open_session_of(desk, "alice", "192.0.2.7");
        struct store_txn *turn = begin_turn(desk->store);
        struct device device;
        struct login *login;

        assert_int_equal(store_find_device(turn, "default", "alice", &session.device, &device), 0);
        strcpy(device.name, "laptop");
        assert_int_equal(store_put_device(turn, &device), 0);
        commit(turn);
        login = open_login(desk, "alice", "192.0.2.7", FRAME_OK);
        EFFECTS(login, EFFECT_SESSION_OPENED);
        session = session_by_text(desk, login->reply.session_id);
        assert_string_equal(session.device_name, "laptop");
        turn = begin_read(desk->store);
        assert_int_equal(store_find_device(turn, "default", "alice", &session.device, &device), 0);
        store_abort(&turn);
        assert_int_equal(device.logins, 2);
        login_free(&login);
}

static void test_a_second_device_evicts_the_first_and_says_from_where(void **state) {
        struct desk *desk = *state;
        struct session laptop, phone;
        struct login *login;

        desk_configure(desk, ONE_DEVICE);
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        login = open_login(desk, "alice", "192.0.2.2", FRAME_OK);
        EFFECTS(login, EFFECT_SESSION_ENDING, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_int_equal(login->change.effects.items[0].session.end, END_EVICTED);
        assert_int_equal(login->change.effects.items[0].initiator, BY_POLICY);
        assert_string_equal(login->change.effects.items[0].note, "192.0.2.2 at 192.0.2.2");
        phone = session_by_text(desk, login->reply.session_id);
        assert_string_equal(state_of(desk, &laptop), "ending");
        assert_string_equal(state_of(desk, &phone), "live");
        login_free(&login);
}

static void test_an_eviction_by_the_process_that_leads_the_victim_spares_it(void **state) {
        struct desk *desk = *state;
        struct session first;
        struct login *login;
        int module;

        desk_configure(desk, ONE_DEVICE);
        first = open_session_of(desk, "alice", "192.0.2.1");
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.2", &module);
        login->leader = first.leader;
        assert_int_equal(run_login(desk, login), 0);
        EFFECTS(login, EFFECT_SESSION_ENDED, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_string_equal(state_of(desk, &first), "");
        login_free(&login);
        close(module);
}

static void test_a_denied_login_leaves_an_ending_row_and_no_device(void **state) {
        struct desk *desk = *state;
        struct session laptop, denied;
        struct store_txn *read;
        struct device device;
        struct login *login;

        desk_configure(desk, "[policy default]\nmax_devices = 1\non_limit = deny\nterminate = none\n");
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        login = open_login(desk, "alice", "192.0.2.2", FRAME_DENIED);
        EFFECTS(login, EFFECT_SESSION_DENIED);
        assert_string_equal(login->reply.session_id, "");
        assert_non_null(strstr(login->reply.text, "192.0.2.1"));
        assert_null(strstr(login->reply.text, "192.0.2.2"));
        denied = login->change.effects.items[0].session;
        assert_string_equal(state_of(desk, &denied), "ending");
        assert_string_equal(state_of(desk, &laptop), "live");
        assert_int_equal(denied.end, END_DENIED);
        read = begin_read(desk->store);
        assert_int_equal(
                store_find_device(read, "default", "alice", &denied.device, &device), STORE_NOT_FOUND);
        store_abort(&read);
        login_free(&login);
}

static void test_a_denied_login_of_a_process_that_leads_another_session_leaves_no_row(void **state) {
        struct desk *desk = *state;
        struct session bob;
        struct login *login;
        int module;

        desk_configure(desk, ONE_SESSION);
        open_session_of(desk, "alice", "192.0.2.1");
        bob = open_session_of(desk, "bob", "192.0.2.3");
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.2", &module);
        login->leader = bob.leader;
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_DENIED);
        EFFECTS(login, EFFECT_LOGIN_DENIED);
        assert_int_equal(count_rows(desk), 2);
        assert_string_equal(state_of(desk, &bob), "live");
        login_free(&login);
        close(module);
}

static void test_a_policy_that_is_not_enforced_only_tells(void **state) {
        static const char *const on_limits[] = { "deny", "evict-oldest" };
        struct desk *desk = *state;

        for (int i = 0; i < 2; i++) {
                char user[16], text[128];
                struct session laptop;
                struct login *login;

                snprintf(user, sizeof(user), "user%d", i);
                snprintf(text, sizeof(text),
                        "[policy default]\nmax_devices = 1\nenforce = no\non_limit = %s\n", on_limits[i]);
                desk_configure(desk, text);
                laptop = open_session_of(desk, user, "192.0.2.1");
                login = open_login(desk, user, "192.0.2.2", FRAME_OK);
                EFFECTS(login, EFFECT_SESSION_SPARED, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
                assert_string_equal(state_of(desk, &laptop), "live");
                login_free(&login);
        }
}

/* Made exempt in one of four ways, or (who = 4) not at all. */
static struct login *new_exempt(struct desk *desk, int who, const char *ip, int *ret_module) {
        struct login *login = new_login(desk, FRAME_OPEN, who == 2 ? "eve" : "alice", ip, ret_module);
        static const uint32_t groups[] = { 0 };

        if (who == 0)
                login->frame.uid = 0;
        if (who == 1)
                login->frame.flags |= FRAME_BREAK_GLASS;
        if (who == 3) {
                login->frame.groups = groups;
                login->frame.n_groups = 1;
        }
        return login;
}

static void test_the_exempt_are_never_counted_denied_or_expired(void **state) {
        struct desk *desk = *state;

        desk_configure(desk, "[policy default]\nmax_sessions = 1\non_limit = deny\nsession_ttl = 1h\nexempt "
                             "= eve @root\n");
        for (int who = 0; who < 5; who++) {
                struct login *login;
                struct session session;
                int module;

                login = new_exempt(desk, who, "192.0.2.1", &module);
                assert_int_equal(run_login(desk, login), 0);
                assert_int_equal(login->reply.outcome, FRAME_OK);
                session = session_by_text(desk, login->reply.session_id);
                assert_int_equal(session.counts, who == 4);
                assert_int_equal(session.deadline_boot == USEC_NEVER, who != 4);
                assert_int_equal(session.deadline_wall == USEC_NEVER, who != 4);
                login_free(&login);
                close(module);
        }
        for (int who = 0; who < 5; who++) { /* the limit is reached now, by who = 4 */
                int module;
                struct login *login = new_exempt(desk, who, "192.0.2.2", &module);

                assert_int_equal(run_login(desk, login), 0);
                assert_int_equal(login->reply.outcome, who == 4 ? FRAME_DENIED : FRAME_OK);
                login_free(&login);
                close(module);
        }
}

static void test_a_session_lives_as_long_as_its_policy_says(void **state) {
        struct desk *desk = *state;
        struct session session;
        struct moment before, after;

        desk_configure(desk, "[policy default]\nsession_ttl = 2h\n");
        before = clock_now();
        session = open_session_of(desk, "alice", "192.0.2.1");
        after = clock_now();
        assert_true(session.deadline_boot >= before.boot + 7200 * USEC_PER_SEC &&
                    session.deadline_boot <= after.boot + 7200 * USEC_PER_SEC);
        assert_int_equal(session.deadline_wall, session.created_at + 7200 * USEC_PER_SEC);
}

static void block_device_of(struct desk *desk, const struct session *session) {
        struct store_txn *turn = begin_turn(desk->store);
        struct device device;

        assert_int_equal(
                store_find_device(turn, session->realm, session->user, &session->device, &device), 0);
        device.state = DEVICE_BLOCKED;
        assert_int_equal(store_put_device(turn, &device), 0);
        commit(turn);
}

static void test_a_blocked_device_is_refused_without_any_limit(void **state) {
        struct desk *desk = *state;
        struct session session = open_session_of(desk, "alice", "192.0.2.1");
        struct login *login;

        block_device_of(desk, &session);
        login = open_login(desk, "alice", "192.0.2.1", FRAME_DENIED);
        EFFECTS(login, EFFECT_SESSION_DENIED);
        assert_string_equal(login->reply.text, "This device is blocked.");
        login_free(&login);
        login = open_login(desk, "alice", "192.0.2.2", FRAME_OK); /* another one */
        login_free(&login);
        login = open_login(desk, "bob", "192.0.2.1", FRAME_OK); /* the same one of another user */
        login_free(&login);
}

static struct login *new_key_login(struct desk *desk, const char *user, int *ret_module) {
        struct login *login = new_login(desk, FRAME_OPEN, user, "192.0.2.1", ret_module);

        login->frame.auth_info = "publickey " KEY "\n";
        return login;
}

static void test_an_uncounted_key_never_counts_and_evicts_nobody(void **state) {
        struct desk *desk = *state;
        struct session laptop, machine, phone;
        struct login *login;
        int module;

        desk_configure(desk, "[daemon]\nuncounted_keys = " FINGERPRINT "\n" ONE_DEVICE);
        laptop = open_session_of(desk, "alice", "192.0.2.2");
        login = new_key_login(desk, "alice", &module);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        machine = session_by_text(desk, login->reply.session_id);
        assert_false(machine.counts);
        assert_int_equal(machine.methods, METHOD_KEY);
        assert_string_equal(state_of(desk, &laptop), "live");
        phone = open_session_of(desk, "alice", "192.0.2.3");
        assert_string_equal(state_of(desk, &laptop), "ending");
        assert_string_equal(state_of(desk, &machine), "live");
        assert_string_equal(state_of(desk, &phone), "live");
        login_free(&login);
        close(module);
}

static void test_a_blocked_key_is_refused_even_if_it_does_not_count(void **state) {
        struct desk *desk = *state;
        struct session machine;
        struct login *login;
        int module;

        desk_configure(desk, "[daemon]\nuncounted_keys = " FINGERPRINT "\n");
        login = new_key_login(desk, "alice", &module);
        assert_int_equal(run_login(desk, login), 0);
        machine = session_by_text(desk, login->reply.session_id);
        block_device_of(desk, &machine);
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_DENIED);
        login_free(&login);
        close(module);
}

static void test_a_tracked_service_is_kept_and_takes_no_part_in_limits(void **state) {
        struct desk *desk = *state;
        struct session ssh, ftp, second;
        struct login *login;
        int module;

        desk_configure(desk, ONE_DEVICE);
        ssh = open_session_of(desk, "alice", "192.0.2.1");
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.2", &module);
        login->frame.service = "vsftpd";
        assert_int_equal(run_login(desk, login), 0);
        ftp = session_by_text(desk, login->reply.session_id);
        assert_int_equal(ftp.class, CLASS_TRACKED);
        assert_false(ftp.counts);
        assert_string_equal(state_of(desk, &ssh), "live");
        second = open_session_of(desk, "alice", "192.0.2.3");
        assert_string_equal(state_of(desk, &ssh), "ending");
        assert_string_equal(state_of(desk, &ftp), "live");
        assert_string_equal(state_of(desk, &second), "live");
        login_free(&login);
        close(module);
}

static void test_the_longest_fields_make_a_session(void **state) {
        struct desk *desk = *state;
        char user[USER_MAX + 1], service[SERVICE_MAX + 1], tty[TTY_MAX + 1];
        struct session session;
        struct login *login;
        int module;

        memset(user, 'u', USER_MAX);
        memset(service, 's', SERVICE_MAX);
        memset(tty, 't', TTY_MAX);
        user[USER_MAX] = service[SERVICE_MAX] = tty[TTY_MAX] = '\0';
        login = new_login(desk, FRAME_OPEN, user, "", &module);
        login->frame.service = service;
        login->frame.tty = tty;
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        session = session_by_text(desk, login->reply.session_id);
        assert_string_equal(session.user, user);
        assert_string_equal(session.service, service);
        assert_string_equal(session.tty, tty);
        login_free(&login);
        close(module);
}

/* As after a turn that found no space: the same inputs, undone, once more. */
static void test_an_open_that_is_run_again_gives_the_same_answer(void **state) {
        struct desk *desk = *state;
        struct session laptop;
        struct login *login;
        int module;

        desk_configure(desk, ONE_DEVICE);
        laptop = open_session_of(desk, "alice", "192.0.2.1");
        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.2", &module);
        for (int i = 0; i < 2; i++) {
                struct store_txn *turn = begin_turn(desk->store);

                effects_clear(&login->change.effects);
                assert_int_equal(login_run(&login->change, turn), 0);
                store_abort(&turn);
                assert_string_equal(state_of(desk, &laptop), "live");
        }
        assert_int_equal(run_login(desk, login), 0);
        EFFECTS(login, EFFECT_SESSION_ENDING, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_int_equal(count_rows(desk), 2);
        login_free(&login);
        close(module);
}

#define login_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                login_test(test_what_is_nested_or_ignored_is_answered_at_once),
                login_test(test_an_open_needs_a_realm_a_leader_and_room_to_watch_it),
                login_test(test_an_open_keeps_a_session_and_its_device),
                login_test(test_a_known_device_keeps_its_name_and_counts_its_logins),
                login_test(test_a_second_device_evicts_the_first_and_says_from_where),
                login_test(test_an_eviction_by_the_process_that_leads_the_victim_spares_it),
                login_test(test_a_denied_login_leaves_an_ending_row_and_no_device),
                login_test(test_a_denied_login_of_a_process_that_leads_another_session_leaves_no_row),
                login_test(test_a_policy_that_is_not_enforced_only_tells),
                login_test(test_the_exempt_are_never_counted_denied_or_expired),
                login_test(test_a_session_lives_as_long_as_its_policy_says),
                login_test(test_a_blocked_device_is_refused_without_any_limit),
                login_test(test_an_uncounted_key_never_counts_and_evicts_nobody),
                login_test(test_a_blocked_key_is_refused_even_if_it_does_not_count),
                login_test(test_a_tracked_service_is_kept_and_takes_no_part_in_limits),
                login_test(test_the_longest_fields_make_a_session),
                login_test(test_an_open_that_is_run_again_gives_the_same_answer),
        };

        return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
