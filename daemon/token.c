#include "daemon/token.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jwt.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/json.h"
#include "client/jws.h"

#define TOKEN_ID_BYTES 16

static void cleanup_jwt(jwt_t **jwt) {
        jwt_free(*jwt);
}

static int64_t expiry(const struct token_facts *facts) {
        usec_t end;

        if (__builtin_add_overflow(facts->now_wall, facts->access_ttl, &end) ||
                end > facts->session->deadline_wall)
                end = facts->session->deadline_wall;
        return (int64_t) (end / USEC_PER_SEC);
}

/* libjwt answers with a positive errno; what it cannot add is text that is not UTF-8 or no text at all. */
static int add_text(jwt_t *jwt, const char *name, const char *value) {
        if (!value || !*value)
                return -EINVAL;
        return -jwt_add_grant(jwt, name, value);
}

static int add_texts(jwt_t *jwt, const struct token_facts *facts) {
        const struct session *session = facts->session;
        char client_id[SERVICE_MAX + 5], token_id[BASE64URL_SIZE(TOKEN_ID_BYTES) + 1];
        char session_id[SID_TEXT_MAX + 1], device_id[DEVICE_ID_TEXT_SIZE];
        int r;

        snprintf(client_id, sizeof(client_id), "pam:%s", session->service);
        token_id[base64url_write(facts->random, TOKEN_ID_BYTES, token_id)] = '\0';
        sid_write(&session->sid, session_id);
        device_id_write(&session->device, device_id);

        const struct {
                const char *name, *value;
        } texts[] = {
                { "iss", facts->issuer },
                { "sub", session->user },
                { "aud", facts->audience },
                { "client_id", client_id },
                { "jti", token_id },
                { "sid", session_id },
                { "realm", session->realm },
                { "dev", device_id },
        };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                r = add_text(jwt, texts[i].name, texts[i].value);
                if (r < 0)
                        return r;
        }
        return facts->role && *facts->role ? add_text(jwt, "role", facts->role) : 0;
}

static int add_numbers(jwt_t *jwt, const struct token_facts *facts, int64_t expires_at) {
        const struct {
                const char *name;
                int64_t value;
        } numbers[] = {
                { "iat", (int64_t) (facts->now_wall / USEC_PER_SEC) },
                { "exp", expires_at },
                { "auth_time", (int64_t) (facts->session->created_at / USEC_PER_SEC) },
                { "uid", facts->session->uid },
        };
        int r;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                r = -jwt_add_grant_int(jwt, numbers[i].name, (long) numbers[i].value);
                if (r < 0)
                        return r;
        }
        if (facts->reset_at == 0)
                return 0;
        return -jwt_add_grant_int(jwt, "reset", (long) (facts->reset_at / USEC_PER_SEC));
}

static void write_methods(struct json_writer *w, uint32_t methods) {
        if (methods == 0)
                return;
        json_key(w, "amr");
        json_open_array(w);
        for (unsigned i = 0; i < _METHODS_MAX; i++)
                if (methods & (1u << i))
                        json_put_string(w, method_name(1u << i));
        json_close_array(w);
}

static void write_roles(struct json_writer *w, const char *const *roles, size_t n_roles) {
        if (n_roles == 0)
                return;
        json_key(w, "roles");
        json_open_array(w);
        for (size_t i = 0; i < n_roles; i++)
                json_put_string(w, roles[i]);
        json_close_array(w);
}

/* Token Status List 6.1. */
static void write_status(struct json_writer *w, const struct token_facts *facts) {
        json_key(w, "status");
        json_open_object(w);
        json_key(w, "status_list");
        json_open_object(w);
        json_member_integer(w, "idx", (int64_t) facts->session->status_index);
        json_member_string(w, "uri", facts->status_uri);
        json_close_object(w);
        json_close_object(w);
}

static int add_lists(jwt_t *jwt, const struct token_facts *facts) {
        char text[TOKEN_MAX];
        struct json_writer w;
        size_t size;
        int r;

        if (facts->n_roles > CLAIMS_ROLES_MAX)
                return -EINVAL;
        json_writer_init(&w, text, sizeof(text) - 1);
        json_open_object(&w);
        write_methods(&w, facts->session->methods);
        write_roles(&w, facts->roles, facts->n_roles);
        write_status(&w, facts);
        json_close_object(&w);
        r = json_writer_finish(&w, &size);
        if (r < 0)
                return r == -EILSEQ ? -EINVAL : r;
        text[size] = '\0';
        return -jwt_add_grants_json(jwt, text);
}

static int make_payload(const struct token_facts *facts, int64_t expires_at, char **ret) {
        _cleanup_(cleanup_jwt) jwt_t *jwt = NULL;
        char *payload;
        int r;

        if (jwt_new(&jwt) != 0)
                return -ENOMEM;
        r = add_texts(jwt, facts);
        if (r < 0)
                return r;
        r = add_numbers(jwt, facts, expires_at);
        if (r < 0)
                return r;
        r = add_lists(jwt, facts);
        if (r < 0)
                return r;
        payload = jwt_get_grants_json(jwt, NULL);
        if (!payload)
                return -ENOMEM;
        *ret = payload;
        return 0;
}

int token_mint(const struct keyring *keyring, const struct token_facts *facts, char *buf, size_t size,
        size_t *ret_length, int64_t *ret_expires_at) {
        _cleanup_(cleanup_free) char *payload = NULL;
        uint8_t signature[JWS_SIGNATURE_SIZE];
        int64_t expires_at = expiry(facts);
        const char *kid;
        size_t length;
        int r;

        kid = keyring_active(keyring);
        if (!kid)
                return -ENOKEY;
        if (size == 0)
                return -ENOBUFS;
        /* No verifier reads a longer one; and the NUL needs its place. */
        size = size - 1 < TOKEN_MAX ? size - 1 : TOKEN_MAX;

        r = make_payload(facts, expires_at, &payload);
        if (r < 0)
                return r;
        r = jws_write_signed_text(kid, facts->typ, payload, strlen(payload), buf, size, &length);
        if (r < 0)
                return r;
        r = keyring_sign(keyring, buf, length, signature);
        if (r < 0)
                return r;
        r = jws_append_signature(buf, size, length, signature, &length);
        if (r < 0)
                return r;
        buf[length] = '\0';
        *ret_length = length;
        *ret_expires_at = expires_at;
        return 0;
}
