#include "tests/oracle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/json.h"
#include "client/protocol.h"

#define TOKENS_MAX 8192

static struct json_token tokens[TOKENS_MAX];

static char written[8192];

/* Both readers take it, and it is one value. */
static struct json accepted(const char *text, size_t size) {
        struct json json = { 0 };
        json_error_t error;
        json_t *value = oracle_read(text, size, &error);

        if (json_read(text, size, tokens, TOKENS_MAX, &json) != 0)
                fail_msg("refused: %.*s", (int) size, text);
        if (!value)
                fail_msg("jansson refuses: %.*s", (int) size, text);
        json_decref(value);
        return json;
}

static void finished(struct json_writer *w, const char *expected) {
        size_t size;

        assert_int_equal(json_writer_finish(w, &size), 0);
        assert_true(size < sizeof(written));
        written[size] = '\0';
        assert_string_equal(written, expected);
        accepted(written, size);
}

static void test_the_writer_sets_commas_and_quotes(void **state) {
        struct json_writer w;

        json_writer_init(&w, written, sizeof(written));
        json_open_object(&w);
        json_member_string(&w, "s", "x");
        json_member_integer(&w, "i", -7);
        json_member_bool(&w, "t", true);
        json_key(&w, "a");
        json_open_array(&w);
        json_put_bool(&w, false);
        json_put_null(&w);
        json_open_object(&w);
        json_close_object(&w);
        json_open_array(&w);
        json_close_array(&w);
        json_put_raw(&w, "{\"r\":1}", 7);
        json_put_string_n(&w, "abc", 2);
        json_put_integer(&w, 0);
        json_close_array(&w);
        json_key(&w, "o");
        json_open_object(&w);
        json_member_integer(&w, "x", 1);
        json_close_object(&w);
        json_close_object(&w);
        finished(&w, "{\"s\":\"x\",\"i\":-7,\"t\":true,\"a\":[false,null,{},[],{\"r\":1},\"ab\",0],\"o\":{"
                     "\"x\":1}}");
}

static void test_integers_are_written_to_the_ends_of_int64(void **state) {
        struct json_writer w;

        json_writer_init(&w, written, sizeof(written));
        json_open_array(&w);
        json_put_integer(&w, INT64_MIN);
        json_put_integer(&w, INT64_MAX);
        json_put_integer(&w, -1);
        json_put_integer(&w, 10);
        json_close_array(&w);
        finished(&w, "[-9223372036854775808,9223372036854775807,-1,10]");
}

static void writes(const char *value, const char *expected) {
        struct json_writer w;
        struct json json;
        char back[64];

        json_writer_init(&w, written, sizeof(written));
        json_put_string(&w, value);
        finished(&w, expected);
        json = accepted(written, strlen(written));
        assert_true(json_read_string(&json, 0, back, sizeof(back)) >= 0);
        assert_string_equal(back, value);
}

static void test_quotes_and_control_characters_are_escaped_in_values_and_keys(void **state) {
        struct json_writer w;

        writes("", "\"\"");
        writes("a/b", "\"a/b\"");
        writes("\"\\\b\f\n\r\t", "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
        writes("\x01\x1b[31m\x1f\x7f", "\"\\u0001\\u001b[31m\\u001f\\u007f\"");
        writes("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\"\\u0080\\u009b\\u009f\xc2\xa0\"");
        writes("12345678\xc3\xa9\xf0\x9f\x98\x80 12345678", "\"12345678\xc3\xa9\xf0\x9f\x98\x80 12345678\"");
        json_writer_init(&w, written, sizeof(written));
        json_open_object(&w);
        json_member_string(&w, "a\"\n", "");
        json_close_object(&w);
        finished(&w, "{\"a\\\"\\n\":\"\"}");
}

static void test_a_string_that_is_not_utf8_fails_the_writer_for_good(void **state) {
        static const char *const bad[] = { "\x80", "abcdefgh\xff", "\xc3", "\xed\xa0\x80", "\xf0\x9f\x98" };
        struct json_writer w;
        size_t size = 4711;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                json_writer_init(&w, written, sizeof(written));
                json_open_array(&w);
                json_put_string(&w, bad[i]);
                json_put_integer(&w, 1);
                json_close_array(&w);
                assert_int_equal(json_writer_finish(&w, &size), -EILSEQ);
        }
        json_writer_init(&w, written, sizeof(written));
        json_put_string_n(&w, "a\0b", 3);
        assert_int_equal(json_writer_finish(&w, &size), -EILSEQ);
        json_writer_init(&w, written, sizeof(written));
        json_key(&w, "\xff");
        assert_int_equal(json_writer_finish(&w, &size), -EILSEQ);
        assert_int_equal(size, 4711);
}

