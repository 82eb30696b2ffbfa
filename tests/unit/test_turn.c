/* turn: who is taken when, and what one change's failure does to the others. */
#include "tests/unit/turn_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- order ---- */

static void test_what_waits_is_taken_together_ends_first_then_logins_then_the_public(void **state) {
        struct stage *s = *state;
        struct work gate, works[6] = { 0 };
        static const enum lane lanes[6] = { LANE_PUBLIC, LANE_LOGIN, LANE_INTERNAL, LANE_LOGIN, LANE_INTERNAL,
                LANE_PUBLIC };
        static const int order[6] = { 2, 4, 1, 3, 0, 5 };

        stage_hold(s, &gate);
        for (int i = 0; i < 6; i++)
                post(s, &works[i], lanes[i], (uid_t) (1000 + i));
        stage_go(s);
        take_done(s, 7);
        assert_int_equal(s->n_ran, 6);
        for (int i = 0; i < 6; i++) {
                assert_ptr_equal(s->ran[i], &works[order[i]]);
                assert_int_equal(s->batches[i], s->batches[0]);
        }
}

static void test_a_uid_has_one_public_change_a_turn_in_the_order_of_its_asking(void **state) {
        struct stage *s = *state;
        struct work gate, works[5] = { 0 };
        static const uid_t uids[5] = { 1000, 1000, 1000, 1001, 1001 };
        static const int order[5] = { 0, 3, 1, 4, 2 };
        static const size_t batch[5] = { 0, 0, 1, 1, 2 };

        stage_hold(s, &gate);
        for (int i = 0; i < 5; i++)
                post(s, &works[i], LANE_PUBLIC, uids[i]);
        for (int i = 0; i < 5; i++)
                works[i].opens = (unsigned) i + 1; /* a turn that writes nothing has no number of its own */
        stage_go(s);
        take_done(s, 6);
        for (int i = 0; i < 5; i++) {
                assert_ptr_equal(s->ran[i], &works[order[i]]);
                assert_int_equal(s->batches[i] - s->batches[0], batch[i]);
        }
        free_effects(works, 5);
}

/* 32 uids with two changes each, and a 33rd that came last: it goes before their second ones. */
static void test_a_uid_that_was_passed_over_goes_before_those_that_had_their_turn(void **state) {
        struct stage *s = *state;
        struct work gate, works[2 * PUBLIC_CHANGES_PER_TURN + 1] = { 0 };
        const size_t n = 2 * PUBLIC_CHANGES_PER_TURN + 1;

        stage_hold(s, &gate);
        for (size_t i = 0; i < n; i++) {
                works[i].opens = (unsigned) i + 1;
                post(s, &works[i], LANE_PUBLIC,
                        (uid_t) (i == n - 1 ? 5000 : 1000 + i % PUBLIC_CHANGES_PER_TURN));
        }
        stage_go(s);
        take_done(s, n + 1);
        for (size_t i = 0; i < PUBLIC_CHANGES_PER_TURN; i++) {
                assert_ptr_equal(s->ran[i], &works[i]);
                assert_int_equal(s->batches[i], s->batches[0]);
        }
        assert_ptr_equal(s->ran[PUBLIC_CHANGES_PER_TURN], &works[n - 1]);
        for (size_t i = PUBLIC_CHANGES_PER_TURN; i < 2 * PUBLIC_CHANGES_PER_TURN; i++)
                assert_int_equal(s->batches[i], s->batches[0] + 1);
        assert_int_equal(s->batches[n - 1], s->batches[0] + 2);
        free_effects(works, n);
}

static void test_a_flood_of_ends_does_not_hold_back_a_login(void **state) {
        struct stage *s = *state;
        struct work gate, login = { .opens = 1 };
        struct work *ends = calloc(600, sizeof(*ends));
        size_t place = 0;

        stage_hold(s, &gate);
        for (int i = 0; i < 600; i++)
                post(s, &ends[i], LANE_INTERNAL, 0);
        post(s, &login, LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 602);
        while (s->ran[place] != &login)
                place++;
        assert_true(place <= 256);
        assert_int_equal(s->n_ran, 601);
        free_effects(&login, 1);
        free(ends);
}

