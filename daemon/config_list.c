/* config_list: see config_list.h. */
#include "daemon/config_list.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/sshkey.h"

#define GROUP_BUFFER_MAX 16777216 /* a group with its members; the largest ones come from directories */

struct config_shown config_show(const char *text) {
        struct config_shown shown;

        if (strlen(text) > CONFIG_SHOWN_MAX)
                snprintf(shown.text, sizeof(shown.text), "a value of %zu bytes", strlen(text));
        else
                snprintf(shown.text, sizeof(shown.text), "'%s'", text);
        return shown;
}

int config_refuse(char *problem, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(problem, CONFIG_PROBLEM_MAX, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

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
                return config_refuse(problem, "%s has a quote; there are none here", config_show(word).text);
        if (strchr(word, ','))
                return config_refuse(
                        problem, "%s has a comma; names are separated by spaces", config_show(word).text);
        if (word[0] == '#' || word[0] == ';')
                return config_refuse(
                        problem, "%s: a comment stands on a line of its own", config_show(word).text);
        return 0;
}

static int check_pattern(const struct config_key *key, const char *word, char *problem) {
        const char *star = strchr(word, '*');

        if (star && star[1] != '\0')
                return config_refuse(problem, "%s has a * that is not its end", config_show(word).text);
        if (word[0] == '@')
                return config_refuse(
                        problem, "%s looks like a group; here stand only names", config_show(word).text);
        if (strlen(word) > key->max)
                return config_refuse(problem, "a name is longer than %" PRIu64 " bytes", key->max);
        return 0;
}

static int check_group(const char *word, char *problem) {
        if (strchr(word, '*') || word[0] == '@' || word[0] == '\0')
                return config_refuse(problem, "%s is no name of a group", config_show(word).text);
        if (strlen(word) > USER_MAX)
                return config_refuse(problem, "a group is longer than %d bytes", USER_MAX);
        return 0;
}

static int check_role(const char *role, const struct name_list *roles, char *problem) {
        size_t n = 1;

        if (strlen(role) > ROLE_MAX)
                return config_refuse(problem, "a role is longer than %d bytes", ROLE_MAX);
        for (const char *p = role; *p; p++)
                if (*p <= ' ' || *p > '~' || *p == '\\')
                        return config_refuse(problem,
                                "%s has a backslash, a control character or one beyond ASCII",
                                config_show(role).text);
        for (size_t i = 0; i < roles->n; i++) {
                bool again = strcmp(roles->names[i], role) == 0;

                for (size_t k = 0; k < i && !again; k++)
                        again = strcmp(roles->names[i], roles->names[k]) == 0;
                n += !again;
        }
        if (n > ROLES_MAX)
                return config_refuse(problem, "there are more than %d roles", ROLES_MAX);
        return 0;
}

/* "group=role": each goes to its list, at the same place. */
static int add_role(char *word, struct name_list *roles, struct group_list *groups, char *problem) {
        char *role = strchr(word, '=');
        int r;

        if (!role || role[1] == '\0')
                return config_refuse(problem, "%s names no role behind a group", config_show(word).text);
        *role++ = '\0';
        r = check_group(word, problem);
        if (r == 0)
                r = check_role(role, roles, problem);
        if (r == 0)
                r = add_group(groups, word);
        return r ? r : add_name(roles, role);
}

/* Adds one word to the list of its kind. */
static int add_word(const struct config_key *key, char *word, struct name_list *names,
        struct group_list *groups, char *problem) {
        bool group = key->kind == CONFIG_GROUPS || (key->kind == CONFIG_EXEMPT && word[0] == '@');
        int r;

        r = check_word(word, problem);
        if (r)
                return r;
        if (key->kind == CONFIG_FINGERPRINTS) {
                if (!sshkey_is_fingerprint(word))
                        return config_refuse(problem, "%s is no fingerprint", config_show(word).text);
                return add_name(names, word);
        }
        if (group) {
                word += key->kind == CONFIG_EXEMPT;
                r = check_group(word, problem);
                return r ? r : add_group(groups, word);
        }
        if (key->kind == CONFIG_ROLES)
                return add_role(word, names, groups, problem);
        r = check_pattern(key, word, problem);
        return r ? r : add_name(names, word);
}

int config_list_read(const struct config_key *key, const char *text, struct name_list *ret_names,
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
                return config_refuse(
                        problem, "the list is empty; a condition that shall not hold is left out");
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

void config_list_write(size_t n, char *const *names, const char *mark, bool first, FILE *file) {
        for (size_t i = 0; i < n; i++)
                fprintf(file, "%s%s%s", first && i == 0 ? "" : " ", mark, names[i]);
}

void config_roles_write(const struct role_list *list, FILE *file) {
        for (size_t i = 0; i < list->roles.n; i++)
                fprintf(file, "%s%s=%s", i ? " " : "", list->groups.names[i], list->roles.names[i]);
}
