/* sshkey: fingerprints are those that ssh-keygen prints, for keys and for certificates; anything else is
 * no key. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/sshkey.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static char folder[] = "/tmp/test_sshkey.XXXXXX";

/* Runs a shell command in the folder; its first line of output, if wanted. */
static void run(const char *command, char *ret_line, size_t size) {
        char text[1024];
        FILE *pipe;

        assert_true(snprintf(text, sizeof(text), "cd %s && %s", folder, command) < (int) sizeof(text));
        pipe = popen(text, "r");
        assert_non_null(pipe);
        if (ret_line) {
                assert_non_null(fgets(ret_line, (int) size, pipe));
                ret_line[strcspn(ret_line, "\n")] = '\0';
        }
        assert_int_equal(pclose(pipe), 0);
}

/* "<type> <base64>" of a .pub file, without its comment. */
static void read_public(const char *name, char *ret, size_t size) {
        char command[256];

        snprintf(command, sizeof(command), "cut -d' ' -f1-2 %s", name);
        run(command, ret, size);
}

static void write_public(const char *name, const char *line) {
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "%s made by hand\n", line);
        assert_int_equal(fclose(file), 0);
}

/* ---- blobs made by hand ---- */

struct blob {
        uint8_t bytes[8192];
        size_t size;
};

static void put(struct blob *blob, const void *bytes, size_t size) {
        memcpy(blob->bytes + blob->size, bytes, size);
        blob->size += size;
}

static void put_u32(struct blob *blob, uint32_t n) {
        put(blob, (uint8_t[]){ (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8), (uint8_t) n },
                4);
}

static void put_string(struct blob *blob, const void *bytes, size_t size) {
        put_u32(blob, (uint32_t) size);
        put(blob, bytes, size);
}

static void put_text(struct blob *blob, const char *text) {
        put_string(blob, text, strlen(text));
}

static void write_line(const char *type, const struct blob *blob, char *ret) {
        char *p = stpcpy(stpcpy(ret, type), " ");

        EVP_EncodeBlock((unsigned char *) p, blob->bytes, (int) blob->size);
}

static void read_line(const char *line, struct blob *ret) {
        const char *base64 = strchr(line, ' ') + 1;
        size_t length = strlen(base64), n_padding = length - strcspn(base64, "=");
        int n = EVP_DecodeBlock(ret->bytes, (const unsigned char *) base64, (int) length);

        assert_true(n > 0);
        ret->size = (size_t) n - n_padding;
}

static int read_key(const char *line, struct sshkey *ret) {
        return sshkey_read(line, strlen(line), ret);
}

static void assert_none(const char *line) {
        struct sshkey key = { .type = "untouched" };

        assert_int_equal(read_key(line, &key), SSHKEY_NONE);
        assert_string_equal(key.type, "untouched");
}

/* ---- against ssh-keygen ---- */

static void assert_as_ssh_keygen(const char *name, const char *type) {
        char line[16384], command[256], expected[128];
        struct sshkey key;

        read_public(name, line, sizeof(line));
        snprintf(command, sizeof(command), "ssh-keygen -E sha256 -lf %s | cut -d' ' -f2", name);
        run(command, expected, sizeof(expected));
        assert_int_equal(read_key(line, &key), 0);
        assert_string_equal(key.fingerprint, expected);
        assert_string_equal(key.type, type);
        assert_true(sshkey_is_fingerprint(key.fingerprint));
}

/* A hardware key's public half, made from a software key: what the authenticator would have answered. */
static void make_hardware_key(const char *from, const char *name, const char *from_type, const char *type,
        const char *application) {
        struct blob blob, made = { 0 };
        size_t behind = 4 + strlen(from_type);
        char line[16384];

        read_public(from, line, sizeof(line));
        read_line(line, &blob);
        put_text(&made, type);
        put(&made, blob.bytes + behind, blob.size - behind);
        put_text(&made, application);
        write_line(type, &made, line);
        write_public(name, line);
}

