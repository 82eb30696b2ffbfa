/* config_files: which files count, in which order. Real folders, and what is expected of them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/config_files.h"

static char root[32], vendor[64], etc[64];
static char etc_main[128], vendor_main[128];
static const char *const mains[] = { etc_main, vendor_main, NULL };

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int set_up(void **state) {
        char path[128];

        strcpy(root, "/tmp/sessjwt-XXXXXX");
        assert_non_null(mkdtemp(root));
        snprintf(vendor, sizeof(vendor), "%s/vendor", root);
        snprintf(etc, sizeof(etc), "%s/etc", root);
        snprintf(vendor_main, sizeof(vendor_main), "%s/sessjwtd.conf", vendor);
        snprintf(etc_main, sizeof(etc_main), "%s/sessjwtd.conf", etc);
        for (const char **dir = (const char *[]){ vendor, etc, NULL }; *dir; dir++) {
                assert_int_equal(mkdir(*dir, 0755), 0);
                snprintf(path, sizeof(path), "%s/sessjwtd.conf.d", *dir);
                assert_int_equal(mkdir(path, 0755), 0);
        }
        return 0;
}

static int tear_down(void **state) {
        return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make(const char *dir, const char *name) {
        char path[512];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        close(fd);
}

static void make_link(const char *dir, const char *name, const char *target) {
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        assert_int_equal(symlink(target, path), 0);
}

/* expected: the paths behind root, with spaces between them. */
static void assert_files(const char *expected) {
        struct config_files files = { 0 };
        char found[4096] = "";

        assert_int_equal(config_files_list(mains, &files), 0);
        for (size_t i = 0; i < files.n; i++) {
                strcat(found, i ? " " : "");
                strcat(found, files.paths[i] + strlen(root) + 1);
        }
        assert_string_equal(found, expected);
        config_files_done(&files);
        assert_null(files.paths);
}

static void test_no_files_and_no_folders_are_an_empty_list(void **state) {
        static const char *const nowhere[] = { "/nonexistent/a.conf", "/nonexistent/too/a.conf", NULL };
        struct config_files files = { 0 };

        assert_files("");
        assert_int_equal(config_files_list(nowhere, &files), 0);
        assert_int_equal(files.n, 0);
        config_files_done(&files);
}

static void test_the_vendor_s_main_file_counts_while_there_is_no_other(void **state) {
        make(vendor, "sessjwtd.conf");
        assert_files("vendor/sessjwtd.conf");
        make(etc, "sessjwtd.conf");
        assert_files("etc/sessjwtd.conf");
}

static void test_drop_ins_come_behind_the_main_file_sorted_by_name_across_folders(void **state) {
        make(etc, "sessjwtd.conf.d/50-b.conf");
        make(vendor, "sessjwtd.conf.d/90-d.conf");
        make(vendor, "sessjwtd.conf.d/10-a.conf");
        make(etc, "sessjwtd.conf.d/70-c.conf");
        make(vendor, "sessjwtd.conf");
        assert_files("vendor/sessjwtd.conf vendor/sessjwtd.conf.d/10-a.conf etc/sessjwtd.conf.d/50-b.conf "
                     "etc/sessjwtd.conf.d/70-c.conf vendor/sessjwtd.conf.d/90-d.conf");
}

static void test_a_drop_in_in_etc_replaces_the_vendor_s_of_the_same_name(void **state) {
        make(vendor, "sessjwtd.conf.d/10-a.conf");
        make(vendor, "sessjwtd.conf.d/20-b.conf");
        make(etc, "sessjwtd.conf.d/10-a.conf");
        assert_files("etc/sessjwtd.conf.d/10-a.conf vendor/sessjwtd.conf.d/20-b.conf");
}

static void test_a_drop_in_may_have_the_name_of_the_main_file(void **state) {
        make(etc, "sessjwtd.conf");
        make(vendor, "sessjwtd.conf.d/sessjwtd.conf");
        assert_files("etc/sessjwtd.conf vendor/sessjwtd.conf.d/sessjwtd.conf");
}

static void test_a_place_alone_has_its_own_drop_ins_only(void **state) {
        const char *const alone[] = { "sessjwtd.conf", NULL };
        struct config_files files = { 0 };

        make(vendor, "sessjwtd.conf");
        make(vendor, "sessjwtd.conf.d/10-a.conf");
        make(etc, "sessjwtd.conf.d/20-b.conf");
        assert_int_equal(chdir(vendor), 0);
        assert_int_equal(config_files_list(alone, &files), 0);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(files.n, 2);
        assert_string_equal(files.paths[0], "sessjwtd.conf");
        assert_string_equal(files.paths[1], "sessjwtd.conf.d/10-a.conf");
        config_files_done(&files);
}

