/* Transactions, and what is left of them after an abort, kill -9, a full map or a full disk. */
#include "tests/unit/store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- transactions ---- */

static void test_a_request_undoes_only_itself(void **state) {
        struct fixture *f = *state;
        struct session a = session_of(1, "default", "alice"), b = session_of(2, "default", "bob"),
                       c = session_of(3, "default", "carol");
        struct store_txn *turn = begin_turn(f), *request;

        request = begin_request(turn);
        open_session(request, &a);
        commit(request);
        request = begin_request(turn);
        open_session(request, &b);
        store_abort(&request);
        assert_null(request);
        request = begin_request(turn);
        open_session(request, &c);
        commit(request);
        commit(turn);

        assert_found(f, 1, 0);
        assert_found(f, 2, STORE_NOT_FOUND);
        assert_found(f, 3, 0);
}

static void test_an_aborted_turn_undoes_its_requests(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");
        struct store_txn *turn = begin_turn(f), *request = begin_request(turn);

        open_session(request, &s);
        commit(request);
        store_abort(&turn);
        store_abort(&turn);
        assert_found(f, 1, STORE_NOT_FOUND);
}

static void test_a_read_sees_one_moment(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice"), out;
        struct store_txn *read = begin_read(f), *second = NULL;

        assert_int_equal(store_begin_read(f->store, &second), -EBUSY);
        open_alone(f, &s);
        assert_int_equal(store_find_session(read, &s.sid, &out), STORE_NOT_FOUND);
        commit(read);
        assert_found(f, 1, 0);
}

static void test_a_read_cannot_write(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");
        struct store_txn *read = begin_read(f);

        assert_int_equal(store_open_session(read, &s), -EACCES);
        store_abort(&read);
        assert_found(f, 1, STORE_NOT_FOUND);
        open_alone(f, &s);
        assert_found(f, 1, 0);
}

/* ---- kill -9 ---- */

/* Opens the store, commits session 1, leaves session 2 in a turn that is not committed, says so, and waits
 * to be killed. */
static void die_in_a_turn(const char *dir, int fd) {
        struct session first = session_of(1, "default", "alice"), second = session_of(2, "default", "alice");
        struct store_txn *turn = NULL, *request = NULL;
        struct store *store = NULL;
        pid_t holder;

        if (store_open(dir, FIXTURE_MAP, &store, &holder) || store_begin_turn(store, &turn) ||
                store_open_session(turn, &first) || store_commit(&turn))
                _exit(1);
        if (store_begin_turn(store, &turn) || store_remove_session(turn, &first.sid) ||
                store_begin_request(turn, &request) || store_open_session(request, &second) ||
                store_commit(&request))
                _exit(2);
        if (write(fd, "!", 1) != 1)
                _exit(3);
        for (;;)
                pause();
}

