#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <openssl/err.h>

#include "client/cleanup.h"
#include "daemon/keyring.h"
#include "tests/unit/signer.h"

static struct keyring *empty_keyring(void) {
        struct keyring *keyring = NULL;

        assert_int_equal(keyring_new(&keyring), 0);
        return keyring;
}

static int add(const void *record, size_t size) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        int r = keyring_add(keyring, SIGNER_KID, record, size);

        assert_int_equal(keyring_public(keyring, entries), r == 0);
        assert_int_equal(ERR_peek_error(), 0);
        return r;
}

static int verify(
        const struct keyring *keyring, const char *kid, const char *text, const uint8_t *signature) {
        _cleanup_(keyset_free) struct keyset *keyset = signer_keyset(keyring);
        struct jws jws = { .signed_text = text, .signed_size = strlen(text) };

        memcpy(jws.signature, signature, sizeof(jws.signature));
        assert_non_null(keyset_find(keyset, kid));
        return jws_verify(&jws, keyset_find(keyset, kid));
}

static void test_a_generated_key_signs(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX], signature[JWS_SIGNATURE_SIZE];
        char kid[KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 5, kid, record, &size), 0);
        assert_string_equal(keyring_active(keyring), kid);
        assert_int_equal(strlen(kid), JWS_THUMBPRINT_SIZE - 1);
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), 0);
        assert_int_equal(verify(keyring, kid, "text", signature), 0);
        assert_int_equal(verify(keyring, kid, "Text", signature), REASON_BAD_SIGNATURE);
}

static void test_a_kept_key_is_the_same_key(void **state) {
        _cleanup_(keyring_free) struct keyring *first = empty_keyring(), *second = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX], signature[JWS_SIGNATURE_SIZE];
        struct keyset_entry before[JWKS_KEYS_MAX], after[JWKS_KEYS_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_generate(first, KEY_ACTIVE, 5, kid, record, &size), 0);
        assert_int_equal(keyring_add(second, kid, record, size), 0);
        assert_int_equal(keyring_public(first, before), 1);
        assert_int_equal(keyring_public(second, after), 1);
        assert_memory_equal(&before[0], &after[0], sizeof(before[0]));
        assert_int_equal(keyring_sign(second, "text", 4, signature), 0);
        assert_int_equal(verify(first, kid, "text", signature), 0);
}

static void test_two_keys_are_never_the_same(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t record[2][KEYRING_RECORD_MAX];
        char kid[2][KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 5, kid[0], record[0], &size), 0);
        assert_int_equal(keyring_generate(keyring, KEY_NEXT, 5, kid[1], record[1], &size), 0);
        assert_string_not_equal(kid[0], kid[1]);
        assert_memory_not_equal(record[0], record[1], size);
}

static void test_the_known_key_has_its_known_public_side(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[64] = "";

        assert_non_null(keyring);
        assert_int_equal(keyring_public(keyring, entries), 1);
        assert_string_equal(entries[0].kid, SIGNER_KID);
        base64url_write(entries[0].x, 32, text);
        assert_string_equal(text, SIGNER_X);
        base64url_write(entries[0].y, 32, text);
        assert_string_equal(text, SIGNER_Y);
}

static void test_a_record_of_another_size_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (size_t i = 0; i <= sizeof(record); i++)
                assert_int_equal(add(record, i), i == size ? 0 : -EBADMSG);
}

static void test_a_record_of_another_version_or_state_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (unsigned i = 0; i < 256; i++) {
                record[0] = (uint8_t) i;
                assert_int_equal(add(record, size), i == 2 ? 0 : -EBADMSG);
        }
        record[0] = 2;
        for (unsigned i = 0; i < 256; i++) {
                record[1] = (uint8_t) i;
                assert_int_equal(add(record, size), i >= KEY_NEXT && i <= KEY_RETIRING ? 0 : -EBADMSG);
        }
}

static void test_a_record_of_another_key_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (size_t bit = 0; bit < 256; bit++) {
                record[SIGNER_SCALAR + bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(add(record, size), -EBADMSG);
                record[SIGNER_SCALAR + bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        assert_int_equal(add(record, size), 0);
}

static void test_a_scalar_outside_1_to_n_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        memset(record + SIGNER_SCALAR, 0, 32);
        assert_int_equal(add(record, size), -EBADMSG);
        memset(record + SIGNER_SCALAR, 0xff, 32);
        assert_int_equal(add(record, size), -EBADMSG);
}

static void test_a_kid_is_there_once(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_RETIRING, record);

        assert_int_equal(keyring_add(keyring, SIGNER_KID, record, size), -EEXIST);
        assert_int_equal(keyring_public(keyring, entries), 1);
}

