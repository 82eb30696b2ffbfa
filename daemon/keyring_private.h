/* keyring_private: what the parts of the keyring share: keyring.c (the keys in memory), keyring_record.c (as
 * they are kept). */
#pragma once

#include "daemon/keyring.h"

#define RECORD_SCALAR_SIZE 32

/* The private scalar of a record; the caller wipes it. wrapping may be NULL. 0; -EBADMSG (not a record, or
 * wrapped by another key, under another kid, or changed since); -ENOKEY (wrapped, and there is no wrapping
 * key); -EIO. */
int record_open(const struct wrapping_key *wrapping, const char *kid, const void *record, size_t size,
        uint8_t ret_scalar[static RECORD_SCALAR_SIZE]);
/* The kept form, wrapped when there is a wrapping key. 0; -EINVAL (no such state, no number); -EIO. */
int record_write(const struct key_head *head, const struct wrapping_key *wrapping, const char *kid,
        const uint8_t scalar[static RECORD_SCALAR_SIZE], uint8_t ret_record[static KEYRING_RECORD_MAX],
        size_t *ret_size);
