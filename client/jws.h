/* jws: token and key -> header and payload, or the reason. Compact JWS (RFC 7515), ES256 only (RFC 7518 3.4).
 * One of the doors to OpenSSL; knows no claim, no clock, no key set.
 *
 * ECDSA is malleable: who has the signature (r, s) of a text can make (r, n - s), and both verify, here as in
 * every other implementation (the example of RFC 7515 A.3 has the larger s, so it cannot be refused). One set
 * of claims may thus come as two texts: nothing may be looked up, denied or revoked by the text of a token or
 * its hash.
 *
 * OpenSSL's error queue is left as it was found, whatever happens. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "client/reason.h"

#define JWS_COORDINATE_SIZE 32
#define JWS_SIGNATURE_SIZE  64
#define JWS_TYP_MAX         32

/* A parsed P-256 public key: the point was checked to be on the curve. Shared between threads; immutable. */
struct jws_key;

/* 0; -EINVAL (not a point of P-256); -ENOMEM. */
int jws_key_new(const uint8_t x[static JWS_COORDINATE_SIZE], const uint8_t y[static JWS_COORDINATE_SIZE],
        struct jws_key **ret);
void jws_key_free(struct jws_key **key);

/* The RFC 7638 thumbprint (3.2: crv, kty, x, y) as base64url, NUL-terminated; 0 or -EIO. */
#define JWS_THUMBPRINT_SIZE 44
int jws_thumbprint(const uint8_t x[static JWS_COORDINATE_SIZE], const uint8_t y[static JWS_COORDINATE_SIZE],
        char ret[static JWS_THUMBPRINT_SIZE]);

/* A token split and its header read, signature not yet checked. Borrows the token. */
struct jws {
        const char *signed_text; /* header.payload, as it came */
        size_t signed_size;
        const char *payload_text; /* base64url, not yet decoded */
        size_t payload_size;
        uint8_t signature[JWS_SIGNATURE_SIZE]; /* R || S */
        char alg[16];
        char typ[JWS_TYP_MAX + 1];
        char kid[KID_MAX + 1];
};

/* Splits and reads the header strictly: at most TOKEN_MAX bytes, three non-empty canonical parts, a header
 * object of at most JWS_HEADER_MAX bytes that has exactly alg, typ and kid as strings (so no crit, jwk, jku,
 * x5u, …). 0, or REASON_MALFORMED. alg is REASON_WRONG_ALGORITHM unless exactly "ES256" (so a token's
 * signature of another length, the empty one included, is named by its algorithm first). On failure *ret is
 * untouched. */
#define JWS_HEADER_MAX 512
int jws_read(const char *token, size_t size, struct jws *ret);

/* Checks the signature (64 bytes; 0 < r, s < n by OpenSSL). 0, REASON_BAD_SIGNATURE, or negative errno when
 * OpenSSL fails. */
int jws_verify(const struct jws *jws, const struct jws_key *key);

/* Decodes the payload into buf; call it only after jws_verify. 0 with its size, or REASON_MALFORMED (not
 * canonical, or too large). */
int jws_payload(const struct jws *jws, char *buf, size_t size, size_t *ret_size);

/* Writes {"alg":"ES256","kid":…,"typ":…} "." payload as base64url: what is to be signed. 0 with its length;
 * -ENOBUFS; -EINVAL (kid or typ empty, too long or with a character that JSON would escape). The signer
 * appends "." and base64url(R || S) by jws_append_signature. Neither adds a NUL. */
int jws_write_signed_text(const char *kid, const char *typ, const char *payload, size_t payload_size,
        char *buf, size_t size, size_t *ret_length);
int jws_append_signature(char *buf, size_t size, size_t length,
        const uint8_t signature[static JWS_SIGNATURE_SIZE], size_t *ret_length);
