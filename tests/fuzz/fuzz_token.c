/* Tokens from a stranger, and, because no stranger gets past the signature, headers and claims that our own
 * key has signed. The first byte chooses which. Whatever happens: no crash, claims that are terminated, an
 * empty error queue. What is accepted, libjwt accepts too and reads the same from it. */
#include <jwt.h>
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

static void check_string(jwt_t *jwt, const char *name, const char *ours) {
        const char *value = jwt_get_grant(jwt, name);

        REQUIRE(value && strcmp(value, ours) == 0);
}

/* Whole ones; what has a point or an exponent in its text libjwt gives as 0. */
static void check_number(jwt_t *jwt, const char *name, int64_t ours) {
        char *text = jwt_get_grants_json(jwt, name);

        REQUIRE(text);
        REQUIRE(strpbrk(text, ".e") || jwt_get_grant_int(jwt, name) == ours);
        free(text);
}

/* libjwt knows no other type than JWT, so it is asked about a token with that one. It reads no string with
 * U+0000 in it, whatever claim that is; ours may have some that we do not look at. */
static void ask_libjwt(
        const struct keyring *keyring, const void *payload, size_t size, const struct claims *claims) {
        static const unsigned char pem[] = SIGNER_PEM;
        static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"JWT\"}";
        static char token[4 * TOKEN_MAX];
        jwt_t *jwt = NULL;

        if (memmem(payload, size, "\\u0000", 6))
                return;
        REQUIRE(signer_sign(keyring, header, payload, size, token));
        REQUIRE(jwt_decode(&jwt, token, pem, sizeof(pem) - 1) == 0);
        check_string(jwt, "iss", claims->issuer);
        check_string(jwt, "sub", claims->subject);
        check_string(jwt, "sid", claims->session_id);
        check_string(jwt, "realm", claims->realm);
        check_string(jwt, "client_id", claims->client_id);
        check_string(jwt, "jti", claims->token_id);
        check_number(jwt, "exp", claims->expires_at);
        check_number(jwt, "iat", claims->issued_at);
        check_number(jwt, "uid", claims->uid);
        jwt_free(jwt);
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
        if (kind == AS_CLAIMS && (r == 0 || r >= REASON_EXPIRED))
                ask_libjwt(keyring, data + 1, size - 1, &claims);
        REQUIRE(ERR_peek_error() == 0);
        free(exact);
        return 0;
}