static void test_more_logins_than_a_turn_takes_are_all_run_in_order(void **state) {
        struct stage *s = *state;
        struct work gate, *logins = calloc(1500, sizeof(*logins));

        stage_hold(s, &gate);
        for (int i = 0; i < 1500; i++)
                post(s, &logins[i], LANE_LOGIN, 0);
        stage_go(s);
        assert_ptr_equal(take_done(s, 1501), &logins[1499]);
        for (int i = 0; i < 1500; i++)
                assert_ptr_equal(s->ran[i], &logins[i]);
        free(logins);
}

/* ---- done ---- */

static void test_nothing_is_done_before_its_commit(void **state) {
        struct stage *s = *state;
        struct work gate, work = { .opens = 1 };

        stage_hold(s, &gate);
        post(s, &work, LANE_LOGIN, 0);
        assert_null(turn_take_done(s->turn));
        assert_found(&s->store, 1, STORE_NOT_FOUND);
        stage_go(s);
        take_done(s, 2);
        assert_int_equal(work.change.result, 0);
        assert_int_equal(work.change.effects.n, 1);
        assert_found(&s->store, 1, 0);
        assert_null(turn_take_done(s->turn));
        free_effects(&work, 1);
}

static void test_a_read_that_sees_what_was_not_taken_yet_can_tell(void **state) {
        struct stage *s = *state;
        struct work gate, work = { .opens = 1 };
        struct store_txn *txn = NULL;
        uint64_t before = turn_taken(s->turn);

        stage_hold(s, &gate);
        post(s, &work, LANE_LOGIN, 0);
        stage_go(s);
        wait_readable(turn_fd(s->turn));
        while (turn_taken(s->turn) == before) {
                assert_int_equal(store_begin_read(s->store.store, &txn), 0);
                if (store_sees(txn) > before) { /* committed: it is on its way */
                        assert_int_equal(turn_taken(s->turn), before);
                        store_abort(&txn);
                        take_done(s, 2);
                }
                store_abort(&txn);
        }
        assert_true(turn_taken(s->turn) > before);
        free_effects(&work, 1);
}

static void test_stopping_runs_what_was_posted_and_may_be_repeated(void **state) {
        struct stage *s = *state;
        struct work *works = calloc(200, sizeof(*works));
        size_t n = 0;

        for (unsigned i = 0; i < 200; i++) {
                works[i].opens = i + 1;
                post(s, &works[i], (enum lane)(i % _LANE_MAX), 1000);
        }
        turn_stop(s->turn);
        turn_stop(s->turn);
        for (struct change *change = turn_take_done(s->turn); change; change = change->next)
                n++;
        assert_int_equal(n, 200);
        for (unsigned i = 0; i < 200; i++)
                assert_found(&s->store, i + 1, 0);
        free_effects(works, 200);
        free(works);
}

/* ---- one fails ---- */

static void test_a_failing_change_undoes_only_itself_and_has_no_effects(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 }, { .opens = 2, .answer = -EACCES }, { .opens = 3 } };

        stage_hold(s, &gate);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 4);
        assert_int_equal(works[0].change.result, 0);
        assert_int_equal(works[1].change.result, -EACCES);
        assert_int_equal(works[1].change.effects.n, 0);
        assert_int_equal(works[2].change.result, 0);
        assert_int_equal(works[2].change.effects.n, 1);
        for (int i = 0; i < 3; i++)
                assert_int_equal(works[i].n_runs, 1);
        assert_found(&s->store, 1, 0);
        assert_found(&s->store, 2, STORE_NOT_FOUND);
        assert_found(&s->store, 3, 0);
        assert_false(turn_has_failed(s->turn));
        free_effects(works, 3);
}

static void test_an_outcome_keeps_what_was_put(void **state) {
        struct stage *s = *state;
        struct work work = { .opens = 1, .answer = 7 };

        post(s, &work, LANE_PUBLIC, 0);
        take_done(s, 1);
        assert_int_equal(work.change.result, 7);
        assert_int_equal(work.change.effects.n, 1);
        assert_found(&s->store, 1, 0);
        free_effects(&work, 1);
}

