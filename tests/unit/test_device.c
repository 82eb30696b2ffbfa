/* device: what a login comes from. Keys themselves are tested in test_sshkey; the one here is fixed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/device.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

/* The key of RFC 8032 7.1, test 1. */
#define KEY         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define FINGERPRINT "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8"

static struct device_facts facts_of(const char *service, const char *rhost) {
        return (struct device_facts){
                .realm = "default",
                .user = "alice",
                .service = service,
                .tty = "ssh",
                .rhost = rhost,
                .ssh_connection = "",
                .auth_info = "",
        };
}

static void assert_device(
        const struct device_facts *facts, enum device_kind kind, const char *identity, const char *name) {
        struct device device;

        assert_int_equal(device_recognise(facts, &device), 0);
        assert_int_equal(device.kind, kind);
        assert_string_equal(device.identity, identity);
        assert_string_equal(device.name, name);
        assert_string_equal(device.realm, facts->realm);
        assert_string_equal(device.user, facts->user);
        assert_int_equal(device.state, DEVICE_KNOWN);
        assert_int_equal(device.first_seen, 0);
        assert_int_equal(device.last_seen, 0);
        assert_int_equal(device.logins, 0);
        assert_string_equal(device.last_ip, "");
}

static void assert_source(const char *rhost, const char *ip, enum device_kind kind, const char *identity) {
        struct device_facts facts = facts_of("sshd", rhost);
        char text[IP_MAX + 1];

        device_source_ip(&facts, text);
        assert_string_equal(text, ip);
        assert_device(&facts, kind, identity, identity);
}

/* ---- keys ---- */

