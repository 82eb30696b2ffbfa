/* credential: a secret that the service manager hands over in a file: $CREDENTIALS_DIRECTORY/NAME
 * (systemd.exec(5), LoadCredential). Knows not what it is for. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CREDENTIAL_NONE = 1 };

/* A secret of exactly size bytes (at most CREDENTIAL_SIZE_MAX), kept as they are or as hexadecimal digits (a
 * line feed may follow). 0; CREDENTIAL_NONE: no such folder was given, or it has no such file; -EBADMSG:
 * there is one, of another length or with other characters; negative errno. */
#define CREDENTIAL_SIZE_MAX 64
int credential_read(const char *name, uint8_t *ret, size_t size);
