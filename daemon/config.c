/* config: see config.h. The value and what is asked of it; reading and writing have their own files. */
#include "daemon/config.h"

#include <stdlib.h>
#include <string.h>

struct config *config_ref(struct config *config) {
        __atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
        return config;
}

static void config_free(struct config *config) {
        name_list_clear(&config->uncounted_keys);
        name_list_clear(&config->counted);
        name_list_clear(&config->tracked);
        name_list_clear(&config->nested);
        name_list_clear(&config->ignored);
        name_list_clear(&config->files);
        for (size_t i = 0; i < config->n_policies; i++)
                policy_clear(config->policies + i);
        free(config->policies);
        free(config->realms);
        free(config);
}

void config_unref(struct config **config) {
        struct config *gone = *config;

        *config = NULL;
        /* Whoever drops the last reference must see all that the others did before they dropped theirs. */
        if (gone && __atomic_sub_fetch(&gone->references, 1, __ATOMIC_ACQ_REL) == 0)
                config_free(gone);
}

enum session_class config_class(const struct config *config, const char *service) {
        const struct {
                const struct name_list *list;
                enum session_class class;
        } order[] = {
                { &config->ignored, CLASS_IGNORED },
                { &config->nested, CLASS_NESTED },
                { &config->tracked, CLASS_TRACKED },
                { &config->counted, CLASS_COUNTED },
        };
        size_t n = sizeof(order) / sizeof(*order);

        for (size_t i = 0; i < n; i++)
                if (name_list_has_exactly(order[i].list, service))
                        return order[i].class;
        for (size_t i = 0; i < n; i++)
                if (name_list_has(order[i].list, service))
                        return order[i].class;
        return CLASS_TRACKED;
}

const struct realm *config_realm(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_realms; i++)
                if (strcmp(config->realms[i].name, name) == 0)
                        return config->realms + i;
        return NULL;
}

bool config_has_realm(const struct config *config, const char *realm) {
        return config_realm(config, realm) != NULL;
}

const struct policy *config_policy(const struct config *config, const char *name) {
        for (size_t i = 0; i < config->n_policies; i++)
                if (strcmp(config->policies[i].name, name) == 0)
                        return config->policies + i;
        return config->policies + config->n_policies - 1;
}
