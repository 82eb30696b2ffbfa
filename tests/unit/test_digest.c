#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/digest.h"

static void test_sha256_of_abc_is_as_in_fips_180(void **state) {
        static const uint8_t expected[DIGEST_SIZE] = {
                0xba,
                0x78,
                0x16,
                0xbf,
                0x8f,
                0x01,
                0xcf,
                0xea,
                0x41,
                0x41,
                0x40,
                0xde,
                0x5d,
                0xae,
                0x22,
                0x23,
                0xb0,
                0x03,
                0x61,
                0xa3,
                0x96,
                0x17,
                0x7a,
                0x9c,
                0xb4,
                0x10,
                0xff,
                0x61,
                0xf2,
                0x00,
                0x15,
                0xad,
        };
        uint8_t digest[DIGEST_SIZE];

        assert_int_equal(digest_sha256("abc", 3, digest), 0);
        assert_memory_equal(digest, expected, DIGEST_SIZE);
}

static void test_sha256_of_nothing_is_known(void **state) {
        static const uint8_t expected[DIGEST_SIZE] = {
                0xe3,
                0xb0,
                0xc4,
                0x42,
                0x98,
                0xfc,
                0x1c,
                0x14,
                0x9a,
                0xfb,
                0xf4,
                0xc8,
                0x99,
                0x6f,
                0xb9,
                0x24,
                0x27,
                0xae,
                0x41,
                0xe4,
                0x64,
                0x9b,
                0x93,
                0x4c,
                0xa4,
                0x95,
                0x99,
                0x1b,
                0x78,
                0x52,
                0xb8,
                0x55,
        };
        uint8_t digest[DIGEST_SIZE];

        assert_int_equal(digest_sha256("", 0, digest), 0);
        assert_memory_equal(digest, expected, DIGEST_SIZE);
        assert_int_equal(digest_sha256(NULL, 0, digest), 0);
        assert_memory_equal(digest, expected, DIGEST_SIZE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sha256_of_abc_is_as_in_fips_180),
                cmocka_unit_test(test_sha256_of_nothing_is_known),
        };

        return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
