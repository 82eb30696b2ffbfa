/* policy_find_roles: which roles somebody in these groups has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/policy.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* wheel (10) is admin, staff (20) manager, lost cannot be resolved, ops (30) admin too. */
static struct policy policy_of(const char *role_default) {
        static char wheel[] = "wheel", staff[] = "staff", lost[] = "lost", ops[] = "ops";
        static char admin[] = "admin", manager[] = "manager", ghost[] = "ghost";
        static char *groups[] = { wheel, staff, lost, ops }, *roles[] = { admin, manager, ghost, admin };
        static int64_t gids[] = { 10, 20, -1, 30 };
        struct policy policy = { .roles = { { N(groups), groups, gids }, { N(roles), roles } } };

        strcpy(policy.role_default, role_default);
        return policy;
}

static void assert_roles(const struct policy *policy, const uint32_t *groups, size_t n_groups,
        const char *const *expected, size_t n) {
        const char *roles[ROLES_MAX] = { 0 };

        assert_int_equal(policy_find_roles(policy, groups, n_groups, roles), n);
        for (size_t i = 0; i < n; i++)
                assert_string_equal(roles[i], expected[i]);
}

static void test_the_order_of_the_policy_counts_not_that_of_the_groups(void **state) {
        struct policy policy = policy_of("user");

        assert_roles(&policy, (uint32_t[]){ 20, 5, 10 }, 3, (const char *[]){ "admin", "manager" }, 2);
        assert_roles(&policy, (uint32_t[]){ 20, 30 }, 2, (const char *[]){ "manager", "admin" }, 2);
}

static void test_two_groups_of_one_role_give_it_once(void **state) {
        struct policy policy = policy_of("user");

        assert_roles(&policy, (uint32_t[]){ 30, 10 }, 2, (const char *[]){ "admin" }, 1);
}

static void test_who_is_in_none_of_the_groups_has_the_default_role(void **state) {
        struct policy policy = policy_of("user");

        assert_roles(&policy, (uint32_t[]){ 5 }, 1, (const char *[]){ "user" }, 1);
        assert_roles(&policy, NULL, 0, (const char *[]){ "user" }, 1);
}

static void test_who_has_a_role_has_not_the_default_one_too(void **state) {
        struct policy policy = policy_of("user");

        assert_roles(&policy, (uint32_t[]){ 20 }, 1, (const char *[]){ "manager" }, 1);
}

static void test_without_a_default_role_there_may_be_none(void **state) {
        struct policy policy = policy_of("");

        assert_roles(&policy, (uint32_t[]){ 5 }, 1, NULL, 0);
}

static void test_a_group_that_could_not_be_resolved_is_nobodys(void **state) {
        struct policy policy = policy_of("user");

        assert_roles(&policy, (uint32_t[]){ UINT32_MAX }, 1, (const char *[]){ "user" }, 1);
}

static void test_more_roles_than_a_token_holds_are_not_given(void **state) {
        char text[ROLES_MAX + 4][8], *roles[ROLES_MAX + 4], *groups[ROLES_MAX + 4];
        const char *found[ROLES_MAX];
        int64_t gids[ROLES_MAX + 4];
        struct policy policy = { .roles = { { N(groups), groups, gids }, { N(roles), roles } } };

        for (size_t i = 0; i < N(roles); i++) {
                snprintf(text[i], sizeof(text[i]), "r%zu", i);
                roles[i] = groups[i] = text[i];
                gids[i] = 7;
        }
        assert_int_equal(policy_find_roles(&policy, (uint32_t[]){ 7 }, 1, found), ROLES_MAX);
        assert_string_equal(found[ROLES_MAX - 1], "r15");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_order_of_the_policy_counts_not_that_of_the_groups),
                cmocka_unit_test(test_two_groups_of_one_role_give_it_once),
                cmocka_unit_test(test_who_is_in_none_of_the_groups_has_the_default_role),
                cmocka_unit_test(test_who_has_a_role_has_not_the_default_one_too),
                cmocka_unit_test(test_without_a_default_role_there_may_be_none),
                cmocka_unit_test(test_a_group_that_could_not_be_resolved_is_nobodys),
                cmocka_unit_test(test_more_roles_than_a_token_holds_are_not_given),
        };

        return cmocka_run_group_tests_name("policy: roles", tests, NULL, NULL);
}
