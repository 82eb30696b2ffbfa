/* device: see device.h. */
#include "daemon/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/digest.h"
#include "client/hex.h"

#define KEY_NAME_CHARACTERS 8 /* of the fingerprint, in the device's name */
#define CERTIFICATE_NAME    "certificate "
#define ADDRESS_TEXT_MAX    63 /* an address with the longest scope, and to spare */

/* ---- lines of SSH_AUTH_INFO_0 ---- */

/* Takes the next line off *text; false at the end. */
static bool next_line(const char **text, const char **ret_line, size_t *ret_size) {
        if (**text == '\0')
                return false;
        *ret_line = *text;
        *ret_size = strcspn(*text, "\n");
        *text += *ret_size + ((*text)[*ret_size] == '\n');
        return true;
}

/* The method is the first word, without its device: "keyboard-interactive/pam". */
static bool line_has_method(const char *line, size_t size, const char *method) {
        size_t length = strlen(method);

        return size >= length && memcmp(line, method, length) == 0 &&
               (size == length || line[length] == ' ' || line[length] == '/');
}

static int find_key(const char *auth_info, struct sshkey *ret) {
        static const char prefix[] = "publickey ";
        size_t size, length = sizeof(prefix) - 1;
        const char *line;

        while (next_line(&auth_info, &line, &size))
                if (size >= length && memcmp(line, prefix, length) == 0)
                        return sshkey_read(line + length, size - length, ret);
        return SSHKEY_NONE;
}

int device_fingerprint(const char *auth_info, char ret[static SSHKEY_FINGERPRINT_SIZE]) {
        struct sshkey key;
        int r;

        r = find_key(auth_info, &key);
        if (r)
                return r;
        snprintf(ret, SSHKEY_FINGERPRINT_SIZE, "%s", key.fingerprint);
        return 0;
}

static const struct {
        const char *word;
        uint32_t bit;
} methods[] = {
        { "password", METHOD_PASSWORD },
        { "publickey", METHOD_KEY },
        { "keyboard-interactive", METHOD_KEYBOARD },
        { "hostbased", METHOD_HOST },
        { "gssapi-with-mic", METHOD_GSS },
        { "gssapi-keyex", METHOD_GSS },
};

static uint32_t method_of_line(const char *line, size_t size) {
        if (size == 0)
                return 0;
        for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
                if (line_has_method(line, size, methods[i].word))
                        return methods[i].bit;
        return METHOD_OTHER;
}

uint32_t device_methods(const char *auth_info) {
        const char *line;
        uint32_t set = 0;
        size_t size;

        while (next_line(&auth_info, &line, &size))
                set |= method_of_line(line, size);
        return set;
}

const char *method_name(uint32_t bit) {
        switch (bit) {
        case METHOD_PASSWORD:
                return "pwd";
        case METHOD_KEY:
                return "key";
        case METHOD_KEYBOARD:
                return "kbd";
        case METHOD_HOST:
                return "host";
        case METHOD_GSS:
                return "gss";
        case METHOD_OTHER:
                return "other";
        }
        return "unknown";
}

/* ---- the network source ---- */

/* Reads a numeric address; IPv4 as IPv4-mapped IPv6. A scope ("fe80::1%eth0", as getnameinfo writes it) is
 * dropped: it names an interface of this host. */
static bool read_address(const char *text, size_t size, struct in6_addr *ret) {
        char buf[ADDRESS_TEXT_MAX + 1];
        struct in_addr ipv4;
        char *scope;

        if (size > ADDRESS_TEXT_MAX)
                return false;
        memcpy(buf, text, size);
        buf[size] = '\0';
        if (inet_pton(AF_INET, buf, &ipv4) == 1) {
                *ret = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
                memcpy(ret->s6_addr + 12, &ipv4, sizeof(ipv4));
                return true;
        }
        scope = strchr(buf, '%');
        if (scope && scope[1] != '\0')
                *scope = '\0';
        return inet_pton(AF_INET6, buf, ret) == 1;
}

/* rhost may be a name that the remote side's DNS chose (UseDNS yes); sshd then has the number in
 * SSH_CONNECTION. */
