#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* libjwt's own decoder, which the daemon never calls, and jansson judge what is minted. */
#include <errno.h>
#include <string.h>
#include <jansson.h>
#include <jwt.h>

#include "client/cleanup.h"
#include "daemon/token.h"
#include "tests/unit/signer.h"

#define NOW ((usec_t) 1900000000 * USEC_PER_SEC)

static const unsigned char pem[] = SIGNER_PEM;

static const uint8_t random_bytes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const char *const two_roles[] = { "admin", "user" };

static struct session session;
static struct token_facts facts;
static struct keyring *keyring;
static char token[TOKEN_MAX + 1];
static size_t length;
static int64_t expires_at;

static int set_up(void **state) {
        session = (struct session){
                .realm = "default",
                .user = "alice",
                .uid = 1000,
                .service = "sshd",
                .methods = METHOD_PASSWORD | METHOD_KEY,
                .created_at = NOW - 500 * USEC_PER_SEC - 1,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .status_index = 4242,
        };
        assert_int_equal(sid_read("01890a5d-ac96-774b-bcce-b302099a8057", &session.sid), 0);
        assert_int_equal(device_id_read("00112233445566778899aabbccddeeff", &session.device), 0);
        facts = (struct token_facts){
                .session = &session,
                .issuer = "sessjwt://host",
                .status_uri = "sessjwt://list/status",
                .audience = "sessjwt://api",
                .typ = "at+jwt",
                .role = "user",
                .roles = two_roles,
                .n_roles = 2,
                .now_wall = NOW + 999999,
                .access_ttl = 900 * USEC_PER_SEC,
                .random = random_bytes,
        };
        keyring = signer_keyring();
        token[0] = '\0';
        length = 77;
        expires_at = 77;
        return keyring ? 0 : -1;
}

static int tear_down(void **state) {
        keyring_free(&keyring);
        return 0;
}

static int mint(void) {
        return token_mint(keyring, &facts, token, sizeof(token), &length, &expires_at);
}

static int verify(struct claims *ret) {
        _cleanup_(keyset_free) struct keyset *keyset = signer_keyset(keyring);
        const struct verify_rules rules = {
                .issuer = facts.issuer,
                .audience = facts.audience,
                .realm = session.realm,
                .typ = facts.typ,
                .now = (int64_t) (facts.now_wall / USEC_PER_SEC),
        };

        return verify_token(keyset, &rules, token, length, ret);
}

