/* verify: is this token one of ours, now, for this audience, and does its session live? Ties jws, keyset,
 * claims, status page and token cache together, which are given to it; it opens no file and reads no clock.
 * The one implementation, for daemon and library. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/claims.h"
#include "client/keyset.h"
#include "client/reason.h"
#include "client/status_page.h"
#include "client/token_cache.h"

/* What is asked of a token. Strings are borrowed for the call; NULL means "any" but for issuer. */
struct verify_rules {
        const char *issuer;   /* compared exactly */
        const char *audience; /* must be among aud */
        const char *realm;
        const char *typ;    /* "at+jwt" (then "application/at+jwt" is accepted too), or "JWT"; NULL: either */
        int64_t now;        /* seconds since 1970 */
        int64_t leeway;     /* seconds, for iat only: one that is later than now + leeway is not yet valid */
        bool are_fixed;     /* issuer, audience and realm are the same at every call with this cache */
        uint64_t clock;     /* status_clock() */
        uint64_t max_stale; /* microseconds; an older heartbeat is stale. 0: never */
};

/* Every rule of DESIGN section 9 but the status byte, in its order. 0 with the claims; a reason (> 0);
 * negative errno when OpenSSL or memory fails. On REASON_EXPIRED and the later ones (time, issuer, audience,
 * realm) the signature was good and *ret is filled, so that the owner of a dead token can be told from a
 * stranger; before those *ret is untouched. A token is expired when exp <= now. */
int verify_token(const struct keyset *keys, const struct verify_rules *rules, const char *token, size_t size,
        struct claims *ret);

/* Of a token that is good: has it one of these roles? What it has and what is wanted are arrays of names. 0,
 * REASON_MISSING_ROLE or REASON_INSUFFICIENT_ROLE. */
int verify_roles(const char *const *roles, size_t n_roles, const char *const *wanted, size_t n_wanted);

/* ---- with a status page, and a memory of tokens seen ---- */

/* What a verifier has; all of it borrowed. */
struct verify {
        const struct keyset *keys;
        const struct status_view *status;
        struct token_cache *cache;
        uint64_t generation; /* the page's when keys and mapping were taken and the cache was empty */
};

enum {
        VERIFY_UNSEEN = _REASON_MAX, /* not in the cache: verify_first */
        VERIFY_OUTDATED,             /* the page has grown or is of another generation: take all that anew */
};

/* A token seen before: a hash, a compare, and what time and the status byte say. 0, a reason, or
 * VERIFY_UNSEEN; negative errno never. Whenever the token was in the cache *ret is its entry, borrowed until
 * the next verify_first. A token without status claim, and one whose index the page does not have, is
 * REASON_REVOKED. */
int verify_seen(const struct verify *v, const struct verify_rules *rules, const char *token, size_t size,
        struct token_entry **ret);

/* A token seen for the first time: as verify_token, then its status byte; kept in the cache when its
 * signature is good, and then *ret is set whatever the answer. 0, a reason, VERIFY_OUTDATED; negative
 * errno. */
int verify_first(const struct verify *v, const struct verify_rules *rules, const char *token, size_t size,
        struct token_entry **ret);
