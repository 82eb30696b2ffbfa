/* config_value: see config_value.h. */
#include "daemon/config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_list.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* ---- single values ---- */

static int read_bool(const char *text, bool *ret, char *problem) {
        static const char *const words[][2] = { { "no", "yes" }, { "false", "true" }, { "0", "1" },
                { "off", "on" } };

        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
                for (size_t value = 0; value < 2; value++) {
                        if (strcmp(text, words[i][value]) != 0)
                                continue;
                        *ret = value;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is neither yes nor no", config_show(text).text);
}

/* Digits up to the first other character; false if there are none or too many. */
static bool read_digits(const char *text, uint64_t *ret, const char **ret_rest) {
        size_t n = strspn(text, "0123456789");

        if (n == 0 || n > 18)
                return false;
        *ret = strtoull(text, NULL, 10);
        *ret_rest = text + n;
        return true;
}

static int read_count(const struct config_key *key, const char *text, uint32_t *ret, char *problem) {
        const char *rest;
        uint64_t n;

        if (!read_digits(text, &n, &rest) || *rest != '\0')
                return config_refuse(problem, "%s is not a number", config_show(text).text);
        if (n > key->max)
                return config_refuse(problem, "%s is too large", config_show(text).text);
        *ret = (uint32_t) n;
        return 0;
}

static const struct unit {
        char letter;
        uint64_t seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

static const struct unit *find_unit(const char *text) {
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
                if (text[0] == units[i].letter && text[1] == '\0')
                        return units + i;
        return NULL;
}

static int read_duration(const struct config_key *key, const char *text, usec_t *ret, char *problem) {
        uint64_t n, seconds = 0;
        const struct unit *unit;
        const char *rest;

        if (!read_digits(text, &n, &rest))
                return config_refuse(problem, "%s is not a time span", config_show(text).text);
        if (n != 0 || *rest != '\0') {
                unit = find_unit(rest);
                if (!unit)
                        return config_refuse(problem, "%s has no unit s, m, h or d behind its number",
                                config_show(text).text);
                if (n > key->max / unit->seconds)
                        return config_refuse(problem, "%s is too long", config_show(text).text);
                seconds = n * unit->seconds;
        }
        if (seconds < key->min)
                return config_refuse(problem, "%s is too short", config_show(text).text);
        *ret = seconds * USEC_PER_SEC;
        return 0;
}

static void write_duration(usec_t duration, FILE *file) {
        uint64_t seconds = duration / USEC_PER_SEC;

        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
                if (seconds == 0 || seconds % units[i].seconds != 0)
                        continue;
                fprintf(file, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].letter);
                return;
        }
        fputs("0", file);
}

static int put_text(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (strlen(text) >= key->size)
                return config_refuse(problem, "the value is longer than %zu bytes", key->size - 1);
        memcpy(ret, text, strlen(text) + 1);
        return 0;
}

static int read_text(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (*text == '\0')
                return config_refuse(problem, "the value is empty");
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("\"'\\", *p))
                        return config_refuse(problem,
                                "%s has a quote, a backslash, white space or a character beyond ASCII",
                                config_show(text).text);
        return put_text(key, text, ret, problem);
}

static int read_typ(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (strcmp(text, "at+jwt") != 0 && strcmp(text, "JWT") != 0)
                return config_refuse(problem, "%s is no type of token", config_show(text).text);
        return put_text(key, text, ret, problem);
}

bool config_is_name(const char *name) {
        size_t length = strspn(name, NAME_CHARACTERS);

        return length > 0 && length <= POLICY_NAME_MAX && name[length] == '\0';
}

static int read_name(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (!config_is_name(text))
                return config_refuse(problem, "%s is no name", config_show(text).text);
        return put_text(key, text, ret, problem);
}

