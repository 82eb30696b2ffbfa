/* What the module asks a user at his limit, when it asks nobody, and what it makes of his answer. */
#include "pam_stage.h"

#define LIST     "You are signed in already:\n* laptop\n"
#define QUESTION "1 sign out the oldest (*), 2 sign out all others, 3 give up: "

static struct {
        const char *answers[8]; /* after the last one the conversation fails */
        const char *no_text;    /* the conversation succeeds, and this is all it gives: NULL */
        size_t n_prompts;
        char prompts[2048]; /* each with a '|' behind it */
        bool was_blind;     /* one came without echo */

        struct frame_reply second; /* to the answer */
        enum act second_act;
        uint32_t flags; /* of the first frame */
        sem_t closed;   /* the module has left its first connection */
        bool held;      /* it had not when the user was asked */
} person;

/* While a person thinks, the daemon holds nothing for him. */
static int answer(const struct pam_message *message, struct pam_response *ret) {
        size_t n = person.n_prompts++, used = strlen(person.prompts);
        struct timespec until;

        snprintf(person.prompts + used, sizeof(person.prompts) - used, "%s|", message->msg);
        person.was_blind |= message->msg_style != PAM_PROMPT_ECHO_ON;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += GUARD_MSEC / 1000;
        if (n == 0)
                person.held = sem_timedwait(&person.closed, &until) < 0;
        if (!person.answers[n])
                return PAM_CONV_ERR;
        ret->resp = person.answers[n] == person.no_text ? NULL : strdup(person.answers[n]);
        return PAM_SUCCESS;
}

static void take_choice(void) {
        person.flags = stage.request.flags;
        stage.reply = person.second;
        stage.act = person.second_act;
        sem_post(&person.closed);
        if (person.answers[0])
                daemon_serve();
}

/* A login whose account is answered with a question. */
static void begin_asked(const char *service, const char *tty, const char *user, const char *options) {
        begin_as(service, user, options);
        assert_int_equal(stage.pam_set_item(stage.pamh, PAM_TTY, tty), PAM_SUCCESS);
        memset(&person, 0, sizeof(person));
        assert_int_equal(sem_init(&person.closed, 0, 0), 0);
        stage.prompt = answer;
        stage.then = take_choice;
        person.second = (struct frame_reply){ .outcome = FRAME_OK };
        person.second_act = ANSWER;
}

static int account_asked(void) {
        int rc;

        daemon_will_answer(FRAME_ASKS, "", LIST);
        rc = stage.pam_acct_mgmt(stage.pamh, 0);
        daemon_join();
        assert_int_equal(stage.read_result, 0);
        assert_false(person.was_blind);
        assert_false(person.held);
        return rc;
}

static void begin_ssh(const char *options, const char *first_answer) {
        begin_asked("sshd", "ssh", SOMEBODY, options);
        person.answers[0] = first_answer;
}

/* ---- the question ------------------------------------------------------------------------------------- */

static void test_the_choices_are_sent_and_account_goes_on(void **state) {
        static const struct {
                const char *text;
                enum frame_choice choice;
        } cases[] = { { "1", FRAME_CHOICE_OLDEST }, { "2", FRAME_CHOICE_OTHERS },
                { " 2 ", FRAME_CHOICE_OTHERS }, { "\t1\r\n", FRAME_CHOICE_OLDEST } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                begin_ssh("", cases[i].text);
                assert_int_equal(account_asked(), PAM_SUCCESS);
                assert_int_equal(person.flags, FRAME_CAN_ASK);
                assert_int_equal(stage.request.phase, FRAME_CHOOSE);
                assert_int_equal(stage.request.choice, cases[i].choice);
                assert_string_equal(stage.request.user, SOMEBODY);
                assert_string_equal(person.prompts, LIST QUESTION "|");
                assert_string_equal(stage.heard, "");
        }
}

static void test_who_gives_up_is_refused_and_reads_why(void **state) {
        static const char *const texts[] = { "3", "", " ", "\n", " 3\n" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                begin_ssh("", texts[i]);
                person.second = (struct frame_reply){ .outcome = FRAME_DENIED, .text = "You gave up." };
                assert_int_equal(account_asked(), PAM_PERM_DENIED);
                assert_int_equal(stage.request.choice, FRAME_CHOICE_GIVE_UP);
                assert_int_equal(person.n_prompts, 1);
                assert_string_equal(stage.heard, "error:You gave up.|");
        }
}

