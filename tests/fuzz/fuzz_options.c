/* Any words may stand in a pam.d line: options_read must bound what it takes and name the first one it
 * refuses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/protocol.h"
#include "pam/options.c"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's lines are the words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);
        const char *argv[WORDS_MAX], *bad = NULL;
        struct options o;
        int argc = 0, r;

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        for (char *word = text; word && argc < WORDS_MAX;) {
                char *end = strchr(word, '\n');

                if (end)
                        *end++ = '\0';
                argv[argc++] = word;
                word = end;
        }
        r = options_read(argc, argv, &o, &bad);
        if ((r == 0) == (bad != NULL) || o.timeout_msec < TIMEOUT_MIN_MSEC ||
                o.timeout_msec > LOGIN_TIMEOUT_MAX_MSEC || o.socket[0] != '/' ||
                strlen(o.socket) > SOCKET_PATH_MAX || strlen(o.realm) > REALM_MAX || strlen(o.realm) == 0)
                abort();
        free(text);
        return 0;
}
