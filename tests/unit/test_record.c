/* Records are read back as they were written; and keys. test_record_read has what is not read at all. */
#include "tests/unit/record_sample.h"

static void fill(char *text, size_t length) {
        memset(text, 'x', length);
        text[length] = '\0';
}

/* The largest that the limits allow. */
static struct session a_large_session(void) {
        struct session s = a_session();

        fill(s.realm, REALM_MAX);
        fill(s.user, USER_MAX);
        fill(s.service, SERVICE_MAX);
        fill(s.policy, POLICY_NAME_MAX);
        fill(s.device_name, DEVICE_NAME_MAX);
        fill(s.ip, IP_MAX);
        fill(s.tty, TTY_MAX);
        return s;
}

static struct device a_large_device(void) {
        struct device d = a_device();

        fill(d.realm, REALM_MAX);
        fill(d.user, USER_MAX);
        fill(d.identity, DEVICE_IDENTITY_MAX);
        fill(d.name, DEVICE_NAME_MAX);
        fill(d.last_ip, IP_MAX);
        return d;
}

static void assert_same_session(const struct session *a, const struct session *b) {
        assert_memory_equal(&a->sid, &b->sid, sizeof(a->sid));
        assert_string_equal(a->realm, b->realm);
        assert_string_equal(a->user, b->user);
        assert_int_equal(a->uid, b->uid);
        assert_string_equal(a->service, b->service);
        assert_int_equal(a->class, b->class);
        assert_int_equal(a->counts, b->counts);
        assert_string_equal(a->policy, b->policy);
        assert_int_equal(a->terminate, b->terminate);
        assert_memory_equal(&a->device, &b->device, sizeof(a->device));
        assert_string_equal(a->device_name, b->device_name);
        assert_string_equal(a->ip, b->ip);
        assert_string_equal(a->tty, b->tty);
        assert_int_equal(a->methods, b->methods);
        assert_memory_equal(&a->leader.boot, &b->leader.boot, sizeof(a->leader.boot));
        assert_int_equal(a->leader.pid, b->leader.pid);
        assert_true(a->leader.start == b->leader.start);
        assert_int_equal(a->audit_session, b->audit_session);
        assert_true(a->created_at == b->created_at && a->last_seen == b->last_seen);
        assert_true(a->deadline_boot == b->deadline_boot && a->deadline_wall == b->deadline_wall);
        assert_int_equal(a->state, b->state);
        assert_int_equal(a->end, b->end);
        assert_int_equal(a->refresh.number, b->refresh.number);
        assert_true(a->refresh.counter == b->refresh.counter);
        assert_true(a->refresh.rotated_boot == b->refresh.rotated_boot);
        assert_true(a->refresh.deadline_boot == b->refresh.deadline_boot);
        assert_memory_equal(a->refresh.hash, b->refresh.hash, sizeof(a->refresh.hash));
        assert_true(a->idle.ttl == b->idle.ttl && a->idle.used_boot == b->idle.used_boot);
        assert_true(a->idle.look_boot == b->idle.look_boot && a->idle.looked_boot == b->idle.looked_boot);
        assert_true(a->idle.looked_wall == b->idle.looked_wall);
        assert_true(a->idle.terminal_wall == b->idle.terminal_wall);
}

static void assert_same_device(const struct device *a, const struct device *b) {
        assert_memory_equal(&a->id, &b->id, sizeof(a->id));
        assert_string_equal(a->realm, b->realm);
        assert_string_equal(a->user, b->user);
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->state, b->state);
        assert_string_equal(a->identity, b->identity);
        assert_string_equal(a->name, b->name);
        assert_true(a->first_seen == b->first_seen && a->last_seen == b->last_seen && a->logins == b->logins);
        assert_string_equal(a->last_ip, b->last_ip);
}

/* ---- round trips ---- */

static void test_a_session_is_read_as_it_was_written(void **state) {
        struct session in = a_session(), out;
        struct bytes b = session_bytes(&in);

        assert_int_equal(record_read_session(b.bytes, b.size, &out), 0);
        assert_same_session(&in, &out);
}

