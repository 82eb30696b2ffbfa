/* policy: which one applies, by which conditions, and who is exempt. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/policy.h"

#define N(array)     (sizeof(array) / sizeof(*(array)))
#define STRINGS(...) ((char **) (const char *[]){ __VA_ARGS__ })
#define NAMES(...)                                                                                           \
        { .n = N(((const char *[]){ __VA_ARGS__ })), .names = STRINGS(__VA_ARGS__) }

static const uint32_t staff_and_wheel[] = { 50, 10 };

static struct policy_facts facts_of(const char *user) {
        return (struct policy_facts){
                .realm = "default",
                .user = user,
                .uid = 1000,
                .service = "sshd",
                .groups = staff_and_wheel,
                .n_groups = N(staff_and_wheel),
        };
}

static void test_the_first_policy_whose_conditions_hold_applies(void **state) {
        static int64_t wheel[] = { -1, 10 };
        const struct policy policies[] = {
                { .name = "alice", .has_users = true, .users = NAMES("alice", "ali-*") },
                { .name = "tenant", .has_realm = true, .realm = "acme" },
                { .name = "console", .has_services = true, .services = NAMES("login", "gdm-*") },
                { .name = "wheel",
                        .has_groups = true,
                        .groups = { .n = 2, .names = STRINGS("gone", "wheel"), .gids = wheel } },
                { .name = "default" },
        };
        struct policy_facts facts = facts_of("alice");

        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "alice");
        facts.user = "ali-baba";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "alice");
        facts.user = "alicia";
        facts.realm = "acme";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "tenant");
        facts.realm = "default";
        facts.service = "gdm-password";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "console");
        facts.service = "sshd";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "wheel");
        facts.n_groups = 1;
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "default");
}

static void test_every_given_condition_must_hold(void **state) {
        const struct policy policies[] = {
                { .name = "both",
                        .has_users = true,
                        .users = NAMES("bob"),
                        .has_services = true,
                        .services = NAMES("sshd") },
                { .name = "default" },
        };
        struct policy_facts facts = facts_of("bob");

        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "both");
        facts.service = "login";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "default");
        facts.service = "sshd";
        facts.user = "rob";
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "default");
}

static void test_the_first_condition_that_does_not_hold_is_named(void **state) {
        const struct policy policy = {
                .has_users = true,
                .users = NAMES("bob"),
                .has_services = true,
                .services = NAMES("sshd"),
                .has_realm = true,
                .realm = "acme",
        };
        struct policy_facts facts = facts_of("alice");

        assert_int_equal(policy_find_failed(&policy, &facts), CONDITION_USERS);
        facts.user = "bob";
        assert_int_equal(policy_find_failed(&policy, &facts), CONDITION_REALM);
        facts.service = "login";
        assert_int_equal(policy_find_failed(&policy, &facts), CONDITION_SERVICES);
        facts.service = "sshd";
        facts.realm = "acme";
        assert_int_equal(policy_find_failed(&policy, &facts), CONDITION_NONE);
        assert_true(policy_has_condition(&policy, CONDITION_USERS));
        assert_false(policy_has_condition(&policy, CONDITION_GROUPS));
        assert_true(policy_has_condition(&policy, CONDITION_REALM));
        assert_false(policy_has_condition(&policy, CONDITION_NONE));
}

static void test_a_missing_group_is_the_condition_that_fails(void **state) {
        const struct policy policy = {
                .has_groups = true,
                .groups = { .n = 1, .names = STRINGS("night"), .gids = (int64_t[]){ 51 } },
        };
        struct policy_facts facts = facts_of("alice");

        assert_int_equal(policy_find_failed(&policy, &facts), CONDITION_GROUPS);
}

static void test_why_somebody_is_exempt_is_told(void **state) {
        const struct policy policy = {
                .exempt_users = NAMES("alice"),
                .exempt_groups = { .n = 1, .names = STRINGS("wheel"), .gids = (int64_t[]){ 10 } },
        };
        struct policy_facts facts = facts_of("alice");

        assert_int_equal(policy_find_exemption(&policy, &facts), EXEMPT_USER);
        facts.user = "bob";
        assert_int_equal(policy_find_exemption(&policy, &facts), EXEMPT_GROUP);
        facts.n_groups = 1;
        assert_int_equal(policy_find_exemption(&policy, &facts), EXEMPT_NOT);
        facts.break_glass = true;
        assert_int_equal(policy_find_exemption(&policy, &facts), EXEMPT_BREAK_GLASS);
        facts.uid = 0;
        assert_int_equal(policy_find_exemption(&policy, &facts), EXEMPT_ROOT);
}

static void test_every_condition_exemption_and_outcome_has_a_name(void **state) {
        static const char *const conditions[] = { "", "users", "groups", "services", "realm", "unknown" };
        static const char *const exemptions[] = { "", "root", "break-glass", "user", "group", "unknown" };
        static const char *const outcomes[] = { "allow", "evict", "deny", "ask", "unknown" };

        for (unsigned i = 0; i < N(conditions); i++)
                assert_string_equal(policy_condition_name(i), conditions[i]);
        for (unsigned i = 0; i < N(exemptions); i++)
                assert_string_equal(policy_exemption_name(i), exemptions[i]);
        for (unsigned i = 0; i < N(outcomes); i++)
                assert_string_equal(policy_outcome_name(i), outcomes[i]);
}

static void test_a_group_that_could_not_be_resolved_matches_nobody(void **state) {
        static const uint32_t nobody[] = { UINT32_MAX };
        const struct policy policies[] = {
                { .name = "ghosts",
                        .has_groups = true,
                        .groups = { .n = 1, .names = STRINGS("ghosts"), .gids = (int64_t[]){ -1 } } },
                { .name = "default" },
        };
        struct policy_facts facts = facts_of("bob");

        facts.groups = nobody;
        facts.n_groups = 1;
        assert_string_equal(policy_match(policies, N(policies), &facts)->name, "default");
}

static void test_root_break_glass_and_the_named_are_exempt(void **state) {
        static int64_t wheel[] = { 10 };
        const struct policy plain = { .name = "default" };
        const struct policy names = { .exempt_users = NAMES("alice", "svc-*") };
        const struct policy groups = {
                .exempt_groups = { .n = 1, .names = STRINGS("wheel"), .gids = wheel },
        };
        struct policy_facts facts = facts_of("alice");

        assert_false(policy_is_exempt(&plain, &facts));
        assert_true(policy_is_exempt(&names, &facts));
        assert_true(policy_is_exempt(&groups, &facts));
        facts.user = "svc-backup";
        assert_true(policy_is_exempt(&names, &facts));
        facts.user = "bob";
        facts.n_groups = 0;
        assert_false(policy_is_exempt(&names, &facts));
        assert_false(policy_is_exempt(&groups, &facts));
        facts.break_glass = true;
        assert_true(policy_is_exempt(&plain, &facts));
        facts.break_glass = false;
        facts.uid = 0;
        assert_true(policy_is_exempt(&plain, &facts));
}

static void test_a_pattern_matches_any_rest_and_a_name_only_itself(void **state) {
        const struct name_list list = NAMES("gdm-*", "sshd"), all = NAMES("*"), none = { 0 };

        assert_true(name_list_has(&list, "gdm-"));
        assert_true(name_list_has(&list, "gdm-password"));
        assert_false(name_list_has(&list, "gdm"));
        assert_true(name_list_has(&list, "sshd"));
        assert_false(name_list_has(&list, "sshd2"));
        assert_false(name_list_has(&list, ""));
        assert_true(name_list_has(&all, ""));
        assert_true(name_list_has(&all, "anything"));
        assert_false(name_list_has(&none, ""));
        assert_true(name_list_has_exactly(&list, "sshd"));
        assert_false(name_list_has_exactly(&list, "gdm-password"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_first_policy_whose_conditions_hold_applies),
                cmocka_unit_test(test_every_given_condition_must_hold),
                cmocka_unit_test(test_the_first_condition_that_does_not_hold_is_named),
                cmocka_unit_test(test_a_missing_group_is_the_condition_that_fails),
                cmocka_unit_test(test_why_somebody_is_exempt_is_told),
                cmocka_unit_test(test_every_condition_exemption_and_outcome_has_a_name),
                cmocka_unit_test(test_a_group_that_could_not_be_resolved_matches_nobody),
                cmocka_unit_test(test_root_break_glass_and_the_named_are_exempt),
                cmocka_unit_test(test_a_pattern_matches_any_rest_and_a_name_only_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
