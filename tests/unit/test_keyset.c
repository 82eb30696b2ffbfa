#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/err.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/keyset.h"
#include "tests/unit/signer.h"

#define EC    "\"kty\":\"EC\",\"crv\":\"P-256\""
#define POINT "\"x\":\"" SIGNER_X "\",\"y\":\"" SIGNER_Y "\""
#define KID   "\"kid\":\"a\""

static int read_text(const char *text, struct keyset **ret) {
        return keyset_read(text, strlen(text), ret);
}

/* The outcome for one key: 0 when it is in the set, ENOENT when it was skipped, or the error. */
static int read_key(const char *members) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        char text[2048];
        int r;

        snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", members);
        r = read_text(text, &keyset);
        if (r < 0) {
                assert_null(keyset);
                return r;
        }
        return keyset_find(keyset, "a") ? 0 : ENOENT;
}

static void test_a_key_of_our_kind_is_found_by_its_kid(void **state) {
        assert_int_equal(read_key(EC "," POINT "," KID), 0);
        assert_int_equal(read_key(KID "," POINT "," EC ",\"use\":\"sig\",\"alg\":\"ES256\""), 0);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"more\":[{}],\"x5c\":[\"MII\"]"), 0);
}

static void test_keys_of_other_kinds_are_skipped(void **state) {
        assert_int_equal(read_key(""), ENOENT);
        assert_int_equal(read_key("\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":\"oct\",\"k\":\"AQAB\"," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":\"ec\",\"crv\":\"P-256\"," POINT "," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":7,\"crv\":\"P-256\"," POINT "," KID), ENOENT);
        assert_int_equal(read_key("\"crv\":\"P-256\"," POINT "," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":\"EC\"," POINT "," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":\"EC\",\"crv\":\"P-384\"," POINT "," KID), ENOENT);
        assert_int_equal(read_key("\"kty\":\"EC\",\"crv\":null," POINT "," KID), ENOENT);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"use\":\"enc\""), ENOENT);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"use\":[\"sig\"]"), ENOENT);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"alg\":\"ES384\""), ENOENT);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"alg\":null"), ENOENT);
}

static void test_keys_that_no_token_can_name_are_skipped(void **state) {
        char members[512], kid[KID_MAX + 2] = "";
        _cleanup_(keyset_free) struct keyset *keyset = NULL;

        assert_int_equal(read_key(EC "," POINT), ENOENT);
        assert_int_equal(read_key(EC "," POINT ",\"kid\":\"\""), ENOENT);
        assert_int_equal(read_key(EC "," POINT ",\"kid\":5"), ENOENT);
        assert_int_equal(read_key(EC "," POINT ",\"kid\":\"a\\u0000\""), ENOENT);
        memset(kid, 'k', KID_MAX + 1);
        snprintf(members, sizeof(members), "{\"keys\":[{" EC "," POINT ",\"kid\":\"%s\"}]}", kid);
        assert_int_equal(read_text(members, &keyset), 0);
        assert_null(keyset_find(keyset, kid));
        keyset_free(&keyset);
        kid[KID_MAX] = '\0';
        snprintf(members, sizeof(members), "{\"keys\":[{" EC "," POINT ",\"kid\":\"%s\"}]}", kid);
        assert_int_equal(read_text(members, &keyset), 0);
        assert_non_null(keyset_find(keyset, kid));
}

static void test_a_broken_point_spoils_the_set(void **state) {
        assert_int_equal(read_key(EC "," KID ",\"x\":\"" SIGNER_X "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"x\":1,\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"x\":\"\",\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"x\":\"" SIGNER_X "=\",\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"x\":\"" SIGNER_X "A\",\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," KID ",\"x\":\"AQAB\",\"y\":\"" SIGNER_Y "\""), -EBADMSG);
        /* off the curve */
        assert_int_equal(read_key(EC "," KID ",\"x\":\"" SIGNER_Y "\",\"y\":\"" SIGNER_X "\""), -EBADMSG);
        assert_int_equal(ERR_peek_error(), 0);
}

static void test_a_private_key_in_public_spoils_the_set(void **state) {
        assert_int_equal(read_key(EC "," POINT "," KID ",\"d\":\"" SIGNER_D "\""), -EBADMSG);
        assert_int_equal(read_key(EC "," POINT "," KID ",\"d\":null"), -EBADMSG);
}

