#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* What one file of tests/vectors cannot say: rules that differ, tokens altered everywhere, threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "client/cleanup.h"
#include "client/verify.h"
#include "tests/unit/signer.h"

#define NOW 1900000000

/* Every required claim but those that `times` gives. */
#define CLAIMS(times)                                                                                        \
        "{\"iss\":\"me\",\"sub\":\"alice\",\"aud\":[\"you\",\"they\"],\"client_id\":\"pam:sshd\",\"jti\":"   \
        "\"j\","                                                                                             \
        "\"sid\":\"s\",\"realm\":\"default\",\"uid\":1000," times "}"
#define GOOD CLAIMS("\"iat\":1900000000,\"exp\":1900000900")

static const struct verify_rules rules = {
        .issuer = "me",
        .audience = "you",
        .realm = "default",
        .typ = "at+jwt",
        .now = NOW,
};

static struct keyring *keyring;
static struct keyset *keyset;

static int set_up(void **state) {
        keyring = signer_keyring();
        keyset = keyring ? signer_keyset(keyring) : NULL;
        return keyset ? 0 : -1;
}

static int tear_down(void **state) {
        keyset_free(&keyset);
        keyring_free(&keyring);
        return 0;
}

static size_t sign(const char *payload, char *token) {
        return signer_sign(keyring, SIGNER_HEADER, payload, strlen(payload), token);
}

static int verify(const struct verify_rules *asked, const char *payload) {
        char token[TOKEN_MAX];
        struct claims claims;

        return verify_token(keyset, asked, token, sign(payload, token), &claims);
}

/* The text in a block of exactly its size, so that reading beyond it is seen. */
static int verify_text(const char *text, size_t size) {
        _cleanup_(cleanup_free) char *copy = malloc(size ? size : 1);
        struct claims claims;

        memcpy(copy, text, size);
        return verify_token(keyset, &rules, copy, size, &claims);
}

