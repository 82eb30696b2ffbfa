/* config_read: whatever is wrong is named by file, line and key. */
#include "tests/unit/config_text.h"

static void test_an_unknown_section_is_answered_with_the_known_ones(void **state) {
        static const char all[] =
                "right are [daemon], [token], [services], [lock], [policy NAME], [realm NAME]";
        char expected[256];

        snprintf(expected, sizeof(expected), "test.conf:2: [nothing]: unknown section; %s", all);
        assert_error("\n[nothing]\n", expected);
        assert_error("[]", "test.conf:1: []: unknown section");
        assert_error("[Daemon]", "test.conf:1: [Daemon]: unknown section");
        assert_error("[policies x]", "test.conf:1: [policies x]: unknown section");
        assert_error(
                "[daemonaaaaaaaaaaaaaaaaaaaaaaaa]", "test.conf:1: [daemonaaaaaaaaaaaaaaaaaaaaaaaa]: unknown");
}

static void test_a_section_has_a_name_exactly_where_it_needs_one(void **state) {
        assert_error("[daemon x]", "test.conf:1: [daemon x]: right is [daemon], without a name");
        assert_error(
                "[policy]", "test.conf:1: [policy]: right is [policy NAME], with a name of 1 to 64 letters");
        assert_error("[realm ]", "test.conf:1: [realm]: right is [realm NAME]");
        assert_error("[policy a b]", "test.conf:1: [policy a b]: right is [policy NAME]");
        assert_error("[policy a/b]", "test.conf:1: [policy a/b]: right is [policy NAME]");
        assert_error("[realm \xc3\xa4]", "test.conf:1: [realm \xc3\xa4]: right is [realm NAME]");
}

static void test_a_name_has_at_most_64_characters(void **state) {
        _cleanup_(config_unref) struct config *config = NULL;
        char text[256];

        snprintf(text, sizeof(text), "[policy %064d]\n[realm %064d]", 0, 0);
        config = read_config(text);
        assert_int_equal(strlen(config->policies[0].name), 64);
        assert_int_equal(strlen(config->realms[1].name), 64);
        snprintf(text, sizeof(text), "[policy %065d]", 0);
        assert_error(text, "test.conf:1: [policy 0");
}

static void test_what_is_no_time_of_refresh_tokens_is_refused(void **state) {
        assert_error("[token]\nrefresh_grace = 301s\n", "test.conf:2: refresh_grace: '301s' is too long; "
                                                        "right is a number and s or m, as in 30s, up to 5m");
        assert_error(
                "[token]\nrefresh_grace = yes\n", "test.conf:2: refresh_grace: 'yes' is not a time span");
        assert_policy_error("refresh_ttl = 3651d", "refresh_ttl: '3651d' is too long");
        assert_policy_error("refresh_ttl = 7", "refresh_ttl: '7' has no unit s, m, h or d");
}

static void test_what_is_no_word_of_a_key_is_refused(void **state) {
        assert_error("[daemon]\nnotify_new_device = yes\n",
                "test.conf:2: notify_new_device: 'yes' is not one of its words; right is no or tty");
        assert_error("[daemon]\nnotify_new_device = ttyx\n",
                "test.conf:2: notify_new_device: 'ttyx' is not one of its words");
        assert_error("[daemon]\ncertificate_identity = key_id\n",
                "test.conf:2: certificate_identity: 'key_id' is "
                "not one of its words; right is key or key-id");
}

static void test_what_is_no_lock_is_refused(void **state) {
        assert_error("[lock]\nmax_failures_per_source = 101\n",
                "test.conf:2: max_failures_per_source: '101' is too large; right is a number from 0 (never "
                "locked) to 100");
        assert_error("[lock]\nmax_failures_per_user = -1\n",
                "test.conf:2: max_failures_per_user: '-1' is not a number");
        assert_error("[lock]\nlock_time = 0\n", "test.conf:2: lock_time: '0' is too short");
        assert_error("[lock]\nlock_time = 31d\n", "test.conf:2: lock_time: '31d' is too long");
        assert_error("[lock]\nfailure_window = 0\n", "test.conf:2: failure_window: '0' is too short");
        assert_error("[lock]\nlock_applies_to_keys = some\n",
                "test.conf:2: lock_applies_to_keys: 'some' is neither yes nor no");
        assert_error("[lock]\nlock_messages = loud\n",
                "test.conf:2: lock_messages: 'loud' is no kind of message; right is generic or verbose");
}

static void test_what_a_new_password_cannot_do_is_refused(void **state) {
        assert_error("[token]\non_password_change = end\n",
                "test.conf:2: on_password_change: 'end' is nothing that a new password can do; right is "
                "end-others, end-all or keep");
}

