/* config: the value and what is asked of it; the errors of reading are in test_config_read, the files in
 * test_config_file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "client/cleanup.h"
#include "daemon/config.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static struct config *read_config(const char *text) {
        struct config *config = NULL;
        char error[CONFIG_ERROR_MAX];

        if (config_read("test.conf", text, strlen(text), &config, error))
                fail_msg("%s", error);
        return config;
}

static void assert_class(const struct config *config, const char *services, enum session_class class) {
        char words[1024], *save = NULL;

        strcpy(words, services);
        for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
                if (config_class(config, word) != class)
                        fail_msg("%s is %s", word, session_class_name(config_class(config, word)));
}

static void test_services_have_the_classes_of_the_design(void **state) {
        _cleanup_(config_unref) struct config *config = read_config("");

        assert_class(config,
                "sshd login remote gdm-password gdm-autologin gdm-fingerprint sddm sddm-autologin lightdm"
                " lightdm-autologin cockpit xrdp-sesman xrdp-sesman-autologin",
                CLASS_COUNTED);
        assert_class(config,
                "su su-l sudo sudo-i runuser runuser-l doas polkit-1 systemd-run0 chsh chfn passwd",
                CLASS_NESTED);
        assert_class(config,
                "cron crond atd systemd-user gdm-launch-environment sddm-greeter lightdm-greeter i3lock"
                " swaylock hyprlock xscreensaver kscreenlocker kde xfce4-screensaver mate-screensaver"
                " cinnamon-screensaver gnome-screensaver vlock physlock",
                CLASS_IGNORED);
        assert_class(config, "vsftpd samba jupyterhub sshd2 gdm su-x other", CLASS_TRACKED);
        assert_int_equal(config_class(config, ""), CLASS_TRACKED);
}

static void test_a_given_list_replaces_the_built_in_one(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[services]\ncounted = sshd vsftpd\nnested =\n");

        assert_class(config, "sshd vsftpd", CLASS_COUNTED);
        assert_class(config, "login gdm-password su sudo", CLASS_TRACKED);
        assert_class(config, "cron", CLASS_IGNORED);
}

static void test_an_exact_name_beats_a_pattern(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[services]\ncounted = a-b c-*\ntracked = c-d e*\nnested = a-* c-e\nignored = *\n");

        assert_class(config, "a-b", CLASS_COUNTED);
        assert_class(config, "c-d", CLASS_TRACKED);
        assert_class(config, "c-e", CLASS_NESTED);
        assert_class(config, "a-c c-f e x", CLASS_IGNORED);
}

static void test_among_equals_ignored_beats_nested_beats_tracked_beats_counted(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(
                "[services]\ncounted = a b c d x*\ntracked = a b c xy*\nnested = a b xyz*\nignored = a\n");

        assert_class(config, "a", CLASS_IGNORED);
        assert_class(config, "b xyz", CLASS_NESTED);
        assert_class(config, "c xy", CLASS_TRACKED);
        assert_class(config, "d x", CLASS_COUNTED);
}

static void test_the_default_realm_is_always_first(void **state) {
        _cleanup_(config_unref) struct config *none = read_config("");
        _cleanup_(config_unref) struct config *two =
                read_config("[realm acme]\n[realm default]\n[realm acme]\n");

        assert_int_equal(none->n_realms, 1);
        assert_true(config_has_realm(none, "default"));
        assert_false(config_has_realm(none, "acme"));
        assert_false(config_has_realm(none, ""));
        assert_int_equal(two->n_realms, 2);
        assert_string_equal(two->realms[0].name, "default");
        assert_string_equal(two->realms[1].name, "acme");
        assert_true(config_has_realm(two, "acme"));
}

static void test_a_policy_that_is_gone_is_the_default_one(void **state) {
        _cleanup_(config_unref) struct config *config =
                read_config("[policy default]\nmax_devices = 7\n[policy a]\n[policy b]\n");

        assert_int_equal(config->n_policies, 3);
        assert_string_equal(config->policies[0].name, "a");
        assert_string_equal(config->policies[1].name, "b");
        assert_string_equal(config->policies[2].name, "default");
        assert_ptr_equal(config_policy(config, "b"), config->policies + 1);
        assert_ptr_equal(config_policy(config, "default"), config->policies + 2);
        assert_ptr_equal(config_policy(config, "gone"), config->policies + 2);
        assert_int_equal(config_policy(config, "gone")->max_devices, 7);
}

static void test_a_reference_keeps_the_value(void **state) {
        struct config *config = read_config("[realm acme]\n"), *other = config_ref(config), *none = NULL;

        assert_ptr_equal(config, other);
        config_unref(&config);
        assert_null(config);
        assert_true(config_has_realm(other, "acme"));
        config_unref(&other);
        config_unref(&none);
}

/* ---- writing ---- */

static char *write_config(const struct config *config) {
        char *text = NULL;

        assert_int_equal(config_write(config, &text), 0);
        return text;
}

static void assert_round_trip(const char *text) {
        _cleanup_(config_unref) struct config *first = read_config(text), *second = NULL;
        _cleanup_(cleanup_free) char *once = write_config(first), *twice = NULL;

        second = read_config(once);
        twice = write_config(second);
        assert_string_equal(once, twice);
        assert_int_equal(first->n_policies, second->n_policies);
        assert_int_equal(first->n_realms, second->n_realms);
        assert_int_equal(first->n_unresolved_groups, second->n_unresolved_groups);
        assert_string_equal(first->issuer, second->issuer);
        assert_string_equal(first->audience, second->audience);
}

