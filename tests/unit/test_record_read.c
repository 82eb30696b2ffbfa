/* Bytes that are no record are not read. */
#include "tests/unit/record_sample.h"

static void assert_refused(const struct bytes *b) {
        struct session session, untouched;

        memset(&session, 0xa5, sizeof(session));
        memset(&untouched, 0xa5, sizeof(untouched));
        assert_int_equal(record_read_session(b->bytes, b->size, &session), -EBADMSG);
        assert_memory_equal(&session, &untouched, sizeof(session));
}

static void assert_device_refused(const struct bytes *b) {
        struct device device, untouched;

        memset(&device, 0xa5, sizeof(device));
        memset(&untouched, 0xa5, sizeof(untouched));
        assert_int_equal(record_read_device(b->bytes, b->size, &device), -EBADMSG);
        assert_memory_equal(&device, &untouched, sizeof(device));
}

static void assert_byte_refused(size_t at, uint8_t value) {
        struct bytes b = sample();

        b.bytes[at] = value;
        assert_refused(&b);
}

static void test_every_truncation_is_refused(void **state) {
        struct device device = a_device();
        struct bytes b = sample(), cut;

        for (size_t n = 0; n < b.size; n++) {
                cut = b;
                cut.size = n;
                assert_refused(&cut);
        }
        b = device_bytes(&device);
        for (size_t n = 0; n < b.size; n++) {
                cut = b;
                cut.size = n;
                assert_device_refused(&cut);
        }
}

static void test_trailing_bytes_are_refused(void **state) {
        struct device device = a_device();
        struct bytes b = sample();

        b.size++;
        assert_refused(&b);
        b = device_bytes(&device);
        b.size++;
        assert_device_refused(&b);
}

static void test_another_version_is_refused(void **state) {
        struct device device = a_device();
        struct bytes b = device_bytes(&device);

        assert_byte_refused(AT_VERSION, 0);
        assert_byte_refused(AT_VERSION, 2);
        assert_byte_refused(AT_VERSION, 255);
        b.bytes[AT_VERSION] = 2;
        assert_device_refused(&b);
}

static void test_a_class_out_of_range_is_refused(void **state) {
        assert_byte_refused(AT_CLASS, 0);
        assert_byte_refused(AT_CLASS, CLASS_IGNORED + 1);
        assert_byte_refused(AT_CLASS, 255);
}

static void test_a_flag_that_is_neither_is_refused(void **state) {
        assert_byte_refused(AT_COUNTS, 2);
        assert_byte_refused(AT_COUNTS, 255);
}

static void test_a_terminate_out_of_range_is_refused(void **state) {
        assert_byte_refused(AT_TERMINATE, 0);
        assert_byte_refused(AT_TERMINATE, TERMINATE_SCOPE + 1);
}

static void test_a_state_out_of_range_is_refused(void **state) {
        assert_byte_refused(AT_STATE, 0);
        assert_byte_refused(AT_STATE, SESSION_ENDED + 1);
}

static void test_an_unknown_end_is_refused(void **state) {
        assert_byte_refused(AT_END, _END_MAX);
        assert_byte_refused(AT_END, 255);
}

static void test_unknown_methods_are_refused(void **state) {
        assert_byte_refused(AT_METHODS, 1U << _METHODS_MAX);
        assert_byte_refused(AT_METHODS + 3, 0x80);
}

static void test_a_negative_pid_is_refused(void **state) {
        assert_byte_refused(AT_PID + 3, 0x80);
}

static void test_a_device_kind_or_state_out_of_range_is_refused(void **state) {
        static const size_t at[] = { AT_DEVICE_KIND, AT_DEVICE_KIND, AT_DEVICE_STATE, AT_DEVICE_STATE };
        static const uint8_t value[] = { 0, DEVICE_UNKNOWN + 1, 0, DEVICE_BLOCKED + 1 };
        struct device device = a_device();

        for (size_t i = 0; i < 4; i++) {
                struct bytes b = device_bytes(&device);

                b.bytes[at[i]] = value[i];
                assert_device_refused(&b);
        }
}

static void test_a_text_with_a_nul_is_refused(void **state) {
        struct device device = a_device();
        struct bytes b = device_bytes(&device);

        for (size_t i = 0; i < strlen("default"); i++)
                assert_byte_refused(AT_REALM + 2 + i, 0);
        b.bytes[AT_DEVICE_REALM + 2] = 0;
        assert_device_refused(&b);
}

static void test_a_text_longer_than_the_record_is_refused(void **state) {
        assert_byte_refused(AT_REALM, REALM_MAX);
        assert_byte_refused(AT_REALM + 1, 0xff);
}

