#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/err.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/jws.h"
#include "tests/unit/signer.h"

/* RFC 7515 A.3.1; its header has neither kid nor typ, so jws_read refuses it. */
#define RFC_TEXT                                                                                             \
        "eyJhbGciOiJFUzI1NiJ9."                                                                              \
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"                                   \
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_SIGNATURE                                                                                        \
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"                                   \
        "pmWQxfKTUJqPP3-Kg6NU1Q"
#define ORDER "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"

static void read_point(const char *x_text, const char *y_text, uint8_t x[32], uint8_t y[32]) {
        size_t size;

        assert_int_equal(base64url_read(x_text, strlen(x_text), x, 32, &size), 0);
        assert_int_equal(base64url_read(y_text, strlen(y_text), y, 32, &size), 0);
}

static struct jws_key *rfc_key(void) {
        struct jws_key *key = NULL;
        uint8_t x[32], y[32];

        read_point(SIGNER_X, SIGNER_Y, x, y);
        assert_int_equal(jws_key_new(x, y, &key), 0);
        return key;
}

static void rfc_jws(struct jws *ret) {
        size_t size;

        memset(ret, 0, sizeof(*ret));
        ret->signed_text = RFC_TEXT;
        ret->signed_size = strlen(RFC_TEXT);
        ret->payload_text = strchr(RFC_TEXT, '.') + 1;
        ret->payload_size = strlen(ret->payload_text);
        assert_int_equal(base64url_read(RFC_SIGNATURE, strlen(RFC_SIGNATURE), ret->signature, 64, &size), 0);
}

static void put_order(uint8_t out[32], long more) {
        BIGNUM *n = NULL;

        BN_hex2bn(&n, ORDER);
        BN_add_word(n, (BN_ULONG) more);
        assert_int_equal(BN_bn2binpad(n, out, 32), 32);
        BN_free(n);
}

/* s becomes n - s. */
static void malleate(uint8_t s[32]) {
        BIGNUM *n = NULL, *number = BN_bin2bn(s, 32, NULL);

        BN_hex2bn(&n, ORDER);
        assert_int_equal(BN_sub(number, n, number), 1);
        assert_int_equal(BN_bn2binpad(number, s, 32), 32);
        BN_free(number);
        BN_free(n);
}

/* ---- keys ---- */

static void test_a_point_off_the_curve_is_refused(void **state) {
        struct jws_key *key = NULL;
        uint8_t x[32], y[32];

        read_point(SIGNER_X, SIGNER_Y, x, y);
        y[31] ^= 1;
        assert_int_equal(jws_key_new(x, y, &key), -EINVAL);
        assert_int_equal(jws_key_new(y, x, &key), -EINVAL);
        memset(x, 0, 32);
        memset(y, 0, 32);
        assert_int_equal(jws_key_new(x, y, &key), -EINVAL);
        memset(x, 0xff, 32);
        memset(y, 0xff, 32);
        assert_int_equal(jws_key_new(x, y, &key), -EINVAL);
        assert_null(key);
        assert_int_equal(ERR_peek_error(), 0);
}

static void test_the_thumbprint_is_that_of_rfc_7638(void **state) {
        char kid[JWS_THUMBPRINT_SIZE];
        uint8_t x[32], y[32];

        read_point(SIGNER_X, SIGNER_Y, x, y);
        assert_int_equal(jws_thumbprint(x, y, kid), 0);
        assert_string_equal(kid, SIGNER_KID);
}

static void test_freeing_nothing_is_fine(void **state) {
        struct jws_key *key = NULL;

        jws_key_free(&key);
        key = rfc_key();
        jws_key_free(&key);
        assert_null(key);
        jws_key_free(&key);
}

/* ---- signatures ---- */

static void test_the_signature_of_rfc_7515_a3_is_good(void **state) {
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        char payload[256];
        struct jws jws;
        size_t size;

        rfc_jws(&jws);
        assert_int_equal(jws_verify(&jws, key), 0);
        assert_int_equal(jws_payload(&jws, payload, sizeof(payload), &size), 0);
        assert_int_equal(size, 70);
        assert_memory_equal(payload, "{\"iss\":\"joe\",\r\n", 15);
}

static void test_the_header_of_rfc_7515_a3_lacks_what_we_ask_for(void **state) {
        struct jws jws;

        assert_int_equal(jws_read(RFC_TEXT "." RFC_SIGNATURE, strlen(RFC_TEXT "." RFC_SIGNATURE), &jws),
                REASON_MALFORMED);
}

static void test_both_of_the_malleable_pair_are_good(void **state) {
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        struct jws jws;

        rfc_jws(&jws);
        assert_true(jws.signature[32] & 0x80); /* the example's own s is the larger one */
        malleate(jws.signature + 32);
        assert_int_equal(jws_verify(&jws, key), 0);
}

