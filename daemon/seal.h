/* seal: the secret key under which refresh tokens have their MAC (HMAC-SHA256). It never leaves this room;
 * what others get is a MAC, or whether one is right. A door to OpenSSL.
 *
 * Kept form (store_put_seal): version, 32 random bytes; opaque elsewhere. Copies are wiped.
 *
 * Threads: a seal is made (and bound) once, before there is a second thread, and never changes: any thread
 * may use it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SEAL_RECORD_SIZE 33
#define SEAL_MAC_SIZE    32

struct seal;

/* A new one. Its kept bytes go out so that the caller stores them (and wipes the buffer). 0; -ENOMEM; what
 * getrandom says. */
int seal_make(struct seal **ret, uint8_t ret_record[static SEAL_RECORD_SIZE]);
/* A kept one. 0; -EBADMSG if the record is broken; -ENOMEM. */
int seal_read(const void *record, size_t size, struct seal **ret);
void seal_free(struct seal **seal);

/* Binds the seal to a secret that is not kept beside it (the credential that wraps signing keys): what is
 * kept is then not enough to make a token. MACs become others, so it is done before the first. 0; -EIO, and
 * the seal is as it was. */
int seal_bind(struct seal *seal, const void *secret, size_t size);

/* 0 with the MAC; -EIO when OpenSSL fails. */
int seal_mac(const struct seal *seal, const void *bytes, size_t size, uint8_t ret[static SEAL_MAC_SIZE]);

enum { SEAL_BROKEN = 1 };

/* Whether mac is that of the bytes, compared in constant time. 0; SEAL_BROKEN; -EIO. */
int seal_check(
        const struct seal *seal, const void *bytes, size_t size, const uint8_t mac[static SEAL_MAC_SIZE]);
