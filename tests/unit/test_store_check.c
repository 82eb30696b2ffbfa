/* Rows that do not agree are told by store_check, and harm no others. */
#include "tests/unit/store_fixture.h"

struct break_case {
        enum database db;
        const char *says;
};

static struct span key_in(struct store_txn *txn, enum database db, struct span *ret_value) {
        struct span key;

        assert_int_equal(row_seek(txn, db, SPAN_EMPTY, false, &key, ret_value), 0);
        return key;
}

static void assert_check_says(struct store_txn *txn, const char *says) {
        char error[256] = "";

        assert_int_equal(store_check(txn, error, sizeof(error)), -EBADMSG);
        if (!strstr(error, says))
                fail_msg("said '%s', not '%s'", error, says);
}

static void test_a_missing_row_is_told(void **state) {
        static const struct break_case cases[] = {
                { DB_USER, "sid 0102" },
                { DB_SID, "not found by its sid" },
                { DB_LEADER, "not found by its leader" },
                { DB_DEADLINE, "not found by its deadline" },
                { DB_OWNER, "not found by its owner" },
        };
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice");

        s.deadline_boot = 5;
        open_alone(f, &s);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct store_txn *turn = begin_turn(f);
                uint8_t copy[RECORD_KEY_MAX];
                struct span key, value;

                key = key_in(turn, cases[i].db, &value);
                memcpy(copy, key.bytes, key.size);
                assert_int_equal(row_remove(turn, cases[i].db, (struct span){ copy, key.size }), 0);
                assert_check_says(turn, cases[i].says);
                store_abort(&turn);
        }
}

static void test_a_row_too_many_is_told(void **state) {
        static const struct break_case cases[] = {
                { DB_USER, "unknown kind" },
                { DB_SID, "points to no session" },
                { DB_LEADER, "points to no" },
                { DB_DEADLINE, "points to no" },
                { DB_OWNER, "names nobody" },
                { DB_KEY, "too long" },
        };
        struct fixture *f = *state;
        uint8_t junk[100];

        memset(junk, 0x7f, sizeof(junk));
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct store_txn *turn = begin_turn(f);

                assert_int_equal(
                        row_put(turn, cases[i].db, (struct span){ junk, sizeof(junk) }, SPAN_EMPTY), 0);
                assert_check_says(turn, cases[i].says);
                store_abort(&turn);
        }
}

static void test_an_index_row_of_another_time_or_leader_is_told(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice"), other;
        struct store_txn *turn;
        struct index_key key;

        s.deadline_boot = 5;
        open_alone(f, &s);
        other = s;
        other.deadline_boot = 6;
        other.leader.start++;

        turn = begin_turn(f);
        index_key_deadline_of(&other, &key);
        assert_int_equal(row_put(turn, DB_DEADLINE, SPAN(key), SPAN_EMPTY), 0);
        assert_check_says(turn, "without that deadline");
        store_abort(&turn);
        turn = begin_turn(f);
        index_key_leader_of(&other, &key);
        assert_int_equal(row_put(turn, DB_LEADER, SPAN(key), SPAN_EMPTY), 0);
        assert_check_says(turn, "of another leader");
        store_abort(&turn);
}

static void test_a_record_under_anothers_key_is_not_read(void **state) {
        struct fixture *f = *state;
        struct session s = session_of(1, "default", "alice"), out;
        struct device d = device_of(1, "default", "alice"), device_out;
        struct store_txn *turn = begin_turn(f);
        struct record_key session_key, device_key;
        uint8_t record[RECORD_MAX];
        size_t size;

        open_session(turn, &s);
        s.uid++;
        strcpy(s.user, "bob");
        assert_int_equal(record_write_session(&s, record, sizeof(record), &size), 0);
        record_key_session("default", "alice", &s.sid, &session_key);
        assert_int_equal(row_put(turn, DB_USER, SPAN(session_key), (struct span){ record, size }), 0);
        assert_int_equal(store_find_session(turn, &s.sid, &out), -EBADMSG);
        assert_int_equal(store_remove_session(turn, &s.sid), -EBADMSG);

        record_key_device("default", "alice", &d.id, &device_key);
        d.id.bytes[0]++;
        assert_int_equal(record_write_device(&d, record, sizeof(record), &size), 0);
        assert_int_equal(row_put(turn, DB_USER, SPAN(device_key), (struct span){ record, size }), 0);
        d.id.bytes[0]--;
        assert_int_equal(store_find_device(turn, "default", "alice", &d.id, &device_out), -EBADMSG);
        assert_check_says(turn, "not a device of that name");
        store_abort(&turn);
}

static void test_a_device_that_its_id_does_not_lead_to_is_told(void **state) {
        struct fixture *f = *state;
        struct device d = device_of(1, "default", "alice"), out;
        struct store_txn *turn = begin_turn(f), *request = begin_request(turn);
        struct record_key key;

        assert_int_equal(store_put_device(request, &d), 0);
        assert_int_equal(row_remove(request, DB_DEVICE, SPAN_OF_ID(&d.id)), 0);
        assert_check_says(request, "not found by its id");
        store_abort(&request);

        request = begin_request(turn);
        assert_int_equal(store_put_device(request, &d), 0);
        record_key_device("default", "alice", &d.id, &key);
        assert_int_equal(row_remove(request, DB_USER, SPAN(key)), 0);
        assert_int_equal(store_load_device(request, &d.id, &out), -EBADMSG);
        assert_check_says(request, "points to no device");
        store_abort(&request);
        store_abort(&turn);
}

