/* Every file of tests/vectors gets what its name says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/keyset.h"
#include "client/verify.h"

static const char *folder = "tests/vectors";

/* The rules of tests/vectors/README.md. */
static const struct verify_rules rules = {
        .issuer = "https://login.example",
        .audience = "https://api.example",
        .realm = "default",
        .typ = "at+jwt",
        .now = 1900000000,
        .leeway = 0,
};

static size_t read_file(const char *name, char *buf, size_t size) {
        char path[1024];
        size_t n;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "re");
        if (!file)
                fail_msg("%s: %s (run from the top of the source tree, or name the folder)", path,
                        strerror(errno));
        n = fread(buf, 1, size, file);
        assert_true(feof(file));
        fclose(file);
        return n;
}

/* The outcome that a name promises; -1 if it promises none. */
static int promised(const char *name) {
        if (strncmp(name, "accept-", 7) == 0)
                return 0;
        if (strncmp(name, "reject-", 7) != 0)
                return -1;
        for (int reason = REASON_NONE + 1; reason < _REASON_MAX; reason++) {
                size_t size = strlen(reason_name(reason));

                if (strncmp(name + 7, reason_name(reason), size) == 0 && strchr("-.", name[7 + size]))
                        return reason;
        }
        return -1;
}

static bool keeps_its_promise(const struct keyset *keyset, const char *name) {
        char token[2 * TOKEN_MAX];
        struct claims claims, untouched;
        int expected = promised(name), r;
        size_t size;

        memset(&claims, 0xa5, sizeof(claims));
        untouched = claims;
        size = read_file(name, token, sizeof(token));
        r = verify_token(keyset, &rules, token, size, &claims);
        if (expected < 0 || r != expected) {
                print_error("%s: is %s\n", name, r == 0 ? "accepted" : reason_name(r));
                return false;
        }
        if (r > 0 && r < REASON_EXPIRED && memcmp(&claims, &untouched, sizeof(claims)) != 0) {
                print_error("%s: left claims behind\n", name);
                return false;
        }
        if ((r == 0 || r >= REASON_EXPIRED) &&
                strcmp(claims.session_id, "01890a5d-ac96-774b-bcce-b302099a8057") != 0) {
                print_error("%s: lost its claims\n", name);
                return false;
        }
        return true;
}

static void test_every_file_gets_what_its_name_says(void **state) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        unsigned n_accept = 0, n_reject = 0, n_wrong = 0;
        char text[JWKS_MAX];
        struct dirent *entry;
        DIR *dir;

        assert_int_equal(keyset_read(text, read_file("jwks.json", text, sizeof(text)), &keyset), 0);
        dir = opendir(folder);
        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                const char *dot = strrchr(entry->d_name, '.');

                if (!dot || strcmp(dot, ".jwt") != 0)
                        continue;
                n_wrong += !keeps_its_promise(keyset, entry->d_name);
                n_accept += promised(entry->d_name) == 0;
                n_reject += promised(entry->d_name) > 0;
        }
        closedir(dir);
        print_message("%u to accept, %u to reject\n", n_accept, n_reject);
        assert_int_equal(n_wrong, 0);
        assert_true(n_accept >= 10 && n_reject >= 100);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_file_gets_what_its_name_says),
        };

        if (argc > 1)
                folder = argv[1];
        return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