static void test_an_unknown_key_is_answered_with_the_known_ones(void **state) {
        assert_error("[token]\nissuers = x\n",
                "test.conf:2: issuers: unknown key; right in [token] are issuer, audience, typ, "
                "key_lifetime, on_password_change, refresh_grace, token_file");
        assert_error("[history]\nhistory_size = 100000001\n", "test.conf:2: history_size: ");
        assert_error("[history]\nhistory_keep = 3651d\n", "test.conf:2: history_keep: '3651d' is too long");
        assert_error("[history]\nkeep = 1d\n",
                "test.conf:2: keep: unknown key; right in [history] are history_keep, history_size");
        assert_error("[daemon]\nx = y", "test.conf:2: x: unknown key; right in [daemon] are "
                                        "certificate_identity, notify_new_device, uncounted_keys");
        assert_policy_error("max-devices = 5",
                "max-devices: unknown key; right in [policy] are users, groups, services, realm, enforce, "
                "max_devices, max_sessions, on_limit, ask_fallback, access_ttl, refresh_ttl, session_ttl, "
                "idle_ttl, "
                "exempt, roles, "
                "role_default, terminate");
        assert_policy_error("MAX_DEVICES = 5", "MAX_DEVICES: unknown key");
        assert_policy_error("max devices = 5", "max devices: unknown key");
}

static void test_a_repeated_key_names_the_first_one(void **state) {
        assert_error("[policy p]\nenforce = yes\nenforce = yes\n",
                "test.conf:3: enforce: given twice in its section, first in line 2; right is once");
        assert_error("[token]\ntyp = JWT\n[policy p]\n[token]\ntyp = JWT\n",
                "test.conf:5: typ: given twice in its section, first in line 2");
}

static void test_the_default_policy_takes_no_condition(void **state) {
        static const char *const keys[] = { "users", "groups", "services", "realm" };

        for (size_t i = 0; i < N(keys); i++) {
                char text[64], expected[128];

                snprintf(text, sizeof(text), "[policy default]\n%s = x\n", keys[i]);
                snprintf(expected, sizeof(expected), "test.conf:2: %s: [policy default] applies to all",
                        keys[i]);
                assert_error(text, expected);
        }
}

static void test_a_condition_is_not_empty(void **state) {
        assert_policy_error("users =", "users: the list is empty");
        assert_policy_error("groups =", "groups: the list is empty");
        assert_policy_error("services = ", "services: the list is empty");
        assert_policy_error("realm =", "realm: '' is no name");
}

static void test_a_realm_of_a_policy_must_be_named(void **state) {
        assert_error("[policy a]\n[policy p]\nmax_devices = 1\nrealm = acme\n[realm acne]\n",
                "test.conf:4: realm: there is no realm 'acme'; right is one that has its [realm NAME]");
}

static void test_what_is_no_boolean_is_refused(void **state) {
        static const char *const wrong[] = { "", "Yes", "y", "2", "yes no", "enabled" };

        for (size_t i = 0; i < N(wrong); i++) {
                char line[64], expected[128];

                snprintf(line, sizeof(line), "enforce = %s", wrong[i]);
                snprintf(expected, sizeof(expected),
                        "enforce: '%s' is neither yes nor no; right is yes or no", wrong[i]);
                assert_policy_error(line, expected);
        }
}

static void test_what_is_no_count_is_refused(void **state) {
        static const char *const wrong[] = { "", "-1", "+1", "1.5", "0x5", "5 # five", "five",
                "9999999999999999999999" };

        for (size_t i = 0; i < N(wrong); i++) {
                char line[64], expected[128];

                snprintf(line, sizeof(line), "max_devices = %s", wrong[i]);
                snprintf(expected, sizeof(expected),
                        "max_devices: '%s' is not a number; right is a number from 0", wrong[i]);
                assert_policy_error(line, expected);
        }
        assert_policy_error("max_sessions = 1000001", "max_sessions: '1000001' is too large");
        assert_policy_error("max_sessions = 4294967296", "max_sessions: '4294967296' is too large");
}

