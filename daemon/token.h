/* token: access tokens (DESIGN section 9): claims by libjwt, whose only door this is, signature by keyring.
 * Knows no store. Tokens are never logged. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/verify.h"
#include "daemon/keyring.h"
#include "daemon/session.h"

struct token_facts {
        const struct session *session;
        const char *issuer;
        const char *status_uri; /* of the status list */
        const char *audience;   /* one */
        const char *typ;        /* "at+jwt" or "JWT" */
        const char *role;
        const char *const *roles;
        size_t n_roles;
        usec_t now_wall;
        usec_t access_ttl;
        usec_t reset_at;       /* of the user; 0: there was none */
        const uint8_t *random; /* 16 bytes for jti */
};

/* Writes the token, NUL-terminated, into buf (TOKEN_MAX + 1 fits any). exp is now + access_ttl, never past
 * the session's deadline_wall. role, roles, amr and reset are left out where there are none. 0 with length
 * and expiry (seconds since 1970); -ENOBUFS (also beyond TOKEN_MAX); -EINVAL (a fact that no verifier would
 * accept: text that is not UTF-8, more than CLAIMS_ROLES_MAX roles, an empty name); -ENOMEM;
 * keyring_sign's. */
int token_mint(const struct keyring *keyring, const struct token_facts *facts, char *buf, size_t size,
        size_t *ret_length, int64_t *ret_expires_at);