static void test_a_list_goes_on_behind_what_it_cannot_read(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct store_cursor c[4] = { 0 };
        struct sid first = sid_of(1);
        struct record_key key;
        struct session s, out;

        for (unsigned n = 1; n <= 2; n++) {
                s = session_of(n, "default", "alice");
                s.leader.start = s.leader.pid = 1;
                open_session(turn, &s);
        }
        record_key_session("default", "alice", &first, &key);
        assert_int_equal(row_put(turn, DB_USER, SPAN(key), SPAN_EMPTY), 0);

        assert_int_equal(store_next_session(turn, &c[0], &out), -EBADMSG);
        assert_int_equal(store_next_session(turn, &c[0], &out), 0);
        assert_sid(&out, 2);
        assert_int_equal(store_next_session_of_user(turn, "default", "alice", &c[1], &out), -EBADMSG);
        assert_int_equal(store_next_session_of_user(turn, "default", "alice", &c[1], &out), 0);
        assert_sid(&out, 2);
        assert_int_equal(store_next_session_of_uid(turn, 1000, &c[2], &out), -EBADMSG);
        assert_int_equal(store_next_session_of_uid(turn, 1000, &c[2], &out), 0);
        assert_sid(&out, 2);
        assert_int_equal(store_next_session_of_leader(turn, &s.leader, &c[3], &out), -EBADMSG);
        assert_int_equal(store_next_session_of_leader(turn, &s.leader, &c[3], &out), 0);
        assert_sid(&out, 2);
        store_abort(&turn);
}

static void test_a_change_of_a_password_that_is_none_is_told(void **state) {
        static const char key[] = "password\0default\0alice";
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);

        assert_int_equal(row_put(turn, DB_META, (struct span){ (const uint8_t *) key, sizeof(key) },
                                 (struct span){ (const uint8_t *) "junk", 4 }),
                0);
        assert_check_says(turn, "no change of a password");
        store_abort(&turn);
}

/* ---- a file whose pages lead to the wrong ones: LMDB's format, as far as that needs it ---- */

struct page {
        uint64_t number;
        uint16_t pad, flags, lower, upper;
        uint16_t nodes[]; /* where each begins */
};

struct node {
        uint16_t low, middle, high; /* of a branch: 48 bits of the number of the page that it leads to */
        uint16_t key_size;
};

#define PAGE_IS_BRANCH 1

static void lead_to_the_first_child(struct page *page) {
        const struct node *first = (const struct node *) ((uint8_t *) page + page->nodes[0]);
        size_t n = (page->lower - sizeof(*page)) / sizeof(page->nodes[0]);

        for (size_t i = 1; i < n; i++) {
                struct node *node = (struct node *) ((uint8_t *) page + page->nodes[i]);

                node->low = first->low, node->middle = first->middle, node->high = first->high;
        }
}

static void turn_branches_in(const char *path) {
        size_t page_size = (size_t) sysconf(_SC_PAGESIZE), n_branches = 0;
        union {
                struct page page;
                uint8_t bytes[65536];
        } buf;
        FILE *file = fopen(path, "r+b");

        assert_non_null(file);
        for (long at = 0; fread(buf.bytes, page_size, 1, file) == 1; at += (long) page_size) {
                if (buf.page.flags != PAGE_IS_BRANCH)
                        continue;
                lead_to_the_first_child(&buf.page);
                assert_int_equal(fseek(file, at, SEEK_SET), 0);
                assert_int_equal(fwrite(buf.bytes, page_size, 1, file), 1);
                assert_int_equal(fseek(file, at + (long) page_size, SEEK_SET), 0);
                n_branches++;
        }
        assert_true(n_branches > 0);
        assert_int_equal(fclose(file), 0);
}

static void test_pages_that_lead_in_circles_are_told_and_end(void **state) {
        struct fixture *f = *state;
        struct store_txn *txn = begin_turn(f);
        struct account account;
        char path[64];

        for (unsigned i = 0; i < 2000; i++) {
                char user[16];

                snprintf(user, sizeof(user), "user%04u", i);
                account = account_of("default", user);
                assert_int_equal(store_put_account(txn, &account), 0);
        }
        assert_consistent(txn);
        commit(txn);
        store_close(&f->store);
        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        turn_branches_in(path);
        fixture_reopen(f, FIXTURE_MAP);
        txn = begin_read(f);
        assert_check_says(txn, "stands behind a later one");
        store_abort(&txn);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_pages_that_lead_in_circles_are_told_and_end),
                store_test(test_a_change_of_a_password_that_is_none_is_told),
                store_test(test_a_missing_row_is_told),
                store_test(test_a_row_too_many_is_told),
                store_test(test_an_index_row_of_another_time_or_leader_is_told),
                store_test(test_a_record_under_anothers_key_is_not_read),
                store_test(test_a_device_that_its_id_does_not_lead_to_is_told),
                store_test(test_a_list_goes_on_behind_what_it_cannot_read),
        };

        return cmocka_run_group_tests_name("store_check", tests, NULL, NULL);
}
