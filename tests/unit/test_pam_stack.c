/* Unit tests: a service's file is read as libpam reads it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cleanup.h"
#include "client/pam_stack.h"

/* A folder of services: name, text, …, NULL. */
struct folder {
        const char *files[16];
};

static int load(void *userdata, const char *file, char **ret) {
        const struct folder *folder = userdata;

        for (size_t i = 0; folder->files[i]; i += 2)
                if (strcmp(folder->files[i], file) == 0) {
                        *ret = strdup(folder->files[i + 1]);
                        return *ret ? 0 : -ENOMEM;
                }
        return -ENOENT;
}

static struct pam_stack *read_folder(const struct folder *folder, size_t lines) {
        char error[PAM_STACK_ERROR_MAX] = "";
        struct pam_stack *stack = NULL;
        size_t n;

        assert_int_equal(pam_stack_read("x", load, (void *) folder, &stack, error), 0);
        (void) pam_stack_lines(stack, &n);
        assert_int_equal(n, lines);
        return stack;
}

static struct pam_stack *read_text(const char *text, size_t lines) {
        return read_folder(&(struct folder){ { "x", text } }, lines);
}

static void refused(const struct folder *folder, const char *why) {
        char error[PAM_STACK_ERROR_MAX] = "";
        struct pam_stack *stack = NULL;

        assert_int_equal(pam_stack_read("x", load, (void *) folder, &stack, error), -EBADMSG);
        assert_string_equal(error, why);
        assert_null(stack);
}

static void test_a_line_has_type_control_module_and_arguments(void **state) {
        _cleanup_(pam_stack_free) struct pam_stack *stack =
                read_text("# a comment\n\n"
                          "  Session\t[success=ok  default=ignore] /lib/pam_a.so one [two \\] words] # rest\n"
                          "-auth required pam_b.so\n",
                        2);
        size_t n;
        const struct pam_line *lines = pam_stack_lines(stack, &n);

        assert_int_equal(lines[0].type, PAM_TYPE_SESSION);
        assert_true(lines[0].is_bracketed && !lines[0].is_silent && !lines[0].begins_stack);
        assert_string_equal(lines[0].control, "success=ok  default=ignore");
        assert_string_equal(lines[0].module, "/lib/pam_a.so");
        assert_int_equal(lines[0].n_arguments, 2);
        assert_string_equal(lines[0].arguments[1], "two ] words");
        assert_true(pam_line_has(&lines[0], "one") && !pam_line_has(&lines[0], "two"));
        assert_string_equal(lines[0].file, "x");
        assert_int_equal(lines[0].number, 3);
        assert_true(lines[1].is_silent && lines[1].type == PAM_TYPE_AUTH && !lines[1].is_bracketed);
        assert_int_equal(lines[1].number, 4);
}

static void test_a_backslash_goes_on_with_the_next_line_and_lines_are_counted(void **state) {
        _cleanup_(pam_stack_free) struct pam_stack *stack = read_text(
                "auth \\\n required \\\n pam_a.so\nauth optional pam_b.so # x \\\nauth optional pam_c.so", 3);
        size_t n;
        const struct pam_line *lines = pam_stack_lines(stack, &n);

        assert_string_equal(lines[0].module, "pam_a.so");
        assert_int_equal(lines[1].number, 4);
        assert_int_equal(lines[1].n_arguments, 0);
        assert_int_equal(lines[2].number, 5);
}

static void test_an_include_stands_for_the_lines_of_its_type(void **state) {
        const struct folder folder = { { "x", "session include y\nauth required pam_last.so\n", "y",
                "auth required pam_no.so\nsession required pam_yes.so\n" } };
        _cleanup_(pam_stack_free) struct pam_stack *stack = read_folder(&folder, 2);
        size_t n;
        const struct pam_line *lines = pam_stack_lines(stack, &n);

        assert_string_equal(lines[0].module, "pam_yes.so");
        assert_string_equal(lines[0].file, "y");
        assert_int_equal(lines[0].number, 2);
        assert_string_equal(lines[1].module, "pam_last.so");
}

static void test_debian_s_include_stands_for_all_lines_that_are_wanted(void **state) {
        const struct folder folder = { { "x", "session include y\n", "y", "@include z\n", "z",
                "auth required pam_no.so\nsession required pam_yes.so\n" } };
        const struct folder all = { { "x", "@include z\n", "z",
                "auth required pam_a.so\nsession required pam_b.so\n" } };
        _cleanup_(pam_stack_free) struct pam_stack *stack = read_folder(&folder, 1);
        _cleanup_(pam_stack_free) struct pam_stack *whole = read_folder(&all, 2);

        assert_non_null(pam_stack_find(stack, NULL, PAM_TYPE_SESSION, "pam_yes"));
        assert_null(pam_stack_find(stack, NULL, PAM_TYPE_AUTH, "pam_no"));
        assert_non_null(pam_stack_find(whole, NULL, PAM_TYPE_AUTH, "pam_a"));
}

