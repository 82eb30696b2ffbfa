#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The bytes of a page as a list: the draft's vectors, and what zlib makes of a list again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "daemon/status_list.h"

static struct status_view view_of(const uint8_t *bytes, size_t n) {
        return (struct status_view){ .bytes = (const _Atomic uint8_t *) bytes, .size = n };
}

/* Returns the malloced list, in exactly the room that it needs. */
static char *list_of(const uint8_t *bytes, size_t n, size_t *ret_length) {
        struct status_view view = view_of(bytes, n);
        char *list = malloc(status_list_bound(n));

        assert_non_null(list);
        assert_int_equal(status_list_write(&view, list, status_list_bound(n), ret_length), 0);
        return list;
}

static void assert_list(const uint8_t *bytes, size_t n, const uint8_t *zlib, size_t zlib_size) {
        uint8_t found[64];
        size_t length, size;
        _cleanup_(cleanup_free) char *list = list_of(bytes, n, &length);

        assert_int_equal(base64url_read(list, length, found, sizeof(found), &size), 0);
        assert_int_equal(size, zlib_size);
        assert_memory_equal(found, zlib, size);
}

static void test_the_vectors_of_the_draft_come_out(void **state) {
        assert_list((const uint8_t[]){ 0xb9, 0xa3 }, 2,
                (const uint8_t[]){ 0x78, 0xda, 0xdb, 0xb9, 0x18, 0x00, 0x02, 0x17, 0x01, 0x5d }, 10);
        assert_list((const uint8_t[]){ 0xc9, 0x44, 0xf9 }, 3,
                (const uint8_t[]){ 0x78, 0xda, 0x3b, 0xe9, 0xf2, 0x13, 0x00, 0x03, 0xdf, 0x02, 0x07 }, 11);
}

/* A page of which about so many in a hundred live; the same at each run. */
static uint8_t *page(size_t n, unsigned percent) {
        uint8_t *bytes = malloc(n + 1);
        uint32_t random = 42;

        assert_non_null(bytes);
        for (size_t i = 0; i < n; i++) {
                random = random * 1664525 + 1013904223;
                bytes[i] = (random >> 16) % 100 < percent ? STATUS_VALID : STATUS_INVALID;
        }
        return bytes;
}

static void assert_comes_back(const uint8_t *bytes, size_t n) {
        size_t length, size;
        uLongf found_size = n + 1;
        _cleanup_(cleanup_free) char *list = list_of(bytes, n, &length);
        _cleanup_(cleanup_free) uint8_t *packed = malloc(length), *found = malloc(found_size);

        assert_true(packed && found);
        assert_int_equal(base64url_read(list, length, packed, length, &size), 0);
        assert_int_equal(uncompress(found, &found_size, packed, size), Z_OK);
        assert_int_equal(found_size, n);
        assert_memory_equal(found, bytes, n);
}

static void test_zlib_makes_the_same_bytes_of_a_list_of_any_size(void **state) {
        static const size_t sizes[] = { 0, 1, 2, 3, 4095, 4096, 4097, 8191, 8192, 8193, 16384, 65536,
                1000003 };
        static const unsigned percents[] = { 0, 1, 50, 100 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                for (size_t k = 0; k < sizeof(percents) / sizeof(*percents); k++) {
                        _cleanup_(cleanup_free) uint8_t *bytes = page(sizes[i], percents[k]);

                        assert_comes_back(bytes, sizes[i]);
                }
}

static void test_bytes_that_cannot_be_compressed_fit_into_the_bound(void **state) {
        _cleanup_(cleanup_free) uint8_t *bytes = page(300000, 0);
        uint64_t random = 1;

        for (size_t i = 0; i < 300000; i++) {
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                bytes[i] = (uint8_t) (random >> 56);
        }
        for (size_t n = 300000; n > 0; n /= 7)
                assert_comes_back(bytes, n);
}

static void test_a_list_needs_its_room_to_the_last_character(void **state) {
        _cleanup_(cleanup_free) uint8_t *bytes = page(200000, 50);
        struct status_view view = view_of(bytes, 200000);
        size_t length, found = 77;
        _cleanup_(cleanup_free) char *list = list_of(bytes, 200000, &length);
        _cleanup_(cleanup_free) char *exact = malloc(length);

        assert_non_null(exact);
        assert_true(length > 4 * 8192); /* in several pieces */
        assert_int_equal(status_list_write(&view, exact, length - 1, &found), -ENOBUFS);
        assert_int_equal(status_list_write(&view, exact, 0, &found), -ENOBUFS);
        assert_int_equal(found, 77);
        assert_int_equal(status_list_write(&view, exact, length, &found), 0);
        assert_int_equal(found, length);
        assert_memory_equal(exact, list, length);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_vectors_of_the_draft_come_out),
                cmocka_unit_test(test_zlib_makes_the_same_bytes_of_a_list_of_any_size),
                cmocka_unit_test(test_bytes_that_cannot_be_compressed_fit_into_the_bound),
                cmocka_unit_test(test_a_list_needs_its_room_to_the_last_character),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
