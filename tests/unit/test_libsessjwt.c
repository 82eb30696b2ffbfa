/* The library: what it sends, the errors that it is answered, and the connection as callers see it. */
#include "tests/unit/canned_server.h"

/* ---- what is sent ------------------------------------------------------------------------------------ */

static void test_each_method_sends_its_name_and_its_parameters(void **state) {
        struct server *s = *state;
        static const char *const expected[] = {
                "{\"method\":\"org.sessjwt.Introspect\",\"parameters\":{\"token\":\"t\",\"audience\":\"a\","
                "\"realm\":\"r\",\"roles\":[\"x\",\"y\\\"\"]}}",
                "{\"method\":\"org.sessjwt.MintToken\",\"parameters\":{\"sessionId\":\"s1\",\"audience\":"
                "\"a\"}}",
                "{\"method\":\"org.sessjwt.IssueRefreshToken\",\"parameters\":{\"sessionId\":\"s1\"}}",
                "{\"method\":\"org.sessjwt.Refresh\",\"parameters\":{\"refreshToken\":\"r1\"}}",
                "{\"method\":\"org.sessjwt.ListSessions\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\","
                "\"all\":true},"
                "\"more\":true}",
                "{\"method\":\"org.sessjwt.GetSession\",\"parameters\":{\"sessionId\":\"s1\"}}",
                "{\"method\":\"org.sessjwt.RevokeSession\",\"parameters\":{\"sessionId\":\"s1\",\"reason\":"
                "\"x\"}}",
                "{\"method\":\"org.sessjwt.RevokeAll\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\"}}",
                "{\"method\":\"org.sessjwt.ResetUser\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\"}}",
                "{\"method\":\"org.sessjwt.PurgeUser\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\"}}",
        };

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ },
                { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ },
                { WRITE, "{}" });
        assert_int_equal(sessjwt_introspect(s->c, "t", "a", "r", (const char *const[]){ "x", "y\"" }, 2), 0);
        assert_int_equal(sessjwt_mint_token(s->c, "s1", "a"), 0);
        assert_int_equal(sessjwt_issue_refresh_token(s->c, "s1"), 0);
        assert_int_equal(sessjwt_refresh(s->c, NULL), -EINVAL);
        assert_int_equal(sessjwt_refresh(s->c, "r1"), 0);
        assert_int_equal(sessjwt_list_sessions(s->c, "u", "r", true), 0);
        assert_int_equal(sessjwt_get_session(s->c, "s1"), 0);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", "x"), 0);
        assert_int_equal(sessjwt_revoke_all(s->c, "u", "r"), 0);
        assert_int_equal(sessjwt_reset_user(s->c, "u", "r"), 0);
        assert_int_equal(sessjwt_purge_user(s->c, "u", "r"), 0);
        server_end(s);
        assert_int_equal(s->n_calls, 10);
        for (size_t i = 0; i < 10; i++)
                assert_string_equal(s->calls[i], expected[i]);
}

static void test_a_null_argument_is_an_absent_parameter(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_introspect(s->c, "t", NULL, NULL, NULL, 0), 0);
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", NULL), 0);
        assert_int_equal(sessjwt_revoke_all(s->c, NULL, NULL), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "{\"token\":\"t\"}"));
        assert_null(strstr(s->calls[1], "\"all\""));
        assert_null(strstr(s->calls[2], "reason"));
        assert_null(strstr(s->calls[3], "user"));
}

static void test_methods_without_parameters_send_none(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_get_keys(s->c), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_revoke_others(s->c), 0);
        assert_int_equal(sessjwt_reload(s->c), 0);
        assert_int_equal(sessjwt_mint_token(s->c, NULL, NULL), 0);
        assert_int_equal(sessjwt_get_status_list(s->c), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "\"org.sessjwt.GetKeys\""));
        assert_non_null(strstr(s->calls[1], "\"org.sessjwt.GetHealth\""));
        assert_non_null(strstr(s->calls[2], "\"org.sessjwt.RevokeOthers\""));
        assert_non_null(strstr(s->calls[3], "\"org.sessjwt.Reload\""));
        assert_null(strstr(s->calls[4], "sessionId"));
        assert_non_null(strstr(s->calls[5], "\"org.sessjwt.GetStatusList\""));
}

