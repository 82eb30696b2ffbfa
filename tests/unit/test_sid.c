/* sid: ids are version 7, ordered whatever the clock does, and read back only from their one spelling. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/sid.h"

static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t zeros[8] = { 0 };

static struct sid mint(struct sid *last, usec_t wall, const uint8_t *random) {
        struct sid sid;

        sid_mint(last, wall, random, &sid);
        assert_memory_equal(&sid, last, sizeof(sid));
        return sid;
}

static void assert_text(const struct sid *sid, const char *expected) {
        char text[SID_TEXT_MAX + 1];

        sid_write(sid, text);
        assert_string_equal(text, expected);
}

static void test_the_example_of_rfc_9562_has_these_milliseconds_and_marks(void **state) {
        struct sid last = { 0 };
        struct sid sid = mint(&last, UINT64_C(0x017F22E279B0) * 1000, zeros);

        /* RFC 9562 A.6: 0x017F22E279B0 is 2022-02-22 14:22:22 -05:00 */
        assert_text(&sid, "017f22e2-79b0-7000-8000-000000000000");
}

static void test_random_bits_leave_version_and_variant_alone(void **state) {
        struct sid last = { 0 };
        struct sid sid = mint(&last, 0, ones);

        assert_text(&sid, "00000000-0000-7001-bfff-ffffffffffff");
}

static void test_microseconds_become_twelve_bits_of_fraction(void **state) {
        struct sid last = { 0 };
        struct sid sid = mint(&last, 1500, zeros);

        assert_text(&sid, "00000000-0001-7800-8000-000000000000");
        sid = mint(&last, 1999, zeros);
        assert_text(&sid, "00000000-0001-7ffb-8000-000000000000");
}

static void test_two_ids_of_one_microsecond_are_in_order(void **state) {
        struct sid last = { 0 };
        struct sid a = mint(&last, 5000000, ones), b = mint(&last, 5000000, zeros);

        assert_true(sid_compare(&a, &b) < 0);
        assert_true(sid_compare(&b, &a) > 0);
        assert_int_equal(sid_compare(&a, &a), 0);
}

static void test_a_clock_set_back_makes_no_older_id(void **state) {
        struct sid last = { 0 };
        struct sid a = mint(&last, UINT64_C(1800000000000000), ones);
        struct sid b = mint(&last, UINT64_C(1700000000000000), zeros);
        struct sid c = mint(&last, 0, zeros);
        struct sid d = mint(&last, UINT64_C(1800000000000001), zeros);

        assert_true(sid_compare(&a, &b) < 0);
        assert_true(sid_compare(&b, &c) < 0);
        assert_true(sid_compare(&c, &d) < 0);
}

static void test_the_fraction_carries_into_the_milliseconds(void **state) {
        struct sid last, sid;

        assert_int_equal(sid_read("00000000-00ff-7fff-8000-000000000000", &last), 0);
        sid = mint(&last, 0, zeros);
        assert_text(&sid, "00000000-0100-7000-8000-000000000000");
}

static void test_a_million_ids_of_one_instant_stay_ordered(void **state) {
        struct sid last = { 0 }, before = { 0 };

        for (unsigned i = 0; i < 1000000; i++) {
                struct sid sid;

                sid_mint(&last, 1000000, i % 2 ? ones : zeros, &sid);
                assert_true(sid_compare(&before, &sid) < 0);
                before = sid;
        }
}

static void test_time_beyond_48_bits_saturates(void **state) {
        struct sid last = { 0 };
        struct sid sid = mint(&last, UINT64_MAX, zeros);

        assert_text(&sid, "ffffffff-ffff-7fff-8000-000000000000");
        sid = mint(&last, 0, ones);
        assert_text(&sid, "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

static void test_what_was_written_is_read_back(void **state) {
        struct sid last = { 0 }, sid = mint(&last, 1234567890123456, ones), again;
        char text[SID_TEXT_MAX + 1];

        sid_write(&sid, text);
        assert_int_equal(sid_read(text, &again), 0);
        assert_int_equal(sid_compare(&sid, &again), 0);
}

static void test_any_other_spelling_is_refused(void **state) {
        static const char *const wrong[] = {
                "",
                "0",
                "017F22E2-79B0-7000-8000-000000000000",
                "017f22e2-79b0-7000-8000-00000000000",
                "017f22e2-79b0-7000-8000-0000000000000",
                "017f22e279b0700080000000000000000000",
                "017f22e2-79b0-7000-8000-00000000000g",
                "017f22e2-79b0-7000-8000-00000000000 ",
                "017f22e2-79b0-7000-80000-00000000000",
                "{17f22e2-79b0-7000-8000-00000000000}",
                "017f22e2_79b0_7000_8000_000000000000",
                "------------------------------------",
        };
        struct sid sid = { { 7 } };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
                assert_int_equal(sid_read(wrong[i], &sid), -EINVAL);
        assert_int_equal(sid.bytes[0], 7);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_example_of_rfc_9562_has_these_milliseconds_and_marks),
                cmocka_unit_test(test_random_bits_leave_version_and_variant_alone),
                cmocka_unit_test(test_microseconds_become_twelve_bits_of_fraction),
                cmocka_unit_test(test_two_ids_of_one_microsecond_are_in_order),
                cmocka_unit_test(test_a_clock_set_back_makes_no_older_id),
                cmocka_unit_test(test_the_fraction_carries_into_the_milliseconds),
                cmocka_unit_test(test_a_million_ids_of_one_instant_stay_ordered),
                cmocka_unit_test(test_time_beyond_48_bits_saturates),
                cmocka_unit_test(test_what_was_written_is_read_back),
                cmocka_unit_test(test_any_other_spelling_is_refused),
        };

        return cmocka_run_group_tests_name("sid", tests, NULL, NULL);
}
