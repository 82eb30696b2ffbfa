/* What is in public/tokens, who may read it, and what is there already that should not be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "daemon/acl.h"
#include "daemon/bearer_file.h"

#define ALICE   2000
#define MALLORY 2002
#define FIRST   "01890a5d-ac96-774b-bcce-b302099a8057"
#define SECOND  "01890a5d-ac96-774b-bcce-b302099a8058"

static char folder[64];
static struct bearer_files *files;
static struct sid first, second;

static int set_up(void **state) {
        snprintf(folder, sizeof(folder), "/tmp/test-bearer-file.XXXXXX");
        assert_non_null(mkdtemp(folder));
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(sid_read(FIRST, &first), 0);
        assert_int_equal(sid_read(SECOND, &second), 0);
        return bearer_files_new(folder, &files);
}

static int tear_down(void **state) {
        char command[128];

        bearer_files_free(&files);
        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command);
}

static const char *path_of(const char *below) {
        static char path[256];

        snprintf(path, sizeof(path), "%s/public/tokens/%s", folder, below);
        return path;
}

static bool is_there(const char *below) {
        return faccessat(AT_FDCWD, path_of(below), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(const char *below) {
        struct stat st;

        assert_int_equal(lstat(path_of(below), &st), 0);
        return st.st_mode & 07777;
}

static void expect_text(const char *below, const char *text) {
        _cleanup_(cleanup_close) int fd = open(path_of(below), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        char buf[256] = "";

        assert_true(fd >= 0);
        assert_int_equal(bytes_read(fd, buf, sizeof(buf) - 1), strlen(text));
        assert_string_equal(buf, text);
}

/* Alice's first file; skips where /tmp has no ACLs. */
static void put_one(const char *token) {
        int r = bearer_files_put(files, ALICE, &first, token);

        if (r == -EOPNOTSUPP)
                skip();
        assert_int_equal(r, 0);
}

enum attempt { TO_READ, TO_LIST, TO_STAT, TO_WRITE };

