/* config_value: one value of the configuration, text <-> field. Knows the kinds of values, not the keys;
 * those that are lists are read by config_list. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/lockout.h"
#include "daemon/account.h"
#include "daemon/policy.h"

#define CONFIG_PROBLEM_MAX 256

enum config_kind {
        CONFIG_BOOL,         /* bool */
        CONFIG_COUNT,        /* uint32_t, at most max */
        CONFIG_DURATION,     /* usec_t, whole seconds, from min to max, given in seconds */
        CONFIG_TEXT,         /* char[size]: printable ASCII without white space and quotes */
        CONFIG_TEXT_OR_NONE, /* the same, or empty */
        CONFIG_TYP,          /* char[size]: at+jwt or JWT */
        CONFIG_NAME,         /* char[size]: of a policy or realm */
        CONFIG_ON_LIMIT,     /* enum on_limit, at most max */
        CONFIG_TERMINATE,    /* enum terminate */
        CONFIG_ON_PASSWORD,  /* enum on_password_change */
        CONFIG_MESSAGES,     /* enum lock_messages */
        CONFIG_WORD,         /* an enum that counts words from 0 */
        CONFIG_NAMES,        /* struct name_list: names and patterns of at most max bytes */
        CONFIG_GROUPS,       /* struct group_list */
        CONFIG_EXEMPT,       /* struct name_list of users, struct group_list in the second field */
        CONFIG_FINGERPRINTS, /* struct name_list */
        CONFIG_ROLES,        /* struct role_list */
};

/* A row of a table of keys. Offsets count from the struct that the section fills. */
struct config_key {
        const char *name;
        enum config_kind kind;
        size_t offset;
        size_t second; /* of the second field of CONFIG_EXEMPT */
        size_t given;  /* of a condition's flag, a bool that says that there was the key; 0: no condition */
        size_t size;   /* of a char array */
        uint64_t min, max;
        const char *const *words; /* of CONFIG_WORD, in the order of its values; NULL behind the last one */
        const char *initial;      /* as text; NULL: the field stays empty */
        const char *right;        /* for people: what would be right */
};

/* Reads text into the fields of owner; what the fields held before is freed. 0; -EINVAL with what is
 * wrong, for people; -ENOMEM. On failure the fields keep what they had. */
int config_value_read(const struct config_key *key, const char *text, void *owner,
        char ret_problem[static CONFIG_PROBLEM_MAX]);

/* Writes the text that reads back to the same value. */
void config_value_write(const struct config_key *key, const void *owner, FILE *file);

/* Whether name is 1 to 64 of A-Z a-z 0-9 _ . - as names of policies and realms are. */
bool config_is_name(const char *name);