/* The map of a mebibyte has no room for so many devices. */
static void test_an_error_of_the_store_that_a_change_hides_undoes_it_alone(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 }, { .opens = 2, .n_devices = 20000, .swallows = true },
                { .opens = 3 } };

        turn_free(&s->turn);
        store_close(&s->store.store);
        fixture_remove_files(&s->store);
        fixture_reopen(&s->store, 1U << 20);
        assert_int_equal(turn_new(s->store.store, &s->turn), 0);
        stage_hold(s, &gate);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 4);
        assert_int_equal(works[1].change.result, -ENOSPC);
        assert_int_equal(works[1].change.effects.n, 0);
        assert_int_equal(works[0].change.result, 0);
        assert_int_equal(works[2].change.result, 0);
        assert_found(&s->store, 1, 0);
        assert_found(&s->store, 2, STORE_NOT_FOUND);
        assert_found(&s->store, 3, 0);
        free_effects(works, 3);
}

/* ---- history ---- */

static uint64_t count_events(struct stage *s) {
        struct store_txn *read = begin_read(&s->store);
        uint64_t n;

        assert_int_equal(store_count_events(read, &n), 0);
        store_abort(&read);
        return n;
}

static void test_what_a_change_did_is_in_history_with_it_and_what_failed_is_not(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 }, { .opens = 2, .answer = -EACCES }, { .opens = 3 } };

        stage_hold(s, &gate);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 4);
        assert_int_equal(count_events(s), 2);
        assert_true(works[0].change.effects.items[0].wall > 0);
        free_effects(works, 3);
}

static void add_an_effect_that_cannot_be_kept(struct work *work) {
        struct session session = session_of(9, "default", "alice");

        memset(session.ip, 'x', sizeof(session.ip) - 1);
        session.methods = UINT32_MAX;
        assert_int_equal(
                effects_add(&work->change.effects, EFFECT_SESSION_ENDED, BY_USER, &session, NULL), 0);
}

/* Methods that there are not are kept nowhere: the change is run again, and stands without its row. */
static void test_a_row_that_cannot_be_kept_undoes_no_change(void **state) {
        struct stage *s = *state;
        struct work work = { .opens = 1, .also = add_an_effect_that_cannot_be_kept };

        post(s, &work, LANE_LOGIN, 0);
        take_done(s, 1);
        assert_int_equal(work.change.result, 0);
        assert_int_equal(work.n_runs, 2);
        assert_found(&s->store, 1, 0);
        assert_int_equal(count_events(s), 0);
        free_effects(&work, 1);
}

/* ---- the commit fails ---- */

static void limit_growth_to(struct fixture *f, long pages) {
        struct rlimit limit;
        struct stat st;
        char path[80];

        snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
        assert_int_equal(stat(path, &st), 0);
        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = pages < 0 ? RLIM_INFINITY : (rlim_t) st.st_size + (rlim_t) pages * 4096;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_without_space_for_all_each_is_tried_alone_from_empty_effects(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 }, { .opens = 2, .n_devices = 2000 }, { .opens = 3 } };

        stage_hold(s, &gate);
        limit_growth_to(&s->store, 40);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 4);
        limit_growth_to(&s->store, -1);
        assert_int_equal(works[0].change.result, 0);
        assert_int_equal(works[1].change.result, -ENOSPC);
        assert_int_equal(works[2].change.result, 0);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(works[i].n_runs, 2);
                assert_int_equal(works[i].change.effects.n, i == 1 ? 0 : 1);
        }
        assert_found(&s->store, 1, 0);
        assert_found(&s->store, 2, STORE_NOT_FOUND);
        assert_found(&s->store, 3, 0);
        assert_false(turn_has_failed(s->turn));
        works[1].answer = 0;
        post(s, &works[1], LANE_LOGIN, 0); /* there is space again */
        take_done(s, 1);
        assert_int_equal(works[1].change.result, 0);
        assert_found(&s->store, 2, 0);
        free_effects(works, 3);
}

static int store_fd(const struct stage *s) {
        int fd;

        assert_int_equal(mdb_env_get_fd(s->store.store->env, &fd), 0);
        return fd;
}

/* The store's file under its descriptor becomes another one; what it was. */
static int replace_store_fd(const struct stage *s, const char *path, int flags) {
        int fd = store_fd(s), was = fcntl(fd, F_DUPFD_CLOEXEC, 3), other = open(path, flags | O_CLOEXEC);

        assert_true(was >= 0 && other >= 0);
        assert_int_equal(dup2(other, fd), fd);
        close(other);
        return was;
}

static void restore_store_fd(const struct stage *s, int was) {
        assert_int_equal(dup2(was, store_fd(s)), store_fd(s));
        close(was);
}

