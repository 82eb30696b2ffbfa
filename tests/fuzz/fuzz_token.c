/* Tokens from a stranger, and, because no stranger gets past the signature, headers and claims that our own
 * key has signed. The first byte chooses which. Whatever happens: no crash, claims that are terminated, an
 * empty error queue. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "client/verify.h"
#include "tests/unit/signer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void) 0 : abort())

enum { AS_TOKEN, AS_HEADER, AS_CLAIMS, _KINDS };

static const char claims_text[] =
        "{\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"client_id\":\"c\",\"exp\":9,\"iat\":1,"
        "\"jti\":\"j\",\"sid\":\"s\",\"realm\":\"r\",\"uid\":1}";

/* Every header, signed, has the same claims; so what is accepted must say them. */
static void check_claims(int kind, int r, const struct claims *claims) {
        REQUIRE(memchr(claims->issuer, 0, sizeof(claims->issuer)));
        REQUIRE(memchr(claims->subject, 0, sizeof(claims->subject)));
        REQUIRE(memchr(claims->session_id, 0, sizeof(claims->session_id)));
        REQUIRE(claims->n_audiences >= 1 && claims->n_audiences <= CLAIMS_AUDIENCES_MAX);
        REQUIRE(claims->n_roles <= CLAIMS_ROLES_MAX && claims->n_methods <= CLAIMS_METHODS_MAX);
        for (size_t i = 0; i < claims->n_roles; i++)
                REQUIRE(memchr(claims->roles[i], 0, sizeof(claims->roles[i])));
        REQUIRE((r == REASON_EXPIRED) == (claims->expires_at <= 5));
        REQUIRE(kind != AS_HEADER || (r == 0 && claims->uid == 1));
}

static size_t make_token(
        const struct keyring *keyring, int kind, const uint8_t *data, size_t size, char *token) {
        char header[TOKEN_MAX + 1];

        if (kind == AS_CLAIMS)
                return signer_sign(keyring, SIGNER_HEADER, data, size, token);
        if (kind == AS_HEADER) {
                memcpy(header, data, size);
                header[size] = '\0';
                return signer_sign(keyring, header, claims_text, strlen(claims_text), token);
        }
        memcpy(token, data, size);
        return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const struct verify_rules rules = {
                .issuer = "i", .audience = "a", .realm = "r", .typ = "at+jwt", .now = 5
        };
        static struct keyring *keyring;
        static struct keyset *keyset;
        char token[4 * TOKEN_MAX], *exact;
        struct claims claims;
        size_t length;
        int kind, r;

        if (!keyset) {
                keyring = signer_keyring();
                REQUIRE(keyring);
                keyset = signer_keyset(keyring);
                REQUIRE(keyset);
        }
        if (size < 1 || size > TOKEN_MAX)
                return 0;
        kind = data[0] % _KINDS;
        length = make_token(keyring, kind, data + 1, size - 1, token);

        /* A block of exactly this size, so that one byte beyond it is seen. */
        exact = malloc(length ? length : 1);
        REQUIRE(exact);
        memcpy(exact, token, length);
        memset(&claims, 0xff, sizeof(claims));
        r = verify_token(keyset, &rules, exact, length, &claims);
        REQUIRE(r >= 0 && r < REASON_REVOKED);
        if (r == 0 || r >= REASON_EXPIRED)
                check_claims(kind, r, &claims);
        REQUIRE(ERR_peek_error() == 0);
        free(exact);
        return 0;
}
