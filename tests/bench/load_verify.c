/* load_verify DIRECTORY ISSUER TOKENS: an application that verifies the tokens in the file TOKENS, one a
 * line, in its own process, each in its turn, all of them seen before.
 *
 * Each line of standard input has how many verifications to make; it is answered by a line of JSON: how
 * many a second, of this thread's own time on a processor. */
#include <string.h>

#include "client/protocol.h"
#include "client/sessjwt.h"
#include "tests/bench/load.h"

#define TOKENS_AT_MOST 1024

static char *tokens[TOKENS_AT_MOST];
static size_t sizes[TOKENS_AT_MOST], n_tokens;

static double own_time(void) {
        struct timespec ts;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void read_tokens(const char *path) {
        static char line[TOKEN_MAX + 2];
        FILE *file = fopen(path, "re");

        if (!file)
                err(1, "%s", path);
        while (n_tokens < TOKENS_AT_MOST && fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\n")] = '\0';
                tokens[n_tokens] = strdup(line);
                if (!tokens[n_tokens])
                        errx(1, "no memory");
                sizes[n_tokens++] = strlen(line);
        }
        fclose(file);
        if (n_tokens == 0)
                errx(2, "%s: no tokens", path);
}

static void verify_all(struct sessjwt_checker *checker) {
        for (size_t i = 0; i < n_tokens; i++) {
                const struct sessjwt_claims *claims;
                int r = sessjwt_check(checker, tokens[i], sizes[i], &claims);

                if (r != 0)
                        errx(1, "a token is refused: %s", sessjwt_reason_text(r));
        }
}

int main(int argc, char **argv) {
        struct sessjwt_verifier *verifier = NULL;
        struct sessjwt_checker *checker = NULL;
        char line[64];
        int r;

        if (argc != 4)
                errx(2, "usage: load_verify DIRECTORY ISSUER TOKENS");
        read_tokens(argv[3]);
        r = sessjwt_verifier_open(argv[1], argv[2], NULL, NULL, 0, &verifier);
        if (r == 0)
                r = sessjwt_checker_open(verifier, &checker);
        if (r != 0)
                errx(1, "cannot verify: %s", strerror(-r));
        verify_all(checker);
        while (fgets(line, sizeof(line), stdin)) {
                size_t wanted = strtoul(line, NULL, 10), done = 0;
                double begun = own_time();

                for (; done < wanted; done += n_tokens)
                        verify_all(checker);
                printf("{\"rate\": %.9g}\n", (double) done / (own_time() - begun));
                fflush(stdout);
        }
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        return 0;
}
