/* Tokens verified through the public calls: what the status page says of them, how old it may be, and keys
 * that change. */
#include <sys/stat.h>

#include "tests/unit/verifier_host.h"

static void write_no_keys(void) {
        status_file_write(file.keys, "{\"keys\":[]}", 11);
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

static void test_an_unknown_key_makes_it_read_the_keys_whenever_others_were_published(void **state) {
        write_no_keys();
        open_checker(NULL, NULL, -1);
        write_keys();
        assert_int_equal(check(), 0);
        write_no_keys();
        open_checker(NULL, NULL, -1);
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        write_keys();
        assert_int_equal(check(), 0);
}

/* No keys, in as many bytes as the keys have. Returns the file as it is then. */
static struct stat write_no_keys_of_that_size(void) {
        char text[JWKS_MAX];
        struct stat st;

        write_keys();
        assert_int_equal(stat(file.keys, &st), 0);
        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"keys\":[]}", 11);
        status_file_write(file.keys, text, (size_t) st.st_size);
        assert_int_equal(stat(file.keys, &st), 0);
        return st;
}

static void test_the_same_keys_are_not_read_for_each_unknown_key(void **state) {
        struct stat st = write_no_keys_of_that_size();

        open_checker(NULL, NULL, -1);
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        write_keys(); /* the same file, by all that can be seen without reading it */
        assert_int_equal(
                utimensat(AT_FDCWD, file.keys, (struct timespec[2]){ st.st_atim, st.st_mtim }, 0), 0);
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        assert_int_equal(utimensat(AT_FDCWD, file.keys, NULL, 0), 0);
        assert_int_equal(check(), 0);
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

static void test_a_key_is_unknown_only_when_the_keys_could_be_read(void **state) {
        write_no_keys();
        open_checker(NULL, NULL, -1);
        unlink(file.keys);
        assert_int_equal(check(), -ENOENT);
        status_file_write(file.keys, "[", 1);
        assert_int_equal(check(), -EBADMSG);
        write_no_keys();
        assert_int_equal(check(), SESSJWT_TOKEN_UNKNOWN_KEY);
        unlink(file.keys);
        assert_int_equal(check(), -ENOENT);
        write_keys();
        assert_int_equal(check(), 0);
        unlink(file.keys);
        assert_int_equal(check(), 0); /* it is known, and the keys are not asked for */
}

static void test_a_page_that_cannot_be_read_any_more_makes_nothing_good(void **state) {
        assert_int_equal(check(), 0);
        unlink(file.path);
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_equal(check(), -ENOENT);
        status_file_write(file.path, "garbage", 7);
        assert_int_equal(check(), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
                T(test_an_unknown_key_makes_it_read_the_keys_whenever_others_were_published),
                T(test_the_same_keys_are_not_read_for_each_unknown_key),
                T(test_keys_that_cannot_be_read_any_more_make_nothing_good),
                T(test_a_key_is_unknown_only_when_the_keys_could_be_read),
                T(test_a_page_that_cannot_be_read_any_more_makes_nothing_good),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
