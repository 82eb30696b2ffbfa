/* libsessjwt_verify: tokens verified in the caller's own process, without asking anybody: opens and reads the
 * two public files for client/verify, and shows what it says. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "client/keyset.h"
#include "client/protocol.h"
#include "client/sessjwt.h"
#include "client/status_map.h"
#include "client/verify.h"

#define USEC              UINT64_C(1000000)
#define TRIES             4    /* a page that has changed again whenever we have taken it up proves nothing */
#define STALE_RENEW_USEC  USEC /* a stale page is looked up anew at most so often: another may be there */
#define KEYS_RELOAD_USEC  (KEYS_RELOAD_SEC * USEC)
#define SAME(token, name) _Static_assert((int) (token) == (int) (name), "one numbering")

SAME(SESSJWT_TOKEN_MALFORMED, REASON_MALFORMED);
SAME(SESSJWT_TOKEN_WRONG_TYPE, REASON_WRONG_TYPE);
SAME(SESSJWT_TOKEN_WRONG_ALGORITHM, REASON_WRONG_ALGORITHM);
SAME(SESSJWT_TOKEN_UNKNOWN_KEY, REASON_UNKNOWN_KEY);
SAME(SESSJWT_TOKEN_BAD_SIGNATURE, REASON_BAD_SIGNATURE);
SAME(SESSJWT_TOKEN_EXPIRED, REASON_EXPIRED);
SAME(SESSJWT_TOKEN_NOT_YET_VALID, REASON_NOT_YET_VALID);
SAME(SESSJWT_TOKEN_WRONG_ISSUER, REASON_WRONG_ISSUER);
SAME(SESSJWT_TOKEN_WRONG_AUDIENCE, REASON_WRONG_AUDIENCE);
SAME(SESSJWT_TOKEN_WRONG_REALM, REASON_WRONG_REALM);
SAME(SESSJWT_TOKEN_REVOKED, REASON_REVOKED);
SAME(SESSJWT_TOKEN_STALE, REASON_STALE_STATUS);
SAME(SESSJWT_TOKEN_MISSING_ROLE, REASON_MISSING_ROLE);
SAME(SESSJWT_TOKEN_INSUFFICIENT_ROLE, REASON_INSUFFICIENT_ROLE);

const char *sessjwt_reason_text(int reason) {
        static const char *const sentences[_REASON_MAX] = {
                [REASON_NONE] = "The token is good",
                [REASON_MALFORMED] = "It is no access token: its text or its claims are not well formed",
                [REASON_WRONG_TYPE] = "It is a token of another kind",
                [REASON_WRONG_ALGORITHM] = "It is signed with an algorithm that is not the key's",
                [REASON_UNKNOWN_KEY] = "No key of this host has signed it",
                [REASON_BAD_SIGNATURE] = "Its signature is not that of its key",
                [REASON_EXPIRED] = "It has expired",
                [REASON_NOT_YET_VALID] = "It was issued in the future",
                [REASON_WRONG_ISSUER] = "It is of another issuer",
                [REASON_WRONG_AUDIENCE] = "It is for another audience",
                [REASON_WRONG_REALM] = "It is of another realm",
                [REASON_REVOKED] = "Its session has ended",
                [REASON_MISSING_ROLE] = "It has no role",
                [REASON_INSUFFICIENT_ROLE] = "It has none of the roles that are needed",
                [REASON_STALE_STATUS] = "Whether its session lives cannot be told: the daemon is silent",
        };

        if (reason < 0)
                return "It could not be verified: the keys or the status page cannot be read";
        return reason < _REASON_MAX ? sentences[reason] : "It is refused for an unknown reason";
}

/* ---- the verifier: immutable ---- */

struct sessjwt_verifier {
        char *directory;
        char issuer[ISSUER_MAX + 1];
        char audience[AUDIENCE_MAX + 1]; /* "": any */
        char realm[REALM_MAX + 1];
        uint64_t max_stale;
};

static int copy_name(const char *text, char *ret, size_t size) {
        size_t length = strnlen(text, size);

        if (length == 0)
                return -EINVAL;
        if (length == size)
                return -ENAMETOOLONG;
        memcpy(ret, text, length + 1);
        return 0;
}

int sessjwt_verifier_open(const char *directory, const char *issuer, const char *audience, const char *realm,
        int max_stale_sec, struct sessjwt_verifier **ret) {
        _cleanup_(sessjwt_verifier_close) struct sessjwt_verifier *v = NULL;
        int r;

        if (!issuer || !ret || (directory && !*directory))
                return -EINVAL;
        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        r = copy_name(issuer, v->issuer, sizeof(v->issuer));
        if (r == 0 && audience)
                r = copy_name(audience, v->audience, sizeof(v->audience));
        if (r == 0)
                r = copy_name(realm ? realm : SESSJWT_DEFAULT_REALM, v->realm, sizeof(v->realm));
        if (r < 0)
                return r;
        v->max_stale = (uint64_t) (max_stale_sec < 0 ? MAX_STALE_SEC : max_stale_sec) * USEC;
        v->directory = strdup(directory ? directory : SESSJWT_PUBLIC_DIR);
        if (!v->directory)
                return -ENOMEM;
        *ret = TAKE(v);
        return 0;
}

