/* device: what a user logs in from, recognised (not authenticated) from what PAM saw. Pure. DESIGN section
 * 6. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"
#include "daemon/sshkey.h"

struct device_id {
        uint8_t bytes
                [16]; /* the first half of SHA-256 over realm, user, kind and identity, each with its NUL */
};
#define DEVICE_ID_TEXT_SIZE (DEVICE_ID_TEXT_MAX + 1)

/* What a certificate counts by: the key inside it, or the key id that its authority wrote. */
enum certificate_identity { CERTIFICATE_KEY, CERTIFICATE_KEY_ID };
enum device_kind { DEVICE_SSH_KEY = 1, DEVICE_NETWORK, DEVICE_LOCAL, DEVICE_UNKNOWN };
enum device_state { DEVICE_KNOWN = 1, DEVICE_BLOCKED };

struct device {
        struct device_id id;
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        uint32_t uid; /* of the last login */
        enum device_kind kind;
        enum device_state state;
        /* "SHA256:…", "key-id:…", "192.0.2.7", "2001:db8:1:2::/64", "local", "unknown:SERVICE" */
        char identity[DEVICE_IDENTITY_MAX + 1];
        char name[DEVICE_NAME_MAX + 1];
        usec_t first_seen; /* wall */
        usec_t last_seen;
        char last_ip[IP_MAX + 1];
        uint64_t logins;
};

/* What a login shows of where it comes from. Borrowed strings, "" for absent, never NULL. */
struct device_facts {
        const char *realm;
        const char *user;
        const char *service;
        const char *tty;
        const char *rhost;
        const char *ssh_connection; /* "client-ip client-port server-ip server-port" */
        const char *auth_info;      /* SSH_AUTH_INFO_0: a line a method */
        enum certificate_identity certificate_identity;
};

/* Fills id, realm, user, kind, state known, identity, name; times, last_ip and logins are 0. The first
 * `publickey` line's key wins (a certificate counts by the key inside it, or by its key id if the facts say
 * so and it has a usable one; a line that cannot be read is no key), then the numeric source (IPv6 by its
 * /64, IPv4-mapped as IPv4, loopback is none; for sshd the client address of SSH_CONNECTION when rhost is a
 * name), then `local` (service login, or a display manager, on a VT or an X display, and no rhost), else
 * unknown:SERVICE. 0; -E2BIG: realm, user or service over its limit; -EIO. *ret is filled only on 0. */
int device_recognise(const struct device_facts *facts, struct device *ret);

/* The fingerprint of that key, whatever the device is recognised by. 0; SSHKEY_NONE: no key; -EIO. *ret is
 * filled only on 0. */
int device_fingerprint(const char *auth_info, char ret[static SSHKEY_FINGERPRINT_SIZE]);

/* The numeric address of the source, normalised by inet_ntop, without a scope; "" if none (loopback is
 * kept, so that it can be shown). */
void device_source_ip(const struct device_facts *facts, char ret[static IP_MAX + 1]);

/* Authentication methods (RFC 8176-like) from SSH_AUTH_INFO_0, as a set. */
enum {
        METHOD_PASSWORD = 1 << 0, /* "pwd" */
        METHOD_KEY = 1 << 1,      /* "key" */
        METHOD_KEYBOARD = 1 << 2, /* "kbd" */
        METHOD_HOST = 1 << 3,     /* "host": hostbased */
        METHOD_GSS = 1 << 4,      /* "gss": gssapi-with-mic, gssapi-keyex */
        METHOD_OTHER = 1 << 5,    /* "other" */
        _METHODS_MAX = 6,
};
uint32_t device_methods(const char *auth_info);
/* The name of one bit; static text, "unknown" for anything but one METHOD_*. */
const char *method_name(uint32_t bit);

/* Reading: 0, or -EINVAL for anything but 32 lower-case hex digits. */
void device_id_write(const struct device_id *id, char ret[static DEVICE_ID_TEXT_SIZE]);
int device_id_read(const char *text, struct device_id *ret);
bool device_id_equal(const struct device_id *a, const struct device_id *b);
const char *device_kind_name(enum device_kind kind);    /* "ssh-key", "network", "local", "unknown" */
const char *device_state_name(enum device_state state); /* "known", "blocked" */