static void test_a_substack_is_a_line_and_its_lines_are_a_level_deeper(void **state) {
        const struct folder folder = { { "x", "auth substack y\nauth required pam_b.so\n", "y",
                "auth required pam_a.so\n" } };
        _cleanup_(pam_stack_free) struct pam_stack *stack = read_folder(&folder, 3);
        size_t n;
        const struct pam_line *lines = pam_stack_lines(stack, &n);

        assert_true(lines[0].begins_stack && lines[0].level == 0);
        assert_int_equal(lines[1].level, 1);
        assert_int_equal(lines[2].level, 0);
        assert_false(pam_line_is(&lines[0], "y"));
}

static void test_a_module_is_known_by_name_and_by_path(void **state) {
        _cleanup_(pam_stack_free) struct pam_stack *stack =
                read_text("auth required pam_a.so\nauth required /x/pam_a.so\nauth required pam_a\n"
                          "auth required pam_ab.so\nauth required pam_a.so/x\n",
                        5);
        size_t n;
        const struct pam_line *lines = pam_stack_lines(stack, &n);

        for (size_t i = 0; i < 5; i++)
                assert_int_equal(pam_line_is(&lines[i], "pam_a"), i < 3);
        assert_ptr_equal(pam_stack_find(stack, &lines[1], PAM_TYPE_AUTH, "pam_a"), &lines[1]);
        assert_null(pam_stack_find(stack, &lines[3], PAM_TYPE_AUTH, "pam_a"));
}

static int action_of(const char *control, const char *code) {
        char text[256];

        snprintf(text, sizeof(text), "session %s pam_a.so\n", control);
        {
                _cleanup_(pam_stack_free) struct pam_stack *stack = read_text(text, 1);
                size_t n;

                return pam_line_action(pam_stack_lines(stack, &n), code);
        }
}

static void test_what_a_control_does_with_a_result(void **state) {
        assert_int_equal(action_of("required", "success"), PAM_ACTION_OK);
        assert_int_equal(action_of("required", "session_err"), PAM_ACTION_BAD);
        assert_int_equal(action_of("required", "ignore"), PAM_ACTION_IGNORE);
        assert_int_equal(action_of("Requisite", "module_unknown"), PAM_ACTION_DIE);
        assert_int_equal(action_of("optional", "session_err"), PAM_ACTION_IGNORE);
        assert_int_equal(action_of("sufficient", "success"), PAM_ACTION_DONE);
        assert_int_equal(
                action_of("[success=ok session_err=die default=ignore]", "session_err"), PAM_ACTION_DIE);
        assert_int_equal(action_of("[success=ok session_err=die default=ignore]", "module_unknown"),
                PAM_ACTION_IGNORE);
        assert_int_equal(action_of("[success=2 default=reset]", "success"), 2);
        assert_int_equal(action_of("[success=2 default=reset]", "x"), PAM_ACTION_RESET);
        assert_int_equal(action_of("[success=ok]", "session_err"), PAM_ACTION_BAD);
        assert_int_equal(action_of("[success=nonsense]", "success"), PAM_ACTION_BAD);
}

/* Whether the first line of the text goes past pam_x. */
static bool passes(const struct folder *folder) {
        char error[PAM_STACK_ERROR_MAX] = "";
        _cleanup_(pam_stack_free) struct pam_stack *stack = NULL;
        const struct pam_line *target;
        size_t n;

        assert_int_equal(pam_stack_read("x", load, (void *) folder, &stack, error), 0);
        target = pam_stack_find(stack, NULL, PAM_TYPE_SESSION, "pam_x");
        assert_non_null(target);
        for (const struct pam_line *line = pam_stack_lines(stack, &n); line < target; line++)
                if (pam_line_passes(line, target))
                        return true;
        return false;
}

#define X "session required pam_x.so\n"

static void test_a_line_that_is_sufficient_goes_past_what_follows(void **state) {
        assert_true(passes(&(struct folder){ { "x", "session sufficient pam_a.so\n" X } }));
        assert_true(passes(&(struct folder){ { "x", "session [success=done] pam_a.so\n" X } }));
        assert_false(passes(&(struct folder){ { "x", "session required pam_a.so\n" X } }));
        assert_false(passes(&(struct folder){ { "x", "account sufficient pam_a.so\n" X } }));
        assert_true(passes(
                &(struct folder){ { "x", "session sufficient pam_a.so\nsession include y\n", "y", X } }));
}

