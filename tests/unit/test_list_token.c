#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The status list token, read by our own jws and by jansson. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "client/cleanup.h"
#include "daemon/list_token.h"
#include "tests/unit/signer.h"

#define NOW ((usec_t) 1900000000 * USEC_PER_SEC)

static const uint8_t bytes[] = { 1, 0, 1, 1, 2 };
static struct keyring *keyring;
static struct list_token_facts facts;

static int set_up(void **state) {
        keyring = signer_keyring();
        facts = (struct list_token_facts){
                .uri = "sessjwt://host/status",
                .view = { .bytes = (const _Atomic uint8_t *) bytes, .size = sizeof(bytes) },
                .now_wall = NOW + 999999,
                .lifetime = 900 * USEC_PER_SEC,
        };
        return keyring ? 0 : -1;
}

static int tear_down(void **state) {
        keyring_free(&keyring);
        return 0;
}

static char *mint(size_t *ret_length) {
        char *token = NULL;

        assert_int_equal(list_token_mint(keyring, &facts, &token, ret_length), 0);
        assert_int_equal(strlen(token), *ret_length);
        return token;
}

/* The claims of a token whose signature is good. */
static json_t *claims_of(const char *token, size_t length) {
        struct jws_key *key = NULL;
        uint8_t x[JWS_COORDINATE_SIZE], y[JWS_COORDINATE_SIZE];
        char payload[1024];
        struct jws jws;
        size_t size;
        json_t *claims;

        assert_int_equal(jws_read(token, length, &jws), 0);
        assert_string_equal(jws.typ, "statuslist+jwt");
        assert_string_equal(jws.kid, SIGNER_KID);
        assert_int_equal(base64url_read(SIGNER_X, strlen(SIGNER_X), x, sizeof(x), &size), 0);
        assert_int_equal(base64url_read(SIGNER_Y, strlen(SIGNER_Y), y, sizeof(y), &size), 0);
        assert_int_equal(jws_key_new(x, y, &key), 0);
        assert_int_equal(jws_verify(&jws, key), 0);
        jws_key_free(&key);
        assert_int_equal(jws_payload(&jws, payload, sizeof(payload), &size), 0);
        claims = json_loadb(payload, size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(claims);
        return claims;
}

static json_int_t integer(const json_t *claims, const char *name) {
        assert_true(json_is_integer(json_object_get(claims, name)));
        return json_integer_value(json_object_get(claims, name));
}

static void test_the_token_has_the_claims_of_the_draft_and_no_others(void **state) {
        size_t length;
        _cleanup_(cleanup_free) char *token = mint(&length);
        json_t *claims = claims_of(token, length), *list = json_object_get(claims, "status_list");

        assert_int_equal(json_object_size(claims), 5);
        assert_string_equal(json_string_value(json_object_get(claims, "sub")), "sessjwt://host/status");
        assert_int_equal(integer(claims, "iat"), 1900000000);
        assert_int_equal(integer(claims, "exp"), 1900000900);
        assert_int_equal(integer(claims, "ttl"), STATUS_LIST_TTL_SEC);
        assert_int_equal(json_object_size(list), 2);
        assert_int_equal(integer(list, "bits"), 8);
        assert_string_equal(json_string_value(json_object_get(list, "lst")), "eNpjZGBkZAIAABEABg");
        json_decref(claims);
}

static void test_nobody_may_keep_a_list_longer_than_it_lives(void **state) {
        static const struct {
                usec_t lifetime;
                int seconds;
        } cases[] = { { 30 * USEC_PER_SEC, 30 }, { 1, 1 }, { 0, 1 } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                _cleanup_(cleanup_free) char *token = NULL;
                size_t length;
                json_t *claims;

                facts.lifetime = cases[i].lifetime;
                token = mint(&length);
                claims = claims_of(token, length);
                assert_int_equal(integer(claims, "exp"), 1900000000 + cases[i].seconds);
                assert_int_equal(integer(claims, "ttl"), cases[i].seconds);
                json_decref(claims);
        }
}

static void test_the_longest_uri_fits_whatever_is_in_it(void **state) {
        char issuer[ISSUER_MAX + 10], uri[STATUS_URI_MAX + 1];
        _cleanup_(cleanup_free) char *token = NULL;
        size_t length;

        memset(issuer, '\x01', sizeof(issuer)); /* six characters of JSON each */
        issuer[sizeof(issuer) - 1] = '\0';
        list_token_uri(issuer, uri);
        assert_int_equal(strlen(uri), STATUS_URI_MAX);
        assert_string_equal(uri + ISSUER_MAX, "/status");
        facts.uri = uri;
        token = mint(&length);
}

static void test_what_cannot_be_minted_leaves_nothing(void **state) {
        char *token = NULL;
        size_t length = 77;

        facts.uri = "";
        assert_int_equal(list_token_mint(keyring, &facts, &token, &length), -EINVAL);
        facts.uri = "\xff";
        assert_int_equal(list_token_mint(keyring, &facts, &token, &length), -EINVAL);
        keyring_free(&keyring);
        assert_int_equal(keyring_new(&keyring), 0);
        assert_int_equal(list_token_mint(keyring, &facts, &token, &length), -ENOKEY);
        assert_null(token);
        assert_int_equal(length, 77);
}

static void test_a_list_of_a_mebibyte_is_signed_whole(void **state) {
        size_t n = 1 << 20, length;
        _cleanup_(cleanup_free) uint8_t *page = malloc(n);
        _cleanup_(cleanup_free) char *token = NULL;

        assert_non_null(page);
        for (size_t i = 0; i < n; i++)
                page[i] = (uint8_t) (i * i >> 7 & 1);
        facts.view = (struct status_view){ .bytes = (const _Atomic uint8_t *) page, .size = n };
        token = mint(&length);
        assert_true(length > TOKEN_MAX);
        assert_true(
                strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_the_token_has_the_claims_of_the_draft_and_no_others, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_nobody_may_keep_a_list_longer_than_it_lives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_the_longest_uri_fits_whatever_is_in_it, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_cannot_be_minted_leaves_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_list_of_a_mebibyte_is_signed_whole, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
