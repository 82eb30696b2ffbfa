/* What the module asks, and what it makes of each answer. */
#include "pam_stage.h"

static int account(int flags) {
        return stage.pam_acct_mgmt(stage.pamh, flags);
}

static int open_session(int flags) {
        return stage.pam_open_session(stage.pamh, flags);
}

static int close_session(int flags) {
        return stage.pam_close_session(stage.pamh, flags);
}

/* One account call that gets this outcome. */
static int account_answered(const char *user, const char *options, int flags, enum frame_outcome outcome) {
        int rc;

        begin_as("sshd", user, options);
        daemon_will_answer(outcome, "", "A text.");
        rc = account(flags);
        assert_asked(FRAME_ACCOUNT);
        return rc;
}

static int open_answered(const char *user, const char *options, int flags, enum frame_outcome outcome,
        const char *session_id) {
        int rc;

        begin_as("sshd", user, options);
        daemon_will_answer(outcome, session_id, "A text.");
        rc = open_session(flags);
        assert_asked(FRAME_OPEN);
        return rc;
}

static void open_one(const char *session_id) {
        daemon_will_answer(FRAME_OK, session_id, "");
        assert_int_equal(open_session(0), PAM_SUCCESS);
        assert_asked(FRAME_OPEN);
}

/* A close that reaches the daemon with this session id. */
static void close_one(const char *session_id) {
        daemon_will_answer(FRAME_OK, "", "");
        assert_int_equal(close_session(0), PAM_SUCCESS);
        assert_asked(FRAME_CLOSE);
        assert_string_equal(stage.request.session_id, session_id);
}

/* ---- what is asked ------------------------------------------------------------------------------------ */

static void test_the_daemon_is_told_who_logs_in(void **state) {
        const struct passwd *user = getpwnam(SOMEBODY);

        begin("realm=shop");
        stage.pam_set_item(stage.pamh, PAM_TTY, "ssh");
        stage.pam_set_item(stage.pamh, PAM_RHOST, "192.0.2.7");
        stage.pam_set_item(stage.pamh, PAM_RUSER, "alice");
        stage.pam_putenv(stage.pamh, "SSH_CONNECTION=192.0.2.7 51000 192.0.2.1 22");
        stage.pam_putenv(stage.pamh, "SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA\npassword\n");
        open_one(SID);
        assert_string_equal(stage.request.user, SOMEBODY);
        assert_int_equal(stage.request.uid, user->pw_uid);
        assert_string_equal(stage.request.service, "sshd");
        assert_string_equal(stage.request.realm, "shop");
        assert_string_equal(stage.request.tty, "ssh");
        assert_string_equal(stage.request.rhost, "192.0.2.7");
        assert_string_equal(stage.request.ruser, "alice");
        assert_string_equal(stage.request.ssh_connection, "192.0.2.7 51000 192.0.2.1 22");
        assert_string_equal(stage.request.auth_info, "publickey ssh-ed25519 AAAA\npassword\n");
        assert_string_equal(stage.request.session_id, "");
        assert_int_equal(stage.request.flags, 0);
        assert_in_range(stage.request.n_groups, 1, GROUPS_MAX);
        assert_int_equal(stage.request.groups[0], user->pw_gid);
}

static void test_a_pidfd_of_the_caller_comes_with_every_frame(void **state) {
        begin("");
        daemon_will_answer(FRAME_OK, "", "");
        assert_int_equal(account(0), PAM_SUCCESS);
        assert_asked(FRAME_ACCOUNT);
        assert_int_equal(stage.pidfd_pid, getpid());
        open_one(SID);
        assert_int_equal(stage.pidfd_pid, getpid());
        close_one(SID);
        assert_int_equal(stage.pidfd_pid, getpid());
}