static void test_what_is_no_time_span_is_refused(void **state) {
        assert_policy_error("session_ttl =", "session_ttl: '' is not a time span");
        assert_policy_error("session_ttl = d", "session_ttl: 'd' is not a time span");
        assert_policy_error("session_ttl = -1d", "session_ttl: '-1d' is not a time span");
        assert_policy_error("session_ttl = 5", "session_ttl: '5' has no unit s, m, h or d");
        assert_policy_error("session_ttl = 5w", "session_ttl: '5w' has no unit");
        assert_policy_error("session_ttl = 5 m", "session_ttl: '5 m' has no unit");
        assert_policy_error("session_ttl = 1h30m", "session_ttl: '1h30m' has no unit");
        assert_policy_error("session_ttl = 0x", "session_ttl: '0x' has no unit");
        assert_policy_error("idle_ttl = 30", "idle_ttl: '30' has no unit s, m, h or d");
        assert_policy_error("idle_ttl = 3651d", "idle_ttl: '3651d' is too long");
        assert_policy_error("session_ttl = 3651d", "session_ttl: '3651d' is too long");
        assert_policy_error(
                "session_ttl = 999999999999999999d", "session_ttl: '999999999999999999d' is too long");
        assert_policy_error(
                "session_ttl = 9999999999999999999s", "session_ttl: '9999999999999999999s' is not");
}

static void test_what_is_none_of_the_choices_is_refused(void **state) {
        assert_policy_error("on_limit = none", "on_limit: 'none' is nothing that can be done at a limit; "
                                               "right is evict-oldest, deny or ask");
        assert_policy_error("ask_fallback = ask",
                "ask_fallback: 'ask' is nothing that can be done at a limit; "
                "right is evict-oldest or deny");
        assert_policy_error("on_limit =", "on_limit: ''");
        assert_policy_error("terminate = process", "terminate: 'process' is nothing that can be terminated; "
                                                   "right is leader, scope or none");
        assert_error(
                "[token]\ntyp = jwt", "test.conf:2: typ: 'jwt' is no type of token; right is at+jwt or JWT");
}

static void test_what_nobody_means_by_a_name_is_refused(void **state) {
        assert_policy_error("users = \"alice\"", "users: '\"alice\"' has a quote");
        assert_policy_error(
                "users = alice, bob", "users: 'alice,' has a comma; names are separated by spaces");
        assert_policy_error("users = alice # comment", "users: '#': a comment stands on a line of its own");
        assert_policy_error("users = alice ;comment", "users: ';comment': a comment");
        assert_policy_error("users = a*b", "users: 'a*b' has a * that is not its end");
        assert_policy_error("users = **", "users: '**' has a *");
        assert_policy_error("users = @wheel", "users: '@wheel' looks like a group");
        assert_policy_error("groups = @wheel", "groups: '@wheel' is no name of a group");
        assert_policy_error("groups = whe*", "groups: 'whe*' is no name of a group");
        assert_policy_error("exempt = @", "exempt: '' is no name of a group");
        assert_policy_error("exempt = @whe*", "exempt: 'whe*' is no name of a group");
        assert_policy_error("exempt = @@wheel", "exempt: '@wheel' is no name of a group");
}

static void test_overlong_names_are_refused_and_not_shown(void **state) {
        char line[512], x[300];

        memset(x, 'x', sizeof(x));
        x[USER_MAX + 1] = '\0';
        snprintf(line, sizeof(line), "users = %s", x);
        assert_policy_error(line, "users: a name is longer than 256 bytes");
        snprintf(line, sizeof(line), "groups = %s", x);
        assert_policy_error(line, "groups: a group is longer than 256 bytes");
        snprintf(line, sizeof(line), "services = %.*s", SERVICE_MAX + 1, x);
        assert_policy_error(line, "services: a name is longer than 64 bytes");
        snprintf(line, sizeof(line), "role_default = %.*s", ROLE_MAX + 1, x);
        assert_policy_error(line, "role_default: the value is longer than 64 bytes");
        snprintf(line, sizeof(line), "on_limit = %s", x);
        assert_policy_error(line, "on_limit: a value of 257 bytes is nothing");
        snprintf(line, sizeof(line), "[token]\nissuer = %s", x);
        assert_error(line, "test.conf:2: issuer: the value is longer than 256 bytes");
}

static void test_what_is_no_text_for_a_token_is_refused(void **state) {
        static const char *const wrong[] = { "\"https://a\"", "'a'", "a b", "a\\b", "\xc3\xa4" };

        for (size_t i = 0; i < N(wrong); i++) {
                char text[64], expected[128];

                snprintf(text, sizeof(text), "[token]\nissuer = %s", wrong[i]);
                snprintf(expected, sizeof(expected), "test.conf:2: issuer: '%s' has a quote, a backslash",
                        wrong[i]);
                assert_error(text, expected);
        }
        assert_error(
                "[token]\naudience =", "test.conf:2: audience: the value is empty; right is printable ASCII");
}

static void test_what_is_no_fingerprint_is_refused(void **state) {
        assert_error("[daemon]\nuncounted_keys = SHA256:short",
                "test.conf:2: uncounted_keys: 'SHA256:short' is no fingerprint; right is fingerprints as "
                "ssh-keygen");
        assert_error("[daemon]\nuncounted_keys = bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8",
                "test.conf:2: uncounted_keys: 'bbX");
}