static int make_keys(void **state) {
        static const char generate[] = "for k in 'ed25519 -t ed25519' 'rsa -t rsa -b 2048' 'p256 -t ecdsa -b "
                                       "256' 'p384 -t ecdsa -b 384'"
                                       " 'p521 -t ecdsa -b 521' 'ca -t ed25519'; do set -- $k; n=$1; shift;"
                                       " ssh-keygen -q -N '' -C comment -f $n \"$@\" || exit 1; done";

        if (!mkdtemp(folder))
                return -1;
        run(generate, NULL, 0);
        make_hardware_key(
                "ed25519.pub", "ed25519sk.pub", "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh:");
        make_hardware_key("p256.pub", "p256sk.pub", "ecdsa-sha2-nistp256",
                "sk-ecdsa-sha2-nistp256@openssh.com", "ssh:work");
        run("ssh-keygen -q -s ca -I alice@laptop -n alice,root -V +1h -z 7 -O force-command=true"
            " ed25519.pub rsa.pub p256.pub p384.pub p521.pub ed25519sk.pub p256sk.pub",
                NULL, 0);
        return 0;
}

static int remove_keys(void **state) {
        run("rm -f ./*", NULL, 0);
        return rmdir(folder);
}

static void test_plain_keys_have_the_fingerprint_of_ssh_keygen(void **state) {
        assert_as_ssh_keygen("ed25519.pub", "ed25519");
        assert_as_ssh_keygen("rsa.pub", "rsa");
        assert_as_ssh_keygen("p256.pub", "ecdsa");
        assert_as_ssh_keygen("p384.pub", "ecdsa");
        assert_as_ssh_keygen("p521.pub", "ecdsa");
        assert_as_ssh_keygen("ed25519sk.pub", "ed25519-sk");
        assert_as_ssh_keygen("p256sk.pub", "ecdsa-sk");
}

static void test_certificates_have_the_fingerprint_of_ssh_keygen(void **state) {
        assert_as_ssh_keygen("ed25519-cert.pub", "ed25519");
        assert_as_ssh_keygen("rsa-cert.pub", "rsa");
        assert_as_ssh_keygen("p256-cert.pub", "ecdsa");
        assert_as_ssh_keygen("p384-cert.pub", "ecdsa");
        assert_as_ssh_keygen("p521-cert.pub", "ecdsa");
        assert_as_ssh_keygen("ed25519sk-cert.pub", "ed25519-sk");
        assert_as_ssh_keygen("p256sk-cert.pub", "ecdsa-sk");
}

static void test_a_certificate_has_the_fingerprint_of_its_key_and_its_own_id(void **state) {
        static const char *const names[] = { "ed25519", "rsa", "p256", "p384", "p521", "ed25519sk",
                "p256sk" };

        for (size_t i = 0; i < N(names); i++) {
                char name[64], line[16384];
                struct sshkey plain, certified;

                snprintf(name, sizeof(name), "%s.pub", names[i]);
                read_public(name, line, sizeof(line));
                assert_int_equal(read_key(line, &plain), 0);
                snprintf(name, sizeof(name), "%s-cert.pub", names[i]);
                read_public(name, line, sizeof(line));
                assert_int_equal(read_key(line, &certified), 0);
                assert_string_equal(plain.fingerprint, certified.fingerprint);
                assert_string_equal(plain.id, "");
                assert_string_equal(certified.id, "alice@laptop");
        }
}

