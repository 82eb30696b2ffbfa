/* log: one event, one line, and nothing in it that ends the line or drives a terminal. */
#include "tests/unit/process_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/log.h"

/* What is said to standard error while `say` runs. */
static const char *heard(void (*say)(void)) {
        static char text[8192];
        int was = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), fds[2];
        ssize_t n;

        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
        say();
        assert_int_equal(dup2(was, STDERR_FILENO), STDERR_FILENO);
        n = read(fds[0], text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        close(was);
        close(fds[0]);
        close(fds[1]);
        return text;
}

static void say_line(void) {
        log_line(LOG_NOTICE, "login of %s, %d", "alice", 7);
}

static void say_error(void) {
        errno = ENOENT;
        log_line(LOG_ERR, "cannot read it: %m");
}

static void say_debug(void) {
        log_line(LOG_DEBUG, "detail");
}

static void test_a_line_is_a_line_and_debugging_is_silent(void **state) {
        assert_string_equal(heard(say_line), "login of alice, 7\n");
        assert_string_equal(heard(say_error), "cannot read it: No such file or directory\n");
        assert_string_equal(heard(say_debug), "");
}

#define HOSTILE  "bob\nsession opened: root\r\033]0;x\007\x7f\t\001"
#define HARMLESS "bob\\x0asession opened: root\\x0d\\x1b]0;x\\x07\\x7f\\x09\\x01"

static void say_hostile_line(void) {
        log_line(LOG_INFO, "denied: %s", HOSTILE);
}

static void say_hostile_event(void) {
        log_event(&(struct log_kind){ LOG_INFO, "denied", NULL }, "denied: " HOSTILE, NULL, 0);
}

static void test_no_name_forges_a_line_or_drives_a_terminal(void **state) {
        assert_string_equal(heard(say_hostile_line), "denied: " HARMLESS "\n");
        assert_string_equal(heard(say_hostile_event), "denied: " HARMLESS "\n");
}

static void say_names_in_other_scripts(void) {
        log_line(LOG_INFO, "login of \xc3\xa4\xe4\xbd\xa0\xf0\x9f\x90\xb1");
}

static void test_letters_of_all_scripts_stay_as_they_are(void **state) {
        assert_string_equal(
                heard(say_names_in_other_scripts), "login of \xc3\xa4\xe4\xbd\xa0\xf0\x9f\x90\xb1\n");
}

static void say_very_much(void) {
        static char text[6000];

        memset(text, '\n', sizeof(text) - 1);
        log_line(LOG_INFO, "%s", text);
        memset(text, 'x', sizeof(text) - 1);
        log_line(LOG_INFO, "%s", text);
}

static void test_a_line_has_a_bound(void **state) {
        const char *text = heard(say_very_much), *end = strchr(text, '\n');

        assert_non_null(end);
        assert_true(end - text > 1000 && end - text < 2048);
        assert_true(strspn(text, "\\x0a") == (size_t) (end - text));
        assert_true(strlen(end + 1) > 1000 && strlen(end + 1) <= 2048);
        assert_int_equal(end[strlen(end) - 1], '\n');
}

/* More fields than there is room for, empty ones, and one that is hostile. */
static void say_fields(void) {
        struct log_field fields[40] = { { "SID", "" }, { "USER", NULL }, { "NOTE", HOSTILE } };

        for (size_t i = 3; i < 40; i++)
                fields[i] = (struct log_field){ "NAME_THAT_IS_LONGER_THAN_ANY_THAT_THE_DAEMON_HAS", "value" };
        log_event(&(struct log_kind){ LOG_INFO, "login", "00112233445566778899aabbccddeeff" }, "opened",
                fields, 40);
}

static void test_fields_are_for_the_journal_alone(void **state) {
        assert_string_equal(heard(say_fields), "opened\n");
}

/* Which of the two it is, is found out once: in a process of its own. */
static void child_speaks_to_a_journal(int fd, void *userdata) {
        struct stat st;
        char text[64];
        int fds[2];

        if (pipe2(fds, O_NONBLOCK) < 0 || dup2(fds[1], STDERR_FILENO) < 0 || fstat(STDERR_FILENO, &st) < 0)
                _exit(1);
        snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long) st.st_dev,
                (unsigned long long) st.st_ino + *(int *) userdata);
        (void) setenv("JOURNAL_STREAM", text, 1);
        say_line();
        say_fields();
        if ((read(fds[0], text, sizeof(text)) > 0) != *(int *) userdata)
                _exit(1);
}

static void test_with_a_journal_nothing_is_said_twice(void **state) {
        struct child child = child_start(child_speaks_to_a_journal, &(int){ 0 });

        child_kill(&child);
        child = child_start(child_speaks_to_a_journal, &(int){ 1 }); /* another file is not the journal */
        child_kill(&child);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_with_a_journal_nothing_is_said_twice), /* before it is found out here */
                cmocka_unit_test(test_a_line_is_a_line_and_debugging_is_silent),
                cmocka_unit_test(test_no_name_forges_a_line_or_drives_a_terminal),
                cmocka_unit_test(test_letters_of_all_scripts_stay_as_they_are),
                cmocka_unit_test(test_a_line_has_a_bound),
                cmocka_unit_test(test_fields_are_for_the_journal_alone),
        };

        (void) unsetenv("JOURNAL_STREAM");
        return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
