/* config_table: see config_table.h. */
#include "daemon/config_table.h"

#include "daemon/config.h"

#define TEXT(struct_, member_) .offset = offsetof(struct_, member_), .size = sizeof(((struct_ *) 0)->member_)
#define SECTION(name_, kind_, keys_)                                                                         \
        { .name = (name_), .kind = (kind_), .keys = (keys_), .n_keys = sizeof(keys_) / sizeof(*(keys_)) }
#define RIGHT_BOOL      "yes or no"
#define RIGHT_TEXT      "printable ASCII without white space and quotes"
#define RIGHT_NAMES     "names separated by spaces, each of which may end in *"
#define RIGHT_COUNT     "a number from 0 (no limit) to 1000000"
#define COUNT_LIMIT     1000000
#define RIGHT_FAILURES  "a number from 0 (never locked) to 100"
#define RIGHT_LOCK_TIME "a number and s, m, h or d, as in 15m, from 1s to 30d"
#define DAY             UINT64_C(86400)

static const char *const notify_words[] = { [NOTIFY_NO] = "no", [NOTIFY_TTY] = "tty", NULL };

static const char *const certificate_words[] = {
        [CERTIFICATE_KEY] = "key", [CERTIFICATE_KEY_ID] = "key-id", NULL
};

static const struct config_key daemon_keys[] = {
        { "certificate_identity", CONFIG_WORD, offsetof(struct config, certificate_identity),
                .initial = "key", .words = certificate_words, .right = "key or key-id" },
        { "notify_new_device", CONFIG_WORD, offsetof(struct config, notify_new_device), .initial = "no",
                .words = notify_words, .right = "no or tty" },
        { "uncounted_keys", CONFIG_FINGERPRINTS, offsetof(struct config, uncounted_keys),
                .right = "fingerprints as ssh-keygen -l prints them (SHA256:...), separated by spaces" },
};

static const struct config_key token_keys[] = {
        { "issuer", CONFIG_TEXT, TEXT(struct config, issuer), .right = RIGHT_TEXT },
        { "audience", CONFIG_TEXT, TEXT(struct config, audience), .right = RIGHT_TEXT },
        { "typ", CONFIG_TYP, TEXT(struct config, typ), .initial = "at+jwt", .right = "at+jwt or JWT" },
        { "key_lifetime", CONFIG_DURATION, offsetof(struct config, key_lifetime), .min = 3600,
                .max = UINT64_C(3650) * DAY, .initial = "30d",
                .right = "a number and s, m, h or d, as in 30d, from 1h to 3650d" },
        { "on_password_change", CONFIG_ON_PASSWORD, offsetof(struct config, on_password_change),
                .initial = "end-others", .right = "end-others, end-all or keep" },
        { "refresh_grace", CONFIG_DURATION, offsetof(struct config, refresh_grace), .max = 300,
                .initial = "30s", .right = "a number and s or m, as in 30s, up to 5m, or 0" },
        { "token_file", CONFIG_BOOL, offsetof(struct config, token_file), .initial = "no",
                .right = RIGHT_BOOL },
};

static const struct config_key history_keys[] = {
        { "history_keep", CONFIG_DURATION, offsetof(struct config, history_keep), .max = UINT64_C(3650) * DAY,
                .initial = "90d",
                .right = "a number and s, m, h or d, as in 90d, up to 3650d, or 0 for no end" },
        { "history_size", CONFIG_COUNT, offsetof(struct config, history_size), .max = 100000000,
                .initial = "1000000", .right = "a number of events from 0 (no limit) to 100000000" },
};

/* What is not given is that of [token]. */
static const struct config_key realm_keys[] = {
        { "issuer", CONFIG_TEXT, TEXT(struct realm, issuer), .right = RIGHT_TEXT },
        { "audience", CONFIG_TEXT, TEXT(struct realm, audience), .right = RIGHT_TEXT },
};

/* DESIGN section 5. Greeters stand in `ignored` by name, because an exact name beats the pattern gdm-*. */
static const struct config_key services_keys[] = {
        { "counted", CONFIG_NAMES, offsetof(struct config, counted), .max = SERVICE_MAX, .right = RIGHT_NAMES,
                .initial = "sshd login remote gdm-* sddm sddm-autologin lightdm lightdm-autologin cockpit"
                           " xrdp-sesman xrdp-sesman-autologin" },
        { "tracked", CONFIG_NAMES, offsetof(struct config, tracked), .max = SERVICE_MAX,
                .right = RIGHT_NAMES },
        { "nested", CONFIG_NAMES, offsetof(struct config, nested), .max = SERVICE_MAX, .right = RIGHT_NAMES,
                .initial =
                        "su su-l sudo sudo-i runuser runuser-l doas polkit-1 systemd-run0 chsh chfn passwd" },
        { "ignored", CONFIG_NAMES, offsetof(struct config, ignored), .max = SERVICE_MAX, .right = RIGHT_NAMES,
                .initial = "cron crond atd systemd-user gdm-launch-environment sddm-greeter lightdm-greeter"
                           " i3lock swaylock hyprlock xscreensaver kscreenlocker kde kde-fingerprint"
                           " kde-smartcard xfce4-screensaver mate-screensaver cinnamon-screensaver"
                           " gnome-screensaver vlock physlock" },
};