static void test_claims_are_copied_out(void **state) {
        static const char payload[] =
                "{\"iss\":\"me\",\"sub\":\"al\\u0131ce\",\"aud\":[\"you\",\"they\"],\"client_id\":\"pam:"
                "sshd\","
                "\"jti\":\"AAECAwQFBgcICQoLDA0ODw\",\"sid\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
                "\"realm\":\"default\",\"uid\":4294967294,\"iat\":1899999999.75,\"exp\":1900000900,"
                "\"auth_time\":1899999000,\"amr\":[\"key\",\"pwd\"],\"role\":\"admin\","
                "\"roles\":[\"admin\",\"user\"],\"reset\":12,\"dev\":\"00112233445566778899aabbccddeeff\"}";
        struct claims claims;
        char token[TOKEN_MAX];

        assert_int_equal(verify_token(keyset, &rules, token, sign(payload, token), &claims), 0);
        memset(token, 0, sizeof(token));
        assert_string_equal(claims.issuer, "me");
        assert_string_equal(claims.subject, "al\xc4\xb1"
                                            "ce");
        assert_int_equal(claims.n_audiences, 2);
        assert_string_equal(claims.audiences[0], "you");
        assert_string_equal(claims.audiences[1], "they");
        assert_string_equal(claims.client_id, "pam:sshd");
        assert_string_equal(claims.token_id, "AAECAwQFBgcICQoLDA0ODw");
        assert_string_equal(claims.session_id, "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_string_equal(claims.realm, "default");
        assert_string_equal(claims.device_id, "00112233445566778899aabbccddeeff");
        assert_string_equal(claims.role, "admin");
        assert_int_equal(claims.n_roles, 2);
        assert_string_equal(claims.roles[1], "user");
        assert_int_equal(claims.n_methods, 2);
        assert_string_equal(claims.methods[0], "key");
        assert_int_equal(claims.issued_at, 1899999999);
        assert_int_equal(claims.expires_at, 1900000900);
        assert_int_equal(claims.auth_time, 1899999000);
        assert_int_equal(claims.reset, 12);
        assert_int_equal(claims.uid, 4294967294);
}

static void test_absent_claims_are_empty(void **state) {
        char token[TOKEN_MAX];
        struct claims claims;

        memset(&claims, 0xff, sizeof(claims));
        assert_int_equal(verify_token(keyset, &rules, token, sign(GOOD, token), &claims), 0);
        assert_string_equal(claims.role, "");
        assert_string_equal(claims.device_id, "");
        assert_int_equal(claims.n_roles, 0);
        assert_int_equal(claims.n_methods, 0);
        assert_int_equal(claims.auth_time, 0);
        assert_int_equal(claims.reset, 0);
}

static void test_null_rules_ask_nothing(void **state) {
        struct verify_rules any = rules;

        any.audience = any.realm = "another";
        assert_int_equal(verify(&any, GOOD), REASON_WRONG_AUDIENCE);
        any.audience = NULL;
        assert_int_equal(verify(&any, GOOD), REASON_WRONG_REALM);
        any.realm = NULL;
        assert_int_equal(verify(&any, GOOD), 0);
}

static void test_any_of_the_audiences_will_do(void **state) {
        struct verify_rules they = rules;

        they.audience = "they";
        assert_int_equal(verify(&they, GOOD), 0);
        they.audience = "the";
        assert_int_equal(verify(&they, GOOD), REASON_WRONG_AUDIENCE);
        they.audience = "";
        assert_int_equal(verify(&they, GOOD), REASON_WRONG_AUDIENCE);
}

static void test_time_is_judged_to_the_second(void **state) {
        struct verify_rules at = rules;

        at.now = NOW - 1;
        assert_int_equal(verify(&at, GOOD), REASON_NOT_YET_VALID);
        at.now = NOW;
        assert_int_equal(verify(&at, GOOD), 0);
        at.now = NOW + 899;
        assert_int_equal(verify(&at, GOOD), 0);
        at.now = NOW + 900;
        assert_int_equal(verify(&at, GOOD), REASON_EXPIRED);
}

static void test_leeway_is_for_the_start_alone(void **state) {
        struct verify_rules at = rules;

        at.leeway = 5;
        at.now = NOW - 5;
        assert_int_equal(verify(&at, GOOD), 0);
        at.now = NOW - 6;
        assert_int_equal(verify(&at, GOOD), REASON_NOT_YET_VALID);
        at.now = NOW + 900;
        assert_int_equal(verify(&at, GOOD), REASON_EXPIRED);
}

static void test_times_at_the_ends_of_the_scale_do_not_overflow(void **state) {
        struct verify_rules at = rules;

        assert_int_equal(verify(&at, CLAIMS("\"iat\":-9223372036854775808,\"exp\":9223372036854775807")), 0);
        assert_int_equal(verify(&at, CLAIMS("\"iat\":9223372036854775807,\"exp\":9223372036854775807")),
                REASON_NOT_YET_VALID);
        at.leeway = INT64_MAX;
        assert_int_equal(verify(&at, CLAIMS("\"iat\":9223372036854775807,\"exp\":9223372036854775807")), 0);
        at.now = INT64_MAX;
        assert_int_equal(verify(&at, CLAIMS("\"iat\":0,\"exp\":9223372036854775807")), REASON_EXPIRED);
}

static void test_the_first_of_several_faults_is_named(void **state) {
        struct verify_rules wrong = {
                .issuer = "x", .audience = "x", .realm = "x", .typ = "at+jwt", .now = NOW + 900
        };

        assert_int_equal(verify(&wrong, GOOD), REASON_EXPIRED);
        wrong.now = NOW - 1;
        assert_int_equal(verify(&wrong, GOOD), REASON_NOT_YET_VALID);
        wrong.now = NOW;
        assert_int_equal(verify(&wrong, GOOD), REASON_WRONG_AUDIENCE);
        wrong.audience = "you";
        assert_int_equal(verify(&wrong, GOOD), REASON_WRONG_ISSUER);
        wrong.issuer = "me";
        assert_int_equal(verify(&wrong, GOOD), REASON_WRONG_REALM);
        wrong.realm = "default";
        assert_int_equal(verify(&wrong, GOOD), 0);
}

static void test_only_the_asked_type_is_accepted(void **state) {
        struct verify_rules asked = rules;
        char token[TOKEN_MAX];
        struct claims claims;
        size_t size;

        size = signer_sign(keyring, "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"JWT\"}", GOOD,
                strlen(GOOD), token);
        assert_int_equal(verify_token(keyset, &asked, token, size, &claims), REASON_WRONG_TYPE);
        asked.typ = "JWT";
        assert_int_equal(verify_token(keyset, &asked, token, size, &claims), 0);
        assert_int_equal(verify(&asked, GOOD), REASON_WRONG_TYPE);
        size = signer_sign(keyring,
                "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"application/at+jwt\"}", GOOD,
                strlen(GOOD), token);
        assert_int_equal(verify_token(keyset, &asked, token, size, &claims), REASON_WRONG_TYPE);
        asked.typ = "at+jwt";
        assert_int_equal(verify_token(keyset, &asked, token, size, &claims), 0);
}

static void test_one_of_the_wanted_roles_is_enough(void **state) {
        static const char *const has[] = { "user", "manager" };

        assert_int_equal(verify_roles(has, 2, (const char *const[]){ "admin", "manager" }, 2), 0);
        assert_int_equal(verify_roles(has, 2, (const char *const[]){ "admin", "manage" }, 2),
                REASON_INSUFFICIENT_ROLE);
        assert_int_equal(verify_roles(has, 2, (const char *const[]){ "User" }, 1), REASON_INSUFFICIENT_ROLE);
        assert_int_equal(verify_roles(NULL, 0, (const char *const[]){ "user" }, 1), REASON_MISSING_ROLE);
}

static void test_a_dead_token_still_tells_whose_it_was(void **state) {
        struct verify_rules late = rules;
        char token[TOKEN_MAX];
        struct claims claims = { 0 };
        size_t size = sign(GOOD, token);

        late.now = NOW + 5000;
        assert_int_equal(verify_token(keyset, &late, token, size, &claims), REASON_EXPIRED);
        assert_int_equal(claims.uid, 1000);
        assert_string_equal(claims.subject, "alice");
        memset(&claims, 0, sizeof(claims));
        token[size - 2] = token[size - 2] == 'A' ? 'B' : 'A'; /* stays base64url, else it is malformed */
        assert_int_equal(verify_token(keyset, &late, token, size, &claims), REASON_BAD_SIGNATURE);
        assert_string_equal(claims.subject, "");
}

static void test_an_empty_key_set_knows_no_key(void **state) {
        _cleanup_(keyset_free) struct keyset *none = NULL;
        char token[TOKEN_MAX];
        struct claims claims;

        assert_int_equal(keyset_new(NULL, 0, &none), 0);
        assert_int_equal(verify_token(none, &rules, token, sign(GOOD, token), &claims), REASON_UNKNOWN_KEY);
}

static void test_every_character_that_is_changed_spoils_the_token(void **state) {
        static const char others[] = { 'A', '_', '!', '.', '=', '\n', '\0', '\xff' };
        char token[TOKEN_MAX];
        size_t size = sign(GOOD, token);

        for (size_t i = 0; i < size; i++)
                for (size_t j = 0; j < sizeof(others); j++) {
                        char was = token[i];

                        token[i] = others[j] == was ? 'B' : others[j];
                        if (verify_text(token, size) == 0)
                                fail_msg("character %zu of %zu as '%c' is accepted", i, size, token[i]);
                        token[i] = was;
                }
        assert_int_equal(verify_text(token, size), 0);
        assert_int_equal(ERR_peek_error(), 0);
}

static void test_every_truncation_is_malformed(void **state) {
        char token[TOKEN_MAX];
        size_t size = sign(GOOD, token);

        for (size_t i = 0; i < size; i++) {
                assert_int_equal(verify_text(token, i), REASON_MALFORMED);
                if (i > 0)
                        assert_true(verify_text(token + i, size - i) > 0);
        }
}

static void test_every_character_behind_a_token_is_malformed(void **state) {
        char token[TOKEN_MAX];
        size_t size = sign(GOOD, token);

        for (unsigned c = 0; c < 256; c++) {
                token[size] = token[size + 1] = (char) c;
                assert_int_equal(verify_text(token, size + 1), REASON_MALFORMED);
                assert_int_equal(verify_text(token, size + 2), REASON_MALFORMED);
        }
}

static void test_the_largest_token_is_read_and_one_byte_more_is_not(void **state) {
        _cleanup_(cleanup_free) char *payload = malloc(TOKEN_MAX), *token = malloc(2 * TOKEN_MAX);
        size_t room = TOKEN_MAX - 87 - 1 - BASE64URL_SIZE(strlen(SIGNER_HEADER));
        struct claims claims;
        size_t size;

        memset(payload, ' ', TOKEN_MAX);
        memcpy(payload, GOOD, strlen(GOOD));
        size = signer_sign(keyring, SIGNER_HEADER, payload, BASE64URL_BYTES(room), token);
        assert_true(size <= TOKEN_MAX && size + 2 > TOKEN_MAX);
        assert_int_equal(verify_token(keyset, &rules, token, size, &claims), 0);
        size = signer_sign(keyring, SIGNER_HEADER, payload, BASE64URL_BYTES(room) + 2, token);
        assert_true(size > TOKEN_MAX);
        assert_int_equal(verify_token(keyset, &rules, token, size, &claims), REASON_MALFORMED);
}

static void test_claims_as_long_as_may_be_are_read(void **state) {
        char payload[TOKEN_MAX], text[USER_MAX + 1] = "";

        memset(text, 'x', USER_MAX);
        for (int more = 0; more < 2; more++) {
                snprintf(payload, sizeof(payload),
                        "{\"iss\":\"me\",\"sub\":\"%s%s\",\"aud\":\"you\",\"client_id\":\"pam:%.64s\","
                        "\"jti\":\"%.63s\","
                        "\"sid\":\"%.36s\",\"realm\":\"default\",\"uid\":0,\"iat\":1,\"exp\":1900000001,"
                        "\"dev\":\"%.32s\",\"role\":\"%.64s\"}",
                        text, more ? "x" : "", text, text, text, text, text);
                assert_int_equal(verify(&rules, payload), more ? REASON_MALFORMED : 0);
        }
}

struct verifier {
        const char *token;
        size_t size;
        unsigned n_good;
};

static void *verify_often(void *argument) {
        struct verifier *verifier = argument;
        struct claims claims;

        for (unsigned i = 0; i < 200; i++)
                verifier->n_good +=
                        verify_token(keyset, &rules, verifier->token, verifier->size, &claims) == 0;
        return NULL;
}

static void test_threads_share_a_key_set(void **state) {
        char token[TOKEN_MAX];
        struct verifier verifiers[4] = { 0 };
        pthread_t threads[4];
        size_t size = sign(GOOD, token);

        for (size_t i = 0; i < 4; i++) {
                verifiers[i] = (struct verifier){ .token = token, .size = size };
                assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &verifiers[i]), 0);
        }
        for (size_t i = 0; i < 4; i++) {
                pthread_join(threads[i], NULL);
                assert_int_equal(verifiers[i].n_good, 200);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_claims_are_copied_out),
                cmocka_unit_test(test_absent_claims_are_empty),
                cmocka_unit_test(test_null_rules_ask_nothing),
                cmocka_unit_test(test_any_of_the_audiences_will_do),
                cmocka_unit_test(test_time_is_judged_to_the_second),
                cmocka_unit_test(test_leeway_is_for_the_start_alone),
                cmocka_unit_test(test_times_at_the_ends_of_the_scale_do_not_overflow),
                cmocka_unit_test(test_the_first_of_several_faults_is_named),
                cmocka_unit_test(test_only_the_asked_type_is_accepted),
                cmocka_unit_test(test_one_of_the_wanted_roles_is_enough),
                cmocka_unit_test(test_a_dead_token_still_tells_whose_it_was),
                cmocka_unit_test(test_an_empty_key_set_knows_no_key),
                cmocka_unit_test(test_every_character_that_is_changed_spoils_the_token),
                cmocka_unit_test(test_every_truncation_is_malformed),
                cmocka_unit_test(test_every_character_behind_a_token_is_malformed),
                cmocka_unit_test(test_the_largest_token_is_read_and_one_byte_more_is_not),
                cmocka_unit_test(test_claims_as_long_as_may_be_are_read),
                cmocka_unit_test(test_threads_share_a_key_set),
        };

        return cmocka_run_group_tests_name("verify", tests, set_up, tear_down);
}
