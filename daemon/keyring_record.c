/* keyring_record: a key as it is kept: a head that everybody in the daemon may read, and the private scalar,
 * as it is or wrapped. */
#include "daemon/keyring_private.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "client/cleanup.h"

#define RECORD_VERSION 2
#define NONCE_SIZE                                                                                           \
        12 /* SP 800-38D 8.2.2: random; one for each key that is made or wrapped, so few that
                             they do not meet */
#define TAG_SIZE 16

enum wrapping { PLAIN = 0, AES_256_GCM = 1 };

/* Big-endian. */
struct record_head {
        uint8_t version;
        uint8_t state;
        uint8_t wrapping;
        uint64_t sequence;
        uint64_t created_at;
        uint64_t longest_ttl;
        uint64_t age;
        uint64_t noted_wall;
        uint64_t noted_boot;
        uint8_t boot[16];
} __attribute__((packed));

struct wrapped {
        uint8_t nonce[NONCE_SIZE];
        uint8_t scalar[RECORD_SCALAR_SIZE];
        uint8_t tag[TAG_SIZE];
} __attribute__((packed));

/* The scalar follows, or the wrapped one. The head is not bound to it: a state is changed without the
 * wrapping key. */
#define PLAIN_SIZE   (sizeof(struct record_head) + RECORD_SCALAR_SIZE)
#define WRAPPED_SIZE (sizeof(struct record_head) + sizeof(struct wrapped))

static_assert(WRAPPED_SIZE <= KEYRING_RECORD_MAX, "the buffer that the header promises is large enough");

static void cleanup_cipher(EVP_CIPHER_CTX **ctx) {
        EVP_CIPHER_CTX_free(*ctx); /* wipes its copy of the key */
}

static void cleanup_scalar(uint8_t (*scalar)[RECORD_SCALAR_SIZE]) {
        OPENSSL_cleanse(*scalar, sizeof(*scalar));
}

void wrapping_key_free(struct wrapping_key **key) {
        if (*key)
                OPENSSL_cleanse(*key, sizeof(**key));
        free(TAKE(*key));
}

/* ---- the head ---- */

static bool is_state(unsigned state) {
        return state == KEY_NEXT || state == KEY_ACTIVE || state == KEY_RETIRING;
}

static bool is_record(const struct record_head *kept, size_t size) {
        return kept->version == RECORD_VERSION && is_state(kept->state) && kept->sequence != 0 &&
               ((kept->wrapping == PLAIN && size == PLAIN_SIZE) ||
                       (kept->wrapping == AES_256_GCM && size == WRAPPED_SIZE));
}

static int read_head(const void *record, size_t size, struct record_head *ret) {
        if (size < sizeof(*ret))
                return -EBADMSG;
        memcpy(ret, record, sizeof(*ret));
        return is_record(ret, size) ? 0 : -EBADMSG;
}

int keyring_read_head(const void *record, size_t size, struct key_head *ret) {
        struct record_head kept;
        int r;

        r = read_head(record, size, &kept);
        if (r < 0)
                return r;
        *ret = (struct key_head){
                .state = kept.state,
                .is_wrapped = kept.wrapping != PLAIN,
                .sequence = be64toh(kept.sequence),
                .created_at = be64toh(kept.created_at),
                .longest_ttl = be64toh(kept.longest_ttl),
                .age.usec = be64toh(kept.age),
                .age.noted = { .wall = be64toh(kept.noted_wall), .boot = be64toh(kept.noted_boot) },
        };
        memcpy(ret->age.boot.bytes, kept.boot, sizeof(kept.boot));
        return 0;
}

static struct record_head kept_head(const struct key_head *head, enum wrapping wrapping) {
        struct record_head kept = {
                .version = RECORD_VERSION,
                .state = (uint8_t) head->state,
                .wrapping = (uint8_t) wrapping,
                .sequence = htobe64(head->sequence),
                .created_at = htobe64(head->created_at),
                .longest_ttl = htobe64(head->longest_ttl),
                .age = htobe64(head->age.usec),
                .noted_wall = htobe64(head->age.noted.wall),
                .noted_boot = htobe64(head->age.noted.boot),
        };

        memcpy(kept.boot, head->age.boot.bytes, sizeof(kept.boot));
        return kept;
}