static int read_on_limit(const struct config_key *key, const char *text, enum on_limit *ret, char *problem) {
        for (enum on_limit i = ON_LIMIT_EVICT_OLDEST; i <= key->max; i++) {
                if (strcmp(text, on_limit_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is nothing that can be done at a limit", config_show(text).text);
}

static int read_on_password(const char *text, enum on_password_change *ret, char *problem) {
        for (enum on_password_change i = PASSWORD_ENDS_OTHERS; i <= PASSWORD_KEEPS; i++) {
                if (strcmp(text, on_password_change_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is nothing that a new password can do", config_show(text).text);
}

static int read_terminate(const char *text, enum terminate *ret, char *problem) {
        for (enum terminate i = TERMINATE_LEADER; i <= TERMINATE_SCOPE; i++) {
                if (strcmp(text, terminate_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is nothing that can be terminated", config_show(text).text);
}

static int read_messages(const char *text, enum lock_messages *ret, char *problem) {
        for (enum lock_messages i = LOCK_MESSAGES_GENERIC; i <= LOCK_MESSAGES_VERBOSE; i++) {
                if (strcmp(text, lock_messages_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is no kind of message", config_show(text).text);
}

/* Enums whose values are not below 0 are unsigned for gcc and clang. */
static int read_word(const struct config_key *key, const char *text, unsigned *ret, char *problem) {
        for (unsigned i = 0; key->words[i]; i++) {
                if (strcmp(text, key->words[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return config_refuse(problem, "%s is not one of its words", config_show(text).text);
}

/* ---- any value ---- */

static int read_field(
        const struct config_key *key, const char *text, void *field, void *second, char *problem) {
        struct role_list *roles;

        switch (key->kind) {
        case CONFIG_BOOL:
                return read_bool(text, field, problem);
        case CONFIG_COUNT:
                return read_count(key, text, field, problem);
        case CONFIG_DURATION:
                return read_duration(key, text, field, problem);
        case CONFIG_TEXT:
                return read_text(key, text, field, problem);
        case CONFIG_TEXT_OR_NONE:
                return *text ? read_text(key, text, field, problem) : put_text(key, text, field, problem);
        case CONFIG_TYP:
                return read_typ(key, text, field, problem);
        case CONFIG_NAME:
                return read_name(key, text, field, problem);
        case CONFIG_ON_LIMIT:
                return read_on_limit(key, text, field, problem);
        case CONFIG_ON_PASSWORD:
                return read_on_password(text, field, problem);
        case CONFIG_TERMINATE:
                return read_terminate(text, field, problem);
        case CONFIG_MESSAGES:
                return read_messages(text, field, problem);
        case CONFIG_WORD:
                return read_word(key, text, field, problem);
        case CONFIG_NAMES:
        case CONFIG_FINGERPRINTS:
                return config_list_read(key, text, field, NULL, problem);
        case CONFIG_GROUPS:
                return config_list_read(key, text, NULL, field, problem);
        case CONFIG_EXEMPT:
                return config_list_read(key, text, field, second, problem);
        case CONFIG_ROLES:
                roles = field;
                return config_list_read(key, text, &roles->roles, &roles->groups, problem);
        }
        abort();
}

int config_value_read(const struct config_key *key, const char *text, void *owner,
        char ret_problem[static CONFIG_PROBLEM_MAX]) {
        int r;

        r = read_field(key, text, (char *) owner + key->offset, (char *) owner + key->second, ret_problem);
        if (r == 0 && key->given)
                *(bool *) ((char *) owner + key->given) = true;
        return r;
}

void config_value_write(const struct config_key *key, const void *owner, FILE *file) {
        const void *field = (const char *) owner + key->offset;
        const struct group_list *groups;
        const struct name_list *names;

        switch (key->kind) {
        case CONFIG_BOOL:
                fputs(*(const bool *) field ? "yes" : "no", file);
                break;
        case CONFIG_COUNT:
                fprintf(file, "%" PRIu32, *(const uint32_t *) field);
                break;
        case CONFIG_DURATION:
                write_duration(*(const usec_t *) field, file);
                break;
        case CONFIG_TEXT:
        case CONFIG_TEXT_OR_NONE:
        case CONFIG_TYP:
        case CONFIG_NAME:
                fputs(field, file);
                break;
        case CONFIG_ON_LIMIT:
                fputs(on_limit_name(*(const enum on_limit *) field), file);
                break;
        case CONFIG_ON_PASSWORD:
                fputs(on_password_change_name(*(const enum on_password_change *) field), file);
                return;
        case CONFIG_TERMINATE:
                fputs(terminate_name(*(const enum terminate *) field), file);
                break;
        case CONFIG_MESSAGES:
                fputs(lock_messages_name(*(const enum lock_messages *) field), file);
                break;
        case CONFIG_WORD:
                fputs(key->words[*(const unsigned *) field], file);
                break;
        case CONFIG_NAMES:
        case CONFIG_FINGERPRINTS:
                names = field;
                config_list_write(names->n, names->names, "", true, file);
                break;
        case CONFIG_GROUPS:
                groups = field;
                config_list_write(groups->n, groups->names, "", true, file);
                break;
        case CONFIG_EXEMPT:
                names = field;
                groups = (const void *) ((const char *) owner + key->second);
                config_list_write(names->n, names->names, "", true, file);
                config_list_write(groups->n, groups->names, "@", names->n == 0, file);
                break;
        case CONFIG_ROLES:
                config_roles_write(field, file);
                break;
        }
}
