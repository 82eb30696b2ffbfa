#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* The writer's side of the status page, and what a reader of the same folder sees of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>

#include "client/cleanup.h"
#include "client/status_map.h"
#include "daemon/status.h"

static char dir[32];
static char path[48];
static int dirfd_;
static struct status *status;

static const uint8_t store_id[16] = "the store's id.";

static void open_status(void) {
        assert_int_equal(status_open(dirfd_, store_id, &status), 0);
}

static void reopen(void) {
        status_close(&status);
        open_status();
}

static int set_up(void **state) {
        strcpy(dir, "/tmp/test_status.XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/status", dir);
        dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        open_status();
        return 0;
}

static int tear_down(void **state) {
        status_close(&status);
        unlink(path);
        close(dirfd_);
        rmdir(dir);
        return 0;
}

static uint8_t seen(uint64_t index) {
        struct status_view view = status_view(status);

        return status_view_get(&view, index);
}

static uint64_t pick(void) {
        uint64_t index = UINT64_MAX;

        assert_int_equal(status_pick(status, &index), 0);
        return index;
}

static ino_t inode(void) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

/* ---- the file ---- */

static void test_a_new_page_is_all_invalid_and_for_everybody_to_read(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
        assert_int_equal(status_map_open(dir, &map), 0);
        assert_int_equal(status_map_view(map)->size, 4096);
        for (uint64_t i = 0; i < 4096; i++)
                assert_int_equal(status_view_get(status_map_view(map), i), STATUS_INVALID);
        status_mend(status);
        assert_memory_equal((const void *) status_map_view(map)->header->store_id, store_id, 16);
}

static void test_the_same_file_is_gone_on_with(void **state) {
        ino_t before = inode();
        uint64_t generation = status_generation(status);

        status_set(status, 7, STATUS_VALID);
        reopen();
        assert_int_equal(inode(), before);
        assert_int_equal(seen(7), STATUS_VALID);
        assert_int_equal(status_generation(status), generation);
}

static void test_a_file_that_is_no_page_is_replaced_not_written_to(void **state) {
        static const char garbage[8192] = "garbage";
        int fd;

        for (size_t size = 0; size <= sizeof(garbage); size += 2048) {
                ino_t before;
                char byte;

                status_close(&status);
                fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
                assert_int_equal(write(fd, garbage, size), size);
                before = inode();
                open_status();
                assert_int_not_equal(inode(), before);
                assert_int_equal(seen(0), STATUS_INVALID);
                assert_int_equal(pread(fd, &byte, 1, 0), size > 0);
                close(fd);
        }
}

static void test_a_page_shorter_than_its_header_says_is_replaced(void **state) {
        ino_t before = inode();

        status_close(&status);
        assert_int_equal(truncate(path, STATUS_HEADER_SIZE + 4095), 0);
        open_status();
        assert_int_not_equal(inode(), before);
}

static void test_a_link_in_its_place_is_replaced(void **state) {
        char target[64];
        struct stat st;
        int fd;

        status_close(&status);
        snprintf(target, sizeof(target), "%s/target", dir);
        assert_int_equal(rename(path, target), 0);
        assert_int_equal(symlink(target, path), 0);
        fd = open(target, O_RDONLY | O_CLOEXEC);
        open_status();
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        close(fd);
        unlink(target);
}

static void test_a_new_page_has_a_generation_of_its_own(void **state) {
        uint64_t generation = status_generation(status);

        status_close(&status);
        unlink(path);
        open_status();
        assert_int_not_equal(status_generation(status), generation);
}

/* ---- mending ---- */

static void test_mending_makes_the_page_what_the_store_says(void **state) {
        uint64_t generation = status_generation(status);

        status_set(status, 1, STATUS_VALID); /* of a session that ended while we were away */
        status_set(status, 2, STATUS_VALID);
        reopen();
        assert_int_equal(status_claim(status, 2, true), 0);
        assert_int_equal(status_claim(status, 3, true), 0); /* opened, and the crash came before its byte */
        assert_int_equal(status_claim(status, 4, false), 0);
        assert_int_equal(seen(1), STATUS_VALID);
        status_mend(status);
        assert_int_equal(seen(1), STATUS_INVALID);
        assert_int_equal(seen(2), STATUS_VALID);
        assert_int_equal(seen(3), STATUS_VALID);
        assert_int_equal(seen(4), STATUS_INVALID);
        assert_true(status_generation(status) > generation);
}

static void test_mending_with_nothing_claimed_leaves_nothing_valid(void **state) {
        for (uint64_t i = 0; i < 4096; i++)
                status_set(status, i, STATUS_VALID);
        reopen();
        status_mend(status);
        for (uint64_t i = 0; i < 4096; i++)
                assert_int_equal(seen(i), STATUS_INVALID);
}

