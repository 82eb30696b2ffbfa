/* keyring: see keyring.h. The keys in memory. */
#include "daemon/keyring.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

#include "client/cleanup.h"
#include "daemon/keyring_private.h"

#define POINT_SIZE        (1 + 2 * JWS_COORDINATE_SIZE)
#define SIGNATURE_DER_MAX 80 /* 72 for P-256; ECDSA_size rounds up */

struct key {
        struct key_head head;
        struct keyset_entry public;
        EVP_PKEY *pkey; /* its destructor wipes the scalar */
};

struct keyring {
        unsigned references; /* atomic */
        size_t n_keys;
        struct key keys[JWKS_KEYS_MAX];
};

static void cleanup_bn(BIGNUM **bn) {
        BN_clear_free(*bn);
}

static void cleanup_bn_ctx(BN_CTX **ctx) {
        BN_CTX_free(*ctx);
}

static void cleanup_group(EC_GROUP **group) {
        EC_GROUP_free(*group);
}

static void cleanup_point(EC_POINT **point) {
        EC_POINT_free(*point);
}

static void cleanup_pkey(EVP_PKEY **pkey) {
        EVP_PKEY_free(*pkey);
}

static void cleanup_pkey_ctx(EVP_PKEY_CTX **ctx) {
        EVP_PKEY_CTX_free(*ctx);
}

static void cleanup_md_ctx(EVP_MD_CTX **ctx) {
        EVP_MD_CTX_free(*ctx);
}

static void cleanup_signature(ECDSA_SIG **signature) {
        ECDSA_SIG_free(*signature);
}

static void cleanup_scalar(uint8_t (*scalar)[RECORD_SCALAR_SIZE]) {
        OPENSSL_cleanse(*scalar, sizeof(*scalar));
}

int keyring_new(struct keyring **ret) {
        struct keyring *keyring = calloc(1, sizeof(*keyring));

        if (!keyring)
                return -ENOMEM;
        keyring->references = 1;
        *ret = keyring;
        return 0;
}

struct keyring *keyring_ref(struct keyring *keyring) {
        __atomic_add_fetch(&keyring->references, 1, __ATOMIC_RELAXED);
        return keyring;
}

void keyring_free(struct keyring **keyring) {
        struct keyring *left = TAKE(*keyring);

        if (!left || __atomic_sub_fetch(&left->references, 1, __ATOMIC_ACQ_REL) > 0)
                return;
        for (size_t i = 0; i < left->n_keys; i++)
                EVP_PKEY_free(left->keys[i].pkey);
        free(left);
}

/* ---- numbers ---- */

/* 04 || X || Y of scalar * G. 0; -EBADMSG unless 0 < scalar < n; -EIO. */
static int multiply_generator(const BIGNUM *scalar, uint8_t ret[static POINT_SIZE]) {
        _cleanup_(cleanup_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
        _cleanup_(cleanup_point) EC_POINT *point = NULL;
        _cleanup_(cleanup_bn_ctx) BN_CTX *ctx = BN_CTX_secure_new();

        if (!group || !ctx)
                return -EIO;
        if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0)
                return -EBADMSG;
        point = EC_POINT_new(group);
        if (!point || EC_POINT_mul(group, point, scalar, NULL, NULL, ctx) != 1)
                return -EIO;
        if (EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret, POINT_SIZE, ctx) !=
                POINT_SIZE)
                return -EIO;
        return 0;
}

static int pair_from_scalar(const BIGNUM *scalar, uint8_t point[static POINT_SIZE], EVP_PKEY **ret) {
        _cleanup_(cleanup_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        uint8_t native[RECORD_SCALAR_SIZE]; /* OSSL_PARAM numbers are in the machine's order */
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) "P-256", 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE),
                OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof(native)),
                OSSL_PARAM_construct_end(),
        };
        int ok;

        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || BN_bn2nativepad(scalar, native, sizeof(native)) < 0)
                return -EIO;
        ok = EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_KEYPAIR, params);
        OPENSSL_cleanse(native, sizeof(native));
        return ok == 1 ? 0 : -EIO;
}

/* ---- adding ---- */

/* The scalar as a key pair, with its public side and the kid that follows from it. */
static int key_from_scalar(const uint8_t bytes[static RECORD_SCALAR_SIZE], struct key *key) {
        _cleanup_(cleanup_bn) BIGNUM *scalar = BN_secure_new();
        uint8_t point[POINT_SIZE];
        int r;

        if (!scalar || !BN_bin2bn(bytes, RECORD_SCALAR_SIZE, scalar))
                return -ENOMEM;
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        r = multiply_generator(scalar, point);
        if (r < 0)
                return r;
        memcpy(key->public.x, point + 1, JWS_COORDINATE_SIZE);
        memcpy(key->public.y, point + 1 + JWS_COORDINATE_SIZE, JWS_COORDINATE_SIZE);
        r = jws_thumbprint(key->public.x, key->public.y, key->public.kid);
        return r < 0 ? r : pair_from_scalar(scalar, point, &key->pkey);
}

static void cleanup_key(struct key *key) {
        EVP_PKEY_free(TAKE(key->pkey));
}

static int key_from_record(const struct wrapping_key *wrapping, const char *kid, const void *record,
        size_t size, struct key *key) {
        _cleanup_(cleanup_scalar) uint8_t scalar[RECORD_SCALAR_SIZE];
        int r;

        r = keyring_read_head(record, size, &key->head);
        if (r == 0)
                r = record_open(wrapping, kid, record, size, scalar);
        if (r == 0)
                r = key_from_scalar(scalar, key);
        if (r == 0 && strcmp(key->public.kid, kid) != 0)
                r = -EBADMSG;
        return r;
}

