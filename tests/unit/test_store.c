/* What is put into the store is found by all its names, and by none when it is gone. */
#include "tests/unit/store_fixture.h"

/* ---- sessions ---- */

static void test_an_opened_session_is_found_by_all_its_names(void **state) {
        struct fixture *f = *state;
        struct session in = session_of(1, "default", "alice"), out;
        struct store_cursor c[4] = { 0 };
        struct store_txn *read;
        struct sid newest;
        uint64_t count;

        in.deadline_boot = 500;
        open_alone(f, &in);

        read = begin_read(f);
        assert_int_equal(store_find_session(read, &in.sid, &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_next_session_of_user(read, "default", "alice", &c[0], &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_next_session_of_user(read, "default", "alice", &c[0], &out), STORE_END);
        assert_int_equal(store_next_session_of_uid(read, 1000, &c[1], &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_next_session_of_uid(read, 1000, &c[1], &out), STORE_END);
        assert_int_equal(store_next_session_of_leader(read, &in.leader, &c[2], &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_next_session_of_leader(read, &in.leader, &c[2], &out), STORE_END);
        assert_int_equal(store_next_session(read, &c[3], &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_next_session(read, &c[3], &out), STORE_END);
        assert_int_equal(store_first_deadline(read, &out), 0);
        assert_same_session(&in, &out);
        assert_int_equal(store_newest_sid(read, &newest), 0);
        assert_memory_equal(newest.bytes, in.sid.bytes, 16);
        assert_int_equal(store_count_sessions(read, &count), 0);
        assert_int_equal(count, 1);
        assert_consistent(read);
        store_abort(&read);
}

static void assert_empty(struct store_txn *txn, const struct session *gone) {
        struct store_cursor c[4] = { 0 };
        struct session out;
        struct sid sid;
        uint64_t count;

        assert_int_equal(store_find_session(txn, &gone->sid, &out), STORE_NOT_FOUND);
        assert_int_equal(store_next_session_of_user(txn, gone->realm, gone->user, &c[0], &out), STORE_END);
        assert_int_equal(store_next_session_of_uid(txn, gone->uid, &c[1], &out), STORE_END);
        assert_int_equal(store_next_session_of_leader(txn, &gone->leader, &c[2], &out), STORE_END);
        assert_int_equal(store_next_session(txn, &c[3], &out), STORE_END);
        assert_int_equal(store_first_deadline(txn, &out), STORE_NOT_FOUND);
        assert_int_equal(store_newest_sid(txn, &sid), STORE_NOT_FOUND);
        assert_int_equal(store_count_sessions(txn, &count), 0);
        assert_int_equal(count, 0);
        assert_consistent(txn);
}

static void test_a_removed_session_is_found_by_none_of_them(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");
        struct store_txn *turn = begin_turn(f);

        s.deadline_boot = 500;
        assert_empty(turn, &s);
        open_session(turn, &s);
        assert_int_equal(store_remove_session(turn, &s.sid), 0);
        assert_empty(turn, &s);
        assert_int_equal(store_remove_session(turn, &s.sid), STORE_NOT_FOUND);
        commit(turn);
}

static void test_a_sid_is_opened_once(void **state) {
        struct fixture *f = *state;
        struct session first = session_of(1, "default", "alice"), second = session_of(1, "default", "bob"),
                       out;
        struct store_txn *turn = begin_turn(f);

        open_session(turn, &first);
        assert_int_equal(store_open_session(turn, &second), -EEXIST);
        assert_int_equal(store_find_session(turn, &first.sid, &out), 0);
        assert_string_equal(out.user, "alice");
        assert_consistent(turn);
        commit(turn);
}

static void test_a_session_that_cannot_be_written_changes_nothing(void **state) {
        struct fixture *f = *state;
        struct session good = session_of(1, "default", "alice"), bad = good;
        struct store_txn *turn = begin_turn(f);

        bad.state = 0;
        assert_int_equal(store_open_session(turn, &bad), -EINVAL);
        assert_empty(turn, &good);
        open_session(turn, &good);
        assert_int_equal(store_put_session(turn, &bad), -EINVAL);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_put_needs_a_session_of_that_user(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(store_put_session(turn, &s), STORE_NOT_FOUND);
        open_session(turn, &s);
        strcpy(s.user, "bob");
        assert_int_equal(store_put_session(turn, &s), -EINVAL);
        s = session_of(1, "other", "alice");
        assert_int_equal(store_put_session(turn, &s), -EINVAL);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_put_moves_the_leader(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice"), out;
        struct leader_id before = s.leader;
        struct store_cursor c[2] = { 0 };
        struct store_txn *turn = begin_turn(f);

        open_session(turn, &s);
        s.leader.start++;
        assert_int_equal(store_put_session(turn, &s), 0);
        assert_int_equal(store_next_session_of_leader(turn, &before, &c[0], &out), STORE_END);
        assert_int_equal(store_next_session_of_leader(turn, &s.leader, &c[1], &out), 0);
        assert_same_session(&s, &out);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_put_moves_the_deadline(void **state) {
        struct fixture *f = *state;
        struct session a = session_of(1, "default", "alice"), b = session_of(2, "default", "bob"), out;
        struct store_txn *turn = begin_turn(f);

        a.deadline_boot = 100;
        b.deadline_boot = 200;
        open_session(turn, &a);
        open_session(turn, &b);
        assert_int_equal(store_first_deadline(turn, &out), 0);
        assert_sid(&out, 1);
        a.deadline_boot = 300;
        assert_int_equal(store_put_session(turn, &a), 0);
        assert_int_equal(store_first_deadline(turn, &out), 0);
        assert_sid(&out, 2);
        b.deadline_boot = USEC_NEVER;
        assert_int_equal(store_put_session(turn, &b), 0);
        assert_int_equal(store_first_deadline(turn, &out), 0);
        assert_sid(&out, 1);
        assert_consistent(turn);
        commit(turn);
}

static void test_only_live_sessions_have_a_deadline(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice"), out;
        struct store_txn *turn = begin_turn(f);

        s.deadline_boot = 100;
        open_session(turn, &s);
        s.state = SESSION_ENDING;
        s.end = END_EXPIRED;
        assert_int_equal(store_put_session(turn, &s), 0);
        assert_int_equal(store_first_deadline(turn, &out), STORE_NOT_FOUND);
        assert_consistent(turn);
        s.state = SESSION_LIVE;
        assert_int_equal(store_put_session(turn, &s), 0);
        assert_int_equal(store_first_deadline(turn, &out), 0);
        s.state = SESSION_ENDED;
        assert_int_equal(store_put_session(turn, &s), 0);
        assert_int_equal(store_first_deadline(turn, &out), STORE_NOT_FOUND);
        assert_int_equal(store_remove_session(turn, &s.sid), 0);
        assert_consistent(turn);
        commit(turn);
}

static void test_deadlines_are_in_order_across_bytes(void **state) {
        static const usec_t deadlines[] = { 65536, 256, 255, 1, UINT64_MAX - 1, 0 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct session s, out;
        usec_t last = 0;

        for (unsigned i = 0; i < 6; i++) {
                s = session_of(i, "default", "alice");
                s.deadline_boot = deadlines[i];
                open_session(turn, &s);
        }
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(store_first_deadline(turn, &out), 0);
                assert_true(out.deadline_boot >= last);
                last = out.deadline_boot;
                assert_int_equal(store_remove_session(turn, &out.sid), 0);
        }
        assert_int_equal(store_first_deadline(turn, &out), STORE_NOT_FOUND);
        commit(turn);
}

static void test_names_at_their_limits_are_stored(void **state) {
        struct fixture *f = *state;
        char realm[REALM_MAX + 1] = "", user[USER_MAX + 1] = "";
        struct store_cursor c[2] = { 0 };
        struct store_txn *turn = begin_turn(f);
        struct session s, out;
        struct device d, device_out;

        memset(realm, 'r', REALM_MAX);
        memset(user, 'u', USER_MAX);
        s = session_of(1, realm, user);
        d = device_of(1, realm, user);
        open_session(turn, &s);
        assert_int_equal(store_put_device(turn, &d), 0);
        assert_int_equal(store_next_session_of_user(turn, realm, user, &c[0], &out), 0);
        assert_int_equal(store_next_session_of_uid(turn, 1000, &c[1], &out), 0);
        assert_same_session(&s, &out);
        assert_int_equal(store_find_device(turn, realm, user, &d.id, &device_out), 0);
        assert_consistent(turn);
        commit(turn);
}

static void test_names_past_their_limits_have_nothing(void **state) {
        struct fixture *f = *state;
        struct store_cursor c[3] = { 0 };
        struct store_txn *read = begin_read(f);
        struct device_id id = { { 0 } };
        char name[USER_MAX + 2] = "";
        struct session out;
        struct device device;

        memset(name, 'x', USER_MAX + 1);
        assert_int_equal(store_next_session_of_user(read, "default", name, &c[0], &out), STORE_END);
        assert_int_equal(store_next_session_of_user(read, name, "alice", &c[1], &out), STORE_END);
        assert_int_equal(store_next_device_of_user(read, "default", name, &c[2], &device), STORE_END);
        assert_int_equal(store_find_device(read, "default", name, &id, &device), STORE_NOT_FOUND);
        store_abort(&read);
}

/* ---- lists ---- */

static void test_a_users_list_ends_where_the_user_ends(void **state) {
        static const char *const names[][2] = { { "r", "a" }, { "r", "ab" }, { "ra", "a" }, { "r", "b" },
                { "q", "a" } };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct session s;
        struct device d;

        for (unsigned i = 0; i < 5; i++) {
                s = session_of(i, names[i][0], names[i][1]);
                d = device_of(i, names[i][0], names[i][1]);
                open_session(turn, &s);
                assert_int_equal(store_put_device(turn, &d), 0);
        }
        for (unsigned i = 0; i < 5; i++) {
                struct store_cursor c[2] = { 0 };

                assert_int_equal(store_next_session_of_user(turn, names[i][0], names[i][1], &c[0], &s), 0);
                assert_sid(&s, i);
                assert_int_equal(
                        store_next_session_of_user(turn, names[i][0], names[i][1], &c[0], &s), STORE_END);
                assert_int_equal(store_next_device_of_user(turn, names[i][0], names[i][1], &c[1], &d), 0);
                assert_int_equal(d.first_seen, i);
                assert_int_equal(
                        store_next_device_of_user(turn, names[i][0], names[i][1], &c[1], &d), STORE_END);
        }
        commit(turn);
}

static void test_a_list_outlives_its_transaction_and_its_rows(void **state) {
        static const unsigned seen[] = { 10, 20, 40, 50 };
        struct fixture *f = *state;
        struct store_cursor user = { 0 }, all = { 0 };
        struct session s;
        struct sid sid;

        for (unsigned n = 10; n <= 40; n += 10) {
                s = session_of(n, "default", "alice");
                open_alone(f, &s);
        }
        for (unsigned i = 0; i < 4; i++) {
                struct store_txn *turn = begin_turn(f);

                assert_int_equal(store_next_session_of_user(turn, "default", "alice", &user, &s), 0);
                assert_sid(&s, seen[i]);
                assert_int_equal(store_next_session(turn, &all, &s), 0);
                assert_sid(&s, seen[i]);
                /* The one just seen goes, one before it comes: neither is seen again */
                assert_int_equal(store_remove_session(turn, &s.sid), 0);
                s = session_of(seen[i] - 1, "default", "alice");
                open_session(turn, &s);
                if (i == 1) {
                        sid = sid_of(30);
                        assert_int_equal(store_remove_session(turn, &sid), 0);
                        s = session_of(50, "default", "alice");
                        open_session(turn, &s);
                }
                commit(turn);
        }
        {
                struct store_txn *read = begin_read(f);

                assert_int_equal(store_next_session_of_user(read, "default", "alice", &user, &s), STORE_END);
                assert_int_equal(store_next_session_of_user(read, "default", "alice", &user, &s), STORE_END);
                assert_int_equal(store_next_session(read, &all, &s), STORE_END);
                store_abort(&read);
        }
}

/* As at start, when those that are over are ended on the way. Two lists in turns, so that one finds the place
 * where it was and the other does not; pages are split and joined under both. */
static void test_lists_go_on_in_a_transaction_that_writes(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor lists[2] = { 0 };
        struct session s;

        for (unsigned n = 0; n < 400; n++) {
                s = session_of(2 * n, "default", "alice");
                open_session(turn, &s);
        }
        for (unsigned n = 0; n < 400; n++) {
                for (unsigned i = 0; i < 2; i++) {
                        assert_int_equal(
                                store_next_session_of_user(turn, "default", "alice", &lists[i], &s), 0);
                        assert_sid(&s, 2 * n);
                }
                if (n % 3 == 1)
                        assert_int_equal(store_remove_session(turn, &s.sid), 0);
                if (n % 3 == 2) { /* behind both */
                        s = session_of(2 * n - 1, "default", "alice");
                        open_session(turn, &s);
                }
        }
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(
                        store_next_session_of_user(turn, "default", "alice", &lists[i], &s), STORE_END);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_uid_is_listed_under_all_its_names_and_no_other(void **state) {
        static const struct {
                uint32_t uid;
                const char *realm, *user;
        } rows[] = { { 7, "a", "x" }, { 7, "a", "x" }, { 7, "a", "xy" }, { 7, "b", "x" }, { 8, "a", "z" },
                { 263, "a", "w" } };
        static const unsigned expected[] = { 0, 1, 2, 3 };
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c = { 0 };
        struct session s;

        for (unsigned i = 0; i < 6; i++) {
                s = session_of(i, rows[i].realm, rows[i].user);
                s.uid = rows[i].uid;
                open_session(turn, &s);
        }
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(store_next_session_of_uid(turn, 7, &c, &s), 0);
                assert_sid(&s, expected[i]);
        }
        assert_int_equal(store_next_session_of_uid(turn, 7, &c, &s), STORE_END);
        c = (struct store_cursor){ 0 };
        assert_int_equal(store_next_session_of_uid(turn, 9, &c, &s), STORE_END);
        commit(turn);
}

static void test_a_name_given_to_another_uid_is_listed_by_the_sessions_own(void **state) {
        struct fixture *f = *state;
        struct session old = session_of(1, "default", "alice"), new = session_of(2, "default", "alice"), out;
        struct store_cursor c[2] = { 0 };
        struct store_txn *turn = begin_turn(f);

        new.uid = 2000;
        open_session(turn, &old);
        open_session(turn, &new);
        assert_int_equal(store_next_session_of_uid(turn, 1000, &c[0], &out), 0);
        assert_sid(&out, 1);
        assert_int_equal(store_next_session_of_uid(turn, 1000, &c[0], &out), STORE_END);
        assert_int_equal(store_next_session_of_uid(turn, 2000, &c[1], &out), 0);
        assert_sid(&out, 2);
        assert_int_equal(store_next_session_of_uid(turn, 2000, &c[1], &out), STORE_END);

        old.uid = 3000;
        assert_int_equal(store_put_session(turn, &old), 0);
        c[0] = (struct store_cursor){ 0 };
        assert_int_equal(store_next_session_of_uid(turn, 3000, &c[0], &out), 0);
        assert_sid(&out, 1);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_leader_has_its_own_sessions_only(void **state) {
        struct fixture *f = *state;
        struct session s[4], out;
        struct store_cursor c = { 0 };
        struct store_txn *turn = begin_turn(f);

        for (unsigned i = 0; i < 4; i++) {
                s[i] = session_of(i, "default", i % 2 ? "alice" : "bob");
                s[i].leader = s[0].leader;
        }
        s[2].leader.start++;         /* the pid again, later */
        s[3].leader.boot.bytes[0]++; /* and after a reboot */
        for (unsigned i = 0; i < 4; i++)
                open_session(turn, &s[i]);
        assert_int_equal(store_next_session_of_leader(turn, &s[0].leader, &c, &out), 0);
        assert_sid(&out, 0);
        assert_int_equal(store_next_session_of_leader(turn, &s[0].leader, &c, &out), 0);
        assert_sid(&out, 1);
        assert_int_equal(store_next_session_of_leader(turn, &s[0].leader, &c, &out), STORE_END);
        commit(turn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_an_opened_session_is_found_by_all_its_names),
                store_test(test_a_removed_session_is_found_by_none_of_them),
                store_test(test_a_sid_is_opened_once),
                store_test(test_a_session_that_cannot_be_written_changes_nothing),
                store_test(test_a_put_needs_a_session_of_that_user),
                store_test(test_a_put_moves_the_leader),
                store_test(test_a_put_moves_the_deadline),
                store_test(test_only_live_sessions_have_a_deadline),
                store_test(test_deadlines_are_in_order_across_bytes),
                store_test(test_names_at_their_limits_are_stored),
                store_test(test_names_past_their_limits_have_nothing),
                store_test(test_a_users_list_ends_where_the_user_ends),
                store_test(test_a_list_outlives_its_transaction_and_its_rows),
                store_test(test_lists_go_on_in_a_transaction_that_writes),
                store_test(test_a_uid_is_listed_under_all_its_names_and_no_other),
                store_test(test_a_name_given_to_another_uid_is_listed_by_the_sessions_own),
                store_test(test_a_leader_has_its_own_sessions_only),
        };

        return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
