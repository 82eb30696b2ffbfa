/* Who may open a store, from which folder, and what must be in it. */
#include "tests/unit/store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- who may open it ---- */

/* Runs in a child of its own; its answer is its exit status. */
static int in_child(int (*run)(struct fixture *), struct fixture *f) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(run(f));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

enum { CHILD_OPENED = 1, CHILD_BUSY_PARENT, CHILD_BUSY_UNKNOWN, CHILD_OTHER };

static int try_open(struct fixture *f) {
        struct store *store = NULL;
        pid_t holder = -1;
        int r;

        r = store_open(f->dir, FIXTURE_MAP, &store, &holder);
        if (r == 0)
                return CHILD_OPENED;
        if (r != -EBUSY)
                return CHILD_OTHER;
        return holder == getppid() ? CHILD_BUSY_PARENT : holder == 0 ? CHILD_BUSY_UNKNOWN : CHILD_OTHER;
}

static void test_a_second_process_is_told_who_has_it(void **state) {
        struct fixture *f = *state;

        assert_int_equal(in_child(try_open, f), CHILD_BUSY_PARENT);
        store_close(&f->store);
        assert_int_equal(in_child(try_open, f), CHILD_OPENED);
        fixture_reopen(f, FIXTURE_MAP);
}

static void test_a_process_cannot_open_it_twice_nor_lose_its_lock_by_trying(void **state) {
        struct fixture *f = *state;
        struct store *second = NULL;
        pid_t holder = -1;

        assert_int_equal(store_open(f->dir, FIXTURE_MAP, &second, &holder), -EBUSY);
        assert_null(second);
        assert_int_equal(holder, 0);
        assert_int_equal(in_child(try_open, f), CHILD_BUSY_UNKNOWN);
}

/* Makes a file in the store's folder, of so many zeros. */
static void leave_file(struct fixture *f, const char *name, off_t size) {
        char path[300];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", f->dir, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, size), 0);
        close(fd);
}

/* The power was lost in its first start: what was there is not a store yet. */
static void test_what_is_left_of_a_store_that_was_not_made_to_the_end_is_no_obstacle(void **state) {
        struct fixture *f = *state;
        struct session session = session_of(1, "default", "alice");
        struct stat st;
        char path[300];

        store_close(&f->store);
        leave_file(f, "data.mdb", 0);
        leave_file(f, ".made", 8192);
        fixture_reopen(f, FIXTURE_MAP);
        snprintf(path, sizeof(path), "%s/.made", f->dir);
        assert_int_equal(stat(path, &st), -1);
        open_alone(f, &session);
        assert_found(f, 1, 0);
}

static void test_its_descriptors_are_not_inherited_by_programs(void **state) {
        struct fixture *f = *state;
        char target[256], path[300];
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        unsigned found = 0;
        ssize_t n;

        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
                n = readlink(path, target, sizeof(target) - 1);
                if (n < 0)
                        continue;
                target[n] = '\0';
                if (strncmp(target, f->dir, strlen(f->dir)) != 0)
                        continue;
                found++;
                assert_true(fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC);
        }
        closedir(dir);
        assert_true(found >= 3);
}

/* ---- the folder ---- */

static unsigned mode_of(const struct fixture *f, const char *name) {
        char path[80];
        struct stat st;

        snprintf(path, sizeof(path), "%s/%s", f->dir, name);
        assert_int_equal(stat(path, &st), 0);
        return st.st_mode & 07777;
}

static int open_result(const char *dir) {
        struct store *store = NULL;
        pid_t holder;
        int r;

        r = store_open(dir, FIXTURE_MAP, &store, &holder);
        store_close(&store);
        return r;
}

static void test_folder_and_files_are_their_owners_only(void **state) {
        struct fixture *f = *state;
        char path[80];

        assert_int_equal(mode_of(f, "."), 0700);
        assert_int_equal(mode_of(f, "data.mdb"), 0600);
        assert_int_equal(mode_of(f, "lock.mdb"), 0600);
        assert_int_equal(mode_of(f, "lock"), 0600);

        store_close(&f->store);
        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        assert_int_equal(chmod(path, 0644), 0);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(mode_of(f, "data.mdb"), 0600);
}

static void test_a_folder_that_others_may_write_to_is_refused(void **state) {
        struct fixture *f = *state;

        store_close(&f->store);
        assert_int_equal(chmod(f->dir, 0770), 0);
        assert_int_equal(open_result(f->dir), -EPERM);
        assert_int_equal(chmod(f->dir, 0702), 0);
        assert_int_equal(open_result(f->dir), -EPERM);
        assert_int_equal(chmod(f->dir, 0755), 0);
        assert_int_equal(open_result(f->dir), 0);
}

