/* seal: see seal.h. */
#include "daemon/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "client/cleanup.h"

#define RECORD_VERSION 1
#define KEY_SIZE       (SEAL_RECORD_SIZE - 1) /* as long as the hash: RFC 7518 3.2 */

_Static_assert(KEY_SIZE == SEAL_MAC_SIZE, "a MAC can be a key");

struct seal {
        uint8_t key[KEY_SIZE];
};

static void cleanup_mac(uint8_t (*mac)[SEAL_MAC_SIZE]) {
        OPENSSL_cleanse(*mac, sizeof(*mac));
}

void seal_free(struct seal **seal) {
        if (!*seal)
                return;
        OPENSSL_cleanse(*seal, sizeof(**seal));
        free(TAKE(*seal));
}

int seal_make(struct seal **ret, uint8_t ret_record[static SEAL_RECORD_SIZE]) {
        _cleanup_(seal_free) struct seal *seal = calloc(1, sizeof(*seal));

        if (!seal)
                return -ENOMEM;
        while (getrandom(seal->key, sizeof(seal->key), 0) < 0)
                if (errno != EINTR)
                        return -errno;
        ret_record[0] = RECORD_VERSION;
        memcpy(ret_record + 1, seal->key, sizeof(seal->key));
        *ret = TAKE(seal);
        return 0;
}

int seal_read(const void *record, size_t size, struct seal **ret) {
        const uint8_t *bytes = record;
        struct seal *seal;

        if (size != SEAL_RECORD_SIZE || bytes[0] != RECORD_VERSION)
                return -EBADMSG;
        seal = malloc(sizeof(*seal));
        if (!seal)
                return -ENOMEM;
        memcpy(seal->key, bytes + 1, sizeof(seal->key));
        *ret = seal;
        return 0;
}

static int hmac(
        const void *key, size_t key_size, const void *bytes, size_t size, uint8_t ret[static SEAL_MAC_SIZE]) {
        unsigned length = 0;
        const uint8_t *mac;

        ERR_set_mark();
        mac = HMAC(EVP_sha256(), key, (int) key_size, bytes, size, ret, &length);
        ERR_pop_to_mark();
        return mac && length == SEAL_MAC_SIZE ? 0 : -EIO;
}

int seal_bind(struct seal *seal, const void *secret, size_t size) {
        static const char domain[] = "sessjwt seal 1";
        uint8_t kept[sizeof(domain) + KEY_SIZE];
        _cleanup_(cleanup_mac) uint8_t bound[SEAL_MAC_SIZE] = { 0 };
        int r;

        memcpy(kept, domain, sizeof(domain));
        memcpy(kept + sizeof(domain), seal->key, KEY_SIZE);
        r = hmac(secret, size, kept, sizeof(kept), bound);
        if (r == 0)
                memcpy(seal->key, bound, KEY_SIZE);
        OPENSSL_cleanse(kept, sizeof(kept));
        return r;
}

int seal_mac(const struct seal *seal, const void *bytes, size_t size, uint8_t ret[static SEAL_MAC_SIZE]) {
        return hmac(seal->key, sizeof(seal->key), bytes, size, ret);
}

int seal_check(
        const struct seal *seal, const void *bytes, size_t size, const uint8_t mac[static SEAL_MAC_SIZE]) {
        _cleanup_(cleanup_mac) uint8_t right[SEAL_MAC_SIZE] = { 0 };
        int r;

        r = seal_mac(seal, bytes, size, right);
        if (r < 0)
                return r;
        return CRYPTO_memcmp(right, mac, sizeof(right)) == 0 ? 0 : SEAL_BROKEN;
}