static void test_what_is_no_answer_is_asked_again(void **state) {
        static const char *const wrong[] = { "4", "0", "11", "1 2", "yes", "-1", "1x", "\xff", "\x1b[A" };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                begin_ssh("", wrong[i]);
                person.answers[1] = wrong[i];
                person.answers[2] = "2";
                assert_int_equal(account_asked(), PAM_SUCCESS);
                assert_int_equal(stage.request.choice, FRAME_CHOICE_OTHERS);
                assert_string_equal(person.prompts, LIST QUESTION "|" QUESTION "|" QUESTION "|");
        }
}

static void test_three_wrong_answers_sign_out_nobody(void **state) {
        char *longest = malloc(100001);

        assert_non_null(longest);
        memset(longest, '1', 100000);
        longest[100000] = '\0';
        begin_ssh("", "secret");
        person.answers[1] = longest;
        person.answers[2] = "?";
        person.answers[3] = "1";
        person.second = (struct frame_reply){ .outcome = FRAME_DENIED };
        assert_int_equal(account_asked(), PAM_PERM_DENIED);
        assert_int_equal(person.n_prompts, 3);
        assert_int_equal(stage.request.choice, FRAME_CHOICE_GIVE_UP);
        free(longest);
}

/* ---- who is asked ------------------------------------------------------------------------------------- */

static void test_a_login_on_a_terminal_can_be_asked(void **state) {
        static const char *const services[] = { "login", "remote" };

        for (int i = 0; i < 2; i++) {
                begin_asked(services[i], i ? "tty1" : "/dev/pts/3", SOMEBODY, "");
                person.answers[0] = "1";
                assert_int_equal(account_asked(), PAM_SUCCESS);
                assert_int_equal(person.flags, FRAME_CAN_ASK);
                assert_int_equal(stage.request.choice, FRAME_CHOICE_OLDEST);
        }
}

/* The daemon is told that nobody can be asked; if it asks all the same, it is not obeyed. */
static void assert_not_asked(
        const char *service, const char *tty, const char *user, const char *options, int flags) {
        begin_asked(service, tty, user, options);
        daemon_will_answer(FRAME_ASKS, "", LIST);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, flags), IGNORED);
        daemon_join();
        assert_int_equal(person.flags & FRAME_CAN_ASK, 0);
        assert_int_equal(person.n_prompts, 0);
        assert_nobody_called();
        assert_string_equal(stage.heard, "");
}

static void test_nobody_is_asked_where_no_person_would_answer(void **state) {
        assert_not_asked("cockpit", "web", SOMEBODY, "", 0);
        assert_not_asked("gdm-password", "tty2", SOMEBODY, "", 0);
        assert_not_asked("login", "", SOMEBODY, "", 0);
        assert_not_asked("login", "\x1b[A", SOMEBODY, "", 0);
        assert_not_asked("sshd", "", SOMEBODY, "", 0);
        assert_not_asked("sshd", "ssh2", SOMEBODY, "", 0);
}

static void test_nobody_is_asked_in_silence(void **state) {
        assert_not_asked("sshd", "ssh", SOMEBODY, "", PAM_SILENT);
        assert_not_asked("sshd", "ssh", SOMEBODY, "quiet", 0);
}

static void test_who_is_never_refused_is_not_asked(void **state) {
        assert_not_asked("sshd", "ssh", "root", "", 0);
        assert_not_asked("sshd", "ssh", SOMEBODY, "break_glass=nogroup", 0);
}

/* sshd's password method and key logins: a prompt fails. */
static void test_where_the_conversation_fails_account_goes_on_and_nothing_is_shown(void **state) {
        begin_ssh("on_error=deny", NULL);
        assert_int_equal(account_asked(), PAM_SUCCESS);
        assert_int_equal(person.n_prompts, 1);
        assert_int_equal(stage.request.phase, FRAME_ACCOUNT);
        assert_nobody_called();
        assert_string_equal(stage.heard, "");
}

