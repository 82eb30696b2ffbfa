/* choice: what users have answered in account, until the open that carries it out: by the process that will
 * lead the login, so no other login can use it. Memory only, and loop thread only: a choice that is lost by
 * a restart was not carried out, and the policy's ask_fallback decides instead. DESIGN section 7. */
#pragma once

#include <stddef.h>

#include "daemon/policy.h"
#include "daemon/session.h"

struct choice;

/* Zero is empty. */
struct choices {
        struct choice *first; /* oldest first */
        size_t n;
};

/* Whose choice it is. Borrowed. */
struct choice_key {
        struct leader_id leader;
        const char *realm;
        const char *user;
        const char *service;
};

void choices_clear(struct choices *choices);

/* Keeps it for CHOICE_LIFE_SEC, instead of an older one of the same key. 0; -ENOMEM; -EDQUOT:
 * CHOICES_PER_USER_MAX wait, -ENOSPC: CHOICES_MAX do. */
int choices_put(
        struct choices *choices, const struct choice_key *key, enum policy_choice choice, usec_t boot);

/* Takes it away. CHOICE_NONE if there is none, or it is too old. */
enum policy_choice choices_take(struct choices *choices, const struct choice_key *key, usec_t boot);