static void test_a_device_is_read_as_it_was_written(void **state) {
        struct device in = a_device(), out;
        struct bytes b = device_bytes(&in);

        assert_int_equal(record_read_device(b.bytes, b.size, &out), 0);
        assert_same_device(&in, &out);
}

static void test_a_change_of_a_password_is_read_as_it_was_written(void **state) {
        struct password_change in = a_password_change(), out;
        uint8_t bytes[RECORD_MAX];
        size_t size;

        assert_int_equal(record_write_password_change(&in, bytes, sizeof(bytes), &size), 0);
        assert_int_equal(record_read_password_change(bytes, size, &out), 0);
        assert_string_equal(out.realm, in.realm);
        assert_string_equal(out.user, in.user);
        assert_int_equal(out.what, in.what);
        assert_true(out.is_by_user && out.has_own);
        assert_memory_equal(&out.own, &in.own, sizeof(in.own));
        assert_memory_equal(&out.newest, &in.newest, sizeof(in.newest));
        assert_memory_equal(&out.done, &in.done, sizeof(in.done));
        for (size_t cut = 0; cut < size; cut++)
                assert_int_equal(record_read_password_change(bytes, cut, &out), -EBADMSG);
        bytes[1] = 0; /* what */
        assert_int_equal(record_read_password_change(bytes, size, &out), -EBADMSG);
}

static void test_the_longest_texts_fit(void **state) {
        struct session session = a_large_session(), session_out;
        struct device device = a_large_device(), device_out;
        struct bytes b;

        b = session_bytes(&session);
        assert_int_equal(record_read_session(b.bytes, b.size, &session_out), 0);
        assert_same_session(&session, &session_out);
        b = device_bytes(&device);
        assert_int_equal(record_read_device(b.bytes, b.size, &device_out), 0);
        assert_same_device(&device, &device_out);
}

static void test_absent_texts_are_empty(void **state) {
        struct session in = a_session(), out;
        struct bytes b;

        in.service[0] = in.policy[0] = in.device_name[0] = in.ip[0] = in.tty[0] = '\0';
        b = session_bytes(&in);
        assert_int_equal(record_read_session(b.bytes, b.size, &out), 0);
        assert_same_session(&in, &out);
}

static void test_what_stands_behind_a_texts_end_is_not_written(void **state) {
        struct session a = a_session(), b = a_session();
        struct bytes x, y;

        strcpy(b.user, "alice and more");
        b.user[5] = '\0';
        x = session_bytes(&a);
        y = session_bytes(&b);
        assert_int_equal(x.size, y.size);
        assert_memory_equal(x.bytes, y.bytes, x.size);
}

static void test_integers_are_little_endian_in_their_places(void **state) {
        static const uint8_t pid_and_start[] = { 0x67, 0x12, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1 };
        static const uint8_t status_index[] = { 0x0c, 0x0b, 0x0a, 0, 0, 0, 0, 0 };
        static const uint8_t realm[] = { 7, 0, 'd', 'e', 'f', 'a', 'u', 'l', 't' };
        struct bytes b = sample();

        assert_int_equal(b.bytes[AT_VERSION], 1);
        assert_memory_equal(b.bytes + AT_PID, pid_and_start, sizeof(pid_and_start));
        assert_memory_equal(b.bytes + AT_STATUS_INDEX, status_index, sizeof(status_index));
        assert_memory_equal(b.bytes + AT_REALM, realm, sizeof(realm));
}

/* ---- writing ---- */

static void test_every_smaller_buffer_is_refused(void **state) {
        struct session session = a_large_session();
        struct device device = a_large_device();
        struct bytes b = session_bytes(&session), out;
        size_t size = 12345;

        for (size_t n = 0; n < b.size; n++)
                assert_int_equal(record_write_session(&session, out.bytes, n, &size), -ENOBUFS);
        assert_int_equal(record_write_session(&session, out.bytes, b.size, &out.size), 0);

        b = device_bytes(&device);
        for (size_t n = 0; n < b.size; n++)
                assert_int_equal(record_write_device(&device, out.bytes, n, &size), -ENOBUFS);
        assert_int_equal(size, 12345);
}

