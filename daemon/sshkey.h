/* sshkey: the public key that sshd names in a line of SSH_AUTH_INFO_0 -> its fingerprint as OpenSSH prints
 * it, and what a certificate calls it. Pure. Knows no user, no login and no other method of
 * authentication. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/protocol.h"

#define SSHKEY_FINGERPRINT_SIZE 51 /* "SHA256:", 43 characters, NUL */
#define SSHKEY_TYPE_MAX         64
#define SSHKEY_ID_MAX           256

struct sshkey {
        char type[SSHKEY_TYPE_MAX +
                  1]; /* for people: "ed25519", "rsa", "ecdsa", "dsa", "ed25519-sk", "ecdsa-sk" */
        char fingerprint[SSHKEY_FINGERPRINT_SIZE]; /* "SHA256:…" of the plain key, also for a certificate */
        char id[SSHKEY_ID_MAX + 1]; /* a certificate's key id, UTF-8 without controls; "" if there is none */
};

enum { SSHKEY_NONE = 1 };

/* Reads "<type> <base64>" and nothing more, from text[0..size). A certificate (PROTOCOL.certkeys) counts
 * by the key inside it. A plain key of a type that is not known counts too, under the name it has; a
 * certificate of such a type does not, because where its key stands is not known either. A key id that is
 * empty, longer than SSHKEY_ID_MAX, not UTF-8 or has control characters is none. 0; SSHKEY_NONE: malformed,
 * or too long for AUTH_INFO_MAX; -EIO. *ret is filled only on 0. */
int sshkey_read(const char *text, size_t size, struct sshkey *ret);

/* Whether text is "SHA256:" and the canonical base64 of 32 bytes without padding. */
bool sshkey_is_fingerprint(const char *text);
