/* policy: see policy.h. */
#include "daemon/policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool is_pattern_of(const char *pattern, const char *name) {
        size_t length = strlen(pattern);

        return length > 0 && pattern[length - 1] == '*' && strncmp(pattern, name, length - 1) == 0;
}

bool name_list_has_exactly(const struct name_list *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->names[i], name) == 0)
                        return true;
        return false;
}

bool name_list_has(const struct name_list *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->names[i], name) == 0 || is_pattern_of(list->names[i], name))
                        return true;
        return false;
}

void name_list_clear(struct name_list *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->names[i]);
        free(list->names);
        *list = (struct name_list){ 0 };
}

void group_list_clear(struct group_list *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->names[i]);
        free(list->names);
        free(list->gids);
        *list = (struct group_list){ 0 };
}

void role_list_clear(struct role_list *list) {
        group_list_clear(&list->groups);
        name_list_clear(&list->roles);
}

static bool is_among(int64_t gid, const uint32_t *groups, size_t n_groups) {
        for (size_t i = 0; i < n_groups; i++)
                if (gid == (int64_t) groups[i])
                        return true;
        return false;
}

static bool group_list_has_any(const struct group_list *list, const uint32_t *groups, size_t n_groups) {
        for (size_t i = 0; i < list->n; i++)
                if (is_among(list->gids[i], groups, n_groups))
                        return true;
        return false;
}

bool policy_has_condition(const struct policy *policy, enum policy_condition condition) {
        switch (condition) {
        case CONDITION_USERS:
                return policy->has_users;
        case CONDITION_GROUPS:
                return policy->has_groups;
        case CONDITION_SERVICES:
                return policy->has_services;
        case CONDITION_REALM:
                return policy->has_realm;
        default:
                return false;
        }
}

static bool condition_holds(
        const struct policy *policy, enum policy_condition condition, const struct policy_facts *facts) {
        switch (condition) {
        case CONDITION_USERS:
                return name_list_has(&policy->users, facts->user);
        case CONDITION_GROUPS:
                return group_list_has_any(&policy->groups, facts->groups, facts->n_groups);
        case CONDITION_SERVICES:
                return name_list_has(&policy->services, facts->service);
        case CONDITION_REALM:
                return strcmp(policy->realm, facts->realm) == 0;
        default:
                return true;
        }
}

enum policy_condition policy_find_failed(const struct policy *policy, const struct policy_facts *facts) {
        for (unsigned i = CONDITION_USERS; i < _CONDITION_MAX; i++)
                if (policy_has_condition(policy, i) && !condition_holds(policy, i, facts))
                        return i;
        return CONDITION_NONE;
}

const struct policy *policy_match(const struct policy *policies, size_t n, const struct policy_facts *facts) {
        assert(n > 0);
        for (size_t i = 0; i < n - 1; i++)
                if (policy_find_failed(policies + i, facts) == CONDITION_NONE)
                        return policies + i;
        return policies + n - 1;
}

enum policy_exemption policy_find_exemption(const struct policy *policy, const struct policy_facts *facts) {
        if (facts->uid == 0)
                return EXEMPT_ROOT;
        if (facts->break_glass)
                return EXEMPT_BREAK_GLASS;
        if (name_list_has(&policy->exempt_users, facts->user))
                return EXEMPT_USER;
        if (group_list_has_any(&policy->exempt_groups, facts->groups, facts->n_groups))
                return EXEMPT_GROUP;
        return EXEMPT_NOT;
}

bool policy_is_exempt(const struct policy *policy, const struct policy_facts *facts) {
        return policy_find_exemption(policy, facts) != EXEMPT_NOT;
}

static bool has_text(const char *const *texts, size_t n, const char *text) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(texts[i], text) == 0)
                        return true;
        return false;
}

size_t policy_find_roles(const struct policy *policy, const uint32_t *groups, size_t n_groups,
        const char *ret[static ROLES_MAX]) {
        const struct role_list *list = &policy->roles;
        size_t n = 0;

        for (size_t i = 0; i < list->roles.n && n < ROLES_MAX; i++)
                if (is_among(list->groups.gids[i], groups, n_groups) &&
                        !has_text(ret, n, list->roles.names[i]))
                        ret[n++] = list->roles.names[i];
        if (n == 0 && *policy->role_default)
                ret[n++] = policy->role_default;
        return n;
}

/* Whether the device of rows[index] has a later login among the rows. */
static bool find_later(const struct policy_row *rows, size_t n_rows, size_t index, size_t *ret) {
        for (size_t i = index + 1; i < n_rows; i++) {
                if (device_id_equal(&rows[i].device, &rows[index].device)) {
                        *ret = i;
                        return true;
                }
        }
        return false;
}

/* From the newest row back: the first max_others devices that are not the login's own stay, whoever comes
 * after (has his latest login before theirs) goes. Returns how many rows go. */
