/* reason: why a token is not accepted. Outcomes (> 0) of jws, keyset and verify, so that each is named
 * once. */
#pragma once

enum reason {
        REASON_NONE = 0,
        REASON_MALFORMED =
                1, /* not canonical, not strict JSON, too large, a claim missing or of the wrong type */
        REASON_WRONG_TYPE,      /* typ is not the expected one */
        REASON_WRONG_ALGORITHM, /* alg is not exactly the key's */
        REASON_UNKNOWN_KEY,
        REASON_BAD_SIGNATURE,
        REASON_EXPIRED,
        REASON_NOT_YET_VALID,
        REASON_WRONG_ISSUER,
        REASON_WRONG_AUDIENCE,
        REASON_WRONG_REALM,
        REASON_REVOKED,
        REASON_STALE_STATUS,
        REASON_MISSING_ROLE,      /* of a good token: it has no role at all */
        REASON_INSUFFICIENT_ROLE, /* of a good token: it has roles, but none of those asked for */
        _REASON_MAX,
};

/* "malformed", "wrong-type", "wrong-algorithm", "unknown-key", "bad-signature", "expired", "not-yet-valid",
 * "wrong-issuer", "wrong-audience", "wrong-realm", "revoked", "stale-status", "missing-role",
 * "insufficient-role"; "none" for 0; "unknown" for anything else. Static text. */
const char *reason_name(int reason);
