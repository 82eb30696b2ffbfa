/* config_file: which files are not to be trusted; and config_load over real ones. */
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

#include "client/cleanup.h"
#include "client/config_files.h"
#include "daemon/config.h"
#include "daemon/config_file.h"

static char folder[64];
static char error[CONFIG_ERROR_MAX];

static int make_folder(void **state) {
        strcpy(folder, "/tmp/test_config_file.XXXXXX");
        if (!mkdtemp(folder) || chdir(folder) < 0)
                return -1;
        error[0] = '\0';
        return mkdir("etc", 0755) || mkdir("etc/a.conf.d", 0755);
}

static int remove_folder(void **state) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        return chdir("/") < 0 || system(command) != 0;
}

static void put_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(fchmod(fd, 0644), 0);
        close(fd);
}

static void assert_read(const char *path, size_t max, const char *expected) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size = 0;

        assert_int_equal(config_file_read(path, max, &text, &size, error, sizeof(error)), 0);
        assert_int_equal(size, strlen(expected));
        assert_string_equal(text, expected);
}

static void assert_refused(const char *path, size_t max, int expected, const char *message) {
        char *text = NULL;
        size_t size = 7;

        assert_int_equal(config_file_read(path, max, &text, &size, error, sizeof(error)), expected);
        assert_null(text);
        assert_int_equal(size, 7);
        assert_string_equal(error, message);
}

/* ---- reading ---- */

static void test_a_file_is_read_up_to_its_limit(void **state) {
        put_file("a", "");
        assert_read("a", 10, "");
        put_file("a", "0123456789");
        assert_read("a", 10, "0123456789");
        assert_refused("a", 9, -E2BIG, "a: is larger than 9 bytes");
}

static void test_a_missing_file_is_an_error_that_says_so(void **state) {
        assert_refused("a", 10, -ENOENT, "a: cannot be read: No such file or directory");
        assert_refused("a/b", 10, -ENOENT, "a/b: cannot be read: No such file or directory");
}

static void test_a_link_is_followed_and_the_null_device_is_empty(void **state) {
        put_file("a", "text");
        assert_int_equal(symlink("a", "b"), 0);
        assert_int_equal(symlink("/dev/null", "c"), 0);
        assert_read("b", 10, "text");
        assert_read("c", 10, "");
}

static void test_a_file_that_others_can_write_is_refused(void **state) {
        put_file("a", "text");
        assert_int_equal(chmod("a", 0664), 0);
        assert_refused("a", 10, -EPERM,
                "a: has mode 0664 and can be written by others than its owner; chmod go-w is right");
        assert_int_equal(chmod("a", 0646), 0);
        assert_refused("a", 10, -EPERM,
                "a: has mode 0646 and can be written by others than its owner; chmod go-w is right");
        assert_int_equal(chmod("a", 0600), 0);
        assert_read("a", 10, "text");
}

static void test_a_file_of_another_user_is_refused(void **state) {
        if (geteuid() != 0)
                skip();
        put_file("a", "text");
        assert_int_equal(chown("a", 12345, 0), 0);
        assert_refused("a", 10, -EPERM, "a: belongs to uid 12345; it must belong to root");
        assert_int_equal(chown("a", 0, 12345), 0);
        assert_read("a", 10, "text");
}

static void test_what_is_no_regular_file_is_refused_at_once(void **state) {
        assert_int_equal(mkfifo("a", 0600), 0);
        assert_refused("a", 10, -EINVAL, "a: is not a regular file");
        assert_refused("etc", 10, -EINVAL, "etc: is not a regular file");
        assert_refused("/dev/zero", 10, -EINVAL, "/dev/zero: is not a regular file");
}

/* ---- config_load ---- */

static struct config *load(const char *path) {
        struct config *config = NULL;

        if (config_load(path, &config, error))
                fail_msg("%s", error);
        return config;
}

static void assert_load_error(int expected, const char *message) {
        struct config *config = NULL;

        assert_int_equal(config_load("etc/a.conf", &config, error), expected);
        assert_null(config);
        if (strncmp(error, message, strlen(message)) != 0)
                fail_msg("%s", error);
}

static void test_a_drop_in_overrides_key_by_key(void **state) {
        _cleanup_(config_unref) struct config *config = NULL;

        put_file("etc/a.conf", "[policy p]\nmax_devices = 1\nmax_sessions = 1\nusers = alice\n[policy q]\n");
        put_file("etc/a.conf.d/a.conf", "[policy o]\n[policy p]\nmax_devices = 2\nusers = bob carol\n");
        put_file("etc/a.conf.d/b.conf", "[policy p]\nmax_devices = 3\n");
        config = load("etc/a.conf");
        assert_int_equal(config->n_policies, 4);
        assert_string_equal(config->policies[0].name, "p");
        assert_string_equal(config->policies[1].name, "q");
        assert_string_equal(config->policies[2].name, "o");
        assert_string_equal(config->policies[3].name, "default");
        assert_int_equal(config->policies[0].max_devices, 3);
        assert_int_equal(config->policies[0].max_sessions, 1);
        assert_int_equal(config->policies[0].users.n, 2);
        assert_string_equal(config->policies[0].users.names[0], "bob");
}

