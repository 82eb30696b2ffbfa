/* bench_verify seen|two|first|libjwt [RUNS]: what a verification in process costs; DESIGN section 14.
 * Writes pairs as JSON, ours and the peer's measured in turns:
 *   seen    a token seen before, on one thread, in millions a second; no peer
 *   two     the slower of two threads that do so, beside one
 *   first   a token seen for the first time, in microseconds, beside OpenSSL's ES256 verify alone
 *   libjwt  the same beside libjwt's jwt_decode */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <jwt.h>

#include "client/protocol.h"
#include "client/sessjwt.h"
#include "tests/unit/signer.h"
#include "tests/unit/status_file.h"

#define ISSUER      "https://login.example"
#define AUDIENCE    "https://shop.example"
#define RUNS        5
#define TOKENS_SEEN 64
#define TOKENS_NEW  2000
#define SEEN_CALLS  (8 * 1000 * 1000)
#define DER_SIZE    80

#define SIGNER_HEADER_JWT "{\"alg\":\"ES256\",\"kid\":\"" SIGNER_KID "\",\"typ\":\"JWT\"}"

struct token {
        char text[TOKEN_MAX + 1];
        size_t size;
};

static struct keyring *keyring;
static struct status_file file;
static struct sessjwt_verifier *verifier;
static struct token *tokens;

/* This thread's own time on a core: what else the machine does then does not count. */
static double now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* As the daemon mints them, by length and claims. */
static void make_token_of(const char *header, unsigned n, struct token *token) {
        long long issued = time(NULL);
        char payload[2048];
        int size = snprintf(payload, sizeof(payload),
                "{\"amr\":[\"key\"],\"aud\":\"" AUDIENCE
                "\",\"auth_time\":%lld,\"client_id\":\"pam:sshd\",\"dev\":"
                "\"00112233445566778899aabbccddeeff\",\"exp\":%lld,\"iat\":%lld,\"iss\":\"" ISSUER
                "\",\"jti\":"
                "\"AAECAwQFBgcICQoL%06u\",\"realm\":\"default\",\"role\":\"user\",\"roles\":[\"user\"],"
                "\"sid\":"
                "\"01890a5d-ac96-774b-bcce-b302099a8057\",\"status\":{\"status_list\":{\"idx\":%u,\"uri\":"
                "\"" ISSUER "/status\"}},\"sub\":\"alice\",\"uid\":2000}",
                issued, issued + 900, issued, n, n % 4096);

        token->size = signer_sign(keyring, header, payload, (size_t) size, token->text);
}

static void make_token(unsigned n, struct token *token) {
        make_token_of(SIGNER_HEADER, n, token);
}

static void set_up(void) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[4096];
        size_t size = 0;

        keyring = signer_keyring();
        tokens = calloc(TOKENS_NEW, sizeof(*tokens));
        if (!keyring || !tokens)
                errx(1, "no memory");
        status_file_make(&file, 4096);
        for (size_t i = 0; i < 4096; i++)
                atomic_store(&file.bytes[i], STATUS_VALID);
        keyset_write(entries, keyring_public(keyring, entries), text, sizeof(text), &size);
        status_file_write(file.keys, text, size);
        if (sessjwt_verifier_open(file.dir, ISSUER, AUDIENCE, NULL, 0, &verifier) != 0)
                errx(1, "no verifier");
        for (unsigned n = 0; n < TOKENS_NEW; n++)
                make_token(n, &tokens[n]);
}

static struct sessjwt_checker *open_checker(void) {
        struct sessjwt_checker *checker = NULL;

        if (sessjwt_checker_open(verifier, &checker) != 0)
                errx(1, "no checker");
        return checker;
}

static void check(struct sessjwt_checker *checker, const struct token *token) {
        const struct sessjwt_claims *claims;
        int r = sessjwt_check(checker, token->text, token->size, &claims);

        if (r != 0 || claims->uid != 2000)
                errx(1, "%s", sessjwt_reason_text(r));
}

/* ---- what is measured ---- */

/* Microseconds each. */
static double first_sight(void) {
        struct sessjwt_checker *checker = open_checker();
        double begin = now();

        for (size_t i = 0; i < TOKENS_NEW; i++)
                check(checker, &tokens[i]);
        begin = now() - begin;
        sessjwt_checker_close(&checker);
        return begin / TOKENS_NEW * 1e6;
}

static EVP_PKEY *public_key(void) {
        uint8_t point[1 + 2 * JWS_COORDINATE_SIZE] = { POINT_CONVERSION_UNCOMPRESSED };
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        EVP_PKEY *key = NULL;
        size_t size = 0;

        base64url_read(SIGNER_X, strlen(SIGNER_X), point + 1, JWS_COORDINATE_SIZE, &size);
        base64url_read(SIGNER_Y, strlen(SIGNER_Y), point + 1 + size, JWS_COORDINATE_SIZE, &size);
        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY,
                        (OSSL_PARAM[]){ OSSL_PARAM_construct_utf8_string("group", (char *) "P-256", 0),
                                OSSL_PARAM_construct_octet_string("pub", point, sizeof(point)),
                                OSSL_PARAM_construct_end() }) != 1)
                errx(1, "no key");
        EVP_PKEY_CTX_free(ctx);
        return key;
}

