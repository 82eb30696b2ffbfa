#include "tests/oracle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/message.h"

static struct message call;

static int read_call(const char *text) {
        return message_read_call(text, strlen(text), &call);
}

static void dropped(const char *text) {
        strcpy(call.method, "before");
        if (read_call(text) != -EBADMSG)
                fail_msg("not dropped: %s", text);
        assert_string_equal(call.method, "before");
}

static void taken(const char *text) {
        if (read_call(text) != 0)
                fail_msg("dropped: %s", text);
}

/* A call with these parameters. */
static void given(const char *params) {
        static char text[8192];

        assert_in_range(snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":%s}", params), 1,
                sizeof(text) - 1);
        taken(text);
}

/* ---- calls ------------------------------------------------------------------------------------------- */

static void test_a_call_has_a_method_parameters_and_flags(void **state) {
        taken("{\"method\":\"org.sessjwt.GetHealth\",\"parameters\":{\"a\":1},\"more\":true}");
        assert_string_equal(call.method, "org.sessjwt.GetHealth");
        assert_int_equal(json_find(&call.json, call.parameters, "a"), call.parameters + 2);
        assert_true(call.more);
        assert_false(call.oneway);
        taken("{\"oneway\":true,\"method\":\"a.B\"}");
        assert_string_equal(call.method, "a.B");
        assert_false(call.more);
        assert_true(call.oneway);
}

static void test_absent_null_and_empty_parameters_are_the_same(void **state) {
        static const char *const texts[] = { "{\"method\":\"a.B\"}",
                "{\"method\":\"a.B\",\"parameters\":null}", "{\"method\":\"a.B\",\"parameters\":{}}" };
        static const struct message_field none[] = { { 0 } };
        char name[METHOD_NAME_MAX + 1];

        for (size_t i = 0; i < 3; i++) {
                taken(texts[i]);
                assert_int_equal(json_find(&call.json, call.parameters, "a"), 0);
                assert_int_equal(message_read(&call, none, NULL, name), 0);
        }
}

static void test_what_is_no_object_is_dropped(void **state) {
        static const char *const texts[] = { "", "null", "true", "1", "\"method\"", "[]",
                "[{\"method\":\"a.B\"}]", "{\"method\":\"a.B\"", "{\"method\":\"a.B\"}x",
                "{\"method\":\"a.B\"}{\"method\":\"a.B\"}" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                dropped(texts[i]);
}

static void test_a_method_must_be_there_not_empty_and_not_too_long(void **state) {
        char text[256], name[METHOD_NAME_MAX + 2];

        dropped("{}");
        dropped("{\"parameters\":{}}");
        dropped("{\"method\":\"\"}");
        dropped("{\"method\":null}");
        dropped("{\"method\":1}");
        dropped("{\"method\":{}}");
        dropped("{\"method\":[\"a.B\"]}");
        dropped("{\"method\":\"a.B\\u0000\"}");
        memset(name, 'a', sizeof(name));
        name[METHOD_NAME_MAX] = '\0';
        snprintf(text, sizeof(text), "{\"method\":\"%s\"}", name);
        taken(text);
        assert_string_equal(call.method, name);
        name[METHOD_NAME_MAX] = 'a';
        name[METHOD_NAME_MAX + 1] = '\0';
        snprintf(text, sizeof(text), "{\"method\":\"%s\"}", name);
        dropped(text);
}

static void test_an_unknown_or_repeated_top_level_key_is_dropped(void **state) {
        dropped("{\"method\":\"a.B\",\"x\":1}");
        dropped("{\"method\":\"a.B\",\"\":null}");
        dropped("{\"method\":\"a.B\",\"Method\":\"a.B\"}");
        dropped("{\"method\":\"a.B\",\"method\":\"a.B\"}");
        dropped("{\"method\":\"a.B\",\"parameters\":{},\"parameters\":{}}");
        dropped("{\"method\":\"a.B\",\"more\":true,\"more\":true}");
        dropped("{\"method\":\"a.B\",\"more\":true,\"mor\\u0065\":true}");
        dropped("{\"method\":\"a.B\",\"oneway\":false,\"oneway\":false}");
        dropped("{\"method\":\"a.B\",\"error\":\"a.C\"}");
        dropped("{\"method\":\"a.B\",\"continues\":true}");
}

static void test_upgrade_is_dropped_even_if_false(void **state) {
        dropped("{\"method\":\"a.B\",\"upgrade\":true}");
        dropped("{\"method\":\"a.B\",\"upgrade\":false}");
}

static void test_more_and_oneway_exclude_each_other(void **state) {
        dropped("{\"method\":\"a.B\",\"more\":true,\"oneway\":true}");
        dropped("{\"method\":\"a.B\",\"oneway\":true,\"more\":true}");
        taken("{\"method\":\"a.B\",\"more\":true,\"oneway\":false}");
        assert_true(call.more && !call.oneway);
        taken("{\"method\":\"a.B\",\"more\":false,\"oneway\":false}");
        assert_false(call.more || call.oneway);
}

static void test_top_level_values_of_the_wrong_type_are_dropped(void **state) {
        static const char *const flags[] = { "null", "0", "1", "\"true\"", "{}", "[]" };
        static const char *const params[] = { "true", "0", "\"\"", "[]", "[{}]" };
        char text[128];

        for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
                snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"more\":%s}", flags[i]);
                dropped(text);
                snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"oneway\":%s}", flags[i]);
                dropped(text);
        }
        for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++) {
                snprintf(text, sizeof(text), "{\"method\":\"a.B\",\"parameters\":%s}", params[i]);
                dropped(text);
        }
}