/* The claims as another reader sees them. */
static json_t *claims_by_jansson(void) {
        char payload[TOKEN_MAX];
        struct jws jws;
        size_t size;
        json_t *root;

        assert_int_equal(jws_read(token, length, &jws), 0);
        assert_int_equal(jws_payload(&jws, payload, sizeof(payload), &size), 0);
        root = json_loadb(payload, size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        return root;
}

static void test_a_minted_token_verifies_to_its_facts(void **state) {
        struct claims claims;

        assert_int_equal(mint(), 0);
        assert_int_equal(strlen(token), length);
        assert_int_equal(verify(&claims), 0);
        assert_string_equal(claims.issuer, "sessjwt://host");
        assert_string_equal(claims.subject, "alice");
        assert_int_equal(claims.n_audiences, 1);
        assert_string_equal(claims.audiences[0], "sessjwt://api");
        assert_string_equal(claims.client_id, "pam:sshd");
        assert_string_equal(claims.token_id, "AAECAwQFBgcICQoLDA0ODw");
        assert_string_equal(claims.session_id, "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_string_equal(claims.realm, "default");
        assert_string_equal(claims.device_id, "00112233445566778899aabbccddeeff");
        assert_string_equal(claims.role, "user");
        assert_int_equal(claims.n_roles, 2);
        assert_string_equal(claims.roles[0], "admin");
        assert_int_equal(claims.n_methods, 2);
        assert_string_equal(claims.methods[0], "pwd");
        assert_string_equal(claims.methods[1], "key");
        assert_int_equal(claims.issued_at, 1900000000);
        assert_int_equal(claims.expires_at, 1900000900);
        assert_int_equal(claims.auth_time, 1899999499);
        assert_int_equal(claims.uid, 1000);
        assert_int_equal(claims.status_index, 4242);
        assert_string_equal(claims.status_uri, "sessjwt://list/status");
        assert_int_equal(expires_at, 1900000900);
}

static void test_the_header_is_exactly_alg_kid_typ(void **state) {
        char header[256];
        size_t size;

        assert_int_equal(mint(), 0);
        assert_int_equal(
                base64url_read(token, (size_t) (strchr(token, '.') - token), header, sizeof(header), &size),
                0);
        assert_int_equal(size, strlen(SIGNER_HEADER));
        assert_memory_equal(header, SIGNER_HEADER, size);
}

static void test_libjwt_accepts_a_token_of_type_jwt(void **state) {
        jwt_t *jwt = NULL;

        facts.typ = "JWT";
        assert_int_equal(mint(), 0);
        assert_int_equal(jwt_decode(&jwt, token, pem, sizeof(pem) - 1), 0);
        assert_int_equal(jwt_get_alg(jwt), JWT_ALG_ES256);
        assert_string_equal(jwt_get_grant(jwt, "sub"), "alice");
        assert_string_equal(jwt_get_grant(jwt, "sid"), "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_string_equal(jwt_get_grant(jwt, "aud"), "sessjwt://api");
        assert_int_equal(jwt_get_grant_int(jwt, "exp"), 1900000900);
        assert_int_equal(jwt_get_grant_int(jwt, "uid"), 1000);
        jwt_free(jwt);

        jwt = NULL;
        token[length - 3] = token[length - 3] == 'A' ? 'B' : 'A';
        assert_int_not_equal(jwt_decode(&jwt, token, pem, sizeof(pem) - 1), 0);
}

static void test_there_are_no_claims_but_those_of_the_plan(void **state) {
        json_t *root;

        assert_int_equal(mint(), 0);
        root = claims_by_jansson();
        assert_int_equal(json_object_size(root), 16);
        assert_true(json_is_string(json_object_get(root, "aud")));
        assert_true(json_is_integer(json_object_get(root, "exp")));
        assert_int_equal(json_object_size(json_object_get(root, "status")), 1);
        assert_null(json_object_get(root, "reset"));
        json_decref(root);
}

static void test_what_there_is_none_of_is_left_out(void **state) {
        json_t *root;

        session.methods = 0;
        facts.role = "";
        facts.n_roles = 0;
        facts.roles = NULL;
        assert_int_equal(mint(), 0);
        root = claims_by_jansson();
        assert_int_equal(json_object_size(root), 13);
        assert_null(json_object_get(root, "amr"));
        assert_null(json_object_get(root, "role"));
        assert_null(json_object_get(root, "roles"));
        json_decref(root);
        facts.role = NULL;
        assert_int_equal(mint(), 0);
}

static void test_a_reset_is_told_in_seconds(void **state) {
        struct claims claims;

        facts.reset_at = NOW - 1;
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), 0);
        assert_int_equal(claims.reset, (NOW - 1) / USEC_PER_SEC);
        facts.reset_at = 0;
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), 0);
        assert_int_equal(claims.reset, 0);
}

static void test_every_method_has_a_name_that_verifies(void **state) {
        struct claims claims;

        session.methods = (1u << _METHODS_MAX) - 1;
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), 0);
        assert_int_equal(claims.n_methods, _METHODS_MAX);
}

static void test_a_token_never_outlives_its_session(void **state) {
        struct claims claims;

        session.deadline_wall = NOW + 100 * USEC_PER_SEC + 999999;
        assert_int_equal(mint(), 0);
        assert_int_equal(expires_at, 1900000100);
        session.deadline_wall = NOW + 900 * USEC_PER_SEC + 999999;
        assert_int_equal(mint(), 0);
        assert_int_equal(expires_at, 1900000900);
        session.deadline_wall = NOW - USEC_PER_SEC;
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), REASON_EXPIRED);
}

static void test_the_longest_life_does_not_overflow(void **state) {
        struct claims claims;

        facts.access_ttl = USEC_NEVER;
        assert_int_equal(mint(), 0);
        assert_int_equal(expires_at, USEC_NEVER / USEC_PER_SEC);
        assert_int_equal(verify(&claims), 0);
        assert_int_equal(claims.expires_at, expires_at);
}

static void test_names_with_quotes_and_controls_come_back(void **state) {
        struct claims claims;

        strcpy(session.user, "a\"b\\c\n\x7f\xc3\xa9");
        facts.role = "\t\"";
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), 0);
        assert_string_equal(claims.subject, session.user);
        assert_string_equal(claims.role, facts.role);
}

