/* verifier_host: a host whose daemon the test plays: its keys, its status page, tokens that it signed, and a
 * verifier that looks at them through the public calls. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cleanup.h"
#include "client/sessjwt.h"
#include "tests/unit/signer.h"
#include "tests/unit/status_file.h"

#define ISSUER   "https://login.example"
#define AUDIENCE "https://shop.example"
#define INDEX    1234

static struct keyring *keyring;
static struct status_file file;
static struct sessjwt_verifier *verifier;
static struct sessjwt_checker *checker;

static inline void write_keys(void) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[4096];
        size_t size;

        assert_int_equal(
                keyset_write(entries, keyring_public(keyring, entries), text, sizeof(text), &size), 0);
        status_file_write(file.keys, text, size);
}

static inline int64_t now(void) {
        return time(NULL);
}

/* A token of this host, issued now, good for 15 minutes, of the session with that index; `more` follows the
 * other claims. */
static inline size_t sign(
        uint64_t index, int64_t issued_at, const char *more, char token[static TOKEN_MAX + 1]) {
        char payload[2048];
        int n = snprintf(payload, sizeof(payload),
                "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\",\"aud\":[\"" AUDIENCE "\",\"b\"],\"client_id\":"
                "\"pam:sshd\",\"jti\":\"j\",\"sid\":\"s\",\"realm\":\"default\",\"uid\":2000,\"iat\":%lld,"
                "\"exp\":%lld,\"amr\":[\"key\"],\"role\":\"user\",\"roles\":[\"user\",\"staff\"],"
                "\"status\":{\"status_list\":{\"idx\":%llu,\"uri\":\"" ISSUER "/status\"}}%s}",
                (long long) issued_at, (long long) issued_at + 900, (unsigned long long) index, more);

        assert_in_range(n, 1, sizeof(payload) - 1);
        return signer_sign(keyring, SIGNER_HEADER, payload, (size_t) n, token);
}

static char token[TOKEN_MAX + 1];
static size_t token_size;

static inline int check(void) {
        return sessjwt_check(checker, token, token_size, NULL);
}

static inline void open_checker(const char *audience, const char *realm, int max_stale) {
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        assert_int_equal(sessjwt_verifier_open(file.dir, ISSUER, audience, realm, max_stale, &verifier), 0);
        assert_int_equal(sessjwt_checker_open(verifier, &checker), 0);
}

static inline int set_up(void **state) {
        keyring = signer_keyring();
        status_file_make(&file, 4096);
        write_keys();
        atomic_store(&file.bytes[INDEX], STATUS_VALID);
        open_checker(AUDIENCE, NULL, -1);
        token_size = sign(INDEX, now(), "", token);
        return keyring ? 0 : -1;
}

static inline int tear_down(void **state) {
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        status_file_remove(&file);
        keyring_free(&keyring);
        return 0;
}