/* By hand, because newer releases of ssh-keygen make no such key. */
static void test_a_dsa_certificate_is_the_same_device_as_its_key(void **state) {
        static const char *const fields[] = { "p", "q", "g", "y" };
        struct blob plain = { 0 }, certified = { 0 };
        struct sshkey a, b;
        char line[1024];

        put_text(&plain, "ssh-dss");
        put_text(&certified, "ssh-dss-cert-v01@openssh.com");
        put_text(&certified, "nonce");
        for (size_t i = 0; i < N(fields); i++) {
                put_text(&plain, fields[i]);
                put_text(&certified, fields[i]);
        }
        put(&certified, "\0\0\0\0\0\0\0\1\0\0\0\1", 12); /* serial, type */
        put_text(&certified, "alice@laptop");
        put_text(&certified, "");
        put(&certified, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* valid after, before */
        for (unsigned i = 0; i < 5; i++)
                put_text(&certified, "");

        write_line("ssh-dss", &plain, line);
        assert_int_equal(read_key(line, &a), 0);
        write_line("ssh-dss-cert-v01@openssh.com", &certified, line);
        assert_int_equal(read_key(line, &b), 0);
        assert_string_equal(a.fingerprint, b.fingerprint);
        assert_string_equal(b.type, "dsa");
}

/* Of a certificate by hand, whose key is 32 zeros. */
static void assert_id(const char *id, size_t size, const char *expected) {
        static const uint8_t zeros[48];
        struct blob blob = { 0 };
        struct sshkey key;
        char line[1024];

        put_text(&blob, "ssh-ed25519-cert-v01@openssh.com");
        put_text(&blob, "nonce");
        put_string(&blob, zeros, 32);
        put(&blob, "\0\0\0\0\0\0\0\1\0\0\0\1", 12); /* serial, type */
        put_string(&blob, id, size);
        put(&blob, zeros, 4 + 16 + 5 * 4); /* principals; valid after, before; five empty strings */
        write_line("ssh-ed25519-cert-v01@openssh.com", &blob, line);
        assert_int_equal(read_key(line, &key), 0);
        assert_string_equal(key.id, expected);
        assert_string_equal(key.fingerprint, "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk");
}

static void test_an_id_that_is_no_plain_text_is_none_and_the_key_counts(void **state) {
        static const char *const wrong[] = { "", "lap\ntop", "\x1b[31m", "lap\x7ftop", "lap\xc2\x85top",
                "lap\xc3", "\xc3laptop", "lap\xfftop", "\xed\xa0\x80", "\xc0\xaf" };
        static const char *const right[] = { "x", "alice@laptop 7", "\"\\", "M\xc3\xa4rz \xf0\x9f\x92\xbb" };

        for (size_t i = 0; i < N(wrong); i++)
                assert_id(wrong[i], strlen(wrong[i]), "");
        for (size_t i = 0; i < N(right); i++)
                assert_id(right[i], strlen(right[i]), right[i]);
        assert_id("laptop\0x", 8, "");
        assert_id("\0", 1, "");
}

static void test_an_id_beyond_the_limit_is_none_and_is_never_cut(void **state) {
        char id[SSHKEY_ID_MAX + 2];

        memset(id, 'x', sizeof(id));
        id[SSHKEY_ID_MAX] = '\0';
        assert_id(id, SSHKEY_ID_MAX, id);
        id[SSHKEY_ID_MAX] = 'x';
        assert_id(id, SSHKEY_ID_MAX + 1, "");
}

/* ---- malformed ---- */

static void test_every_truncation_of_a_key_and_of_a_certificate_is_refused(void **state) {
        static const char *const names[] = { "ed25519.pub", "p256sk.pub", "rsa-cert.pub", "p256sk-cert.pub" };

        for (size_t i = 0; i < N(names); i++) {
                char line[16384], type[65], cut[16384];
                struct blob blob;

                read_public(names[i], line, sizeof(line));
                read_line(line, &blob);
                sscanf(line, "%64s", type);
                for (size_t size = blob.size; size-- > 1;) {
                        blob.size = size;
                        write_line(type, &blob, cut);
                        assert_none(cut);
                }
        }
}

static void test_trailing_bytes_are_refused(void **state) {
        static const char *const names[] = { "ed25519.pub", "ed25519-cert.pub" };

        for (size_t i = 0; i < N(names); i++) {
                char line[16384], type[65];
                struct blob blob;

                read_public(names[i], line, sizeof(line));
                read_line(line, &blob);
                sscanf(line, "%64s", type);
                put(&blob, "x", 1);
                write_line(type, &blob, line);
                assert_none(line);
        }
}

static void test_a_blob_of_another_type_than_named_is_refused(void **state) {
        char line[16384], other[16384];

        read_public("ed25519.pub", line, sizeof(line));
        snprintf(other, sizeof(other), "ssh-rsa %.8000s", strchr(line, ' ') + 1);
        assert_none(other);
        read_public("ed25519-cert.pub", line, sizeof(line));
        snprintf(other, sizeof(other), "ssh-ed25519 %.8000s", strchr(line, ' ') + 1);
        assert_none(other);
}

static void test_a_string_longer_than_the_blob_is_refused(void **state) {
        struct blob blob = { 0 };
        char line[1024];

        put_text(&blob, "ssh-ed25519");
        put_u32(&blob, UINT32_MAX);
        put(&blob, "0123456789abcdef0123456789abcdef", 32);
        write_line("ssh-ed25519", &blob, line);
        assert_none(line);
}

static void test_a_plain_key_of_an_unknown_type_counts_under_its_own_name(void **state) {
        struct blob blob = { 0 };
        struct sshkey key;
        char line[1024];

        put_text(&blob, "ssh-mldsa65");
        put_text(&blob, "a key of another day");
        write_line("ssh-mldsa65", &blob, line);
        assert_int_equal(read_key(line, &key), 0);
        assert_string_equal(key.type, "ssh-mldsa65");
}

static void test_a_certificate_of_an_unknown_type_is_no_key(void **state) {
        struct blob blob = { 0 };
        char line[1024];

        put_text(&blob, "ssh-mldsa65-cert-v01@openssh.com");
        put_text(&blob, "nonce");
        put_text(&blob, "a key of another day");
        write_line("ssh-mldsa65-cert-v01@openssh.com", &blob, line);
        assert_none(line);
}

static void test_text_that_is_no_line_of_a_key_is_refused(void **state) {
        static const char *const wrong[] = {
                "",
                " ",
                "ssh-ed25519",
                "ssh-ed25519 ",
                " AAAA",
                "ssh-ed25519 AAAA",
                "ssh-ed25519 A",
                "ssh-ed25519 ====",
                "ssh-ed25519 AAAA=AAA",
                "ssh-ed25519 AAA\xc3\xa9",
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA comment",
                "ssh-\x1b[31m AAAA",
        };

        for (size_t i = 0; i < N(wrong); i++)
                assert_none(wrong[i]);
}

static void test_base64_must_be_canonical(void **state) {
        char line[16384], *last;
        struct blob blob = { 0 };
        struct sshkey key;

        put_text(&blob, "x");
        put_text(&blob, "12"); /* 11 bytes: one padding character, so two spare bits */
        write_line("x", &blob, line);
        assert_int_equal(read_key(line, &key), 0);
        last = line + strlen(line) - 2;
        assert_string_equal(last + 1, "=");
        (*last)++;
        assert_none(line);
        (*last)--;
        last[1] = '\0';
        assert_none(line);
        strcpy(last + 1, "==");
        assert_none(line);
        strcpy(last + 1, "=\n");
        assert_none(line);
}

static void test_a_line_beyond_the_limit_is_refused(void **state) {
        static char line[2 * AUTH_INFO_MAX];
        struct sshkey key;

        memset(line, 'A', sizeof(line));
        memcpy(line, "x ", 2);
        assert_int_equal(sshkey_read(line, 2 + AUTH_INFO_MAX + 4, &key), SSHKEY_NONE);
        assert_int_equal(sshkey_read(line, 2 + AUTH_INFO_MAX, &key), SSHKEY_NONE);
        memset(line, 'x', SSHKEY_TYPE_MAX + 1);
        line[SSHKEY_TYPE_MAX + 1] = ' ';
        assert_int_equal(sshkey_read(line, SSHKEY_TYPE_MAX + 6, &key), SSHKEY_NONE);
}

static void test_only_a_whole_canonical_fingerprint_is_one(void **state) {
        char text[] = "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8";

        assert_true(sshkey_is_fingerprint(text));
        text[strlen(text) - 1] = 'F'; /* spare bits */
        assert_false(sshkey_is_fingerprint(text));
        text[strlen(text) - 1] = '=';
        assert_false(sshkey_is_fingerprint(text));
        text[strlen(text) - 1] = '\0';
        assert_false(sshkey_is_fingerprint(text));
        assert_false(sshkey_is_fingerprint(""));
        assert_false(sshkey_is_fingerprint("SHA256:"));
        assert_false(
                sshkey_is_fingerprint("MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48:00:00:00:00"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain_keys_have_the_fingerprint_of_ssh_keygen),
                cmocka_unit_test(test_certificates_have_the_fingerprint_of_ssh_keygen),
                cmocka_unit_test(test_a_certificate_has_the_fingerprint_of_its_key_and_its_own_id),
                cmocka_unit_test(test_an_id_that_is_no_plain_text_is_none_and_the_key_counts),
                cmocka_unit_test(test_an_id_beyond_the_limit_is_none_and_is_never_cut),
                cmocka_unit_test(test_a_dsa_certificate_is_the_same_device_as_its_key),
                cmocka_unit_test(test_every_truncation_of_a_key_and_of_a_certificate_is_refused),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_a_blob_of_another_type_than_named_is_refused),
                cmocka_unit_test(test_a_string_longer_than_the_blob_is_refused),
                cmocka_unit_test(test_a_plain_key_of_an_unknown_type_counts_under_its_own_name),
                cmocka_unit_test(test_a_certificate_of_an_unknown_type_is_no_key),
                cmocka_unit_test(test_text_that_is_no_line_of_a_key_is_refused),
                cmocka_unit_test(test_base64_must_be_canonical),
                cmocka_unit_test(test_a_line_beyond_the_limit_is_refused),
                cmocka_unit_test(test_only_a_whole_canonical_fingerprint_is_one),
        };

        return cmocka_run_group_tests_name("sshkey", tests, make_keys, remove_keys);
}
