#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/publish.h"

static char folder[64];
static int public = -1;

static int set_up(void **state) {
        snprintf(folder, sizeof(folder), "/tmp/test-publish.XXXXXX");
        assert_non_null(mkdtemp(folder));
        public = publish_open(folder);
        return public >= 0 ? 0 : -1;
}

static int tear_down(void **state) {
        char command[128];

        close(public);
        umask(022);
        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command);
}

static void expect_content(const char *name, const char *text) {
        _cleanup_(cleanup_close) int fd = openat(public, name, O_RDONLY | O_CLOEXEC);
        char buf[256] = "";

        assert_true(fd >= 0);
        assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
        assert_string_equal(buf, text);
}

static bool is_there(const char *name) {
        return faccessat(public, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return st.st_mode & 07777;
}

static void test_a_file_has_the_bytes_and_is_everybodys_to_read(void **state) {
        static const mode_t masks[] = { 0, 022, 077, 0777 };

        for (size_t i = 0; i < 4; i++) {
                _cleanup_(cleanup_close) int fd = -1;

                umask(masks[i]);
                assert_int_equal(publish_file(public, "file", "text", 4), 0);
                umask(022);
                expect_content("file", "text");
                fd = openat(public, "file", O_RDONLY | O_CLOEXEC);
                assert_int_equal(mode_of(fd), 0644);
                assert_false(is_there(".publish-file"));
        }
}

static void test_a_reader_keeps_the_old_file_until_it_opens_again(void **state) {
        _cleanup_(cleanup_close) int fd = -1;
        char buf[16] = "";

        assert_int_equal(publish_file(public, "file", "old", 3), 0);
        fd = openat(public, "file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(publish_file(public, "file", "newer", 5), 0);
        assert_int_equal(read(fd, buf, sizeof(buf)), 3);
        assert_string_equal(buf, "old");
        expect_content("file", "newer");
}

static void test_an_empty_file_can_be_published(void **state) {
        assert_int_equal(publish_file(public, "file", "text", 4), 0);
        assert_int_equal(publish_file(public, "file", NULL, 0), 0);
        expect_content("file", "");
}

static void test_what_a_crash_left_is_removed(void **state) {
        _cleanup_(cleanup_close) int fd = -1;

        fd = openat(public, ".publish-file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "half of something longer", 24), 24);
        assert_int_equal(publish_file(public, "file", "text", 4), 0);
        expect_content("file", "text");
        assert_false(is_there(".publish-file"));
}

static void test_a_link_is_replaced_and_never_followed(void **state) {
        assert_int_equal(publish_file(public, "victim", "victim", 6), 0);
        assert_int_equal(symlinkat("victim", public, ".publish-file"), 0);
        assert_int_equal(symlinkat("victim", public, "file"), 0);
        assert_int_equal(publish_file(public, "file", "text", 4), 0);
        expect_content("victim", "victim");
        expect_content("file", "text");
        assert_int_equal(unlinkat(public, "victim", 0), 0);
        expect_content("file", "text");
}

static void test_failure_leaves_the_old_file_and_nothing_else(void **state) {
        assert_int_equal(mkdirat(public, "folder", 0700), 0);
        assert_int_equal(publish_file(public, "folder", "text", 4), -EISDIR);
        assert_false(is_there(".publish-folder"));
        assert_true(is_there("folder"));

        assert_int_equal(publish_file(public, "file", "old", 3), 0);
        assert_int_equal(mkdirat(public, ".publish-file", 0700), 0);
        assert_int_equal(publish_file(public, "file", "new", 3), -EISDIR);
        expect_content("file", "old");
}

static void test_names_that_are_paths_hidden_or_too_long_are_refused(void **state) {
        char name[NAME_MAX + 1] = "";

        assert_int_equal(publish_file(public, "", "", 0), -EINVAL);
        assert_int_equal(publish_file(public, ".", "", 0), -EINVAL);
        assert_int_equal(publish_file(public, "..", "", 0), -EINVAL);
        assert_int_equal(publish_file(public, ".publish-file", "", 0), -EINVAL);
        assert_int_equal(publish_file(public, "a/b", "", 0), -EINVAL);
        assert_int_equal(publish_file(public, "/etc/motd", "", 0), -EINVAL);
        memset(name, 'n', NAME_MAX - strlen(".publish-") + 1);
        assert_int_equal(publish_file(public, name, "", 0), -EINVAL);
        name[NAME_MAX - strlen(".publish-")] = '\0';
        assert_int_equal(publish_file(public, name, "", 0), 0);
}

static void test_a_descriptor_that_is_no_folder_is_an_error(void **state) {
        assert_int_equal(publish_file(-1, "file", "", 0), -EBADF);
}

static void test_the_folder_is_made_and_opened_again(void **state) {
        _cleanup_(cleanup_close) int again = -1;

        assert_int_equal(mode_of(public), 0755);
        assert_int_equal(fchmod(public, 0700), 0);
        umask(077);
        again = publish_open(folder);
        assert_true(again >= 0);
        assert_int_equal(mode_of(again), 0755);
        assert_int_equal(fcntl(again, F_GETFD), FD_CLOEXEC);
}

static void test_a_folder_that_is_none_is_not_opened(void **state) {
        char path[128];

        snprintf(path, sizeof(path), "%s/none", folder);
        assert_int_equal(publish_open(path), -ENOENT);
        snprintf(path, sizeof(path), "%s/public", folder);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(symlink("/tmp", path), 0);
        assert_int_equal(publish_open(folder), -ENOTDIR);
        assert_int_equal(unlink(path), 0);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(publish_open(folder), -ENOTDIR);
}

static void test_a_folder_of_somebody_else_is_not_opened(void **state) {
        if (geteuid() != 0)
                skip();
        assert_int_equal(fchown(public, 12345, 12345), 0);
        assert_int_equal(publish_open(folder), -EPERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_file_has_the_bytes_and_is_everybodys_to_read),
                TEST(test_a_reader_keeps_the_old_file_until_it_opens_again),
                TEST(test_an_empty_file_can_be_published),
                TEST(test_what_a_crash_left_is_removed),
                TEST(test_a_link_is_replaced_and_never_followed),
                TEST(test_failure_leaves_the_old_file_and_nothing_else),
                TEST(test_names_that_are_paths_hidden_or_too_long_are_refused),
                TEST(test_a_descriptor_that_is_no_folder_is_an_error),
                TEST(test_the_folder_is_made_and_opened_again),
                TEST(test_a_folder_that_is_none_is_not_opened),
                TEST(test_a_folder_of_somebody_else_is_not_opened),
        };

        return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
