/* Copies of a store: what is in them, what is not, and what becomes of one that is used; and how a store that
 * was taken back is seen. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

static atomic_bool not_cancelled, is_cancelled = true;

static const char *copy_path(const struct fixture *f) {
        static char path[80];

        snprintf(path, sizeof(path), "%s/copy", f->above);
        return path;
}

static int copy_with(struct fixture *f, const atomic_bool *cancel) {
        char error[256] = "";

        return store_copy(f->store, copy_path(f), cancel, error, sizeof(error));
}

/* The copy, opened. */
static struct store *made_copy(struct fixture *f) {
        struct store *copy = NULL;

        assert_int_equal(copy_with(f, &not_cancelled), 0);
        assert_int_equal(store_open_file(copy_path(f), &copy), 0);
        return copy;
}

static void remove_copy(struct fixture *f, struct store **copy) {
        store_close(copy);
        assert_int_equal(unlink(copy_path(f)), 0);
}

/* n sessions, a device, an account, a lock, a key and a seal, a resting index. */
static void fill(struct fixture *f, unsigned n) {
        struct store_txn *turn = begin_turn(f);
        struct device device = device_of(1, "default", "alice");
        struct account account = account_of("default", "alice");
        struct sid gone = sid_of(n + 1);

        for (unsigned i = 1; i <= n + 1; i++) {
                struct session session = session_of(i, "default", i % 2 ? "alice" : "bob");

                session.status_index = i;
                open_session(turn, &session);
        }
        account_reset(&account, 1000, 7);
        assert_int_equal(store_put_account(turn, &account), 0);
        assert_int_equal(store_put_device(turn, &device), 0);
        assert_int_equal(store_put_source(turn, "default", "alice", "192.0.2.7", 9), 0);
        assert_int_equal(store_put_key(turn, "kid", "the private key", 15), 0);
        assert_int_equal(store_put_seal(turn, "the refresh seal", 16), 0);
        assert_int_equal(store_put_key_sequence(turn, 3), 0);
        assert_int_equal(store_remove_session(turn, &gone), 0);
        commit(turn);
}

static struct store_txn *read_of(struct store *store) {
        struct store_txn *txn = NULL;

        assert_int_equal(store_begin_read(store, &txn), 0);
        return txn;
}

static bool file_has(const char *path, const char *text) {
        _cleanup_(cleanup_free) char *bytes = NULL;
        struct stat st;
        FILE *file = fopen(path, "re");

        assert_non_null(file);
        assert_int_equal(fstat(fileno(file), &st), 0);
        bytes = malloc((size_t) st.st_size);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, (size_t) st.st_size, file), st.st_size);
        fclose(file);
        return memmem(bytes, (size_t) st.st_size, text, strlen(text)) != NULL;
}

static void test_a_copy_has_what_was_committed_and_agrees_with_itself(void **state) {
        struct fixture *f = *state;
        struct store_txn *txn;
        struct store *copy;
        struct device device = device_of(1, "default", "alice");
        struct account account;
        struct session session;
        struct sid sid = sid_of(40);
        uint64_t n;
        usec_t wall;

        fill(f, 20000); /* more than one commit of the copy */
        copy = made_copy(f);
        txn = read_of(copy);
        assert_consistent(txn);
        assert_int_equal(store_count_sessions(txn, &n), 0);
        assert_int_equal(n, 20000);
        assert_int_equal(store_find_session(txn, &sid, &session), 0);
        assert_string_equal(session.user, "bob");
        assert_int_equal(store_load_device(txn, &device.id, &device), 0);
        assert_int_equal(store_find_account(txn, "default", "alice", &account), 0);
        assert_int_equal(account.reset_at, 7);
        assert_int_equal(store_find_source(txn, "default", "alice", "192.0.2.7", &wall), 0);
        assert_int_equal(wall, 9);
        store_abort(&txn);
        remove_copy(f, &copy);
}

static void test_a_copy_has_no_secret_and_says_that_it_is_a_copy(void **state) {
        struct fixture *f = *state;
        struct store_cursor cursor = { 0 };
        struct store_txn *txn;
        struct store *copy;
        uint8_t buf[RECORD_MAX], id[16], copy_id[16];
        char data[80], kid[KID_MAX + 1];
        uint64_t index;
        size_t size;

        fill(f, 3);
        snprintf(data, sizeof(data), "%s/data.mdb", f->dir);
        assert_true(file_has(data, "the private key") && file_has(data, "the refresh seal"));
        copy = made_copy(f);
        assert_false(file_has(copy_path(f), "the private key"));
        assert_false(file_has(copy_path(f), "the refresh seal"));
        txn = read_of(copy);
        assert_int_equal(store_is_copy(txn), 1);
        assert_int_equal(store_is_blank(txn), 1);
        assert_int_equal(store_find_seal(txn, buf, sizeof(buf), &size), STORE_NOT_FOUND);
        assert_int_equal(store_next_key(txn, &cursor, kid, buf, sizeof(buf), &size), STORE_END);
        assert_int_equal(store_next_retired(txn, &(struct store_cursor){ 0 }, &index), STORE_END);
        store_abort(&txn);
        store_id(f->store, id);
        store_id(copy, copy_id);
        assert_memory_not_equal(id, copy_id, sizeof(id));
        txn = begin_read(f);
        assert_int_equal(store_is_copy(txn), 0);
        assert_int_equal(store_is_blank(txn), 0);
        store_abort(&txn);
        remove_copy(f, &copy);
}