static void test_a_repeated_kid_or_member_spoils_the_set(void **state) {
        assert_int_equal(read_key(EC "," POINT "," KID "},{" EC "," POINT "," KID), -EBADMSG);
        assert_int_equal(read_key(EC "," POINT "," KID "," KID), -EBADMSG);
        /* but a key that is skipped may share one */
        assert_int_equal(read_key(EC "," POINT "," KID "},{\"kty\":\"RSA\"," KID), 0);
}

static void test_what_is_no_key_set_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "null",
                "{\"keys\":{}}",
                "{\"keys\":null}",
                "{\"keys\":[1]}",
                "{\"keys\":[[]]}",
                "{\"keys\":[]",
                "{\"keys\":[]}x",
                "{\"keys\":[],\"keys\":[]}",
                "{\"Keys\":[]}",
        };
        struct keyset *keyset = NULL;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_int_equal(read_text(texts[i], &keyset), -EBADMSG);
        assert_null(keyset);
}

static void test_an_empty_set_has_no_key(void **state) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;

        assert_int_equal(read_text(" {\"keys\":[],\"more\":1}\n", &keyset), 0);
        assert_null(keyset_find(keyset, ""));
        assert_null(keyset_find(keyset, "a"));
}

static size_t many_keys(unsigned n, char *text) {
        size_t length = (size_t) sprintf(text, "{\"keys\":[");

        for (unsigned i = 0; i < n; i++)
                length += (size_t) sprintf(
                        text + length, "%s{" EC "," POINT ",\"kid\":\"k%u\"}", i ? "," : "", i);
        return length + (size_t) sprintf(text + length, "]}");
}

static void test_at_most_so_many_keys_are_read(void **state) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        char text[JWKS_MAX];

        assert_int_equal(keyset_read(text, many_keys(JWKS_KEYS_MAX + 1, text), &keyset), -EBADMSG);
        assert_int_equal(keyset_read(text, many_keys(JWKS_KEYS_MAX, text), &keyset), 0);
        assert_non_null(keyset_find(keyset, "k0"));
        assert_non_null(keyset_find(keyset, "k31"));
        assert_null(keyset_find(keyset, "k32"));
}

static void test_at_most_so_many_bytes_are_read(void **state) {
        _cleanup_(cleanup_free) char *text = malloc(JWKS_MAX + 1);
        _cleanup_(keyset_free) struct keyset *keyset = NULL;

        memset(text, ' ', JWKS_MAX + 1);
        memcpy(text, "{\"keys\":[]}", 11);
        assert_int_equal(keyset_read(text, JWKS_MAX + 1, &keyset), -EBADMSG);
        assert_int_equal(keyset_read(text, JWKS_MAX, &keyset), 0);
}

static void test_every_truncation_is_refused(void **state) {
        struct keyset *keyset = NULL;
        char text[JWKS_MAX];
        size_t size = many_keys(3, text);

        for (size_t i = 0; i < size; i++) {
                /* on the heap, so that a read beyond the end is seen */
                _cleanup_(cleanup_free) char *cut = malloc(i ? i : 1);

                memcpy(cut, text, i);
                assert_int_equal(keyset_read(cut, i, &keyset), -EBADMSG);
        }
}

/* ---- from coordinates, and back to text ---- */

static size_t own_entries(struct keyset_entry entries[static JWKS_KEYS_MAX]) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        assert_int_equal(keyring_make(&(struct key_head){ .state = KEY_NEXT, .sequence = 4 }, NULL, kid,
                                 record, &size),
                0);
        assert_int_equal(keyring_add(keyring, NULL, kid, record, size), 0);
        return keyring_public(keyring, entries);
}

static void test_what_is_written_is_read_again(void **state) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        char text[JWKS_MAX];
        size_t length, n = own_entries(entries);

        assert_int_equal(n, 2);
        assert_int_equal(keyset_write(entries, n, text, sizeof(text), &length), 0);
        assert_int_equal(strlen(text), length);
        assert_int_equal(keyset_read(text, length, &keyset), 0);
        assert_non_null(keyset_find(keyset, entries[0].kid));
        assert_non_null(keyset_find(keyset, entries[1].kid));
}