/* The errno of somebody's try, 0 if he could. */
static int try(uid_t uid, enum attempt attempt, const char *below) {
        const char *path = path_of(below);
        int status;
        pid_t child;

        if (geteuid() != 0)
                skip();
        child = fork();
        if (child == 0) {
                struct stat st;
                int fd = -1;

                if (setgid(uid) < 0 || setuid(uid) < 0)
                        _exit(255);
                if (attempt == TO_STAT)
                        _exit(stat(path, &st) < 0 ? errno : 0);
                fd = open(path, attempt == TO_WRITE ? O_WRONLY : attempt == TO_LIST ? O_DIRECTORY : O_RDONLY);
                _exit(fd < 0 ? errno : 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_a_file_is_its_users_to_read_and_nobody_elses(void **state) {
        put_one("token");
        assert_int_equal(mode_of(""), 0711);
        assert_int_equal(mode_of("2000"), 0750);
        assert_int_equal(mode_of("2000/" FIRST ".jwt"), 0640);
        expect_text("2000/" FIRST ".jwt", "token");
        assert_int_equal(try(ALICE, TO_READ, "2000/" FIRST ".jwt"), 0);
        assert_int_equal(try(ALICE, TO_LIST, "2000"), 0);
        assert_int_equal(try(ALICE, TO_WRITE, "2000/" FIRST ".jwt"), EACCES);
        assert_int_equal(try(ALICE, TO_LIST, ""), EACCES);
        assert_int_equal(try(MALLORY, TO_READ, "2000/" FIRST ".jwt"), EACCES);
        assert_int_equal(try(MALLORY, TO_STAT, "2000/" FIRST ".jwt"), EACCES);
        assert_int_equal(try(MALLORY, TO_STAT, "2000/none"), EACCES);
        assert_int_equal(try(MALLORY, TO_LIST, "2000"), EACCES);
        assert_int_equal(try(MALLORY, TO_LIST, ""), EACCES);
}

static void test_the_umask_does_not_matter(void **state) {
        static const mode_t masks[] = { 0, 077, 0777 };

        for (size_t i = 0; i < 3; i++) {
                mode_t before = umask(masks[i]);

                put_one("token");
                umask(before);
                assert_int_equal(mode_of(""), 0711);
                assert_int_equal(mode_of("2000"), 0750);
                assert_int_equal(mode_of("2000/" FIRST ".jwt"), 0640);
                assert_int_equal(bearer_files_remove(files, ALICE, &first), 0);
        }
}

static void test_the_path_is_where_the_file_is(void **state) {
        char path[TOKEN_FILE_MAX + 1], expected[256];

        snprintf(expected, sizeof(expected), "%s/public/tokens/2000/" FIRST ".jwt", folder);
        assert_int_equal(bearer_files_path(files, ALICE, &first, path), 0);
        assert_string_equal(path, expected);
}

static void test_a_path_that_no_reply_can_carry_is_refused(void **state) {
        _cleanup_(bearer_files_free) struct bearer_files *deep = NULL;
        char dir[512], path[TOKEN_FILE_MAX + 1];

        snprintf(dir, sizeof(dir), "%s/%0200d", folder, 0);
        assert_int_equal(mkdir(dir, 0755), 0);
        assert_int_equal(bearer_files_new(dir, &deep), 0);
        assert_int_equal(bearer_files_path(deep, ALICE, &first, path), -ENAMETOOLONG);
}

static void test_a_runtime_folder_that_is_not_there_is_an_error(void **state) {
        struct bearer_files *none = NULL;

        assert_int_equal(bearer_files_new(path_of("none"), &none), -ENOENT);
        assert_null(none);
}

static void test_a_reader_keeps_the_old_token_until_it_opens_again(void **state) {
        _cleanup_(cleanup_close) int fd = -1;
        char buf[16] = "";

        put_one("old");
        fd = open(path_of("2000/" FIRST ".jwt"), O_RDONLY | O_CLOEXEC);
        put_one("newer");
        assert_int_equal(bytes_read(fd, buf, sizeof(buf)), 3);
        assert_string_equal(buf, "old");
        expect_text("2000/" FIRST ".jwt", "newer");
}

static void test_the_users_folder_goes_with_its_last_file(void **state) {
        put_one("one");
        assert_int_equal(bearer_files_put(files, ALICE, &second, "two"), 0);
        assert_int_equal(bearer_files_remove(files, ALICE, &first), 0);
        assert_false(is_there("2000/" FIRST ".jwt"));
        expect_text("2000/" SECOND ".jwt", "two");
        assert_int_equal(bearer_files_remove(files, ALICE, &second), 0);
        assert_false(is_there("2000"));
        assert_true(is_there(""));
}

static void test_what_is_not_there_is_taken_away_without_a_word(void **state) {
        assert_int_equal(bearer_files_remove(files, ALICE, &first), 0);
        assert_false(is_there(""));
        put_one("one");
        assert_int_equal(bearer_files_remove(files, ALICE, &second), 0);
        assert_int_equal(bearer_files_remove(files, MALLORY, &first), 0);
        expect_text("2000/" FIRST ".jwt", "one");
}

/* ---- what was there before ---- */

static void make_folder(const char *below, mode_t mode) {
        char public[128];

        snprintf(public, sizeof(public), "%s/public", folder);
        (void) mkdir(public, 0755);
        if (*below)
                (void) mkdir(path_of(""), 0755);
        assert_int_equal(mkdir(path_of(below), mode), 0);
        assert_int_equal(chmod(path_of(below), mode), 0);
}

static void test_folders_that_anybody_could_use_become_what_they_should_be(void **state) {
        make_folder("", 0777);
        make_folder("2000", 0777);
        put_one("token");
        assert_int_equal(mode_of(""), 0711);
        assert_int_equal(mode_of("2000"), 0750);
        assert_int_equal(try(MALLORY, TO_READ, "2000/" FIRST ".jwt"), EACCES);
}

static void test_a_folder_of_somebody_else_is_not_written_to(void **state) {
        if (geteuid() != 0)
                skip();
        make_folder("2000", 0755);
        assert_int_equal(chown(path_of("2000"), MALLORY, MALLORY), 0);
        assert_int_equal(bearer_files_put(files, ALICE, &first, "token"), -EPERM);
        assert_int_equal(bearer_files_remove(files, ALICE, &first), -EPERM);
        assert_false(is_there("2000/" FIRST ".jwt"));
        assert_int_equal(chown(path_of(""), MALLORY, MALLORY), 0);
        assert_int_equal(bearer_files_put(files, 2001, &first, "token"), -EPERM);
        assert_int_equal(bearer_files_remove(files, 2001, &first), -EPERM);
}

static void test_links_in_place_of_folders_are_not_followed(void **state) {
        char elsewhere[128], all[128];

        snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
        snprintf(all, sizeof(all), "%s/public/tokens", folder);
        assert_int_equal(mkdir(elsewhere, 0755), 0);
        make_folder("", 0711);
        assert_int_equal(symlink(elsewhere, path_of("2000")), 0);
        assert_int_equal(bearer_files_put(files, ALICE, &first, "token"), -ENOTDIR);
        assert_int_equal(unlink(path_of("2000")), 0);
        assert_int_equal(rmdir(all), 0);
        assert_int_equal(symlink("../elsewhere", all), 0);
        assert_int_equal(bearer_files_put(files, ALICE, &first, "token"), -ENOTDIR);
        assert_int_equal(rmdir(elsewhere), 0); /* still empty */
}

static void test_links_in_place_of_the_file_are_replaced_and_what_they_meant_stays(void **state) {
        char victim[128];

        make_folder("2000", 0700);
        snprintf(victim, sizeof(victim), "%s/public/tokens/victim", folder);
        close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(symlink("../victim", path_of("2000/" FIRST ".jwt")), 0);
        assert_int_equal(symlink("../victim", path_of("2000/.new")), 0);
        put_one("token");
        expect_text("2000/" FIRST ".jwt", "token");
        expect_text("victim", "");
        assert_int_equal(link(victim, path_of("2000/" SECOND ".jwt")), 0);
        assert_int_equal(link(victim, path_of("2000/.new")), 0);
        assert_int_equal(bearer_files_put(files, ALICE, &second, "two"), 0);
        expect_text("2000/" SECOND ".jwt", "two");
        expect_text("victim", "");
}

static void test_what_a_crash_left_is_removed_and_a_failure_leaves_nothing(void **state) {
        make_folder("2000", 0700);
        close(open(path_of("2000/.new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        put_one("token");
        assert_false(is_there("2000/.new"));
        assert_int_equal(mkdir(path_of("2000/" SECOND ".jwt"), 0700), 0);
        assert_int_equal(bearer_files_put(files, ALICE, &second, "two"), -EISDIR);
        assert_false(is_there("2000/.new"));
        expect_text("2000/" FIRST ".jwt", "token");
}

/* ---- all of them ---- */

static void test_all_files_are_walked_through_and_what_is_none_is_taken_away(void **state) {
        static const char *const others[] = { "file", "02000", "-1", "4294967296", "2000/.new", "2000/" FIRST,
                "2000/" FIRST ".jwt2", "2000/01890A5D-ac96-774b-bcce-b302099a8057.jwt" };
        unsigned seen = 0;
        struct sid sid;
        uint32_t uid;
        int r;

        put_one("one");
        assert_int_equal(bearer_files_put(files, ALICE, &second, "two"), 0);
        assert_int_equal(bearer_files_put(files, UINT32_MAX - 1, &second, "three"), 0);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                close(open(path_of(others[i]), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        assert_int_equal(mkdir(path_of("2001"), 0700), 0);
        assert_int_equal(symlink("2000", path_of("2005")), 0);
        while ((r = bearer_files_next(files, &uid, &sid)) == 0 || r == BEARER_FILES_OTHER)
                if (r == 0)
                        seen += uid == ALICE ? sid_compare(&sid, &first) == 0 ? 1 : 10 : 100;
        assert_int_equal(r, BEARER_FILES_END);
        assert_int_equal(seen, 111);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                assert_false(is_there(others[i]));
        assert_false(is_there("2001") || is_there("2005"));
        expect_text("2000/" FIRST ".jwt", "one");
}

static void test_files_may_go_during_the_walk(void **state) {
        struct sid sid;
        uint32_t uid;
        int r;

        put_one("one");
        assert_int_equal(bearer_files_put(files, ALICE, &second, "two"), 0);
        while ((r = bearer_files_next(files, &uid, &sid)) == 0 || r == BEARER_FILES_OTHER)
                if (r == 0)
                        assert_int_equal(bearer_files_remove(files, uid, &sid), 0);
        assert_int_equal(r, BEARER_FILES_END);
        assert_false(is_there("2000"));
}

static void test_a_walk_through_nothing_ends_and_makes_nothing(void **state) {
        struct sid sid;
        uint32_t uid;

        assert_int_equal(bearer_files_next(files, &uid, &sid), BEARER_FILES_END);
        assert_int_equal(bearer_files_next(files, &uid, &sid), BEARER_FILES_END);
        assert_false(is_there(""));
}

/* ---- acl ---- */

static void test_a_descriptor_that_takes_no_acl_is_an_error(void **state) {
        _cleanup_(cleanup_close) int proc = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);

        assert_int_equal(acl_let_user(-1, ALICE, 6, 4), -EBADF);
        assert_int_equal(acl_let_user(proc, ALICE, 6, 4), -EOPNOTSUPP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_file_is_its_users_to_read_and_nobody_elses),
                TEST(test_the_umask_does_not_matter),
                TEST(test_the_path_is_where_the_file_is),
                TEST(test_a_path_that_no_reply_can_carry_is_refused),
                TEST(test_a_runtime_folder_that_is_not_there_is_an_error),
                TEST(test_a_reader_keeps_the_old_token_until_it_opens_again),
                TEST(test_the_users_folder_goes_with_its_last_file),
                TEST(test_what_is_not_there_is_taken_away_without_a_word),
                TEST(test_folders_that_anybody_could_use_become_what_they_should_be),
                TEST(test_a_folder_of_somebody_else_is_not_written_to),
                TEST(test_links_in_place_of_folders_are_not_followed),
                TEST(test_links_in_place_of_the_file_are_replaced_and_what_they_meant_stays),
                TEST(test_what_a_crash_left_is_removed_and_a_failure_leaves_nothing),
                TEST(test_all_files_are_walked_through_and_what_is_none_is_taken_away),
                TEST(test_files_may_go_during_the_walk),
                TEST(test_a_walk_through_nothing_ends_and_makes_nothing),
                TEST(test_a_descriptor_that_takes_no_acl_is_an_error),
        };

        return cmocka_run_group_tests_name("bearer_file", tests, NULL, NULL);
}