static void test_a_session_that_could_not_be_read_is_not_written(void **state) {
        struct session bad[9];
        uint8_t buf[RECORD_MAX];
        size_t size;

        for (size_t i = 0; i < 9; i++)
                bad[i] = a_session();
        bad[0].class = 0;
        bad[1].class = CLASS_IGNORED + 1;
        bad[2].terminate = 0;
        bad[3].state = 0;
        bad[4].end = _END_MAX;
        bad[5].methods = 1U << _METHODS_MAX;
        bad[6].leader.pid = -1;
        bad[7].realm[0] = '\0';
        bad[8].user[0] = '\0';
        for (size_t i = 0; i < 9; i++)
                assert_int_equal(record_write_session(&bad[i], buf, sizeof(buf), &size), -EINVAL);
}

static void test_a_device_that_could_not_be_read_is_not_written(void **state) {
        struct device bad[4];
        uint8_t buf[RECORD_MAX];
        size_t size;

        for (size_t i = 0; i < 4; i++)
                bad[i] = a_device();
        bad[0].kind = 0;
        bad[1].state = DEVICE_BLOCKED + 1;
        bad[2].realm[0] = '\0';
        memset(bad[3].name, 'x', sizeof(bad[3].name));
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(record_write_device(&bad[i], buf, sizeof(buf), &size), -EINVAL);
}

static void test_an_unterminated_text_is_not_written(void **state) {
        struct session s = a_session();
        uint8_t buf[RECORD_MAX];
        size_t size;

        memset(s.tty, 'x', sizeof(s.tty));
        assert_int_equal(record_write_session(&s, buf, sizeof(buf), &size), -EINVAL);
}

/* ---- keys ---- */

static int compare_keys(const struct record_key *a, const struct record_key *b) {
        int r = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);

        return r ? r : (a->size > b->size) - (a->size < b->size);
}

static void test_keys_hold_at_every_limit(void **state) {
        struct session s = a_large_session();
        struct device d = a_large_device();
        struct record_key key;

        record_key_session(s.realm, s.user, &s.sid, &key);
        assert_int_equal(key.size, REALM_MAX + 1 + USER_MAX + 1 + 1 + 16);
        assert_true(key.size <= RECORD_KEY_MAX);
        record_key_device(d.realm, d.user, &d.id, &key);
        assert_true(key.size <= RECORD_KEY_MAX);
}

static void test_an_account_is_read_as_it_was_written_and_nothing_less(void **state) {
        static const uint8_t expected[] = "\1\xe8\3\0\0\5\4\3\2\1\0\0\0\1\0\0\0"
                                          "\7\0\0\0\0\0\0\0\1\0r\5\0alice\5\0there";
        struct account account = account_of("r", "alice"), out;
        uint8_t bytes[64];
        size_t size;

        account_reset(&account, 1000, 0x0102030405);
        account_fail(&account, 1000, "there", 7);
        assert_int_equal(record_write_account(&account, bytes, sizeof(bytes), &size), 0);
        assert_int_equal(size, sizeof(expected) - 1);
        assert_memory_equal(bytes, expected, size);
        assert_int_equal(record_read_account(bytes, size, &out), 0);
        assert_memory_equal(&out, &account, sizeof(out));
        for (size_t less = 0; less < size; less++) {
                assert_int_equal(record_read_account(bytes, less, &out), -EBADMSG);
                assert_int_equal(record_write_account(&account, bytes, less, &size), -ENOBUFS);
        }
        bytes[0] = 2;
        assert_int_equal(record_read_account(bytes, sizeof(expected) - 1, &out), -EBADMSG);
        account = account_of("", "alice");
        assert_int_equal(record_write_account(&account, bytes, sizeof(bytes), &size), -EINVAL);
}