static void test_a_copy_is_its_owners_only(void **state) {
        struct fixture *f = *state;
        mode_t mask = umask(0);
        struct stat st;

        assert_int_equal(copy_with(f, &not_cancelled), 0);
        umask(mask);
        assert_int_equal(stat(copy_path(f), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(unlink(copy_path(f)), 0);
}

static void test_a_copy_replaces_nothing_and_follows_no_link(void **state) {
        struct fixture *f = *state;
        char target[80];

        snprintf(target, sizeof(target), "%s/target", f->above);
        assert_int_equal(symlink(target, copy_path(f)), 0);
        assert_int_equal(copy_with(f, &not_cancelled), -EEXIST);
        assert_int_not_equal(access(target, F_OK), 0);
        assert_int_equal(unlink(copy_path(f)), 0);
}

static void test_a_copy_that_is_given_up_leaves_no_file(void **state) {
        struct fixture *f = *state;

        fill(f, 20000);
        assert_int_equal(copy_with(f, &is_cancelled), -ECANCELED);
        assert_int_not_equal(access(copy_path(f), F_OK), 0);
}

static void test_a_copy_is_of_one_moment_though_changes_go_on(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn, *txn;
        struct session session = session_of(5000, "default", "carol");
        struct store *copy;
        uint64_t n;

        fill(f, 10);
        turn = begin_turn(f); /* a writer does not stop it */
        open_session(turn, &session);
        copy = made_copy(f);
        commit(turn);
        txn = read_of(copy);
        assert_int_equal(store_count_sessions(txn, &n), 0);
        assert_int_equal(n, 10);
        store_abort(&txn);
        remove_copy(f, &copy);
}

static void test_a_store_that_does_not_agree_with_itself_is_not_copied(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn;
        struct sid sid = sid_of(2);
        char error[256] = "";

        fill(f, 3);
        turn = begin_turn(f);
        assert_int_equal(row_remove(turn, DB_SID, SPAN_OF_SID(&sid)), 0);
        commit(turn);
        assert_int_equal(store_copy(f->store, copy_path(f), &not_cancelled, error, sizeof(error)), -EBADMSG);
        assert_non_null(strstr(error, "not found by its sid"));
        assert_int_not_equal(access(copy_path(f), F_OK), 0);
}

static void test_what_is_no_store_or_not_whole_is_not_opened(void **state) {
        struct fixture *f = *state;
        struct store *copy = NULL;
        int fd;

        assert_int_equal(store_open_file(copy_path(f), &copy), -ENOENT);
        fill(f, 2000);
        assert_int_equal(copy_with(f, &not_cancelled), 0);
        assert_int_equal(truncate(copy_path(f), 4096 * 20), 0);
        assert_int_equal(store_open_file(copy_path(f), &copy), -EBADMSG);
        assert_int_equal(truncate(copy_path(f), 0), 0);
        assert_int_equal(store_open_file(copy_path(f), &copy), -EBADMSG);
        fd = open(copy_path(f), O_WRONLY | O_CLOEXEC);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(write(fd, "this is no database", 19), 19);
        close(fd);
        assert_int_equal(store_open_file(copy_path(f), &copy), -EBADMSG);
        assert_null(copy);
        assert_int_equal(unlink(copy_path(f)), 0);
}

/* ---- renewal ---- */

static void test_a_renewed_store_is_another_one_without_keys_and_with_all_else(void **state) {
        struct fixture *f = *state;
        struct store_txn *txn;
        uint8_t before[16], after[16], buf[RECORD_MAX];
        uint64_t index, n;
        size_t size;

        fill(f, 3);
        store_id(f->store, before);
        txn = begin_turn(f);
        assert_int_equal(store_renew(txn), 0);
        commit(txn);
        store_id(f->store, after);
        assert_memory_not_equal(before, after, sizeof(before));
        fixture_reopen(f, FIXTURE_MAP);
        store_id(f->store, before);
        assert_memory_equal(before, after, sizeof(before));
        txn = begin_read(f);
        assert_consistent(txn);
        assert_int_equal(store_is_copy(txn), 1);
        assert_int_equal(store_is_blank(txn), 1);
        assert_int_equal(store_find_seal(txn, buf, sizeof(buf), &size), STORE_NOT_FOUND);
        assert_int_equal(store_next_retired(txn, &(struct store_cursor){ 0 }, &index), STORE_END);
        assert_int_equal(store_count_sessions(txn, &n), 0);
        assert_int_equal(n, 3);
        store_abort(&txn);
        for (int i = 0; i < 2; i++) { /* twice is as once */
                txn = begin_turn(f);
                assert_int_equal(store_end_renewal(txn), 0);
                commit(txn);
        }
        txn = begin_read(f);
        assert_int_equal(store_is_copy(txn), 0);
        store_abort(&txn);
}

/* ---- how far it had come ---- */

static void test_a_new_store_has_not_been_seen(void **state) {
        struct fixture *f = *state;
        struct store_point point;

        assert_int_equal(store_find_seen(f->store, &point), STORE_NOT_FOUND);
        fill(f, 1);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), 0);
        assert_int_equal(store_is_behind(f->store, &point), 0);
}

