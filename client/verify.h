/* verify: is this token one of ours, now, for this audience? Ties jws, keyset and claims together; the key
 * set and (later) the status map are given to it; it opens no file, reads no clock, keeps nothing. The one
 * implementation, for daemon and library. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/keyset.h"
#include "client/protocol.h"
#include "client/reason.h"

#define CLAIMS_AUDIENCES_MAX 8
#define CLAIMS_ROLES_MAX     16
#define CLAIMS_METHODS_MAX   8

/* The claims of DESIGN section 9, copied out. iss, sub, aud, client_id, exp, iat, jti, sid, realm and uid are
 * required and not empty, the others "" or 0 when absent; a claim of another type, or longer or more than
 * fits here, is malformed; claims without a place here are ignored. Times are seconds since 1970
 * (NumericDate, fractions dropped). */
struct claims {
        char issuer[ISSUER_MAX + 1];                            /* iss */
        char subject[USER_MAX + 1];                             /* sub: the user's name */
        char audiences[CLAIMS_AUDIENCES_MAX][AUDIENCE_MAX + 1]; /* aud */
        size_t n_audiences;
        char client_id[SERVICE_MAX + 5]; /* pam:SERVICE */
        char token_id[64];               /* jti */
        char session_id[SID_TEXT_MAX + 1];
        char realm[REALM_MAX + 1];
        char device_id[33]; /* dev */
        char role[ROLE_MAX + 1];
        char roles[CLAIMS_ROLES_MAX][ROLE_MAX + 1];
        size_t n_roles;
        char methods[CLAIMS_METHODS_MAX][8]; /* amr */
        size_t n_methods;
        int64_t issued_at;  /* iat */
        int64_t expires_at; /* exp */
        int64_t auth_time;
        int64_t reset;
        uint32_t uid;
};

/* What is asked of a token. Strings are borrowed for the call; NULL means "any" but for issuer and typ. */
struct verify_rules {
        const char *issuer;   /* compared exactly */
        const char *audience; /* must be among aud */
        const char *realm;
        const char *typ; /* "at+jwt" (then "application/at+jwt" is accepted too), or "JWT" */
        int64_t now;     /* seconds since 1970 */
        int64_t leeway;  /* seconds, for iat only: one that is later than now + leeway is not yet valid */
};

/* Every rule of DESIGN section 9 but the status byte, in its order. 0 with the claims; a reason (> 0);
 * negative errno when OpenSSL or memory fails. On REASON_EXPIRED and the later ones (time, issuer, audience,
 * realm) the signature was good and *ret is filled, so that the owner of a dead token can be told from a
 * stranger; before those *ret is untouched. A token is expired when exp <= now. */
int verify_token(const struct keyset *keys, const struct verify_rules *rules, const char *token, size_t size,
        struct claims *ret);