static void test_a_new_page_is_as_long_as_the_largest_index_wants(void **state) {
        assert_int_equal(status_claim(status, 100000, true), 0);
        assert_int_equal(status_claim(status, 5, true), 0);
        status_mend(status);
        assert_int_equal(seen(100000), STATUS_VALID);
        assert_int_equal(seen(5), STATUS_VALID);
        assert_int_equal(seen(99999), STATUS_INVALID);
        assert_int_equal(status_view(status).size, 131072);
}

static void test_an_index_beyond_all_pages_is_a_broken_record(void **state) {
        assert_int_equal(status_claim(status, STATUS_SIZE_MAX, true), -EBADMSG);
        assert_int_equal(status_claim(status, UINT64_MAX, false), -EBADMSG);
        assert_int_equal(status_view(status).size, 4096);
}

static void test_a_page_of_another_store_is_taken_over_without_its_time(void **state) {
        ino_t before = inode();

        status_mend(status);
        status_set(status, 7, STATUS_VALID);
        status_beat(status, 5000);
        status_close(&status);
        assert_int_equal(status_open(dirfd_, (const uint8_t *) "another store...", &status), 0);
        status_mend(status);
        assert_int_equal(inode(), before);
        assert_int_equal(seen(7), STATUS_INVALID);
        assert_int_equal(status_time(status, 1000), 1000);
}

/* ---- indices ---- */

static void test_no_index_is_picked_twice(void **state) {
        _cleanup_(cleanup_free) bool *picked = calloc(65536, sizeof(*picked));

        for (int i = 0; i < 5000; i++) {
                uint64_t index = pick();

                assert_in_range(index, 0, 65535);
                assert_false(picked[index]);
                picked[index] = true;
        }
}

static void test_what_was_claimed_is_not_picked(void **state) {
        for (uint64_t i = 0; i < 1900; i++)
                assert_int_equal(status_claim(status, i, i % 2), 0);
        status_mend(status);
        for (int i = 0; i < 100; i++)
                assert_in_range(pick(), 1900, 4095);
}

static void test_indices_are_random(void **state) {
        unsigned in_order = 0;
        uint64_t last = pick();

        for (int i = 0; i < 1000; i++) {
                uint64_t index = pick();

                in_order += index == last + 1;
                last = index;
        }
        assert_in_range(in_order, 0, 20);
}

static void test_what_is_given_back_may_be_picked_again(void **state) {
        bool again = false;
        uint64_t index = pick();

        for (int i = 0; i < 100000 && !again; i++) {
                uint64_t other;

                status_give_back(status, index);
                other = pick();
                again = other == index;
                index = other;
        }
        assert_true(again);
        assert_int_equal(status_view(status).size, 4096); /* one at a time needs no more room */
}

static void test_the_page_grows_when_more_than_half_are_taken(void **state) {
        _cleanup_(status_map_close) struct status_map *map = NULL;
        uint64_t last = 0;

        assert_int_equal(status_map_open(dir, &map), 0);
        for (int i = 0; i < 2048; i++)
                (void) pick();
        assert_int_equal(status_view(status).size, 4096);
        last = pick();
        assert_int_equal(status_view(status).size, 8192);
        status_set(status, last, STATUS_VALID);
        assert_int_equal(status_map_renew(map), 0);
        assert_int_equal(status_map_view(map)->size, 8192);
        for (uint64_t i = 0; i < 8192; i++)
                assert_int_equal(
                        status_view_get(status_map_view(map), i), i == last ? STATUS_VALID : STATUS_INVALID);
}