static void test_a_key_is_the_device_wherever_it_comes_from(void **state) {
        static const char *const sources[] = { "", "192.0.2.7", "127.0.0.1", "host.example", "2001:db8::1" };

        for (size_t i = 0; i < N(sources); i++) {
                struct device_facts facts = facts_of("sshd", sources[i]);

                facts.auth_info = "publickey " KEY "\n";
                assert_device(&facts, DEVICE_SSH_KEY, FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
        }
}

static void test_the_first_publickey_line_wins_behind_other_methods(void **state) {
        struct device_facts facts = facts_of("sshd", "192.0.2.7");

        facts.auth_info = "password\nkeyboard-interactive/pam\npublickey " KEY "\npublickey ssh-rsa AAAA\n";
        assert_device(&facts, DEVICE_SSH_KEY, FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
        facts.auth_info = "publickey " KEY; /* no end of line */
        assert_device(&facts, DEVICE_SSH_KEY, FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
}

static void test_a_host_key_is_no_device(void **state) {
        struct device_facts facts = facts_of("sshd", "192.0.2.7");

        facts.auth_info = "hostbased " KEY "\n";
        assert_device(&facts, DEVICE_NETWORK, "192.0.2.7", "192.0.2.7");
}

static void test_a_malformed_key_falls_to_the_source(void **state) {
        static const char *const wrong[] = { "publickey", "publickey ", "publickey\n",
                "publickey ssh-ed25519\n", "publickey ssh-ed25519 AAAA\n", "publickey " KEY " x\n",
                "publickey  " KEY "\n", " publickey " KEY, "publickeys " KEY,
                "publickey ssh-rsa AAAA\npublickey " KEY "\n" };

        for (size_t i = 0; i < N(wrong); i++) {
                struct device_facts facts = facts_of("sshd", "192.0.2.7");

                facts.auth_info = wrong[i];
                assert_device(&facts, DEVICE_NETWORK, "192.0.2.7", "192.0.2.7");
        }
}

/* A publickey line with a certificate of KEY. */
static void write_certificate(const char *id, char ret[static 2048]) {
        static const char type[] = "\0\0\0\x20ssh-ed25519-cert-v01@openssh.com", nonce[] = "\0\0\0\5nonce",
                          before_id[] = "\0\0\0\0\0\0\0\1\0\0\0\1";
        uint8_t key[64], blob[1024] = { 0 }, *p = blob;

        assert_true(EVP_DecodeBlock(key, (const uint8_t *) strchr(KEY, ' ') + 1, 68) == 51);
        p = mempcpy(p, type, sizeof(type) - 1);
        p = mempcpy(p, nonce, sizeof(nonce) - 1);
        p = mempcpy(p, key + 15, 36); /* behind the type */
        p = mempcpy(p, before_id, sizeof(before_id) - 1);
        p[2] = (uint8_t) (strlen(id) >> 8);
        p[3] = (uint8_t) strlen(id);
        p = mempcpy(p + 4, id, strlen(id));
        p += 4 + 16 + 5 * 4; /* principals; valid after, before; five empty strings */
        ret = stpcpy(ret, "publickey ssh-ed25519-cert-v01@openssh.com ");
        EVP_EncodeBlock((uint8_t *) ret, blob, (int) (p - blob));
}

static void assert_certificate(const char *id, const char *identity, const char *name) {
        struct device_facts facts = facts_of("sshd", "192.0.2.7");
        char line[2048], fingerprint[SSHKEY_FINGERPRINT_SIZE];

        write_certificate(id, line);
        facts.auth_info = line;
        assert_device(&facts, DEVICE_SSH_KEY, FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
        facts.certificate_identity = CERTIFICATE_KEY_ID;
        assert_device(&facts, DEVICE_SSH_KEY, identity, name);
        assert_int_equal(device_fingerprint(line, fingerprint), 0);
        assert_string_equal(fingerprint, FINGERPRINT);
}

static void test_a_certificate_is_its_key_or_if_wanted_its_key_id_if_that_is_usable(void **state) {
        assert_certificate("alice@laptop", "key-id:alice@laptop", "certificate alice@laptop");
        assert_certificate(FINGERPRINT, "key-id:" FINGERPRINT, "certificate " FINGERPRINT);
        assert_certificate("", FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
        assert_certificate("a\nb", FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
}

static void test_a_plain_key_is_itself_where_key_ids_count(void **state) {
        struct device_facts facts = facts_of("sshd", "192.0.2.7");

        facts.auth_info = "publickey " KEY "\n";
        facts.certificate_identity = CERTIFICATE_KEY_ID;
        assert_device(&facts, DEVICE_SSH_KEY, FINGERPRINT, "ed25519 SHA256:bbXpuKG6");
        facts.auth_info = "password\n";
        assert_device(&facts, DEVICE_NETWORK, "192.0.2.7", "192.0.2.7");
}

/* 116 bytes of it fit behind "certificate ". */
static void test_a_long_key_id_is_a_whole_identity_and_a_name_of_whole_characters(void **state) {
        char id[SSHKEY_ID_MAX + 1], identity[DEVICE_IDENTITY_MAX + 1], name[DEVICE_NAME_MAX + 1];

        memset(id, 'x', sizeof(id));
        id[SSHKEY_ID_MAX] = '\0';
        snprintf(identity, sizeof(identity), "key-id:%s", id);
        snprintf(name, sizeof(name), "certificate %.116s", id);
        assert_certificate(id, identity, name);
        memcpy(id + 115, "\xc3\xa4", 2); /* across the end */
        snprintf(identity, sizeof(identity), "key-id:%s", id);
        snprintf(name, sizeof(name), "certificate %.115s", id);
        assert_certificate(id, identity, name);
        id[117] = '\0';
        snprintf(identity, sizeof(identity), "key-id:%s", id);
        assert_certificate(id, identity, name);
        memcpy(id + 114, "\xc3\xa4", 3); /* to the end */
        snprintf(identity, sizeof(identity), "key-id:%s", id);
        snprintf(name, sizeof(name), "certificate %.116s", id);
        assert_int_equal(strlen(name), DEVICE_NAME_MAX);
        assert_certificate(id, identity, name);
}

static void test_there_is_a_fingerprint_only_of_a_key(void **state) {
        char fingerprint[SSHKEY_FINGERPRINT_SIZE] = "untouched";

        assert_int_equal(device_fingerprint("password\n", fingerprint), SSHKEY_NONE);
        assert_int_equal(device_fingerprint("hostbased " KEY "\n", fingerprint), SSHKEY_NONE);
        assert_int_equal(device_fingerprint("publickey ssh-ed25519 AAAA\n", fingerprint), SSHKEY_NONE);
        assert_string_equal(fingerprint, "untouched");
        assert_int_equal(device_fingerprint("password\npublickey " KEY "\n", fingerprint), 0);
        assert_string_equal(fingerprint, FINGERPRINT);
}

/* ---- network ---- */

static void test_an_ipv4_address_is_the_device(void **state) {
        assert_source("192.0.2.7", "192.0.2.7", DEVICE_NETWORK, "192.0.2.7");
        assert_source("::ffff:192.0.2.7", "192.0.2.7", DEVICE_NETWORK, "192.0.2.7");
        assert_source("::ffff:c000:207", "192.0.2.7", DEVICE_NETWORK, "192.0.2.7");
}

static void test_an_ipv6_address_counts_by_its_network(void **state) {
        assert_source("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", DEVICE_NETWORK, "2001:db8:1:2::/64");
        assert_source("2001:DB8:1:2::7", "2001:db8:1:2::7", DEVICE_NETWORK, "2001:db8:1:2::/64");
        assert_source("2001:db8::1", "2001:db8::1", DEVICE_NETWORK, "2001:db8::/64");
        assert_source("2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666",
                DEVICE_NETWORK, "2001:db8:1111:2222::/64");
        assert_source("fe80::1%eth0", "fe80::1", DEVICE_NETWORK, "fe80::/64");
}

static void test_loopback_is_shown_but_is_no_device(void **state) {
        assert_source("127.0.0.1", "127.0.0.1", DEVICE_UNKNOWN, "unknown:sshd");
        assert_source("127.8.9.1", "127.8.9.1", DEVICE_UNKNOWN, "unknown:sshd");
        assert_source("::1", "::1", DEVICE_UNKNOWN, "unknown:sshd");
        assert_source("::ffff:127.0.0.1", "127.0.0.1", DEVICE_UNKNOWN, "unknown:sshd");
        assert_source("::", "::", DEVICE_UNKNOWN, "unknown:sshd");
        assert_source("0.0.0.0", "0.0.0.0", DEVICE_UNKNOWN, "unknown:sshd");
}

static void test_what_is_no_numeric_address_is_no_source(void **state) {
        static const char *const wrong[] = { "", "host.example", "UNKNOWN", "192.0.2", "192.0.2.07",
                "192.0.2.7 ", " 192.0.2.7", "192.0.2.7:22", "192.0.2.7%eth0", "[2001:db8::1]", "2001:db8::g",
                "fe80::1%", "%", "0x7f000001", "2130706433",
                "fe80::1%0123456789012345678901234567890123456789012345678901234567890123456789" };

        for (size_t i = 0; i < N(wrong); i++)
                assert_source(wrong[i], "", DEVICE_UNKNOWN, "unknown:sshd");
}

static void test_sshd_names_the_address_when_rhost_is_a_name(void **state) {
        struct device_facts facts = facts_of("sshd", "host.example");
        char text[IP_MAX + 1];

        facts.ssh_connection = "192.0.2.9 50000 192.0.2.1 22";
        assert_device(&facts, DEVICE_NETWORK, "192.0.2.9", "192.0.2.9");
        device_source_ip(&facts, text);
        assert_string_equal(text, "192.0.2.9");
        facts.ssh_connection = "UNKNOWN 65535 UNKNOWN 65535";
        assert_device(&facts, DEVICE_UNKNOWN, "unknown:sshd", "unknown:sshd");
        facts.ssh_connection = "";
        assert_device(&facts, DEVICE_UNKNOWN, "unknown:sshd", "unknown:sshd");
}

static void test_ssh_connection_is_believed_of_sshd_alone_and_never_before_rhost(void **state) {
        struct device_facts facts = facts_of("cockpit", "host.example");

        facts.ssh_connection = "192.0.2.9 50000 192.0.2.1 22";
        assert_device(&facts, DEVICE_UNKNOWN, "unknown:cockpit", "unknown:cockpit");
        facts = facts_of("sshd", "192.0.2.7");
        facts.ssh_connection = "192.0.2.9 50000 192.0.2.1 22";
        assert_device(&facts, DEVICE_NETWORK, "192.0.2.7", "192.0.2.7");
        facts.rhost = "";
        assert_device(&facts, DEVICE_UNKNOWN, "unknown:sshd", "unknown:sshd");
}

/* ---- local ---- */

static void assert_seat(const char *service, const char *tty, const char *name) {
        struct device_facts facts = facts_of(service, "");

        facts.tty = tty;
        assert_device(&facts, DEVICE_LOCAL, "local", name);
}

static void test_a_seat_at_this_host_is_local(void **state) {
        assert_seat("login", "tty1", "console tty1");
        assert_seat("login", "/dev/tty63", "console tty63");
        assert_seat("gdm-password", ":0", "console :0");
        assert_seat("gdm-autologin", "/dev/tty2", "console tty2");
        assert_seat("lightdm", ":0", "console :0");
        assert_seat("lightdm-autologin", ":1", "console :1");
        assert_seat("sddm", ":0.0", "console :0.0");
        assert_seat("sddm-autologin", ":0", "console :0");
}

static void test_anything_else_is_never_local(void **state) {
        static const struct {
                const char *service, *tty, *rhost;
        } cases[] = {
                { "login", "", "" },
                { "login", "/dev/pts/3", "" },
                { "login", "pts/3", "" },
                { "login", "tty", "" },
                { "login", "ttyS0", "" },
                { "login", "tty1x", "" },
                { "login", "tty123456789", "" },
                { "login", ":", "" },
                { "login", ":.0", "" },
                { "login", ":0.", "" },
                { "login", ":0.x", "" },
                { "login", "host:0", "" },
                { "login", "tty1", "host.example" },
                { "login", "tty1", "127.0.0.1" },
                { "sshd", "tty1", "" },
                { "sshd", "ssh", "" },
                { "cockpit", ":0", "" },
                { "xlogin", "tty1", "" },
                { "gdm", "tty1", "" },
        };

        for (size_t i = 0; i < N(cases); i++) {
                struct device_facts facts = facts_of(cases[i].service, cases[i].rhost);
                char unknown[80];

                facts.tty = cases[i].tty;
                snprintf(unknown, sizeof(unknown), "unknown:%s", cases[i].service);
                assert_device(&facts, DEVICE_UNKNOWN, unknown, unknown);
        }
}

/* ---- ids ---- */

static void make_id(const char *realm, const char *user, const char *rhost, struct device_id *ret) {
        struct device_facts facts = facts_of("sshd", rhost);
        struct device device;

        facts.realm = realm;
        facts.user = user;
        assert_int_equal(device_recognise(&facts, &device), 0);
        *ret = device.id;
}

static void test_an_id_is_made_of_realm_user_kind_and_identity(void **state) {
        struct device_id a, b;
        char text[DEVICE_ID_TEXT_SIZE];

        make_id("default", "alice", "192.0.2.7", &a);
        device_id_write(&a, text);
        /* printf 'default\0alice\0network\000192.0.2.7\0' | sha256sum */
        assert_string_equal(text, "f4daae54cc7f0273c25617c6def7ab99");
        make_id("default", "alice", "::ffff:192.0.2.7", &b);
        assert_true(device_id_equal(&a, &b));
        make_id("default", "alice", "192.0.2.8", &b);
        assert_false(device_id_equal(&a, &b));
        make_id("default", "bob", "192.0.2.7", &b);
        assert_false(device_id_equal(&a, &b));
        make_id("acme", "alice", "192.0.2.7", &b);
        assert_false(device_id_equal(&a, &b));
}

static void test_fields_do_not_run_into_each_other(void **state) {
        struct device_id a, b;

        make_id("ab", "c", "192.0.2.7", &a);
        make_id("a", "bc", "192.0.2.7", &b);
        assert_false(device_id_equal(&a, &b));
}

static void test_an_id_is_read_from_its_one_spelling(void **state) {
        static const char *const wrong[] = { "", "0", "0123456789abcdef0123456789abcde",
                "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdef0",
                "0123456789abcdef0123456789abcdeg" };
        struct device_id id = { { 7 } };
        char text[DEVICE_ID_TEXT_SIZE];

        for (size_t i = 0; i < N(wrong); i++)
                assert_int_equal(device_id_read(wrong[i], &id), -EINVAL);
        assert_int_equal(id.bytes[0], 7);
        assert_int_equal(device_id_read("0123456789abcdef0123456789abcdef", &id), 0);
        device_id_write(&id, text);
        assert_string_equal(text, "0123456789abcdef0123456789abcdef");
}

/* ---- limits ---- */

static void assert_limit(size_t offset, size_t max) {
        struct device_facts facts = facts_of("sshd", "192.0.2.7");
        const char **field = (const char **) ((char *) &facts + offset);
        struct device device = { .logins = 7 };
        char text[512];

        memset(text, 'x', sizeof(text));
        text[max] = '\0';
        *field = text;
        assert_int_equal(device_recognise(&facts, &device), 0);
        text[max] = 'x';
        text[max + 1] = '\0';
        device.logins = 7;
        assert_int_equal(device_recognise(&facts, &device), -E2BIG);
        assert_int_equal(device.logins, 7);
}

static void test_names_are_refused_beyond_their_limits_and_never_cut(void **state) {
        assert_limit(offsetof(struct device_facts, realm), REALM_MAX);
        assert_limit(offsetof(struct device_facts, user), USER_MAX);
        assert_limit(offsetof(struct device_facts, service), SERVICE_MAX);
}

/* ---- methods ---- */

static void test_every_method_of_sshd_has_its_bit(void **state) {
        assert_int_equal(device_methods(""), 0);
        assert_int_equal(device_methods("\n\n"), 0);
        assert_int_equal(device_methods("password\n"), METHOD_PASSWORD);
        assert_int_equal(device_methods("publickey " KEY "\n"), METHOD_KEY);
        assert_int_equal(device_methods("keyboard-interactive/pam\n"), METHOD_KEYBOARD);
        assert_int_equal(device_methods("keyboard-interactive"), METHOD_KEYBOARD);
        assert_int_equal(device_methods("hostbased " KEY "\n"), METHOD_HOST);
        assert_int_equal(device_methods("gssapi-with-mic alice@EXAMPLE\n"), METHOD_GSS);
        assert_int_equal(device_methods("gssapi-keyex\n"), METHOD_GSS);
        assert_int_equal(device_methods("none\n"), METHOD_OTHER);
        assert_int_equal(device_methods("passwords\n"), METHOD_OTHER);
}

static void test_methods_of_several_lines_add_up(void **state) {
        assert_int_equal(device_methods("publickey " KEY "\npassword\n"), METHOD_KEY | METHOD_PASSWORD);
        assert_int_equal(device_methods("publickey x\nkeyboard-interactive/pam\nnew"),
                METHOD_KEY | METHOD_KEYBOARD | METHOD_OTHER);
}

static void test_names_are_those_of_the_tokens_and_tables(void **state) {
        static const char *const names[] = { "pwd", "key", "kbd", "host", "gss", "other" };

        assert_int_equal(N(names), _METHODS_MAX);
        for (unsigned i = 0; i < _METHODS_MAX; i++)
                assert_string_equal(method_name(1u << i), names[i]);
        assert_string_equal(method_name(0), "unknown");
        assert_string_equal(method_name(METHOD_KEY | METHOD_PASSWORD), "unknown");
        assert_string_equal(device_kind_name(DEVICE_SSH_KEY), "ssh-key");
        assert_string_equal(device_kind_name(DEVICE_NETWORK), "network");
        assert_string_equal(device_kind_name(DEVICE_LOCAL), "local");
        assert_string_equal(device_kind_name(DEVICE_UNKNOWN), "unknown");
        assert_string_equal(device_state_name(DEVICE_KNOWN), "known");
        assert_string_equal(device_state_name(DEVICE_BLOCKED), "blocked");
        assert_string_equal(device_state_name((enum device_state) 0), "unknown");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_key_is_the_device_wherever_it_comes_from),
                cmocka_unit_test(test_the_first_publickey_line_wins_behind_other_methods),
                cmocka_unit_test(test_a_host_key_is_no_device),
                cmocka_unit_test(test_a_malformed_key_falls_to_the_source),
                cmocka_unit_test(test_a_certificate_is_its_key_or_if_wanted_its_key_id_if_that_is_usable),
                cmocka_unit_test(test_a_plain_key_is_itself_where_key_ids_count),
                cmocka_unit_test(test_a_long_key_id_is_a_whole_identity_and_a_name_of_whole_characters),
                cmocka_unit_test(test_there_is_a_fingerprint_only_of_a_key),
                cmocka_unit_test(test_an_ipv4_address_is_the_device),
                cmocka_unit_test(test_an_ipv6_address_counts_by_its_network),
                cmocka_unit_test(test_loopback_is_shown_but_is_no_device),
                cmocka_unit_test(test_what_is_no_numeric_address_is_no_source),
                cmocka_unit_test(test_sshd_names_the_address_when_rhost_is_a_name),
                cmocka_unit_test(test_ssh_connection_is_believed_of_sshd_alone_and_never_before_rhost),
                cmocka_unit_test(test_a_seat_at_this_host_is_local),
                cmocka_unit_test(test_anything_else_is_never_local),
                cmocka_unit_test(test_an_id_is_made_of_realm_user_kind_and_identity),
                cmocka_unit_test(test_fields_do_not_run_into_each_other),
                cmocka_unit_test(test_an_id_is_read_from_its_one_spelling),
                cmocka_unit_test(test_names_are_refused_beyond_their_limits_and_never_cut),
                cmocka_unit_test(test_every_method_of_sshd_has_its_bit),
                cmocka_unit_test(test_methods_of_several_lines_add_up),
                cmocka_unit_test(test_names_are_those_of_the_tokens_and_tables),
        };

        return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