/* The token's signature in the form that OpenSSL reads. */
static size_t write_der(const struct token *token, uint8_t der[static DER_SIZE]) {
        uint8_t signature[JWS_SIGNATURE_SIZE];
        ECDSA_SIG *pair = ECDSA_SIG_new();
        size_t size = 0;
        int length;

        base64url_read(token->text + token->size - 86, 86, signature, sizeof(signature), &size);
        ECDSA_SIG_set0(pair, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
        length = i2d_ECDSA_SIG(pair, &der);
        ECDSA_SIG_free(pair);
        return (size_t) length;
}

/* The same signatures over the same text, by a key parsed once, as DER where that is what OpenSSL reads: the
 * least that any verifier does. */
static double openssl_alone(void) {
        EVP_PKEY *key = public_key();
        static uint8_t der[TOKENS_NEW][DER_SIZE];
        static size_t der_sizes[TOKENS_NEW];
        double begin;

        for (size_t i = 0; i < TOKENS_NEW; i++)
                der_sizes[i] = write_der(&tokens[i], der[i]);
        begin = now();
        for (size_t i = 0; i < TOKENS_NEW; i++) {
                EVP_MD_CTX *ctx = EVP_MD_CTX_new();

                if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
                        EVP_DigestVerify(ctx, der[i], der_sizes[i], (const uint8_t *) tokens[i].text,
                                tokens[i].size - 87) != 1)
                        errx(1, "OpenSSL does not verify");
                EVP_MD_CTX_free(ctx);
        }
        begin = now() - begin;
        EVP_PKEY_free(key);
        return begin / TOKENS_NEW * 1e6;
}

/* The same claims under a header that it takes (it wants typ to be JWT), and the key as it wants it:
 * PEM, parsed at every call. */
static double libjwt_decodes(void) {
        static struct token theirs;
        EVP_PKEY *key = public_key();
        BIO *bio = BIO_new(BIO_s_mem());
        double begin;
        char *pem;
        long size;

        if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
                errx(1, "no PEM");
        size = BIO_get_mem_data(bio, &pem);
        make_token_of(SIGNER_HEADER_JWT, 1, &theirs);
        begin = now();
        for (size_t i = 0; i < TOKENS_NEW; i++) {
                jwt_t *jwt = NULL;

                if (jwt_decode(&jwt, theirs.text, (const unsigned char *) pem, (int) size) != 0)
                        errx(1, "libjwt does not verify");
                jwt_free(jwt);
        }
        begin = now() - begin;
        BIO_free(bio);
        EVP_PKEY_free(key);
        return begin / TOKENS_NEW * 1e6;
}

static void *look_again(void *userdata) {
        double *ret_rate = userdata, begin;
        struct sessjwt_checker *checker = open_checker();

        for (size_t i = 0; i < TOKENS_SEEN; i++)
                check(checker, &tokens[i]);
        begin = now();
        for (size_t n = 0; n < SEEN_CALLS; n += TOKENS_SEEN)
                for (size_t i = 0; i < TOKENS_SEEN; i++)
                        check(checker, &tokens[i]);
        *ret_rate = SEEN_CALLS / (now() - begin) / 1e6;
        sessjwt_checker_close(&checker);
        return NULL;
}

static double seen_before(void) {
        double rate;

        look_again(&rate);
        return rate;
}

/* Of the slower one. */
static double on_two_threads(void) {
        pthread_t threads[2];
        double rates[2];

        for (int i = 0; i < 2; i++)
                if (pthread_create(&threads[i], NULL, look_again, &rates[i]) != 0)
                        errx(1, "no thread");
        for (int i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
        return rates[0] < rates[1] ? rates[0] : rates[1];
}

/* ---- the rows ---- */

/* Pairs as JSON: ours and the peer's in turns, after a first pair that does not count. */
static void print_pairs(double (*ours)(void), double (*peer)(void), int runs) {
        ours();
        if (peer)
                peer();
        for (int i = 0; i < runs; i++) {
                double first = i % 2 ? peer ? peer() : 0 : ours();
                double second = i % 2 ? ours() : peer ? peer() : 0;
                double mine = i % 2 ? second : first, theirs = i % 2 ? first : second;

                printf(peer ? "%s[%.9g, %.9g]" : "%s[%.9g, null]", i ? ", " : "[", mine, theirs);
        }
        puts("]");
}

static const struct {
        const char *name;
        double (*ours)(void), (*peer)(void);
} rows[] = {
        { "seen", seen_before, NULL },
        { "two", on_two_threads, seen_before },
        { "first", first_sight, openssl_alone },
        { "libjwt", first_sight, libjwt_decodes },
};

int main(int argc, char **argv) {
        int runs = argc > 2 ? atoi(argv[2]) : RUNS;

        set_up();
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (argc > 1 && strcmp(argv[1], rows[i].name) == 0)
                        print_pairs(rows[i].ours, rows[i].peer, runs);
        sessjwt_verifier_close(&verifier);
        status_file_remove(&file);
        keyring_free(&keyring);
        free(tokens);
        return 0;
}