void sessjwt_verifier_close(struct sessjwt_verifier **verifier) {
        if (!verifier || !*verifier)
                return;
        free((*verifier)->directory);
        free(*verifier);
        *verifier = NULL;
}

/* ---- the checker: one thread's ---- */

struct sessjwt_checker {
        const struct sessjwt_verifier *verifier;
        struct keyset *keys;
        struct status_map *map;
        struct token_cache *cache;
        struct verify verify; /* borrows the three */
        struct verify_rules rules;
        uint64_t wall;         /* seconds; our own clock, never backwards */
        struct stat keys_file; /* that keys were read from */
        uint64_t keys_read_at; /* for a kid that we did not know; on the clock of the heartbeat, as below */
        uint64_t renewed_at;   /* for being stale */
};

/* The claims as the caller sees them, behind the entry they are of. */
struct shown_claims {
        struct sessjwt_claims claims;
        const char *audiences[CLAIMS_AUDIENCES_MAX];
        const char *roles[CLAIMS_ROLES_MAX];
        const char *methods[CLAIMS_METHODS_MAX];
};

static const struct sessjwt_claims *show(const struct token_entry *entry) {
        const struct claims *claims = &entry->claims;
        struct shown_claims *shown = entry->extra;

        if (shown->claims.json)
                return &shown->claims;
        for (size_t i = 0; i < claims->n_audiences; i++)
                shown->audiences[i] = claims->audiences[i];
        for (size_t i = 0; i < claims->n_roles; i++)
                shown->roles[i] = claims->roles[i];
        for (size_t i = 0; i < claims->n_methods; i++)
                shown->methods[i] = claims->methods[i];
        shown->claims = (struct sessjwt_claims){
                .json = entry->payload,
                .issuer = claims->issuer,
                .subject = claims->subject,
                .uid = claims->uid,
                .audiences = shown->audiences,
                .n_audiences = claims->n_audiences,
                .client_id = claims->client_id,
                .token_id = claims->token_id,
                .session_id = claims->session_id,
                .realm = claims->realm,
                .device_id = claims->device_id,
                .role = claims->role,
                .roles = shown->roles,
                .n_roles = claims->n_roles,
                .methods = shown->methods,
                .n_methods = claims->n_methods,
                .issued_at = claims->issued_at,
                .expires_at = claims->expires_at,
                .auth_time = claims->auth_time,
                .reset = claims->reset,
        };
        return &shown->claims;
}

static int read_keys(const struct sessjwt_verifier *verifier, struct keyset **ret, struct stat *ret_file) {
        _cleanup_(cleanup_free) char *path = NULL, *text = malloc(JWKS_MAX + 1);
        _cleanup_(cleanup_close) int fd = -1;
        ssize_t n;

        if (!text || asprintf(&path, "%s/" SESSJWT_JWKS_NAME, verifier->directory) < 0) {
                path = NULL; /* asprintf leaves it undefined */
                return -ENOMEM;
        }
        fd = bytes_open(path);
        if (fd < 0)
                return fd;
        if (fstat(fd, ret_file) < 0)
                return -errno;
        if (!S_ISREG(ret_file->st_mode))
                return -EBADMSG;
        n = bytes_read(fd, text, JWKS_MAX + 1); /* one more than a key set may have, which it will say */
        return n < 0 ? (int) n : keyset_read(text, (size_t) n, ret);
}

static int reload_keys(struct sessjwt_checker *c) {
        struct keyset *keys;
        struct stat file;
        int r;

        r = read_keys(c->verifier, &keys, &file);
        if (r < 0)
                return r;
        c->keys_file = file;
        keyset_free(&c->keys);
        c->keys = keys;
        c->verify.keys = keys;
        return 0;
}

/* All anew: the mapping, and with its generation the keys and an empty cache. Until all of it is there the
 * generation stays the old one, so that the next call tries again. */
static int renew(struct sessjwt_checker *c) {
        int r;

        r = status_map_renew(c->map);
        if (r < 0)
                return r;
        if (status_map_generation(c->map) == c->verify.generation)
                return 0; /* it has only grown */
        token_cache_clear(c->cache);
        r = reload_keys(c);
        if (r < 0)
                return r;
        c->verify.generation = status_map_generation(c->map);
        return 0;
}

int sessjwt_checker_open(const struct sessjwt_verifier *verifier, struct sessjwt_checker **ret) {
        _cleanup_(sessjwt_checker_close) struct sessjwt_checker *c = NULL;
        int r;

        if (!verifier || !ret)
                return -EINVAL;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->verifier = verifier;
        c->rules = (struct verify_rules){
                .issuer = verifier->issuer,
                .audience = *verifier->audience ? verifier->audience : NULL,
                .realm = verifier->realm,
                .leeway = LEEWAY_SEC,
                .max_stale = verifier->max_stale,
                .are_fixed = true,
        };
        r = token_cache_new(sizeof(struct shown_claims), &c->cache);
        if (r == 0)
                r = status_map_open(verifier->directory, &c->map);
        if (r == 0)
                r = reload_keys(c); /* after the page: what its generation stands for is read after it */
        if (r < 0)
                return r;
        c->verify.status = status_map_view(c->map);
        c->verify.cache = c->cache;
        c->verify.generation = status_map_generation(c->map);
        *ret = TAKE(c);
        return 0;
}