static void test_a_full_disk_fails_all_and_not_the_turn(void **state) {
        struct stage *s = *state;
        struct work gate, works[2] = { { .opens = 1 }, { .opens = 2 } };
        int was;

        stage_hold(s, &gate);
        was = replace_store_fd(s, "/dev/full", O_RDWR);
        for (int i = 0; i < 2; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 3);
        restore_store_fd(s, was);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(works[i].change.result, -ENOSPC);
                assert_int_equal(works[i].change.effects.n, 0);
        }
        assert_false(turn_has_failed(s->turn));
        free_effects(works, 2);
}

static void test_a_failed_commit_answers_all_with_an_error_and_marks_the_turn(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 }, { .opens = 2, .answer = 5 }, { .answer = -EACCES } };
        int was;

        stage_hold(s, &gate);
        was = replace_store_fd(s, "/dev/null", O_RDONLY);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        assert_false(turn_has_failed(s->turn));
        stage_go(s);
        take_done(s, 4);
        restore_store_fd(s, was);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(works[i].change.result, -EIO);
                assert_int_equal(works[i].change.effects.n, 0);
                assert_int_equal(works[i].n_runs, 1);
        }
        assert_true(turn_has_failed(s->turn));
        assert_found(&s->store, 1, STORE_NOT_FOUND);
        free_effects(works, 3);
}

static void break_the_store_when_alone(struct work *work) {
        if (work->n_runs == 2)
                close(replace_store_fd(work->stage, "/dev/null", O_RDONLY));
}

/* Tried alone, the first is durable when the second meets a broken store: it is told so. */
static void test_a_change_that_was_kept_alone_is_not_told_otherwise(void **state) {
        struct stage *s = *state;
        struct work gate, works[3] = { { .opens = 1 },
                { .opens = 2, .n_devices = 2000, .also = break_the_store_when_alone }, { .opens = 3 } };
        int was = fcntl(store_fd(s), F_DUPFD_CLOEXEC, 3);

        stage_hold(s, &gate);
        limit_growth_to(&s->store, 40);
        for (int i = 0; i < 3; i++)
                post(s, &works[i], LANE_LOGIN, 0);
        stage_go(s);
        take_done(s, 4);
        limit_growth_to(&s->store, -1);
        restore_store_fd(s, was);
        assert_int_equal(works[0].change.result, 0);
        assert_int_equal(works[0].change.effects.n, 1);
        assert_found(&s->store, 1, 0);
        for (int i = 1; i < 3; i++) {
                assert_int_equal(works[i].change.result, -EIO);
                assert_int_equal(works[i].change.effects.n, 0);
        }
        assert_found(&s->store, 2, STORE_NOT_FOUND);
        assert_found(&s->store, 3, STORE_NOT_FOUND);
        assert_true(turn_has_failed(s->turn));
        free_effects(works, 3);
}

#define turn_test(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                turn_test(test_what_waits_is_taken_together_ends_first_then_logins_then_the_public),
                turn_test(test_a_uid_has_one_public_change_a_turn_in_the_order_of_its_asking),
                turn_test(test_a_uid_that_was_passed_over_goes_before_those_that_had_their_turn),
                turn_test(test_a_flood_of_ends_does_not_hold_back_a_login),
                turn_test(test_more_logins_than_a_turn_takes_are_all_run_in_order),
                turn_test(test_nothing_is_done_before_its_commit),
                turn_test(test_a_read_that_sees_what_was_not_taken_yet_can_tell),
                turn_test(test_stopping_runs_what_was_posted_and_may_be_repeated),
                turn_test(test_a_failing_change_undoes_only_itself_and_has_no_effects),
                turn_test(test_an_outcome_keeps_what_was_put),
                turn_test(test_an_error_of_the_store_that_a_change_hides_undoes_it_alone),
                turn_test(test_what_a_change_did_is_in_history_with_it_and_what_failed_is_not),
                turn_test(test_a_row_that_cannot_be_kept_undoes_no_change),
                turn_test(test_without_space_for_all_each_is_tried_alone_from_empty_effects),
                turn_test(test_a_full_disk_fails_all_and_not_the_turn),
                turn_test(test_a_failed_commit_answers_all_with_an_error_and_marks_the_turn),
                turn_test(test_a_change_that_was_kept_alone_is_not_told_otherwise),
        };

        return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