static void test_a_users_account_stands_before_all_that_is_his(void **state) {
        struct device_id device = { { 0 } };
        struct record_key account, key, prefix;

        record_key_account("r", "u", &account);
        record_key_device("r", "u", &device, &key);
        record_key_user("r", "u", &prefix);
        assert_int_equal(record_kind_of(account.bytes, account.size), RECORD_ACCOUNT);
        assert_true(compare_keys(&account, &key) < 0);
        assert_int_equal(prefix.size, 4);
        assert_memory_equal(account.bytes, prefix.bytes, prefix.size);
}

static void test_a_key_is_its_prefix_and_its_id(void **state) {
        static const uint8_t expected[] = "r\0u\0s";
        struct session s = a_session();
        struct record_key prefix, key;

        record_key_prefix("r", "u", RECORD_SESSION, &prefix);
        assert_int_equal(prefix.size, 5);
        assert_memory_equal(prefix.bytes, expected, 5);
        record_key_session("r", "u", &s.sid, &key);
        assert_int_equal(key.size, 5 + 16);
        assert_memory_equal(key.bytes, prefix.bytes, prefix.size);
        assert_memory_equal(key.bytes + 5, s.sid.bytes, 16);
}

static void test_a_key_tells_its_kind(void **state) {
        struct session s = a_session();
        struct device d = a_device();
        struct record_key key;

        record_key_session("r", "u", &s.sid, &key);
        assert_int_equal(record_kind_of(key.bytes, key.size), RECORD_SESSION);
        record_key_device("r", "u", &d.id, &key);
        assert_int_equal(record_kind_of(key.bytes, key.size), RECORD_DEVICE);
        assert_int_equal(record_kind_of(key.bytes, RECORD_ID_SIZE), 0);
        assert_int_equal(record_kind_of(key.bytes, 0), 0);
}

static void test_no_users_range_is_in_anothers(void **state) {
        static const char *const names[][2] = {
                { "a", "a" },
                { "a", "ab" },
                { "a", "b" },
                { "aa", "a" },
                { "ab", "a" },
                { "as", "s" },
                { "a", "s" },
        };
        struct record_key prefix, key;
        struct sid sid = { { 0 } };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
                        record_key_prefix(names[i][0], names[i][1], RECORD_SESSION, &prefix);
                        record_key_session(names[j][0], names[j][1], &sid, &key);
                        assert_int_equal(i == j, memcmp(prefix.bytes, key.bytes, prefix.size) == 0);
                }
}

static void test_a_users_devices_stand_before_sessions_and_these_by_time(void **state) {
        struct device_id device = { { 0xff } };
        struct sid early = { { 1, 2 } }, late = { { 1, 3 } };
        struct record_key d, first, second;

        record_key_device("r", "u", &device, &d);
        record_key_session("r", "u", &early, &first);
        record_key_session("r", "u", &late, &second);
        assert_true(compare_keys(&d, &first) < 0);
        assert_true(compare_keys(&first, &second) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_session_is_read_as_it_was_written),
                cmocka_unit_test(test_a_device_is_read_as_it_was_written),
                cmocka_unit_test(test_a_change_of_a_password_is_read_as_it_was_written),
                cmocka_unit_test(test_the_longest_texts_fit),
                cmocka_unit_test(test_absent_texts_are_empty),
                cmocka_unit_test(test_what_stands_behind_a_texts_end_is_not_written),
                cmocka_unit_test(test_integers_are_little_endian_in_their_places),
                cmocka_unit_test(test_every_smaller_buffer_is_refused),
                cmocka_unit_test(test_a_session_that_could_not_be_read_is_not_written),
                cmocka_unit_test(test_a_device_that_could_not_be_read_is_not_written),
                cmocka_unit_test(test_an_unterminated_text_is_not_written),
                cmocka_unit_test(test_keys_hold_at_every_limit),
                cmocka_unit_test(test_a_key_is_its_prefix_and_its_id),
                cmocka_unit_test(test_an_account_is_read_as_it_was_written_and_nothing_less),
                cmocka_unit_test(test_a_users_account_stands_before_all_that_is_his),
                cmocka_unit_test(test_a_key_tells_its_kind),
                cmocka_unit_test(test_no_users_range_is_in_anothers),
                cmocka_unit_test(test_a_users_devices_stand_before_sessions_and_these_by_time),
        };

        return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
