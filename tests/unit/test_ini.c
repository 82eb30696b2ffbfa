/* ini: entries come one at a time with their lines; what could be meant in two ways is an error that names
 * its line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ini.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static struct ini ini;
static struct ini_entry entry;
static const char *problem;

static void start(const char *text) {
        ini_init(&ini, text, strlen(text));
}

static int next(void) {
        problem = NULL;
        return ini_next(&ini, &entry, &problem);
}

static void assert_section(unsigned line, const char *section) {
        assert_int_equal(next(), INI_SECTION);
        assert_int_equal(entry.line, line);
        assert_string_equal(entry.section, section);
        assert_null(entry.key);
}

static void assert_key(unsigned line, const char *key, const char *value) {
        assert_int_equal(next(), INI_KEY);
        assert_int_equal(entry.line, line);
        assert_string_equal(entry.key, key);
        assert_string_equal(entry.value, value);
        assert_null(entry.section);
}

/* Behind "[s]\n", on line 2. */
static void assert_problem_n(const char *line, size_t size, int error, const char *expected) {
        char text[8192] = "[s]\n";

        assert_true(4 + size < sizeof(text));
        memcpy(text + 4, line, size);
        ini_init(&ini, text, 4 + size);
        assert_section(1, "s");
        assert_int_equal(next(), error);
        assert_int_equal(entry.line, 2);
        assert_non_null(problem);
        assert_non_null(strstr(problem, expected));
}

static void assert_problem(const char *line, const char *expected) {
        assert_problem_n(line, strlen(line), -EINVAL, expected);
}

static void test_an_empty_text_has_no_entries(void **state) {
        static const char *const empty[] = { "", "\n", "\n\n", "  \t \n", "# a comment", "; another\n#\n",
                " # indented" };

        for (size_t i = 0; i < N(empty); i++) {
                start(empty[i]);
                assert_int_equal(next(), 0);
                assert_int_equal(next(), 0);
        }
}

static void test_sections_and_keys_come_in_order_with_their_lines(void **state) {
        start("# head\n\n[daemon]\nkey = value\n\n;\n[policy customer]\nmax_devices=5\nusers =\n[x]");
        assert_section(3, "daemon");
        assert_key(4, "key", "value");
        assert_section(7, "policy customer");
        assert_key(8, "max_devices", "5");
        assert_key(9, "users", "");
        assert_section(10, "x");
        assert_int_equal(next(), 0);
}

static void test_white_space_around_is_dropped_and_inside_kept(void **state) {
        start("  [ policy \t a ]\t\n\tkey name\t =  a  b\tc \t");
        assert_section(1, "policy \t a");
        assert_key(2, "key name", "a  b\tc");
        assert_int_equal(next(), 0);
}

static void test_a_value_is_taken_as_it_is(void **state) {
        start("[s]\na = b = c\nd = \"quoted\"\ne = x # no comment\nf = [x]\ng = a\\b\nh = "
              "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
        assert_section(1, "s");
        assert_key(2, "a", "b = c");
        assert_key(3, "d", "\"quoted\"");
        assert_key(4, "e", "x # no comment");
        assert_key(5, "f", "[x]");
        assert_key(6, "g", "a\\b");
        assert_key(7, "h", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void test_an_empty_section_name_is_the_callers_to_judge(void **state) {
        start("[]\n[ ]");
        assert_section(1, "");
        assert_section(2, "");
}

static void test_a_broken_section_header_is_refused(void **state) {
        static const char *const wrong[] = { "[", "[s", "[s] # comment", "[s] x", "[s]]", "[[s]", "[a][b]",
                "[s]=" };

        for (size_t i = 0; i < N(wrong); i++)
                assert_problem(wrong[i], "[NAME]");
}

static void test_a_line_that_is_no_setting_is_refused(void **state) {
        assert_problem("max_devices 5", "no =");
        assert_problem("s]", "no =");
        assert_problem("= 5", "no key");
        assert_problem("=", "no key");
}

static void test_a_key_before_any_section_is_refused(void **state) {
        start("\n# head\nkey = value\n");
        assert_int_equal(next(), -EINVAL);
        assert_int_equal(entry.line, 3);
        assert_non_null(strstr(problem, "before any [section]"));
}

static void test_a_continuation_line_is_refused(void **state) {
        assert_problem("key = a \\", "continuation");
        assert_problem("key = a \\  ", "continuation");
        assert_problem("key = \\\n b", "continuation");
}

static void test_bytes_that_are_no_text_are_refused_in_comments_too(void **state) {
        static const char *const bad_utf8[] = { "\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xc3(",
                "\xe0\x80\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80", "\xff" };

        for (size_t i = 0; i < N(bad_utf8); i++) {
                char line[32];

                snprintf(line, sizeof(line), "key = %s", bad_utf8[i]);
                assert_problem(line, "UTF-8");
                snprintf(line, sizeof(line), "# %s\n", bad_utf8[i]);
                assert_problem(line, "UTF-8");
        }
        assert_problem_n("key = a\0b", 9, -EINVAL, "NUL");
        assert_problem_n("# a\0b", 5, -EINVAL, "NUL");
        assert_problem("key = value\r\n", "carriage return");
        assert_problem("key = \x1b[31m", "control");
        assert_problem("key = \x7f", "control");
        assert_problem("key = \xc2\x9b", "control");
}

static void test_the_longest_line_is_read_and_one_byte_more_refused(void **state) {
        char line[INI_LINE_MAX + 2];

        memset(line, '#', sizeof(line));
        line[INI_LINE_MAX] = '\0';
        start(line);
        assert_int_equal(next(), 0);
}

static void test_an_overlong_line_is_refused_whatever_it_is(void **state) {
        char line[INI_LINE_MAX + 1];

        memset(line, '#', sizeof(line));
        assert_problem_n(line, sizeof(line), -E2BIG, "4096");
        memset(line, ' ', sizeof(line));
        assert_problem_n(line, sizeof(line), -E2BIG, "4096");
}

static void test_the_longest_value_is_read_and_one_byte_more_refused(void **state) {
        char text[INI_LINE_MAX] = "[s]\nkey=";

        memset(text + 8, 'x', INI_VALUE_MAX);
        start(text);
        assert_section(1, "s");
        assert_int_equal(next(), INI_KEY);
        assert_int_equal(strlen(entry.value), INI_VALUE_MAX);
        memset(text + 4 + 4, 'x', INI_VALUE_MAX + 1);
        assert_problem_n(text + 4, 4 + INI_VALUE_MAX + 1, -E2BIG, "4000");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_empty_text_has_no_entries),
                cmocka_unit_test(test_sections_and_keys_come_in_order_with_their_lines),
                cmocka_unit_test(test_white_space_around_is_dropped_and_inside_kept),
                cmocka_unit_test(test_a_value_is_taken_as_it_is),
                cmocka_unit_test(test_an_empty_section_name_is_the_callers_to_judge),
                cmocka_unit_test(test_a_broken_section_header_is_refused),
                cmocka_unit_test(test_a_line_that_is_no_setting_is_refused),
                cmocka_unit_test(test_a_key_before_any_section_is_refused),
                cmocka_unit_test(test_a_continuation_line_is_refused),
                cmocka_unit_test(test_bytes_that_are_no_text_are_refused_in_comments_too),
                cmocka_unit_test(test_the_longest_line_is_read_and_one_byte_more_refused),
                cmocka_unit_test(test_an_overlong_line_is_refused_whatever_it_is),
                cmocka_unit_test(test_the_longest_value_is_read_and_one_byte_more_refused),
        };

        return cmocka_run_group_tests_name("ini", tests, NULL, NULL);
}
