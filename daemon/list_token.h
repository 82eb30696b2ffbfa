/* list_token: the status list token (Token Status List 5.1): what verifiers off the host see of the status
 * page. Knows no file and no session. */
#pragma once

#include <stddef.h>

#include "client/protocol.h"
#include "client/status_page.h"
#include "daemon/clock.h"
#include "daemon/keyring.h"

#define LIST_TOKEN_TYP "statuslist+jwt"

struct list_token_facts {
        const char *uri; /* as access tokens carry it */
        struct status_view view;
        usec_t now_wall;
        usec_t lifetime; /* to the second, at least one */
};

/* The name of the list in access tokens and in its own: one for all realms of the host, as there is one page.
 * The issuer is that of [token]. */
void list_token_uri(const char *issuer, char ret[static STATUS_URI_MAX + 1]);

/* 0 with the malloced, NUL-terminated token; -EINVAL (the uri is empty or not UTF-8); -ENOMEM;
 * keyring_sign's. Any thread that has a reference to the keyring. */
int list_token_mint(
        const struct keyring *keyring, const struct list_token_facts *facts, char **ret, size_t *ret_length);
