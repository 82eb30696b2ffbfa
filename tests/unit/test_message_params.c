/* message: parameters into the fields of a struct, and which of them is to blame. */
#include "tests/unit/message_call.h"

/* A call with these parameters. */
static void given(const char *params) {
        static char text[8192];

        assert_in_range(snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":%s}", params), 1,
                sizeof(text) - 1);
        taken(text);
}

static const struct message_field fields[] = {
        MESSAGE_FIELD_STRING(struct params, text, "text", true),
        MESSAGE_FIELD_STRING(struct params, other, "other", false),
        MESSAGE_FIELD(struct params, number, "number", MESSAGE_INTEGER, false),
        MESSAGE_FIELD(struct params, flag, "flag", MESSAGE_BOOL, false),
        MESSAGE_FIELD(struct params, list, "list", MESSAGE_STRINGS, false),
        { 0 },
};

static struct params read_params(const char *text) {
        struct params p = {
                .other = "pre", .number = 42, .flag = true, .list = { .n = 1, .items = { "pre" } }
        };
        char name[METHOD_NAME_MAX + 1];

        given(text);
        if (message_read(&call, fields, &p, name) != 0)
                fail_msg("%s: %s", name, text);
        return p;
}

static void blames(const char *text, const char *expected) {
        char name[METHOD_NAME_MAX + 1] = "";
        struct params p = { 0 };

        given(text);
        assert_int_equal(message_read(&call, fields, &p, name), MESSAGE_INVALID_PARAMETER);
        assert_string_equal(name, expected);
}

static void test_every_type_of_field_is_read(void **state) {
        struct params p =
                read_params("{\"list\":[\"a\",\"\\u0062\",\"\"],\"flag\":false,\"number\":-5,\"other\":\"o\","
                            "\"te\\u0078t\":\"t\\u00e9/\\\"\"}");

        assert_string_equal(p.text, "t\xc3\xa9/\"");
        assert_string_equal(p.other, "o");
        assert_int_equal(p.number, -5);
        assert_false(p.flag);
        assert_int_equal(p.list.n, 3);
        assert_string_equal(p.list.items[0], "a");
        assert_string_equal(p.list.items[1], "b");
        assert_string_equal(p.list.items[2], "");
}

static void test_a_field_that_is_absent_or_null_keeps_its_value(void **state) {
        static const char *const texts[] = { "{\"text\":\"t\"}",
                "{\"text\":\"t\",\"other\":null,\"number\":null,\"flag\":null,\"list\":null}" };

        for (size_t i = 0; i < 2; i++) {
                struct params p = read_params(texts[i]);

                assert_string_equal(p.other, "pre");
                assert_int_equal(p.number, 42);
                assert_true(p.flag);
                assert_int_equal(p.list.n, 1);
        }
}

static void test_a_required_field_that_is_missing_or_null_is_blamed(void **state) {
        blames("{}", "text");
        blames("null", "text");
        blames("{\"other\":\"o\"}", "text");
        blames("{\"text\":null}", "text");
        blames("{\"list\":[\"text\"]}", "text");
        taken("{\"method\":\"a.B\"}");
        assert_int_equal(message_read(&call, fields, &(struct params){ 0 }, (char[METHOD_NAME_MAX + 1]){ 0 }),
                MESSAGE_INVALID_PARAMETER);
}

static void test_an_unknown_field_is_blamed_by_its_decoded_name(void **state) {
        char text[512], name[METHOD_NAME_MAX + 2];

        blames("{\"text\":\"t\",\"x\":1}", "x");
        blames("{\"text\":\"t\",\"\":1}", "");
        blames("{\"x\":null,\"text\":\"t\"}", "x");
        blames("{\"text\":\"t\",\"Text\":\"t\"}", "Text");
        blames("{\"text\":\"t\",\"\\u00e9\\n\":1}", "\xc3\xa9\n");
        memset(name, 'a', sizeof(name));
        name[METHOD_NAME_MAX] = '\0';
        snprintf(text, sizeof(text), "{\"%s\":1}", name);
        blames(text, name);
        name[METHOD_NAME_MAX] = 'a';
        name[METHOD_NAME_MAX + 1] = '\0';
        snprintf(text, sizeof(text), "{\"%s\":1}", name);
        blames(text, "(too long)");
}

static void test_the_first_field_at_fault_is_blamed(void **state) {
        blames("{\"flag\":1,\"number\":\"\",\"x\":1}", "flag");
        blames("{\"x\":1,\"flag\":1}", "x");
        blames("{\"flag\":1}", "flag");
}

