/* sshkey: see sshkey.h. Key blobs: RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, OpenSSH's PROTOCOL.u2f;
 * certificates: PROTOCOL.certkeys. */
#include "daemon/sshkey.h"

#include <stdint.h>
#include <string.h>

#include "client/digest.h"
#include "client/utf8.h"

#define BLOB_MAX               (AUTH_INFO_MAX / 4 * 3)
#define CERTIFICATE_SUFFIX     "-cert-v01@openssh.com"
#define FINGERPRINT_PREFIX     "SHA256:"
#define FINGERPRINT_CHARACTERS 43

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The strings of a blob behind its type; a certificate has the same ones behind its nonce. */
static const struct key_type {
        const char *plain;
        const char *certificate;
        const char *name;
        const char *fields;
} key_types[] = {
        { "ssh-ed25519", "ssh-ed25519" CERTIFICATE_SUFFIX, "ed25519", "s" },
        { "ssh-rsa", "ssh-rsa" CERTIFICATE_SUFFIX, "rsa", "ss" },
        { "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" CERTIFICATE_SUFFIX, "ecdsa", "ss" },
        { "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" CERTIFICATE_SUFFIX, "ecdsa", "ss" },
        { "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" CERTIFICATE_SUFFIX, "ecdsa", "ss" },
        { "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519" CERTIFICATE_SUFFIX, "ed25519-sk", "ss" },
        { "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256" CERTIFICATE_SUFFIX, "ecdsa-sk",
                "sss" },
        { "ssh-dss", "ssh-dss" CERTIFICATE_SUFFIX, "dsa", "ssss" },
};

/* Behind the key: serial, type; the key id; principals; valid after, before; critical options, extensions,
 * reserved, signature key, signature. */
static const char before_id[] = "84", behind_id[] = "s88sssss";

struct span {
        const uint8_t *at;
        size_t size;
};

static bool take(struct span *from, size_t size) {
        if (size > from->size)
                return false;
        from->at += size;
        from->size -= size;
        return true;
}

static bool take_string(struct span *from, struct span *ret) {
        const uint8_t *p = from->at;
        size_t size;

        if (!take(from, 4))
                return false;
        size = (size_t) p[0] << 24 | (size_t) p[1] << 16 | (size_t) p[2] << 8 | p[3];
        *ret = (struct span){ from->at, size };
        return take(from, size);
}

/* Goes past fields: s a string, 4 and 8 numbers of so many bytes. */
static bool take_fields(struct span *from, const char *fields) {
        struct span ignored;

        for (; *fields; fields++)
                if (!(*fields == 's' ? take_string(from, &ignored) : take(from, (size_t) (*fields - '0'))))
                        return false;
        return true;
}

static bool span_is(struct span span, const char *text) {
        return span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

static int base64_digit(char c) {
        const char *p = c ? strchr(alphabet, c) : NULL;

        return p ? (int) (p - alphabet) : -1;
}

/* Standard base64 with its padding (RFC 4648 4), canonical only. */
static bool base64_read(const char *text, size_t size, uint8_t *ret, size_t max, size_t *ret_size) {
        size_t n_padding, length = 0;
        uint32_t bits = 0;

        if (size == 0 || size % 4 != 0 || size / 4 * 3 > max)
                return false;
        n_padding = text[size - 1] != '=' ? 0 : text[size - 2] != '=' ? 1 : 2;
        for (size_t i = 0; i < size; i++) {
                int digit = i < size - n_padding ? base64_digit(text[i]) : 0;

                if (digit < 0)
                        return false;
                bits = bits << 6 | (uint32_t) digit;
                if (i % 4 != 3)
                        continue;
                ret[length++] = (uint8_t) (bits >> 16);
                ret[length++] = (uint8_t) (bits >> 8);
                ret[length++] = (uint8_t) bits;
                bits = 0;
        }
        for (size_t i = 1; i <= n_padding; i++)
                if (ret[length - i] != 0)
                        return false;
        *ret_size = length - n_padding;
        return true;
}

static void fingerprint_write(
        const uint8_t digest[static DIGEST_SIZE], char ret[static SSHKEY_FINGERPRINT_SIZE]) {
        char *p = stpcpy(ret, FINGERPRINT_PREFIX);
        uint32_t bits = 0;
        unsigned n_bits = 0;

        for (size_t i = 0; i < DIGEST_SIZE; i++) {
                bits = bits << 8 | digest[i];
                for (n_bits += 8; n_bits >= 6; n_bits -= 6)
                        *p++ = alphabet[bits >> (n_bits - 6) & 63];
        }
        *p++ = alphabet[bits << (6 - n_bits) & 63];
        *p = '\0';
}

bool sshkey_is_fingerprint(const char *text) {
        size_t prefix = strlen(FINGERPRINT_PREFIX);

        if (strncmp(text, FINGERPRINT_PREFIX, prefix) != 0 || strlen(text + prefix) != FINGERPRINT_CHARACTERS)
                return false;
        for (size_t i = 0; i < FINGERPRINT_CHARACTERS; i++)
                if (base64_digit(text[prefix + i]) < 0)
                        return false;
        return (base64_digit(text[prefix + FINGERPRINT_CHARACTERS - 1]) & 3) == 0;
}

/* A type becomes part of a device's name: letters, digits and what OpenSSH's own names have. */
static bool is_type_name(const char *text, size_t size) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";

        for (size_t i = 0; i < size; i++)
                if (!memchr(allowed, text[i], sizeof(allowed) - 1))
                        return false;
        return size > 0 && size <= SSHKEY_TYPE_MAX;
}

