/* keys_turn: what is done to the kept keys, in a turn; declared in keys.h. */
#include "daemon/keys.h"

#include <errno.h>
#include <string.h>

#include "client/cleanup.h"

struct kept {
        uint8_t bytes[KEYRING_RECORD_MAX];
        size_t size;
};

static void cleanup_kept(struct kept *kept) {
        explicit_bzero(kept, sizeof(*kept));
}

static int tell(struct effects *effects, enum effect_kind kind, enum initiator initiator, const char *kid) {
        static const struct session none;

        return effects_add(effects, kind, initiator, &none, kid);
}

static int write_head(struct store_txn *txn, const struct rotation_key *key) {
        _cleanup_(cleanup_kept) struct kept kept = { 0 };
        int r;

        r = store_find_key(txn, key->kid, kept.bytes, sizeof(kept.bytes), &kept.size);
        if (r)
                return r < 0 ? r : -EBADMSG;
        r = keyring_write_head(&key->head, kept.bytes, kept.size);
        if (r < 0)
                return r;
        return store_put_key(txn, key->kid, kept.bytes, kept.size);
}

/* Does to the store what was decided. */
static int keep(struct store_txn *txn, const struct rotation *rotation) {
        for (size_t i = 0; i < rotation->n; i++) {
                const struct rotation_key *key = &rotation->keys[i];
                int r = 0;

                if (key->is_gone)
                        r = store_remove_key(txn, key->kid);
                else if (key->is_changed)
                        r = write_head(txn, key);
                if (r)
                        return r < 0 ? r : -EBADMSG;
        }
        return 0;
}

static int tell_gone(const struct rotation *rotation, enum effect_kind kind, enum initiator initiator,
        struct effects *effects) {
        for (size_t i = 0; i < rotation->n; i++) {
                int r = 0;

                if (rotation->keys[i].is_gone)
                        r = tell(effects, kind, initiator, rotation->keys[i].kid);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make(struct store_txn *txn, const struct wrapping_key *wrapping, const struct key_head *head,
        struct effects *effects) {
        _cleanup_(cleanup_kept) struct kept kept = { 0 };
        char kid[KID_MAX + 1];
        int r;

        r = keyring_make(head, wrapping, kid, kept.bytes, &kept.size);
        if (r < 0)
                return r;
        r = store_put_key(txn, kid, kept.bytes, kept.size);
        if (r < 0)
                return r;
        return tell(effects, EFFECT_KEY_MADE, BY_SYSTEM, kid);
}

/* What ends from here on ends under the key that signs from here on: its status index rests for as long as
 * that one is published. */
static int keep_sequence(struct store_txn *txn) {
        struct rotation rotation;
        const struct rotation_key *active;
        int r;

        r = keys_read(txn, &rotation);
        if (r < 0)
                return r;
        active = rotation_find(&rotation, KEY_ACTIVE);
        return active ? store_put_key_sequence(txn, active->head.sequence) : 0;
}

/* There is always one that signs, and one that is published ahead. */
static int make_missing(struct store_txn *txn, const struct wrapping_key *wrapping, struct rotation *rotation,
        const struct rotation_rule *rule, struct effects *effects) {
        static const enum key_state states[] = { KEY_ACTIVE, KEY_NEXT };
        struct key_head head = rotation_new_head(rotation, KEY_ACTIVE, rule);

        for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
                int r;

                if (rotation_find(rotation, states[i]))
                        continue;
                head.state = states[i];
                r = make(txn, wrapping, &head, effects);
                if (r < 0)
                        return r;
                head.sequence++;
        }
        return 0;
}

static int advance(struct rotation *rotation, const struct rotation_rule *rule, enum initiator initiator,
        struct effects *effects) {
        struct rotation_key *active;
        int r;

        r = rotation_advance(rotation, rule);
        if (r)
                return r;
        active = rotation_find(rotation, KEY_ACTIVE);
        return active ? tell(effects, EFFECT_KEY_ROTATED, initiator, active->kid) : 0;
}

int keys_tend(struct store_txn *txn, const struct wrapping_key *wrapping, const struct rotation_rule *rule,
        struct effects *effects) {
        struct rotation rotation;
        int r;

        r = keys_read(txn, &rotation);
        if (r < 0)
                return r;
        rotation_drop(&rotation, rule);
        r = tell_gone(&rotation, EFFECT_KEY_GONE, BY_SYSTEM, effects);
        if (r < 0)
                return r;
        rotation_note(&rotation, rule);
        if (rotation_is_due(&rotation, rule)) {
                r = advance(&rotation, rule, BY_POLICY, effects);
                if (r < 0)
                        return r;
        }
        r = keep(txn, &rotation);
        if (r < 0)
                return r;
        r = make_missing(txn, wrapping, &rotation, rule, effects);
        return r < 0 ? r : keep_sequence(txn);
}

int keys_rotate(struct store_txn *txn, const struct wrapping_key *wrapping, const struct rotation_rule *rule,
        bool compromised, enum initiator initiator, struct effects *effects, struct rotation *ret) {
        struct rotation rotation;
        int r;

        r = keys_read(txn, &rotation);
        if (r < 0)
                return r;
        if (compromised) {
                rotation_revoke(&rotation);
                r = tell_gone(&rotation, EFFECT_KEY_REVOKED, initiator, effects);
        } else {
                rotation_drop(&rotation, rule);
                r = advance(&rotation, rule, initiator, effects);
                if (r == 0)
                        r = tell_gone(&rotation, EFFECT_KEY_GONE, BY_SYSTEM, effects);
        }
        if (r)
                return r;
        r = keep(txn, &rotation);
        if (r < 0)
                return r;
        r = make_missing(txn, wrapping, &rotation, rule, effects);
        if (r == 0)
                r = keep_sequence(txn);
        return r < 0 ? r : keys_read(txn, ret);
}

int keys_wrap(struct store_txn *txn, const struct wrapping_key *wrapping) {
        struct rotation rotation;
        int r;

        r = keys_read(txn, &rotation);
        if (r < 0)
                return r;
        for (size_t i = 0; i < rotation.n; i++) {
                _cleanup_(cleanup_kept) struct kept kept = { 0 };
                const char *kid = rotation.keys[i].kid;

                if (rotation.keys[i].head.is_wrapped)
                        continue;
                r = store_find_key(txn, kid, kept.bytes, sizeof(kept.bytes), &kept.size);
                if (r == 0)
                        r = keyring_wrap(wrapping, kid, kept.bytes, &kept.size);
                if (r == 0)
                        r = store_put_key(txn, kid, kept.bytes, kept.size);
                if (r)
                        return r < 0 ? r : -EBADMSG;
        }
        return 0;
}
