/* config_read: every key is read into its field; test_config_error has what is wrong. */
#include "tests/unit/config_text.h"

static struct config *read_policy(const char *line) {
        char text[8192];

        snprintf(text, sizeof(text), "[policy p]\n%s\n", line);
        return read_config(text);
}

/* ---- what is right ---- */

static void assert_default_policy(const struct policy *policy, const char *name) {
        assert_string_equal(policy->name, name);
        assert_false(policy->has_users || policy->has_groups || policy->has_services || policy->has_realm);
        assert_true(policy->enforce);
        assert_int_equal(policy->max_devices, 0);
        assert_int_equal(policy->max_sessions, 0);
        assert_int_equal(policy->on_limit, ON_LIMIT_EVICT_OLDEST);
        assert_int_equal(policy->ask_fallback, ON_LIMIT_EVICT_OLDEST);
        assert_int_equal(policy->access_ttl, 15 * MINUTE);
        assert_int_equal(policy->refresh_ttl, 7 * DAY);
        assert_int_equal(policy->session_ttl, 0);
        assert_int_equal(policy->exempt_users.n, 0);
        assert_int_equal(policy->exempt_groups.n, 0);
        assert_string_equal(policy->role_default, "user");
        assert_int_equal(policy->terminate, TERMINATE_LEADER);
}

static void test_no_text_is_a_valid_configuration(void **state) {
        _cleanup_(config_unref) struct config *config = read_config("");
        char host[256] = "", issuer[300];

        gethostname(host, sizeof(host) - 1);
        snprintf(issuer, sizeof(issuer), "sessjwt://%s", host);
        assert_int_equal(config->uncounted_keys.n, 0);
        assert_string_equal(config->issuer, issuer);
        assert_string_equal(config->audience, issuer);
        assert_string_equal(config->typ, "at+jwt");
        assert_int_equal(config->n_policies, 1);
        assert_default_policy(config->policies, "default");
        assert_int_equal(config->n_unresolved_groups, 0);
        assert_int_equal(config->files.n, 0);
}

static void test_a_new_policy_has_the_defaults_of_the_design(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[policy default]\nmax_devices = 5\n[policy p]\n");

        assert_default_policy(config->policies, "p");
}

static void test_the_reference_policies_are_read(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[policy customer]\ngroups = root\naccess_ttl = 15m\nsession_ttl = 7d\nmax_devices = 5\n"
                "[policy owner]\nusers = owner\naccess_ttl = 30m\nsession_ttl = 30d\nmax_devices = 3\n"
                "on_limit = deny\n"
                "[policy partner]\nservices = sshd\naccess_ttl = 2h\nsession_ttl = 30d\nmax_devices = 2\n"
                "[policy default]\nmax_devices = 1\n");
        const struct policy *customer = config->policies, *owner = customer + 1, *partner = owner + 1;

        assert_int_equal(config->n_policies, 4);
        assert_true(customer->has_groups && !customer->has_users);
        assert_string_equal(customer->groups.names[0], "root");
        assert_int_equal(customer->groups.gids[0], 0);
        assert_int_equal(customer->access_ttl, 15 * MINUTE);
        assert_int_equal(customer->session_ttl, 7 * DAY);
        assert_int_equal(customer->max_devices, 5);
        assert_true(owner->has_users);
        assert_int_equal(owner->on_limit, ON_LIMIT_DENY);
        assert_int_equal(owner->access_ttl, 30 * MINUTE);
        assert_true(partner->has_services);
        assert_int_equal(partner->access_ttl, 120 * MINUTE);
        assert_int_equal(config->policies[3].max_devices, 1);
}

static void test_names_go_into_lists_word_by_word(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_policy("users =  alice \t svc-* ad\\bob\nexempt = @root bob @nosuchgroup");
        const struct policy *policy = config->policies;

        assert_int_equal(policy->users.n, 3);
        assert_string_equal(policy->users.names[0], "alice");
        assert_string_equal(policy->users.names[1], "svc-*");
        assert_string_equal(policy->users.names[2], "ad\\bob");
        assert_int_equal(policy->exempt_users.n, 1);
        assert_string_equal(policy->exempt_users.names[0], "bob");
        assert_int_equal(policy->exempt_groups.n, 2);
        assert_string_equal(policy->exempt_groups.names[0], "root");
        assert_int_equal(policy->exempt_groups.gids[0], 0);
        assert_int_equal(policy->exempt_groups.gids[1], -1);
        assert_int_equal(config->n_unresolved_groups, 1);
}

