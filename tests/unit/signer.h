/* signer: tokens of any header and any claims for tests, signed with the published key of RFC 7515 A.3. */
#pragma once

#include <string.h>

#include "client/base64url.h"
#include "client/jws.h"
#include "daemon/keyring.h"

#define SIGNER_KID    "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define SIGNER_HEADER "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"at+jwt\"}"
#define SIGNER_X      "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define SIGNER_Y      "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define SIGNER_D      "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"

/* Its public side, as libjwt wants it. */
#define SIGNER_PEM                                                                                           \
        "-----BEGIN PUBLIC KEY-----\n"                                                                       \
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"                                 \
        "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"                                     \
        "-----END PUBLIC KEY-----\n"

#define SIGNER_SCALAR 67 /* where the private scalar stands in the record */

/* The key as keyring keeps it. */
static inline size_t signer_record(enum key_state state, uint8_t ret[static KEYRING_RECORD_MAX]) {
        size_t size = 0;

        memset(ret, 0, KEYRING_RECORD_MAX);
        ret[0] = 2;
        ret[1] = (uint8_t) state;
        ret[10] = 3; /* its sequence number */
        ret[18] = 7; /* made so many microseconds after 1970 */
        base64url_read(SIGNER_D, strlen(SIGNER_D), ret + SIGNER_SCALAR, 32, &size);
        return SIGNER_SCALAR + size;
}

/* A keyring with that key, active. NULL when there is no memory. */
static inline struct keyring *signer_keyring(void) {
        struct keyring *keyring = NULL;
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        if (keyring_new(&keyring) < 0 || keyring_add(keyring, NULL, SIGNER_KID, record, size) < 0)
                keyring_free(&keyring);
        return keyring;
}

/* Its public side as a set. NULL when there is no memory. */
static inline struct keyset *signer_keyset(const struct keyring *keyring) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        struct keyset *keyset = NULL;

        keyset_new(entries, keyring_public(keyring, entries), &keyset);
        return keyset;
}

/* Writes header.payload.signature and a NUL; returns the length. buf is large enough by the caller's word. */
static inline size_t signer_sign(const struct keyring *keyring, const char *header, const void *payload,
        size_t payload_size, char *buf) {
        uint8_t signature[JWS_SIGNATURE_SIZE];
        size_t length = base64url_write(header, strlen(header), buf);

        buf[length++] = '.';
        length += base64url_write(payload, payload_size, buf + length);
        if (keyring_sign(keyring, buf, length, signature) < 0)
                return 0;
        buf[length++] = '.';
        length += base64url_write(signature, sizeof(signature), buf + length);
        buf[length] = '\0';
        return length;
}
