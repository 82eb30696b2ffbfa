/* config_table: which sections and keys there are, where their values go and what they are before anything
 * is read. The one place that spells them; reading and writing walk it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config_value.h"

#define CONFIG_KEYS_MAX 32 /* of one section */

enum config_section_kind {
        CONFIG_ONE = 1, /* [token]: its keys fill struct config */
        CONFIG_REALM,   /* [realm NAME]: a struct realm */
        CONFIG_POLICY,  /* [policy NAME]: a struct policy */
};

struct config_section {
        const char *name;
        enum config_section_kind kind;
        const struct config_key *keys;
        size_t n_keys;
};

/* In the order in which they are written. */
extern const struct config_section config_sections[];
extern const size_t config_n_sections;
