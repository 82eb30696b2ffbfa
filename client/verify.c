#include "client/verify.h"

#include <string.h>

#include "client/base64url.h"
#include "client/jws.h"

#define PAYLOAD_MAX BASE64URL_BYTES(TOKEN_MAX)
#define CLOCK_SLACK 2000000 /* microseconds between two readers of one coarse clock, amply */

/* RFC 9068 4: at+jwt or application/at+jwt (RFC 7515 4.1.9 lets the prefix be left out). */
static bool is_type(const char *typ, const char *expected) {
        if (!expected)
                return is_type(typ, "at+jwt") || strcmp(typ, "JWT") == 0;
        if (strcmp(expected, "at+jwt") == 0 && strcmp(typ, "application/at+jwt") == 0)
                return true;
        return strcmp(typ, expected) == 0;
}

/* What time changes. */
static int judge_times(const struct claims *claims, const struct verify_rules *rules) {
        int64_t latest_start;

        if (__builtin_add_overflow(rules->now, rules->leeway, &latest_start))
                latest_start = INT64_MAX;

        if (claims->expires_at <= rules->now) /* RFC 7519 4.1.4: on or after */
                return REASON_EXPIRED;
        if (claims->issued_at > latest_start)
                return REASON_NOT_YET_VALID;
        return 0;
}

/* What only another rule changes. */
static int judge_names(const struct claims *claims, const struct verify_rules *rules) {
        if (rules->audience && !claims_have_audience(claims, rules->audience))
                return REASON_WRONG_AUDIENCE;
        if (strcmp(claims->issuer, rules->issuer) != 0)
                return REASON_WRONG_ISSUER;
        if (rules->realm && strcmp(claims->realm, rules->realm) != 0)
                return REASON_WRONG_REALM;
        return 0;
}

/* Signature and claims, not judged yet. */
static int check_signature(const struct keyset *keys, const struct verify_rules *rules, const char *token,
        size_t size, struct claims *ret, char payload[static PAYLOAD_MAX], size_t *ret_size) {
        const struct jws_key *key;
        struct jws jws;
        int r;

        r = jws_read(token, size, &jws);
        if (r)
                return r;
        if (!is_type(jws.typ, rules->typ))
                return REASON_WRONG_TYPE;
        key = keyset_find(keys, jws.kid);
        if (!key)
                return REASON_UNKNOWN_KEY;
        r = jws_verify(&jws, key);
        if (r)
                return r;
        /* From here on the bytes are our signer's. */
        r = jws_payload(&jws, payload, PAYLOAD_MAX, ret_size);
        return r ? r : claims_read(payload, *ret_size, ret);
}

int verify_token(const struct keyset *keys, const struct verify_rules *rules, const char *token, size_t size,
        struct claims *ret) {
        char payload[PAYLOAD_MAX];
        struct claims claims;
        size_t payload_size;
        int r;

        r = check_signature(keys, rules, token, size, &claims, payload, &payload_size);
        if (r)
                return r;
        *ret = claims;
        r = judge_times(ret, rules);
        return r ? r : judge_names(ret, rules);
}

int verify_roles(const char *const *roles, size_t n_roles, const char *const *wanted, size_t n_wanted) {
        if (n_roles == 0)
                return REASON_MISSING_ROLE;
        for (size_t i = 0; i < n_roles; i++)
                for (size_t k = 0; k < n_wanted; k++)
                        if (strcmp(roles[i], wanted[k]) == 0)
                                return 0;
        return REASON_INSUFFICIENT_ROLE;
}

/* ---- with a status page, and a memory ---- */

static int judge_staleness(const struct status_header *header, const struct verify_rules *rules) {
        uint64_t heartbeat;

        if (rules->max_stale == 0)
                return 0;
        heartbeat = atomic_load_explicit(&header->heartbeat, memory_order_relaxed);
        /* One from the future was written under another boot. */
        if (heartbeat + rules->max_stale < rules->clock || heartbeat > rules->clock + CLOCK_SLACK)
                return REASON_STALE_STATUS;
        return 0;
}

static bool is_outdated(const struct verify *v) {
        return atomic_load_explicit(&v->status->header->generation, memory_order_acquire) != v->generation;
}

/* The byte first, then the generation: whoever sees a byte that was given to another session sees the
 * generation that was raised before. */
static int judge_status(
        const struct verify *v, const struct verify_rules *rules, const struct claims *claims) {
        const struct status_header *header = v->status->header;
        uint8_t value = status_view_get(v->status, claims->status_index);

        if (is_outdated(v))
                return VERIFY_OUTDATED;
        if (claims->status_index >= v->status->size &&
                claims->status_index < atomic_load_explicit(&header->size, memory_order_acquire))
                return VERIFY_OUTDATED;
        if (value != STATUS_VALID)
                return REASON_REVOKED; /* suspended, too; and an index beyond the page: draft 8.3 step 5 */
        return judge_staleness(header, rules);
}

static int judge_entry(
        const struct verify *v, const struct verify_rules *rules, const struct token_entry *entry) {
        int r;

        r = judge_times(&entry->claims, rules);
        if (r)
                return r;
        r = rules->are_fixed ? entry->verdict : judge_names(&entry->claims, rules);
        return r ? r : judge_status(v, rules, &entry->claims);
}

int verify_seen(const struct verify *v, const struct verify_rules *rules, const char *token, size_t size,
        struct token_entry **ret) {
        struct token_entry *entry = token_cache_find(v->cache, token, size);

        if (!entry)
                return VERIFY_UNSEEN;
        *ret = entry;
        return judge_entry(v, rules, entry);
}

int verify_first(const struct verify *v, const struct verify_rules *rules, const char *token, size_t size,
        struct token_entry **ret) {
        char payload[PAYLOAD_MAX];
        struct token_entry *entry;
        struct claims claims;
        size_t payload_size;
        int r;

        if (is_outdated(v)) /* the keys too */
                return VERIFY_OUTDATED;
        r = check_signature(v->keys, rules, token, size, &claims, payload, &payload_size);
        if (r)
                return r;
        r = token_cache_put(v->cache, token, size, &claims, payload, payload_size, &entry);
        if (r < 0)
                return r;
        entry->verdict = judge_names(&claims, rules);
        *ret = entry;
        return judge_entry(v, rules, entry);
}
