/* clock: two clocks read together, the boot's identity, and times as text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/clock.h"

static void assert_text(usec_t wall, const char *expected) {
        char text[CLOCK_TEXT_SIZE];

        memset(text, 'x', sizeof(text));
        clock_write(wall, text);
        assert_string_equal(text, expected);
}

static void test_a_time_is_written_as_rfc_3339_in_utc(void **state) {
        assert_text(0, "1970-01-01T00:00:00.000Z");
        assert_text(999, "1970-01-01T00:00:00.000Z");
        assert_text(1000, "1970-01-01T00:00:00.001Z");
        assert_text(1795448417 * USEC_PER_SEC + 123999, "2026-11-23T15:40:17.123Z");
        assert_text(951782400 * USEC_PER_SEC, "2000-02-29T00:00:00.000Z");
        assert_text(4107542399 * USEC_PER_SEC + 999999, "2100-02-28T23:59:59.999Z");
        assert_text(4107542400 * USEC_PER_SEC, "2100-03-01T00:00:00.000Z"); /* no leap year */
}

static void test_a_time_that_has_no_four_digit_year_is_not_written(void **state) {
        assert_text(253402300799 * USEC_PER_SEC + 999999, "9999-12-31T23:59:59.999Z");
        assert_text(253402300800 * USEC_PER_SEC, "");
        assert_text(USEC_NEVER, "");
        assert_text(USEC_NEVER - 1, "");
}

static void test_the_time_zone_of_the_machine_does_not_matter(void **state) {
        assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
        tzset();
        assert_text(0, "1970-01-01T00:00:00.000Z");
        assert_int_equal(unsetenv("TZ"), 0);
        tzset();
}

static void test_now_is_the_kernels_and_never_goes_back_on_the_boot_clock(void **state) {
        struct moment last = clock_now();
        struct timespec wall, boot;

        for (int i = 0; i < 1000; i++) {
                struct moment now = clock_now();

                assert_true(now.boot >= last.boot);
                last = now;
        }
        assert_int_equal(clock_gettime(CLOCK_REALTIME, &wall), 0);
        assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
        assert_true((usec_t) boot.tv_sec * USEC_PER_SEC + (usec_t) boot.tv_nsec / 1000 >= last.boot);
        assert_true((usec_t) wall.tv_sec + 3600 > last.wall / USEC_PER_SEC);
        assert_int_equal(clock_from_boot(12345), 12345);
}

static void test_the_boot_has_an_identity_and_it_is_the_kernels(void **state) {
        struct boot_id a, b;
        char text[64] = "", expected[64] = "";
        FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
        size_t n = 0;

        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        fclose(file);
        assert_int_equal(clock_boot_id(&a), 0);
        assert_int_equal(clock_boot_id(&b), 0);
        assert_true(boot_id_equal(&a, &b));
        for (size_t i = 0; i < sizeof(a.bytes); i++)
                n += (size_t) snprintf(expected + n, sizeof(expected) - n, "%02x%s", a.bytes[i],
                        i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
        text[strcspn(text, "\n")] = '\0';
        assert_string_equal(text, expected);
        for (size_t i = 0; i < sizeof(a.bytes); i++) {
                b = a;
                b.bytes[i] ^= 1;
                assert_false(boot_id_equal(&a, &b));
        }
}

static void test_a_time_is_read_as_it_was_written(void **state) {
        static const char *const no_times[] = { "", "2026", "2026-11-22", "2026-11-22 15:20:17Z",
                "2026-11-22T15:20:17", "2026-11-22T15:20:17+01:00", "2026-13-22T15:20:17Z",
                "2026-11-31T15:20:17Z", "2026-02-29T15:20:17Z", "2026-11-22T24:20:17Z",
                "2026-11-22T15:60:17Z", "2026-11-22T15:20:60Z", "2026-11-22T15:20:17.Z",
                "2026-11-22T15:20:17Z ", "1969-12-31T23:59:59Z", " 2026-11-22T15:20:17Z",
                "2026-1-22T15:20:17Z" };
        char text[CLOCK_TEXT_SIZE];
        usec_t wall = 7;

        for (size_t i = 0; i < sizeof(no_times) / sizeof(*no_times); i++)
                assert_int_equal(clock_read_text(no_times[i], &wall), -EINVAL);
        assert_int_equal(wall, 7);
        for (usec_t at = 0; at < UINT64_C(200000000000) * 1000; at += UINT64_C(1234567891) * 1000) {
                clock_write(at, text);
                assert_int_equal(clock_read_text(text, &wall), 0);
                assert_int_equal(wall, at / 1000 * 1000);
        }
        assert_int_equal(clock_read_text("2024-02-29T00:00:00Z", &wall), 0);
        assert_int_equal(clock_read_text("1970-01-01T00:00:01.5Z", &wall), 0);
        assert_int_equal(wall, 1500000);
        assert_int_equal(clock_read_text("1970-01-01T00:00:00.123456789Z", &wall), 0);
        assert_int_equal(wall, 123456);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_time_is_written_as_rfc_3339_in_utc),
                cmocka_unit_test(test_a_time_is_read_as_it_was_written),
                cmocka_unit_test(test_a_time_that_has_no_four_digit_year_is_not_written),
                cmocka_unit_test(test_the_time_zone_of_the_machine_does_not_matter),
                cmocka_unit_test(test_now_is_the_kernels_and_never_goes_back_on_the_boot_clock),
                cmocka_unit_test(test_the_boot_has_an_identity_and_it_is_the_kernels),
        };

        return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
