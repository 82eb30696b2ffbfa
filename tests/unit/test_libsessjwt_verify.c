#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Tokens verified through the public calls, from a folder that a test plays the daemon of. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cleanup.h"
#include "client/sessjwt.h"
#include "tests/unit/signer.h"
#include "tests/unit/status_file.h"

#define ISSUER   "https://login.example"
#define AUDIENCE "https://shop.example"
#define INDEX    1234

static struct keyring *keyring;
static struct status_file file;
static struct sessjwt_verifier *verifier;
static struct sessjwt_checker *checker;

static void write_keys(void) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[4096];
        size_t size;

        assert_int_equal(
                keyset_write(entries, keyring_public(keyring, entries), text, sizeof(text), &size), 0);
        status_file_write(file.keys, text, size);
}

static void write_no_keys(void) {
        status_file_write(file.keys, "{\"keys\":[]}", 11);
}

static int64_t now(void) {
        return time(NULL);
}

/* A token of this host, issued now, good for 15 minutes, of the session with that index; `more` follows the
 * other claims. */
static size_t sign(uint64_t index, int64_t issued_at, const char *more, char token[static TOKEN_MAX + 1]) {
        char payload[2048];
        int n = snprintf(payload, sizeof(payload),
                "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"aud\":[\"" AUDIENCE "\",\"b\"],\"client_id\":"
                "\"pam:sshd\",\"jti\":\"j\",\"sid\":\"s\",\"realm\":\"default\",\"uid\":2000,\"iat\":%lld,"
                "\"exp\":%lld,\"amr\":[\"key\"],\"role\":\"user\",\"roles\":[\"user\",\"staff\"],"
                "\"status\":{\"status_list\":{\"idx\":%llu,\"uri\":\"" ISSUER "/status\"}}%s}",
                (long long) issued_at, (long long) issued_at + 900, (unsigned long long) index, more);

        assert_in_range(n, 1, sizeof(payload) - 1);
        return signer_sign(keyring, SIGNER_HEADER, payload, (size_t) n, token);
}

static char token[TOKEN_MAX + 1];
static size_t token_size;

static int check(void) {
        return sessjwt_check(checker, token, token_size, NULL);
}

static void open_checker(const char *audience, const char *realm, int max_stale) {
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        assert_int_equal(sessjwt_verifier_open(file.dir, ISSUER, audience, realm, max_stale, &verifier), 0);
        assert_int_equal(sessjwt_checker_open(verifier, &checker), 0);
}

static int set_up(void **state) {
        keyring = signer_keyring();
        status_file_make(&file, 4096);
        write_keys();
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        open_checker(AUDIENCE, NULL, -1);
        token_size = sign(INDEX, now(), "", token);
        return keyring ? 0 : -1;
}

static int tear_down(void **state) {
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        status_file_remove(&file);
        keyring_free(&keyring);
        return 0;
}

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

/* ---- the status byte ---- */

static void test_an_ended_session_s_token_is_refused_at_once(void **state) {
        assert_int_equal(check(), 0);
        atomic_store(&file.bytes[INDEX], STATUS_INVALID);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
        atomic_store(&file.bytes[INDEX], STATUS_SUSPENDED);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        assert_int_equal(check(), 0);
        atomic_store(&file.bytes[INDEX], 3);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
}

static void test_an_index_beyond_the_page_is_refused(void **state) {
        token_size = sign(4096, now(), "", token);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
        token_size = sign(INT64_MAX, now(), "", token);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
}

static void test_a_token_without_a_status_is_refused(void **state) {
        char payload[1024];
        int n = snprintf(payload, sizeof(payload),
                "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"aud\":\"" AUDIENCE
                "\",\"client_id\":\"c\",\"jti\":"
                "\"j\",\"sid\":\"s\",\"realm\":\"default\",\"uid\":1,\"iat\":%lld,\"exp\":%lld}",
                (long long) now(), (long long) now() + 9);

        token_size = signer_sign(keyring, SIGNER_HEADER, payload, (size_t) n, token);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
}

static void test_a_page_that_grew_is_followed(void **state) {
        assert_int_equal(check(), 0);
        status_file_grow(&file, 1 << 20);
        atomic_store(&file.bytes[1000000], STATUS_VALID);
        token_size = sign(1000000, now(), "", token);
        assert_int_equal(check(), 0);
        assert_int_equal(check(), 0);
        atomic_store(&file.bytes[1000000], STATUS_INVALID);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
}

/* ---- the heartbeat ---- */

static void be_silent_for(int64_t seconds) {
        atomic_store(&file.header->heartbeat, status_clock() - (uint64_t) seconds * 1000000);
}