void sessjwt_checker_close(struct sessjwt_checker **checker) {
        if (!checker || !*checker)
                return;
        token_cache_free(&(*checker)->cache);
        status_map_close(&(*checker)->map);
        keyset_free(&(*checker)->keys);
        free(*checker);
        *checker = NULL;
}

/* One coarse clock a call: the wall is read again when that has moved on. The later of our time and the
 * daemon's, each of which never goes back, so that setting a clock back revives no token. */
static void read_clocks(struct sessjwt_checker *c) {
        uint64_t clock = status_clock(), daemon;

        if (clock != c->rules.clock) {
                struct timespec ts = { 0 };

                (void) clock_gettime(CLOCK_REALTIME_COARSE, &ts);
                if (ts.tv_sec > 0 && (uint64_t) ts.tv_sec > c->wall)
                        c->wall = (uint64_t) ts.tv_sec;
                c->rules.clock = clock;
        }
        daemon = atomic_load_explicit(&c->verify.status->header->wall, memory_order_relaxed) / USEC;
        c->rules.now = (int64_t) (daemon > c->wall ? daemon : c->wall);
}

/* Whether the daemon has published others since: it puts another file in the place of the former. */
static bool keys_have_changed(const struct sessjwt_checker *c) {
        char path[PATH_MAX];
        struct stat st;
        int n = snprintf(path, sizeof(path), "%s/" SESSJWT_JWKS_NAME, c->verifier->directory);

        if (n < 0 || (size_t) n >= sizeof(path) || lstat(path, &st) < 0)
                return true; /* reading them will say why not */
        return st.st_ino != c->keys_file.st_ino || st.st_dev != c->keys_file.st_dev ||
               st.st_size != c->keys_file.st_size || st.st_mtim.tv_sec != c->keys_file.st_mtim.tv_sec ||
               st.st_mtim.tv_nsec != c->keys_file.st_mtim.tv_nsec;
}

/* Whoever makes up kids must not have the keys read for each; those that did change are read at once, or
 * good tokens would be refused when keys rotate twice in that time. */
static bool may_read_keys(const struct sessjwt_checker *c) {
        return !c->keys_read_at || c->rules.clock - c->keys_read_at >= KEYS_RELOAD_USEC ||
               keys_have_changed(c);
}

static int check_first(
        struct sessjwt_checker *c, const char *token, size_t size, struct token_entry **ret_entry) {
        int r;

        r = verify_first(&c->verify, &c->rules, token, size, ret_entry);
        if (r != REASON_UNKNOWN_KEY || !may_read_keys(c))
                return r;
        r = reload_keys(c);
        if (r < 0)
                return r; /* its key may be there; those that we have are still good */
        c->keys_read_at = c->rules.clock;
        return verify_first(&c->verify, &c->rules, token, size, ret_entry);
}

/* Everything but a token that was seen before and is as good as then. r: what verify_seen said. */
static int check_again(
        struct sessjwt_checker *c, const char *token, size_t size, int r, struct token_entry **ret_entry) {
        for (int i = 0; i < TRIES; i++) {
                if (r == VERIFY_UNSEEN)
                        r = check_first(c, token, size, ret_entry);
                if (r == REASON_STALE_STATUS && c->rules.clock - c->renewed_at >= STALE_RENEW_USEC) {
                        c->renewed_at = c->rules.clock;
                        if (renew(c) < 0)
                                return r;
                } else if (r == VERIFY_OUTDATED) {
                        r = renew(c);
                        if (r < 0)
                                return r;
                } else
                        return r;
                read_clocks(c);
                r = verify_seen(&c->verify, &c->rules, token, size, ret_entry);
        }
        return r < VERIFY_UNSEEN ? r : REASON_STALE_STATUS;
}

int sessjwt_check(
        struct sessjwt_checker *checker, const char *token, size_t size, const struct sessjwt_claims **ret) {
        struct token_entry *entry;
        int r;

        if (!checker || !token)
                return -EINVAL;
        read_clocks(checker);
        r = verify_seen(&checker->verify, &checker->rules, token, size, &entry);
        if (__builtin_expect(r != 0, 0)) {
                r = check_again(checker, token, size, r, &entry);
                if (r)
                        return r;
        }
        if (ret)
                *ret = show(entry);
        return 0;
}

int sessjwt_check_roles(const struct sessjwt_claims *claims, const char *const *roles, size_t n_roles) {
        if (!claims || (!roles && n_roles > 0))
                return -EINVAL;
        return verify_roles(claims->roles, claims->n_roles, roles, n_roles);
}
