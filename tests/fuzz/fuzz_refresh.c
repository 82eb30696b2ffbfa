/* Any text is refused, or is the one text of a token; and what a chain answers it breaks nothing. The first
 * bytes are the chain and the clock, the rest the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refresh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) ((condition) ? (void) 0 : abort())
#define TEXT_MAX           4096

static void check_answer(
        struct refresh_chain chain, const struct refresh_token *token, usec_t grace, usec_t now) {
        int r = (int) refresh_decide(&chain, token, chain.hash, grace, now);
        bool is_current = token->chain == chain.number && token->counter == chain.counter && chain.counter;

        REQUIRE(r >= REFRESH_CURRENT && r <= REFRESH_REUSED);
        REQUIRE(r != REFRESH_ROTATES || is_current);
        REQUIRE(r == REFRESH_EXPIRED || token->chain >= chain.number);
        REQUIRE((r != REFRESH_CURRENT && r != REFRESH_ROTATES) || refresh_is_live(&chain, now));
        if (r != REFRESH_ROTATES)
                return;
        refresh_rotate(&chain, 0, now);
        r = (int) refresh_decide(&chain, token, chain.hash, grace, now);
        REQUIRE(r == (grace && chain.counter ? REFRESH_CURRENT : REFRESH_REUSED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct {
                struct refresh_chain chain;
                usec_t grace, now;
        } given;
        uint8_t mac[REFRESH_MAC_SIZE], sealed[REFRESH_SEALED_MAX];
        char *text, again[REFRESH_TOKEN_SIZE];
        struct refresh_token token;

        if (size < sizeof(given) || size > sizeof(given) + TEXT_MAX)
                return 0;
        memcpy(&given, data, sizeof(given));
        text = calloc(1, size - sizeof(given) + 1);
        REQUIRE(text);
        memcpy(text, data + sizeof(given), size - sizeof(given));
        if (refresh_read(text, &token, mac) == 0) {
                refresh_write(&token, mac, again);
                REQUIRE(strcmp(text, again) == 0);
                REQUIRE(refresh_sealed(&token, sealed) <= sizeof(sealed));
                check_answer(given.chain, &token, given.grace, given.now);
                given.chain.number = token.chain;
                given.chain.counter = token.counter;
                check_answer(given.chain, &token, given.grace, given.now);
        }
        free(text);
        return 0;
}