static void test_tokens_and_depth_of_a_call_are_bounded(void **state) {
        char text[1024] = "{\"method\":\"a.B\",\"parameters\":{\"a\":[0";

        /* root, two keys, method, parameters, "a", its array and 57 numbers are 64 */
        for (int i = 1; i < 57; i++)
                strcat(text, ",0");
        strcat(text, "]}}");
        taken(text);
        assert_int_equal(call.json.n_tokens, MESSAGE_TOKENS_MAX);
        strcpy(text + strlen(text) - 3, ",0]}}");
        assert_int_equal(read_call(text), -E2BIG);
        taken("{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[]]]]]]}}");
        assert_int_equal(read_call("{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[[]]]]]]]}}"), -E2BIG);
}

/* ---- parameters -------------------------------------------------------------------------------------- */

struct params {
        char text[9];
        char other[5];
        int64_t number;
        bool flag;
        struct message_strings list;
};

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

/* ---- replies ----------------------------------------------------------------------------------------- */

static char written[1024];
static struct json_token tokens[128];

static void finished(struct json_writer *w, const char *expected) {
        json_error_t error;
        json_t *value;
        size_t size;

        assert_int_equal(json_writer_finish(w, &size), 0);
        assert_true(size < sizeof(written));
        written[size] = '\0';
        assert_string_equal(written, expected);
        value = oracle_read(written, size, &error);
        assert_non_null(value);
        json_decref(value);
}

static int read_reply(const char *text, struct message_reply *ret) {
        return message_read_reply(text, strlen(text), tokens, 128, ret);
}

static void test_a_reply_is_written_and_read_back(void **state) {
        struct message_reply reply;
        struct json_writer w;

        json_writer_init(&w, written, sizeof(written));
        message_begin_reply(&w);
        json_member_integer(&w, "a", 1);
        message_end_reply(&w, false);
        finished(&w, "{\"parameters\":{\"a\":1}}");
        assert_int_equal(read_reply(written, &reply), 0);
        assert_int_equal(tokens[json_find(&reply.json, reply.parameters, "a")].integer, 1);
        assert_false(reply.continues);
        assert_string_equal(reply.error, "");

        json_writer_init(&w, written, sizeof(written));
        message_begin_reply(&w);
        message_end_reply(&w, true);
        finished(&w, "{\"parameters\":{},\"continues\":true}");
        assert_int_equal(read_reply(written, &reply), 0);
        assert_true(reply.continues);
}

