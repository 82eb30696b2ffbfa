/* json: what is JSON, what its tokens say, where its bounds are, and how one looks into it. */
#include "tests/unit/json_text.h"

/* ---- reading: what is JSON and what is not ----------------------------------------------------------- */

static void test_every_kind_of_value_may_be_the_root(void **state) {
        assert_int_equal(accepted("null").tokens[0].type, JSON_NULL);
        assert_int_equal(accepted("true").tokens[0].integer, 1);
        assert_int_equal(accepted("false").tokens[0].integer, 0);
        assert_int_equal(accepted("false").tokens[0].type, JSON_BOOL);
        assert_int_equal(accepted("12").tokens[0].type, JSON_INTEGER);
        assert_int_equal(accepted("1.5").tokens[0].type, JSON_REAL);
        assert_int_equal(accepted("\"\"").tokens[0].type, JSON_STRING);
        assert_int_equal(accepted("[]").tokens[0].type, JSON_ARRAY);
        assert_int_equal(accepted("{}").tokens[0].type, JSON_OBJECT);
}

static void test_white_space_may_stand_between_all_tokens(void **state) {
        struct json json = accepted(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n");

        assert_int_equal(json.n_tokens, 7);
        refused("\f1");
        refused("\xc2\xa0"
                "1");
        refused("\xef\xbb\xbf"
                "1");
}

static void test_tokens_say_where_a_value_starts_and_ends_and_what_is_inside(void **state) {
        const char *text = "{\"a\":[1,{\"b\":\"xy\"}],\"c\":null}";
        struct json json = accepted(text);

        assert_int_equal(json.size, strlen(text));
        assert_int_equal(json.n_tokens, 9);
        assert_int_equal(tokens[0].count, 2);
        assert_int_equal(tokens[0].end, strlen(text));
        assert_int_equal(tokens[0].next, 9);
        assert_int_equal(tokens[1].start, 2);
        assert_int_equal(tokens[1].end, 3);
        assert_int_equal(tokens[1].next, 2);
        assert_int_equal(tokens[2].type, JSON_ARRAY);
        assert_int_equal(tokens[2].start, 5);
        assert_int_equal(tokens[2].end, 19);
        assert_int_equal(tokens[2].count, 2);
        assert_int_equal(tokens[2].next, 7);
        assert_int_equal(tokens[6].start, 14);
        assert_int_equal(tokens[6].end, 16);
        assert_false(tokens[6].escaped);
        assert_int_equal(tokens[8].type, JSON_NULL);
}

static void test_a_text_cut_short_anywhere_is_refused(void **state) {
        const char *text = "{\"a\":[true,false,null,-1.5e+3,\"\\ud83d\\ude00\\n\xc3\xa9\"],\"b\":{}}";

        accepted(text);
        for (size_t size = 0; size < strlen(text); size++)
                refused_n(text, size);
}

static void test_brackets_commas_and_colons_stand_where_they_belong(void **state) {
        static const char *const texts[] = { "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]",
                "[1 2]", "[1}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}", "{\"a\":1,}", "{,}", "{1:2}", "{null:1}",
                "{\"a\":1]", "[1]]", "1 2", "1,", "{}{}", "[]x", ":", ",", "{\"a\"::1}", "[\"a\":1]",
                "{\"a\":1 \"b\":2}", "{a:1}", "['a']", "//\n1", "/* */1" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                refused(texts[i]);
}

static void test_words_are_spelled_exactly(void **state) {
        static const char *const texts[] = { "tru", "True", "TRUE", "truee", "nul", "nulll", "fals",
                "undefined", "NaN", "Infinity", "-Infinity", "t", "f", "n", "[tru]" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                refused(texts[i]);
}

static void test_a_nul_is_refused_anywhere_in_the_text(void **state) {
        struct json json;

        refused_n("\0", 1);
        refused_n("[\0]", 3);
        refused_n("\"\0\"", 3);
        assert_int_equal(read_n("1\0", 2, &json), -EBADMSG); /* jansson lets this one pass */
}

/* ---- reading: bounds --------------------------------------------------------------------------------- */

static void test_a_key_that_comes_twice_is_refused(void **state) {
        static const char *const texts[] = { "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":{},\"a\":2}",
                "{\"\":1,\"\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"\\u0061\":1,\"a\":2}",
                "{\"\\u0061\":1,\"\\u0061\":2}", "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
                "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "[{\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}]",
                "{\"a\\/b\":1,\"a/b\":2}" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                refused(texts[i]);
}

static void test_keys_that_only_look_alike_are_accepted(void **state) {
        accepted("{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"\\u0062\":5,\"ab\":6,\"ac\":7}");
        accepted("{\"a\":{\"a\":{\"a\":1}},\"b\":\"a\",\"c\":[\"a\",\"a\"]}");
        accepted("{\"\\u0061b\":1,\"a\":2,\"\\u0061\\u0062c\":3}");
}

static void test_a_key_with_u0000_is_refused(void **state) {
        refused("{\"a\\u0000\":1}");
        refused("{\"\\u0000\":1}");
}

static void nested(char *text, int depth, const char *open, const char *close) {
        *text = '\0';
        for (int i = 0; i < depth; i++)
                strcat(text, open);
        strcat(text, "1");
        for (int i = 0; i < depth; i++)
                strcat(text, close);
}

static void test_depth_is_bounded(void **state) {
        char text[128];
        struct json json = { .size = 4711 };

        nested(text, MESSAGE_DEPTH_MAX, "[", "]");
        accepted(text);
        nested(text, MESSAGE_DEPTH_MAX + 1, "[", "]");
        assert_int_equal(read_n(text, strlen(text), &json), -E2BIG);
        nested(text, MESSAGE_DEPTH_MAX, "{\"a\":", "}");
        accepted(text);
        nested(text, MESSAGE_DEPTH_MAX + 1, "{\"a\":", "}");
        assert_int_equal(read_n(text, strlen(text), &json), -E2BIG);
        assert_int_equal(json.size, 4711);
        accepted("[[],[],[],[],[],[],[],[],[],[]]");
}

static void test_tokens_are_bounded(void **state) {
        static const char *const texts[] = { "[1,2]", "[[],[]]", "{\"a\":1}", "[\"a\",\"b\"]",
                "[true,null]" };
        struct json_token few[3];
        struct json json;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                assert_int_equal(json_read(texts[i], strlen(texts[i]), few, 3, &json), 0);
                assert_int_equal(json.n_tokens, 3);
                assert_int_equal(json_read(texts[i], strlen(texts[i]), few, 2, &json), -E2BIG);
                assert_int_equal(json_read(texts[i], strlen(texts[i]), few, 0, &json), -E2BIG);
        }
}

static void test_thousands_of_tokens_are_read_when_there_is_room(void **state) {
        static char text[65536];
        size_t n = 0;
        struct json json;

        for (int i = 0; i < 1000; i++)
                n += (size_t) snprintf(
                        text + n, sizeof(text) - n, "%c{\"a\":%d,\"b\":\"x\"}", i ? ',' : '[', i);
        strcpy(text + n, "]");
        json = accepted(text);
        assert_int_equal(json.tokens[0].count, 1000);
        assert_int_equal(json.n_tokens, 5001);
}

/* ---- looking into it --------------------------------------------------------------------------------- */

static void test_a_member_is_found_by_its_decoded_name(void **state) {
        struct json json = accepted("{\"a\":{\"b\":1,\"c\":2},\"\\u0063\":3,\"\":4,\"d\":[{\"e\":5}]}");

        assert_int_equal(tokens[json_find(&json, 0, "c")].integer, 3);
        assert_int_equal(tokens[json_find(&json, 0, "")].integer, 4);
        assert_int_equal(tokens[json_find(&json, json_find(&json, 0, "a"), "c")].integer, 2);
        assert_int_equal(json_find(&json, 0, "b"), 0);
        assert_int_equal(json_find(&json, 0, "e"), 0);
        assert_int_equal(json_find(&json, 0, "cc"), 0);
        assert_int_equal(json_find(&json, 0, "\\u0063"), 0);
}

static void test_what_is_no_object_has_no_members(void **state) {
        struct json json = accepted("[\"a\",1]");

        assert_int_equal(json_find(&json, 0, "a"), 0);
        assert_int_equal(json_find(&json, 1, "a"), 0);
        assert_int_equal(json_find(&json, 99, "a"), 0);
}

static void test_a_string_is_compared_decoded_and_whole(void **state) {
        struct json json = accepted("[\"abc\",\"a\\u0062c\",\"abc\\u0000\",1,\"\"]");

        assert_true(json_is(&json, 1, "abc"));
        assert_true(json_is(&json, 2, "abc"));
        assert_false(json_is(&json, 3, "abc"));
        assert_false(json_is(&json, 2, "ab"));
        assert_false(json_is(&json, 2, "abcd"));
        assert_false(json_is(&json, 1, "ab"));
        assert_false(json_is(&json, 1, "abcd"));
        assert_false(json_is(&json, 4, "1"));
        assert_true(json_is(&json, 5, ""));
        assert_false(json_is(&json, 1, ""));
        assert_false(json_is(&json, 6, ""));
}

static void test_a_string_is_decoded_only_if_it_fits(void **state) {
        struct json json = accepted("[\"abcd\",\"\\u00e9\\n\\n\",\"\"]");
        char buf[8];

        for (uint32_t i = 1; i <= 2; i++) {
                strcpy(buf, "before");
                assert_int_equal(json_read_string(&json, i, buf, 4), -ENOBUFS);
                assert_int_equal(json_read_string(&json, i, buf, 0), -ENOBUFS);
                assert_string_equal(buf, "before");
                assert_int_equal(json_read_string(&json, i, buf, 5), 4);
        }
        assert_string_equal(buf, "\xc3\xa9\n\n");
        assert_int_equal(json_read_string(&json, 3, buf, 1), 0);
        assert_string_equal(buf, "");
}

static void test_no_string_and_one_with_u0000_are_not_decoded(void **state) {
        struct json json = accepted("[1,null,\"a\\u0000b\",{}]");
        char buf[8] = "before";

        for (uint32_t i = 0; i <= 5; i++)
                assert_int_equal(json_read_string(&json, i, buf, sizeof(buf)), -EINVAL);
        assert_string_equal(buf, "before");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_kind_of_value_may_be_the_root),
                cmocka_unit_test(test_white_space_may_stand_between_all_tokens),
                cmocka_unit_test(test_tokens_say_where_a_value_starts_and_ends_and_what_is_inside),
                cmocka_unit_test(test_a_text_cut_short_anywhere_is_refused),
                cmocka_unit_test(test_brackets_commas_and_colons_stand_where_they_belong),
                cmocka_unit_test(test_words_are_spelled_exactly),
                cmocka_unit_test(test_a_nul_is_refused_anywhere_in_the_text),
                cmocka_unit_test(test_a_key_that_comes_twice_is_refused),
                cmocka_unit_test(test_keys_that_only_look_alike_are_accepted),
                cmocka_unit_test(test_a_key_with_u0000_is_refused),
                cmocka_unit_test(test_depth_is_bounded),
                cmocka_unit_test(test_tokens_are_bounded),
                cmocka_unit_test(test_thousands_of_tokens_are_read_when_there_is_room),
                cmocka_unit_test(test_a_member_is_found_by_its_decoded_name),
                cmocka_unit_test(test_what_is_no_object_has_no_members),
                cmocka_unit_test(test_a_string_is_compared_decoded_and_whole),
                cmocka_unit_test(test_a_string_is_decoded_only_if_it_fits),
                cmocka_unit_test(test_no_string_and_one_with_u0000_are_not_decoded),
        };

        return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