static void test_every_flipped_bit_of_a_signature_spoils_it(void **state) {
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        struct jws jws;

        rfc_jws(&jws);
        for (unsigned bit = 0; bit < 512; bit++) {
                jws.signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
                jws.signature[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        assert_int_equal(ERR_peek_error(), 0);
        assert_int_equal(jws_verify(&jws, key), 0);
}

static void test_numbers_outside_1_to_n_are_bad_signatures(void **state) {
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        struct jws jws;

        for (int half = 0; half < 2; half++) {
                rfc_jws(&jws);
                memset(jws.signature + 32 * half, 0, 32);
                assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
                put_order(jws.signature + 32 * half, 0);
                assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
                put_order(jws.signature + 32 * half, 1);
                assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
                memset(jws.signature + 32 * half, 0xff, 32);
                assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
        }
        memset(jws.signature, 0, 64);
        assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
        assert_int_equal(ERR_peek_error(), 0);
}

static void test_numbers_with_leading_zeros_verify(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        unsigned n_short = 0, n_long = 0;
        struct jws jws = { .signed_size = 4 };
        char text[4];

        /* One r or s in 256 begins with a zero byte, one in two with a set bit. */
        for (unsigned i = 0; i < 3000 && n_short < 2; i++) {
                memcpy(text, &i, sizeof(text));
                jws.signed_text = text;
                assert_int_equal(keyring_sign(keyring, text, sizeof(text), jws.signature), 0);
                if (jws.signature[0] != 0 && jws.signature[32] != 0 && i > 20)
                        continue;
                n_short += jws.signature[0] == 0 || jws.signature[32] == 0;
                n_long += jws.signature[0] >> 7;
                assert_int_equal(jws_verify(&jws, key), 0);
        }
        assert_true(n_short > 0 && n_long > 0);
}

static void test_the_callers_own_openssl_errors_are_left_alone(void **state) {
        _cleanup_(jws_key_free) struct jws_key *key = rfc_key();
        struct jws jws;

        rfc_jws(&jws);
        jws.signature[0] ^= 1;
        ERR_raise(ERR_LIB_USER, 42);
        assert_int_equal(jws_verify(&jws, key), REASON_BAD_SIGNATURE);
        assert_int_equal(ERR_GET_REASON(ERR_get_error()), 42);
        assert_int_equal(ERR_get_error(), 0);
}

/* ---- reading: the vectors have the rest ---- */

static size_t make_token(const char *header, char *buf) {
        _cleanup_(keyring_free) struct keyring *keyring = signer_keyring();

        return signer_sign(keyring, header, "{}", 2, buf);
}

static void test_a_token_is_split_and_its_header_read(void **state) {
        char token[TOKEN_MAX];
        size_t size = make_token(SIGNER_HEADER, token);
        struct jws jws;

        assert_int_equal(jws_read(token, size, &jws), 0);
        assert_string_equal(jws.alg, "ES256");
        assert_string_equal(jws.typ, "at+jwt");
        assert_string_equal(jws.kid, SIGNER_KID);
        assert_ptr_equal(jws.signed_text, token);
        assert_int_equal(jws.signed_size, size - 87);
        assert_ptr_equal(jws.payload_text, token + size - 90);
        assert_int_equal(jws.payload_size, 3);
}

static void test_failure_touches_nothing(void **state) {
        struct jws jws, before;
        char token[TOKEN_MAX];
        size_t size;

        memset(&jws, 0x5a, sizeof(jws));
        before = jws;
        assert_int_equal(jws_read("", 0, &jws), REASON_MALFORMED);
        assert_int_equal(jws_read(NULL, 0, &jws), REASON_MALFORMED);
        size = make_token("{\"alg\":\"none\",\"kid\":\"k\",\"typ\":\"t\"}", token);
        assert_int_equal(jws_read(token, size, &jws), REASON_WRONG_ALGORITHM);
        size = make_token(SIGNER_HEADER, token);
        assert_int_equal(jws_read(token, size - 1, &jws), REASON_MALFORMED);
        assert_memory_equal(&jws, &before, sizeof(jws));
}

static void test_the_largest_header_fits_and_one_byte_more_does_not(void **state) {
        char header[JWS_HEADER_MAX + 2], token[TOKEN_MAX];
        struct jws jws;

        memset(header, ' ', sizeof(header));
        memcpy(header, SIGNER_HEADER, strlen(SIGNER_HEADER));
        header[JWS_HEADER_MAX] = '\0';
        assert_int_equal(jws_read(token, make_token(header, token), &jws), 0);
        header[JWS_HEADER_MAX] = ' ';
        header[JWS_HEADER_MAX + 1] = '\0';
        assert_int_equal(jws_read(token, make_token(header, token), &jws), REASON_MALFORMED);
}

static void test_the_longest_kid_and_typ_fit(void **state) {
        char kid[KID_MAX + 1] = "", typ[JWS_TYP_MAX + 1] = "", text[TOKEN_MAX];
        uint8_t signature[JWS_SIGNATURE_SIZE] = { 1 };
        struct jws jws;
        size_t length;

        memset(kid, 'k', KID_MAX);
        memset(typ, 't', JWS_TYP_MAX);
        assert_int_equal(jws_write_signed_text(kid, typ, "{}", 2, text, sizeof(text), &length), 0);
        assert_int_equal(jws_append_signature(text, sizeof(text), length, signature, &length), 0);
        assert_int_equal(jws_read(text, length, &jws), 0);
        assert_string_equal(jws.kid, kid);
        assert_string_equal(jws.typ, typ);
        assert_memory_equal(jws.signature, signature, sizeof(signature));
}

static void test_a_payload_that_is_too_large_or_not_canonical_is_malformed(void **state) {
        struct jws jws = { .payload_text = "e30", .payload_size = 3 };
        char payload[2];
        size_t size = 7;

        assert_int_equal(jws_payload(&jws, payload, 1, &size), REASON_MALFORMED);
        jws.payload_text = "e31";
        assert_int_equal(jws_payload(&jws, payload, 2, &size), REASON_MALFORMED);
        assert_int_equal(size, 7);
        jws.payload_text = "e30";
        assert_int_equal(jws_payload(&jws, payload, 2, &size), 0);
        assert_memory_equal(payload, "{}", 2);
        assert_int_equal(size, 2);
}

/* ---- writing ---- */

static void test_the_header_is_written_in_one_form(void **state) {
        char text[256], header[256];
        size_t length, size;

        assert_int_equal(jws_write_signed_text("kid", "at+jwt", "{}", 2, text, sizeof(text), &length), 0);
        assert_memory_equal(text + length - 4, ".e30", 4);
        assert_int_equal(base64url_read(text, length - 4, header, sizeof(header), &size), 0);
        assert_int_equal(size, 42);
        assert_memory_equal(header, "{\"alg\":\"ES256\",\"kid\":\"kid\",\"typ\":\"at+jwt\"}", size);
}

static void test_names_that_json_would_escape_are_not_written(void **state) {
        static const char *const names[] = { "", "a\"b", "a\\b", "a\nb", "a\x7f", "\xc3\xa9" };
        char text[512], long_name[KID_MAX + 2] = "";
        size_t length = 7;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_int_equal(jws_write_signed_text(names[i], "t", "", 0, text, 512, &length), -EINVAL);
                assert_int_equal(jws_write_signed_text("k", names[i], "", 0, text, 512, &length), -EINVAL);
        }
        memset(long_name, 'k', KID_MAX + 1);
        assert_int_equal(jws_write_signed_text(long_name, "t", "", 0, text, 512, &length), -EINVAL);
        long_name[JWS_TYP_MAX + 1] = '\0';
        assert_int_equal(jws_write_signed_text("k", long_name, "", 0, text, 512, &length), -EINVAL);
        assert_int_equal(length, 7);
}

static void test_text_and_signature_fit_exactly_or_not_at_all(void **state) {
        uint8_t signature[JWS_SIGNATURE_SIZE] = { 0 };
        char text[512];
        size_t length, full;

        assert_int_equal(jws_write_signed_text("k", "t", "{}", 2, text, sizeof(text), &length), 0);
        assert_int_equal(jws_write_signed_text("k", "t", "{}", 2, text, length - 1, &full), -ENOBUFS);
        assert_int_equal(jws_write_signed_text("k", "t", "{}", 2, text, length, &full), 0);
        assert_int_equal(jws_write_signed_text("k", "t", text, SIZE_MAX, text, 512, &full), -ENOBUFS);
        assert_int_equal(jws_append_signature(text, length + 86, length, signature, &full), -ENOBUFS);
        assert_int_equal(jws_append_signature(text, length - 1, length, signature, &full), -ENOBUFS);
        assert_int_equal(jws_append_signature(text, length + 87, length, signature, &full), 0);
        assert_int_equal(full, length + 87);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_point_off_the_curve_is_refused),
                cmocka_unit_test(test_the_thumbprint_is_that_of_rfc_7638),
                cmocka_unit_test(test_freeing_nothing_is_fine),
                cmocka_unit_test(test_the_signature_of_rfc_7515_a3_is_good),
                cmocka_unit_test(test_the_header_of_rfc_7515_a3_lacks_what_we_ask_for),
                cmocka_unit_test(test_both_of_the_malleable_pair_are_good),
                cmocka_unit_test(test_every_flipped_bit_of_a_signature_spoils_it),
                cmocka_unit_test(test_numbers_outside_1_to_n_are_bad_signatures),
                cmocka_unit_test(test_numbers_with_leading_zeros_verify),
                cmocka_unit_test(test_the_callers_own_openssl_errors_are_left_alone),
                cmocka_unit_test(test_a_token_is_split_and_its_header_read),
                cmocka_unit_test(test_failure_touches_nothing),
                cmocka_unit_test(test_the_largest_header_fits_and_one_byte_more_does_not),
                cmocka_unit_test(test_the_longest_kid_and_typ_fit),
                cmocka_unit_test(test_a_payload_that_is_too_large_or_not_canonical_is_malformed),
                cmocka_unit_test(test_the_header_is_written_in_one_form),
                cmocka_unit_test(test_names_that_json_would_escape_are_not_written),
                cmocka_unit_test(test_text_and_signature_fit_exactly_or_not_at_all),
        };

        return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
