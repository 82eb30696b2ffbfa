#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "client/base64url.h"

/* RFC 4648 10, without the padding. */
static const struct {
        const char *plain, *text;
} examples[] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" },
};

static void test_the_examples_of_rfc_4648_are_written(void **state) {
        char text[16];

        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
                size_t size = strlen(examples[i].plain);

                assert_int_equal(base64url_write(examples[i].plain, size, text), strlen(examples[i].text));
                assert_int_equal(BASE64URL_SIZE(size), strlen(examples[i].text));
                assert_memory_equal(text, examples[i].text, strlen(examples[i].text));
        }
}

static void test_the_examples_of_rfc_4648_are_read(void **state) {
        char plain[16];
        size_t size;

        for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
                const char *text = examples[i].text;

                assert_true(base64url_is_canonical(text, strlen(text)));
                assert_int_equal(base64url_read(text, strlen(text), plain, sizeof(plain), &size), 0);
                assert_int_equal(size, strlen(examples[i].plain));
                assert_int_equal(size, BASE64URL_BYTES(strlen(text)));
                assert_memory_equal(plain, examples[i].plain, size);
        }
}

static void test_every_byte_in_every_place_comes_back(void **state) {
        uint8_t bytes[5] = { 0 }, back[5];
        char text[8];
        size_t size;

        for (size_t length = 1; length <= sizeof(bytes); length++)
                for (unsigned value = 0; value < 256; value++) {
                        for (size_t i = 0; i < length; i++)
                                bytes[i] = (uint8_t) (value + 85 * i);
                        size = base64url_write(bytes, length, text);
                        assert_int_equal(base64url_read(text, size, back, sizeof(back), &size), 0);
                        assert_int_equal(size, length);
                        assert_memory_equal(back, bytes, length);
                }
}

static void test_the_url_alphabet_is_used(void **state) {
        char text[4];

        base64url_write("\xfb\xff\xfe", 3, text);
        assert_memory_equal(text, "-__-", 4);
}

static void test_exactly_64_characters_are_read(void **state) {
        unsigned n = 0;

        for (unsigned c = 0; c < 256; c++)
                for (size_t place = 0; place < 8; place++) {
                        char text[] = "AAAAAAAA";

                        text[place] = (char) c;
                        n += base64url_is_canonical(text, 8);
                }
        assert_int_equal(n, 8 * 64);
}

static void test_padding_is_refused(void **state) {
        char bytes[8];
        size_t size = 99;

        assert_int_equal(base64url_read("Zg==", 4, bytes, sizeof(bytes), &size), -EBADMSG);
        assert_int_equal(base64url_read("Zm8=", 4, bytes, sizeof(bytes), &size), -EBADMSG);
        assert_int_equal(size, 99);
}

static void test_a_length_that_nothing_has_is_refused(void **state) {
        char bytes[8];
        size_t size;

        assert_int_equal(base64url_read("A", 1, bytes, sizeof(bytes), &size), -EBADMSG);
        assert_int_equal(base64url_read("Zm9vY", 5, bytes, sizeof(bytes), &size), -EBADMSG);
}

static void test_spare_bits_must_be_0(void **state) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        for (unsigned i = 0; i < 64; i++) {
                char two[] = { 'Z', alphabet[i] }, three[] = { 'Z', 'm', alphabet[i] };

                assert_int_equal(base64url_is_canonical(two, 2), i % 16 == 0);
                assert_int_equal(base64url_is_canonical(three, 3), i % 4 == 0);
        }
}

static void test_what_does_not_fit_touches_nothing(void **state) {
        char bytes[] = "untouched";
        size_t size = 99;

        assert_int_equal(base64url_read("Zm9v", 4, bytes, 2, &size), -ENOBUFS);
        assert_int_equal(base64url_read("Zm9v!", 5, bytes, 9, &size), -EBADMSG);
        assert_string_equal(bytes, "untouched");
        assert_int_equal(size, 99);
        assert_int_equal(base64url_read("Zm9v", 4, bytes, 3, &size), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_examples_of_rfc_4648_are_written),
                cmocka_unit_test(test_the_examples_of_rfc_4648_are_read),
                cmocka_unit_test(test_every_byte_in_every_place_comes_back),
                cmocka_unit_test(test_the_url_alphabet_is_used),
                cmocka_unit_test(test_exactly_64_characters_are_read),
                cmocka_unit_test(test_padding_is_refused),
                cmocka_unit_test(test_a_length_that_nothing_has_is_refused),
                cmocka_unit_test(test_spare_bits_must_be_0),
                cmocka_unit_test(test_what_does_not_fit_touches_nothing),
        };

        return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