static void test_a_folder_of_another_user_is_refused(void **state) {
        struct fixture *f = *state;

        if (geteuid() != 0)
                skip();
        store_close(&f->store);
        assert_int_equal(chown(f->dir, 65534, 65534), 0);
        assert_int_equal(open_result(f->dir), -EPERM);
        assert_int_equal(chown(f->dir, 0, 0), 0);
}

static void test_the_folder_above_must_be_there(void **state) {
        struct fixture *f = *state;
        char path[80];

        snprintf(path, sizeof(path), "%s/missing/state", f->above);
        assert_int_equal(open_result(path), -ENOENT);
        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        assert_int_equal(open_result(path), -ENOTDIR);
}

/* ---- what is in it ---- */

static void test_the_id_is_made_once(void **state) {
        struct fixture *f = *state;
        uint8_t first[16], again[16], zero[16] = { 0 };

        store_id(f->store, first);
        assert_memory_not_equal(first, zero, 16);
        fixture_reopen(f, FIXTURE_MAP);
        store_id(f->store, again);
        assert_memory_equal(first, again, 16);

        store_close(&f->store);
        fixture_remove_files(f);
        fixture_reopen(f, FIXTURE_MAP);
        store_id(f->store, again);
        assert_memory_not_equal(first, again, 16);
}

static void test_a_schema_of_another_version_is_refused(void **state) {
        static const uint8_t next[4] = { STORE_SCHEMA_VERSION + 1 };
        const struct span key = { (const uint8_t *) "schema", 6 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(row_put(turn, DB_META, key, (struct span){ next, 4 }), 0);
        commit(turn);
        store_close(&f->store);
        assert_int_equal(open_result(f->dir), -EPROTO);
}

static void test_a_store_without_schema_or_id_is_refused(void **state) {
        static const char *const names[] = { "schema", "id" };
        struct fixture *f = *state;

        for (unsigned i = 0; i < 2; i++) {
                const struct span key = { (const uint8_t *) names[i], strlen(names[i]) };
                struct store_txn *turn = begin_turn(f);

                assert_int_equal(row_remove(turn, DB_META, key), 0);
                commit(turn);
                store_close(&f->store);
                assert_int_equal(open_result(f->dir), -EPROTO);
                fixture_remove_files(f);
                fixture_reopen(f, FIXTURE_MAP);
        }
}

/* Puts a row into the unnamed database, as another program's file would have it. */
static void make_foreign(const char *dir) {
        MDB_val key = { 5, (void *) "hello" }, value = { 5, (void *) "world" };
        MDB_txn *txn;
        MDB_env *env;
        MDB_dbi dbi;

        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
        assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
}

static void test_a_foreign_file_is_refused_and_left_alone(void **state) {
        struct fixture *f = *state;

        store_close(&f->store);
        fixture_remove_files(f);
        make_foreign(f->dir);
        assert_int_equal(open_result(f->dir), -EPROTO);
        assert_int_equal(open_result(f->dir), -EPROTO);
}

static void test_a_file_of_garbage_is_refused(void **state) {
        struct fixture *f = *state;
        uint8_t garbage[16384];
        char path[80];
        int fd;

        store_close(&f->store);
        fixture_remove_files(f);
        memset(garbage, 0x5a, sizeof(garbage));
        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        fd = open(path, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
        close(fd);
        assert_int_equal(open_result(f->dir), -EIO);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_a_second_process_is_told_who_has_it),
                store_test(test_a_process_cannot_open_it_twice_nor_lose_its_lock_by_trying),
                store_test(test_what_is_left_of_a_store_that_was_not_made_to_the_end_is_no_obstacle),
                store_test(test_its_descriptors_are_not_inherited_by_programs),
                store_test(test_folder_and_files_are_their_owners_only),
                store_test(test_a_folder_that_others_may_write_to_is_refused),
                store_test(test_a_folder_of_another_user_is_refused),
                store_test(test_the_folder_above_must_be_there),
                store_test(test_the_id_is_made_once),
                store_test(test_a_schema_of_another_version_is_refused),
                store_test(test_a_store_without_schema_or_id_is_refused),
                store_test(test_a_foreign_file_is_refused_and_left_alone),
                store_test(test_a_file_of_garbage_is_refused),
        };

        return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