static void test_a_jump_goes_past_what_it_jumps_over(void **state) {
        assert_true(passes(&(struct folder){ { "x", "session [success=1] pam_a.so\n" X } }));
        assert_false(passes(
                &(struct folder){ { "x", "session [success=1] pam_a.so\nsession requisite pam_b.so\n" X } }));
        assert_true(passes(&(struct folder){ { "x",
                "session [success=2] pam_a.so\nauth required pam_c.so\nsession required pam_b.so\n" X } }));
        assert_true(passes(
                &(struct folder){ { "x", "session [success=1] pam_a.so\nsession substack y\n", "y", X } }));
        assert_false(passes(&(struct folder){ { "x", "session [success=1] pam_a.so\nsession substack y\n" X,
                "y", "session required pam_b.so\nsession required pam_c.so\n" } }));
}

static void test_nothing_in_a_substack_goes_past_what_is_behind_it(void **state) {
        assert_false(passes(
                &(struct folder){ { "x", "session substack y\n" X, "y", "session sufficient pam_a.so\n" } }));
        assert_false(passes(&(struct folder){
                { "x", "session substack y\n" X, "y", "session [success=5] pam_a.so\n" } }));
        assert_true(passes(
                &(struct folder){ { "x", "session substack y\n", "y", "session sufficient pam_a.so\n" X } }));
}

static void test_a_line_that_libpam_cannot_follow_is_told_with_its_place(void **state) {
        refused(&(struct folder){ { "x", "\nwrong required pam_a.so\n" } },
                "x:2: begins with no type of line");
        refused(&(struct folder){ { "x", "session\n" } }, "x:1: has no control that PAM knows");
        refused(&(struct folder){ { "x", "session perhaps pam_a.so\n" } },
                "x:1: has no control that PAM knows");
        refused(&(struct folder){ { "x", "session [success=ok pam_a.so\n" } },
                "x:1: has no control that PAM knows");
        refused(&(struct folder){ { "x", "session required # pam_a.so\n" } }, "x:1: names no module");
        refused(&(struct folder){ { "x", "@include\n" } }, "x:1: @include of nothing");
        refused(&(struct folder){ { "x", "@include y\n" } }, "x:1: includes y: No such file or directory");
        refused(&(struct folder){ { "x", "auth include x\n" } }, "x:1: includes itself, or too deep");
}

static void test_a_service_that_is_not_there_is_not_there(void **state) {
        char error[PAM_STACK_ERROR_MAX] = "";
        struct pam_stack *stack = NULL;

        assert_int_equal(pam_stack_read("x", load, &(struct folder){ 0 }, &stack, error), -ENOENT);
        assert_null(stack);
}

static void test_a_stack_has_at_most_so_many_lines(void **state) {
        static const char line[] = "auth required pam_a.so\n";
        _cleanup_(cleanup_free) char *text = calloc(PAM_STACK_LINES_MAX + 1, sizeof(line));
        char *end = text;

        for (size_t i = 0; i <= PAM_STACK_LINES_MAX; i++)
                end = stpcpy(end, line);
        refused(&(struct folder){ { "x", text } }, "x:513: has too many lines before it");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_line_has_type_control_module_and_arguments),
                cmocka_unit_test(test_a_backslash_goes_on_with_the_next_line_and_lines_are_counted),
                cmocka_unit_test(test_an_include_stands_for_the_lines_of_its_type),
                cmocka_unit_test(test_debian_s_include_stands_for_all_lines_that_are_wanted),
                cmocka_unit_test(test_a_substack_is_a_line_and_its_lines_are_a_level_deeper),
                cmocka_unit_test(test_a_module_is_known_by_name_and_by_path),
                cmocka_unit_test(test_what_a_control_does_with_a_result),
                cmocka_unit_test(test_a_line_that_is_sufficient_goes_past_what_follows),
                cmocka_unit_test(test_a_jump_goes_past_what_it_jumps_over),
                cmocka_unit_test(test_nothing_in_a_substack_goes_past_what_is_behind_it),
                cmocka_unit_test(test_a_line_that_libpam_cannot_follow_is_told_with_its_place),
                cmocka_unit_test(test_a_service_that_is_not_there_is_not_there),
                cmocka_unit_test(test_a_stack_has_at_most_so_many_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