/* A limit on the size of files stands for a full file system: posix_fallocate fails as there. */
static void test_without_room_to_grow_nothing_is_picked_and_nothing_lost(void **state) {
        struct rlimit old, limit;
        uint64_t index = 77;

        for (int i = 0; i < 2048; i++)
                (void) pick();
        status_set(status, 7, STATUS_VALID);
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        limit = old;
        limit.rlim_cur = STATUS_HEADER_SIZE + 4096;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_true(status_pick(status, &index) < 0);
        assert_true(status_pick(status, &index) < 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(index, 77);
        assert_int_equal(status_view(status).size, 4096);
        assert_int_equal(seen(7), STATUS_VALID);
        (void) pick();
        assert_int_equal(status_view(status).size, 8192);
}

/* ---- time ---- */

static void test_the_page_s_time_never_goes_back(void **state) {
        assert_int_equal(status_time(status, 1000), 1000);
        status_mend(status);
        status_beat(status, 5000);
        assert_int_equal(status_time(status, 1000), 5000);
        assert_int_equal(status_time(status, 6000), 6000);
        status_beat(status, 2000);
        assert_int_equal(status_time(status, 1000), 5000);
        reopen();
        assert_int_equal(status_time(status, 1000), 5000);
        assert_int_equal(status_time(status, 5000 + USEC_PER_SEC), 5000 + USEC_PER_SEC);
        assert_int_equal(status_time(status, 1000), 5000 + USEC_PER_SEC);
        /* The next second, though not a whole one later. */
        assert_int_equal(status_time(status, 2 * USEC_PER_SEC), 2 * USEC_PER_SEC);
        assert_int_equal(status_time(status, 1000), 2 * USEC_PER_SEC);
}

static void test_a_heartbeat_is_of_now(void **state) {
        uint64_t before = status_clock();
        struct status_view view = status_view(status);

        status_beat(status, 1);
        status_note_transaction(status, 42);
        assert_in_range(atomic_load(&view.header->heartbeat), before, status_clock());
        assert_int_equal(atomic_load(&view.header->last_transaction), 42);
}

static void test_the_page_tells_the_next_start_which_store_it_was_of_and_how_far(void **state) {
        uint8_t id[16];
        uint64_t transaction = 0;

        assert_int_equal(status_find_store(dirfd_, id, &transaction), STATUS_NONE); /* not mended yet */
        status_mend(status);
        status_note_transaction(status, 42);
        status_close(&status);
        assert_int_equal(status_find_store(dirfd_, id, &transaction), 0);
        assert_memory_equal(id, store_id, sizeof(id));
        assert_int_equal(transaction, 42);
        assert_int_equal(status_open(dirfd_, (const uint8_t *) "another store id", &status), 0);
        status_mend(status); /* how far the former had come is not how far this one has */
        assert_int_equal(status_find_store(dirfd_, id, &transaction), 0);
        assert_memory_equal(id, "another store id", sizeof(id));
        assert_int_equal(transaction, 0);
}

static void test_what_is_no_page_tells_of_no_store(void **state) {
        uint8_t id[16];
        uint64_t transaction;
        int fd;

        status_mend(status);
        assert_int_equal(truncate(path, 79), 0);
        assert_int_equal(status_find_store(dirfd_, id, &transaction), STATUS_NONE);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(status_find_store(dirfd_, id, &transaction), STATUS_NONE);
        assert_int_equal(symlink("/dev/zero", path), 0);
        assert_int_equal(status_find_store(dirfd_, id, &transaction), STATUS_NONE);
        assert_int_equal(unlink(path), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        for (int i = 0; i < 100; i++)
                assert_int_equal(write(fd, "no page of ours", 15), 15);
        close(fd);
        assert_int_equal(status_find_store(dirfd_, id, &transaction), STATUS_NONE);
}

static void test_only_bytes_that_became_others_count_as_changes(void **state) {
        uint64_t index, changes;

        assert_int_equal(status_pick(status, &index), 0);
        changes = status_changes(status);
        status_set(status, index, STATUS_INVALID); /* as it was */
        assert_int_equal(status_changes(status), changes);
        status_set(status, index, STATUS_VALID);
        status_set(status, index, STATUS_VALID);
        assert_int_equal(status_changes(status), changes + 1);
        status_set(status, index, STATUS_INVALID);
        assert_int_equal(status_changes(status), changes + 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(test_a_new_page_is_all_invalid_and_for_everybody_to_read),
                T(test_the_same_file_is_gone_on_with),
                T(test_a_file_that_is_no_page_is_replaced_not_written_to),
                T(test_a_page_shorter_than_its_header_says_is_replaced),
                T(test_a_link_in_its_place_is_replaced),
                T(test_a_new_page_has_a_generation_of_its_own),
                T(test_mending_makes_the_page_what_the_store_says),
                T(test_mending_with_nothing_claimed_leaves_nothing_valid),
                T(test_a_new_page_is_as_long_as_the_largest_index_wants),
                T(test_an_index_beyond_all_pages_is_a_broken_record),
                T(test_a_page_of_another_store_is_taken_over_without_its_time),
                T(test_no_index_is_picked_twice),
                T(test_what_was_claimed_is_not_picked),
                T(test_indices_are_random),
                T(test_what_is_given_back_may_be_picked_again),
                T(test_the_page_grows_when_more_than_half_are_taken),
                T(test_without_room_to_grow_nothing_is_picked_and_nothing_lost),
                T(test_the_page_s_time_never_goes_back),
                T(test_the_page_tells_the_next_start_which_store_it_was_of_and_how_far),
                T(test_what_is_no_page_tells_of_no_store),
                T(test_only_bytes_that_became_others_count_as_changes),
                T(test_a_heartbeat_is_of_now),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