static bool has_kid(const struct keyring *keyring, const char *kid) {
        for (size_t i = 0; i < keyring->n_keys; i++)
                if (strcmp(keyring->keys[i].public.kid, kid) == 0)
                        return true;
        return false;
}

/* By number: so the key sets that follow have one order, whatever order the keys came in. */
static void insert(struct keyring *keyring, const struct key *key) {
        size_t i = keyring->n_keys++;

        for (; i > 0 && keyring->keys[i - 1].head.sequence > key->head.sequence; i--)
                keyring->keys[i] = keyring->keys[i - 1];
        keyring->keys[i] = *key;
}

int keyring_add(struct keyring *keyring, const struct wrapping_key *wrapping, const char *kid,
        const void *record, size_t size) {
        _cleanup_(cleanup_key) struct key key = { 0 };
        int r;

        if (has_kid(keyring, kid))
                return -EEXIST;
        if (keyring->n_keys == JWKS_KEYS_MAX)
                return -ENOSPC;
        ERR_set_mark();
        r = key_from_record(wrapping, kid, record, size, &key);
        ERR_pop_to_mark();
        if (r < 0)
                return r;
        insert(keyring, &key);
        key.pkey = NULL;
        return 0;
}

/* ---- making ---- */

static int generate_scalar(uint8_t ret[static RECORD_SCALAR_SIZE]) {
        _cleanup_(cleanup_pkey) EVP_PKEY *pkey = EVP_EC_gen("P-256");
        _cleanup_(cleanup_bn) BIGNUM *scalar = NULL;

        if (!pkey || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1)
                return -EIO;
        return BN_bn2binpad(scalar, ret, RECORD_SCALAR_SIZE) == RECORD_SCALAR_SIZE ? 0 : -EIO;
}

static int make(const struct key_head *head, const struct wrapping_key *wrapping, struct key *key,
        uint8_t ret_record[static KEYRING_RECORD_MAX], size_t *ret_size) {
        _cleanup_(cleanup_scalar) uint8_t scalar[RECORD_SCALAR_SIZE];
        int r;

        r = generate_scalar(scalar);
        if (r < 0)
                return r;
        r = key_from_scalar(scalar, key);
        if (r < 0)
                return r;
        return record_write(head, wrapping, key->public.kid, scalar, ret_record, ret_size);
}

int keyring_make(const struct key_head *head, const struct wrapping_key *wrapping,
        char ret_kid[static KID_MAX + 1], uint8_t ret_record[static KEYRING_RECORD_MAX], size_t *ret_size) {
        _cleanup_(cleanup_key) struct key key = { 0 };
        int r;

        ERR_set_mark();
        r = make(head, wrapping, &key, ret_record, ret_size);
        ERR_pop_to_mark();
        if (r < 0)
                return r;
        snprintf(ret_kid, KID_MAX + 1, "%s", key.public.kid);
        return 0;
}

/* ---- using ---- */

static const struct key *active_key(const struct keyring *keyring) {
        const struct key *active = NULL;

        for (size_t i = 0; i < keyring->n_keys; i++) {
                const struct key *key = &keyring->keys[i];

                if (key->head.state == KEY_ACTIVE && (!active || key->head.sequence >= active->head.sequence))
                        active = key;
        }
        return active;
}

const char *keyring_active(const struct keyring *keyring) {
        const struct key *key = active_key(keyring);

        return key ? key->public.kid : NULL;
}

uint64_t keyring_active_sequence(const struct keyring *keyring) {
        const struct key *key = active_key(keyring);

        return key ? key->head.sequence : 0;
}

uint64_t keyring_oldest_sequence(const struct keyring *keyring) {
        uint64_t oldest = 0;

        for (size_t i = 0; i < keyring->n_keys; i++) {
                const struct key *key = &keyring->keys[i];

                if (key->head.state != KEY_NEXT && (oldest == 0 || key->head.sequence < oldest))
                        oldest = key->head.sequence;
        }
        return oldest;
}

/* OpenSSL gives the DER of RFC 3279 2.2.3, JWS has R || S (RFC 7518 3.4). */
static int signature_from_der(const uint8_t *der, size_t size, uint8_t ret[static JWS_SIGNATURE_SIZE]) {
        _cleanup_(cleanup_signature) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long) size);

        if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret, 32) != 32 ||
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret + 32, 32) != 32)
                return -EIO;
        return 0;
}

static int sign_with(EVP_PKEY *pkey, const void *text, size_t size, uint8_t ret[static JWS_SIGNATURE_SIZE]) {
        _cleanup_(cleanup_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t der[SIGNATURE_DER_MAX];
        size_t der_size = sizeof(der);

        if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1)
                return -EIO;
        if (EVP_DigestSign(ctx, der, &der_size, text, size) != 1)
                return -EIO;
        return signature_from_der(der, der_size, ret);
}

int keyring_sign(const struct keyring *keyring, const void *text, size_t size,
        uint8_t ret[static JWS_SIGNATURE_SIZE]) {
        const struct key *key = active_key(keyring);
        int r;

        if (!key)
                return -ENOKEY;
        ERR_set_mark();
        r = sign_with(key->pkey, text, size, ret);
        ERR_pop_to_mark();
        return r;
}

size_t keyring_public(const struct keyring *keyring, struct keyset_entry entries[static JWKS_KEYS_MAX]) {
        for (size_t i = 0; i < keyring->n_keys; i++)
                entries[i] = keyring->keys[i].public;
        return keyring->n_keys;
}
