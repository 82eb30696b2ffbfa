/* The library and what it is answered: lists, and the members of a reply. */
#include "tests/unit/canned_server.h"

/* ---- lists ------------------------------------------------------------------------------------------- */

#define SESSION(sid) "{\"sessionId\":\"" sid "\",\"user\":\"alice\"}"
#define MORE(sid)    "{\"parameters\":{\"session\":" SESSION(sid) "},\"continues\":true}"
#define LAST(sid)    "{\"parameters\":{\"session\":" SESSION(sid) "}}"

static void assert_next(struct sessjwt *c, const char *sid) {
        const char *session = NULL;
        char expected[128];

        assert_int_equal(sessjwt_next_session(c, &session), 0);
        if (!sid) {
                assert_null(session);
                return;
        }
        snprintf(expected, sizeof expected, "{\"sessionId\":\"%s\",\"user\":\"alice\"}", sid);
        assert_string_equal(session, expected);
        assert_string_equal(sessjwt_reply(c), expected);
        assert_string_equal(sessjwt_reply_string(c, "sessionId"), sid);
}

static void test_a_list_gives_each_session_and_then_null(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { DRIP, MORE("s2") }, { WRITE, LAST("s3") },
                { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_next(s->c, "s2");
        assert_next(s->c, "s3");
        assert_next(s->c, NULL);
        assert_next(s->c, NULL);
        assert_int_equal(sessjwt_get_health(s->c), 0); /* on the same connection */
        server_end(s);
}

static void test_replies_that_come_in_one_read_are_told_apart(void **state) {
        struct server *s = *state;
        static const char three[] = MORE("s1") "\0" MORE("s2") "\0" LAST("s3");
        static const struct step steps[] = { { ACCEPT }, { READ }, { BYTES, three, sizeof three }, { END } };

        server_start(s, steps);
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        server_end(s);
        assert_next(s->c, "s1");
        assert_next(s->c, "s2");
        assert_next(s->c, "s3");
        assert_next(s->c, NULL);
}

static void test_an_empty_list_is_over_at_once(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, NULL);
        server_end(s);
}

static void test_a_list_may_end_with_a_reply_without_a_session(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") },
                { WRITE, "{\"parameters\":{\"session\":null}}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_next(s->c, NULL);
        server_end(s);
}

static void test_a_refused_list_has_no_sessions(void **state) {
        struct server *s = *state;
        const char *session;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"error\":\"org.varlink.service.PermissionDenied\"}" });
        assert_int_equal(sessjwt_list_sessions(s->c, "root", NULL, false), SESSJWT_E_PERMISSION_DENIED);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_an_error_in_the_middle_ends_the_list(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { WRITE, GONE });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_int_equal(sessjwt_next_session(s->c, &session), SESSJWT_E_SESSION_NOT_FOUND);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_a_connection_lost_in_the_middle_is_not_the_end_of_the_list(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { HANG_UP });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_int_equal(sessjwt_next_session(s->c, &session), -ECONNRESET);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
        assert_int_equal(s->n_calls, 1);
}

static void test_a_reply_in_the_middle_without_a_session_breaks_the_protocol(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"parameters\":{},\"continues\":true}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EBADMSG);
        server_end(s);
}

static void test_another_call_gives_the_rest_of_a_list_up(void **state) {
        struct server *s = *state;
        const char *session;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { ACCEPT }, { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_sessions_cannot_be_had_before_a_list_was_begun(void **state) {
        struct server *s = *state;
        const char *session;

        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
}

/* ---- the reply --------------------------------------------------------------------------------------- */

static void test_members_are_found_by_their_path(void **state) {
        struct server *s = *state;
        int64_t n = 0;
        bool b = false;

        SERVE(s, { ACCEPT }, { READ },
                { WRITE, "{\"parameters\":{\"a\":{\"b\":[\"x\",{\"c\":7}, "
                         "true]},\"s\":\"\\u00e9\\u001b\",\"n\":null,"
                         "\"nul\":\"\\u0000\"}}" });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply_string(s->c, "a.b.0"), "x");
        assert_int_equal(sessjwt_reply_integer(s->c, "a.b.1.c", &n), 0);
        assert_int_equal(n, 7);
        assert_int_equal(sessjwt_reply_bool(s->c, "a.b.2", &b), 0);
        assert_true(b);
        assert_int_equal(sessjwt_reply_count(s->c, "a.b"), 3);
        assert_string_equal(sessjwt_reply_string(s->c, "s"), "\xc3\xa9\x1b");
        assert_null(sessjwt_reply_string(s->c, "nul"));
        server_end(s);
}

static void test_what_is_not_there_or_of_another_type_is_told(void **state) {
        struct server *s = *state;
        char longest[4096];
        int64_t n = 5;
        bool b = true;

        memset(longest, 'a', sizeof longest);
        longest[sizeof longest - 1] = 0;
        SERVE(s, { ACCEPT }, { READ },
                { WRITE, "{\"parameters\":{\"s\":\"x\",\"n\":null,\"a\":[1],\"i\":1.5}}" });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_reply_integer(s->c, "s", &n), -EINVAL);
        assert_int_equal(sessjwt_reply_integer(s->c, "i", &n), -EINVAL);
        assert_int_equal(sessjwt_reply_bool(s->c, "s", &b), -EINVAL);
        assert_int_equal(sessjwt_reply_integer(s->c, "n", &n), -ENODATA);
        assert_int_equal(sessjwt_reply_bool(s->c, "gone", &b), -ENODATA);
        assert_int_equal(n, 5);
        assert_true(b);
        for (const char *const *p = (const char *const[]){ "a", "a.1", "a.x", "a.", "a.-1",
                     "a.99999999999999999999", "s.x", "", ".", "n", "n.x", longest, NULL };
                *p; p++)
                assert_null(sessjwt_reply_string(s->c, *p));
        assert_int_equal(sessjwt_reply_count(s->c, "s"), 0);
        assert_int_equal(sessjwt_reply_count(s->c, "gone"), 0);
        server_end(s);
}

static void test_the_reply_is_the_text_of_its_parameters(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"parameters\": {\"a\": 1} }" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{\"parameters\":null}" });
        assert_null(sessjwt_reply(s->c));
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{\"a\": 1}");
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{}");
        assert_null(sessjwt_reply_string(s->c, "parameters"));
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{}");
        server_end(s);
}

int main(void) {
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                SERVED(test_a_list_gives_each_session_and_then_null),
                SERVED(test_replies_that_come_in_one_read_are_told_apart),
                SERVED(test_an_empty_list_is_over_at_once),
                SERVED(test_a_list_may_end_with_a_reply_without_a_session),
                SERVED(test_a_refused_list_has_no_sessions),
                SERVED(test_an_error_in_the_middle_ends_the_list),
                SERVED(test_a_connection_lost_in_the_middle_is_not_the_end_of_the_list),
                SERVED(test_a_reply_in_the_middle_without_a_session_breaks_the_protocol),
                SERVED(test_another_call_gives_the_rest_of_a_list_up),
                SERVED(test_sessions_cannot_be_had_before_a_list_was_begun),
                SERVED(test_members_are_found_by_their_path),
                SERVED(test_what_is_not_there_or_of_another_type_is_told),
                SERVED(test_the_reply_is_the_text_of_its_parameters),
        };

        return cmocka_run_group_tests_name("libsessjwt_reply", tests, NULL, NULL);
}
