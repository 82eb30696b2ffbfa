/* The module in auth stacks: preauth, authfail, authsucc. */
#include "tests/unit/pam_stage.h"

static int account(int flags) {
        return stage.pam_acct_mgmt(stage.pamh, flags);
}

static int authenticate(const char *line, enum frame_outcome outcome, const char *text) {
        int r;

        begin(line);
        daemon_will_answer(outcome, "", text);
        r = stage.pam_authenticate(stage.pamh, 0);
        assert_true(stage.act == ANSWER);
        return r;
}

static void test_the_auth_lines_ask_and_are_never_a_success(void **state) {
        static const struct {
                const char *line;
                enum frame_phase phase;
        } lines[] = { { "preauth", FRAME_PREAUTH }, { "authfail", FRAME_AUTHFAIL },
                { "authsucc", FRAME_AUTHSUCC } };

        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(authenticate(lines[i].line, FRAME_OK, ""), IGNORED);
                assert_asked(lines[i].phase);
                assert_int_equal(stage.request.flags & FRAME_USER_UNKNOWN, 0);
                assert_int_equal(
                        authenticate(lines[i].line, FRAME_DENIED, "4 attempts remaining"), PAM_AUTH_ERR);
                assert_asked(lines[i].phase);
                assert_string_equal(stage.heard, "error:4 attempts remaining|");
                assert_int_equal(authenticate(lines[i].line, FRAME_FAILED, "x"), IGNORED);
                assert_asked(lines[i].phase);
        }
}

static void test_an_auth_line_without_a_word_asks_nothing(void **state) {
        begin("");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), IGNORED);
        assert_nobody_called();
}

static void test_the_words_of_an_auth_line_are_wrong_elsewhere(void **state) {
        begin("preauth on_error=deny");
        assert_int_equal(account(0), PAM_PERM_DENIED);
        begin("preauth authfail on_error=deny");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), PAM_AUTH_ERR);
        assert_nobody_called();
}

static void test_a_name_that_nobody_has_is_marked_in_auth_lines(void **state) {
        begin_as("sshd", "no-such-user-here", "authfail");
        daemon_will_answer(FRAME_DENIED, "", "");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), PAM_AUTH_ERR);
        assert_asked(FRAME_AUTHFAIL);
        assert_int_equal(stage.request.flags & FRAME_USER_UNKNOWN, FRAME_USER_UNKNOWN);
        assert_int_equal(stage.request.uid, UINT32_MAX);
        assert_string_equal(stage.request.user, "no-such-user-here");
        begin_as("sshd", "no\nsuch", "preauth");
        daemon_will_answer(FRAME_OK, "", "");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), IGNORED);
        assert_asked(FRAME_PREAUTH);
        assert_string_equal(stage.request.user, "?");
}

static void test_root_is_refused_by_a_lock_and_never_by_trouble(void **state) {
        begin_as("sshd", "root", "preauth");
        daemon_will_answer(FRAME_DENIED, "", "locked");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), PAM_AUTH_ERR);
        assert_asked(FRAME_PREAUTH);
        begin_as("sshd", "root", "preauth on_error=deny");
        daemon_will_answer(FRAME_FAILED, "", "x");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), IGNORED);
        assert_asked(FRAME_PREAUTH);
        begin("preauth on_error=deny");
        daemon_will_answer(FRAME_FAILED, "", "x");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), PAM_AUTH_ERR);
        assert_asked(FRAME_PREAUTH);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                stage_test(test_the_auth_lines_ask_and_are_never_a_success),
                stage_test(test_an_auth_line_without_a_word_asks_nothing),
                stage_test(test_the_words_of_an_auth_line_are_wrong_elsewhere),
                stage_test(test_a_name_that_nobody_has_is_marked_in_auth_lines),
                stage_test(test_root_is_refused_by_a_lock_and_never_by_trouble),
        };

        return cmocka_run_group_tests_name("pam_auth", tests, stage_build, NULL);
}