static void test_an_answer_without_text_is_none(void **state) {
        begin_asked("sshd", "ssh", SOMEBODY, "");
        stage.then = NULL;
        person.no_text = "nothing";
        person.answers[0] = person.no_text;
        sem_post(&person.closed);
        assert_int_equal(account_asked(), PAM_SUCCESS);
        assert_int_equal(person.n_prompts, 1);
        assert_int_equal(stage.request.phase, FRAME_ACCOUNT);
        assert_nobody_called();
}

/* ---- the daemon's answer to the choice ---------------------------------------------------------------- */

static int chosen(const char *options, const char *text, enum act act, enum frame_outcome outcome) {
        begin_ssh(options, text);
        person.second_act = act;
        person.second = (struct frame_reply){ .outcome = outcome };
        return account_asked();
}

static void test_a_choice_that_was_not_kept_is_trouble(void **state) {
        assert_int_equal(chosen("", "1", ANSWER, FRAME_FAILED), IGNORED);
        assert_int_equal(chosen("on_error=deny", "1", ANSWER, FRAME_FAILED), PAM_PERM_DENIED);
        assert_int_equal(chosen("timeout=20ms", "2", SAY_NOTHING, FRAME_OK), IGNORED);
        assert_int_equal(chosen("timeout=20ms on_error=deny", "2", SAY_NOTHING, FRAME_OK), PAM_PERM_DENIED);
        assert_int_equal(chosen("", "1", READ_AND_HANG_UP, FRAME_OK), IGNORED);
}

static void test_who_gives_up_is_refused_whatever_the_daemon_says(void **state) {
        assert_int_equal(chosen("", "3", ANSWER, FRAME_OK), PAM_PERM_DENIED);
        assert_int_equal(chosen("", "3", ANSWER, FRAME_FAILED), PAM_PERM_DENIED);
        assert_int_equal(chosen("", "3", ANSWER, FRAME_UNSUPPORTED), PAM_PERM_DENIED);
        assert_int_equal(chosen("", "3", READ_AND_HANG_UP, FRAME_OK), PAM_PERM_DENIED);
        assert_int_equal(chosen("timeout=200ms", "3", SAY_NOTHING, FRAME_OK), PAM_PERM_DENIED);
}

/* Thinking costs nothing of what open may wait. */
static void test_the_budget_begins_anew_with_the_answer(void **state) {
        begin_ssh("timeout=1s", "1");
        assert_int_equal(account_asked(), PAM_SUCCESS);
        daemon_will_answer(FRAME_OK, SID, "");
        stage.then = NULL;
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SUCCESS);
        assert_asked(FRAME_OPEN);
        assert_int_equal(stage.request.choice, FRAME_CHOICE_NONE);
        assert_int_equal(stage.request.flags & FRAME_CAN_ASK, 0);
}

/* A second question is no answer to a choice. */
static void test_there_is_one_question(void **state) {
        assert_int_equal(chosen("", "1", ANSWER, FRAME_ASKS), IGNORED);
        assert_int_equal(person.n_prompts, 1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                stage_test(test_the_choices_are_sent_and_account_goes_on),
                stage_test(test_who_gives_up_is_refused_and_reads_why),
                stage_test(test_what_is_no_answer_is_asked_again),
                stage_test(test_three_wrong_answers_sign_out_nobody),
                stage_test(test_a_login_on_a_terminal_can_be_asked),
                stage_test(test_nobody_is_asked_where_no_person_would_answer),
                stage_test(test_nobody_is_asked_in_silence),
                stage_test(test_who_is_never_refused_is_not_asked),
                stage_test(test_where_the_conversation_fails_account_goes_on_and_nothing_is_shown),
                stage_test(test_an_answer_without_text_is_none),
                stage_test(test_a_choice_that_was_not_kept_is_trouble),
                stage_test(test_who_gives_up_is_refused_whatever_the_daemon_says),
                stage_test(test_the_budget_begins_anew_with_the_answer),
                stage_test(test_there_is_one_question),
        };

        return cmocka_run_group_tests_name("pam_choice", tests, stage_build, NULL);
}
