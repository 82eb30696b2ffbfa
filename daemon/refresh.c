/* refresh: see refresh.h. */
#include "daemon/refresh.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "client/base64url.h"

/* What our MACs under this key are about, so that no other use of it could ever make a token. */
#define DOMAIN "sessjwt refresh token 1"

/* Big-endian, as it is sent. */
struct wire {
        uint8_t sid[16];
        uint32_t chain;
        uint64_t counter;
        uint8_t mac[REFRESH_MAC_SIZE];
} __attribute__((packed));

#define SAID_SIZE offsetof(struct wire, mac)

static_assert(sizeof(REFRESH_PREFIX) - 1 + BASE64URL_SIZE(sizeof(struct wire)) == REFRESH_LENGTH,
        "the header counts right");
static_assert(sizeof(struct wire) % 3 == 0, "no spare bits, so one text a token");
static_assert(sizeof(DOMAIN) + SAID_SIZE <= REFRESH_SEALED_MAX, "the buffer that the header promises");

static struct wire to_wire(const struct refresh_token *token) {
        struct wire wire = { .chain = htobe32(token->chain), .counter = htobe64(token->counter) };

        memcpy(wire.sid, token->sid.bytes, sizeof(wire.sid));
        return wire;
}

size_t refresh_sealed(const struct refresh_token *token, uint8_t ret[static REFRESH_SEALED_MAX]) {
        struct wire wire = to_wire(token);

        memcpy(ret, DOMAIN, sizeof(DOMAIN)); /* its NUL ends it */
        memcpy(ret + sizeof(DOMAIN), &wire, SAID_SIZE);
        return sizeof(DOMAIN) + SAID_SIZE;
}

void refresh_write(const struct refresh_token *token, const uint8_t mac[static REFRESH_MAC_SIZE],
        char ret[static REFRESH_TOKEN_SIZE]) {
        struct wire wire = to_wire(token);
        size_t prefix = strlen(REFRESH_PREFIX);

        memcpy(wire.mac, mac, sizeof(wire.mac));
        memcpy(ret, REFRESH_PREFIX, prefix);
        ret[prefix + base64url_write(&wire, sizeof(wire), ret + prefix)] = '\0';
        explicit_bzero(&wire, sizeof(wire));
}

int refresh_read(const char *text, struct refresh_token *ret, uint8_t ret_mac[static REFRESH_MAC_SIZE]) {
        size_t prefix = strlen(REFRESH_PREFIX), size;
        struct wire wire;
        int r;

        if (strnlen(text, REFRESH_LENGTH + 1) != REFRESH_LENGTH || memcmp(text, REFRESH_PREFIX, prefix) != 0)
                return -EBADMSG;
        r = base64url_read(text + prefix, REFRESH_LENGTH - prefix, &wire, sizeof(wire), &size);
        if (r < 0)
                return -EBADMSG;
        *ret = (struct refresh_token){ .chain = be32toh(wire.chain), .counter = be64toh(wire.counter) };
        memcpy(ret->sid.bytes, wire.sid, sizeof(wire.sid));
        memcpy(ret_mac, wire.mac, sizeof(wire.mac));
        explicit_bzero(&wire, sizeof(wire));
        return 0;
}

struct refresh_token refresh_current(const struct refresh_chain *chain, const struct sid *sid) {
        return (struct refresh_token){ .sid = *sid, .chain = chain->number, .counter = chain->counter };
}

enum refresh_outcome refresh_decide(const struct refresh_chain *chain, const struct refresh_token *token,
        const uint8_t hash[static REFRESH_HASH_SIZE], usec_t grace, usec_t now_boot) {
        bool is_ours = token->chain == chain->number && chain->counter > 0;
        bool is_current = is_ours && token->counter == chain->counter &&
                          memcmp(hash, chain->hash, sizeof(chain->hash)) == 0;
        bool is_previous = is_ours && token->counter == chain->counter - 1;
        bool in_grace = now_boot - chain->rotated_boot < grace;

        /* Given up on purpose, with all its tokens: who comes with one is late, or learns nothing. */
        if (token->chain < chain->number)
                return REFRESH_EXPIRED;
        if (!is_current && !(is_previous && in_grace))
                return REFRESH_REUSED;
        if (!refresh_is_live(chain, now_boot))
                return REFRESH_EXPIRED;
        return in_grace ? REFRESH_CURRENT : REFRESH_ROTATES;
}

bool refresh_is_live(const struct refresh_chain *chain, usec_t now_boot) {
        return chain->counter > 0 && now_boot < chain->deadline_boot;
}

void refresh_rotate(struct refresh_chain *chain, usec_t ttl, usec_t now_boot) {
        chain->counter++;
        chain->rotated_boot = now_boot;
        refresh_prolong(chain, ttl, now_boot);
}

void refresh_begin(struct refresh_chain *chain, usec_t ttl, usec_t now_boot) {
        refresh_give_up(chain);
        refresh_rotate(chain, ttl, now_boot);
}

void refresh_prolong(struct refresh_chain *chain, usec_t ttl, usec_t now_boot) {
        chain->deadline_boot = ttl ? now_boot + ttl : USEC_NEVER;
}

void refresh_give_up(struct refresh_chain *chain) {
        *chain = (struct refresh_chain){ .number = chain->number + 1 };
}
