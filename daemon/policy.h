/* policy: which limits and lifetimes apply to a login, and what they decide. Pure: no store, no NSS, no
 * clock. DESIGN section 7. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/device.h"
#include "daemon/session.h"

enum on_limit { ON_LIMIT_EVICT_OLDEST = 1, ON_LIMIT_DENY, ON_LIMIT_ASK };

/* A list of names or patterns (a trailing * matches any rest), or of resolved groups. */
struct name_list {
        size_t n;
        char **names;
};
struct group_list {
        size_t n;
        char **names;
        int64_t *gids; /* -1: could not be resolved; matches nobody */
};

/* `group=role`, in the order of precedence: roles[i] is that of groups.names[i]. */
struct role_list {
        struct group_list groups;
        struct name_list roles;
};

struct policy {
        char name[POLICY_NAME_MAX + 1];
        bool has_users, has_groups, has_services, has_realm; /* what was given must match */
        struct name_list users;
        struct group_list groups;
        struct name_list services;
        char realm[REALM_MAX + 1];
        bool enforce;
        uint32_t max_devices;  /* 0: no limit */
        uint32_t max_sessions; /* 0: no limit */
        enum on_limit on_limit;
        enum on_limit ask_fallback; /* what ON_LIMIT_ASK does where nobody was asked; not ON_LIMIT_ASK */
        usec_t access_ttl;
        usec_t refresh_ttl;            /* 0: none */
        usec_t session_ttl;            /* 0: none */
        usec_t idle_ttl;               /* 0: none */
        struct name_list exempt_users; /* `exempt = alice @wheel`: names, and groups behind @ */
        struct group_list exempt_groups;
        struct role_list roles;          /* of at most ROLES_MAX different names */
        char role_default[ROLE_MAX + 1]; /* "": none */
        enum terminate terminate;
};

struct policy_facts {
        const char *realm;
        const char *user;
        uint32_t uid;
        const char *service;
        const uint32_t *groups;
        size_t n_groups;
        bool break_glass;
};

/* By name or pattern; and by name alone, for where an exact name beats a pattern. */
bool name_list_has(const struct name_list *list, const char *name);
bool name_list_has_exactly(const struct name_list *list, const char *name);
/* Free what the lists hold and leave them empty. */
void name_list_clear(struct name_list *list);
void group_list_clear(struct group_list *list);
void role_list_clear(struct role_list *list);

/* The first of policies[0..n), n > 0, all of whose given conditions hold; the last one is [policy
 * default], which has none, so there is always one. Borrowed. */
const struct policy *policy_match(const struct policy *policies, size_t n, const struct policy_facts *facts);

/* What a policy may ask of a login, in the order in which it is looked at. */
enum policy_condition {
        CONDITION_NONE = 0,
        CONDITION_USERS,
        CONDITION_GROUPS,
        CONDITION_SERVICES,
        CONDITION_REALM,
        _CONDITION_MAX,
};

/* Whether the condition was given, and the first given one that does not hold; CONDITION_NONE: the policy
 * applies. */
bool policy_has_condition(const struct policy *policy, enum policy_condition condition);
enum policy_condition policy_find_failed(const struct policy *policy, const struct policy_facts *facts);
const char *policy_condition_name(enum policy_condition condition); /* "users", …; "" for CONDITION_NONE */

/* Why somebody is never denied, evicted or expired. */
enum policy_exemption {
        EXEMPT_NOT = 0,
        EXEMPT_ROOT,        /* uid 0 */
        EXEMPT_BREAK_GLASS, /* by the module's line */
        EXEMPT_USER,        /* named by exempt */
        EXEMPT_GROUP,
        _EXEMPT_MAX,
};

enum policy_exemption policy_find_exemption(const struct policy *policy, const struct policy_facts *facts);
bool policy_is_exempt(const struct policy *policy, const struct policy_facts *facts);
const char *policy_exemption_name(enum policy_exemption exemption); /* "root", …; "" for EXEMPT_NOT */

/* The roles of somebody in these groups: all whose group is among them, each once, in the order of `roles`;
 * if there are none, role_default, unless that is none either. Borrowed. Returns how many. */
size_t policy_find_roles(const struct policy *policy, const uint32_t *groups, size_t n_groups,
        const char *ret[static ROLES_MAX]);

/* One of the user's live sessions that count, oldest (smallest sid) first. */
struct policy_row {
        struct sid sid;
        struct device_id device;
        usec_t created_at;
        bool victim; /* out: goes, if the outcome is POLICY_EVICTS */
};

enum policy_outcome { POLICY_ALLOWS = 0, POLICY_EVICTS = 1, POLICY_DENIES = 2, POLICY_ASKS = 3 };

/* What the user answered, where the policy asks. */
enum policy_choice {
        CHOICE_NONE = 0, /* he was not asked */
        CHOICE_OLDEST,   /* as ON_LIMIT_EVICT_OLDEST */
        CHOICE_OTHERS,   /* all that policy_row_is_other */
};

/* Whether a login from `device` means this row by "the others": those of other devices; where sessions are
 * limited, every one. */
bool policy_row_is_other(
        const struct policy *policy, const struct policy_row *row, const struct device_id *device);

const char *policy_outcome_name(enum policy_outcome outcome); /* "allow", "evict", "deny", "ask" */

/* What a new session from `device` does under max_devices and max_sessions. Marks victims: whole devices,
 * the one whose latest login is oldest first, until fewer than max_devices others remain (a device already
 * among them makes no room and needs none); then the oldest sessions until fewer than max_sessions remain.
 * So, but for a denial, both limits hold afterwards, also where a reload had lowered them. Which login is
 * latest is told by the order of the rows, not by created_at: the clock may have been set back. Ignores
 * `enforce`: the caller asks with it what would happen.
 *
 * The choice counts under ON_LIMIT_ASK only. CHOICE_OTHERS marks all others, also where the limit has become
 * free meanwhile: it is what the user wanted. Never POLICY_ASKS. */
enum policy_outcome policy_decide_open(const struct policy *policy, enum policy_choice choice,
        struct policy_row *rows, size_t n_rows, const struct device_id *device);

/* In account: denies what no later fact can change (max_sessions reached under deny, or under ask with that
 * fallback). With asked_from, the device as far as it can be foreseen of a user who can be asked (else NULL),
 * asks if an open would pass a limit, with those marked whom CHOICE_OLDEST would cost. */
enum policy_outcome policy_decide_account(const struct policy *policy, struct policy_row *rows, size_t n_rows,
        const struct device_id *asked_from);

/* "evict-oldest", "deny", "ask"; "unknown" for no such number */
const char *on_limit_name(enum on_limit on_limit);
void policy_clear(struct policy *policy); /* frees what the lists hold */
