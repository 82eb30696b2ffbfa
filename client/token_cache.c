#include "client/token_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/jws.h"
#include "client/protocol.h"

#define WAYS           4
#define SETS           (TOKENS_SEEN_MAX / WAYS)
#define SIGNATURE_TEXT BASE64URL_SIZE(JWS_SIGNATURE_SIZE)

_Static_assert((SETS & (SETS - 1)) == 0, "a set is chosen by a mask");

struct set {
        uint64_t hashes[WAYS];
        struct token_entry *entries[WAYS];
};

struct token_cache {
        struct set sets[SETS];
        uint64_t seed[4];
        size_t extra;
        unsigned next; /* the way that is given up when a set is full */
};

static uint64_t read_word(const char *p) {
        uint64_t word;

        memcpy(&word, p, sizeof(word));
        return word;
}

static uint64_t mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;

        return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* A folded multiply a step, as in wyhash. Whoever finds texts that collide must know the seed, and each
 * must be a signature that verifies. */
static uint64_t hash(const struct token_cache *cache, const char *signature) {
        const uint64_t *seed = cache->seed;
        uint64_t h = seed[0];
        size_t i;

        _Static_assert(SIGNATURE_TEXT >= 16, "the last step reads two words");
        for (i = 0; i + 16 < SIGNATURE_TEXT; i += 16)
                h = mix(read_word(signature + i) ^ seed[1], read_word(signature + i + 8) ^ h);
        return mix(read_word(signature + SIGNATURE_TEXT - 16) ^ seed[2],
                read_word(signature + SIGNATURE_TEXT - 8) ^ h ^ seed[3]);
}

static void free_entry(struct token_entry **entry) {
        if (!*entry)
                return;
        explicit_bzero((char *) (*entry)->token, (*entry)->size); /* who has it may use it */
        free(*entry);
        *entry = NULL;
}

int token_cache_new(size_t extra, struct token_cache **ret) {
        _cleanup_(token_cache_free) struct token_cache *cache = calloc(1, sizeof(*cache));

        if (!cache)
                return -ENOMEM;
        while (getrandom(cache->seed, sizeof(cache->seed), 0) < 0)
                if (errno != EINTR)
                        return -errno;
        cache->extra = extra;
        *ret = TAKE(cache);
        return 0;
}

void token_cache_clear(struct token_cache *cache) {
        for (size_t i = 0; i < SETS; i++)
                for (size_t way = 0; way < WAYS; way++)
                        free_entry(&cache->sets[i].entries[way]);
}

void token_cache_free(struct token_cache **cache) {
        if (!*cache)
                return;
        token_cache_clear(*cache);
        free(*cache);
        *cache = NULL;
}

struct token_entry *token_cache_find(const struct token_cache *cache, const char *token, size_t size) {
        const struct set *set;
        uint64_t h;

        if (size < SIGNATURE_TEXT)
                return NULL;
        h = hash(cache, token + size - SIGNATURE_TEXT);
        set = &cache->sets[h & (SETS - 1)];
        for (size_t way = 0; way < WAYS; way++) {
                struct token_entry *entry = set->entries[way];

                if (set->hashes[way] == h && entry && entry->size == size &&
                        memcmp(entry->token, token, size) == 0)
                        return entry;
        }
        return NULL;
}

static struct token_entry *make_entry(const struct token_cache *cache, const char *token, size_t size,
        const struct claims *claims, const char *payload, size_t payload_size) {
        /* The extra room first behind the entry, where it is aligned for any pointer or integer. */
        struct token_entry *entry = calloc(1, sizeof(*entry) + cache->extra + payload_size + 1 + size);
        char *text;

        if (!entry)
                return NULL;
        text = (char *) (entry + 1) + cache->extra;
        *entry = (struct token_entry){
                .claims = *claims,
                .payload = text,
                .extra = entry + 1,
                .size = size,
                .token = text + payload_size + 1,
        };
        memcpy(text, payload, payload_size);
        memcpy(text + payload_size + 1, token, size);
        return entry;
}

int token_cache_put(struct token_cache *cache, const char *token, size_t size, const struct claims *claims,
        const char *payload, size_t payload_size, struct token_entry **ret) {
        struct token_entry *entry;
        struct set *set;
        size_t way = 0;
        uint64_t h;

        if (size < SIGNATURE_TEXT)
                return -EINVAL;
        entry = make_entry(cache, token, size, claims, payload, payload_size);
        if (!entry)
                return -ENOMEM;
        h = hash(cache, token + size - SIGNATURE_TEXT);
        set = &cache->sets[h & (SETS - 1)];
        while (way < WAYS && set->entries[way])
                way++;
        if (way == WAYS)
                way = cache->next++ % WAYS;
        free_entry(&set->entries[way]);
        set->hashes[way] = h;
        set->entries[way] = entry;
        *ret = entry;
        return 0;
}