static void test_a_field_of_the_wrong_type_is_blamed(void **state) {
        static const char *const names[] = { "text", "other", "number", "flag", "list" };
        static const char *const values[] = { "\"t\"", "\"t\"", "1", "true", "[]" };
        static const char *const wrong[] = { "\"t\"", "1", "true", "[]", "{}", "1.5" };
        char text[64];

        for (size_t i = 0; i < 5; i++)
                for (size_t j = 0; j < 6; j++)
                        if (strcmp(values[i], wrong[j]) != 0) {
                                snprintf(text, sizeof(text), "{\"%s\":%s}", names[i], wrong[j]);
                                blames(text, names[i]);
                        }
}

/* Go writes an int that it holds as float as 1.0 or 1e+06. */
static void test_a_real_without_fraction_is_an_integer(void **state) {
        assert_int_equal(read_params("{\"text\":\"\",\"number\":1.0}").number, 1);
        assert_int_equal(read_params("{\"text\":\"\",\"number\":1e+06}").number, 1000000);
        assert_int_equal(read_params("{\"text\":\"\",\"number\":-12.50e1}").number, -125);
        blames("{\"number\":1.5}", "number");
        blames("{\"number\":1e-1}", "number");
        blames("{\"number\":1e19}", "number");
        blames("{\"number\":9223372036854775808.0}", "number");
        assert_true(read_params("{\"text\":\"\",\"number\":9223372036854775807}").number == INT64_MAX);
}

static void test_a_string_fits_or_is_blamed(void **state) {
        assert_string_equal(read_params("{\"text\":\"12345678\"}").text, "12345678");
        assert_string_equal(read_params("{\"text\":\"123456\\u00e9\"}").text, "123456\xc3\xa9");
        blames("{\"text\":\"123456789\"}", "text");
        blames("{\"text\":\"1234567\\u00e9\"}", "text");
        blames("{\"text\":\"t\",\"other\":\"12345\"}", "other");
}

static void test_control_characters_in_a_string_are_blamed(void **state) {
        static const char *const bad[] = { "\\u0000", "a\\u0000", "\\u0001", "\\n", "\\t", "\\u001b",
                "\\u001f", "\\u007f", "\x7f", "a\x7f", "\\u0080", "\\u0085", "\\u009b", "\\u009f", "\xc2\x80",
                "\xc2\x9f",
                "ab\xc2\x9b"
                "c" };
        static const char *const good[] = { " ", "~", "\xc2\xa0", "\\u00a0", "\xc3\x80", "\xe2\x80\x80",
                "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "\\\"\\\\" };
        char text[64];

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                snprintf(text, sizeof(text), "{\"text\":\"%s\"}", bad[i]);
                blames(text, "text");
                snprintf(text, sizeof(text), "{\"list\":[\"a\",\"%s\"]}", bad[i]);
                blames(text, "list");
        }
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                snprintf(text, sizeof(text), "{\"text\":\"%s\"}", good[i]);
                read_params(text);
        }
}

static void list_of(char *text, size_t n, size_t length) {
        char item[ROLE_MAX + 2];

        memset(item, 'a', length);
        item[length] = '\0';
        strcpy(text, "{\"text\":\"t\",\"list\":[");
        for (size_t i = 0; i < n; i++)
                sprintf(text + strlen(text), "%s\"%s\"", i ? "," : "", item);
        strcat(text, "]}");
}

static void test_a_list_holds_so_many_strings_of_such_a_length(void **state) {
        char text[4096];

        list_of(text, 0, 0);
        assert_int_equal(read_params(text).list.n, 0);
        list_of(text, MESSAGE_STRINGS_MAX, ROLE_MAX);
        assert_int_equal(read_params(text).list.n, MESSAGE_STRINGS_MAX);
        list_of(text, MESSAGE_STRINGS_MAX + 1, 1);
        blames(text, "list");
        list_of(text, 1, ROLE_MAX + 1);
        blames(text, "list");
        blames("{\"list\":[\"a\",1]}", "list");
        blames("{\"list\":[null]}", "list");
        blames("{\"list\":[[\"a\"]]}", "list");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_type_of_field_is_read),
                cmocka_unit_test(test_a_field_that_is_absent_or_null_keeps_its_value),
                cmocka_unit_test(test_a_required_field_that_is_missing_or_null_is_blamed),
                cmocka_unit_test(test_an_unknown_field_is_blamed_by_its_decoded_name),
                cmocka_unit_test(test_the_first_field_at_fault_is_blamed),
                cmocka_unit_test(test_a_field_of_the_wrong_type_is_blamed),
                cmocka_unit_test(test_a_real_without_fraction_is_an_integer),
                cmocka_unit_test(test_a_string_fits_or_is_blamed),
                cmocka_unit_test(test_control_characters_in_a_string_are_blamed),
                cmocka_unit_test(test_a_list_holds_so_many_strings_of_such_a_length),
        };

        return cmocka_run_group_tests_name("message_params", tests, NULL, NULL);
}
