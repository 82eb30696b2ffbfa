/* keyring: keys, signatures and public sides; test_keyring_record has how keys are kept. */
#include "tests/unit/kept_key.h"

/* Makes and adds one. */
static struct kept grow(struct keyring *keyring, enum key_state state, uint64_t sequence) {
        struct kept kept = make(state, sequence, NULL);

        assert_int_equal(add_kept(keyring, NULL, &kept), 0);
        return kept;
}

static int verify(
        const struct keyring *keyring, const char *kid, const char *text, const uint8_t *signature) {
        _cleanup_(keyset_free) struct keyset *keyset = signer_keyset(keyring);
        struct jws jws = { .signed_text = text, .signed_size = strlen(text) };

        memcpy(jws.signature, signature, sizeof(jws.signature));
        assert_non_null(keyset_find(keyset, kid));
        return jws_verify(&jws, keyset_find(keyset, kid));
}

/* ---- keys ---- */

static void test_a_made_key_signs(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept kept = grow(keyring, KEY_ACTIVE, 1);
        uint8_t signature[JWS_SIGNATURE_SIZE];

        assert_string_equal(keyring_active(keyring), kept.kid);
        assert_int_equal(strlen(kept.kid), JWS_THUMBPRINT_SIZE - 1);
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), 0);
        assert_int_equal(verify(keyring, kept.kid, "text", signature), 0);
        assert_int_equal(verify(keyring, kept.kid, "Text", signature), REASON_BAD_SIGNATURE);
}

static void test_a_kept_key_is_the_same_key(void **state) {
        _cleanup_(keyring_free) struct keyring *first = empty_keyring(), *second = empty_keyring();
        struct kept kept = grow(first, KEY_ACTIVE, 1);
        struct keyset_entry before[JWKS_KEYS_MAX], after[JWKS_KEYS_MAX];
        uint8_t signature[JWS_SIGNATURE_SIZE];

        assert_int_equal(add_kept(second, NULL, &kept), 0);
        assert_int_equal(keyring_public(first, before), 1);
        assert_int_equal(keyring_public(second, after), 1);
        assert_memory_equal(&before[0], &after[0], sizeof(before[0]));
        assert_int_equal(keyring_sign(second, "text", 4, signature), 0);
        assert_int_equal(verify(first, kept.kid, "text", signature), 0);
}

static void test_two_keys_are_never_the_same(void **state) {
        struct kept first = make(KEY_ACTIVE, 1, NULL), second = make(KEY_ACTIVE, 1, NULL);

        assert_string_not_equal(first.kid, second.kid);
        assert_memory_not_equal(first.record, second.record, first.size);
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

static void test_a_kid_is_there_once(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_RETIRING, record);

        assert_int_equal(keyring_add(keyring, NULL, SIGNER_KID, record, size), -EEXIST);
        assert_int_equal(keyring_public(keyring, entries), 1);
}

static void test_a_full_keyring_takes_no_more(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept kept = make(KEY_NEXT, 99, NULL);

        for (uint64_t i = 1; i <= JWKS_KEYS_MAX; i++)
                grow(keyring, KEY_RETIRING, i);
        assert_int_equal(add_kept(keyring, NULL, &kept), -ENOSPC);
}

static void test_without_an_active_key_nothing_is_signed(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        uint8_t signature[JWS_SIGNATURE_SIZE] = { 7 };

        assert_null(keyring_active(keyring));
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), -ENOKEY);
        grow(keyring, KEY_NEXT, 1);
        grow(keyring, KEY_RETIRING, 2);
        assert_null(keyring_active(keyring));
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), -ENOKEY);
        assert_int_equal(signature[0], 7);
}

static void test_of_active_keys_the_last_made_signs_whatever_came_first(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        uint8_t signature[JWS_SIGNATURE_SIZE];
        struct kept last = grow(keyring, KEY_ACTIVE, 9);

        grow(keyring, KEY_ACTIVE, 8);
        assert_string_equal(keyring_active(keyring), last.kid);
        assert_int_equal(keyring_sign(keyring, "text", 4, signature), 0);
        assert_int_equal(verify(keyring, last.kid, "text", signature), 0);
}

static void test_the_public_sides_stand_in_the_order_of_making(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        struct kept last = grow(keyring, KEY_NEXT, 7), first = grow(keyring, KEY_RETIRING, 1);

        assert_int_equal(keyring_public(keyring, entries), 3);
        assert_string_equal(entries[0].kid, first.kid);
        assert_string_equal(entries[1].kid, SIGNER_KID);
        assert_string_equal(entries[2].kid, last.kid);
}

static void test_the_sequence_is_that_of_active_and_the_oldest_of_active_and_retiring(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();

        assert_int_equal(keyring_active_sequence(keyring), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), 0);
        grow(keyring, KEY_NEXT, 2);
        assert_int_equal(keyring_active_sequence(keyring), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), 0);
        grow(keyring, KEY_ACTIVE, 5);
        assert_int_equal(keyring_active_sequence(keyring), 5);
        assert_int_equal(keyring_oldest_sequence(keyring), 5);
        grow(keyring, KEY_RETIRING, 3);
        assert_int_equal(keyring_active_sequence(keyring), 5);
        assert_int_equal(keyring_oldest_sequence(keyring), 3);
}

static char done;

static void *sign_for_a_while(void *userdata) {
        _cleanup_(keyring_free) struct keyring *keyring = userdata;
        uint8_t signature[JWS_SIGNATURE_SIZE];

        for (int i = 0; i < 50; i++)
                if (keyring_sign(keyring, "text", 4, signature) < 0)
                        return NULL;
        return &done;
}

static void test_who_holds_a_reference_signs_on_when_the_owner_has_given_up_his(void **state) {
        struct keyring *keyring = signer_keyring();
        pthread_t threads[4];
        void *result;

        for (int i = 0; i < 4; i++)
                assert_int_equal(
                        pthread_create(&threads[i], NULL, sign_for_a_while, keyring_ref(keyring)), 0);
        keyring_free(&keyring);
        for (int i = 0; i < 4; i++) {
                assert_int_equal(pthread_join(threads[i], &result), 0);
                assert_non_null(result);
        }
}

static void test_freeing_twice_is_fine(void **state) {
        struct keyring *keyring = signer_keyring();

        keyring_free(&keyring);
        assert_null(keyring);
        keyring_free(&keyring);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_made_key_signs),
                cmocka_unit_test(test_a_kept_key_is_the_same_key),
                cmocka_unit_test(test_two_keys_are_never_the_same),
                cmocka_unit_test(test_the_known_key_has_its_known_public_side),
                cmocka_unit_test(test_a_kid_is_there_once),
                cmocka_unit_test(test_a_full_keyring_takes_no_more),
                cmocka_unit_test(test_without_an_active_key_nothing_is_signed),
                cmocka_unit_test(test_of_active_keys_the_last_made_signs_whatever_came_first),
                cmocka_unit_test(test_the_public_sides_stand_in_the_order_of_making),
                cmocka_unit_test(test_the_sequence_is_that_of_active_and_the_oldest_of_active_and_retiring),
                cmocka_unit_test(test_who_holds_a_reference_signs_on_when_the_owner_has_given_up_his),
                cmocka_unit_test(test_freeing_twice_is_fine),
        };

        return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