static void test_items_that_are_absent_or_empty_are_sent_as_empty(void **state) {
        begin("");
        stage.pam_set_item(stage.pamh, PAM_RHOST, "");
        assert_int_equal((daemon_will_answer(FRAME_OK, "", ""), account(0)), PAM_SUCCESS);
        assert_asked(FRAME_ACCOUNT);
        assert_string_equal(stage.request.tty, "");
        assert_string_equal(stage.request.rhost, "");
        assert_string_equal(stage.request.ruser, "");
        assert_string_equal(stage.request.ssh_connection, "");
        assert_string_equal(stage.request.auth_info, "");
        assert_string_equal(stage.request.realm, SESSJWT_DEFAULT_REALM);
}

static void test_items_that_cannot_be_carried_are_a_question_mark(void **state) {
        char longer[RHOST_MAX + 2];

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        begin("on_error=deny");
        stage.pam_set_item(stage.pamh, PAM_RHOST, longer);
        stage.pam_set_item(stage.pamh, PAM_TTY, "ssh\nsshd: accepted root");
        stage.pam_set_item(stage.pamh, PAM_RUSER, "\x1b[2J");
        open_one(SID);
        assert_string_equal(stage.request.rhost, "?");
        assert_string_equal(stage.request.tty, "?");
        assert_string_equal(stage.request.ruser, "?");
}

static void test_a_user_cannot_break_the_request_by_the_pam_environment(void **state) {
        size_t size = sizeof("SSH_AUTH_INFO_0=") + AUTH_INFO_MAX;
        char *variable = calloc(1, size + 1);

        assert_non_null(variable);
        strcpy(variable, "SSH_AUTH_INFO_0=");
        memset(variable + strlen(variable), 'k', AUTH_INFO_MAX);
        begin("on_error=deny");
        assert_int_equal(stage.pam_putenv(stage.pamh, variable), PAM_SUCCESS);
        stage.pam_putenv(stage.pamh, "SSH_CONNECTION=192.0.2.7\n 51000 192.0.2.1 22");
        open_one(SID);
        assert_int_equal(strlen(stage.request.auth_info), AUTH_INFO_MAX);
        assert_int_equal(stage.request.flags, FRAME_DENIES_ON_ERROR);
        assert_string_equal(stage.request.ssh_connection, "");

        variable[size - 1] = 'k';
        assert_int_equal(stage.pam_putenv(stage.pamh, variable), PAM_SUCCESS);
        open_one(SID);
        assert_string_equal(stage.request.auth_info, "");
        assert_int_equal(stage.request.flags, FRAME_DENIES_ON_ERROR | FRAME_AUTH_INFO_OMITTED);
        free(variable);
}

static void test_the_environment_of_the_process_is_not_read(void **state) {
        setenv("SSH_AUTH_INFO_0", "publickey ssh-ed25519 EVIL", 1);
        setenv("SSH_CONNECTION", "192.0.2.66 1 192.0.2.1 22", 1);
        begin("");
        open_one(SID);
        unsetenv("SSH_AUTH_INFO_0");
        unsetenv("SSH_CONNECTION");
        assert_string_equal(stage.request.auth_info, "");
        assert_string_equal(stage.request.ssh_connection, "");
}

static void test_silence_is_passed_on(void **state) {
        assert_int_equal(account_answered(SOMEBODY, "", PAM_SILENT, FRAME_OK), PAM_SUCCESS);
        assert_int_equal(stage.request.flags, FRAME_SILENT);
}

static void test_unknown_users_are_ignored_and_nobody_is_asked(void **state) {
        static const char *const users[] = { "no-such-user", "", NULL };

        for (int i = 0; i < 3; i++) {
                begin_as("sshd", users[i], "on_error=deny debug");
                if (users[i])
                        stage.pam_set_item(stage.pamh, PAM_USER, users[i]);
                assert_int_equal(account(0), IGNORED);
                assert_int_equal(open_session(0), IGNORED);
                assert_nobody_called();
        }
}

static void test_the_other_entry_points_ignore_everything(void **state) {
        begin("on_error=deny");
        assert_int_equal(stage.pam_authenticate(stage.pamh, 0), IGNORED);
        assert_int_equal(stage.pam_setcred(stage.pamh, PAM_ESTABLISH_CRED), IGNORED);
        assert_int_equal(stage.pam_chauthtok(stage.pamh, 0), IGNORED);
        assert_nobody_called();
}

