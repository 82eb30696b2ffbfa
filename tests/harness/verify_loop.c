/* verify_loop DIRECTORY ISSUER MAX_STALE RESULTS: an application that does nothing but verify tokens, each
 * in its turn, as fast as it can. Tokens come on standard input, one a line, at any time; it ends with its
 * input. What it sees of each it keeps in RESULTS, a mapped file of struct result, of which the first is
 * about the program itself. Times are CLOCK_MONOTONIC, in nanoseconds, of the moment at which a call
 * starts. */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client/sessjwt.h"

#define TOKENS_MAX   64
#define TOKEN_SIZE   8192
#define CALLS_A_LOOK 4096

struct result {
        _Atomic uint64_t calls; /* of the first one: tokens that were read */
        _Atomic uint64_t accepted;
        _Atomic uint64_t last_accepted; /* when the last call that accepted it started */
        _Atomic uint64_t last_call;
        _Atomic int64_t last_answer;
        _Atomic int64_t odd_answer;     /* the last one that was neither 0 nor SESSJWT_TOKEN_REVOKED */
        _Atomic uint64_t refused_first; /* when the first call that did not accept it started */
        uint64_t padding;
};

static struct result *results;
static char tokens[TOKENS_MAX][TOKEN_SIZE + 1];
static size_t sizes[TOKENS_MAX], n_tokens;

static uint64_t now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static void call(struct sessjwt_checker *checker, size_t i) {
        struct result *result = &results[i + 1];
        uint64_t started = now();
        int r = sessjwt_check(checker, tokens[i], sizes[i], NULL);

        if (r == 0) {
                atomic_store_explicit(&result->last_accepted, started, memory_order_relaxed);
                atomic_fetch_add_explicit(&result->accepted, 1, memory_order_relaxed);
        } else {
                if (r != SESSJWT_TOKEN_REVOKED)
                        atomic_store_explicit(&result->odd_answer, r, memory_order_relaxed);
                if (atomic_load_explicit(&result->refused_first, memory_order_relaxed) == 0)
                        atomic_store_explicit(&result->refused_first, started, memory_order_relaxed);
        }
        atomic_store_explicit(&result->last_answer, r, memory_order_relaxed);
        atomic_store_explicit(&result->last_call, started, memory_order_relaxed);
        atomic_fetch_add_explicit(&result->calls, 1, memory_order_release);
}

/* False: there will be no more. */
static int read_tokens(void) {
        static char buffer[TOKEN_SIZE + 2];
        static size_t used;
        struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

        while (poll(&p, 1, n_tokens == 0 ? -1 : 0) > 0) {
                ssize_t n = read(STDIN_FILENO, buffer + used, sizeof(buffer) - used);
                char *end;

                if (n <= 0)
                        return 0;
                used += (size_t) n;
                while ((end = memchr(buffer, '\n', used))) {
                        size_t size = (size_t) (end - buffer);

                        if (n_tokens == TOKENS_MAX || size > TOKEN_SIZE)
                                errx(2, "too much");
                        memcpy(tokens[n_tokens], buffer, size);
                        sizes[n_tokens++] = size;
                        used -= size + 1;
                        memmove(buffer, end + 1, used);
                        atomic_fetch_add(&results[0].calls, 1);
                }
        }
        return 1;
}

int main(int argc, char **argv) {
        struct sessjwt_verifier *verifier = NULL;
        struct sessjwt_checker *checker = NULL;
        int fd, r;

        if (argc != 5)
                errx(2, "verify_loop DIRECTORY ISSUER MAX_STALE RESULTS");
        fd = open(argv[4], O_RDWR | O_CLOEXEC);
        results = mmap(NULL, (TOKENS_MAX + 1) * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (results == MAP_FAILED)
                err(2, "%s", argv[4]);
        r = sessjwt_verifier_open(argv[1], argv[2], NULL, NULL, atoi(argv[3]), &verifier);
        if (r == 0)
                r = sessjwt_checker_open(verifier, &checker);
        if (r != 0)
                errx(1, "cannot verify: %s", strerror(-r));
        while (read_tokens())
                for (int n = 0; n < CALLS_A_LOOK;)
                        for (size_t i = 0; i < n_tokens; i++, n++)
                                call(checker, i);
        sessjwt_checker_close(&checker);
        sessjwt_verifier_close(&verifier);
        return 0;
}
