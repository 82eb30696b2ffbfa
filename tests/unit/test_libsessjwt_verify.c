/* Tokens verified through the public calls, from a folder that a test plays the daemon of; what the status
 * page and the keys do to them is in test_libsessjwt_status. */
#include "tests/unit/verifier_host.h"

/* ---- what a good token says ---- */

static void test_a_good_token_says_who_it_is_of(void **state) {
        const struct sessjwt_claims *claims = NULL;

        for (int i = 0; i < 2; i++) { /* at first sight, and again */
                assert_int_equal(sessjwt_check(checker, token, token_size, &claims), 0);
                assert_string_equal(claims->issuer, ISSUER);
                assert_string_equal(claims->subject, "alice");
                assert_int_equal(claims->uid, 2000);
                assert_int_equal(claims->n_audiences, 2);
                assert_string_equal(claims->audiences[1], "b");
                assert_int_equal(claims->n_roles, 2);
                assert_string_equal(claims->roles[1], "staff");
                assert_string_equal(claims->methods[0], "key");
                assert_string_equal(claims->device_id, "");
                assert_int_equal(claims->expires_at - claims->issued_at, 900);
                assert_memory_equal(claims->json, "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\"", 40);
                assert_int_equal(claims->json[strlen(claims->json) - 1], '}');
        }
}

static void test_roles_are_any_of_and_two_things_can_be_wrong(void **state) {
        static const char *const wanted[] = { "admin", "staff" };
        const struct sessjwt_claims *claims = NULL;
        struct sessjwt_claims nobody = { 0 };

        assert_int_equal(sessjwt_check(checker, token, token_size, &claims), 0);
        assert_int_equal(sessjwt_check_roles(claims, wanted, 2), 0);
        assert_int_equal(sessjwt_check_roles(claims, wanted, 1), SESSJWT_TOKEN_INSUFFICIENT_ROLE);
        assert_int_equal(sessjwt_check_roles(claims, NULL, 0), SESSJWT_TOKEN_INSUFFICIENT_ROLE);
        assert_int_equal(sessjwt_check_roles(&nobody, wanted, 2), SESSJWT_TOKEN_MISSING_ROLE);
        assert_int_equal(sessjwt_check_roles(NULL, wanted, 2), -EINVAL);
        assert_int_equal(sessjwt_check_roles(claims, NULL, 1), -EINVAL);
}

static void test_a_token_needs_no_nul_behind_it(void **state) {
        char *copy = malloc(token_size);

        memcpy(copy, token, token_size);
        assert_int_equal(sessjwt_check(checker, copy, token_size, NULL), 0);
        assert_int_equal(sessjwt_check(checker, copy, token_size, NULL), 0);
        free(copy);
}

/* ---- every reason ---- */

static void test_text_that_is_no_token_is_malformed(void **state) {
        assert_int_equal(sessjwt_check(checker, "", 0, NULL), SESSJWT_TOKEN_MALFORMED);
        assert_int_equal(sessjwt_check(checker, token, token_size - 1, NULL), SESSJWT_TOKEN_MALFORMED);
        token[token_size++] = '=';
        assert_int_equal(check(), SESSJWT_TOKEN_MALFORMED);
}

static void test_an_altered_token_that_was_seen_before_is_refused(void **state) {
        assert_int_equal(check(), 0);
        token[token_size - 40] ^= 1;
        assert_int_not_equal(check(), 0);
        token[token_size - 40] ^= 1;
        token[60] ^= 1;
        assert_int_not_equal(check(), 0);
        token[60] ^= 1;
        assert_int_equal(check(), 0);
}

static void test_a_token_of_another_kind_is_refused(void **state) {
        static const char header[] =
                "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"statuslist+jwt\"}";

        token_size = signer_sign(keyring, header, "{}", 2, token);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_TYPE);
}

static void test_a_token_for_old_libjwt_is_accepted(void **state) {
        static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"JWT\"}";
        char payload[2048];

        token[token_size] = '\0';
        assert_int_equal(check(), 0);
        {
                const struct sessjwt_claims *claims;

                assert_int_equal(sessjwt_check(checker, token, token_size, &claims), 0);
                snprintf(payload, sizeof(payload), "%s", claims->json);
        }
        token_size = signer_sign(keyring, header, payload, strlen(payload), token);
        assert_int_equal(check(), 0);
}

static void test_another_algorithm_is_refused(void **state) {
        static const char header[] = "{\"alg\":\"none\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"at+jwt\"}";

        token_size = signer_sign(keyring, header, "{}", 2, token);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_ALGORITHM);
}

static void test_a_signature_of_another_text_is_refused(void **state) {
        char other[TOKEN_MAX + 1];
        size_t size = sign(INDEX, now(), ",\"more\":1", other);

        memcpy(token + token_size - 86, other + size - 86, 86);
        assert_int_equal(check(), SESSJWT_TOKEN_BAD_SIGNATURE);
}

