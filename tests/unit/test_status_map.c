#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The status page as a reader meets it: whole, growing, mended, and as garbage. */
#include <errno.h>
#include <sys/stat.h>

#include "client/cleanup.h"
#include "client/status_map.h"
#include "tests/unit/status_file.h"

static struct status_file file;

static int set_up(void **state) {
        status_file_make(&file, 4096);
        return 0;
}

static int tear_down(void **state) {
        status_file_remove(&file);
        return 0;
}

static void expect_refused(int expected) {
        struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), expected);
        assert_null(map);
}

static void test_a_page_is_mapped_as_its_header_says(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        atomic_store(&file.bytes[7], STATUS_VALID);
        atomic_store(&file.header->generation, 3);
        assert_int_equal(status_map_open(file.dir, &map), 0);
        assert_int_equal(status_map_view(map)->size, 4096);
        assert_int_equal(status_map_generation(map), 3);
        assert_int_equal(status_view_get(status_map_view(map), 7), STATUS_VALID);
        assert_int_equal(status_view_get(status_map_view(map), 8), STATUS_INVALID);
}

static void test_a_byte_that_changes_is_seen_without_mapping_anew(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), 0);
        assert_int_equal(status_view_get(status_map_view(map), 7), STATUS_INVALID);
        atomic_store(&file.bytes[7], STATUS_VALID);
        assert_int_equal(status_view_get(status_map_view(map), 7), STATUS_VALID);
        atomic_store(&file.bytes[7], STATUS_SUSPENDED);
        assert_int_equal(status_view_get(status_map_view(map), 7), STATUS_SUSPENDED);
}

static void test_an_index_beyond_the_page_is_invalid(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), 0);
        assert_int_equal(status_view_get(status_map_view(map), 4096), STATUS_INVALID);
        assert_int_equal(status_view_get(status_map_view(map), UINT64_MAX), STATUS_INVALID);
}

static void test_a_page_that_grew_is_mapped_anew(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), 0);
        status_file_grow(&file, 65536);
        atomic_store(&file.bytes[65535], STATUS_VALID);
        assert_int_equal(status_map_view(map)->size, 4096);
        assert_int_equal(status_view_get(status_map_view(map), 65535), STATUS_INVALID);
        assert_int_equal(atomic_load(&status_map_view(map)->header->size), 65536);
        assert_int_equal(status_map_renew(map), 0);
        assert_int_equal(status_view_get(status_map_view(map), 65535), STATUS_VALID);
}

static void test_a_file_that_grew_before_its_header_says_so_is_mapped_as_the_header_says(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(truncate(file.path, STATUS_HEADER_SIZE + 65536), 0);
        assert_int_equal(status_map_open(file.dir, &map), 0);
        assert_int_equal(status_map_view(map)->size, 4096);
}

static void test_a_raised_generation_is_seen(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), 0);
        atomic_fetch_add(&file.header->generation, 1);
        assert_int_not_equal(
                atomic_load(&status_map_view(map)->header->generation), status_map_generation(map));
        assert_int_equal(status_map_renew(map), 0);
        assert_int_equal(atomic_load(&status_map_view(map)->header->generation), status_map_generation(map));
}

static void test_a_file_that_was_replaced_is_found(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        assert_int_equal(status_map_open(file.dir, &map), 0);
        status_file_replace(&file, 8192);
        assert_int_equal(status_map_renew(map), 0);
        assert_int_equal(status_map_view(map)->size, 8192);
}

static void test_a_mapping_stays_when_there_is_no_other(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;

        atomic_store(&file.bytes[7], STATUS_VALID);
        assert_int_equal(status_map_open(file.dir, &map), 0);
        unlink(file.path);
        assert_int_equal(status_map_renew(map), -ENOENT);
        assert_int_equal(status_view_get(status_map_view(map), 7), STATUS_VALID);
}

static void test_no_file_is_named_so(void **state) {
        unlink(file.path);
        expect_refused(-ENOENT);
}

static void test_what_is_no_regular_file_is_refused(void **state) {
        unlink(file.path);
        assert_int_equal(mkfifo(file.path, 0644), 0);
        expect_refused(-EBADMSG);
        unlink(file.path);
        assert_int_equal(symlink("/dev/zero", file.path), 0);
        expect_refused(-EBADMSG);
        unlink(file.path);
        assert_int_equal(mkdir(file.path, 0755), 0);
        expect_refused(-EBADMSG);
        rmdir(file.path);
}

static void test_a_truncated_file_is_refused(void **state) {
        static const off_t sizes[] = { 0, 1, 79, 80, 4095, 4096, 4097, STATUS_HEADER_SIZE + 4095 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                status_file_replace(&file, 4096);
                assert_int_equal(truncate(file.path, sizes[i]), 0);
                expect_refused(-EBADMSG);
        }
}

static void test_a_header_that_is_not_ours_is_refused(void **state) {
        atomic_store(&file.header->magic, STATUS_MAGIC + 1);
        expect_refused(-EBADMSG);
        atomic_store(&file.header->magic, STATUS_MAGIC);
        atomic_store(&file.header->bits, 1);
        expect_refused(-EBADMSG);
        atomic_store(&file.header->bits, STATUS_BITS);
        atomic_store(&file.header->size, 0);
        expect_refused(-EBADMSG);
        atomic_store(&file.header->size, 4097);
        expect_refused(-EBADMSG);
        atomic_store(&file.header->size, UINT64_MAX - 4095);
        expect_refused(-EBADMSG);
}

static void test_a_page_of_another_version_is_named_so(void **state) {
        atomic_store(&file.header->version, STATUS_VERSION + 1);
        expect_refused(-EPROTONOSUPPORT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_a_page_is_mapped_as_its_header_says),
                T(test_a_byte_that_changes_is_seen_without_mapping_anew),
                T(test_an_index_beyond_the_page_is_invalid),
                T(test_a_page_that_grew_is_mapped_anew),
                T(test_a_file_that_grew_before_its_header_says_so_is_mapped_as_the_header_says),
                T(test_a_raised_generation_is_seen),
                T(test_a_file_that_was_replaced_is_found),
                T(test_a_mapping_stays_when_there_is_no_other),
                T(test_no_file_is_named_so),
                T(test_what_is_no_regular_file_is_refused),
                T(test_a_truncated_file_is_refused),
                T(test_a_header_that_is_not_ours_is_refused),
                T(test_a_page_of_another_version_is_named_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
