/* json: strings and numbers to their last byte. */
#include "tests/unit/json_text.h"

/* ---- reading: strings -------------------------------------------------------------------------------- */

static const char *decoded(const char *text) {
        static char buf[256];
        struct json json = accepted(text);

        assert_true(json_read_string(&json, 0, buf, sizeof(buf)) >= 0);
        assert_true(json_is(&json, 0, buf));
        return buf;
}

static void test_escapes_are_decoded(void **state) {
        assert_string_equal(decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t");
        assert_string_equal(decoded("\"\\u0041\\u00e9\\u20AC\""), "A\xc3\xa9\xe2\x82\xac");
        assert_string_equal(decoded("\"\\ud83d\\ude00!\""), "\xf0\x9f\x98\x80!");
        assert_string_equal(decoded("\"\\uDBFF\\uDFFF\""), "\xf4\x8f\xbf\xbf");
        assert_string_equal(decoded("\"\\ud7ff\\ue000\""), "\xed\x9f\xbf\xee\x80\x80");
        assert_string_equal(decoded("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""),
                "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
}

static void test_unknown_and_broken_escapes_are_refused(void **state) {
        static const char *const texts[] = { "\"\\\"", "\"\\a\"", "\"\\'\"", "\"\\0\"", "\"\\x41\"",
                "\"\\U0041\"", "\"\\u\"", "\"\\u004\"", "\"\\u004g\"", "\"\\u+041\"", "\"\\u 041\"",
                "\"\\u00:0\"", "\"\\u00/0\"", "\"\\u00@0\"", "\"\\u00`0\"" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                refused(texts[i]);
}

static void test_a_lone_surrogate_is_refused(void **state) {
        static const char *const texts[] = { "\"\\ud800\"", "\"\\udbff\"", "\"\\udc00\"", "\"\\udfff\"",
                "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"", "\"\\ud800\\u0041\"",
                "\"\\udc00\\ud800\"", "\"\\ud800\\udbff\"", "\"\\ud800\\ue000\"", "\"\\ud800\\udc0\"",
                "\"\\ud800udc00\"" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                refused(texts[i]);
}

static void test_control_characters_must_be_escaped(void **state) {
        char text[] = "\"abcdefgh?\"";

        for (int c = 1; c < 0x20; c++) {
                text[9] = (char) c;
                refused(text);
        }
        accepted("\"\x7f\"");
}

/* Every place within and behind the eight bytes that are looked at together. */
static void test_a_special_byte_is_seen_wherever_it_stands(void **state) {
        static const char bad[] = { '\n', '\x80', '\xff', '\xc0', '\\' };
        char text[40];

        for (size_t n = 1; n < 30; n++)
                for (size_t at = 1; at <= n; at++)
                        for (size_t b = 0; b < sizeof(bad); b++) {
                                memset(text, 'a', sizeof(text));
                                text[0] = text[n + 1] = '"';
                                text[at] = bad[b];
                                refused_n(text, n + 2);
                        }
}

static void test_utf8_is_checked_to_the_last_byte(void **state) {
        static const char *const good[] = { "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
        static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
                "\xc2\xc2", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82",
                "\xe2\x82\x41", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xf0\x90\x80", "\xf0\x90\x80\x41", "\xfe",
                "\xff" };
        char text[16];

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                snprintf(text, sizeof(text), "\"%s\"", good[i]);
                assert_string_equal(decoded(text), good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                snprintf(text, sizeof(text), "\"%s\"", bad[i]);
                refused(text);
        }
}

/* ---- reading: numbers -------------------------------------------------------------------------------- */

static void test_numbers_follow_the_grammar(void **state) {
        static const char *const bad[] = { "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1.e1", "1e",
                "1e+", "1e-", "1E", "1.5.5", "1e5e5", "1e1.5", "0x10", "1_000", "--1", "1-", "1a", "- 1" };
        static const char *const good[] = { "0", "-0", "10", "0.0", "-0.0", "0e0", "1e5", "1E+5", "1e-05",
                "1.25e2", "0.1", "1e-999", "0e999999999999999999999" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                refused(bad[i]);
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                accepted(good[i]);
}

static void test_integers_reach_to_the_ends_of_int64_and_no_further(void **state) {
        assert_int_equal(accepted("0").tokens[0].integer, 0);
        assert_int_equal(accepted("-0").tokens[0].integer, 0);
        assert_true(accepted("9223372036854775807").tokens[0].integer == INT64_MAX);
        assert_true(accepted("-9223372036854775808").tokens[0].integer == INT64_MIN);
        assert_true(accepted("-9223372036854775808").tokens[0].exact);
        refused("9223372036854775808");
        refused("-9223372036854775809");
        refused("18446744073709551616");
        refused("99999999999999999999999999999999999999999999");
}

struct real {
        const char *text;
        int64_t integer;
        bool exact;
};

static void test_reals_are_truncated_and_clamped_and_say_whether_they_are_whole(void **state) {
        static const struct real reals[] = {
                { "1.0", 1, true },
                { "-1.0", -1, true },
                { "1.5", 1, false },
                { "-1.5", -1, false },
                { "-0.0", 0, true },
                { "0.999", 0, false },
                { "1e3", 1000, true },
                { "12.50e1", 125, true },
                { "12.55e1", 125, false },
                { "1234e-2", 12, false },
                { "1200e-2", 12, true },
                { "5e-1", 0, false },
                { "0.001e3", 1, true },
                { "0.000e99999999999999999999", 0, true },
                { "1e-99999999999999999999", 0, false },
                { "9223372036854775807.0", INT64_MAX, true },
                { "-9223372036854775808.0", INT64_MIN, true },
                { "9.223372036854775807e18", INT64_MAX, true },
                { "9223372036854775808.0", INT64_MAX, false },
                { "-9223372036854775809e0", INT64_MIN, false },
                { "1e19", INT64_MAX, false },
                { "-1e300", INT64_MIN, false },
        };

        for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++) {
                struct json json = accepted(reals[i].text);

                assert_int_equal(json.tokens[0].type, JSON_REAL);
                if (json.tokens[0].integer != reals[i].integer || json.tokens[0].exact != reals[i].exact)
                        fail_msg("%s", reals[i].text);
        }
}

static void test_a_real_beyond_doubles_is_refused(void **state) {
        struct json json;

        accepted("9.99e307");
        accepted("-0.00999e310");
        assert_int_equal(read_n("1e308", 5, &json), -EBADMSG); /* jansson ends at 1.8e308 */
        refused("1e309");
        refused("-1e309");
        refused("0.001e312");
        refused("1e99999999999999999999");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escapes_are_decoded),
                cmocka_unit_test(test_unknown_and_broken_escapes_are_refused),
                cmocka_unit_test(test_a_lone_surrogate_is_refused),
                cmocka_unit_test(test_control_characters_must_be_escaped),
                cmocka_unit_test(test_a_special_byte_is_seen_wherever_it_stands),
                cmocka_unit_test(test_utf8_is_checked_to_the_last_byte),
                cmocka_unit_test(test_numbers_follow_the_grammar),
                cmocka_unit_test(test_integers_reach_to_the_ends_of_int64_and_no_further),
                cmocka_unit_test(test_reals_are_truncated_and_clamped_and_say_whether_they_are_whole),
                cmocka_unit_test(test_a_real_beyond_doubles_is_refused),
        };

        return cmocka_run_group_tests_name("json_text", tests, NULL, NULL);
}