static void test_unresolved_groups_are_counted_in_all_policies(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[policy a]\ngroups = nosuch-1 root nosuch-2\n[policy default]\nexempt = @nosuch-3 @root\n");

        assert_int_equal(config->n_unresolved_groups, 3);
}

static void test_every_spelling_of_a_boolean_is_read(void **state) {
        static const char *const words[2][4] = { { "no", "false", "0", "off" },
                { "yes", "true", "1", "on" } };

        for (unsigned value = 0; value < 2; value++) {
                for (size_t i = 0; i < 4; i++) {
                        _cleanup_(config_unref) struct config *config = NULL;
                        char line[32];

                        snprintf(line, sizeof(line), "enforce = %s", words[value][i]);
                        config = read_policy(line);
                        assert_int_equal(config->policies->enforce, value);
                }
        }
}

static void test_every_unit_of_a_time_span_is_read(void **state) {
        static const struct {
                const char *text;
                usec_t expected;
        } cases[] = { { "0", 0 }, { "0s", 0 }, { "30s", 30 * USEC_PER_SEC }, { "15m", 15 * MINUTE },
                { "2h", 120 * MINUTE }, { "7d", 7 * DAY }, { "3650d", 3650 * DAY } };

        for (size_t i = 0; i < N(cases); i++) {
                _cleanup_(config_unref) struct config *config = NULL;
                char line[64];

                snprintf(line, sizeof(line), "session_ttl = %s", cases[i].text);
                config = read_policy(line);
                assert_int_equal(config->policies->session_ttl, cases[i].expected);
        }
}

static void test_access_tokens_live_from_10_seconds_to_24_hours(void **state) {
        _cleanup_(config_unref) struct config *shortest = read_policy("access_ttl = 10s");
        _cleanup_(config_unref) struct config *longest = read_policy("access_ttl = 24h");

        assert_int_equal(shortest->policies->access_ttl, 10 * USEC_PER_SEC);
        assert_int_equal(longest->policies->access_ttl, DAY);
        assert_policy_error(
                "access_ttl = 9s", "access_ttl: '9s' is too short; right is a number and s, m, h or d");
        assert_policy_error("access_ttl = 0", "access_ttl: '0' is too short");
        assert_policy_error("access_ttl = 86401s", "access_ttl: '86401s' is too long");
        assert_policy_error("access_ttl = 2d", "access_ttl: '2d' is too long");
}

static void test_refresh_tokens_have_their_times(void **state) {
        _cleanup_(config_unref) struct config *initial = read_config("");
        _cleanup_(config_unref) struct config *longest =
                read_config("[token]\nrefresh_grace = 5m\n[policy default]\nrefresh_ttl = 3650d\n");
        _cleanup_(config_unref) struct config *none =
                read_config("[token]\nrefresh_grace = 0\n[policy default]\nrefresh_ttl = 0\n");

        assert_int_equal(initial->refresh_grace, 30 * USEC_PER_SEC);
        assert_int_equal(initial->policies->refresh_ttl, 7 * DAY);
        assert_int_equal(longest->refresh_grace, 5 * MINUTE);
        assert_int_equal(longest->policies->refresh_ttl, 3650 * DAY);
        assert_int_equal(none->refresh_grace, 0);
        assert_int_equal(none->policies->refresh_ttl, 0);
}

