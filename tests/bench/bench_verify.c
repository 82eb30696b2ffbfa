/* bench_verify: what a verification in process costs, beside what it stands on, in one run: OpenSSL's ES256
 * verify alone for a token seen for the first time; for one seen before, how many a second, alone and on two
 * threads. Five runs that alternate; ratios with their least, median and greatest. DESIGN section 14. */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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
static void make_token(unsigned n, struct token *token) {
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

        token->size = signer_sign(keyring, SIGNER_HEADER, payload, (size_t) size, token->text);
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

/* ---- the rows ---- */

static double first_sight(void) {
        struct sessjwt_checker *checker = open_checker();
        double begin = now();

        for (size_t i = 0; i < TOKENS_NEW; i++)
                check(checker, &tokens[i]);
        begin = now() - begin;
        sessjwt_checker_close(&checker);
        return begin / TOKENS_NEW;
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
        return begin / TOKENS_NEW;
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
        *ret_rate = SEEN_CALLS / (now() - begin);
        sessjwt_checker_close(&checker);
        return NULL;
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

/* ---- what came of it ---- */

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static void show(const char *what, const char *goal, double values[static RUNS], const char *unit) {
        qsort(values, RUNS, sizeof(*values), compare);
        printf("%-58s %-12s %8.2f %8.2f %8.2f %s\n", what, goal, values[0], values[RUNS / 2],
                values[RUNS - 1], unit);
}

int main(void) {
        double rate[RUNS], two[RUNS], ratio_two[RUNS], first[RUNS], alone[RUNS], ratio_first[RUNS];

        set_up();
        for (int i = 0; i < RUNS; i++) {
                alone[i] = openssl_alone() * 1e6;
                first[i] = first_sight() * 1e6;
                ratio_first[i] = first[i] / alone[i];
                look_again(&rate[i]);
                two[i] = on_two_threads();
                ratio_two[i] = two[i] / rate[i];
                rate[i] /= 1e6;
                two[i] /= 1e6;
        }
        printf("%-58s %-12s %8s %8s %8s\n", "verify in process", "goal", "min", "median", "max");
        show("seen before, 64 tokens, one thread", ">= 15", rate, "M/s");
        show("seen before, each of two threads", "", two, "M/s");
        show("seen before, each of two threads : one thread", ">= 0.9", ratio_two, "");
        show("OpenSSL's ES256 verify alone", "", alone, "us");
        show("first sight", "", first, "us");
        show("first sight : OpenSSL's ES256 verify alone", "<= 1.25", ratio_first, "");
        sessjwt_verifier_close(&verifier);
        status_file_remove(&file);
        keyring_free(&keyring);
        free(tokens);
        return 0;
}