static void test_facts_as_long_as_may_be_fit(void **state) {
        const char *roles[CLAIMS_ROLES_MAX];
        char issuer[ISSUER_MAX + 1] = "", audience[AUDIENCE_MAX + 1] = "", role[ROLE_MAX + 1] = "";
        struct claims claims;

        memset(issuer, 'i', ISSUER_MAX);
        memset(audience, 'a', AUDIENCE_MAX);
        memset(role, 'r', ROLE_MAX);
        memset(session.user, 'u', USER_MAX);
        memset(session.realm, 'm', REALM_MAX);
        memset(session.service, 's', SERVICE_MAX);
        for (size_t i = 0; i < CLAIMS_ROLES_MAX; i++)
                roles[i] = role;
        session.methods = (1u << _METHODS_MAX) - 1;
        session.uid = UINT32_MAX - 1;
        facts.reset_at = NOW;
        facts.issuer = issuer;
        facts.audience = audience;
        facts.role = role;
        facts.roles = roles;
        facts.n_roles = CLAIMS_ROLES_MAX;
        assert_int_equal(mint(), 0);
        assert_int_equal(verify(&claims), 0);
        assert_int_equal(claims.n_roles, CLAIMS_ROLES_MAX);
        assert_int_equal(strlen(claims.client_id), SERVICE_MAX + 4);
        facts.n_roles = CLAIMS_ROLES_MAX + 1;
        assert_int_equal(mint(), -EINVAL);
}

static void test_facts_that_no_verifier_would_accept_are_refused(void **state) {
        static const char *const broken[] = { "\xff" };

        facts.issuer = "\xc3";
        assert_int_equal(mint(), -EINVAL);
        facts.issuer = "";
        assert_int_equal(mint(), -EINVAL);
        facts.issuer = NULL;
        assert_int_equal(mint(), -EINVAL);
        facts.issuer = "i";
        facts.roles = broken;
        facts.n_roles = 1;
        assert_int_equal(mint(), -EINVAL);
        facts.n_roles = 0;
        facts.role = "\xed\xa0\x80";
        assert_int_equal(mint(), -EINVAL);
        facts.role = NULL;
        facts.typ = "at\"jwt";
        assert_int_equal(mint(), -EINVAL);
        facts.typ = "at+jwt";
        session.user[0] = '\0';
        assert_int_equal(mint(), -EINVAL);
        assert_int_equal(length, 77);
        assert_int_equal(expires_at, 77);
}

static void test_a_token_fits_with_its_nul_or_not_at_all(void **state) {
        size_t full;

        assert_int_equal(mint(), 0);
        full = length;
        for (size_t size = 0; size <= full; size += size < full - 90 ? 37 : 1)
                assert_int_equal(token_mint(keyring, &facts, token, size, &length, &expires_at), -ENOBUFS);
        assert_int_equal(token_mint(keyring, &facts, token, full + 1, &length, &expires_at), 0);
        assert_int_equal(length, full);
}

static void test_a_token_that_nobody_would_read_is_not_made(void **state) {
        char large[4 * TOKEN_MAX], issuer[TOKEN_MAX];

        memset(issuer, 'i', sizeof(issuer) - 1);
        issuer[sizeof(issuer) - 1] = '\0';
        facts.issuer = issuer;
        assert_int_equal(token_mint(keyring, &facts, large, sizeof(large), &length, &expires_at), -ENOBUFS);
}

static void test_without_an_active_key_there_is_no_token(void **state) {
        keyring_free(&keyring);
        assert_int_equal(keyring_new(&keyring), 0);
        assert_int_equal(mint(), -ENOKEY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_minted_token_verifies_to_its_facts),
                TEST(test_the_header_is_exactly_alg_kid_typ),
                TEST(test_libjwt_accepts_a_token_of_type_jwt),
                TEST(test_there_are_no_claims_but_those_of_the_plan),
                TEST(test_what_there_is_none_of_is_left_out),
                TEST(test_a_reset_is_told_in_seconds),
                TEST(test_every_method_has_a_name_that_verifies),
                TEST(test_a_token_never_outlives_its_session),
                TEST(test_the_longest_life_does_not_overflow),
                TEST(test_names_with_quotes_and_controls_come_back),
                TEST(test_facts_as_long_as_may_be_fit),
                TEST(test_facts_that_no_verifier_would_accept_are_refused),
                TEST(test_a_token_fits_with_its_nul_or_not_at_all),
                TEST(test_a_token_that_nobody_would_read_is_not_made),
                TEST(test_without_an_active_key_there_is_no_token),
        };

        return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
