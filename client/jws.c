#include "client/jws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/digest.h"
#include "client/json.h"

#define ALGORITHM            "ES256"
#define CURVE                "P-256"
#define SIGNATURE_TEXT_SIZE  BASE64URL_SIZE(JWS_SIGNATURE_SIZE)
#define COORDINATE_TEXT_SIZE BASE64URL_SIZE(JWS_COORDINATE_SIZE)
#define HEADER_TOKENS_MAX    7                  /* the object, and three members of a key and a value each */
#define DER_MAX              (2 + 2 * (3 + 32)) /* a SEQUENCE of two INTEGERs, each with its sign byte */

struct jws_key {
        EVP_PKEY *pkey;
};

static void cleanup_pkey_ctx(EVP_PKEY_CTX **ctx) {
        EVP_PKEY_CTX_free(*ctx);
}

static void cleanup_md_ctx(EVP_MD_CTX **ctx) {
        EVP_MD_CTX_free(*ctx);
}

/* ---- keys ---- */

static int key_from_point(uint8_t *point, size_t size, EVP_PKEY **ret) {
        _cleanup_(cleanup_pkey_ctx) EVP_PKEY_CTX *ctx = NULL;
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) CURVE, 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, size),
                OSSL_PARAM_construct_end(),
        };

        /* Where this failed for want of memory OpenSSL 3.0 would go on with locks that are NULL. */
        if (!OSSL_LIB_CTX_get0_global_default())
                return -ENOMEM;
        ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
                return -ENOMEM;
        /* Decoding an uncompressed point checks that its coordinates are below p and that it is on the
         * curve. */
        if (EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) != 1)
                return -EINVAL;
        return 0;
}

/* When a point is refused OpenSSL may have had no memory to look at it, and its errors do not always say so:
 * 3.0 then calls good points "not on curve". Whether it can take any is asked of one that is good, the
 * generator (SEC 2, 2.4.2), and then the point is looked at again. */
static int key_from_point_surely(uint8_t *point, size_t size, EVP_PKEY **ret) {
        static const char generator[] = "\x04"
                                        "\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2"
                                        "\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96"
                                        "\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16"
                                        "\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
        uint8_t copy[sizeof(generator) - 1];
        EVP_PKEY *good = NULL;
        int r;

        r = key_from_point(point, size, ret);
        if (r != -EINVAL)
                return r;
        memcpy(copy, generator, sizeof(copy));
        if (key_from_point(copy, sizeof(copy), &good) < 0)
                return -ENOMEM;
        EVP_PKEY_free(good);
        return key_from_point(point, size, ret);
}

int jws_key_new(const uint8_t x[static JWS_COORDINATE_SIZE], const uint8_t y[static JWS_COORDINATE_SIZE],
        struct jws_key **ret) {
        _cleanup_(jws_key_free) struct jws_key *key = NULL;
        uint8_t point[1 + 2 * JWS_COORDINATE_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };
        int r;

        memcpy(point + 1, x, JWS_COORDINATE_SIZE);
        memcpy(point + 1 + JWS_COORDINATE_SIZE, y, JWS_COORDINATE_SIZE);
        key = calloc(1, sizeof(*key));
        if (!key)
                return -ENOMEM;

        ERR_set_mark();
        r = key_from_point_surely(point, sizeof(point), &key->pkey);
        ERR_pop_to_mark();
        if (r < 0)
                return r;
        *ret = TAKE(key);
        return 0;
}

void jws_key_free(struct jws_key **key) {
        if (!*key)
                return;
        EVP_PKEY_free((*key)->pkey);
        free(*key);
        *key = NULL;
}

