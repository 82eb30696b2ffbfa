/* login: what becomes of devices: how many are kept, whose they are. */
#include "tests/unit/login_fixture.h"

#define KEY         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define FINGERPRINT "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"
/* Of this key; ssh-keygen -I laptop -n alice. */
#define CERTIFICATE                                                                                          \
        "ssh-ed25519-cert-v01@openssh.com "                                                                  \
        "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIFBek+bSPc/YG1Y4Hb+gs4BVLTIp"                   \
        "DwiQcS5Dk7VR8O3PAAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1EaAAAAAAAAAAAAAAAB"                   \
        "AAAABmxhcHRvcAAAAAkAAAAFYWxpY2UAAAAAAAAAAP//////////AAAAAAAAAAAAAAAAAAAAMwAAAAtz"                   \
        "c2gtZWQyNTUxOQAAACAlQTLV5tGk26kBJqAfrVC6hpPYCcxxR9oAu7nY9zdcqgAAAFMAAAALc3NoLWVk"                   \
        "MjU1MTkAAABAMfWFK0bBgS6bsmM43/2XnTBp0rqGNSKPo41b1halhtpdTpYgmaXuGAYnnsZASMZnO0Js"                   \
        "8VNZ446f++8XO9zfAQ=="

/* So many more that were seen a second after one another, long ago. */
static void put_devices(struct desk *desk, unsigned first, unsigned n, enum device_state state) {
        struct store_txn *turn = begin_turn(desk->store);

        for (unsigned i = first; i < first + n; i++) {
                struct device device = device_of(i, "default", "alice");

                device.last_seen = device.first_seen = i * USEC_PER_SEC;
                device.uid = 1000;
                device.state = state;
                assert_int_equal(store_put_device(turn, &device), 0);
        }
        commit(turn);
}

static bool has_device(struct desk *desk, const struct device_id *id, struct device *ret) {
        struct store_txn *read = begin_read(desk->store);
        int r = store_find_device(read, "default", "alice", id, ret);

        store_abort(&read);
        assert_true(r == 0 || r == STORE_NOT_FOUND);
        return r == 0;
}

static bool has_made(struct desk *desk, unsigned n) {
        struct device_id id = device_of(n, "default", "alice").id;
        struct device device;

        return has_device(desk, &id, &device);
}

static size_t count_devices(struct desk *desk) {
        struct store_txn *read = begin_read(desk->store);
        struct store_cursor cursor = { 0 };
        struct device device;
        size_t n = 0;

        while (store_next_device_of_user(read, "default", "alice", &cursor, &device) == 0)
                n++;
        store_abort(&read);
        return n;
}

static void test_a_device_that_is_new_takes_the_place_of_the_one_used_least(void **state) {
        struct desk *desk = *state;
        struct session oldest;
        struct login *login;

        oldest = open_session_of(desk, "alice", "192.0.2.1");
        put_devices(desk, 1, 1, DEVICE_BLOCKED);
        put_devices(desk, 2, DEVICES_PER_USER_MAX - 2, DEVICE_KNOWN);
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX);
        login = open_login(desk, "alice", "192.0.2.2", FRAME_OK);
        EFFECTS(login, EFFECT_DEVICE_FORGOTTEN, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_memory_equal(login->change.effects.items[0].session.device.bytes,
                device_of(2, "default", "alice").id.bytes, sizeof(struct device_id));
        assert_string_equal(login->change.effects.items[0].session.user, "alice");
        login_free(&login);
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX);
        assert_true(has_made(desk, 1) && !has_made(desk, 2) && has_made(desk, 3));
        login = open_login(desk, "alice", "192.0.2.2", FRAME_OK); /* is not new any more */
        EFFECTS(login, EFFECT_SESSION_OPENED);
        login_free(&login);
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX);
        assert_string_equal(state_of(desk, &oldest), "live");
}