static void test_times_are_judged_at_first_sight_and_again(void **state) {
        token_size = sign(INDEX, now() - 900, "", token);
        assert_int_equal(check(), SESSJWT_TOKEN_EXPIRED);
        assert_int_equal(check(), SESSJWT_TOKEN_EXPIRED);
        token_size = sign(INDEX, now() + 100, "", token);
        assert_int_equal(check(), SESSJWT_TOKEN_NOT_YET_VALID);
        assert_int_equal(check(), SESSJWT_TOKEN_NOT_YET_VALID);
        atomic_store(&file.header->wall, (uint64_t) (now() + 100) * 1000000);
        assert_int_equal(check(), 0);
        atomic_store(&file.header->wall, (uint64_t) (now() + 1000) * 1000000);
        assert_int_equal(check(), SESSJWT_TOKEN_EXPIRED);
}

static void test_names_are_judged_at_first_sight_and_again(void **state) {
        open_checker("https://bank.example", NULL, -1);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_AUDIENCE);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_AUDIENCE);
        open_checker(NULL, "north", -1);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_REALM);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_REALM);
        open_checker(NULL, NULL, -1);
        assert_int_equal(check(), 0);
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        assert_int_equal(sessjwt_verifier_open(file.dir, ISSUER "/", NULL, NULL, -1, &verifier), 0);
        assert_int_equal(sessjwt_checker_open(verifier, &checker), 0);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_ISSUER);
        assert_int_equal(check(), SESSJWT_TOKEN_WRONG_ISSUER);
}

/* ---- open and close ---- */

static void test_what_is_not_there_is_said_when_a_checker_opens(void **state) {
        struct sessjwt_checker *other = NULL;

        unlink(file.keys);
        assert_int_equal(sessjwt_checker_open(verifier, &other), -ENOENT);
        status_file_write(file.keys, "{}", 2);
        assert_int_equal(sessjwt_checker_open(verifier, &other), -EBADMSG);
        write_keys();
        atomic_store(&file.header->version, 2);
        assert_int_equal(sessjwt_checker_open(verifier, &other), -EPROTONOSUPPORT);
        unlink(file.path);
        assert_int_equal(sessjwt_checker_open(verifier, &other), -ENOENT);
        assert_null(other);
}

static void test_arguments_are_judged(void **state) {
        struct sessjwt_verifier *v = NULL;
        char longer[ISSUER_MAX + 2];

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_int_equal(sessjwt_verifier_open(NULL, NULL, NULL, NULL, -1, &v), -EINVAL);
        assert_int_equal(sessjwt_verifier_open(NULL, "", NULL, NULL, -1, &v), -EINVAL);
        assert_int_equal(sessjwt_verifier_open("", ISSUER, NULL, NULL, -1, &v), -EINVAL);
        assert_int_equal(sessjwt_verifier_open(NULL, longer, NULL, NULL, -1, &v), -ENAMETOOLONG);
        assert_int_equal(sessjwt_verifier_open(NULL, ISSUER, longer, NULL, -1, &v), -ENAMETOOLONG);
        assert_int_equal(sessjwt_verifier_open(NULL, ISSUER, NULL, "", -1, &v), -EINVAL);
        assert_null(v);
        assert_int_equal(sessjwt_checker_open(NULL, &checker), -EINVAL);
        assert_int_equal(sessjwt_check(NULL, token, token_size, NULL), -EINVAL);
        assert_int_equal(sessjwt_check(checker, NULL, 0, NULL), -EINVAL);
        sessjwt_checker_close(NULL);
        sessjwt_verifier_close(NULL);
}

static void test_every_answer_has_its_sentence(void **state) {
        for (int i = -1; i < SESSJWT_TOKEN_STALE + 2; i++) {
                assert_non_null(sessjwt_reason_text(i));
                for (int j = -1; j < i; j++)
                        assert_string_not_equal(sessjwt_reason_text(i), sessjwt_reason_text(j));
        }
        assert_non_null(sessjwt_reason_text(1000));
}

/* ---- threads ---- */

static void *verify_in_a_thread(void *userdata) {
        atomic_int *failures = userdata;
        struct sessjwt_checker *own = NULL;

        if (sessjwt_checker_open(verifier, &own) < 0) {
                atomic_fetch_add(failures, 1);
                return NULL;
        }
        for (int i = 0; i < 20000; i++)
                if (sessjwt_check(own, token, token_size, NULL) != 0)
                        atomic_fetch_add(failures, 1);
        sessjwt_checker_close(&own);
        return NULL;
}

static void test_threads_share_a_verifier(void **state) {
        pthread_t threads[4];
        atomic_int failures = 0;

        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, verify_in_a_thread, &failures), 0);
        for (int i = 0; i < 50; i++) /* forgetting all, meanwhile */
                atomic_fetch_add(&file.header->generation, 1);
        for (size_t i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(failures, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_a_good_token_says_who_it_is_of),
                T(test_roles_are_any_of_and_two_things_can_be_wrong),
                T(test_a_token_needs_no_nul_behind_it),
                T(test_text_that_is_no_token_is_malformed),
                T(test_an_altered_token_that_was_seen_before_is_refused),
                T(test_a_token_of_another_kind_is_refused),
                T(test_a_token_for_old_libjwt_is_accepted),
                T(test_another_algorithm_is_refused),
                T(test_a_signature_of_another_text_is_refused),
                T(test_times_are_judged_at_first_sight_and_again),
                T(test_names_are_judged_at_first_sight_and_again),
                T(test_what_is_not_there_is_said_when_a_checker_opens),
                T(test_arguments_are_judged),
                T(test_every_answer_has_its_sentence),
                T(test_threads_share_a_verifier),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