int jws_thumbprint(const uint8_t x[static JWS_COORDINATE_SIZE], const uint8_t y[static JWS_COORDINATE_SIZE],
        char ret[static JWS_THUMBPRINT_SIZE]) {
        char x_text[COORDINATE_TEXT_SIZE + 1] = { 0 }, y_text[COORDINATE_TEXT_SIZE + 1] = { 0 };
        char text[160];
        uint8_t digest[DIGEST_SIZE];
        int n, r;

        base64url_write(x, JWS_COORDINATE_SIZE, x_text);
        base64url_write(y, JWS_COORDINATE_SIZE, y_text);
        /* RFC 7638 3.2, 3.3: the required members in the order of their names, no white space. */
        n = snprintf(text, sizeof(text), "{\"crv\":\"" CURVE "\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                x_text, y_text);
        r = digest_sha256(text, (size_t) n, digest);
        if (r < 0)
                return r;
        ret[base64url_write(digest, sizeof(digest), ret)] = '\0';
        return 0;
}

/* ---- reading ---- */

static int read_header(const char *text, size_t size, struct jws *jws) {
        char header[JWS_HEADER_MAX];
        struct json_token tokens[HEADER_TOKENS_MAX];
        struct json json;
        uint32_t alg, typ, kid;
        size_t header_size;

        if (base64url_read(text, size, header, sizeof(header), &header_size) < 0)
                return REASON_MALFORMED;
        if (json_read(header, header_size, tokens, HEADER_TOKENS_MAX, &json) < 0)
                return REASON_MALFORMED;
        /* Three members, and each of the three is there: there is no fourth. json_read refuses repeated
         * ones. */
        if (json.tokens[0].type != JSON_OBJECT || json.tokens[0].count != 3)
                return REASON_MALFORMED;
        alg = json_find(&json, 0, "alg");
        typ = json_find(&json, 0, "typ");
        kid = json_find(&json, 0, "kid");
        if (!alg || !typ || !kid || json.tokens[alg].type != JSON_STRING)
                return REASON_MALFORMED;
        if (json_read_string(&json, typ, jws->typ, sizeof(jws->typ)) < 0)
                return REASON_MALFORMED;
        if (json_read_string(&json, kid, jws->kid, sizeof(jws->kid)) < 0)
                return REASON_MALFORMED;

        /* RFC 8725 3.1, RFC 7515 4.1.1: one algorithm, case-sensitive. */
        if (!json_is(&json, alg, ALGORITHM))
                return REASON_WRONG_ALGORITHM;
        memcpy(jws->alg, ALGORITHM, sizeof(ALGORITHM));
        return 0;
}

int jws_read(const char *token, size_t size, struct jws *ret) {
        struct jws jws = { 0 };
        const char *first, *second, *end = token + size;
        size_t signature_size;
        int r;

        if (size == 0 || size > TOKEN_MAX)
                return REASON_MALFORMED;
        first = memchr(token, '.', size);
        if (!first)
                return REASON_MALFORMED;
        second = memchr(first + 1, '.', (size_t) (end - first - 1));
        if (!second)
                return REASON_MALFORMED;

        jws.signed_text = token;
        jws.signed_size = (size_t) (second - token);
        jws.payload_text = first + 1;
        jws.payload_size = (size_t) (second - first - 1);
        signature_size = (size_t) (end - second - 1);
        /* A third dot would be a character outside the alphabet. */
        if (jws.payload_size == 0 || !base64url_is_canonical(jws.payload_text, jws.payload_size) ||
                !base64url_is_canonical(second + 1, signature_size))
                return REASON_MALFORMED;

        r = read_header(token, (size_t) (first - token), &jws);
        if (r)
                return r;
        if (signature_size != SIGNATURE_TEXT_SIZE)
                return REASON_MALFORMED;
        if (base64url_read(
                    second + 1, signature_size, jws.signature, sizeof(jws.signature), &signature_size) < 0)
                return REASON_MALFORMED;
        *ret = jws;
        return 0;
}

int jws_payload(const struct jws *jws, char *buf, size_t size, size_t *ret_size) {
        if (base64url_read(jws->payload_text, jws->payload_size, buf, size, ret_size) < 0)
                return REASON_MALFORMED;
        return 0;
}

/* ---- the signature ---- */

/* One INTEGER of X.690 8.3: the shortest form, with a 0 in front where the first bit would be a sign. */
static size_t der_put_integer(const uint8_t value[static 32], uint8_t *out) {
        size_t skip = 0, sign;

        while (skip < 31 && value[skip] == 0)
                skip++;
        sign = value[skip] >> 7;
        out[0] = 0x02;
        out[1] = (uint8_t) (sign + 32 - skip);
        out[2] = 0;
        memcpy(out + 2 + sign, value + skip, 32 - skip);
        return 2 + sign + 32 - skip;
}

/* JWS has R || S (RFC 7518 3.4), OpenSSL takes the DER of RFC 3279 2.2.3. */
static size_t der_from_signature(
        const uint8_t signature[static JWS_SIGNATURE_SIZE], uint8_t out[static DER_MAX]) {
        size_t size = 2;

        size += der_put_integer(signature, out + size);
        size += der_put_integer(signature + 32, out + size);
        out[0] = 0x30;
        out[1] = (uint8_t) (size - 2);
        return size;
}

/* A signature that is none raises no error but this one, if r or s is out of range. With any other OpenSSL
 * could not look, for want of memory: that says nothing of the token. */
static bool is_refusal(unsigned long error, unsigned long before) {
        return error == before ||
               (ERR_GET_LIB(error) == ERR_LIB_EC && ERR_GET_REASON(error) == EC_R_BAD_SIGNATURE);
}

static int verify_der(const struct jws *jws, EVP_PKEY *pkey, const uint8_t *der, size_t size) {
        _cleanup_(cleanup_md_ctx) EVP_MD_CTX *ctx = NULL;
        unsigned long before = ERR_peek_last_error();
        int good;

        ctx = EVP_MD_CTX_new();
        if (!ctx)
                return -ENOMEM;
        if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1)
                return -EIO;
        /* Once is all. A copy of the context would be one more that there may be no memory for, which OpenSSL
         * 3.0 takes for a signature that is none, and raises no error. */
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
        good = EVP_DigestVerify(ctx, der, size, (const uint8_t *) jws->signed_text, jws->signed_size);
        if (good == 1)
                return 0;
        return good == 0 && is_refusal(ERR_peek_last_error(), before) ? REASON_BAD_SIGNATURE : -EIO;
}