static void test_one_below_the_bound_forgets_nothing(void **state) {
        struct desk *desk = *state;
        struct login *login;

        put_devices(desk, 1, DEVICES_PER_USER_MAX - 1, DEVICE_KNOWN);
        login = open_login(desk, "alice", "192.0.2.1", FRAME_OK);
        EFFECTS(login, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        login_free(&login);
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX);
}

static void test_a_blocked_device_is_forgotten_only_when_so_many_are(void **state) {
        struct desk *desk = *state;
        struct login *login;

        put_devices(desk, 1, DEVICES_PER_USER_MAX, DEVICE_BLOCKED);
        login = open_login(desk, "alice", "192.0.2.1", FRAME_OK);
        EFFECTS(login, EFFECT_DEVICE_FORGOTTEN, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        login_free(&login);
        assert_false(has_made(desk, 1));
        login = open_login(desk, "alice", "192.0.2.2", FRAME_OK); /* one is in use, the others are blocked */
        EFFECTS(login, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        login_free(&login);
        assert_true(has_made(desk, 2));
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX + 1);
}

static void test_a_refused_login_forgets_nothing(void **state) {
        struct desk *desk = *state;
        struct login *login;

        put_devices(desk, 1, DEVICES_PER_USER_MAX - 1, DEVICE_KNOWN);
        open_session_of(desk, "alice", "192.0.2.1");
        desk_configure(desk, "[policy default]\nmax_sessions = 1\non_limit = deny\n");
        login = open_login(desk, "alice", "192.0.2.2", FRAME_DENIED);
        login_free(&login);
        assert_true(has_made(desk, 1));
        assert_int_equal(count_devices(desk), DEVICES_PER_USER_MAX);
}

static void test_a_name_that_comes_to_another_uid_has_none_of_the_former_user_s_devices(void **state) {
        struct desk *desk = *state;
        struct session former = open_session_of(desk, "alice", "192.0.2.1");
        struct store_txn *turn;
        struct device device;
        struct login *login;
        int module;

        assert_true(has_device(desk, &former.device, &device));
        strcpy(device.name, "her laptop");
        turn = begin_turn(desk->store);
        assert_int_equal(store_put_device(turn, &device), 0);
        commit(turn);

        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.1", &module);
        login->frame.uid = 1001;
        assert_int_equal(run_login(desk, login), 0);
        EFFECTS(login, EFFECT_DEVICE_NEW, EFFECT_SESSION_OPENED);
        assert_true(has_device(desk, &former.device, &device));
        assert_string_equal(device.name, "192.0.2.1");
        assert_int_equal(device.uid, 1001);
        assert_int_equal(device.logins, 1);
        login_free(&login);
        close(module);
}

/* ---- in account ---- */

static void block_all(struct desk *desk) {
        struct store_txn *turn = begin_turn(desk->store);
        struct store_cursor cursor = { 0 };
        struct device device;

        while (store_next_device_of_user(turn, "default", "alice", &cursor, &device) == 0) {
                device.state = DEVICE_BLOCKED;
                assert_int_equal(store_put_device(turn, &device), 0);
        }
        commit(turn);
}

struct account_case {
        const char *service, *tty, *rhost, *ssh_connection, *auth_info;
        enum frame_outcome outcome;
};

static enum frame_outcome run_account(
        struct desk *desk, enum frame_phase phase, const struct account_case *a) {
        int module;
        struct login *login = new_login(desk, phase, "alice", a->rhost, &module);
        enum frame_outcome outcome;
        struct store_txn *read;

        login->frame.service = a->service;
        login->frame.tty = a->tty;
        login->frame.ssh_connection = a->ssh_connection;
        login->frame.auth_info = a->auth_info;
        if (phase == FRAME_OPEN) {
                assert_int_equal(run_login(desk, login), 0);
        } else {
                read = begin_read(desk->store);
                assert_int_equal(login_read(login, read), 0);
                store_abort(&read);
        }
        outcome = login->reply.outcome;
        if (outcome == FRAME_DENIED)
                assert_string_equal(login->reply.text, "This device is blocked.");
        login_free(&login);
        close(module);
        return outcome;
}

static void test_account_refuses_a_blocked_device_only_if_open_can_find_no_other(void **state) {
        static const struct account_case cases[] = {
                { "sshd", "ssh", "192.0.2.1", "", "publickey " KEY "\n", FRAME_DENIED },
                { "sshd", "ssh", "192.0.2.1", "", "", FRAME_OK }, /* a key may come yet */
                { "sshd", "ssh", "192.0.2.1", "192.0.2.1 1 192.0.2.9 22", "password\n", FRAME_OK },
                { "cockpit", "", "192.0.2.1", "", "", FRAME_DENIED },
                { "cockpit", "", "192.0.2.1", "192.0.2.1 1 192.0.2.9 22", "", FRAME_OK },
                { "cockpit", "", "", "", "", FRAME_OK }, /* unknown: open decides */
                { "login", "tty1", "", "", "", FRAME_DENIED },
        };
        const size_t n = sizeof(cases) / sizeof(*cases);
        struct desk *desk = *state;

        for (size_t i = 0; i < n; i++)
                assert_int_equal(run_account(desk, FRAME_OPEN, &cases[i]), FRAME_OK);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(run_account(desk, FRAME_ACCOUNT, &cases[i]), FRAME_OK);
        block_all(desk);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(run_account(desk, FRAME_ACCOUNT, &cases[i]), cases[i].outcome);
                assert_int_equal(run_account(desk, FRAME_OPEN, &cases[i]), FRAME_DENIED);
        }
        desk_configure(desk, "[policy default]\nexempt = alice\n");
        for (size_t i = 0; i < n; i++)
                assert_int_equal(run_account(desk, FRAME_ACCOUNT, &cases[i]), FRAME_OK);
}