static void test_locks_are_as_in_the_design_unless_they_are_given(void **state) {
        _cleanup_(config_unref) struct config *initial = read_config("");
        _cleanup_(config_unref) struct config *given =
                read_config("[lock]\nmax_failures_per_source = 100\nmax_failures_per_user = 0\n"
                            "lock_time = 30d\nfailure_window = 1s\nlock_applies_to_keys = yes\n"
                            "lock_messages = verbose\n");

        assert_int_equal(initial->lock.max_failures_per_source, 5);
        assert_int_equal(initial->lock.max_failures_per_user, 20);
        assert_int_equal(initial->lock.lock_time, 15 * MINUTE);
        assert_int_equal(initial->lock.failure_window, 15 * MINUTE);
        assert_false(initial->lock.applies_to_keys);
        assert_int_equal(initial->lock.messages, LOCK_MESSAGES_GENERIC);
        assert_int_equal(given->lock.max_failures_per_source, 100);
        assert_int_equal(given->lock.max_failures_per_user, 0);
        assert_int_equal(given->lock.lock_time, 30 * DAY);
        assert_int_equal(given->lock.failure_window, USEC_PER_SEC);
        assert_true(given->lock.applies_to_keys);
        assert_int_equal(given->lock.messages, LOCK_MESSAGES_VERBOSE);
}

static void test_history_has_its_bounds(void **state) {
        _cleanup_(config_unref) struct config *initial = read_config("");
        _cleanup_(config_unref) struct config *none =
                read_config("[history]\nhistory_keep = 0\nhistory_size = 0\n");
        _cleanup_(config_unref) struct config *most =
                read_config("[history]\nhistory_keep = 3650d\nhistory_size = 100000000\n");

        assert_int_equal(initial->history_keep, 90 * DAY);
        assert_int_equal(initial->history_size, 1000000);
        assert_true(none->history_keep == 0 && none->history_size == 0);
        assert_int_equal(most->history_keep, 3650 * DAY);
        assert_int_equal(most->history_size, 100000000);
}

static void test_the_audience_is_the_issuer_unless_it_is_given(void **state) {
        _cleanup_(config_unref) struct config *one = read_config("[token]\nissuer = https://a.example\n");
        _cleanup_(config_unref) struct config *two =
                read_config("[token]\naudience = b\nissuer = a\ntyp = JWT\n");

        assert_string_equal(one->issuer, "https://a.example");
        assert_string_equal(one->audience, "https://a.example");
        assert_string_equal(two->issuer, "a");
        assert_string_equal(two->audience, "b");
        assert_string_equal(two->typ, "JWT");
}

static void test_a_section_may_be_taken_up_again(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[policy a]\nmax_devices = 1\n[policy b]\n[ policy \t a ]\nmax_sessions = 2\n");

        assert_int_equal(config->n_policies, 3);
        assert_int_equal(config->policies->max_devices, 1);
        assert_int_equal(config->policies->max_sessions, 2);
}

static void test_a_realm_may_be_named_behind_the_policy_for_it(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[policy a]\nrealm = acme\n[policy b]\nrealm = default\n[realm acme]\n");

        assert_true(config->policies[0].has_realm);
        assert_string_equal(config->policies[0].realm, "acme");
        assert_string_equal(config->policies[1].realm, "default");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_text_is_a_valid_configuration),
                cmocka_unit_test(test_a_new_policy_has_the_defaults_of_the_design),
                cmocka_unit_test(test_the_reference_policies_are_read),
                cmocka_unit_test(test_names_go_into_lists_word_by_word),
                cmocka_unit_test(test_unresolved_groups_are_counted_in_all_policies),
                cmocka_unit_test(test_every_spelling_of_a_boolean_is_read),
                cmocka_unit_test(test_every_unit_of_a_time_span_is_read),
                cmocka_unit_test(test_access_tokens_live_from_10_seconds_to_24_hours),
                cmocka_unit_test(test_refresh_tokens_have_their_times),
                cmocka_unit_test(test_locks_are_as_in_the_design_unless_they_are_given),
                cmocka_unit_test(test_history_has_its_bounds),
                cmocka_unit_test(test_the_audience_is_the_issuer_unless_it_is_given),
                cmocka_unit_test(test_a_section_may_be_taken_up_again),
                cmocka_unit_test(test_a_realm_may_be_named_behind_the_policy_for_it),
        };

        return cmocka_run_group_tests_name("config_read", tests, NULL, NULL);
}