/* Puts length bytes in place of the realm, as if the limit had been larger when it was written. */
static struct bytes with_realm_of(size_t length) {
        struct bytes b = sample(), out = { 0 };
        const size_t rest = AT_REALM + 2 + strlen("default");

        memcpy(out.bytes, b.bytes, AT_REALM);
        out.bytes[AT_REALM] = (uint8_t) length;
        memset(out.bytes + AT_REALM + 2, 'r', length);
        memcpy(out.bytes + AT_REALM + 2 + length, b.bytes + rest, b.size - rest);
        out.size = AT_REALM + 2 + length + b.size - rest;
        return out;
}

static void test_a_text_past_its_limit_is_refused(void **state) {
        struct bytes fits = with_realm_of(REALM_MAX), long_one = with_realm_of(REALM_MAX + 1);
        struct session session;

        assert_int_equal(record_read_session(fits.bytes, fits.size, &session), 0);
        assert_refused(&long_one);
}

static void test_a_session_of_no_realm_is_refused(void **state) {
        struct bytes b = with_realm_of(0);

        assert_refused(&b);
}

static void test_a_device_is_not_a_session(void **state) {
        struct device device = a_device();
        struct bytes d = device_bytes(&device), s = sample();

        assert_refused(&d);
        assert_device_refused(&s);
}

static void test_a_lockout_that_is_not_one_is_refused(void **state) {
        struct lockout l = {
                .realm = "default", .user = "alice", .kind = LOCKOUT_USER, .failures = { .n = 2 }
        };
        struct bytes b = { 0 };
        struct lockout out;

        assert_int_equal(record_write_lockout(&l, b.bytes, RECORD_MAX, &b.size), 0);
        for (size_t size = 0; size < b.size; size++)
                assert_int_equal(record_read_lockout(b.bytes, size, &out), -EBADMSG);
        assert_int_equal(record_read_lockout(b.bytes, b.size, &out), 0);
        assert_int_equal(record_read_lockout(b.bytes, b.size + 1, &out), -EBADMSG);
        b.bytes[b.size - 9] = LOCKOUT_FAILURES_MAX + 1; /* how many there are: two of four bytes follow */
        assert_int_equal(record_read_lockout(b.bytes, sizeof(b.bytes), &out), -EBADMSG);
        b.bytes[b.size - 9] = 2;
        b.bytes[1] = 0; /* the kind */
        assert_int_equal(record_read_lockout(b.bytes, b.size, &out), -EBADMSG);
        b.bytes[1] = LOCKOUT_ADMIN + 1;
        assert_int_equal(record_read_lockout(b.bytes, b.size, &out), -EBADMSG);
}

static void test_whatever_is_read_is_written_the_same(void **state) {
        struct bytes b = sample(), again;
        struct session session;
        unsigned accepted = 0;

        for (size_t at = 0; at < b.size; at++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        struct bytes flipped = b;

                        flipped.bytes[at] ^= (uint8_t) (1U << bit);
                        if (record_read_session(flipped.bytes, flipped.size, &session))
                                continue;
                        accepted++;
                        again = session_bytes(&session);
                        assert_int_equal(again.size, flipped.size);
                        assert_memory_equal(again.bytes, flipped.bytes, again.size);
                }
        assert_true(accepted > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_truncation_is_refused),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_another_version_is_refused),
                cmocka_unit_test(test_a_class_out_of_range_is_refused),
                cmocka_unit_test(test_a_flag_that_is_neither_is_refused),
                cmocka_unit_test(test_a_terminate_out_of_range_is_refused),
                cmocka_unit_test(test_a_state_out_of_range_is_refused),
                cmocka_unit_test(test_an_unknown_end_is_refused),
                cmocka_unit_test(test_unknown_methods_are_refused),
                cmocka_unit_test(test_a_negative_pid_is_refused),
                cmocka_unit_test(test_a_device_kind_or_state_out_of_range_is_refused),
                cmocka_unit_test(test_a_text_with_a_nul_is_refused),
                cmocka_unit_test(test_a_text_longer_than_the_record_is_refused),
                cmocka_unit_test(test_a_text_past_its_limit_is_refused),
                cmocka_unit_test(test_a_session_of_no_realm_is_refused),
                cmocka_unit_test(test_a_device_is_not_a_session),
                cmocka_unit_test(test_a_lockout_that_is_not_one_is_refused),
                cmocka_unit_test(test_whatever_is_read_is_written_the_same),
        };

        return cmocka_run_group_tests_name("record_read", tests, NULL, NULL);
}