static void test_the_calls_of_keys_are_written_as_the_interface_has_them(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_list_keys(s->c), 0);
        assert_int_equal(sessjwt_rotate_key(s->c, false), 0);
        assert_int_equal(sessjwt_rotate_key(s->c, true), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "\"org.sessjwt.ListKeys\""));
        assert_null(strstr(s->calls[0], "more"));
        assert_non_null(strstr(s->calls[1], "\"org.sessjwt.RotateKey\""));
        assert_null(strstr(s->calls[1], "compromised"));
        assert_non_null(strstr(s->calls[2], "{\"compromised\":true}"));
}

static void test_the_question_for_a_policy_is_written_as_the_interface_has_it(void **state) {
        struct server *s = *state;

        assert_int_equal(sessjwt_explain_policy(s->c, NULL, NULL, NULL), -EINVAL);
        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_explain_policy(s->c, "alice", NULL, NULL), 0);
        assert_int_equal(sessjwt_explain_policy(s->c, "alice", "login", "shop"), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "\"org.sessjwt.ExplainPolicy\""));
        assert_non_null(strstr(s->calls[0], "{\"user\":\"alice\"}"));
        assert_non_null(strstr(s->calls[1], "{\"user\":\"alice\",\"service\":\"login\",\"realm\":\"shop\"}"));
}

static void test_statistics_are_asked_for_without_a_parameter(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_get_statistics(s->c), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "\"org.sessjwt.GetStatistics\""));
}

static void test_arguments_are_quoted_so_that_none_can_add_a_member(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_get_session(s->c, "x\",\"all\":\"\n\\"), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "{\"sessionId\":\"x\\\",\\\"all\\\":\\\"\\n\\\\\"}"));
}

static void test_a_required_argument_that_is_missing_sends_nothing(void **state) {
        struct server *s = *state;

        assert_int_equal(sessjwt_introspect(s->c, NULL, NULL, NULL, NULL, 0), -EINVAL);
        assert_int_equal(sessjwt_introspect(s->c, "t", NULL, NULL, NULL, 1), -EINVAL);
        assert_int_equal(
                sessjwt_introspect(s->c, "t", NULL, NULL, (const char *const[]){ "a", NULL }, 2), -EINVAL);
        assert_int_equal(sessjwt_get_session(s->c, NULL), -EINVAL);
        assert_int_equal(sessjwt_revoke_session(s->c, NULL, "x"), -EINVAL);
}

static void test_arguments_longer_than_a_call_are_refused(void **state) {
        struct server *s = *state;
        static char token[MESSAGE_MAX + 2];
        const char *const roles[] = { token };

        memset(token, 'a', MESSAGE_MAX + 1);
        assert_int_equal(sessjwt_introspect(s->c, token, NULL, NULL, NULL, 0), -E2BIG);
        assert_int_equal(sessjwt_introspect(s->c, "t", NULL, NULL, roles, 1), -E2BIG);
        token[MESSAGE_MAX - 20] = 0; /* fits the parameters and not the call */
        assert_int_equal(sessjwt_introspect(s->c, token, NULL, NULL, NULL, 0), -E2BIG);
}

static void test_an_argument_that_is_not_utf8_is_refused(void **state) {
        struct server *s = *state;

        assert_int_equal(sessjwt_get_session(s->c, "\xff"), -EILSEQ);
        assert_null(sessjwt_reply(s->c));
}

/* ---- errors ------------------------------------------------------------------------------------------ */