/* DESIGN section 8. */
static const struct config_key lock_keys[] = {
        { "max_failures_per_source", CONFIG_COUNT, offsetof(struct config, lock.max_failures_per_source),
                .max = LOCKOUT_FAILURES_MAX, .initial = "5", .right = RIGHT_FAILURES },
        { "max_failures_per_user", CONFIG_COUNT, offsetof(struct config, lock.max_failures_per_user),
                .max = LOCKOUT_FAILURES_MAX, .initial = "20", .right = RIGHT_FAILURES },
        { "lock_time", CONFIG_DURATION, offsetof(struct config, lock.lock_time), .min = 1, .max = 30 * DAY,
                .initial = "15m", .right = RIGHT_LOCK_TIME },
        { "failure_window", CONFIG_DURATION, offsetof(struct config, lock.failure_window), .min = 1,
                .max = 30 * DAY, .initial = "15m", .right = RIGHT_LOCK_TIME },
        { "lock_applies_to_keys", CONFIG_BOOL, offsetof(struct config, lock.applies_to_keys), .initial = "no",
                .right = RIGHT_BOOL },
        { "lock_messages", CONFIG_MESSAGES, offsetof(struct config, lock.messages), .initial = "generic",
                .right = "generic or verbose" },
};

static const struct config_key policy_keys[] = {
        { "users", CONFIG_NAMES, offsetof(struct policy, users), .given = offsetof(struct policy, has_users),
                .max = USER_MAX, .right = RIGHT_NAMES },
        { "groups", CONFIG_GROUPS, offsetof(struct policy, groups),
                .given = offsetof(struct policy, has_groups),
                .right = "names of groups separated by spaces" },
        { "services", CONFIG_NAMES, offsetof(struct policy, services),
                .given = offsetof(struct policy, has_services), .max = SERVICE_MAX, .right = RIGHT_NAMES },
        { "realm", CONFIG_NAME, TEXT(struct policy, realm), .given = offsetof(struct policy, has_realm),
                .right = "the name of a [realm NAME]" },
        { "enforce", CONFIG_BOOL, offsetof(struct policy, enforce), .initial = "yes", .right = RIGHT_BOOL },
        { "max_devices", CONFIG_COUNT, offsetof(struct policy, max_devices), .max = COUNT_LIMIT,
                .initial = "0", .right = RIGHT_COUNT },
        { "max_sessions", CONFIG_COUNT, offsetof(struct policy, max_sessions), .max = COUNT_LIMIT,
                .initial = "0", .right = RIGHT_COUNT },
        { "on_limit", CONFIG_ON_LIMIT, offsetof(struct policy, on_limit), .max = ON_LIMIT_ASK,
                .initial = "evict-oldest", .right = "evict-oldest, deny or ask" },
        { "ask_fallback", CONFIG_ON_LIMIT, offsetof(struct policy, ask_fallback), .max = ON_LIMIT_DENY,
                .initial = "evict-oldest", .right = "evict-oldest or deny" },
        { "access_ttl", CONFIG_DURATION, offsetof(struct policy, access_ttl), .min = 10, .max = DAY,
                .initial = "15m", .right = "a number and s, m, h or d, as in 15m, from 10s to 24h" },
        { "refresh_ttl", CONFIG_DURATION, offsetof(struct policy, refresh_ttl), .max = UINT64_C(3650) * DAY,
                .initial = "7d",
                .right = "a number and s, m, h or d, as in 7d, up to 3650d, or 0 for no end" },
        { "session_ttl", CONFIG_DURATION, offsetof(struct policy, session_ttl), .max = UINT64_C(3650) * DAY,
                .initial = "0",
                .right = "a number and s, m, h or d, as in 7d, up to 3650d, or 0 for no end" },
        { "idle_ttl", CONFIG_DURATION, offsetof(struct policy, idle_ttl), .max = UINT64_C(3650) * DAY,
                .initial = "0",
                .right = "a number and s, m, h or d, as in 30m, up to 3650d, or 0 for no end" },
        { "exempt", CONFIG_EXEMPT, offsetof(struct policy, exempt_users),
                .second = offsetof(struct policy, exempt_groups), .max = USER_MAX,
                .right = "users, and groups behind an @, separated by spaces" },
        { "roles", CONFIG_ROLES, offsetof(struct policy, roles),
                .right =
                        "pairs group=role separated by spaces, as in wheel=admin staff=manager, the first of "
                        "which that fits gives the role" },
        { "role_default", CONFIG_TEXT_OR_NONE, TEXT(struct policy, role_default), .initial = "user",
                .right = RIGHT_TEXT ", or nothing for no role" },
        { "terminate", CONFIG_TERMINATE, offsetof(struct policy, terminate), .initial = "leader",
                .right = "leader, scope or none" },
};

_Static_assert(sizeof(policy_keys) / sizeof(*policy_keys) <= CONFIG_KEYS_MAX, "each key has its place");

const struct config_section config_sections[] = {
        SECTION("daemon", CONFIG_ONE, daemon_keys),
        SECTION("token", CONFIG_ONE, token_keys),
        SECTION("services", CONFIG_ONE, services_keys),
        SECTION("lock", CONFIG_ONE, lock_keys),
        SECTION("history", CONFIG_ONE, history_keys),
        SECTION("realm", CONFIG_REALM, realm_keys),
        SECTION("policy", CONFIG_POLICY, policy_keys),
};
const size_t config_n_sections = sizeof(config_sections) / sizeof(*config_sections);
