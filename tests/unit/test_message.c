/* message: calls and replies; test_message_params has what stands in calls. */
#include "tests/unit/message_call.h"

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

        /* root, two keys, method, parameters, "a" and its array are 7; the rest are numbers */
        for (int i = 1; i < MESSAGE_TOKENS_MAX - 7; i++)
                strcat(text, ",0");
        strcat(text, "]}}");
        taken(text);
        assert_int_equal(call.json.n_tokens, MESSAGE_TOKENS_MAX);
        strcpy(text + strlen(text) - 3, ",0]}}");
        assert_int_equal(read_call(text), -E2BIG);
        taken("{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[]]]]]]}}");
        assert_int_equal(read_call("{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[[]]]]]]]}}"), -E2BIG);
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
                cmocka_unit_test(test_a_reply_is_written_and_read_back),
                cmocka_unit_test(test_an_error_is_written_and_read_back),
                cmocka_unit_test(test_a_call_is_written_and_read_back),
                cmocka_unit_test(test_a_reply_may_lack_everything),
                cmocka_unit_test(test_a_reply_that_breaks_a_rule_is_refused),
        };

        return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