int jws_verify(const struct jws *jws, const struct jws_key *key) {
        uint8_t der[DER_MAX];
        size_t size;
        int r;

        size = der_from_signature(jws->signature, der);
        ERR_set_mark();
        r = verify_der(jws, key->pkey, der, size);
        ERR_pop_to_mark();
        return r;
}

/* ---- writing ---- */

static bool is_plain(const char *text, size_t max) {
        size_t size = strlen(text);

        if (size == 0 || size > max)
                return false;
        for (size_t i = 0; i < size; i++)
                if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
                        return false;
        return true;
}

int jws_write_signed_text(const char *kid, const char *typ, const char *payload, size_t payload_size,
        char *buf, size_t size, size_t *ret_length) {
        char header[64 + KID_MAX + JWS_TYP_MAX];
        size_t length;
        int n;

        if (!is_plain(kid, KID_MAX) || !is_plain(typ, JWS_TYP_MAX))
                return -EINVAL;
        n = snprintf(header, sizeof(header), "{\"alg\":\"" ALGORITHM "\",\"kid\":\"%s\",\"typ\":\"%s\"}", kid,
                typ);
        if (payload_size > size || BASE64URL_SIZE((size_t) n) + 1 + BASE64URL_SIZE(payload_size) > size)
                return -ENOBUFS;

        length = base64url_write(header, (size_t) n, buf);
        buf[length++] = '.';
        length += base64url_write(payload, payload_size, buf + length);
        *ret_length = length;
        return 0;
}

int jws_append_signature(char *buf, size_t size, size_t length,
        const uint8_t signature[static JWS_SIGNATURE_SIZE], size_t *ret_length) {
        if (length > size || size - length < 1 + SIGNATURE_TEXT_SIZE)
                return -ENOBUFS;
        buf[length++] = '.';
        *ret_length = length + base64url_write(signature, JWS_SIGNATURE_SIZE, buf + length);
        return 0;
}
