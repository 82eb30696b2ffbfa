/* History in the store: the order of keeping, a list a user, what is dropped, and what a row costs. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>

static struct event event_by(const char *user, uint32_t uid, usec_t wall) {
        struct event event = { .kind = "login",
                .wall = wall,
                .realm = "default",
                .uid = uid,
                .sid = sid_of(1),
                .service = "sshd",
                .device = { { 1 } },
                .device_name = "ed25519 SHA256:0v87jrJC",
                .ip = "192.0.2.7",
                .methods = METHOD_KEY,
                .initiator = BY_USER };

        strcpy(event.user, user);
        return event;
}

static void add(struct store_txn *txn, const char *user, usec_t wall) {
        const struct event event = event_by(user, 1000, wall);

        assert_int_equal(store_add_event(txn, &event), 0);
}

/* The walls of a user's events, newest first; reads no other row. Returns how many. */
static size_t walls_of(struct store_txn *txn, const char *user, usec_t *walls, size_t max) {
        uint64_t sequence = 0;
        size_t n = 0;
        int r = store_newest_event_of_user(txn, "default", user, &sequence);

        while (r == 0 && sequence > 0 && n < max) {
                struct event event;

                r = store_find_event(txn, sequence, &event, &sequence);
                if (r == 0) {
                        assert_string_equal(event.user, user);
                        walls[n++] = event.wall;
                }
        }
        return n;
}

static void test_rows_stand_in_the_order_of_keeping_whatever_the_clock_says(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct event event;
        uint64_t sequence;
        usec_t walls[8];

        assert_int_equal(store_newest_event(turn, &sequence), STORE_NOT_FOUND);
        add(turn, "alice", 500);
        add(turn, "alice", 100); /* the clock was set back */
        add(turn, "alice", 300);
        assert_int_equal(walls_of(turn, "alice", walls, 8), 3);
        assert_true(walls[0] == 300 && walls[1] == 100 && walls[2] == 500);
        assert_int_equal(store_newest_event(turn, &sequence), 0);
        assert_int_equal(sequence, 3);
        assert_int_equal(store_oldest_event(turn, &sequence, &event), 0);
        assert_true(sequence == 1 && event.wall == 500);
        assert_int_equal(store_event_before(turn, 2, &sequence), 0);
        assert_int_equal(sequence, 1);
        assert_int_equal(store_event_before(turn, UINT64_MAX, &sequence), 0);
        assert_int_equal(sequence, 3);
        assert_int_equal(store_event_before(turn, 1, &sequence), STORE_NOT_FOUND);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_row_is_read_as_it_was_kept(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct event kept = event_by("alice", 1000, 7), found;
        uint64_t previous;

        kept.end = END_EVICTED;
        strcpy(kept.kind, "evicted");
        strcpy(kept.note, "laptop at 192.0.2.7");
        assert_int_equal(store_add_event(turn, &kept), 0);
        assert_int_equal(store_find_event(turn, 1, &found, &previous), 0);
        assert_string_equal(found.kind, "evicted");
        assert_string_equal(found.realm, "default");
        assert_string_equal(found.device_name, kept.device_name);
        assert_string_equal(found.ip, kept.ip);
        assert_string_equal(found.note, kept.note);
        assert_true(found.end == END_EVICTED && found.uid == 1000 && found.methods == METHOD_KEY);
        assert_int_equal(store_find_event(turn, 2, &found, &previous), STORE_NOT_FOUND);
        commit(turn);
}

static void test_users_and_realms_and_nobody_have_lists_of_their_own(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct event other = event_by("alice", 1001, 2), nobody = event_by("", EVENT_UID_NONE, 3);
        uint64_t sequence;
        usec_t walls[8];

        add(turn, "alice", 1);
        strcpy(other.realm, "shop");
        assert_int_equal(store_add_event(turn, &other), 0);
        assert_int_equal(store_add_event(turn, &nobody), 0);
        add(turn, "alic", 4);
        add(turn, "?", 5);
        assert_int_equal(walls_of(turn, "alice", walls, 8), 1);
        assert_int_equal(walls[0], 1);
        assert_int_equal(walls_of(turn, "?", walls, 8), 1);
        assert_int_equal(store_newest_event_of_user(turn, "shop", "alice", &sequence), 0);
        assert_int_equal(sequence, 2);
        assert_int_equal(store_newest_event_of_user(turn, "default", "", &sequence), STORE_NOT_FOUND);
        assert_consistent(turn);
        commit(turn);
}

static void test_what_is_dropped_leaves_no_trace_and_no_sequence_comes_again(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        uint64_t sequence, n;
        usec_t walls[8];

        add(turn, "alice", 1);
        add(turn, "bob", 2);
        add(turn, "bob", 3);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(store_drop_oldest_event(turn), 0);
                assert_consistent(turn);
        }
        assert_int_equal(store_newest_event_of_user(turn, "default", "alice", &sequence), STORE_NOT_FOUND);
        assert_int_equal(walls_of(turn, "bob", walls, 8), 1);
        assert_int_equal(store_drop_oldest_event(turn), STORE_NOT_FOUND); /* the last one stays */
        assert_int_equal(store_count_events(turn, &n), 0);
        assert_int_equal(n, 1);
        add(turn, "alice", 4);
        assert_int_equal(store_newest_event(turn, &sequence), 0);
        assert_int_equal(sequence, 4);
        assert_consistent(turn);
        commit(turn);
}

