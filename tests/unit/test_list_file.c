/* The file of the status list, written on a thread of its own, one writing at a time. */
#include "tests/unit/process_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cleanup.h"
#include "daemon/list_file.h"
#include "tests/unit/signer.h"

static const uint8_t page[4096] = { 1, 0, 1 };

struct place {
        char dir[32];
        char path[64];
        char blocker[64];
        struct keyring *keyring;
        struct list_token_facts facts;
        struct list_file *file;
};

static int set_up(void **state) {
        struct place *place = calloc(1, sizeof(*place));

        assert_non_null(place);
        strcpy(place->dir, "/tmp/test_list_file.XXXXXX");
        assert_non_null(mkdtemp(place->dir));
        snprintf(place->path, sizeof(place->path), "%s/public/status.jwt", place->dir);
        snprintf(place->blocker, sizeof(place->blocker), "%s/public/.publish-status.jwt", place->dir);
        place->keyring = signer_keyring();
        place->facts = (struct list_token_facts){
                .uri = "sessjwt://host/status",
                .view = { .bytes = (const _Atomic uint8_t *) page, .size = sizeof(page) },
                .now_wall = USEC_PER_SEC,
                .lifetime = 900 * USEC_PER_SEC,
        };
        assert_int_equal(list_file_new(place->dir, &place->file), 0);
        *state = place;
        return place->keyring ? 0 : -1;
}

static int tear_down(void **state) {
        struct place *place = *state;
        char public[48];

        list_file_free(&place->file);
        assert_null(place->file);
        list_file_free(&place->file);
        keyring_free(&place->keyring);
        unlink(place->path);
        snprintf(public, sizeof(public), "%s/public", place->dir);
        rmdir(public);
        rmdir(place->dir);
        free(place);
        return 0;
}

static char *content(const struct place *place) {
        char *text = calloc(1, 8192);
        FILE *file = fopen(place->path, "re");

        assert_non_null(text);
        assert_non_null(file);
        assert_true(fread(text, 1, 8191, file) > 0);
        assert_int_equal(fclose(file), 0);
        return text;
}

static void test_what_is_taken_is_what_the_file_holds(void **state) {
        struct place *place = *state;

        for (unsigned n = 0; n < 20; n++) {
                _cleanup_(cleanup_free) char *token = NULL, *found = NULL;

                place->facts.now_wall += USEC_PER_SEC;
                assert_false(is_readable(list_file_fd(place->file), 0));
                assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
                if (n % 2) /* the loop's way; the other is that of start and end */
                        assert_true(is_readable(list_file_fd(place->file), PATIENCE_MSEC));
                assert_int_equal(list_file_take(place->file, &token), 0);
                found = content(place);
                assert_string_equal(found, token);
        }
}

static void test_only_one_writing_goes_on_at_a_time_and_keeps_what_it_was_given(void **state) {
        struct place *place = *state;
        _cleanup_(cleanup_free) char *token = NULL;

        {
                char uri[] = "sessjwt://gone/status";

                place->facts.uri = uri;
                assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
                memset(uri, 'x', sizeof(uri) - 1);
        }
        keyring_free(&place->keyring);
        assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), -EALREADY);
        assert_int_equal(list_file_take(place->file, &token), 0);
        assert_non_null(strstr(token, ".eyJzdWIiOiJzZXNzand0Oi8vZ29uZS9zdGF0dXMi"));
}

static void test_what_could_not_be_written_leaves_the_file_and_can_be_tried_again(void **state) {
        struct place *place = *state;
        _cleanup_(cleanup_free) char *first = NULL, *second = NULL, *found = NULL;

        assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
        assert_int_equal(list_file_take(place->file, &first), 0);
        assert_int_equal(mkdir(place->blocker, 0700), 0);
        place->facts.now_wall += USEC_PER_SEC;
        assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
        assert_int_equal(list_file_take(place->file, &second), -EISDIR);
        assert_null(second);
        found = content(place);
        assert_string_equal(found, first);
        assert_int_equal(rmdir(place->blocker), 0);
        assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
        assert_int_equal(list_file_take(place->file, &second), 0);
        assert_string_not_equal(second, first);
}

static void test_a_writing_that_goes_on_is_waited_for_at_the_end(void **state) {
        struct place *place = *state;

        assert_int_equal(list_file_start(place->file, place->keyring, &place->facts), 0);
        list_file_free(&place->file);
        assert_int_equal(access(place->path, R_OK), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_taken_is_what_the_file_holds, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        test_only_one_writing_goes_on_at_a_time_and_keeps_what_it_was_given, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        test_what_could_not_be_written_leaves_the_file_and_can_be_tried_again, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(
                        test_a_writing_that_goes_on_is_waited_for_at_the_end, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