static void test_an_error_is_written_and_read_back(void **state) {
        struct message_reply reply;
        struct json_writer w;

        json_writer_init(&w, written, sizeof(written));
        message_begin_error(&w, "org.varlink.service.InvalidParameter");
        json_member_string(&w, "parameter", "text");
        message_end_error(&w);
        finished(&w, "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"
                     "\"text\"}}");
        assert_int_equal(read_reply(written, &reply), 0);
        assert_string_equal(reply.error, "org.varlink.service.InvalidParameter");
        assert_true(json_is(&reply.json, json_find(&reply.json, reply.parameters, "parameter"), "text"));
}

static void test_a_call_is_written_and_read_back(void **state) {
        struct json_writer w;

        json_writer_init(&w, written, sizeof(written));
        message_write_call(&w, "a.B", NULL, false);
        finished(&w, "{\"method\":\"a.B\"}");
        taken(written);
        json_writer_init(&w, written, sizeof(written));
        message_write_call(&w, "a.B", "{\"x\":[1]}", true);
        finished(&w, "{\"method\":\"a.B\",\"parameters\":{\"x\":[1]},\"more\":true}");
        taken(written);
        assert_true(call.more);
        assert_int_not_equal(json_find(&call.json, call.parameters, "x"), 0);
}

static void test_a_reply_may_lack_everything(void **state) {
        struct message_reply reply;

        assert_int_equal(read_reply("{}", &reply), 0);
        assert_int_equal(reply.parameters, 0);
        assert_int_equal(read_reply("{\"parameters\":null,\"continues\":false}", &reply), 0);
        assert_int_equal(reply.parameters, 0);
        assert_int_equal(read_reply("{\"error\":\"a.B\"}", &reply), 0);
        assert_string_equal(reply.error, "a.B");
}

static void test_a_reply_that_breaks_a_rule_is_refused(void **state) {
        static const char *const texts[] = { "", "null", "[]", "{\"x\":1}", "{\"method\":\"a.B\"}",
                "{\"parameters\":[]}", "{\"parameters\":1}", "{\"continues\":null}", "{\"continues\":1}",
                "{\"error\":null}", "{\"error\":\"\"}", "{\"error\":1}",
                "{\"parameters\":{},\"parameters\":{}}", "{\"error\":\"a.B\",\"continues\":true}",
                "{\"continues\":true,\"error\":\"a.B\"}", "{\"parameters\":{}" };
        struct message_reply reply = { .parameters = 4711 };
        char text[256];

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                assert_int_equal(read_reply(texts[i], &reply), -EBADMSG);
        snprintf(text, sizeof(text), "{\"error\":\"%0*d\"}", METHOD_NAME_MAX + 1, 0);
        assert_int_equal(read_reply(text, &reply), -EBADMSG);
        assert_int_equal(message_read_reply("{\"parameters\":{}}", 17, tokens, 2, &reply), -E2BIG);
        assert_int_equal(reply.parameters, 4711);
        snprintf(text, sizeof(text), "{\"error\":\"%0*d\"}", METHOD_NAME_MAX, 0);
        assert_int_equal(read_reply(text, &reply), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_call_has_a_method_parameters_and_flags),
                cmocka_unit_test(test_absent_null_and_empty_parameters_are_the_same),
                cmocka_unit_test(test_what_is_no_object_is_dropped),
                cmocka_unit_test(test_a_method_must_be_there_not_empty_and_not_too_long),
                cmocka_unit_test(test_an_unknown_or_repeated_top_level_key_is_dropped),
                cmocka_unit_test(test_upgrade_is_dropped_even_if_false),
                cmocka_unit_test(test_more_and_oneway_exclude_each_other),
                cmocka_unit_test(test_top_level_values_of_the_wrong_type_are_dropped),
                cmocka_unit_test(test_tokens_and_depth_of_a_call_are_bounded),
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
                cmocka_unit_test(test_a_reply_is_written_and_read_back),
                cmocka_unit_test(test_an_error_is_written_and_read_back),
                cmocka_unit_test(test_a_call_is_written_and_read_back),
                cmocka_unit_test(test_a_reply_may_lack_everything),
                cmocka_unit_test(test_a_reply_that_breaks_a_rule_is_refused),
        };

        return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