static void test_an_error_in_a_drop_in_names_that_file(void **state) {
        put_file("etc/a.conf", "[realm acme]\n");
        put_file("etc/a.conf.d/a.conf", "[policy p]\nrealm = acne\n");
        put_file("etc/a.conf.d/b.conf", "\n[policy p]\nenforce = yes\n\n");
        assert_load_error(-EINVAL, "etc/a.conf.d/a.conf:2: realm: there is no realm 'acne'");
        put_file("etc/a.conf.d/b.conf", "\n[policy p]\nenforce = maybe\n");
        assert_load_error(-EINVAL, "etc/a.conf.d/b.conf:3: enforce: 'maybe'");
        put_file("etc/a.conf.d/b.conf", "enforce = yes\n");
        assert_load_error(-EINVAL, "etc/a.conf.d/b.conf:1: a key stands before any [section]");
}

static void test_a_named_file_must_be_there(void **state) {
        assert_load_error(-ENOENT, "etc/a.conf: cannot be read: No such file");
        assert_int_equal(symlink("gone", "etc/a.conf"), 0);
        assert_load_error(-ENOENT, "etc/a.conf: cannot be read: No such file");
        assert_int_equal(unlink("etc/a.conf"), 0);
        put_file("etc/a.conf", "");
        assert_int_equal(chmod("etc/a.conf", 0666), 0);
        assert_load_error(-EPERM, "etc/a.conf: has mode 0666");
}

static void test_a_named_null_device_is_a_configuration_without_a_main_file(void **state) {
        _cleanup_(config_unref) struct config *null = load("/dev/null"), *linked = NULL;

        assert_int_equal(null->files.n, 0);
        assert_int_equal(symlink("/dev/null", "etc/a.conf"), 0);
        put_file("etc/a.conf.d/a.conf", "[realm acme]\n");
        linked = load("etc/a.conf");
        assert_int_equal(linked->files.n, 1);
        assert_true(config_has_realm(linked, "acme"));
}

static void test_a_drop_in_that_leads_nowhere_is_an_error(void **state) {
        put_file("etc/a.conf", "");
        assert_int_equal(symlink("gone", "etc/a.conf.d/a.conf"), 0);
        assert_load_error(-ENOENT, "etc/a.conf.d/a.conf: cannot be read: No such file");
}

static void test_more_files_than_the_limit_are_refused(void **state) {
        put_file("etc/a.conf", "");
        for (int i = 0; i < CONFIG_FILES_MAX; i++) {
                char path[64];

                snprintf(path, sizeof(path), "etc/a.conf.d/%d.conf", i);
                put_file(path, "");
        }
        assert_load_error(-E2BIG, "etc/a.conf.d: more than 256 files");
        assert_int_equal(unlink("etc/a.conf.d/7.conf"), 0);
        config_unref(&(struct config *){ load("etc/a.conf") });
}

static void test_drop_ins_that_cannot_be_looked_for_are_an_error(void **state) {
        put_file("etc/a.conf", "");
        assert_int_equal(rmdir("etc/a.conf.d"), 0);
        put_file("etc/a.conf.d", "");
        assert_load_error(-ENOTDIR, "etc/a.conf: cannot be read: Not a directory");
}

static void test_the_written_text_says_where_it_came_from(void **state) {
        static const char origin[] =
                "# from etc/a.conf\n# from etc/a.conf.d/a.conf\n# from etc/a.conf.d/b?.conf\n\n";
        _cleanup_(config_unref) struct config *loaded = NULL, *again = NULL;
        _cleanup_(cleanup_free) char *once = NULL, *twice = NULL;

        put_file("etc/a.conf", "[policy p]\n");
        put_file("etc/a.conf.d/a.conf", "");
        put_file("etc/a.conf.d/b\n.conf", "");
        loaded = load("etc/a.conf");
        assert_int_equal(config_write(loaded, &once), 0);
        assert_int_equal(strncmp(once, origin, strlen(origin)), 0);
        assert_int_equal(config_read("again", once, strlen(once), &again, error), 0);
        assert_int_equal(config_write(again, &twice), 0);
        assert_string_equal(once + strlen(origin), twice);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
        static const struct CMUnitTest tests[] = {
                TEST(test_a_file_is_read_up_to_its_limit),
                TEST(test_a_missing_file_is_an_error_that_says_so),
                TEST(test_a_link_is_followed_and_the_null_device_is_empty),
                TEST(test_a_file_that_others_can_write_is_refused),
                TEST(test_a_file_of_another_user_is_refused),
                TEST(test_what_is_no_regular_file_is_refused_at_once),
                TEST(test_a_drop_in_overrides_key_by_key),
                TEST(test_an_error_in_a_drop_in_names_that_file),
                TEST(test_a_named_file_must_be_there),
                TEST(test_a_named_null_device_is_a_configuration_without_a_main_file),
                TEST(test_a_drop_in_that_leads_nowhere_is_an_error),
                TEST(test_more_files_than_the_limit_are_refused),
                TEST(test_drop_ins_that_cannot_be_looked_for_are_an_error),
                TEST(test_the_written_text_says_where_it_came_from),
        };

        return cmocka_run_group_tests_name("config_file", tests, NULL, NULL);
}
