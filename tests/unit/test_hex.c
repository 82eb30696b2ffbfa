/* hex: digits there and back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "client/hex.h"

static void test_every_byte_is_written_as_two_digits_that_read_back(void **state) {
        char text[2];

        for (int i = 0; i < 256; i++) {
                hex_write(&(uint8_t){ (uint8_t) i }, 1, text);
                assert_int_equal(hex_digit(text[0]) << 4 | hex_digit(text[1]), i);
                assert_int_equal(hex_digit_any_case(text[0]) << 4 | hex_digit_any_case(text[1]), i);
        }
}

static void test_bytes_are_written_in_their_order_and_without_a_nul(void **state) {
        static const uint8_t bytes[] = { 0x00, 0x1f, 0xa9 };
        char text[8] = "-------";

        hex_write(bytes, sizeof(bytes), text);
        assert_string_equal(text, "001fa9-");
        hex_write(bytes, 0, text);
        assert_string_equal(text, "001fa9-");
}

static void test_nothing_else_is_a_digit(void **state) {
        int lower = 0, any = 0;

        for (int c = -128; c < 128; c++) {
                lower += hex_digit((char) c) >= 0;
                any += hex_digit_any_case((char) c) >= 0;
        }
        assert_int_equal(lower, 16);
        assert_int_equal(any, 22);
        assert_int_equal(hex_digit('A'), -1);
        assert_int_equal(hex_digit_any_case('A'), 10);
        assert_int_equal(hex_digit_any_case('F'), 15);
        assert_int_equal(hex_digit_any_case('G'), -1);
        assert_int_equal(hex_digit('\0'), -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_byte_is_written_as_two_digits_that_read_back),
                cmocka_unit_test(test_bytes_are_written_in_their_order_and_without_a_nul),
                cmocka_unit_test(test_nothing_else_is_a_digit),
        };

        return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
