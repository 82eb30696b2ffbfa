/* api_keys: the handlers of the signing keys: what verifies tokens, what is there, another one. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/keys.h"

#define ROW_MAX 512

static const struct message_field no_fields[] = { { 0 } };

/* ---- GetKeys ---- */

int on_get_keys(struct request *q) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char jwks[JWKS_KEYS_MAX * 256 + 64];
        size_t n, size;
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        n = keyring_public(q->keyring, entries);
        r = keyset_write(entries, n, jwks, sizeof(jwks), &size);
        if (r < 0)
                return r;
        /* The document is {"keys":[…]}: the reply has the same member. */
        json_key(&q->reply, "keys");
        json_put_raw(&q->reply, strchr(jwks, '['), size - (size_t) (strchr(jwks, '[') - jwks) - 1);
        return 0;
}

/* ---- ListKeys ---- */

/* The ages are counted on the boot clock; people are shown the wall clock's times that follow from them. */
static void put_key(struct json_writer *w, const struct rotation_key *key, const struct rotation_rule *rule) {
        usec_t left = rotation_left(&key->head, rule), age = rotation_age(&key->head, rule);

        json_open_object(w);
        json_member_string(w, "kid", key->kid);
        json_member_string(w, "state", key_state_name(key->head.state));
        json_member_integer(w, "sequence", (int64_t) key->head.sequence);
        api_put_time(w, "createdAt", key->head.created_at);
        api_put_time(w, "since", rule->now.wall > age ? rule->now.wall - age : 0);
        if (left != USEC_NEVER)
                api_put_time(w, "until", rule->now.wall + left);
        json_close_object(w);
}

static int list_row(struct request *q, const struct rotation_key *key, const struct rotation_rule *rule) {
        struct json_writer w;
        char row[ROW_MAX];
        size_t size;
        int r;

        json_writer_init(&w, row, sizeof(row));
        put_key(&w, key, rule);
        r = json_writer_finish(&w, &size);
        return r < 0 ? r : list_put(q, "key", "keys", row, size);
}

/* In the order of making. */
static const struct rotation_key *next_key(const struct rotation *rotation, uint64_t after) {
        const struct rotation_key *next = NULL;

        for (size_t i = 0; i < rotation->n; i++) {
                const struct rotation_key *key = &rotation->keys[i];

                if (key->head.sequence > after && (!next || key->head.sequence < next->head.sequence))
                        next = key;
        }
        return next;
}

int on_list_keys(struct request *q) {
        const struct rotation_key *key = NULL;
        struct rotation_rule rule;
        struct rotation rotation;
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        r = keys_read(q->txn, &rotation);
        if (r < 0)
                return r;
        rule = keys_rule(q->config, &q->service->boot, q->now);
        while ((key = next_key(&rotation, key ? key->head.sequence : 0))) {
                r = list_row(q, key, &rule);
                if (r)
                        return r;
        }
        return list_end(q, "key", "keys");
}

/* ---- RotateKey ---- */

struct rotate_params {
        bool compromised;
};

static const struct message_field rotate_fields[] = {
        MESSAGE_FIELD(struct rotate_params, compromised, "compromised", MESSAGE_BOOL, false),
        { 0 },
};

/* For how long the key that signs from now on has been there to be seen. */
static usec_t published_ahead(
        struct request *q, const struct rotation_rule *rule, const struct rotation_key *next) {
        return next ? rotation_age(&next->head, rule) : 0;
}

int on_rotate_key(struct request *q) {
        struct rotate_params p = { 0 };
        struct rotation_rule rule;
        struct rotation rotation;
        usec_t ahead = 0;
        int r;

        r = api_read(q, rotate_fields, &p);
        if (r)
                return r;
        r = keys_read(q->txn, &rotation);
        if (r < 0)
                return r;
        rule = keys_rule(q->config, &q->service->boot, q->now);
        if (!p.compromised)
                ahead = published_ahead(q, &rule, rotation_find(&rotation, KEY_NEXT));
        r = keys_rotate(
                q->txn, q->service->wrapping, &rule, p.compromised, BY_ADMIN, &q->change.effects, &rotation);
        if (r)
                return r == ROTATION_FULL ? API_TOO_MANY_KEYS : r;
        json_member_string(&q->reply, "kid", rotation_find(&rotation, KEY_ACTIVE)->kid);
        json_member_string(&q->reply, "nextKid", rotation_find(&rotation, KEY_NEXT)->kid);
        json_member_integer(&q->reply, "publishedAhead", (int64_t) (ahead / USEC_PER_SEC));
        return 0;
}
