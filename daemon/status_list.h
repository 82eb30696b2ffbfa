/* status_list: the bytes of the status page as a Token Status List (4.1): DEFLATE in the zlib format (RFC
 * 1950), then base64url. The one door to zlib; knows neither sessions nor tokens. */
#pragma once

#include <stddef.h>

#include "client/status_page.h"

/* Room that is enough for the list of so many bytes, whatever they are. */
size_t status_list_bound(size_t n_bytes);

/* Writes the list of a page, no NUL. The page may change meanwhile: each byte is read once, and is that of
 * some moment between call and return. 0 with the characters written; -ENOBUFS; -ENOMEM. On failure
 * *ret_length is untouched. Any thread. */
int status_list_write(const struct status_view *view, char *buf, size_t size, size_t *ret_length);
