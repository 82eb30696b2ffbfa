/* mint: an access token for a session, as configuration, policy and the user's groups have it now. The one
 * place where they are made. Knows no caller; whether the session may have one is asked before. */
#pragma once

#include "daemon/config.h"
#include "daemon/service.h"

struct mint_facts {
        const struct config *config;
        const struct keyring *keyring;
        struct status *status; /* tokens live by its time */
        const struct session *session;
        const uint32_t *groups; /* the user's, numeric: they give the roles */
        size_t n_groups;
        const char *audience; /* "": the realm's */
        usec_t reset_at;      /* of the user; 0: there was none */
        struct moment now;
};

enum mint_outcome {
        MINT_NO_REALM = 1, /* the configuration has the session's realm no more */
};

#define MINT_TOKEN_SIZE (TOKEN_MAX + 1)

/* Writes it, NUL-terminated; the caller wipes it. 0 with its expiry, in seconds since 1970; MINT_NO_REALM;
 * token_mint's errors. Loop thread. */
int mint(const struct mint_facts *facts, char ret_token[static MINT_TOKEN_SIZE], int64_t *ret_expires_at);
