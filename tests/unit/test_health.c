/* Unit tests: every problem has its sentence, and none has one when all is well. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/health.h"

static const struct health well = { .state_dir = "/s", .leaders = 1, .leaders_max = 100 };

/* Exactly this one, and another problem beside it does not hide it. */
static void has_problem(const struct health *health, const char *sentence) {
        char problem[HEALTH_PROBLEM_MAX];
        size_t index = 0;

        assert_int_equal(health_count_problems(health), 1);
        assert_true(health_next_problem(health, &index, problem));
        assert_string_equal(problem, sentence);
        assert_false(health_next_problem(health, &index, problem));
        assert_string_equal(problem, "");
}

static void test_a_daemon_that_is_well_has_no_problem(void **state) {
        char problem[HEALTH_PROBLEM_MAX] = "x";
        size_t index = 0;

        assert_int_equal(health_count_problems(&well), 0);
        assert_false(health_next_problem(&well, &index, problem));
        assert_string_equal(problem, "");
}

static void test_each_problem_has_its_sentence(void **state) {
        struct health health = well;

        snprintf(health.config_error, sizeof(health.config_error), "f:1: k: no");
        has_problem(&health, "the configuration was not reloaded: f:1: k: no");
        health = well, health.n_unresolved_groups = 1;
        has_problem(&health, "the configuration names groups that cannot be resolved");
        health = well, health.store_permille = 900;
        has_problem(&health, "the store's map is full: no session is opened any more");
        health = well, health.n_unkept = 2;
        has_problem(&health, "2 ends of sessions cannot be kept: is there room in /s?");
        health = well, health.keys_are_unpublished = true;
        has_problem(&health, "public/jwks.json cannot be written");
        health = well, health.list_error = -ENOSPC;
        has_problem(&health, "public/status.jwt cannot be written: No space left on device");
        health = well, health.bearer_file_error = -EOPNOTSUPP;
        has_problem(&health, "no token files: their file system has no ACLs");
        health = well, health.bearer_file_error = -EROFS;
        has_problem(&health, "token files cannot be written: Read-only file system");
        health = well, health.leaders = 90;
        has_problem(&health, "90 login processes are watched, 100 at most: raise LimitNOFILE=");
}

static void test_just_below_a_bound_is_no_problem(void **state) {
        struct health health = well;

        health.store_permille = 899;
        health.leaders = 89;
        assert_int_equal(health_count_problems(&health), 0);
}

static void shows(const struct health *health, size_t sessions, size_t connections, const char *line) {
        char text[256];

        health_write_status(health, sessions, connections, text, sizeof(text));
        assert_string_equal(text, line);
}

static void test_the_line_for_systemd_counts_and_tells_of_problems(void **state) {
        struct health health = well;

        shows(&health, 1, 1, "1 session, 1 login process watched, 1 connection");
        health.leaders = 2;
        shows(&health, 12, 0, "12 sessions, 2 login processes watched, 0 connections");
        health.keys_are_unpublished = true;
        shows(&health, 2, 3,
                "2 sessions, 2 login processes watched, 3 connections; problem: public/jwks.json cannot be "
                "written");
        snprintf(health.config_error, sizeof(health.config_error), "a\nb");
        shows(&health, 2, 3,
                "2 sessions, 2 login processes watched, 3 connections; 2 problems, the first: the "
                "configuration was not reloaded: a b");
}

static void test_a_line_that_is_too_long_is_cut(void **state) {
        struct health health = well;
        char text[64];

        memset(health.config_error, 'x', sizeof(health.config_error) - 1);
        health_write_status(&health, 1, 1, text, sizeof(text));
        assert_int_equal(strlen(text), sizeof(text) - 1);
        health_write_status(&health, 1, 1, text, 8);
        assert_string_equal(text, "1 sessi");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_daemon_that_is_well_has_no_problem),
                cmocka_unit_test(test_each_problem_has_its_sentence),
                cmocka_unit_test(test_just_below_a_bound_is_no_problem),
                cmocka_unit_test(test_the_line_for_systemd_counts_and_tells_of_problems),
                cmocka_unit_test(test_a_line_that_is_too_long_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