int keyring_write_head(const struct key_head *head, void *record, size_t size) {
        struct record_head kept;
        int r;

        if (!is_state(head->state) || head->sequence == 0)
                return -EINVAL;
        r = read_head(record, size, &kept);
        if (r < 0)
                return r;
        kept = kept_head(head, kept.wrapping);
        memcpy(record, &kept, sizeof(kept));
        return 0;
}

/* ---- the scalar ---- */

static int seal(const struct wrapping_key *wrapping, const char *kid,
        const uint8_t scalar[static RECORD_SCALAR_SIZE], struct wrapped *ret) {
        _cleanup_(cleanup_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n;

        if (!ctx || RAND_bytes(ret->nonce, NONCE_SIZE) != 1 ||
                EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrapping->bytes, ret->nonce) != 1 ||
                EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *) kid, (int) strlen(kid)) != 1 ||
                EVP_EncryptUpdate(ctx, ret->scalar, &n, scalar, RECORD_SCALAR_SIZE) != 1 ||
                EVP_EncryptFinal_ex(ctx, ret->tag, &n) != 1 ||
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, ret->tag) != 1)
                return -EIO;
        return 0;
}

static int unseal(const struct wrapping_key *wrapping, const char *kid, struct wrapped *wrapped,
        uint8_t ret[static RECORD_SCALAR_SIZE]) {
        _cleanup_(cleanup_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        _cleanup_(cleanup_scalar)
                uint8_t scalar[RECORD_SCALAR_SIZE]; /* not true before the tag was checked */
        uint8_t rest[1];
        int n;

        if (!ctx || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, wrapping->bytes, wrapped->nonce) != 1 ||
                EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *) kid, (int) strlen(kid)) != 1 ||
                EVP_DecryptUpdate(ctx, scalar, &n, wrapped->scalar, RECORD_SCALAR_SIZE) != 1 ||
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, wrapped->tag) != 1)
                return -EIO;
        if (EVP_DecryptFinal_ex(ctx, rest, &n) != 1)
                return -EBADMSG;
        memcpy(ret, scalar, RECORD_SCALAR_SIZE);
        return 0;
}

int record_open(const struct wrapping_key *wrapping, const char *kid, const void *record, size_t size,
        uint8_t ret_scalar[static RECORD_SCALAR_SIZE]) {
        const uint8_t *secret = (const uint8_t *) record + sizeof(struct record_head);
        struct record_head head;
        struct wrapped wrapped;
        int r;

        r = read_head(record, size, &head);
        if (r < 0)
                return r;
        if (head.wrapping == PLAIN) {
                memcpy(ret_scalar, secret, RECORD_SCALAR_SIZE);
                return 0;
        }
        if (!wrapping)
                return -ENOKEY;
        memcpy(&wrapped, secret, sizeof(wrapped));
        return unseal(wrapping, kid, &wrapped, ret_scalar);
}

int record_write(const struct key_head *head, const struct wrapping_key *wrapping, const char *kid,
        const uint8_t scalar[static RECORD_SCALAR_SIZE], uint8_t ret_record[static KEYRING_RECORD_MAX],
        size_t *ret_size) {
        struct record_head kept = kept_head(head, wrapping ? AES_256_GCM : PLAIN);
        struct wrapped wrapped;
        int r;

        if (!is_state(head->state) || head->sequence == 0)
                return -EINVAL;
        if (wrapping) {
                r = seal(wrapping, kid, scalar, &wrapped);
                if (r < 0)
                        return r;
        }
        memcpy(ret_record, &kept, sizeof(kept));
        if (wrapping)
                memcpy(ret_record + sizeof(kept), &wrapped, sizeof(wrapped));
        else
                memcpy(ret_record + sizeof(kept), scalar, RECORD_SCALAR_SIZE);
        *ret_size = wrapping ? WRAPPED_SIZE : PLAIN_SIZE;
        return 0;
}

int keyring_wrap(const struct wrapping_key *wrapping, const char *kid,
        uint8_t record[static KEYRING_RECORD_MAX], size_t *size) {
        _cleanup_(cleanup_scalar) uint8_t scalar[RECORD_SCALAR_SIZE];
        struct key_head head;
        int r;

        r = keyring_read_head(record, *size, &head);
        if (r < 0)
                return r;
        if (head.is_wrapped)
                return -EALREADY;
        ERR_set_mark();
        r = record_open(NULL, kid, record, *size, scalar);
        if (r == 0)
                r = record_write(&head, wrapping, kid, scalar, record, size);
        ERR_pop_to_mark();
        return r;
}