static void write_sample(struct json_writer *w) {
        json_open_object(w);
        json_member_string(w, "key", "a\n\x01\xc3\xa9 and more");
        json_key(w, "list");
        json_open_array(w);
        json_put_integer(w, INT64_MIN);
        json_put_bool(w, false);
        json_put_null(w);
        json_close_array(w);
        json_close_object(w);
}

static void test_a_text_that_does_not_fit_fails_at_every_size_and_never_writes_beyond(void **state) {
        struct json_writer w;
        size_t whole, size;

        json_writer_init(&w, written, sizeof(written));
        write_sample(&w);
        assert_int_equal(json_writer_finish(&w, &whole), 0);
        for (size_t n = 0; n <= whole; n++) {
                char *exact = malloc(n ? n : 1);

                assert_non_null(exact);
                json_writer_init(&w, exact, n);
                write_sample(&w);
                assert_int_equal(json_writer_finish(&w, &size), n < whole ? -ENOBUFS : 0);
                free(exact);
        }
        assert_int_equal(size, whole);
}

/* The first failure is the one that is told. */
static void test_a_failed_writer_ignores_further_calls(void **state) {
        struct json_writer w;
        size_t size;

        json_writer_init(&w, written, 3);
        json_put_string(&w, "too long");
        json_put_string(&w, "\xff");
        json_put_integer(&w, 1);
        assert_int_equal(json_writer_finish(&w, &size), -ENOBUFS);
}

/* ---- writing: values made up at random --------------------------------------------------------------- */

static uint32_t dice(uint32_t *seed, uint32_t sides) {
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 8) % sides;
}

static const char *some_text(uint32_t *seed) {
        static const char *const pieces[] = { "plain", "\"", "\\", "\n", "\x7f", "\xc2\x9b", "\xc3\xa9",
                "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef", "/", "\x1f" };
        static char text[128];

        text[0] = '\0';
        for (uint32_t n = dice(seed, 6); n > 0; n--)
                strcat(text, pieces[dice(seed, sizeof(pieces) / sizeof(*pieces))]);
        return text;
}

static void write_some(struct json_writer *w, uint32_t *seed, int depth) {
        uint32_t kind = dice(seed, depth < MESSAGE_DEPTH_MAX ? 6 : 4), n = dice(seed, 4);
        char key[160];

        if (kind == 0)
                json_put_string(w, some_text(seed));
        else if (kind == 1)
                json_put_integer(w, (int32_t) dice(seed, UINT32_MAX) * INT64_C(1000003));
        else if (kind == 2)
                json_put_bool(w, n & 1);
        else if (kind == 3)
                json_put_null(w);
        else if (kind == 4) {
                json_open_array(w);
                while (n-- > 0)
                        write_some(w, seed, depth + 1);
                json_close_array(w);
        } else {
                json_open_object(w);
                while (n-- > 0) {
                        snprintf(key, sizeof(key), "%u%s", n, some_text(seed));
                        json_key(w, key);
                        write_some(w, seed, depth + 1);
                }
                json_close_object(w);
        }
}

static void test_both_readers_accept_whatever_is_written(void **state) {
        for (uint32_t i = 0; i < 5000; i++) {
                uint32_t seed = i;
                struct json_writer w;
                size_t size;

                json_writer_init(&w, written, sizeof(written));
                write_some(&w, &seed, 0);
                if (json_writer_finish(&w, &size) == -ENOBUFS)
                        continue;
                accepted(written, size);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_writer_sets_commas_and_quotes),
                cmocka_unit_test(test_integers_are_written_to_the_ends_of_int64),
                cmocka_unit_test(test_quotes_and_control_characters_are_escaped_in_values_and_keys),
                cmocka_unit_test(test_a_string_that_is_not_utf8_fails_the_writer_for_good),
                cmocka_unit_test(test_a_text_that_does_not_fit_fails_at_every_size_and_never_writes_beyond),
                cmocka_unit_test(test_a_failed_writer_ignores_further_calls),
                cmocka_unit_test(test_both_readers_accept_whatever_is_written),
        };

        return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
