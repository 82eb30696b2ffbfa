/* claims: the payload of a token -> the claims that we know. Pure; knows no key, no clock, no rule. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "client/reason.h"

#define CLAIMS_AUDIENCES_MAX 8
#define CLAIMS_ROLES_MAX     ROLES_MAX
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
        uint64_t status_index; /* status.status_list.idx; CLAIMS_NO_STATUS when absent */
        char status_uri[STATUS_URI_MAX + 1];
};

#define CLAIMS_NO_STATUS UINT64_MAX

/* Reads a payload whose signature was checked. 0, or REASON_MALFORMED with *ret untouched. */
int claims_read(const char *text, size_t size, struct claims *ret);

bool claims_have_audience(const struct claims *claims, const char *audience);
