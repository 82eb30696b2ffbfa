/* choice: see choice.h. A list, oldest first: it is as long as there are people between their answer and
 * their login, a moment each. */
#include "daemon/choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

struct choice {
        struct choice *next;
        struct leader_id leader;
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        char service[SERVICE_MAX + 1];
        enum policy_choice choice;
        usec_t until; /* boot clock */
};

/* Removes what *at points to; the next one then stands there. */
static void remove_at(struct choices *choices, struct choice **at) {
        struct choice *choice = *at;

        *at = choice->next;
        free(choice);
        choices->n--;
}

void choices_clear(struct choices *choices) {
        while (choices->first)
                remove_at(choices, &choices->first);
}

/* All live equally long, so the old ones stand first. */
static void remove_old(struct choices *choices, usec_t boot) {
        while (choices->first && choices->first->until <= boot)
                remove_at(choices, &choices->first);
}

static bool is_of_user(const struct choice *choice, const struct choice_key *key) {
        return strcmp(choice->user, key->user) == 0 && strcmp(choice->realm, key->realm) == 0;
}

static enum policy_choice take(struct choices *choices, const struct choice_key *key) {
        for (struct choice **at = &choices->first; *at; at = &(*at)->next) {
                enum policy_choice choice = (*at)->choice;

                if (!leader_id_equal(&(*at)->leader, &key->leader) || !is_of_user(*at, key) ||
                        strcmp((*at)->service, key->service) != 0)
                        continue;
                remove_at(choices, at);
                return choice;
        }
        return CHOICE_NONE;
}

int choices_put(
        struct choices *choices, const struct choice_key *key, enum policy_choice choice, usec_t boot) {
        _cleanup_(cleanup_free) struct choice *made = calloc(1, sizeof(*made));
        struct choice **end = &choices->first;
        size_t n_of_user = 0;

        if (!made)
                return -ENOMEM;
        remove_old(choices, boot);
        (void) take(choices, key);
        for (; *end; end = &(*end)->next)
                n_of_user += is_of_user(*end, key);
        if (n_of_user >= CHOICES_PER_USER_MAX)
                return -EDQUOT;
        if (choices->n >= CHOICES_MAX)
                return -ENOSPC;
        *made = (struct choice){
                .leader = key->leader, .choice = choice, .until = boot + CHOICE_LIFE_SEC * USEC_PER_SEC
        };
        snprintf(made->realm, sizeof(made->realm), "%s", key->realm);
        snprintf(made->user, sizeof(made->user), "%s", key->user);
        snprintf(made->service, sizeof(made->service), "%s", key->service);
        *end = TAKE(made);
        choices->n++;
        return 0;
}

enum policy_choice choices_take(struct choices *choices, const struct choice_key *key, usec_t boot) {
        remove_old(choices, boot);
        return take(choices, key);
}