/* ---- what the answer means ---------------------------------------------------------------------------- */

static void test_account_follows_each_outcome(void **state) {
        assert_int_equal(account_answered(SOMEBODY, "", 0, FRAME_OK), PAM_SUCCESS);
        assert_int_equal(account_answered(SOMEBODY, "", 0, FRAME_IGNORED), IGNORED);
        assert_int_equal(account_answered(SOMEBODY, "", 0, FRAME_DENIED), PAM_PERM_DENIED);
        assert_int_equal(account_answered(SOMEBODY, "", 0, FRAME_FAILED), IGNORED);
        assert_int_equal(account_answered(SOMEBODY, "", 0, FRAME_UNSUPPORTED), IGNORED);
}

static void test_open_follows_each_outcome(void **state) {
        assert_int_equal(open_answered(SOMEBODY, "", 0, FRAME_OK, SID), PAM_SUCCESS);
        assert_int_equal(open_answered(SOMEBODY, "", 0, FRAME_IGNORED, ""), IGNORED);
        assert_int_equal(open_answered(SOMEBODY, "", 0, FRAME_DENIED, ""), PAM_SESSION_ERR);
        assert_int_equal(open_answered(SOMEBODY, "", 0, FRAME_FAILED, ""), IGNORED);
        assert_int_equal(open_answered(SOMEBODY, "", 0, FRAME_UNSUPPORTED, ""), IGNORED);
}

static void test_on_error_deny_refuses_a_failure_and_nothing_else(void **state) {
        assert_int_equal(account_answered(SOMEBODY, "on_error=deny", 0, FRAME_FAILED), PAM_PERM_DENIED);
        assert_int_equal(open_answered(SOMEBODY, "on_error=deny", 0, FRAME_FAILED, ""), PAM_SESSION_ERR);
        assert_int_equal(stage.request.flags, FRAME_DENIES_ON_ERROR);
        assert_string_equal(stage.heard, "");
        assert_int_equal(account_answered(SOMEBODY, "on_error=deny", 0, FRAME_UNSUPPORTED), IGNORED);
        assert_int_equal(account_answered(SOMEBODY, "on_error=deny", 0, FRAME_IGNORED), IGNORED);
        assert_int_equal(account_answered(SOMEBODY, "on_error=deny", 0, FRAME_OK), PAM_SUCCESS);
}

static void test_root_always_passes(void **state) {
        assert_int_equal(account_answered("root", "on_error=deny", 0, FRAME_DENIED), IGNORED);
        assert_int_equal(open_answered("root", "on_error=deny", 0, FRAME_DENIED, ""), IGNORED);
        assert_int_equal(account_answered("root", "on_error=deny", 0, FRAME_FAILED), IGNORED);
        assert_string_equal(stage.heard, "");
        assert_int_equal(account_answered("root", "", 0, FRAME_OK), PAM_SUCCESS);
}

static void test_break_glass_always_passes(void **state) {
        const char *options = "on_error=deny break_glass=nogroup";

        assert_int_equal(account_answered(SOMEBODY, options, 0, FRAME_DENIED), IGNORED);
        assert_int_equal(stage.request.flags, FRAME_DENIES_ON_ERROR | FRAME_BREAK_GLASS);
        assert_int_equal(open_answered(SOMEBODY, options, 0, FRAME_DENIED, ""), IGNORED);
        assert_int_equal(account_answered(SOMEBODY, options, 0, FRAME_FAILED), IGNORED);
        assert_string_equal(stage.heard, "");
}

static void test_break_glass_is_for_members_of_a_group_that_exists(void **state) {
        static const char *const options[] = { "break_glass=root", "break_glass=no-such-group" };

        for (int i = 0; i < 2; i++) {
                assert_int_equal(account_answered(SOMEBODY, options[i], 0, FRAME_DENIED), PAM_PERM_DENIED);
                assert_int_equal(stage.request.flags, 0);
        }
}

