/* base64url: RFC 4648 5 without padding, canonical only (the spare bits of the last character are 0).
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that size bytes become, and the most bytes that size characters can become. */
#define BASE64URL_SIZE(size)  (((size) *4 + 2) / 3)
#define BASE64URL_BYTES(size) ((size) / 4 * 3 + (size) % 4 * 3 / 4)

/* Writes BASE64URL_SIZE(size) characters, no NUL; returns how many. */
size_t base64url_write(const void *bytes, size_t size, char *ret);

/* Whether base64url_read would accept text[0..size), given room. The empty text is canonical. */
bool base64url_is_canonical(const char *text, size_t size);

/* Decodes text[0..size) into ret (max bytes). 0 with the bytes written; -EBADMSG for a character outside the
 * alphabet, padding, an impossible length or a non-canonical last character; -ENOBUFS. On failure neither ret
 * nor ret_size is touched. */
int base64url_read(const char *text, size_t size, void *ret, size_t max, size_t *ret_size);
