/* config: realms with their issuers and audiences, and groups that stand for roles. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/config.h"

static struct config *read_config(const char *text) {
        struct config *config = NULL;
        char error[CONFIG_ERROR_MAX];

        if (config_read("test.conf", text, strlen(text), &config, error))
                fail_msg("%s", error);
        return config;
}

static void assert_error(const char *text, const char *message) {
        struct config *config = NULL;
        char error[CONFIG_ERROR_MAX] = "";

        assert_int_equal(config_read("test.conf", text, strlen(text), &config, error), -EINVAL);
        assert_null(config);
        if (strncmp(error, message, strlen(message)) != 0)
                fail_msg("%s\n  does not begin with %s", error, message);
}

/* What is written reads back to the same. */
static void assert_round_trip(const char *text) {
        _cleanup_(config_unref) struct config *first = read_config(text), *second = NULL;
        _cleanup_(cleanup_free) char *once = NULL, *twice = NULL;

        assert_int_equal(config_write(first, &once), 0);
        second = read_config(once);
        assert_int_equal(config_write(second, &twice), 0);
        assert_string_equal(once, twice);
}

static void assert_realm(
        const struct config *config, const char *name, const char *issuer, const char *audience) {
        const struct realm *realm = config_realm(config, name);

        assert_non_null(realm);
        assert_string_equal(realm->name, name);
        assert_string_equal(realm->issuer, issuer);
        assert_string_equal(realm->audience, audience);
}

/* ---- realms ---- */

static void test_a_realm_without_names_has_those_of_token(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[realm web]\n[token]\nissuer = https://a.example\naudience = https://b.example\n");

        assert_realm(config, "default", "https://a.example", "https://b.example");
        assert_realm(config, "web", "https://a.example", "https://b.example");
}

static void test_a_realm_has_an_issuer_and_an_audience_of_its_own(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[token]\nissuer = https://a.example\n"
                            "[realm web]\nissuer = https://web.example\naudience = https://shop.example\n"
                            "[realm default]\naudience = https://desk.example\n");

        assert_realm(config, "default", "https://a.example", "https://desk.example");
        assert_realm(config, "web", "https://web.example", "https://shop.example");
        assert_string_equal(config->issuer, "https://a.example");
}

static void test_the_audience_of_a_realm_is_its_issuer_unless_token_names_one_for_all(void **state) {
        _cleanup_(config_unref) struct config *none =
                read_config("[realm web]\nissuer = https://web.example\n");
        _cleanup_(config_unref) struct config *one =
                read_config("[realm web]\nissuer = https://web.example\n[token]\naudience = everybody\n");

        assert_realm(none, "web", "https://web.example", "https://web.example");
        assert_realm(none, "default", none->issuer, none->issuer);
        assert_realm(one, "web", "https://web.example", "everybody");
}

static void test_a_realm_that_is_not_there_is_not_found(void **state) {
        _cleanup_(config_unref) struct config *config = read_config("[realm web]\n");

        assert_null(config_realm(config, "we"));
        assert_null(config_realm(config, "webb"));
        assert_null(config_realm(config, ""));
}

static void test_a_key_of_a_realm_is_given_once_and_known(void **state) {
        assert_error("[realm a]\nissuer = x\n[realm b]\nissuer = y\n[realm a]\nissuer = z\n",
                "test.conf:6: issuer: given twice in its section, first in line 2");
        assert_error(
                "[realm a]\nx = y", "test.conf:2: x: unknown key; right in [realm] are issuer, audience");
        assert_error("[realm a]\nissuer =\n", "test.conf:2: issuer: the value is empty; right is printable");
        assert_error("[realm a]\naudience = a b\n", "test.conf:2: audience: 'a b' has a quote, a backslash, "
                                                    "white space");
}

static void test_a_realm_and_a_policy_of_one_name_have_nothing_in_common(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[realm web]\nissuer = i\n[policy web]\nrealm = web\nmax_devices = 1\n[policy other]\n");

        assert_realm(config, "web", "i", "i");
        assert_int_equal(config_policy(config, "web")->max_devices, 1);
}

static void test_realms_are_written_as_they_are_read(void **state) {
        assert_round_trip("[realm web]\nissuer = https://web.example\n[realm desk]\naudience = d\n");
}

/* ---- roles ---- */

static struct config *read_policy(const char *line) {
        char text[4200];

        snprintf(text, sizeof(text), "[policy p]\n%s\n", line);
        return read_config(text);
}

static void assert_policy_error(const char *line, const char *message) {
        char text[4200], expected[512];

        snprintf(text, sizeof(text), "[policy p]\n%s\n", line);
        snprintf(expected, sizeof(expected), "test.conf:2: %s", message);
        assert_error(text, expected);
}