static void test_another_reader_finds_the_members_of_rfc_7517(void **state) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        const char *kty, *crv, *x, *y, *use, *alg, *kid;
        char text[4096];
        size_t length;
        json_t *root;

        own_entries(entries);
        assert_int_equal(keyset_write(entries, 1, text, sizeof(text), &length), 0);
        root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_int_equal(json_unpack(root, "{s:[{s:s,s:s,s:s,s:s,s:s,s:s,s:s!}!]!}", "keys", "kty", &kty,
                                 "crv", &crv, "x", &x, "y", &y, "use", &use, "alg", &alg, "kid", &kid),
                0);
        assert_string_equal(kty, "EC");
        assert_string_equal(crv, "P-256");
        assert_string_equal(x, SIGNER_X);
        assert_string_equal(y, SIGNER_Y);
        assert_string_equal(use, "sig");
        assert_string_equal(alg, "ES256");
        assert_string_equal(kid, SIGNER_KID);
        json_decref(root);
}

static void test_a_text_fits_with_its_nul_or_not_at_all(void **state) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[4096];
        size_t length, full;

        own_entries(entries);
        assert_int_equal(keyset_write(entries, 2, text, sizeof(text), &full), 0);
        assert_int_equal(keyset_write(entries, 2, text, full + 1, &length), 0);
        for (size_t size = 0; size <= full; size++)
                assert_int_equal(keyset_write(entries, 2, text, size, &length), -ENOBUFS);
        assert_int_equal(keyset_write(entries, 0, text, sizeof(text), &length), 0);
        assert_string_equal(text, "{\"keys\":[]}");
}

static void test_a_full_set_fits_what_may_be_read(void **state) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[JWKS_MAX];
        size_t length;

        own_entries(entries);
        for (size_t i = 1; i < JWKS_KEYS_MAX; i++)
                entries[i] = entries[0];
        assert_int_equal(keyset_write(entries, JWKS_KEYS_MAX, text, sizeof(text), &length), 0);
}

static void test_coordinates_are_checked_like_text(void **state) {
        struct keyset_entry entries[JWKS_KEYS_MAX + 1];
        struct keyset *keyset = NULL;

        own_entries(entries);
        for (size_t i = 0; i <= JWKS_KEYS_MAX; i++) {
                entries[i] = entries[0];
                snprintf(entries[i].kid, sizeof(entries[i].kid), "k%zu", i);
        }
        assert_int_equal(keyset_new(entries, JWKS_KEYS_MAX + 1, &keyset), -EINVAL);
        assert_int_equal(keyset_new(entries, JWKS_KEYS_MAX, &keyset), 0);
        keyset_free(&keyset);
        assert_null(keyset);
        strcpy(entries[1].kid, "k0");
        assert_int_equal(keyset_new(entries, 2, &keyset), -EINVAL);
        entries[1].kid[0] = '\0';
        assert_int_equal(keyset_new(entries, 2, &keyset), -EINVAL);
        strcpy(entries[1].kid, "k1");
        entries[1].y[0] ^= 1;
        assert_int_equal(keyset_new(entries, 2, &keyset), -EINVAL);
        assert_int_equal(keyset_new(entries, 0, &keyset), 0);
        keyset_free(&keyset);
        keyset_free(&keyset);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_key_of_our_kind_is_found_by_its_kid),
                cmocka_unit_test(test_keys_of_other_kinds_are_skipped),
                cmocka_unit_test(test_keys_that_no_token_can_name_are_skipped),
                cmocka_unit_test(test_a_broken_point_spoils_the_set),
                cmocka_unit_test(test_a_private_key_in_public_spoils_the_set),
                cmocka_unit_test(test_a_repeated_kid_or_member_spoils_the_set),
                cmocka_unit_test(test_what_is_no_key_set_is_refused),
                cmocka_unit_test(test_an_empty_set_has_no_key),
                cmocka_unit_test(test_at_most_so_many_keys_are_read),
                cmocka_unit_test(test_at_most_so_many_bytes_are_read),
                cmocka_unit_test(test_every_truncation_is_refused),
                cmocka_unit_test(test_what_is_written_is_read_again),
                cmocka_unit_test(test_another_reader_finds_the_members_of_rfc_7517),
                cmocka_unit_test(test_a_text_fits_with_its_nul_or_not_at_all),
                cmocka_unit_test(test_a_full_set_fits_what_may_be_read),
                cmocka_unit_test(test_coordinates_are_checked_like_text),
        };

        return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
