/* verify_file JWKS ISSUER AUDIENCE REALM TYP NOW: judges the token on standard input, all of it, by
 * verify_token with the keys of the file JWKS at the time NOW (seconds), and writes "accepted" or the reason.
 * Its status is 0 when it could judge. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/keyset.h"
#include "client/verify.h"

#define INPUT_MAX (2 * TOKEN_MAX)

static size_t read_all(FILE *file, char *buf, size_t size, const char *name) {
        size_t n = fread(buf, 1, size, file);

        if (ferror(file) || !feof(file))
                errx(2, "%s: cannot be read, or is larger than %zu bytes", name, size - 1);
        return n;
}

static int read_keys(const char *path, struct keyset **ret) {
        char text[JWKS_MAX + 1];
        FILE *file = fopen(path, "re");
        size_t size;

        if (!file)
                err(2, "%s", path);
        size = read_all(file, text, sizeof(text), path);
        fclose(file);
        return keyset_read(text, size, ret);
}

int main(int argc, char **argv) {
        _cleanup_(keyset_free) struct keyset *keys = NULL;
        char token[INPUT_MAX + 1];
        struct verify_rules rules = { 0 };
        struct claims claims;
        int r;

        if (argc != 7)
                errx(2, "usage: verify_file JWKS ISSUER AUDIENCE REALM TYP NOW <TOKEN");
        rules.issuer = argv[2];
        rules.audience = argv[3];
        rules.realm = argv[4];
        rules.typ = argv[5];
        rules.now = strtoll(argv[6], NULL, 10);
        r = read_keys(argv[1], &keys);
        if (r < 0)
                errx(2, "%s: %s", argv[1], strerror(-r));
        r = verify_token(keys, &rules, token, read_all(stdin, token, sizeof(token), "the token"), &claims);
        if (r < 0)
                errx(2, "%s", strerror(-r));
        puts(r == 0 ? "accepted" : reason_name(r));
        return 0;
}