/* Ends a child that has reached the point it was to reach. */
static void kill_child(pid_t pid, int fd) {
        char byte;
        int status;

        assert_int_equal(read(fd, &byte, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        close(fd);
}

static void test_a_kill_loses_the_turn_that_was_not_committed_and_no_other(void **state) {
        struct fixture *f = *state;
        struct store_txn *read;
        int fds[2];
        pid_t pid;

        store_close(&f->store);
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                die_in_a_turn(f->dir, fds[1]);
        close(fds[1]);
        kill_child(pid, fds[0]);

        fixture_reopen(f, FIXTURE_MAP);
        assert_found(f, 1, 0);
        assert_found(f, 2, STORE_NOT_FOUND);
        read = begin_read(f);
        assert_consistent(read);
        store_abort(&read);
}

static void die_reading(const char *dir, int fd) {
        MDB_env *env;
        MDB_txn *txn;

        if (mdb_env_create(&env) || mdb_env_open(env, dir, MDB_RDONLY, 0600) ||
                mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || write(fd, "!", 1) != 1)
                _exit(1);
        for (;;)
                pause();
}

static int count_line(const char *line, void *arg) {
        unsigned *n = arg;

        (*n)++;
        return 0;
}

static void test_a_killed_reader_is_cleared(void **state) {
        struct fixture *f = *state;
        unsigned before = 0, with_reader = 0, after = 0;
        int fds[2];
        pid_t pid;

        mdb_reader_list(f->store->env, count_line, &before);
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                die_reading(f->dir, fds[1]);
        close(fds[1]);
        kill_child(pid, fds[0]);

        mdb_reader_list(f->store->env, count_line, &with_reader);
        assert_int_equal(with_reader, before + 1);
        assert_int_equal(store_check_readers(f->store), 0);
        mdb_reader_list(f->store->env, count_line, &after);
        assert_int_equal(after, before);
}

/* ---- full ---- */

static int open_in_turn(struct fixture *f, unsigned n) {
        char user[16];
        struct session s;
        struct store_txn *turn;
        int r;

        snprintf(user, sizeof(user), "user%u", n * 7919 % 1000);
        s = session_of(n, "default", user);
        s.deadline_boot = n;
        turn = begin_turn(f);
        r = store_open_session(turn, &s);
        if (r)
                store_abort(&turn);
        else
                r = store_commit(&turn);
        return r;
}

/* Opens until the store says no; the number of those opened. */
static unsigned fill_with_sessions(struct fixture *f) {
        unsigned n = 0;
        int r;

        while ((r = open_in_turn(f, n)) == 0)
                n++;
        assert_int_equal(r, -ENOSPC);
        return n;
}

static unsigned usage(struct fixture *f) {
        struct store_txn *read = begin_read(f);
        unsigned permille;

        assert_int_equal(store_usage(read, &permille), 0);
        store_abort(&read);
        return permille;
}

static void end_all(struct fixture *f, unsigned n) {
        struct store_txn *turn, *request;
        struct session s;
        struct sid sid;

        for (unsigned i = 0; i < n; i++) {
                sid = sid_of(i);
                turn = begin_turn(f);
                request = begin_request(turn);
                assert_int_equal(store_find_session(request, &sid, &s), 0);
                s.state = SESSION_ENDING;
                s.end = END_REVOKED;
                assert_int_equal(store_put_session(request, &s), 0);
                commit(request);
                commit(turn);

                turn = begin_turn(f);
                assert_int_equal(store_remove_session(turn, &sid), 0);
                commit(turn);
        }
}

static void fill_end_and_fill_again(struct fixture *f, size_t map_size) {
        unsigned empty, n;

        store_close(&f->store);
        fixture_remove_files(f);
        fixture_reopen(f, map_size);
        empty = usage(f);
        n = fill_with_sessions(f);
        assert_true(n > 500);
        assert_true(usage(f) > 600 && usage(f) <= 901);
        end_all(f, n);
        assert_true(usage(f) < empty + 200);
        assert_true(fill_with_sessions(f) > n / 2);
}

static void test_a_tiny_map_that_is_full_refuses_opens_and_takes_every_end(void **state) {
        fill_end_and_fill_again(*state, 1U << 20);
}

static void test_opens_are_refused_at_nine_tenths(void **state) {
        struct fixture *f = *state;

        fill_end_and_fill_again(f, 4U << 20);
        assert_true(usage(f) >= 895);
}

/* Devices may use the last tenth too. The request that meets the end of the map cannot be committed; its
 * neighbours can. */
static void test_a_full_map_fails_one_request_and_not_the_turn(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn, *request;
        struct session s = session_of(1, "default", "alice");
        struct device d;
        unsigned n = 0;
        int r;

        store_close(&f->store);
        fixture_remove_files(f);
        fixture_reopen(f, 1U << 20);
        turn = begin_turn(f);
        request = begin_request(turn);
        open_session(request, &s);
        commit(request);

        request = begin_request(turn);
        do {
                d = device_of(n++, "default", "alice");
                r = store_put_device(request, &d);
        } while (!r);
        assert_int_equal(r, -ENOSPC);
        assert_int_equal(store_put_device(request, &d), -EIO);
        assert_int_equal(store_commit(&request), -ENOSPC);
        assert_null(request);

        request = begin_request(turn);
        d = device_of(0, "default", "alice");
        assert_int_equal(store_find_device(request, "default", "alice", &d.id, &d), STORE_NOT_FOUND);
        assert_int_equal(store_put_device(request, &d), 0);
        commit(request);
        assert_consistent(turn);
        commit(turn);
        assert_found(f, 1, 0);
}

static void limit_files_to(rlim_t size) {
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = size;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A turn of so many devices that the file must grow. */
static int put_devices(struct fixture *f, unsigned from, unsigned to) {
        struct store_txn *turn = begin_turn(f);
        struct device d;

        for (unsigned n = from; n < to; n++) {
                d = device_of(n, "default", "alice");
                assert_int_equal(store_put_device(turn, &d), 0);
        }
        return store_commit(&turn);
}

/* A limit on the size of files is met as a full disk is: the first write comes out short, the next ones
 * fail. */
static void test_a_full_disk_undoes_the_turn_and_the_store_lives_on(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");
        struct store_txn *read;
        struct stat st;
        char path[80];

        open_alone(f, &s);
        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        assert_int_equal(stat(path, &st), 0);
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);

        limit_files_to((rlim_t) st.st_size + 5 * 4096);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(put_devices(f, 0, 500), -ENOSPC);
        limit_files_to((rlim_t) st.st_size);
        assert_int_equal(put_devices(f, 0, 500), -ENOSPC);
        limit_files_to(RLIM_INFINITY);

        assert_found(f, 1, 0);
        assert_int_equal(put_devices(f, 0, 500), 0);
        fixture_reopen(f, FIXTURE_MAP);
        assert_found(f, 1, 0);
        read = begin_read(f);
        assert_consistent(read);
        store_abort(&read);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_a_request_undoes_only_itself),
                store_test(test_an_aborted_turn_undoes_its_requests),
                store_test(test_a_read_sees_one_moment),
                store_test(test_a_read_cannot_write),
                store_test(test_a_kill_loses_the_turn_that_was_not_committed_and_no_other),
                store_test(test_a_killed_reader_is_cleared),
                store_test(test_a_tiny_map_that_is_full_refuses_opens_and_takes_every_end),
                store_test(test_opens_are_refused_at_nine_tenths),
                store_test(test_a_full_map_fails_one_request_and_not_the_turn),
                store_test(test_a_full_disk_undoes_the_turn_and_the_store_lives_on),
        };

        return cmocka_run_group_tests_name("store_fault", tests, NULL, NULL);
}