static void test_a_store_that_went_on_since_it_was_noted_is_not_behind(void **state) {
        struct fixture *f = *state;
        struct session session = session_of(100, "default", "carol");
        struct store_point point;

        fill(f, 3);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), 0);
        commit(begin_turn(f)); /* of nothing */
        assert_int_equal(store_is_behind(f->store, &point), 0);
        open_alone(f, &session);
        assert_int_equal(store_is_behind(f->store, &point), 0);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), 0);
        assert_int_equal(store_is_behind(f->store, &point), 0);
}

static void test_a_store_that_was_taken_back_or_is_another_one_is_behind(void **state) {
        struct fixture *f = *state;
        struct store_point point;

        fill(f, 3);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), 0);
        point.transaction++;
        assert_int_equal(store_is_behind(f->store, &point), 1);
        point.transaction--;
        assert_int_equal(store_is_behind(f->store, &point), 0);
        point.id[15] ^= 1;
        assert_int_equal(store_is_behind(f->store, &point), 1);
}

static void test_a_file_that_is_not_of_ours_tells_nothing(void **state) {
        struct fixture *f = *state;
        struct store_point point;
        char path[80];

        fill(f, 1);
        snprintf(path, sizeof(path), "%s/seen", f->dir);
        assert_int_equal(truncate(path, 31), 0);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), STORE_NOT_FOUND);
        assert_int_equal(truncate(path, 32), 0);
        assert_int_equal(truncate(path, 0), 0);
        assert_int_equal(truncate(path, 32), 0);
        fixture_reopen(f, FIXTURE_MAP);
        assert_int_equal(store_find_seen(f->store, &point), STORE_NOT_FOUND);
}

/* ---- another schema ---- */

static void test_a_store_of_another_schema_says_which_and_who_wrote_it(void **state) {
        struct fixture *f = *state;
        const struct span schema_row = { (const uint8_t *) "schema", 6 };
        const uint8_t later[4] = { 0, 1 };
        struct store_txn *txn = begin_turn(f);
        struct store *store = NULL;
        char writer[32] = "";
        uint32_t schema = 0;
        pid_t holder;

        assert_int_equal(row_put(txn, DB_META, schema_row, (struct span){ later, 4 }), 0);
        commit(txn);
        store_close(&f->store);
        assert_int_equal(store_open(f->dir, FIXTURE_MAP, &store, &holder), -EPROTO);
        assert_int_equal(store_read_schema(f->dir, &schema, writer, sizeof(writer)), 0);
        assert_int_equal(schema, 256);
        assert_string_equal(writer, SESSJWT_VERSION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_copy_has_what_was_committed_and_agrees_with_itself),
                TEST(test_a_copy_has_no_secret_and_says_that_it_is_a_copy),
                TEST(test_a_copy_is_its_owners_only),
                TEST(test_a_copy_replaces_nothing_and_follows_no_link),
                TEST(test_a_copy_that_is_given_up_leaves_no_file),
                TEST(test_a_copy_is_of_one_moment_though_changes_go_on),
                TEST(test_a_store_that_does_not_agree_with_itself_is_not_copied),
                TEST(test_what_is_no_store_or_not_whole_is_not_opened),
                TEST(test_a_renewed_store_is_another_one_without_keys_and_with_all_else),
                TEST(test_a_new_store_has_not_been_seen),
                TEST(test_a_store_that_went_on_since_it_was_noted_is_not_behind),
                TEST(test_a_store_that_was_taken_back_or_is_another_one_is_behind),
                TEST(test_a_file_that_is_not_of_ours_tells_nothing),
                TEST(test_a_store_of_another_schema_says_which_and_who_wrote_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
