#include "daemon/keyring.h"

#include <assert.h>
#include <endian.h>
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

#define RECORD_VERSION    2
#define SCALAR_SIZE       32
#define POINT_SIZE        (1 + 2 * JWS_COORDINATE_SIZE)
#define SIGNATURE_DER_MAX 80 /* 72 for P-256; ECDSA_size rounds up */

/* Kept form, big-endian. */
struct record {
        uint8_t version;
        uint8_t state;
        uint64_t created_at;
        uint64_t sequence;
        uint8_t scalar[SCALAR_SIZE];
} __attribute__((packed));

static_assert(
        sizeof(struct record) <= KEYRING_RECORD_MAX, "the buffer that the header promises is large enough");

struct key {
        enum key_state state;
        usec_t created_at;
        uint64_t sequence;
        struct keyset_entry public;
        EVP_PKEY *pkey; /* its destructor wipes the scalar */
};

struct keyring {
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

static void cleanup_record(struct record *record) {
        OPENSSL_cleanse(record, sizeof(*record));
}

int keyring_new(struct keyring **ret) {
        struct keyring *keyring = calloc(1, sizeof(*keyring));

        if (!keyring)
                return -ENOMEM;
        *ret = keyring;
        return 0;
}

void keyring_free(struct keyring **keyring) {
        if (!*keyring)
                return;
        for (size_t i = 0; i < (*keyring)->n_keys; i++)
                EVP_PKEY_free((*keyring)->keys[i].pkey);
        free(*keyring);
        *keyring = NULL;
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
        uint8_t native[SCALAR_SIZE]; /* OSSL_PARAM numbers are in the machine's order */
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

static bool is_state(uint8_t state) {
        return state == KEY_NEXT || state == KEY_ACTIVE || state == KEY_RETIRING;
}

/* The record's scalar as a key pair, with its public side and the kid that follows from it. */
static int key_from_record(const struct record *record, struct key *key) {
        _cleanup_(cleanup_bn) BIGNUM *scalar = BN_secure_new();
        uint8_t point[POINT_SIZE];
        int r;

        if (!scalar || !BN_bin2bn(record->scalar, SCALAR_SIZE, scalar))
                return -ENOMEM;
        BN_set_flags(scalar, BN_FLG_CONSTTIME);
        r = multiply_generator(scalar, point);
        if (r < 0)
                return r;
        memcpy(key->public.x, point + 1, JWS_COORDINATE_SIZE);
        memcpy(key->public.y, point + 1 + JWS_COORDINATE_SIZE, JWS_COORDINATE_SIZE);
        r = jws_thumbprint(key->public.x, key->public.y, key->public.kid);
        if (r < 0)
                return r;
        key->state = record->state;
        key->created_at = be64toh(record->created_at);
        key->sequence = be64toh(record->sequence);
        return pair_from_scalar(scalar, point, &key->pkey);
}

static bool has_kid(const struct keyring *keyring, const char *kid) {
        for (size_t i = 0; i < keyring->n_keys; i++)
                if (strcmp(keyring->keys[i].public.kid, kid) == 0)
                        return true;
        return false;
}

/* kid NULL: whatever it is. */
static int add_record(struct keyring *keyring, const char *kid, const struct record *record) {
        struct key key = { 0 };
        int r;

        if (keyring->n_keys == JWKS_KEYS_MAX)
                return -ENOSPC;
        ERR_set_mark();
        r = key_from_record(record, &key);
        ERR_pop_to_mark();
        if (r == 0 && kid && strcmp(key.public.kid, kid) != 0)
                r = -EBADMSG;
        if (r == 0 && has_kid(keyring, key.public.kid))
                r = -EEXIST;
        if (r < 0) {
                EVP_PKEY_free(key.pkey);
                return r;
        }
        keyring->keys[keyring->n_keys++] = key;
        return 0;
}

int keyring_add(struct keyring *keyring, const char *kid, const void *record, size_t size) {
        _cleanup_(cleanup_record) struct record kept;

        memset(&kept, 0, sizeof(kept));
        if (size != sizeof(kept))
                return -EBADMSG;
        memcpy(&kept, record, sizeof(kept));
        if (kept.version != RECORD_VERSION || !is_state(kept.state))
                return -EBADMSG;
        return add_record(keyring, kid, &kept);
}

static uint64_t last_sequence(const struct keyring *keyring) {
        uint64_t last = 0;

        for (size_t i = 0; i < keyring->n_keys; i++)
                if (keyring->keys[i].sequence > last)
                        last = keyring->keys[i].sequence;
        return last;
}

static int generate_scalar(uint8_t ret[static SCALAR_SIZE]) {
        _cleanup_(cleanup_pkey) EVP_PKEY *pkey = EVP_EC_gen("P-256");
        _cleanup_(cleanup_bn) BIGNUM *scalar = NULL;

        if (!pkey || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1)
                return -EIO;
        return BN_bn2binpad(scalar, ret, SCALAR_SIZE) == SCALAR_SIZE ? 0 : -EIO;
}

int keyring_generate(struct keyring *keyring, enum key_state state, usec_t created_at,
        char ret_kid[static KID_MAX + 1], uint8_t ret_record[static KEYRING_RECORD_MAX], size_t *ret_size) {
        _cleanup_(cleanup_record) struct record record = {
                .version = RECORD_VERSION,
                .state = (uint8_t) state,
                .created_at = htobe64(created_at),
                .sequence = htobe64(last_sequence(keyring) + 1),
        };
        int r;

        if (!is_state(record.state))
                return -EINVAL;
        ERR_set_mark();
        r = generate_scalar(record.scalar);
        ERR_pop_to_mark();
        if (r < 0)
                return r;
        r = add_record(keyring, NULL, &record);
        if (r < 0)
                return r;
        strcpy(ret_kid, keyring->keys[keyring->n_keys - 1].public.kid);
        memcpy(ret_record, &record, sizeof(record));
        *ret_size = sizeof(record);
        return 0;
}

/* ---- using ---- */

static const struct key *active_key(const struct keyring *keyring) {
        const struct key *active = NULL;

        for (size_t i = 0; i < keyring->n_keys; i++) {
                const struct key *key = &keyring->keys[i];

                if (key->state == KEY_ACTIVE && (!active || key->sequence >= active->sequence))
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

        return key ? key->sequence : 0;
}

uint64_t keyring_oldest_sequence(const struct keyring *keyring) {
        uint64_t oldest = 0;

        for (size_t i = 0; i < keyring->n_keys; i++) {
                const struct key *key = &keyring->keys[i];

                if (key->state != KEY_NEXT && (oldest == 0 || key->sequence < oldest))
                        oldest = key->sequence;
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