static bool find_source(const struct device_facts *facts, struct in6_addr *ret) {
        if (facts->rhost[0] == '\0')
                return false;
        if (read_address(facts->rhost, strlen(facts->rhost), ret))
                return true;
        return strcmp(facts->service, "sshd") == 0 &&
               read_address(facts->ssh_connection, strcspn(facts->ssh_connection, " "), ret);
}

static void write_address(const struct in6_addr *address, char ret[static IP_MAX + 1]) {
        if (IN6_IS_ADDR_V4MAPPED(address))
                inet_ntop(AF_INET, address->s6_addr + 12, ret, IP_MAX + 1);
        else
                inet_ntop(AF_INET6, address, ret, IP_MAX + 1);
}

void device_source_ip(const struct device_facts *facts, char ret[static IP_MAX + 1]) {
        struct in6_addr source;

        ret[0] = '\0';
        if (find_source(facts, &source))
                write_address(&source, ret);
}

/* Loopback and unspecified: a proxy or a forwarding on this host, behind which anybody may be. */
static bool tells_nothing(const struct in6_addr *address) {
        if (IN6_IS_ADDR_V4MAPPED(address))
                return address->s6_addr[12] == 127 || address->s6_addr[12] == 0;
        return IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address);
}

static bool recognise_network(const struct device_facts *facts, struct device *device) {
        struct in6_addr source;
        char text[IP_MAX + 1];

        if (!find_source(facts, &source) || tells_nothing(&source))
                return false;
        device->kind = DEVICE_NETWORK;
        if (IN6_IS_ADDR_V4MAPPED(&source)) {
                write_address(&source, device->identity);
        } else {
                memset(source.s6_addr + 8, 0, 8);
                write_address(&source, text);
                snprintf(device->identity, sizeof(device->identity), "%s/64", text);
        }
        memcpy(device->name, device->identity, IP_MAX + sizeof("/64"));
        return true;
}

/* ---- the other kinds ---- */

/* As much of a certificate's key id as fits, in whole characters. */
static void name_certificate(const char *id, char ret[static DEVICE_NAME_MAX + 1]) {
        size_t room = DEVICE_NAME_MAX - strlen(CERTIFICATE_NAME), length = strnlen(id, room + 1);

        if (length > room)
                for (length = room; ((unsigned char) id[length] & 0xc0) == 0x80;)
                        length--;
        snprintf(ret, DEVICE_NAME_MAX + 1, CERTIFICATE_NAME "%.*s", (int) length, id);
}

static int recognise_key(const struct device_facts *facts, struct device *device) {
        struct sshkey key;
        int r;

        r = find_key(facts->auth_info, &key);
        if (r)
                return r;
        device->kind = DEVICE_SSH_KEY;
        if (facts->certificate_identity == CERTIFICATE_KEY_ID && key.id[0] != '\0') {
                snprintf(device->identity, sizeof(device->identity), "key-id:%s", key.id);
                name_certificate(key.id, device->name);
                return 0;
        }
        snprintf(device->identity, sizeof(device->identity), "%s", key.fingerprint);
        snprintf(device->name, sizeof(device->name), "%s %.*s", key.type,
                (int) strlen("SHA256:") + KEY_NAME_CHARACTERS, key.fingerprint);
        return 0;
}