static void test_a_link_to_dev_null_hides_the_vendor_s_file(void **state) {
        make(vendor, "sessjwtd.conf");
        make(vendor, "sessjwtd.conf.d/10-a.conf");
        make(vendor, "sessjwtd.conf.d/20-b.conf");
        make_link(etc, "sessjwtd.conf", "/dev/null");
        make_link(etc, "sessjwtd.conf.d/10-a.conf", "../../../../../../../../dev/null");
        make_link(etc, "sessjwtd.conf.d/99-alone.conf", "/dev/null");
        assert_files("vendor/sessjwtd.conf.d/20-b.conf");
}

static void test_an_empty_file_is_a_file(void **state) {
        make(vendor, "sessjwtd.conf.d/10-a.conf");
        make(etc, "sessjwtd.conf.d/10-a.conf");
        assert_files("etc/sessjwtd.conf.d/10-a.conf");
}

static void test_a_link_that_leads_nowhere_is_listed_for_its_reader_to_complain(void **state) {
        make(vendor, "sessjwtd.conf");
        make_link(etc, "sessjwtd.conf", "gone");
        make_link(etc, "sessjwtd.conf.d/10-a.conf", "gone");
        assert_files("etc/sessjwtd.conf etc/sessjwtd.conf.d/10-a.conf");
}

static void test_only_names_that_end_in_conf_count(void **state) {
        make(etc, "sessjwtd.conf.d/10-a.conf~");
        make(etc, "sessjwtd.conf.d/10-a.conf.dpkg-old");
        make(etc, "sessjwtd.conf.d/README");
        make(etc, "sessjwtd.conf.d/.10-a.conf");
        make(etc, "sessjwtd.conf.d/conf");
        make(etc, "sessjwtd.conf.d/.conf");
        make(etc, "other.conf");
        assert_files("");
}

static void test_more_files_than_the_bound_are_refused(void **state) {
        struct config_files files = { 0 };
        char name[64];

        for (int i = 0; i < CONFIG_FILES_MAX; i++) {
                snprintf(name, sizeof(name), "sessjwtd.conf.d/%03d.conf", i);
                make(etc, name);
        }
        assert_int_equal(config_files_list(mains, &files), 0);
        assert_int_equal(files.n, CONFIG_FILES_MAX);
        config_files_done(&files);
        make(vendor, "sessjwtd.conf");
        assert_int_equal(config_files_list(mains, &files), -E2BIG);
        make(etc, "sessjwtd.conf.d/one-more.conf");
        assert_int_equal(config_files_list(mains, &files), -E2BIG);
        assert_null(files.paths);
}

static void test_a_folder_that_is_none_is_an_error(void **state) {
        struct config_files files = { 0 };
        char path[128];

        snprintf(path, sizeof(path), "%s/sessjwtd.conf.d", etc);
        rmdir(path);
        make(etc, "sessjwtd.conf.d");
        assert_int_equal(config_files_list(mains, &files), -ENOTDIR);
        assert_null(files.paths);
}

static void test_a_place_that_cannot_be_looked_into_is_an_error(void **state) {
        struct config_files files = { 0 };
        const char *const places[] = { "/dev/null/a.conf", vendor_main, NULL };
        char long_name[300] = "";
        const char *const too_long[] = { long_name, NULL };

        make(vendor, "sessjwtd.conf");
        assert_int_equal(config_files_list(places, &files), -ENOTDIR);
        memset(long_name, 'a', sizeof(long_name) - 1);
        assert_int_equal(config_files_list(too_long, &files), -ENAMETOOLONG);
        assert_null(files.paths);
}

int main(void) {
#define IN_FOLDERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                IN_FOLDERS(test_no_files_and_no_folders_are_an_empty_list),
                IN_FOLDERS(test_the_vendor_s_main_file_counts_while_there_is_no_other),
                IN_FOLDERS(test_drop_ins_come_behind_the_main_file_sorted_by_name_across_folders),
                IN_FOLDERS(test_a_drop_in_in_etc_replaces_the_vendor_s_of_the_same_name),
                IN_FOLDERS(test_a_drop_in_may_have_the_name_of_the_main_file),
                IN_FOLDERS(test_a_place_alone_has_its_own_drop_ins_only),
                IN_FOLDERS(test_a_link_to_dev_null_hides_the_vendor_s_file),
                IN_FOLDERS(test_an_empty_file_is_a_file),
                IN_FOLDERS(test_a_link_that_leads_nowhere_is_listed_for_its_reader_to_complain),
                IN_FOLDERS(test_only_names_that_end_in_conf_count),
                IN_FOLDERS(test_more_files_than_the_bound_are_refused),
                IN_FOLDERS(test_a_folder_that_is_none_is_an_error),
                IN_FOLDERS(test_a_place_that_cannot_be_looked_into_is_an_error),
        };

        return cmocka_run_group_tests_name("config_files", tests, NULL, NULL);
}
