/* api_token: the handlers of tokens: is it good, a fresh one. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/verify.h"

#define LAST_SEEN_STEP (60 * USEC_PER_SEC) /* lastSeen is noted at most so often */

/* ---- Introspect ---- */

struct introspect_params {
        char token[TOKEN_MAX + 1];
        char audience[AUDIENCE_MAX + 1];
        char realm[REALM_MAX + 1];
        struct message_strings roles; /* of n ANY_ROLE: not asked for */
};

#define ANY_ROLE SIZE_MAX

static const struct message_field introspect_fields[] = {
        MESSAGE_FIELD_STRING(struct introspect_params, token, "token", true),
        MESSAGE_FIELD_STRING(struct introspect_params, audience, "audience", false),
        MESSAGE_FIELD_STRING(struct introspect_params, realm, "realm", false),
        MESSAGE_FIELD(struct introspect_params, roles, "roles", MESSAGE_STRINGS, false),
        { 0 },
};

static void put_strings(struct json_writer *w, const char *key, const char *items, size_t size, size_t n) {
        json_key(w, key);
        json_open_array(w);
        for (size_t i = 0; i < n; i++)
                json_put_string(w, items + i * size);
        json_close_array(w);
}

/* RFC 7662 2.2, with our claims. */
static void put_claims(struct json_writer *w, const struct claims *claims) {
        json_member_string(w, "iss", claims->issuer);
        json_member_string(w, "sub", claims->subject);
        put_strings(w, "aud", claims->audiences[0], sizeof(claims->audiences[0]), claims->n_audiences);
        json_member_string(w, "client_id", claims->client_id);
        json_member_string(w, "token_type", "Bearer");
        json_member_integer(w, "iat", claims->issued_at);
        json_member_integer(w, "exp", claims->expires_at);
        json_member_string(w, "jti", claims->token_id);
        json_member_string(w, "sid", claims->session_id);
        json_member_integer(w, "auth_time", claims->auth_time);
        put_strings(w, "amr", claims->methods[0], sizeof(claims->methods[0]), claims->n_methods);
        json_member_string(w, "realm", claims->realm);
        json_member_integer(w, "uid", claims->uid);
        if (*claims->role)
                json_member_string(w, "role", claims->role);
        put_strings(w, "roles", claims->roles[0], sizeof(claims->roles[0]), claims->n_roles);
        if (claims->reset > 0)
                json_member_integer(w, "reset", claims->reset);
        if (*claims->device_id)
                json_member_string(w, "dev", claims->device_id);
}

/* They are the same each time, so they are kept with the token, as text, unless they are many. */
static void put_seen_claims(struct json_writer *w, const struct token_entry *entry) {
        struct token_text *text = entry->extra;
        size_t start = w->length + 1; /* behind the comma */

        if (text->size > 0) {
                json_put_raw(w, text->bytes, text->size);
                return;
        }
        put_claims(w, &entry->claims);
        if (w->error || w->length - start > sizeof(text->bytes))
                return;
        text->size = w->length - start;
        memcpy(text->bytes, w->buf + start, text->size);
}

/* As a verifier in any other process, with our own keys and page. The byte is stored before anybody hears of
 * an end, so the store need not be asked. -EAGAIN: another round has signatures left; garbage of one delays
 * nobody else. */
static int verify(struct request *q, const struct verify_rules *rules, const char *token,
        const struct token_entry **ret_entry) {
        struct service *service = q->service;
        struct status_view view = status_view(service->status);
        struct verify v = { .keys = service->keyset, .status = &view, .cache = service->tokens_seen };
        struct token_entry *entry = NULL;
        int r;

        /* Here alone it is raised and read on one thread. */
        v.generation = status_generation(service->status);
        if (service->seen_generation != v.generation) {
                token_cache_clear(v.cache);
                service->seen_generation = v.generation;
        }
        r = verify_seen(&v, rules, token, strlen(token), &entry);
        if (r == VERIFY_UNSEEN && *q->signature_checks == 0)
                return -EAGAIN;
        if (r == VERIFY_UNSEEN) {
                --*q->signature_checks;
                r = verify_first(&v, rules, token, strlen(token), &entry);
        }
        *ret_entry = entry;
        return r == VERIFY_OUTDATED ? REASON_REVOKED : r; /* an index that the page does not reach */
}

/* The signature was good if there is an entry, so its claims say whose token it was. */
static bool may_know_reason(const struct request *q, const struct token_entry *entry) {
        return q->peer.is_admin || (entry && entry->claims.uid == q->peer.uid);
}

/* Of a good token, so that one that is revoked is called so whatever its roles were. */
static int check_roles(const struct claims *claims, const struct message_strings *wanted) {
        const char *has[ROLES_MAX], *any_of[MESSAGE_STRINGS_MAX];

        for (size_t i = 0; i < claims->n_roles; i++)
                has[i] = claims->roles[i];
        for (size_t i = 0; i < wanted->n; i++)
                any_of[i] = wanted->items[i];
        return verify_roles(has, claims->n_roles, any_of, wanted->n);
}

int on_introspect(struct request *q) {
        struct introspect_params p; /* 8 KiB: to clear all of it costs as much as the check */
        const struct token_entry *entry;
        const struct realm *realm;
        int r;

        p.token[0] = p.audience[0] = p.realm[0] = '\0';
        p.roles.n = ANY_ROLE;
        r = api_read(q, introspect_fields, &p);
        if (r)
                return r;
        if (p.roles.n == 0) { /* no role could be one of none */
                snprintf(q->detail, sizeof(q->detail), "roles");
                return API_INVALID_PARAMETER;
        }
        r = api_find_realm(q, p.realm, &realm);
        if (r)
                return r;
        r = verify(q,
                &(struct verify_rules){ .issuer = realm->issuer,
                        .audience = *p.audience ? p.audience : NULL,
                        .realm = realm->name,
                        .typ = q->config->typ,
                        .now = (int64_t) (api_token_time(q) / USEC_PER_SEC),
                        .leeway = LEEWAY_SEC },
                p.token, &entry);
        if (r == -EAGAIN)
                return API_AGAIN;
        if (r == 0 && p.roles.n != ANY_ROLE)
                r = check_roles(&entry->claims, &p.roles);
        if (r < 0)
                return r;
        json_member_bool(&q->reply, "active", r == 0);
        if (r == 0)
                put_seen_claims(&q->reply, entry);
        else if (may_know_reason(q, entry))
                json_member_string(&q->reply, "reason", reason_name(r));
        return 0;
}

/* ---- MintToken ---- */

struct mint_params {
        char session_id[SID_TEXT_MAX + 1];
        char audience[AUDIENCE_MAX + 1];
};

static const struct message_field mint_fields[] = {
        MESSAGE_FIELD_STRING(struct mint_params, session_id, "sessionId", false),
        MESSAGE_FIELD_STRING(struct mint_params, audience, "audience", false),
        { 0 },
};

int on_mint_token(struct request *q) {
        struct mint_params p = { 0 };
        struct session session;
        int r;

        r = api_read(q, mint_fields, &p);
        if (r)
                return r;
        r = api_find_session_to_mint_for(q, p.session_id, &session);
        if (r)
                return r;
        r = api_find_reset(q, &session);
        if (r < 0)
                return r;
        if (q->now.wall > session.last_seen + LAST_SEEN_STEP || idle_wants_use(&session.idle, q->now.boot)) {
                q->touched = session.sid;
                q->has_touched = true;
        }
        return api_mint(q, &session, p.audience);
}