static void test_roles_are_pairs_in_their_order_and_groups_are_resolved(void **state) {
        _cleanup_(config_unref) struct config *config = read_policy("roles = root=admin nosuchgroup-1=ghost "
                                                                    "daemon=a=b\trole-less=admin");
        const struct role_list *roles = &config->policies[0].roles;

        assert_int_equal(roles->roles.n, 4);
        assert_int_equal(roles->groups.n, 4);
        assert_string_equal(roles->groups.names[0], "root");
        assert_string_equal(roles->roles.names[0], "admin");
        assert_int_equal(roles->groups.gids[0], 0);
        assert_string_equal(roles->roles.names[1], "ghost");
        assert_int_equal(roles->groups.gids[1], -1);
        assert_string_equal(roles->groups.names[2], "daemon");
        assert_string_equal(roles->roles.names[2], "a=b");
        assert_string_equal(roles->roles.names[3], "admin");
}

static void test_a_group_of_a_role_that_cannot_be_resolved_is_counted(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[policy p]\nroles = nosuchgroup-1=a root=b nosuchgroup-2=c\n");

        assert_int_equal(config->n_unresolved_groups, 2);
}

static void test_no_roles_are_fine_and_a_default_role_may_be_none(void **state) {
        _cleanup_(config_unref) struct config *config = read_policy("roles =\nrole_default =");

        assert_int_equal(config->policies[0].roles.roles.n, 0);
        assert_string_equal(config->policies[0].role_default, "");
        assert_string_equal(config->policies[1].role_default, "user");
}

static void test_what_is_no_pair_is_refused(void **state) {
        assert_policy_error("roles = wheel", "roles: 'wheel' names no role behind a group; right is pairs "
                                             "group=role separated by spaces");
        assert_policy_error("roles = root=", "roles: 'root=' names no role");
        assert_policy_error("roles = =admin", "roles: '' is no name of a group");
        assert_policy_error("roles = @root=admin", "roles: '@root' is no name of a group");
        assert_policy_error("roles = ro*=admin", "roles: 'ro*' is no name of a group");
        assert_policy_error("roles = root=a,b", "roles: 'root=a,b' has a comma");
        assert_policy_error("roles = root=\"a\"", "roles: 'root=\"a\"' has a quote");
        assert_policy_error("roles = root=a\\b", "roles: 'a\\b' has a backslash");
        assert_policy_error("roles = root=\xc3\xa4", "roles: '\xc3\xa4' has a backslash, a control character "
                                                     "or one beyond ASCII");
}

static void test_a_role_and_their_number_have_a_limit(void **state) {
        char line[512];
        size_t n;

        snprintf(line, sizeof(line), "roles = root=%0*d", ROLE_MAX + 1, 0);
        assert_policy_error(line, "roles: a role is longer than 64 bytes");

        n = (size_t) snprintf(line, sizeof(line), "roles = root=r0 daemon=r0");
        for (int i = 1; i < ROLES_MAX; i++)
                n += (size_t) snprintf(line + n, sizeof(line) - n, " root=r%d", i);
        assert_round_trip("[policy a]\nroles = root=admin staff=b\nrole_default =\n");
        {
                _cleanup_(config_unref) struct config *config = read_policy(line);

                assert_int_equal(config->policies[0].roles.roles.n, ROLES_MAX + 1);
        }
        snprintf(line + n, sizeof(line) - n, " root=one-more");
        assert_policy_error(line, "roles: there are more than 16 roles");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_realm_without_names_has_those_of_token),
                cmocka_unit_test(test_a_realm_has_an_issuer_and_an_audience_of_its_own),
                cmocka_unit_test(test_the_audience_of_a_realm_is_its_issuer_unless_token_names_one_for_all),
                cmocka_unit_test(test_a_realm_that_is_not_there_is_not_found),
                cmocka_unit_test(test_a_key_of_a_realm_is_given_once_and_known),
                cmocka_unit_test(test_a_realm_and_a_policy_of_one_name_have_nothing_in_common),
                cmocka_unit_test(test_realms_are_written_as_they_are_read),
                cmocka_unit_test(test_roles_are_pairs_in_their_order_and_groups_are_resolved),
                cmocka_unit_test(test_a_group_of_a_role_that_cannot_be_resolved_is_counted),
                cmocka_unit_test(test_no_roles_are_fine_and_a_default_role_may_be_none),
                cmocka_unit_test(test_what_is_no_pair_is_refused),
                cmocka_unit_test(test_a_role_and_their_number_have_a_limit),
        };

        return cmocka_run_group_tests_name("config: realms and roles", tests, NULL, NULL);
}
