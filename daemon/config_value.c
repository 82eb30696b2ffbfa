/* config_value: see config_value.h. */
#include "daemon/config_value.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/sshkey.h"

#define SHOWN_MAX        64       /* of a value in a problem */
#define GROUP_BUFFER_MAX 16777216 /* a group with its members; the largest ones come from directories */
#define NAME_CHARACTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* A value as it may be shown: whole, or only its length. */
struct shown {
        char text[SHOWN_MAX + 3];
};

static struct shown shown_of(const char *text) {
        struct shown shown;

        if (strlen(text) > SHOWN_MAX)
                snprintf(shown.text, sizeof(shown.text), "a value of %zu bytes", strlen(text));
        else
                snprintf(shown.text, sizeof(shown.text), "'%s'", text);
        return shown;
}

static int __attribute__((format(printf, 2, 3))) refuse(char *problem, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(problem, CONFIG_PROBLEM_MAX, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

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
        return refuse(problem, "%s is neither yes nor no", shown_of(text).text);
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
                return refuse(problem, "%s is not a number", shown_of(text).text);
        if (n > key->max)
                return refuse(problem, "%s is too large", shown_of(text).text);
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
                return refuse(problem, "%s is not a time span", shown_of(text).text);
        if (n != 0 || *rest != '\0') {
                unit = find_unit(rest);
                if (!unit)
                        return refuse(problem, "%s has no unit s, m, h or d behind its number",
                                shown_of(text).text);
                if (n > key->max / unit->seconds)
                        return refuse(problem, "%s is too long", shown_of(text).text);
                seconds = n * unit->seconds;
        }
        if (seconds < key->min)
                return refuse(problem, "%s is too short", shown_of(text).text);
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
                return refuse(problem, "the value is longer than %zu bytes", key->size - 1);
        strcpy(ret, text);
        return 0;
}

static int read_text(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (*text == '\0')
                return refuse(problem, "the value is empty");
        for (const char *p = text; *p; p++)
                if (*p <= ' ' || *p > '~' || strchr("\"'\\", *p))
                        return refuse(problem,
                                "%s has a quote, a backslash, white space or a character beyond ASCII",
                                shown_of(text).text);
        return put_text(key, text, ret, problem);
}

static int read_typ(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (strcmp(text, "at+jwt") != 0 && strcmp(text, "JWT") != 0)
                return refuse(problem, "%s is no type of token", shown_of(text).text);
        return put_text(key, text, ret, problem);
}

bool config_is_name(const char *name) {
        size_t length = strspn(name, NAME_CHARACTERS);

        return length > 0 && length <= POLICY_NAME_MAX && name[length] == '\0';
}

static int read_name(const struct config_key *key, const char *text, char *ret, char *problem) {
        if (!config_is_name(text))
                return refuse(problem, "%s is no name", shown_of(text).text);
        return put_text(key, text, ret, problem);
}

static int read_on_limit(const char *text, enum on_limit *ret, char *problem) {
        for (enum on_limit i = ON_LIMIT_EVICT_OLDEST; i <= ON_LIMIT_DENY; i++) {
                if (strcmp(text, on_limit_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return refuse(problem, "%s is nothing that can be done at a limit", shown_of(text).text);
}

static int read_terminate(const char *text, enum terminate *ret, char *problem) {
        for (enum terminate i = TERMINATE_LEADER; i <= TERMINATE_NONE; i++) {
                if (strcmp(text, terminate_name(i)) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return refuse(problem, "%s is nothing that can be terminated", shown_of(text).text);
}

/* ---- lists ---- */

int64_t config_find_group(const char *name) {
        for (size_t size = 1024; size <= GROUP_BUFFER_MAX; size *= 4) {
                _cleanup_(cleanup_free) char *buf = malloc(size);
                struct group group, *found;
                int r;

                if (!buf)
                        return -1;
                r = getgrnam_r(name, &group, buf, size, &found);
                if (r != ERANGE)
                        return r == 0 && found ? (int64_t) group.gr_gid : -1;
        }
        return -1;
}

/* Takes the next word, malloced. 1, or 0 at the end. */
static int next_word(const char **text, char **ret) {
        size_t length;

        *text += strspn(*text, " \t");
        length = strcspn(*text, " \t");
        if (length == 0)
                return 0;
        *ret = strndup(*text, length);
        if (!*ret)
                return -ENOMEM;
        *text += length;
        return 1;
}

static int add_name(struct name_list *list, const char *name) {
        char **names = reallocarray(list->names, list->n + 1, sizeof(*names));

        if (!names)
                return -ENOMEM;
        list->names = names;
        names[list->n] = strdup(name);
        if (!names[list->n])
                return -ENOMEM;
        list->n++;
        return 0;
}

static int add_group(struct group_list *list, const char *name) {
        struct name_list names = { list->n, list->names };
        int64_t *gids = reallocarray(list->gids, list->n + 1, sizeof(*gids));
        int r;

        if (!gids)
                return -ENOMEM;
        list->gids = gids;
        gids[list->n] = config_find_group(name);
        r = add_name(&names, name);
        list->names = names.names;
        list->n = names.n;
        return r;
}

/* What nobody means by a word of a list. */
static int check_word(const char *word, char *problem) {
        if (strpbrk(word, "\"'"))
                return refuse(problem, "%s has a quote; there are none here", shown_of(word).text);
        if (strchr(word, ','))
                return refuse(problem, "%s has a comma; names are separated by spaces", shown_of(word).text);
        if (word[0] == '#' || word[0] == ';')
                return refuse(problem, "%s: a comment stands on a line of its own", shown_of(word).text);
        return 0;
}

static int check_pattern(const struct config_key *key, const char *word, char *problem) {
        const char *star = strchr(word, '*');

        if (star && star[1] != '\0')
                return refuse(problem, "%s has a * that is not its end", shown_of(word).text);
        if (word[0] == '@')
                return refuse(problem, "%s looks like a group; here stand only names", shown_of(word).text);
        if (strlen(word) > key->max)
                return refuse(problem, "a name is longer than %" PRIu64 " bytes", key->max);
        return 0;
}

static int check_group(const char *word, char *problem) {
        if (strchr(word, '*') || word[0] == '@' || word[0] == '\0')
                return refuse(problem, "%s is no name of a group", shown_of(word).text);
        if (strlen(word) > USER_MAX)
                return refuse(problem, "a group is longer than %d bytes", USER_MAX);
        return 0;
}

/* Adds one word to the list of its kind. */
static int add_word(const struct config_key *key, const char *word, struct name_list *names,
        struct group_list *groups, char *problem) {
        bool group = key->kind == CONFIG_GROUPS || (key->kind == CONFIG_EXEMPT && word[0] == '@');
        int r;

        r = check_word(word, problem);
        if (r)
                return r;
        if (key->kind == CONFIG_FINGERPRINTS) {
                if (!sshkey_is_fingerprint(word))
                        return refuse(problem, "%s is no fingerprint", shown_of(word).text);
                return add_name(names, word);
        }
        if (group) {
                word += key->kind == CONFIG_EXEMPT;
                r = check_group(word, problem);
                return r ? r : add_group(groups, word);
        }
        r = check_pattern(key, word, problem);
        return r ? r : add_name(names, word);
}

static int read_words(const struct config_key *key, const char *text, struct name_list *ret_names,
        struct group_list *ret_groups, char *problem) {
        _cleanup_(name_list_clear) struct name_list names = { 0 };
        _cleanup_(group_list_clear) struct group_list groups = { 0 };

        for (;;) {
                _cleanup_(cleanup_free) char *word = NULL;
                int r;

                r = next_word(&text, &word);
                if (r == 0)
                        break;
                if (r > 0)
                        r = add_word(key, word, &names, &groups, problem);
                if (r < 0)
                        return r;
        }
        /* A list of conditions that came out empty would match nobody, or everybody: who can tell what was
         * meant? */
        if (key->given && names.n + groups.n == 0)
                return refuse(problem, "the list is empty; a condition that shall not hold is left out");
        if (ret_names) {
                name_list_clear(ret_names);
                *ret_names = names;
                names = (struct name_list){ 0 };
        }
        if (ret_groups) {
                group_list_clear(ret_groups);
                *ret_groups = groups;
                groups = (struct group_list){ 0 };
        }
        return 0;
}

static void write_names(size_t n, char *const *names, const char *mark, bool first, FILE *file) {
        for (size_t i = 0; i < n; i++)
                fprintf(file, "%s%s%s", first && i == 0 ? "" : " ", mark, names[i]);
}

/* ---- any value ---- */

static int read_field(
        const struct config_key *key, const char *text, void *field, void *second, char *problem) {
        switch (key->kind) {
        case CONFIG_BOOL:
                return read_bool(text, field, problem);
        case CONFIG_COUNT:
                return read_count(key, text, field, problem);
        case CONFIG_DURATION:
                return read_duration(key, text, field, problem);
        case CONFIG_TEXT:
                return read_text(key, text, field, problem);
        case CONFIG_TYP:
                return read_typ(key, text, field, problem);
        case CONFIG_NAME:
                return read_name(key, text, field, problem);
        case CONFIG_ON_LIMIT:
                return read_on_limit(text, field, problem);
        case CONFIG_TERMINATE:
                return read_terminate(text, field, problem);
        case CONFIG_NAMES:
        case CONFIG_FINGERPRINTS:
                return read_words(key, text, field, NULL, problem);
        case CONFIG_GROUPS:
                return read_words(key, text, NULL, field, problem);
        case CONFIG_EXEMPT:
                return read_words(key, text, field, second, problem);
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
        case CONFIG_TYP:
        case CONFIG_NAME:
                fputs(field, file);
                break;
        case CONFIG_ON_LIMIT:
                fputs(on_limit_name(*(const enum on_limit *) field), file);
                break;
        case CONFIG_TERMINATE:
                fputs(terminate_name(*(const enum terminate *) field), file);
                break;
        case CONFIG_NAMES:
        case CONFIG_FINGERPRINTS:
                names = field;
                write_names(names->n, names->names, "", true, file);
                break;
        case CONFIG_GROUPS:
                groups = field;
                write_names(groups->n, groups->names, "", true, file);
                break;
        case CONFIG_EXEMPT:
                names = field;
                groups = (const void *) ((const char *) owner + key->second);
                write_names(names->n, names->names, "", true, file);
                write_names(groups->n, groups->names, "@", names->n == 0, file);
                break;
        }
}