/* Services whose user sits at this host; the display managers of DESIGN section 5. */
static bool is_seated_service(const char *service) {
        static const char *const names[] = { "login", "sddm", "sddm-autologin", "lightdm",
                "lightdm-autologin" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (strcmp(service, names[i]) == 0)
                        return true;
        return strncmp(service, "gdm-", 4) == 0;
}

static bool is_digits(const char *text, size_t size) {
        return size > 0 && strspn(text, "0123456789") >= size;
}

/* "tty1" (with or without /dev/) or ":0", ":0.0": at most 8 characters, so a name of them fits. */
static const char *find_seat(const char *tty) {
        size_t length, dot;

        if (strncmp(tty, "/dev/", 5) == 0)
                tty += 5;
        length = strlen(tty);
        if (length > 8)
                return NULL;
        if (strncmp(tty, "tty", 3) == 0)
                return is_digits(tty + 3, length - 3) ? tty : NULL;
        if (tty[0] != ':')
                return NULL;
        dot = strcspn(tty, ".");
        if (!is_digits(tty + 1, dot - 1) || (tty[dot] == '.' && !is_digits(tty + dot + 1, length - dot - 1)))
                return NULL;
        return tty;
}

static bool recognise_local(const struct device_facts *facts, struct device *device) {
        const char *seat = find_seat(facts->tty);

        if (!seat || facts->rhost[0] != '\0' || !is_seated_service(facts->service))
                return false;
        device->kind = DEVICE_LOCAL;
        snprintf(device->identity, sizeof(device->identity), "%s", "local");
        snprintf(device->name, sizeof(device->name), "console %s", seat);
        return true;
}

static void recognise_unknown(const struct device_facts *facts, struct device *device) {
        device->kind = DEVICE_UNKNOWN;
        snprintf(device->identity, sizeof(device->identity), "unknown:%s", facts->service);
        snprintf(device->name, sizeof(device->name), "unknown:%s", facts->service);
}

static int recognise_kind(const struct device_facts *facts, struct device *device) {
        int r;

        r = recognise_key(facts, device);
        if (r <= 0)
                return r;
        if (!recognise_network(facts, device) && !recognise_local(facts, device))
                recognise_unknown(facts, device);
        return 0;
}

/* The same key is another device for another user and in another realm. */
static int make_id(const struct device *device, struct device_id *ret) {
        char buf[REALM_MAX + USER_MAX + DEVICE_IDENTITY_MAX + 32], *p = buf;
        uint8_t digest[DIGEST_SIZE];
        int r;

        p = stpcpy(p, device->realm) + 1;
        p = stpcpy(p, device->user) + 1;
        p = stpcpy(p, device_kind_name(device->kind)) + 1;
        p = stpcpy(p, device->identity) + 1;
        r = digest_sha256(buf, (size_t) (p - buf), digest);
        if (r)
                return r;
        memcpy(ret->bytes, digest, sizeof(ret->bytes));
        return 0;
}

int device_recognise(const struct device_facts *facts, struct device *ret) {
        struct device device = { .state = DEVICE_KNOWN };
        int r;

        if (strlen(facts->realm) > REALM_MAX || strlen(facts->user) > USER_MAX ||
                strlen(facts->service) > SERVICE_MAX)
                return -E2BIG;
        snprintf(device.realm, sizeof(device.realm), "%s", facts->realm);
        snprintf(device.user, sizeof(device.user), "%s", facts->user);
        r = recognise_kind(facts, &device);
        if (r)
                return r;
        r = make_id(&device, &device.id);
        if (r)
                return r;
        *ret = device;
        return 0;
}

/* ---- ids and names ---- */

void device_id_write(const struct device_id *id, char ret[static DEVICE_ID_TEXT_SIZE]) {
        hex_write(id->bytes, sizeof(id->bytes), ret);
        ret[DEVICE_ID_TEXT_SIZE - 1] = '\0';
}

int device_id_read(const char *text, struct device_id *ret) {
        struct device_id id = { 0 };

        if (strnlen(text, DEVICE_ID_TEXT_SIZE) != DEVICE_ID_TEXT_SIZE - 1)
                return -EINVAL;
        for (size_t i = 0; i < DEVICE_ID_TEXT_SIZE - 1; i++) {
                int digit = hex_digit(text[i]);

                if (digit < 0)
                        return -EINVAL;
                id.bytes[i / 2] = (uint8_t) (id.bytes[i / 2] << 4 | digit);
        }
        *ret = id;
        return 0;
}

bool device_id_equal(const struct device_id *a, const struct device_id *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

const char *device_kind_name(enum device_kind kind) {
        switch (kind) {
        case DEVICE_SSH_KEY:
                return "ssh-key";
        case DEVICE_NETWORK:
                return "network";
        case DEVICE_LOCAL:
                return "local";
        case DEVICE_UNKNOWN:
                break;
        }
        return "unknown";
}

const char *device_state_name(enum device_state state) {
        switch (state) {
        case DEVICE_KNOWN:
                return "known";
        case DEVICE_BLOCKED:
                return "blocked";
        }
        return "unknown";
}