static void test_a_silent_daemon_makes_every_token_stale(void **state) {
        assert_int_equal(check(), 0);
        be_silent_for(59);
        assert_int_equal(check(), 0);
        be_silent_for(61);
        assert_int_equal(check(), SESSJWT_TOKEN_STALE);
        be_silent_for(0);
        assert_int_equal(check(), 0);
}

static void test_max_stale_is_the_verifier_s_to_choose(void **state) {
        be_silent_for(61);
        open_checker(NULL, NULL, 0);
        assert_int_equal(check(), 0);
        open_checker(NULL, NULL, 3600);
        assert_int_equal(check(), 0);
        open_checker(NULL, NULL, 1);
        assert_int_equal(check(), SESSJWT_TOKEN_STALE);
}

static void test_a_heartbeat_from_the_future_is_of_another_boot(void **state) {
        be_silent_for(-10);
        assert_int_equal(check(), SESSJWT_TOKEN_STALE);
}

static void test_a_revoked_token_is_revoked_though_the_page_is_stale(void **state) {
        be_silent_for(61);
        atomic_store(&file.bytes[INDEX], STATUS_INVALID);
        assert_int_equal(check(), SESSJWT_TOKEN_REVOKED);
}

static void test_a_page_that_was_replaced_is_found_when_the_old_one_is_silent(void **state) {
        uint64_t generation = atomic_load(&file.header->generation);

        assert_int_equal(check(), 0);
        be_silent_for(61);
        status_file_replace(&file, 4096);
        atomic_store(&file.header->generation, generation + 77);
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        assert_int_equal(check(), 0);
}

/* ---- keys ---- */

static void test_a_raised_generation_makes_it_read_the_keys_again(void **state) {
        assert_int_equal(check(), 0);
        write_no_keys();
        assert_int_equal(check(), 0); /* nobody has said so yet */
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        write_keys();
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_equal(check(), 0);
}

static void test_an_unknown_key_makes_it_read_the_keys_again_but_not_at_once_again(void **state) {
        write_no_keys();
        open_checker(NULL, NULL, -1);
        write_keys();
        assert_int_equal(check(), 0);
        write_no_keys();
        open_checker(NULL, NULL, -1);
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        write_keys();
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY); /* ten seconds have not passed */
}

static void test_keys_that_cannot_be_read_any_more_make_nothing_good(void **state) {
        assert_int_equal(check(), 0);
        status_file_write(file.keys, "[", 1);
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_equal(check(), -EBADMSG);
        assert_int_equal(check(), -EBADMSG);
        unlink(file.keys);
        assert_int_equal(check(), -ENOENT);
        write_keys();
        assert_int_equal(check(), 0);
}

static void test_a_page_that_cannot_be_read_any_more_makes_nothing_good(void **state) {
        assert_int_equal(check(), 0);
        unlink(file.path);
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_equal(check(), -ENOENT);
        status_file_write(file.path, "garbage", 7);
        assert_int_equal(check(), -EBADMSG);
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
                T(test_a_token_needs_no_nul_behind_it),
                T(test_text_that_is_no_token_is_malformed),
                T(test_an_altered_token_that_was_seen_before_is_refused),
                T(test_a_token_of_another_kind_is_refused),
                T(test_a_token_for_old_libjwt_is_accepted),
                T(test_another_algorithm_is_refused),
                T(test_a_signature_of_another_text_is_refused),
                T(test_times_are_judged_at_first_sight_and_again),
                T(test_names_are_judged_at_first_sight_and_again),
                T(test_an_ended_session_s_token_is_refused_at_once),
                T(test_an_index_beyond_the_page_is_refused),
                T(test_a_token_without_a_status_is_refused),
                T(test_a_page_that_grew_is_followed),
                T(test_a_silent_daemon_makes_every_token_stale),
                T(test_max_stale_is_the_verifier_s_to_choose),
                T(test_a_heartbeat_from_the_future_is_of_another_boot),
                T(test_a_revoked_token_is_revoked_though_the_page_is_stale),
                T(test_a_page_that_was_replaced_is_found_when_the_old_one_is_silent),
                T(test_a_raised_generation_makes_it_read_the_keys_again),
                T(test_an_unknown_key_makes_it_read_the_keys_again_but_not_at_once_again),
                T(test_keys_that_cannot_be_read_any_more_make_nothing_good),
                T(test_a_page_that_cannot_be_read_any_more_makes_nothing_good),
                T(test_what_is_not_there_is_said_when_a_checker_opens),
                T(test_arguments_are_judged),
                T(test_every_answer_has_its_sentence),
                T(test_threads_share_a_verifier),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