static void test_errors_of_the_lines_have_their_line(void **state) {
        assert_error("[daemon]\n\nx", "test.conf:3: the line has no =");
        assert_error("x = y", "test.conf:1: a key stands before any [section]");
        assert_error("[daemon]\n# \xff", "test.conf:2: the line is not valid UTF-8");
        assert_error_n("[daemon]\n\0", 10, -EINVAL, "test.conf:2: the line has a NUL byte");
}

static void test_overlong_lines_and_files_are_refused(void **state) {
        static char text[CONFIG_FILE_MAX + 1];

        memset(text, '\n', sizeof(text));
        assert_error_n(
                text, CONFIG_FILE_MAX + 1, -E2BIG, "test.conf:0: the file is larger than 1048576 bytes");
        memset(text + 2, '#', CONFIG_LINE_MAX + 1);
        assert_error_n(text, CONFIG_FILE_MAX, -E2BIG, "test.conf:3: the line is longer than 4096 bytes");
}

static void test_the_number_of_policies_and_realms_is_bounded(void **state) {
        static char text[CONFIG_POLICIES_MAX * 16 + 32];
        char *p = text;

        for (unsigned i = 1; i < CONFIG_POLICIES_MAX; i++)
                p += sprintf(p, "[policy p%u]\n", i);
        {
                _cleanup_(config_unref) struct config *config = read_config(text);

                assert_int_equal(config->n_policies, CONFIG_POLICIES_MAX);
                assert_string_equal(config->policies[CONFIG_POLICIES_MAX - 1].name, "default");
        }
        strcpy(p, "[policy more]\n");
        assert_error_n(text, strlen(text), -E2BIG, "test.conf:256: [policy more]: more than 256 policies");

        p = text;
        for (unsigned i = 0; i < CONFIG_REALMS_MAX; i++)
                p += sprintf(p, "[realm r%u]\n", i);
        assert_error_n(text, strlen(text), -E2BIG, "test.conf:64: [realm r63]: more than 64 realms");
}

static void test_an_error_fits_whatever_is_wrong(void **state) {
        char name[2048], text[5000] = "[token]\n", error[CONFIG_ERROR_MAX];
        struct config *config = NULL;

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        memset(text + 8, 'k', 4000);
        strcpy(text + 4008, " = x\n");
        assert_int_equal(config_read(name, text, strlen(text), &config, error), -EINVAL);
        assert_true(strlen(error) < CONFIG_ERROR_MAX);
        assert_non_null(strstr(error, ":2: kkk"));
        assert_non_null(strstr(error, "issuer, audience, typ"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_unknown_section_is_answered_with_the_known_ones),
                cmocka_unit_test(test_a_section_has_a_name_exactly_where_it_needs_one),
                cmocka_unit_test(test_a_name_has_at_most_64_characters),
                cmocka_unit_test(test_what_is_no_time_of_refresh_tokens_is_refused),
                cmocka_unit_test(test_what_is_no_word_of_a_key_is_refused),
                cmocka_unit_test(test_what_is_no_lock_is_refused),
                cmocka_unit_test(test_what_a_new_password_cannot_do_is_refused),
                cmocka_unit_test(test_an_unknown_key_is_answered_with_the_known_ones),
                cmocka_unit_test(test_a_repeated_key_names_the_first_one),
                cmocka_unit_test(test_the_default_policy_takes_no_condition),
                cmocka_unit_test(test_a_condition_is_not_empty),
                cmocka_unit_test(test_a_realm_of_a_policy_must_be_named),
                cmocka_unit_test(test_what_is_no_boolean_is_refused),
                cmocka_unit_test(test_what_is_no_count_is_refused),
                cmocka_unit_test(test_what_is_no_time_span_is_refused),
                cmocka_unit_test(test_what_is_none_of_the_choices_is_refused),
                cmocka_unit_test(test_what_nobody_means_by_a_name_is_refused),
                cmocka_unit_test(test_overlong_names_are_refused_and_not_shown),
                cmocka_unit_test(test_what_is_no_text_for_a_token_is_refused),
                cmocka_unit_test(test_what_is_no_fingerprint_is_refused),
                cmocka_unit_test(test_errors_of_the_lines_have_their_line),
                cmocka_unit_test(test_overlong_lines_and_files_are_refused),
                cmocka_unit_test(test_the_number_of_policies_and_realms_is_bounded),
                cmocka_unit_test(test_an_error_fits_whatever_is_wrong),
        };

        return cmocka_run_group_tests_name("config_error", tests, NULL, NULL);
}
