/* refresh: refresh tokens: text <-> session id, chain, counter and MAC; and what a session's chain of them
 * answers to one that comes. Pure: no key (daemon/seal has it), no store, no clock. DESIGN section 9.
 *
 * A session has one chain. Its current token follows from sid, chain, counter and key alone, so whoever
 * shares it is given the very same one, and nothing that is kept would be worth stealing. A chain that was
 * given up (its time ran out, a reset) is followed by one of the next number. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"
#include "daemon/sid.h"

#define REFRESH_MAC_SIZE   32
#define REFRESH_HASH_SIZE  32
#define REFRESH_SEALED_MAX 64       /* bytes that the MAC is over */
#define REFRESH_LENGTH     (5 + 80) /* base64url of 16 + 4 + 8 + 32 bytes: no spare bits */
#define REFRESH_TOKEN_SIZE (REFRESH_LENGTH + 1)

/* What a token says. */
struct refresh_token {
        struct sid sid;
        uint32_t chain;
        uint64_t counter;
};

/* What a session's record keeps of its chain. */
struct refresh_chain {
        uint32_t number;      /* of the chain; 0: none was ever begun */
        uint64_t counter;     /* of the current token; 0: the chain has none yet */
        usec_t rotated_boot;  /* since when it is the current one; boot clock of the session's leader */
        usec_t deadline_boot; /* refresh_ttl behind the last rotation or issue; USEC_NEVER: none */
        uint8_t hash[REFRESH_HASH_SIZE]; /* SHA-256 of its text; shown to nobody */
};

/* The bytes that the MAC is over: a domain of its own, then all that the token says. Returns how many. */
size_t refresh_sealed(const struct refresh_token *token, uint8_t ret[static REFRESH_SEALED_MAX]);
/* REFRESH_LENGTH characters and a NUL. */
void refresh_write(const struct refresh_token *token, const uint8_t mac[static REFRESH_MAC_SIZE],
        char ret[static REFRESH_TOKEN_SIZE]);
/* 0; -EBADMSG for anything that refresh_write cannot have written; nothing is changed then. The MAC is the
 * caller's to check, before he believes a word. */
int refresh_read(const char *text, struct refresh_token *ret, uint8_t ret_mac[static REFRESH_MAC_SIZE]);

/* The current token of the chain. */
struct refresh_token refresh_current(const struct refresh_chain *chain, const struct sid *sid);

enum refresh_outcome {
        REFRESH_CURRENT = 0, /* answer with the current token; nothing changes */
        REFRESH_ROTATES,     /* refresh_rotate, and answer with the new current one */
        REFRESH_EXPIRED,     /* its time is over, or its chain was given up */
        REFRESH_REUSED,      /* it had its turn: somebody has a copy. The session must end */
};

/* What a token with a good MAC, whose text has this hash, is answered. The current one within `grace` of its
 * rotation stays; an older one is rotated; the previous one within grace of the rotation is answered with the
 * current one: an answer was lost, or others share the token. All else is reuse. */
enum refresh_outcome refresh_decide(const struct refresh_chain *chain, const struct refresh_token *token,
        const uint8_t hash[static REFRESH_HASH_SIZE], usec_t grace, usec_t now_boot);

/* Whether the chain has a current token whose time is not over. */
bool refresh_is_live(const struct refresh_chain *chain, usec_t now_boot);

/* Each leaves `hash` to the caller, who knows the key. ttl 0: no end. */

/* The next token of the chain is the current one from now on. */
void refresh_rotate(struct refresh_chain *chain, usec_t ttl, usec_t now_boot);
/* A new chain with its first token. */
void refresh_begin(struct refresh_chain *chain, usec_t ttl, usec_t now_boot);
/* The current token is given out once more: its time begins anew, its age does not. */
void refresh_prolong(struct refresh_chain *chain, usec_t ttl, usec_t now_boot);
/* Gives the chain up: every token issued before is refused, and none is current until one is issued. */
void refresh_give_up(struct refresh_chain *chain);
