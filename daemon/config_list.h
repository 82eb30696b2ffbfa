/* config_list: values that are lists of words, text <-> lists of names, groups and roles; and how
 * config_value and this say what is wrong. Group names are resolved here (NSS: not on the loop thread). */
#pragma once

#include <stdio.h>

#include "daemon/config_value.h"

#define CONFIG_SHOWN_MAX 64 /* of a value in a problem */

/* A value as it may be shown: whole, or only its length. */
struct config_shown {
        char text[CONFIG_SHOWN_MAX + 3];
};

struct config_shown config_show(const char *text);

/* Writes what is wrong into problem[CONFIG_PROBLEM_MAX]. Returns -EINVAL. */
int config_refuse(char *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads the words of text as the key's kind says; of a list that is NULL there are none. 0; -EINVAL; -ENOMEM.
 * The lists are replaced on success only. */
int config_list_read(const struct config_key *key, const char *text, struct name_list *ret_names,
        struct group_list *ret_groups, char *problem);

/* Writes the words, each behind `mark`, separated by spaces; with a space before the first unless it is the
 * `first` of its line. */
void config_list_write(size_t n, char *const *names, const char *mark, bool first, FILE *file);
void config_roles_write(const struct role_list *list, FILE *file);

/* The gid of a group; -1 if it cannot be found, for whatever reason. */
int64_t config_find_group(const char *name);
