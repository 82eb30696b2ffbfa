#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* What a verifier remembers: what was put, whole, and never more than it may. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/token_cache.h"

#define SIGNATURE_TEXT 86
#define TOKEN_SIZE     (8 + SIGNATURE_TEXT)

/* "head.NN." and a text of the length of a signature that only n decides, as evenly spread as those are: a
 * fast hash may put texts that differ in few bits side by side. */
static const char *token_of(unsigned n, char buf[static TOKEN_SIZE + 1]) {
        uint64_t x = n;

        snprintf(buf, TOKEN_SIZE + 1, "head.%02u.", n % 100);
        for (size_t i = TOKEN_SIZE - SIGNATURE_TEXT; i < TOKEN_SIZE; i++) {
                x = (x + i) * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                x ^= x >> 33;
                buf[i] = (char) ('0' + (x >> 58));
        }
        buf[TOKEN_SIZE] = '\0';
        return buf;
}

static struct token_entry *put(struct token_cache *cache, unsigned n) {
        struct claims claims = { .uid = n };
        struct token_entry *entry = NULL;
        char token[TOKEN_SIZE + 1];

        assert_int_equal(
                token_cache_put(cache, token_of(n, token), TOKEN_SIZE, &claims, "{\"n\":1}", 7, &entry), 0);
        return entry;
}

static struct token_entry *find(const struct token_cache *cache, unsigned n) {
        char token[TOKEN_SIZE + 1];

        return token_cache_find(cache, token_of(n, token), TOKEN_SIZE);
}

static struct token_cache *cache;

static int set_up(void **state) {
        return token_cache_new(16, &cache);
}

static int tear_down(void **state) {
        token_cache_free(&cache);
        return 0;
}

static void test_what_was_put_is_found_with_all_that_it_had(void **state) {
        struct token_entry *entry = put(cache, 5);

        assert_ptr_equal(find(cache, 5), entry);
        assert_int_equal(entry->claims.uid, 5);
        assert_string_equal(entry->payload, "{\"n\":1}");
        assert_memory_equal(entry->extra, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        assert_null(find(cache, 6));
}

static void test_the_whole_token_is_compared(void **state) {
        char token[TOKEN_SIZE + 1];

        (void) put(cache, 5);
        token_of(5, token);
        for (size_t i = 0; i < TOKEN_SIZE; i++) {
                token[i] ^= 1;
                assert_null(token_cache_find(cache, token, TOKEN_SIZE));
                token[i] ^= 1;
        }
        assert_non_null(token_cache_find(cache, token, TOKEN_SIZE));
        assert_null(token_cache_find(cache, token + 1, TOKEN_SIZE - 1));
}

static void test_what_is_shorter_than_a_signature_is_not_found_and_not_kept(void **state) {
        struct claims claims = { 0 };
        struct token_entry *entry = NULL;

        assert_null(token_cache_find(cache, "", 0));
        assert_null(token_cache_find(cache, "short", 5));
        assert_int_equal(token_cache_put(cache, "short", 5, &claims, "", 0, &entry), -EINVAL);
        assert_null(entry);
}

static void test_the_last_one_is_always_there_and_never_more_than_may_be(void **state) {
        unsigned n, kept = 0;

        for (n = 0; n < 10 * TOKENS_SEEN_MAX; n++) {
                (void) put(cache, n);
                assert_non_null(find(cache, n));
        }
        for (unsigned i = 0; i < n; i++)
                kept += find(cache, i) != NULL;
        assert_in_range(kept, TOKENS_SEEN_MAX * 9 / 10, TOKENS_SEEN_MAX);
}

static void test_64_tokens_have_room_beside_each_other(void **state) {
        unsigned kept = 0;

        for (unsigned n = 0; n < 64; n++)
                (void) put(cache, n);
        for (unsigned n = 0; n < 64; n++)
                kept += find(cache, n) != NULL;
        assert_in_range(kept, 62, 64); /* five in one set of four is one case in 600 */
}

static void test_a_cleared_cache_is_empty_and_goes_on(void **state) {
        for (unsigned n = 0; n < 64; n++)
                (void) put(cache, n);
        token_cache_clear(cache);
        for (unsigned n = 0; n < 64; n++)
                assert_null(find(cache, n));
        (void) put(cache, 7);
        assert_non_null(find(cache, 7));
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_what_was_put_is_found_with_all_that_it_had),
                T(test_the_whole_token_is_compared),
                T(test_what_is_shorter_than_a_signature_is_not_found_and_not_kept),
                T(test_the_last_one_is_always_there_and_never_more_than_may_be),
                T(test_64_tokens_have_room_beside_each_other),
                T(test_a_cleared_cache_is_empty_and_goes_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