static const char everything[] =
        "[daemon]\ncertificate_identity = key-id\nnotify_new_device = tty\n"
        "uncounted_keys = SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8\n"
        "[token]\nissuer = https://login.example\naudience = https://api.example\ntyp = JWT\n"
        "on_password_change = keep\n"
        "refresh_grace = 1m\n"
        "token_file = yes\n"
        "[history]\nhistory_keep = 30d\nhistory_size = 5000\n"
        "[services]\ncounted = sshd login\ntracked = gdm-x\nnested = su\nignored = cron\n"
        "[lock]\nmax_failures_per_source = 3\nmax_failures_per_user = 0\nlock_time = 3600s\nfailure_window = "
        "90s\n"
        "lock_applies_to_keys = on\nlock_messages = verbose\n"
        "[policy one]\nusers = alice ad\\bob svc-*\ngroups = root nosuchgroup-1\nservices = ssh*\nrealm = "
        "acme\n"
        "enforce = off\nmax_devices = 5\nmax_sessions = 1000000\non_limit = deny\naccess_ttl = 90s\n"
        "refresh_ttl = 0\nsession_ttl = 48h\nidle_ttl = 90m\nexempt = @root alice @nosuchgroup-2 bob\n"
        "roles = root=admin  nosuchgroup-3=b\n"
        "role_default = role:x\nterminate = none\n"
        "[policy two]\n"
        "[policy default]\nexempt = @root\nsession_ttl = 3601s\n"
        "[realm acme]\nissuer = https://acme.example\n[realm zeta]\naudience = z\n";

static void test_what_is_written_reads_back_to_the_same(void **state) {
        assert_round_trip("");
        assert_round_trip(everything);
        assert_round_trip(
                "[policy a]\nexempt = a @b\n[services]\ncounted =\ntracked =\nnested =\nignored = *\n");
}

static void test_the_written_text_is_the_whole_configuration(void **state) {
        _cleanup_(config_unref) struct config *config = read_config(everything);
        _cleanup_(cleanup_free) char *text = write_config(config);

        assert_string_equal(text,
                "[daemon]\ncertificate_identity = key-id\nnotify_new_device = tty\n"
                "uncounted_keys = SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8\n\n"
                "[token]\nissuer = https://login.example\naudience = https://api.example\ntyp = JWT\n"
                "key_lifetime = 30d\non_password_change = keep\nrefresh_grace = 1m\ntoken_file = yes\n\n"
                "[services]\ncounted = sshd login\ntracked = gdm-x\nnested = su\nignored = cron\n\n"
                "[lock]\nmax_failures_per_source = 3\nmax_failures_per_user = 0\nlock_time = 1h\n"
                "failure_window = 90s\nlock_applies_to_keys = yes\nlock_messages = verbose\n\n"
                "[history]\nhistory_keep = 30d\nhistory_size = 5000\n\n"
                "[realm default]\nissuer = https://login.example\naudience = https://api.example\n\n"
                "[realm acme]\nissuer = https://acme.example\naudience = https://api.example\n\n"
                "[realm zeta]\nissuer = https://login.example\naudience = z\n\n"
                "[policy one]\nusers = alice ad\\bob svc-*\ngroups = root nosuchgroup-1\nservices = ssh*\n"
                "realm = acme\nenforce = no\nmax_devices = 5\nmax_sessions = 1000000\non_limit = deny\n"
                "ask_fallback = evict-oldest\n"
                "access_ttl = 90s\nrefresh_ttl = 0\nsession_ttl = 2d\nidle_ttl = 90m\nexempt = alice bob "
                "@root "
                "@nosuchgroup-2\n"
                "roles = root=admin nosuchgroup-3=b\nrole_default = role:x\nterminate = none\n\n"
                "[policy two]\nenforce = yes\nmax_devices = 0\nmax_sessions = 0\non_limit = evict-oldest\n"
                "ask_fallback = evict-oldest\n"
                "access_ttl = 15m\nrefresh_ttl = 7d\nsession_ttl = 0\nidle_ttl = 0\nexempt = \nroles = \n"
                "role_default = user\nterminate = leader\n\n"
                "[policy default]\nenforce = yes\nmax_devices = 0\nmax_sessions = 0\non_limit = "
                "evict-oldest\nask_fallback = evict-oldest\n"
                "access_ttl = 15m\nrefresh_ttl = 7d\nsession_ttl = 3601s\nidle_ttl = 0\nexempt = "
                "@root\nroles = \n"
                "role_default = user\nterminate = leader\n\n");
}

static void test_the_longest_value_can_still_be_read_when_written(void **state) {
        char text[4200] = "[policy a]\nexempt=";
        size_t length = strlen(text);

        for (size_t i = 0; i < 4000; i++)
                text[length + i] = i % 40 == 39 ? '\t' : 'x';
        assert_round_trip(text);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_services_have_the_classes_of_the_design),
                cmocka_unit_test(test_a_given_list_replaces_the_built_in_one),
                cmocka_unit_test(test_an_exact_name_beats_a_pattern),
                cmocka_unit_test(test_among_equals_ignored_beats_nested_beats_tracked_beats_counted),
                cmocka_unit_test(test_the_default_realm_is_always_first),
                cmocka_unit_test(test_a_policy_that_is_gone_is_the_default_one),
                cmocka_unit_test(test_a_reference_keeps_the_value),
                cmocka_unit_test(test_what_is_written_reads_back_to_the_same),
                cmocka_unit_test(test_the_written_text_is_the_whole_configuration),
                cmocka_unit_test(test_the_longest_value_can_still_be_read_when_written),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