static const struct step error_steps[] = {
#define ERROR(name, params)                                                                                  \
        { READ }, {                                                                                          \
                WRITE, "{\"error\":\"" name "\",\"parameters\":" params "}"                                  \
        }
        { ACCEPT },
        ERROR("org.varlink.service.InterfaceNotFound", "{\"interface\":\"d\"}"),
        ERROR("org.varlink.service.MethodNotFound", "{\"method\":\"d\"}"),
        ERROR("org.varlink.service.MethodNotImplemented", "{\"method\":\"d\"}"),
        ERROR("org.varlink.service.InvalidParameter", "{\"parameter\":\"d\"}"),
        ERROR("org.sessjwt.SessionNotFound", "{\"sessionId\":\"d\"}"),
        ERROR("org.sessjwt.SessionEnded", "{\"sessionId\":\"x\",\"endReason\":\"d\"}"),
        ERROR("org.sessjwt.RealmNotFound", "{\"realm\":\"d\"}"),
        ERROR("org.sessjwt.StoreUnavailable", "{\"reason\":\"d\"}"),
        ERROR("org.sessjwt.ConfigurationInvalid", "{\"message\":\"d\"}"),
        ERROR("org.sessjwt.TooManyKeys", "{\"limit\":32}"),
        ERROR("org.sessjwt.TooManyChanges", "{\"limit\":50}"),
        ERROR("org.sessjwt.TooMuchUnread", "{\"limit\":16777216}"),
        ERROR("org.sessjwt.NotPublished", "{\"reason\":\"d\"}"),
        ERROR("org.sessjwt.RefreshTokenReused", "{\"sessionId\":\"d\"}"),
        ERROR("org.sessjwt.RefreshTokenExpired", "{\"sessionId\":\"d\"}"),
        ERROR("org.sessjwt.InvalidRefreshToken", "{}"),
        ERROR("org.sessjwt.NamesUnavailable", "{}"),
        ERROR("org.sessjwt.UserNotFound", "{\"user\":\"d\"}"),
        ERROR("org.sessjwt.PermissionDenied", "{}"), /* not ours: it is the service's */
        ERROR("org.varlink.service.PermissionDenied", "{}"),
        ERROR("org.varlink.service.ExpectedMore", "{}"),
        ERROR("org.sessjwt.NoSession", "{}"),
        ERROR("org.sessjwt.SessionNotFound", "{}"),
        ERROR("org.sessjwt.SessionNotFound", "{\"sessionId\":[]}"),
        { END },
};

static void test_each_error_of_the_interface_has_its_number_and_its_detail(void **state) {
        struct server *s = *state;
        static const struct {
                int number;
                const char *detail;
        } expected[] = {
                { SESSJWT_E_INTERFACE_NOT_FOUND, "d" },
                { SESSJWT_E_METHOD_NOT_FOUND, "d" },
                { SESSJWT_E_METHOD_NOT_IMPLEMENTED, "d" },
                { SESSJWT_E_INVALID_PARAMETER, "d" },
                { SESSJWT_E_SESSION_NOT_FOUND, "d" },
                { SESSJWT_E_SESSION_ENDED, "d" },
                { SESSJWT_E_REALM_NOT_FOUND, "d" },
                { SESSJWT_E_STORE_UNAVAILABLE, "d" },
                { SESSJWT_E_CONFIGURATION_INVALID, "d" },
                { SESSJWT_E_TOO_MANY_KEYS, "32" },
                { SESSJWT_E_TOO_MANY_CHANGES, "50" },
                { SESSJWT_E_TOO_MUCH_UNREAD, "16777216" },
                { SESSJWT_E_NOT_PUBLISHED, "d" },
                { SESSJWT_E_REFRESH_TOKEN_REUSED, "d" },
                { SESSJWT_E_REFRESH_TOKEN_EXPIRED, "d" },
                { SESSJWT_E_INVALID_REFRESH_TOKEN, NULL },
                { SESSJWT_E_NAMES_UNAVAILABLE, NULL },
                { SESSJWT_E_USER_NOT_FOUND, "d" },
                { SESSJWT_E_OTHER, "org.sessjwt.PermissionDenied" },
                { SESSJWT_E_PERMISSION_DENIED, NULL },
                { SESSJWT_E_EXPECTED_MORE, NULL },
                { SESSJWT_E_NO_SESSION, NULL },
                { SESSJWT_E_SESSION_NOT_FOUND, NULL },
                { SESSJWT_E_SESSION_NOT_FOUND, NULL },
        };

        server_start(s, error_steps);
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
                const char *detail;

                assert_int_equal(sessjwt_get_session(s->c, "s1"), expected[i].number);
                detail = sessjwt_error_detail(s->c);
                if (expected[i].detail)
                        assert_string_equal(detail, expected[i].detail);
                else
                        assert_null(detail);
                if (expected[i].number == SESSJWT_E_SESSION_ENDED)
                        assert_string_equal(sessjwt_reply_string(s->c, "sessionId"), "x");
        }
        server_end(s);
}

