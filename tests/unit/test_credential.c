#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/credential.h"

#define NAME "a-secret"
#define HEX  "00112233445566778899aAbBcCdDeEfF0123456789abcdef0123456789ABCDEF"

static char folder[] = "/tmp/sessjwt-credential-XXXXXX";
static char file[sizeof(folder) + 16];

static int make_folder(void **state) {
        if (!mkdtemp(folder))
                return -1;
        snprintf(file, sizeof(file), "%s/%s", folder, NAME);
        return setenv("CREDENTIALS_DIRECTORY", folder, 1);
}

static int remove_folder(void **state) {
        (void) unlink(file);
        return rmdir(folder);
}

static int setup(void **state) {
        (void) unlink(file);
        (void) rmdir(file);
        return setenv("CREDENTIALS_DIRECTORY", folder, 1);
}

static void put(const void *bytes, size_t size) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), size);
        close(fd);
}

static void test_a_secret_of_the_right_length_is_taken_as_it_is(void **state) {
        static const uint8_t secret[32] = "\n\0 thirty-two bytes, some odd \xff";
        uint8_t got[32];

        put(secret, sizeof(secret));
        assert_int_equal(credential_read(NAME, got, sizeof(got)), 0);
        assert_memory_equal(got, secret, sizeof(got));
}

static void test_twice_as_many_hexadecimal_digits_are_read_with_and_without_a_line_feed(void **state) {
        static const uint8_t first[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
                0xbb, 0xcc, 0xdd, 0xee, 0xff };
        uint8_t got[32];

        put(HEX, 64);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), 0);
        assert_memory_equal(got, first, sizeof(first));
        assert_int_equal(got[31], 0xef);
        memset(got, 0, sizeof(got));
        put(HEX "\n", 65);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), 0);
        assert_memory_equal(got, first, sizeof(first));
}

static void test_any_other_length_is_refused(void **state) {
        char text[200];
        uint8_t got[32];

        memset(text, 'a', sizeof(text));
        for (size_t size = 0; size < sizeof(text); size++) {
                put(text, size);
                assert_int_equal(
                        credential_read(NAME, got, sizeof(got)), size == 32 || size == 64 ? 0 : -EBADMSG);
        }
}

static void test_any_other_character_is_refused_and_leaves_nothing(void **state) {
        char text[] = HEX;

        for (unsigned c = 0; c < 256; c++) {
                uint8_t got[32] = { 0 }, none[32] = { 0 };

                if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
                        continue;
                text[63] = (char) c;
                put(text, 64);
                assert_int_equal(credential_read(NAME, got, sizeof(got)), -EBADMSG);
                assert_memory_equal(got, none, sizeof(got));
        }
        put(HEX " ", 65);
        assert_int_equal(credential_read(NAME, (uint8_t[32]){ 0 }, 32), -EBADMSG);
}

static void test_without_a_folder_or_a_file_there_is_none(void **state) {
        uint8_t got[32];

        assert_int_equal(credential_read(NAME, got, sizeof(got)), CREDENTIAL_NONE);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "", 1), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), CREDENTIAL_NONE);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/there/is/none", 1), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), CREDENTIAL_NONE);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), CREDENTIAL_NONE);
}

static void test_what_is_no_file_is_an_error_and_not_none(void **state) {
        uint8_t got[32];

        assert_int_equal(symlink("/dev/zero", file), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), -ELOOP);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(mkdir(file, 0700), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), -EISDIR);
        assert_int_equal(rmdir(file), 0);
        assert_int_equal(mkfifo(file, 0600), 0);
        assert_int_equal(credential_read(NAME, got, sizeof(got)), -EBADMSG); /* and does not wait */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_a_secret_of_the_right_length_is_taken_as_it_is, setup),
                cmocka_unit_test_setup(
                        test_twice_as_many_hexadecimal_digits_are_read_with_and_without_a_line_feed, setup),
                cmocka_unit_test_setup(test_any_other_length_is_refused, setup),
                cmocka_unit_test_setup(test_any_other_character_is_refused_and_leaves_nothing, setup),
                cmocka_unit_test_setup(test_without_a_folder_or_a_file_there_is_none, setup),
                cmocka_unit_test_setup(test_what_is_no_file_is_an_error_and_not_none, setup),
        };

        return cmocka_run_group_tests_name("credential", tests, make_folder, remove_folder);
}