static void test_a_full_keyring_takes_no_more(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        for (int i = 0; i < JWKS_KEYS_MAX; i++)
                assert_int_equal(keyring_generate(keyring, KEY_RETIRING, 5, kid, record, &size), 0);
        assert_int_equal(keyring_generate(keyring, KEY_NEXT, 5, kid, record, &size), -ENOSPC);
        size = signer_record(KEY_ACTIVE, record);
        assert_int_equal(keyring_add(keyring, SIGNER_KID, record, size), -ENOSPC);
}

static void test_without_an_active_key_nothing_is_signed(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX], signature[JWS_SIGNATURE_SIZE] = { 7 };
        char kid[KID_MAX + 1];
        size_t size;

        assert_null(keyring_active(keyring));
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), -ENOKEY);
        assert_int_equal(keyring_generate(keyring, KEY_NEXT, 5, kid, record, &size), 0);
        assert_int_equal(keyring_generate(keyring, KEY_RETIRING, 5, kid, record, &size), 0);
        assert_null(keyring_active(keyring));
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), -ENOKEY);
        assert_int_equal(signature[0], 7);
}

static void test_of_active_keys_the_last_made_signs_whatever_the_clock_said(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        uint8_t record[KEYRING_RECORD_MAX], signature[JWS_SIGNATURE_SIZE];
        char younger[KID_MAX + 1], older[KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 9, older, record, &size), 0);
        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 8, younger, record, &size), 0);
        assert_string_equal(keyring_active(keyring), younger);
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), 0);
        assert_int_equal(verify(keyring, younger, "text", signature), 0);
}

static void test_every_key_is_numbered_one_above_the_others(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring(), *loaded = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_active_sequence(keyring), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), 0);
        assert_int_equal(keyring_generate(keyring, KEY_NEXT, 5, kid, record, &size), 0);
        assert_int_equal(keyring_active_sequence(keyring), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), 0);
        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 5, kid, record, &size), 0);
        assert_int_equal(keyring_active_sequence(keyring), 2);
        assert_int_equal(keyring_oldest_sequence(keyring), 2);
        assert_int_equal(keyring_add(loaded, kid, record, size), 0);
        assert_int_equal(keyring_generate(loaded, KEY_NEXT, 5, kid, record, &size), 0);
        assert_int_equal(keyring_add(keyring, kid, record, size), 0);
        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 5, kid, record, &size), 0);
        assert_int_equal(keyring_active_sequence(keyring), 4);
}

static void test_the_oldest_is_the_lowest_of_active_and_retiring(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size = signer_record(KEY_RETIRING, record);

        assert_int_equal(keyring_generate(keyring, KEY_NEXT, 9, kid, record, &size), 0);
        size = signer_record(KEY_RETIRING, record);
        assert_int_equal(keyring_add(keyring, SIGNER_KID, record, size), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), 3);
        assert_int_equal(keyring_generate(keyring, KEY_ACTIVE, 1, kid, record, &size), 0);
        assert_int_equal(keyring_active_sequence(keyring), 4);
        assert_int_equal(keyring_oldest_sequence(keyring), 3);
}

static void test_a_failed_key_is_not_half_added(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1] = "untouched";
        size_t size = 99;

        assert_int_equal(keyring_add(keyring, "kid", record, 0), -EBADMSG);
        assert_int_equal(keyring_generate(keyring, (enum key_state) 9, 5, kid, record, &size), -EINVAL);
        assert_string_equal(kid, "untouched");
        assert_int_equal(size, 99);
        assert_int_equal(keyring_public(keyring, entries), 1);
}

static void test_freeing_twice_is_fine(void **state) {
        struct keyring *keyring = signer_keyring();

        keyring_free(&keyring);
        assert_null(keyring);
        keyring_free(&keyring);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_generated_key_signs),
                cmocka_unit_test(test_a_kept_key_is_the_same_key),
                cmocka_unit_test(test_two_keys_are_never_the_same),
                cmocka_unit_test(test_the_known_key_has_its_known_public_side),
                cmocka_unit_test(test_a_record_of_another_size_is_refused),
                cmocka_unit_test(test_a_record_of_another_version_or_state_is_refused),
                cmocka_unit_test(test_a_record_of_another_key_is_refused),
                cmocka_unit_test(test_a_scalar_outside_1_to_n_is_refused),
                cmocka_unit_test(test_a_kid_is_there_once),
                cmocka_unit_test(test_a_full_keyring_takes_no_more),
                cmocka_unit_test(test_without_an_active_key_nothing_is_signed),
                cmocka_unit_test(test_of_active_keys_the_last_made_signs_whatever_the_clock_said),
                cmocka_unit_test(test_every_key_is_numbered_one_above_the_others),
                cmocka_unit_test(test_the_oldest_is_the_lowest_of_active_and_retiring),
                cmocka_unit_test(test_a_failed_key_is_not_half_added),
                cmocka_unit_test(test_freeing_twice_is_fine),
        };

        return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
