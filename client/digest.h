/* digest: SHA-256, by OpenSSL. Knows nothing of what it hashes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

/* 0, or -EIO when OpenSSL fails. */
int digest_sha256(const void *bytes, size_t size, uint8_t ret[static DIGEST_SIZE]);