static void test_a_refusal_says_why_unless_silent_or_quiet(void **state) {
        account_answered(SOMEBODY, "", 0, FRAME_DENIED);
        assert_string_equal(stage.heard, "error:A text.|");
        open_answered(SOMEBODY, "", 0, FRAME_DENIED, "");
        assert_string_equal(stage.heard, "error:A text.|");
        account_answered(SOMEBODY, "", PAM_SILENT, FRAME_DENIED);
        assert_string_equal(stage.heard, "");
        account_answered(SOMEBODY, "quiet", 0, FRAME_DENIED);
        assert_string_equal(stage.heard, "");
}

static void test_an_open_may_tell_something_unless_silent_or_quiet(void **state) {
        open_answered(SOMEBODY, "", 0, FRAME_OK, SID);
        assert_string_equal(stage.heard, "info:A text.|");
        open_answered(SOMEBODY, "", PAM_SILENT, FRAME_OK, SID);
        assert_string_equal(stage.heard, "");
        open_answered(SOMEBODY, "quiet", 0, FRAME_OK, SID);
        assert_string_equal(stage.heard, "");
        begin("");
        open_one(SID);
        assert_string_equal(stage.heard, "");
}

/* ---- what is remembered ------------------------------------------------------------------------------- */

static void test_an_open_session_is_in_the_environment_until_its_close(void **state) {
        begin("debug");
        open_one(SID);
        assert_string_equal(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"), SID);
        close_one(SID);
        assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
}

static int open_with_token_file(const char *path) {
        stage.reply = (struct frame_reply){ .outcome = FRAME_OK, .session_id = SID };
        snprintf(stage.reply.token_file, sizeof(stage.reply.token_file), "%s", path);
        daemon_will(ANSWER);
        return open_session(0);
}

static void test_a_token_file_is_in_the_environment_until_its_close(void **state) {
        char path[TOKEN_FILE_MAX + 1];

        memset(path, '/', sizeof(path));
        snprintf(path + TOKEN_FILE_MAX - SID_TEXT_MAX - 4, SID_TEXT_MAX + 5, SID ".jwt");
        begin("");
        assert_int_equal(open_with_token_file(path), PAM_SUCCESS);
        assert_asked(FRAME_OPEN);
        assert_string_equal(stage.pam_getenv(stage.pamh, "BEARER_TOKEN_FILE"), path);
        close_one(SID);
        assert_null(stage.pam_getenv(stage.pamh, "BEARER_TOKEN_FILE"));
}

static void test_without_a_token_file_the_users_own_stays(void **state) {
        begin("");
        assert_int_equal(stage.pam_putenv(stage.pamh, "BEARER_TOKEN_FILE=/home/somebody/token"), PAM_SUCCESS);
        open_one(SID);
        assert_string_equal(stage.pam_getenv(stage.pamh, "BEARER_TOKEN_FILE"), "/home/somebody/token");
        close_one(SID);
        assert_string_equal(stage.pam_getenv(stage.pamh, "BEARER_TOKEN_FILE"), "/home/somebody/token");
}

static void test_two_opens_on_one_handle_are_closed_newest_first(void **state) {
        begin("");
        open_one(SID);
        open_one(OTHER_SID);
        close_one(OTHER_SID);
        open_one(OTHER_SID);
        close_one(OTHER_SID);
        close_one(SID);
        assert_int_equal(close_session(0), PAM_SUCCESS);
        assert_nobody_called();
}

static void test_a_close_without_an_open_or_after_a_close_is_a_success_without_a_word(void **state) {
        begin("");
        assert_int_equal(close_session(0), PAM_SUCCESS);
        assert_nobody_called();
        open_one(SID);
        close_one(SID);
        assert_int_equal(close_session(PAM_SILENT), PAM_SUCCESS);
        assert_nobody_called();
}

static void test_a_refused_or_ignored_open_is_not_remembered(void **state) {
        static const enum frame_outcome outcomes[] = { FRAME_IGNORED, FRAME_DENIED, FRAME_FAILED,
                FRAME_UNSUPPORTED, FRAME_ASKS };

        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                open_answered(SOMEBODY, "", 0, outcomes[i], SID);
                assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
                (void) close_session(0);
                assert_nobody_called();
        }
}