static bool is_certificate(struct span type) {
        size_t length = strlen(CERTIFICATE_SUFFIX);

        return type.size >= length && memcmp(type.at + type.size - length, CERTIFICATE_SUFFIX, length) == 0;
}

static const struct key_type *find_type(struct span type, bool certificate) {
        for (size_t i = 0; i < sizeof(key_types) / sizeof(*key_types); i++)
                if (span_is(type, certificate ? key_types[i].certificate : key_types[i].plain))
                        return key_types + i;
        return NULL;
}

/* Makes a certificate the plain blob of its key, in place: the plain type's name, then the fields as they
 * stand in the certificate. They move towards the front, because they stood behind a longer name and a
 * nonce; the key id stands behind them and stays. */
static bool make_plain(
        uint8_t *blob, size_t *size, struct span rest, const struct key_type *type, struct span *ret_id) {
        size_t length = strlen(type->plain), n_fields;
        struct span nonce, fields, id;

        if (!take_string(&rest, &nonce))
                return false;
        fields = rest;
        if (!take_fields(&rest, type->fields))
                return false;
        n_fields = fields.size - rest.size;
        if (!take_fields(&rest, before_id) || !take_string(&rest, &id) || !take_fields(&rest, behind_id) ||
                rest.size != 0)
                return false;

        memmove(blob + 4 + length, fields.at, n_fields);
        memcpy(blob, (const uint8_t[4]){ 0, 0, 0, (uint8_t) length }, 4);
        memcpy(blob + 4, type->plain, length);
        *size = 4 + length + n_fields;
        *ret_id = id;
        return true;
}

/* Whether blob[0..*size) is a key of the named type; a certificate in it becomes its plain key. *ret_id lies
 * in blob, and is filled for a certificate only. */
static bool read_blob(struct span named, uint8_t *blob, size_t *size, const struct key_type **ret_type,
        struct span *ret_id) {
        struct span rest = { blob, *size }, type;
        bool certificate = is_certificate(named);
        const struct key_type *known = find_type(named, certificate);

        if (!take_string(&rest, &type) || type.size != named.size ||
                memcmp(type.at, named.at, type.size) != 0)
                return false;
        *ret_type = known;
        if (!known)
                return !certificate;
        if (certificate)
                return make_plain(blob, size, rest, known, ret_id);
        return take_fields(&rest, known->fields) && rest.size == 0;
}

/* It becomes part of a device's identity and name, which are shown on terminals and in JSON. */
static bool is_showable(struct span id) {
        const char *text = (const char *) id.at;
        size_t n;

        if (id.size == 0 || id.size > SSHKEY_ID_MAX) /* nor is there a text to point behind */
                return false;
        for (size_t i = 0; i < id.size; i += n) {
                n = utf8_length(text + i, text + id.size);
                if (n == 0)
                        return false;
        }
        return !utf8_has_control((const char *) id.at, id.size);
}

int sshkey_read(const char *text, size_t size, struct sshkey *ret) {
        const char *space = memchr(text, ' ', size);
        size_t type_size = space ? (size_t) (space - text) : 0, blob_size;
        uint8_t blob[BLOB_MAX], digest[DIGEST_SIZE];
        const struct key_type *type;
        struct span id = { 0 };
        int r;

        if (!is_type_name(text, type_size) ||
                !base64_read(space + 1, size - type_size - 1, blob, sizeof(blob), &blob_size) ||
                !read_blob((struct span){ (const uint8_t *) text, type_size }, blob, &blob_size, &type, &id))
                return SSHKEY_NONE;
        r = digest_sha256(blob, blob_size, digest);
        if (r)
                return r;

        memset(ret, 0, sizeof(*ret));
        memcpy(ret->type, type ? type->name : text, type ? strlen(type->name) : type_size);
        fingerprint_write(digest, ret->fingerprint);
        if (id.size > 0 && is_showable(id))
                memcpy(ret->id, id.at, id.size);
        return 0;
}
