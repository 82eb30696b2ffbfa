/* keyring: the private keys. They never leave this room; what others get is a signature or a public point. A
 * door to OpenSSL.
 *
 * A key is kept (store_put_key) as a head, which says what the key is and for how long, and its private
 * scalar, in the clear or wrapped (AES-256-GCM, a random nonce, the kid as associated data). Elsewhere both
 * are opaque bytes. Copies of private bytes are wiped, by the caller where they were put into his buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/keyset.h"
#include "daemon/clock.h"

#define KEYRING_RECORD_MAX 128
#define WRAPPING_KEY_SIZE  32

enum key_state { KEY_NEXT = 1, KEY_ACTIVE, KEY_RETIRING };

/* For how long a key has been in its state, so that setting the clock neither stops nor hurries it: `usec` as
 * of `noted`, an instant of that boot. */
struct key_age {
        usec_t usec;
        struct moment noted;
        struct boot_id boot;
};

struct key_head {
        enum key_state state;
        bool is_wrapped;    /* only read */
        uint64_t sequence;  /* from 1; the order of making */
        usec_t created_at;  /* wall clock; for people */
        usec_t longest_ttl; /* of tokens that it may have signed */
        struct key_age age;
};

struct wrapping_key {
        uint8_t bytes[WRAPPING_KEY_SIZE];
};
/* Wipes; NULL is fine. The key itself was malloced. */
void wrapping_key_free(struct wrapping_key **key);

struct keyring;

/* 0 or -ENOMEM, with a reference. */
int keyring_new(struct keyring **ret);
/* Once keys were added and it was shown to another thread a keyring does not change any more: a rotation
 * makes another one. Signing and reading go on in any thread that holds a reference. */
struct keyring *keyring_ref(struct keyring *keyring);
/* Gives a reference back; with the last one the keys are wiped. */
void keyring_free(struct keyring **keyring);

/* Makes a P-256 key in its kept form, wrapped when there is a wrapping key (else NULL); the caller wipes the
 * buffer. 0; -EINVAL (no such state, no sequence number); -ENOMEM; -EIO. */
int keyring_make(const struct key_head *head, const struct wrapping_key *wrapping,
        char ret_kid[static KID_MAX + 1], uint8_t ret_record[static KEYRING_RECORD_MAX], size_t *ret_size);
/* Adds a kept key. 0; -EBADMSG if the record is broken, is not the key of that kid, or was wrapped by another
 * key; -ENOKEY if it is wrapped and there is no wrapping key (NULL); -EEXIST if the kid is there; -ENOSPC
 * (JWKS_KEYS_MAX keys are there); -ENOMEM; -EIO. */
int keyring_add(struct keyring *keyring, const struct wrapping_key *wrapping, const char *kid,
        const void *record, size_t size);

/* The head of a kept key, which holds nothing private. 0 or -EBADMSG; -EINVAL for a head that cannot be. */
int keyring_read_head(const void *record, size_t size, struct key_head *ret);
int keyring_write_head(const struct key_head *head, void *record, size_t size);
/* Wraps a key that was kept in the clear. 0; -EALREADY; -EBADMSG; -EIO. On failure record and size stay. */
int keyring_wrap(const struct wrapping_key *wrapping, const char *kid,
        uint8_t record[static KEYRING_RECORD_MAX], size_t *size);

/* The kid that signs now: of active keys the last one made; NULL when there is none. Borrowed until the
 * reference is given back. */
const char *keyring_active(const struct keyring *keyring);
/* Keys are ordered by the number that each was given at its making (from 1), never by a clock. Of the key
 * that signs now, and the lowest among active and retiring keys, the only ones that may have signed a token
 * that still verifies; 0 when there is none. */
uint64_t keyring_active_sequence(const struct keyring *keyring);
uint64_t keyring_oldest_sequence(const struct keyring *keyring);
/* ES256 over text with the active key, parsed once: 0 with R || S; -ENOKEY; -EIO. */
int keyring_sign(
        const struct keyring *keyring, const void *text, size_t size, uint8_t ret[static JWS_SIGNATURE_SIZE]);

/* The public side of every key, in the order of making: at most JWKS_KEYS_MAX entries; returns how many. */
size_t keyring_public(const struct keyring *keyring, struct keyset_entry entries[static JWKS_KEYS_MAX]);