static size_t mark_devices(
        struct policy_row *rows, size_t n_rows, const struct device_id *device, size_t max_others) {
        size_t n_kept = 0, n_victims = 0, later;

        for (size_t i = n_rows; i-- > 0;) {
                if (device_id_equal(&rows[i].device, device))
                        continue;
                if (find_later(rows, n_rows, i, &later))
                        rows[i].victim = rows[later].victim;
                else
                        rows[i].victim = n_kept++ >= max_others;
                n_victims += rows[i].victim;
        }
        return n_victims;
}

/* The oldest that are left go until n_victims have gone in all. */
static size_t mark_oldest(struct policy_row *rows, size_t n_rows, size_t n_marked, size_t n_victims) {
        for (size_t i = 0; i < n_rows && n_marked < n_victims; i++) {
                if (rows[i].victim)
                        continue;
                rows[i].victim = true;
                n_marked++;
        }
        return n_marked;
}

bool policy_row_is_other(
        const struct policy *policy, const struct policy_row *row, const struct device_id *device) {
        return policy->max_sessions > 0 || !device_id_equal(&row->device, device);
}

static size_t mark_others(
        const struct policy *policy, struct policy_row *rows, size_t n_rows, const struct device_id *device) {
        size_t n_victims = 0;

        for (size_t i = 0; i < n_rows; i++) {
                rows[i].victim = policy_row_is_other(policy, &rows[i], device);
                n_victims += rows[i].victim;
        }
        return n_victims;
}

static void mark_nobody(struct policy_row *rows, size_t n_rows) {
        for (size_t i = 0; i < n_rows; i++)
                rows[i].victim = false;
}

/* Until both limits hold. */
static size_t mark_victims(
        const struct policy *policy, struct policy_row *rows, size_t n_rows, const struct device_id *device) {
        size_t n_marked = 0;

        mark_nobody(rows, n_rows);
        if (policy->max_devices > 0)
                n_marked = mark_devices(rows, n_rows, device, policy->max_devices - 1);
        if (policy->max_sessions > 0 && n_rows >= policy->max_sessions)
                n_marked = mark_oldest(rows, n_rows, n_marked, n_rows - (policy->max_sessions - 1));

        return n_marked;
}

static enum on_limit without_asking(const struct policy *policy) {
        return policy->on_limit == ON_LIMIT_ASK ? policy->ask_fallback : policy->on_limit;
}

enum policy_outcome policy_decide_open(const struct policy *policy, enum policy_choice choice,
        struct policy_row *rows, size_t n_rows, const struct device_id *device) {
        bool has_chosen = policy->on_limit == ON_LIMIT_ASK && choice != CHOICE_NONE;
        size_t n_marked = has_chosen && choice == CHOICE_OTHERS ? mark_others(policy, rows, n_rows, device)
                                                                : mark_victims(policy, rows, n_rows, device);

        if (n_marked == 0)
                return POLICY_ALLOWS;
        if (has_chosen || without_asking(policy) != ON_LIMIT_DENY)
                return POLICY_EVICTS;
        mark_nobody(rows, n_rows);
        return POLICY_DENIES;
}

enum policy_outcome policy_decide_account(const struct policy *policy, struct policy_row *rows, size_t n_rows,
        const struct device_id *asked_from) {
        if (policy->on_limit == ON_LIMIT_ASK && asked_from)
                return mark_victims(policy, rows, n_rows, asked_from) ? POLICY_ASKS : POLICY_ALLOWS;
        mark_nobody(rows, n_rows);
        if (without_asking(policy) == ON_LIMIT_DENY && policy->max_sessions > 0 &&
                n_rows >= policy->max_sessions)
                return POLICY_DENIES;
        return POLICY_ALLOWS;
}

const char *policy_condition_name(enum policy_condition condition) {
        static const char *const names[_CONDITION_MAX] = { "", "users", "groups", "services", "realm" };

        return condition < _CONDITION_MAX ? names[condition] : "unknown";
}

const char *policy_exemption_name(enum policy_exemption exemption) {
        static const char *const names[_EXEMPT_MAX] = { "", "root", "break-glass", "user", "group" };

        return exemption < _EXEMPT_MAX ? names[exemption] : "unknown";
}

const char *policy_outcome_name(enum policy_outcome outcome) {
        switch (outcome) {
        case POLICY_ALLOWS:
                return "allow";
        case POLICY_EVICTS:
                return "evict";
        case POLICY_DENIES:
                return "deny";
        case POLICY_ASKS:
                return "ask";
        }
        return "unknown";
}

const char *on_limit_name(enum on_limit on_limit) {
        switch (on_limit) {
        case ON_LIMIT_EVICT_OLDEST:
                return "evict-oldest";
        case ON_LIMIT_DENY:
                return "deny";
        case ON_LIMIT_ASK:
                return "ask";
        }
        return "unknown";
}

void policy_clear(struct policy *policy) {
        name_list_clear(&policy->users);
        group_list_clear(&policy->groups);
        name_list_clear(&policy->services);
        name_list_clear(&policy->exempt_users);
        group_list_clear(&policy->exempt_groups);
        role_list_clear(&policy->roles);
}
