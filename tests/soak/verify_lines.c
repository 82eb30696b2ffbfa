/* verify_lines DIRECTORY ISSUER: a program that checks tokens by libsessjwt, in a process of its own and with
 * one checker for all its life, whatever happens to the daemon: a token a line in, the answer a line out (0,
 * SESSJWT_TOKEN_* or a negative errno). A line that is empty is answered by an empty line. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/sessjwt.h"

int main(int argc, char **argv) {
        struct sessjwt_verifier *verifier = NULL;
        struct sessjwt_checker *checker = NULL;
        char *line = NULL;
        size_t room = 0;
        ssize_t n;
        int r;

        if (argc != 3)
                errx(2, "verify_lines DIRECTORY ISSUER");
        r = sessjwt_verifier_open(argv[1], argv[2], NULL, NULL, 0, &verifier);
        if (r == 0)
                r = sessjwt_checker_open(verifier, &checker);
        if (r != 0)
                errx(1, "cannot verify: %s", strerror(-r));
        while ((n = getline(&line, &room, stdin)) > 0) {
                if (line[n - 1] == '\n')
                        n--;
                if (n == 0)
                        printf("\n");
                else
                        printf("%d\n", sessjwt_check(checker, line, (size_t) n, NULL));
                if (n == 0)
                        fflush(stdout);
        }
        free(line);
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        return 0;
}
