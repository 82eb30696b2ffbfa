/* keyring: the private keys. They never leave this room; what others get is a signature or a public point. A
 * door to OpenSSL.
 *
 * Kept form (store_put_key): version, state, creation time, sequence number, private scalar; opaque
 * elsewhere. Copies of private bytes are wiped. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/keyset.h"
#include "daemon/clock.h"

#define KEYRING_RECORD_MAX 128

enum key_state { KEY_NEXT = 1, KEY_ACTIVE, KEY_RETIRING };

struct keyring;

/* 0 or -ENOMEM. Signing and reading may go on in several threads while no key is being added. */
int keyring_new(struct keyring **ret);
void keyring_free(struct keyring **keyring);

/* Makes a P-256 key, adds it; its kid and kept bytes go out so that the caller stores them (and wipes the
 * buffer). Its sequence number is one more than that of any other key here. 0; -EINVAL (no such state);
 * -ENOSPC (JWKS_KEYS_MAX keys are there); -ENOMEM; -EIO. */
int keyring_generate(struct keyring *keyring, enum key_state state, usec_t created_at,
        char ret_kid[static KID_MAX + 1], uint8_t ret_record[static KEYRING_RECORD_MAX], size_t *ret_size);
/* Adds a kept key. 0; -EBADMSG if the record is broken or is not the key of that kid; -EEXIST if the kid is
 * there; -ENOSPC; -ENOMEM; -EIO. */
int keyring_add(struct keyring *keyring, const char *kid, const void *record, size_t size);

/* The kid that signs now: of active keys the last one made; NULL when there is none. Borrowed until the
 * keyring is freed. */
const char *keyring_active(const struct keyring *keyring);
/* Keys are ordered by the number that each was given at its making (from 1), never by a clock. Of the key
 * that signs now, and the lowest among active and retiring keys, the only ones that may have signed a token
 * that still verifies; 0 when there is none. */
uint64_t keyring_active_sequence(const struct keyring *keyring);
uint64_t keyring_oldest_sequence(const struct keyring *keyring);
/* ES256 over text with the active key, parsed once: 0 with R || S; -ENOKEY; -EIO. */
int keyring_sign(
        const struct keyring *keyring, const void *text, size_t size, uint8_t ret[static JWS_SIGNATURE_SIZE]);

/* The public side of every key: at most JWKS_KEYS_MAX entries; returns how many. */
size_t keyring_public(const struct keyring *keyring, struct keyset_entry entries[static JWKS_KEYS_MAX]);
