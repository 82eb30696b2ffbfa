/* keyset: JWKS text (RFC 7517) <-> public keys. Immutable once read; knows no file and no token. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/jws.h"

struct keyset;

/* Reads {"keys":[…]}. Unknown members are ignored; keys that are not kty EC, crv P-256, (use absent or sig),
 * (alg absent or ES256) with a kid of 1 to KID_MAX bytes are skipped (RFC 7517 5); a key of our kind with
 * broken x or y, a private member `d`, a repeated kid, more than JWKS_KEYS_MAX keys of any kind, or more than
 * JWKS_MAX bytes is -EBADMSG. 0; -ENOMEM. */
int keyset_read(const char *text, size_t size, struct keyset **ret);

/* Builds one from coordinates, for the daemon's own keys. kid is the thumbprint. 0; -EINVAL (not a point of
 * P-256, no kid or a repeated one, more than JWKS_KEYS_MAX); -ENOMEM. */
struct keyset_entry {
        char kid[KID_MAX + 1];
        uint8_t x[JWS_COORDINATE_SIZE];
        uint8_t y[JWS_COORDINATE_SIZE];
};
int keyset_new(const struct keyset_entry *entries, size_t n_entries, struct keyset **ret);

void keyset_free(struct keyset **keyset);

/* The key named kid, borrowed from the set; NULL if there is none. */
const struct jws_key *keyset_find(const struct keyset *keyset, const char *kid);

/* Writes the JWKS document: kty, crv, x, y, use, alg, kid of each. 0 with its length (NUL-terminated, not
 * counted); -ENOBUFS. */
int keyset_write(
        const struct keyset_entry *entries, size_t n_entries, char *buf, size_t size, size_t *ret_length);
