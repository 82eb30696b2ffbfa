#include "client/keyset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/json.h"
#include "client/protocol.h"

#define KEYSET_TOKENS_MAX                                                                                    \
        2048 /* JWKS_KEYS_MAX keys with thirty members each, or certificate chains in some */
#define COORDINATE_TEXT_SIZE BASE64URL_SIZE(JWS_COORDINATE_SIZE)

struct keyset {
        size_t n_keys;
        struct {
                char kid[KID_MAX + 1];
                struct jws_key *key;
        } keys[JWKS_KEYS_MAX];
};

/* 0; -EEXIST; -EINVAL when the point is none or there is no room; -ENOMEM. */
static int keyset_add(struct keyset *keyset, const struct keyset_entry *entry) {
        int r;

        if (keyset_find(keyset, entry->kid))
                return -EEXIST;
        if (keyset->n_keys == JWKS_KEYS_MAX)
                return -EINVAL;
        r = jws_key_new(entry->x, entry->y, &keyset->keys[keyset->n_keys].key);
        if (r < 0)
                return r;
        memcpy(keyset->keys[keyset->n_keys].kid, entry->kid, sizeof(entry->kid));
        keyset->n_keys++;
        return 0;
}

/* Absent, or exactly this. */
static bool may_be(const struct json *json, uint32_t object, const char *name, const char *text) {
        uint32_t value = json_find(json, object, name);

        return value == 0 || json_is(json, value, text);
}

/* Whether the key is one that could have signed a token of ours; then kid is filled. */
static bool is_our_kind(const struct json *json, uint32_t key, char kid[static KID_MAX + 1]) {
        uint32_t kty = json_find(json, key, "kty"), crv = json_find(json, key, "crv");
        uint32_t id = json_find(json, key, "kid");

        return kty && json_is(json, kty, "EC") && crv && json_is(json, crv, "P-256") &&
               may_be(json, key, "use", "sig") && may_be(json, key, "alg", "ES256") && id &&
               json_read_string(json, id, kid, KID_MAX + 1) > 0;
}

/* RFC 7518 6.2.1.2: the full 32 bytes, leading zeros included. */
static int read_coordinate(
        const struct json *json, uint32_t key, const char *name, uint8_t ret[static JWS_COORDINATE_SIZE]) {
        char text[COORDINATE_TEXT_SIZE + 1];
        uint32_t value = json_find(json, key, name);
        size_t size;

        if (!value || json_read_string(json, value, text, sizeof(text)) != COORDINATE_TEXT_SIZE)
                return -EBADMSG;
        return base64url_read(text, COORDINATE_TEXT_SIZE, ret, JWS_COORDINATE_SIZE, &size);
}

static int read_key(const struct json *json, uint32_t key, struct keyset *keyset) {
        struct keyset_entry entry = { 0 };
        int r;

        if (json->tokens[key].type != JSON_OBJECT)
                return -EBADMSG;
        if (!is_our_kind(json, key, entry.kid))
                return 0;
        /* RFC 7518 6.2.2.1: a private key where everybody can read. It must not be trusted any more. */
        if (json_find(json, key, "d"))
                return -EBADMSG;
        r = read_coordinate(json, key, "x", entry.x);
        if (r < 0)
                return r;
        r = read_coordinate(json, key, "y", entry.y);
        if (r < 0)
                return r;
        r = keyset_add(keyset, &entry);
        return r == -EINVAL || r == -EEXIST ? -EBADMSG : r;
}

int keyset_read(const char *text, size_t size, struct keyset **ret) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        _cleanup_(cleanup_free) struct json_token *tokens = NULL;
        struct json json;
        uint32_t keys;
        int r;

        if (size > JWKS_MAX)
                return -EBADMSG;
        tokens = malloc(KEYSET_TOKENS_MAX * sizeof(*tokens));
        keyset = calloc(1, sizeof(*keyset));
        if (!tokens || !keyset)
                return -ENOMEM;

        if (json_read(text, size, tokens, KEYSET_TOKENS_MAX, &json) < 0 || json.tokens[0].type != JSON_OBJECT)
                return -EBADMSG;
        keys = json_find(&json, 0, "keys");
        if (!keys || json.tokens[keys].type != JSON_ARRAY || json.tokens[keys].count > JWKS_KEYS_MAX)
                return -EBADMSG;
        for (uint32_t i = keys + 1; i < json.tokens[keys].next; i = json.tokens[i].next) {
                r = read_key(&json, i, keyset);
                if (r < 0)
                        return r;
        }
        *ret = TAKE(keyset);
        return 0;
}

int keyset_new(const struct keyset_entry *entries, size_t n_entries, struct keyset **ret) {
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        int r;

        keyset = calloc(1, sizeof(*keyset));
        if (!keyset)
                return -ENOMEM;
        for (size_t i = 0; i < n_entries; i++) {
                if (entries[i].kid[0] == '\0')
                        return -EINVAL;
                r = keyset_add(keyset, &entries[i]);
                if (r < 0)
                        return r == -EEXIST ? -EINVAL : r;
        }
        *ret = TAKE(keyset);
        return 0;
}

void keyset_free(struct keyset **keyset) {
        if (!*keyset)
                return;
        for (size_t i = 0; i < (*keyset)->n_keys; i++)
                jws_key_free(&(*keyset)->keys[i].key);
        free(*keyset);
        *keyset = NULL;
}

const struct jws_key *keyset_find(const struct keyset *keyset, const char *kid) {
        for (size_t i = 0; i < keyset->n_keys; i++)
                if (strcmp(keyset->keys[i].kid, kid) == 0)
                        return keyset->keys[i].key;
        return NULL;
}

static void write_coordinate(
        struct json_writer *w, const char *name, const uint8_t value[static JWS_COORDINATE_SIZE]) {
        char text[COORDINATE_TEXT_SIZE + 1];

        text[base64url_write(value, JWS_COORDINATE_SIZE, text)] = '\0';
        json_member_string(w, name, text);
}

int keyset_write(
        const struct keyset_entry *entries, size_t n_entries, char *buf, size_t size, size_t *ret_length) {
        struct json_writer w;
        size_t length;
        int r;

        if (size == 0)
                return -ENOBUFS;
        json_writer_init(&w, buf, size - 1);
        json_open_object(&w);
        json_key(&w, "keys");
        json_open_array(&w);
        for (size_t i = 0; i < n_entries; i++) {
                json_open_object(&w);
                json_member_string(&w, "kty", "EC");
                json_member_string(&w, "crv", "P-256");
                write_coordinate(&w, "x", entries[i].x);
                write_coordinate(&w, "y", entries[i].y);
                json_member_string(&w, "use", "sig");
                json_member_string(&w, "alg", "ES256");
                json_member_string(&w, "kid", entries[i].kid);
                json_close_object(&w);
        }
        json_close_array(&w);
        json_close_object(&w);

        r = json_writer_finish(&w, &length);
        if (r < 0)
                return r;
        buf[length] = '\0';
        *ret_length = length;
        return 0;
}
