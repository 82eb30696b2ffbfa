/* seal: HMAC-SHA256 (RFC 4231) under a key that is kept and read back; whatever is not exactly right is
 * broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "client/cleanup.h"
#include "daemon/seal.h"

static const char text[] = "what is sealed";

static void test_a_mac_is_that_of_openssl_under_the_kept_key(void **state) {
        _cleanup_(seal_free) struct seal *seal = NULL;
        uint8_t record[SEAL_RECORD_SIZE], mac[SEAL_MAC_SIZE], right[SEAL_MAC_SIZE];
        unsigned size = 0;

        assert_int_equal(seal_make(&seal, record), 0);
        assert_int_equal(record[0], 1);
        assert_int_equal(seal_mac(seal, text, sizeof(text), mac), 0);
        assert_non_null(
                HMAC(EVP_sha256(), record + 1, 32, (const uint8_t *) text, sizeof(text), right, &size));
        assert_memory_equal(mac, right, sizeof(right));
        assert_int_equal(ERR_peek_error(), 0);
}

/* RFC 4231 4.3, its key filled with the zeros that HMAC adds itself. */
static void test_the_mac_of_the_standard_s_own_example(void **state) {
        static const uint8_t right[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec,
                0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
        _cleanup_(seal_free) struct seal *seal = NULL;
        const uint8_t record[SEAL_RECORD_SIZE] = { 1, 'J', 'e', 'f', 'e' };

        assert_int_equal(seal_read(record, sizeof(record), &seal), 0);
        assert_int_equal(seal_check(seal, "what do ya want for nothing?", 28, right), 0);
}

static void test_a_kept_seal_is_the_same_and_another_is_not(void **state) {
        _cleanup_(seal_free) struct seal *seal = NULL, *kept = NULL, *other = NULL;
        uint8_t record[SEAL_RECORD_SIZE], unused[SEAL_RECORD_SIZE], mac[SEAL_MAC_SIZE];

        assert_int_equal(seal_make(&seal, record), 0);
        assert_int_equal(seal_make(&other, unused), 0);
        assert_int_equal(seal_read(record, sizeof(record), &kept), 0);
        assert_int_equal(seal_mac(seal, text, sizeof(text), mac), 0);
        assert_int_equal(seal_check(kept, text, sizeof(text), mac), 0);
        assert_int_equal(seal_check(other, text, sizeof(text), mac), SEAL_BROKEN);
}

static void test_a_seal_is_bound_to_a_secret_that_is_not_kept_with_it(void **state) {
        _cleanup_(seal_free) struct seal *seal = NULL, *same = NULL, *other = NULL;
        uint8_t record[SEAL_RECORD_SIZE], plain[SEAL_MAC_SIZE], mac[SEAL_MAC_SIZE];

        assert_int_equal(seal_make(&seal, record), 0);
        assert_int_equal(seal_read(record, sizeof(record), &same), 0);
        assert_int_equal(seal_read(record, sizeof(record), &other), 0);
        assert_int_equal(seal_mac(seal, text, sizeof(text), plain), 0);
        assert_int_equal(seal_bind(seal, "secret", 6), 0);
        assert_int_equal(seal_bind(same, "secret", 6), 0);
        assert_int_equal(seal_bind(other, "secreT", 6), 0);
        assert_int_equal(seal_mac(seal, text, sizeof(text), mac), 0);
        assert_int_equal(seal_check(same, text, sizeof(text), mac), 0);
        assert_int_equal(seal_check(other, text, sizeof(text), mac), SEAL_BROKEN);
        assert_int_equal(seal_check(seal, text, sizeof(text), plain), SEAL_BROKEN);
}

static void test_every_bit_counts(void **state) {
        _cleanup_(seal_free) struct seal *seal = NULL;
        uint8_t record[SEAL_RECORD_SIZE], mac[SEAL_MAC_SIZE];
        char changed[sizeof(text)];

        assert_int_equal(seal_make(&seal, record), 0);
        assert_int_equal(seal_mac(seal, text, sizeof(text), mac), 0);
        for (size_t bit = 0; bit < 8 * sizeof(mac); bit++) {
                mac[bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(seal_check(seal, text, sizeof(text), mac), SEAL_BROKEN);
                mac[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * sizeof(text); bit++) {
                memcpy(changed, text, sizeof(text));
                changed[bit / 8] ^= (char) (1 << bit % 8);
                assert_int_equal(seal_check(seal, changed, sizeof(changed), mac), SEAL_BROKEN);
        }
        assert_int_equal(seal_check(seal, text, sizeof(text) - 1, mac), SEAL_BROKEN);
        assert_int_equal(seal_check(seal, text, sizeof(text), mac), 0);
}

static void test_a_broken_record_is_refused(void **state) {
        uint8_t record[SEAL_RECORD_SIZE + 1] = { 1 };
        struct seal *seal = NULL;

        for (size_t size = 0; size <= sizeof(record); size++)
                if (size != SEAL_RECORD_SIZE)
                        assert_int_equal(seal_read(record, size, &seal), -EBADMSG);
        record[0] = 0;
        assert_int_equal(seal_read(record, SEAL_RECORD_SIZE, &seal), -EBADMSG);
        record[0] = 2;
        assert_int_equal(seal_read(record, SEAL_RECORD_SIZE, &seal), -EBADMSG);
        assert_null(seal);
        seal_free(&seal);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_mac_is_that_of_openssl_under_the_kept_key),
                cmocka_unit_test(test_the_mac_of_the_standard_s_own_example),
                cmocka_unit_test(test_a_kept_seal_is_the_same_and_another_is_not),
                cmocka_unit_test(test_a_seal_is_bound_to_a_secret_that_is_not_kept_with_it),
                cmocka_unit_test(test_every_bit_counts),
                cmocka_unit_test(test_a_broken_record_is_refused),
        };

        return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