static void test_a_close_succeeds_whatever_the_daemon_says(void **state) {
        for (int outcome = FRAME_OK; outcome <= FRAME_ASKS; outcome++) {
                open_answered(SOMEBODY, "on_error=deny", 0, FRAME_OK, SID);
                daemon_will_answer((enum frame_outcome) outcome, "", "Not yours.");
                assert_int_equal(close_session(0), PAM_SUCCESS);
                assert_asked(FRAME_CLOSE);
                assert_string_equal(stage.heard, "info:A text.|");
        }
}

static void test_an_open_beyond_the_bound_of_a_handle_still_succeeds(void **state) {
        begin("");
        for (int i = 0; i <= 64; i++)
                open_one(SID);
        for (int i = 0; i < 64; i++)
                close_one(SID);
        assert_int_equal(close_session(0), PAM_SUCCESS);
        assert_nobody_called();
}

/* As systemd does it: the session is the leader's, so the daemon decides. */
static void test_a_close_from_a_forked_child_is_asked_as_the_child(void **state) {
        pid_t child;
        int status;

        begin("");
        open_one(SID);
        daemon_will_answer(FRAME_OK, "", "");
        child = fork();
        if (child == 0)
                _exit(close_session(0));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_asked(FRAME_CLOSE);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == PAM_SUCCESS);
        assert_int_equal(stage.pidfd_pid, child);
        assert_string_equal(stage.request.session_id, SID);
        close_one(SID); /* the child's memory was its own */
}

static void test_the_end_of_a_handle_frees_and_tells_nobody(void **state) {
        begin("");
        open_one(SID);
        finish(PAM_DATA_SILENT);
        assert_nobody_called();
        begin("");
        open_one(SID);
        open_one(OTHER_SID);
        finish(0);
        assert_nobody_called();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                stage_test(test_the_daemon_is_told_who_logs_in),
                stage_test(test_a_pidfd_of_the_caller_comes_with_every_frame),
                stage_test(test_items_that_are_absent_or_empty_are_sent_as_empty),
                stage_test(test_items_that_cannot_be_carried_are_a_question_mark),
                stage_test(test_a_user_cannot_break_the_request_by_the_pam_environment),
                stage_test(test_the_environment_of_the_process_is_not_read),
                stage_test(test_silence_is_passed_on),
                stage_test(test_unknown_users_are_ignored_and_nobody_is_asked),
                stage_test(test_the_other_entry_points_ignore_everything),
                stage_test(test_account_follows_each_outcome),
                stage_test(test_open_follows_each_outcome),
                stage_test(test_on_error_deny_refuses_a_failure_and_nothing_else),
                stage_test(test_root_always_passes),
                stage_test(test_break_glass_always_passes),
                stage_test(test_break_glass_is_for_members_of_a_group_that_exists),
                stage_test(test_a_refusal_says_why_unless_silent_or_quiet),
                stage_test(test_an_open_may_tell_something_unless_silent_or_quiet),
                stage_test(test_an_open_session_is_in_the_environment_until_its_close),
                stage_test(test_a_token_file_is_in_the_environment_until_its_close),
                stage_test(test_without_a_token_file_the_users_own_stays),
                stage_test(test_two_opens_on_one_handle_are_closed_newest_first),
                stage_test(test_a_close_without_an_open_or_after_a_close_is_a_success_without_a_word),
                stage_test(test_a_refused_or_ignored_open_is_not_remembered),
                stage_test(test_a_close_succeeds_whatever_the_daemon_says),
                stage_test(test_an_open_beyond_the_bound_of_a_handle_still_succeeds),
                stage_test(test_a_close_from_a_forked_child_is_asked_as_the_child),
                stage_test(test_the_end_of_a_handle_frees_and_tells_nobody),
        };

        return cmocka_run_group_tests_name("pam_sessjwt", tests, stage_build, NULL);
}
