/* Key sets from a file that anybody may have written. Accepted or refused, never half; and never
 * with anything behind it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

#include "client/keyset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void) 0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct keyset *keyset = NULL, *longer = NULL;
        char *text;
        int r;

        if (size > JWKS_MAX + 1)
                return 0;
        /* Blocks of exactly these sizes, so that one byte beyond them is seen. */
        text = malloc(size + 1);
        REQUIRE(text);
        memcpy(text, data, size);
        text[size] = 'x';
        REQUIRE(keyset_read(text, size + 1, &longer) == -EBADMSG && !longer);
        text = realloc(text, size ? size : 1);
        REQUIRE(text);

        r = keyset_read(text, size, &keyset);
        REQUIRE(r == 0 || r == -EBADMSG);
        REQUIRE((r == 0) == (keyset != NULL));
        REQUIRE(size <= JWKS_MAX || r < 0);
        REQUIRE(!keyset || !keyset_find(keyset, ""));
        REQUIRE(ERR_peek_error() == 0);
        keyset_free(&keyset);
        free(text);
        return 0;
}
