/* token_cache: tokens whose signature was found good, so that none is checked twice. Bounded
 * (TOKENS_SEEN_MAX), 4-way set-associative; a set is chosen by a hash of the signature's text under a seed
 * that nobody knows, and the whole token is compared. Knows no key, no rule, no clock: what makes it forget
 * is told to it. One thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/claims.h"

struct token_entry {
        struct claims claims;
        int verdict;         /* whoever put it says what of */
        const char *payload; /* the JSON text that was signed, NUL behind it */
        void *extra;         /* zeroed room for whoever uses the cache */
        size_t size;
        const char *token;
};

struct token_cache;

/* `extra` bytes of room come with each entry. 0; -ENOMEM; negative errno of getrandom(2). */
int token_cache_new(size_t extra, struct token_cache **ret);
void token_cache_free(struct token_cache **cache);

/* The entry of this token, or NULL. It is borrowed until the next put, clear or free. */
struct token_entry *token_cache_find(const struct token_cache *cache, const char *token, size_t size);

/* Adds a token that is not there; one that was seen before may go for it. 0 or -ENOMEM. */
int token_cache_put(struct token_cache *cache, const char *token, size_t size, const struct claims *claims,
        const char *payload, size_t payload_size, struct token_entry **ret);

/* Forgets all. */
void token_cache_clear(struct token_cache *cache);