static void test_a_row_that_leads_elsewhere_is_told(void **state) {
        static const struct {
                const char *user;
                uint64_t previous;
                const char *says;
        } cases[] = {
                { "alice", 9, "does not lead back" },
                { "bob", 1, "leads to another's event" },
                { "carol", 0, "not found by its user" },
                { "", 1, "nobody's" },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct store_txn *turn = begin_turn(f);
                struct history_row row = { .event = event_by(cases[i].user, 1000, 1),
                        .previous = cases[i].previous };
                uint8_t record[RECORD_MAX], key[8] = { 0, 0, 0, 0, 0, 0, 0, 3 };
                char error[256] = "";
                size_t size;

                add(turn, "alice", 1);
                add(turn, "bob", 2);
                add(turn, strcmp(cases[i].user, "bob") ? "alice" : "bob", 3);
                assert_int_equal(record_write_history(&row, record, sizeof(record), &size), 0);
                assert_int_equal(
                        row_put(turn, DB_HISTORY, (struct span){ key, 8 }, (struct span){ record, size }), 0);
                assert_int_equal(store_check(turn, error, sizeof(error)), -EBADMSG);
                if (!strstr(error, cases[i].says) && !strstr(error, "another's event"))
                        fail_msg("said '%s', not '%s'", error, cases[i].says);
                store_abort(&turn);
        }
}

static void test_where_a_list_begins_is_no_session_to_who_walks_them_all(void **state) {
        struct fixture *f = *state;
        struct store_txn *turn = begin_turn(f);
        struct session session = session_of(1, "default", "bob"), found;
        struct store_cursor cursor = { 0 };

        add(turn, "alice", 1);
        add(turn, "bob", 2);
        add(turn, "carol", 3);
        open_session(turn, &session);
        assert_int_equal(store_next_session_by_user(turn, &cursor, &found), 0);
        assert_same_session(&found, &session);
        assert_int_equal(store_next_session_by_user(turn, &cursor, &found), STORE_END);
        commit(turn);
}

/* ---- what it costs ---- */

#define ROWS  100000
#define USERS 1000

static void fill(struct fixture *f) {
        for (unsigned i = 0; i < ROWS;) {
                struct store_txn *turn = begin_turn(f);

                for (unsigned k = 0; k < 1000; k++, i++) {
                        char user[16];

                        snprintf(user, sizeof(user), "user%u", i % USERS);
                        add(turn, user, i);
                }
                commit(turn);
        }
}

static size_t bytes_written(void) {
        char text[512] = "", *line;
        int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
        close(fd);
        line = strstr(text, "wchar: ");
        assert_non_null(line);
        return strtoull(line + strlen("wchar: "), NULL, 10);
}

static size_t pages_of_a_login(struct fixture *f, unsigned n, bool has_event) {
        struct session session = session_of(n, "default", "");
        struct store_txn *turn = begin_turn(f);
        struct device device;
        size_t before;

        snprintf(session.user, sizeof(session.user), "user%u", n * 37 % USERS);
        device = device_of(n, "default", session.user);
        open_session(turn, &session);
        assert_int_equal(store_put_device(turn, &device), 0);
        if (has_event)
                add(turn, session.user, n);
        before = bytes_written();
        commit(turn);
        return (bytes_written() - before) / 4096;
}

/* Of pages: the last of history and those above it; the user's own page is written anyway. */
static void test_a_row_adds_the_end_of_history_to_a_login_and_no_other_page(void **state) {
        struct fixture *f = *state;
        size_t with = 0, without = 0;
        MDB_stat st;
        struct store_txn *read;

        fill(f);
        read = begin_read(f);
        assert_int_equal(mdb_stat(read->mdb, f->store->dbs[DB_HISTORY], &st), 0);
        store_abort(&read);
        for (unsigned i = 1; i <= 64; i++) {
                without += pages_of_a_login(f, 2 * i, false);
                with += pages_of_a_login(f, 2 * i + 1, true);
        }
        print_message("a login alone: %.1f pages, %.1f with its row in history, whose tree is %u deep\n",
                (double) without / 64, (double) with / 64, st.ms_depth);
        assert_true(with > without);
        assert_true((double) (with - without) / 64 <= st.ms_depth + 0.5);
}

/* Newest ten of one of a thousand users: ten rows are read, not the ten thousand that lie between them. */
static void test_a_users_history_is_read_without_passing_over_others(void **state) {
        struct fixture *f = *state;
        struct store_txn *read;
        usec_t walls[ROWS / USERS + 1];

        fill(f);
        read = begin_read(f);
        assert_int_equal(walls_of(read, "user7", walls, 10), 10);
        for (size_t i = 0; i < 10; i++)
                assert_int_equal(walls[i], ROWS - USERS * (i + 1) + 7);
        assert_int_equal(walls_of(read, "user7", walls, ROWS), ROWS / USERS);
        store_abort(&read);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                store_test(test_rows_stand_in_the_order_of_keeping_whatever_the_clock_says),
                store_test(test_a_row_is_read_as_it_was_kept),
                store_test(test_users_and_realms_and_nobody_have_lists_of_their_own),
                store_test(test_what_is_dropped_leaves_no_trace_and_no_sequence_comes_again),
                store_test(test_a_row_that_leads_elsewhere_is_told),
                store_test(test_where_a_list_begins_is_no_session_to_who_walks_them_all),
                store_test(test_a_row_adds_the_end_of_history_to_a_login_and_no_other_page),
                store_test(test_a_users_history_is_read_without_passing_over_others),
        };

        return cmocka_run_group_tests_name("store_history", tests, NULL, NULL);
}