static void test_every_number_has_a_sentence_of_its_own(void **state) {
        for (int i = -4096; i <= SESSJWT_E_TOO_MUCH_UNREAD + 1; i++) {
                assert_non_null(sessjwt_error_text(i));
                assert_true(*sessjwt_error_text(i));
        }
        for (int i = 0; i <= SESSJWT_E_TOO_MUCH_UNREAD; i++)
                for (int k = 0; k < i; k++)
                        assert_string_not_equal(sessjwt_error_text(i), sessjwt_error_text(k));
        assert_string_equal(sessjwt_error_text(SESSJWT_E_TOO_MUCH_UNREAD + 1), "Unknown error");
        assert_string_equal(sessjwt_error_text(INT32_MIN), "Unknown error");
        assert_string_equal(sessjwt_error_text(-EACCES), "Permission denied");
}

/* ---- the connection ---------------------------------------------------------------------------------- */

static void test_connecting_opens_nothing_and_closing_takes_anything(void **state) {
        struct sessjwt *c = NULL;
        size_t n = count_fds();

        assert_int_equal(sessjwt_connect(NULL, &c), 0);
        assert_int_equal(count_fds(), n);
        sessjwt_close(&c);
        assert_null(c);
        sessjwt_close(&c);
        sessjwt_close(NULL);
}

static void test_a_path_that_no_socket_can_have_is_refused(void **state) {
        struct sessjwt *c = NULL;
        char path[109];

        memset(path, 'a', sizeof path - 1);
        path[sizeof path - 1] = 0;
        assert_int_equal(sessjwt_connect(path, &c), -ENAMETOOLONG);
        assert_int_equal(sessjwt_connect("", &c), -EINVAL);
        assert_null(c);
        path[sizeof path - 2] = 0;
        assert_int_equal(sessjwt_connect(path, &c), 0);
        assert_int_equal(sessjwt_get_health(c), -ENOENT);
        sessjwt_close(&c);
}

int main(void) {
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                SERVED(test_each_method_sends_its_name_and_its_parameters),
                SERVED(test_a_null_argument_is_an_absent_parameter),
                SERVED(test_methods_without_parameters_send_none),
                SERVED(test_the_calls_of_keys_are_written_as_the_interface_has_them),
                SERVED(test_the_question_for_a_policy_is_written_as_the_interface_has_it),
                SERVED(test_statistics_are_asked_for_without_a_parameter),
                SERVED(test_arguments_are_quoted_so_that_none_can_add_a_member),
                SERVED(test_a_required_argument_that_is_missing_sends_nothing),
                SERVED(test_arguments_longer_than_a_call_are_refused),
                SERVED(test_an_argument_that_is_not_utf8_is_refused),
                SERVED(test_each_error_of_the_interface_has_its_number_and_its_detail),
                cmocka_unit_test(test_every_number_has_a_sentence_of_its_own),
                cmocka_unit_test(test_connecting_opens_nothing_and_closing_takes_anything),
                cmocka_unit_test(test_a_path_that_no_socket_can_have_is_refused),
        };

        return cmocka_run_group_tests_name("libsessjwt", tests, NULL, NULL);
}
