#include "client/reason.h"

static const char *const names[_REASON_MAX] = {
        [REASON_NONE] = "none",
        [REASON_MALFORMED] = "malformed",
        [REASON_WRONG_TYPE] = "wrong-type",
        [REASON_WRONG_ALGORITHM] = "wrong-algorithm",
        [REASON_UNKNOWN_KEY] = "unknown-key",
        [REASON_BAD_SIGNATURE] = "bad-signature",
        [REASON_EXPIRED] = "expired",
        [REASON_NOT_YET_VALID] = "not-yet-valid",
        [REASON_WRONG_ISSUER] = "wrong-issuer",
        [REASON_WRONG_AUDIENCE] = "wrong-audience",
        [REASON_WRONG_REALM] = "wrong-realm",
        [REASON_REVOKED] = "revoked",
        [REASON_STALE_STATUS] = "stale-status",
        [REASON_MISSING_ROLE] = "missing-role",
        [REASON_INSUFFICIENT_ROLE] = "insufficient-role",
};

const char *reason_name(int reason) {
        if (reason < 0 || reason >= _REASON_MAX)
                return "unknown";
        return names[reason];
}