/* The session that alice's login with the certificate makes. */
static struct session open_certified(struct desk *desk, struct device *ret) {
        struct session session;
        struct login *login;
        int module;

        login = new_login(desk, FRAME_OPEN, "alice", "192.0.2.1", &module);
        login->frame.auth_info = "publickey " CERTIFICATE "\n";
        assert_int_equal(run_login(desk, login), 0);
        assert_int_equal(login->reply.outcome, FRAME_OK);
        session = session_by_text(desk, login->reply.session_id);
        assert_true(has_device(desk, &session.device, ret));
        login_free(&login);
        close(module);
        return session;
}

static void test_a_certificate_is_the_device_that_the_configuration_says(void **state) {
        struct desk *desk = *state;
        struct device device;

        assert_true(open_certified(desk, &device).counts);
        assert_string_equal(device.identity, FINGERPRINT);
        desk_configure(desk, "[daemon]\ncertificate_identity = key-id\n");
        assert_true(open_certified(desk, &device).counts);
        assert_string_equal(device.identity, "key-id:laptop");
}

static void test_an_uncounted_key_is_told_in_a_certificate_whatever_its_device(void **state) {
        static const char *const configs[] = { "[daemon]\nuncounted_keys = " FINGERPRINT "\n",
                "[daemon]\nuncounted_keys = " FINGERPRINT "\ncertificate_identity = key-id\n" };
        struct desk *desk = *state;
        struct device device;

        for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
                desk_configure(desk, configs[i]);
                assert_false(open_certified(desk, &device).counts);
        }
        assert_string_equal(device.identity, "key-id:laptop");
}

#define desk_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                desk_test(test_a_device_that_is_new_takes_the_place_of_the_one_used_least),
                desk_test(test_one_below_the_bound_forgets_nothing),
                desk_test(test_a_blocked_device_is_forgotten_only_when_so_many_are),
                desk_test(test_a_refused_login_forgets_nothing),
                desk_test(test_a_name_that_comes_to_another_uid_has_none_of_the_former_user_s_devices),
                desk_test(test_a_certificate_is_the_device_that_the_configuration_says),
                desk_test(test_an_uncounted_key_is_told_in_a_certificate_whatever_its_device),
                desk_test(test_account_refuses_a_blocked_device_only_if_open_can_find_no_other),
        };

        return cmocka_run_group_tests_name("login_device", tests, NULL, NULL);
}
