/* leader: processes watched by pidfd, told once when they are gone, never mistaken for another. */
#include "tests/unit/process_fixture.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "client/cleanup.h"

static struct leaders *new_leaders(size_t max) {
        struct leaders *leaders = NULL;

        assert_int_equal(leaders_new(max, NULL, &leaders), 0);
        return leaders;
}

static void watch(struct leaders *leaders, const struct child *child) {
        struct leader_id id = leader_of(child);
        int pidfd = same_pidfd(child);

        assert_int_equal(leaders_watch(leaders, &id, &pidfd), 0);
        cleanup_close(&pidfd);
}

static void assert_told(struct leaders *leaders, const struct leader_id *id) {
        struct leader_id gone[4];

        assert_true(is_readable(leaders_fd(leaders), PATIENCE_MSEC));
        assert_int_equal(leaders_take_gone(leaders, gone, 4), 1);
        assert_true(leader_id_equal(&gone[0], id));
}

static void assert_silent(struct leaders *leaders) {
        struct leader_id gone[4];

        assert_false(is_readable(leaders_fd(leaders), 0));
        assert_int_equal(leaders_take_gone(leaders, gone, 4), 0);
}

/* ---- watching ---- */

static void test_the_death_of_a_leader_is_told_once(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);

        watch(leaders, &child);
        assert_silent(leaders);
        child_become_zombie(&child);
        assert_told(leaders, &id);
        assert_silent(leaders);
        assert_non_null(leaders_find(leaders, &id));
        leaders_release(leaders, &id);
        assert_null(leaders_find(leaders, &id));
        assert_int_equal(leaders_count(leaders), 0);
        child_wait(&child);
        leaders_free(&leaders);
        assert_null(leaders);
}

static void test_a_death_whose_ends_were_not_kept_is_told_again(void **state) {
        struct child child = child_start(child_does_nothing, NULL),
                     alive = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child), other = leader_of(&alive);

        watch(leaders, &child);
        watch(leaders, &alive);
        child_become_zombie(&child);
        assert_told(leaders, &id);
        assert_silent(leaders);
        assert_int_equal(leaders_tell_again(leaders), 0);
        assert_told(leaders, &id);
        assert_silent(leaders);
        leaders_release(leaders, &id);
        assert_int_equal(leaders_tell_again(leaders), 0);
        assert_silent(leaders);
        child_wait(&child);
        leaders_release(leaders, &other);
        child_kill(&alive);
        leaders_free(&leaders);
}

/* An open was under way when its leader died and that was told: nobody else would say it to that session. */
static void test_a_session_that_comes_after_its_leaders_death_is_told_of_it(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);
        int no_pidfd = -1;

        watch(leaders, &child);
        child_become_zombie(&child);
        assert_told(leaders, &id);
        assert_int_equal(leaders_watch(leaders, &id, &no_pidfd), 0);
        assert_told(leaders, &id);
        leaders_release(leaders, &id);
        assert_non_null(leaders_find(leaders, &id));
        leaders_release(leaders, &id);
        assert_null(leaders_find(leaders, &id));
        child_wait(&child);
        leaders_free(&leaders);
}

static void test_a_leader_that_died_before_it_was_watched_is_told_too(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);
        int pidfd = same_pidfd(&child);

        child_kill(&child);
        assert_int_equal(leaders_watch(leaders, &id, &pidfd), 0);
        assert_int_equal(pidfd, -1);
        assert_told(leaders, &id);
        leaders_free(&leaders);
}

static void test_a_leader_of_two_sessions_is_watched_until_both_are_released(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);
        int second = same_pidfd(&child), kept = second;

        watch(leaders, &child);
        assert_int_equal(leaders_watch(leaders, &id, &second), 0);
        assert_int_equal(second, kept); /* not needed: still the caller's */
        close(second);
        assert_int_equal(leaders_count(leaders), 1);
        leaders_release(leaders, &id);
        assert_int_equal(leaders_find(leaders, &id)->n_sessions, 1);
        child_become_zombie(&child);
        assert_told(leaders, &id);
        leaders_release(leaders, &id);
        leaders_release(leaders, &id); /* once too often changes nothing */
        assert_int_equal(leaders_count(leaders), 0);
        child_wait(&child);
        leaders_free(&leaders);
}

/* The module keeps its copy of the descriptor: an epoll watch lives as long as any copy does. */
static void test_a_copy_of_the_pidfd_in_another_process_leaves_no_watch_behind(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct child holder;
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);

        watch(leaders, &child);
        holder = child_start(child_does_nothing, NULL); /* has a copy of every descriptor */
        leaders_release(leaders, &id);
        child_become_zombie(&child);
        assert_silent(leaders);
        child_wait(&child);
        leaders_free(&leaders);
        child_kill(&holder);
}

static void test_more_than_are_asked_for_at_once_are_told_by_and_by(void **state) {
        enum { N = 70 };
        struct leaders *leaders = new_leaders(N);
        struct child children[N];
        struct leader_id gone[N];
        size_t n = 0;

        for (size_t i = 0; i < N; i++) {
                children[i] = child_start(child_does_nothing, NULL);
                watch(leaders, &children[i]);
        }
        for (size_t i = 0; i < N; i++)
                child_become_zombie(&children[i]);
        n = leaders_take_gone(leaders, gone, N);
        assert_true(n > 0 && n <= 64);
        n += leaders_take_gone(leaders, gone + n, 2);
        n += leaders_take_gone(leaders, gone + n, N - n);
        assert_int_equal(n, N);
        for (size_t i = 0; i < N; i++) {
                assert_non_null(leaders_find(leaders, &gone[i]));
                leaders_release(leaders, &gone[i]);
                child_wait(&children[i]);
        }
        assert_int_equal(leaders_count(leaders), 0);
        leaders_free(&leaders);
}

static void test_too_many_leaders_are_refused_and_the_descriptor_stays_the_callers(void **state) {
        struct child a = child_start(child_does_nothing, NULL), b = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(1);
        struct leader_id id = leader_of(&b);
        int pidfd = same_pidfd(&b);

        assert_false(leaders_are_full(leaders));
        watch(leaders, &a);
        assert_true(leaders_are_full(leaders));
        assert_int_equal(leaders_watch(leaders, &id, &pidfd), -EMFILE);
        assert_true(pidfd >= 0);
        close(pidfd);
        watch(leaders, &a); /* one that is there already needs no room */
        leaders_free(&leaders);
        child_kill(&a);
        child_kill(&b);
}

static void test_what_cannot_be_watched_is_not_counted(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child);
        int no_pidfd = -1;

        assert_int_equal(leaders_watch(leaders, &id, &no_pidfd), -EBADF);
        assert_int_equal(leaders_count(leaders), 0);
        assert_null(leaders_find(leaders, &id));
        leaders_free(&leaders);
        child_kill(&child);
}

static void test_leaders_of_one_pid_and_other_start_times_are_different(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leaders *leaders = new_leaders(10);
        struct leader_id id = leader_of(&child), other = id, elsewhere = id;
        int pidfd = same_pidfd(&child);

        other.start++;
        elsewhere.boot.bytes[3] ^= 1;
        watch(leaders, &child);
        assert_null(leaders_find(leaders, &other));
        assert_null(leaders_find(leaders, &elsewhere));
        assert_int_equal(leaders_watch(leaders, &other, &pidfd), 0);
        assert_int_equal(leaders_count(leaders), 2);
        leaders_release(leaders, &elsewhere);
        leaders_release(leaders, &id);
        assert_null(leaders_find(leaders, &id));
        assert_non_null(leaders_find(leaders, &other));
        leaders_free(&leaders);
        child_kill(&child);
}

/* ---- terminating ---- */

static size_t count_terminating(const struct leaders *leaders) {
        size_t n = 0;

        for (struct leader *l = leaders_first_terminating(leaders); l; l = l->next_terminating)
                n++;
        return n;
}

static void test_a_released_leader_leaves_the_list_of_those_terminating(void **state) {
        struct child children[3];
        struct leaders *leaders = new_leaders(10);
        struct leader_id ids[3];

        for (int i = 0; i < 3; i++) {
                children[i] = child_start(child_does_nothing, NULL);
                watch(leaders, &children[i]);
                ids[i] = leader_of(&children[i]);
                leader_set_stage(leaders, leaders_find(leaders, &ids[i]), LEADER_TOLD, 7);
        }
        leader_set_stage(leaders, leaders_find(leaders, &ids[1]), LEADER_ASKED, 9);
        assert_int_equal(count_terminating(leaders), 3);
        leaders_release(leaders, &ids[1]); /* in the middle, then the first, then the last */
        assert_int_equal(count_terminating(leaders), 2);
        leaders_release(leaders, &ids[2]);
        assert_int_equal(count_terminating(leaders), 1);
        assert_ptr_equal(leaders_first_terminating(leaders), leaders_find(leaders, &ids[0]));
        leaders_release(leaders, &ids[0]);
        assert_null(leaders_first_terminating(leaders));
        leaders_free(&leaders);
        for (int i = 0; i < 3; i++)
                child_kill(&children[i]);
}

/* ---- who it is ---- */

static void test_a_pidfd_tells_pid_and_start_time(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leader_id id = leader_of(&child);
        struct process process;

        assert_int_equal(id.pid, child.pid);
        assert_int_equal(process_read(child.pid, &process), 0);
        assert_int_equal(id.start, process.start);
        child_kill(&child);
}

static void test_a_dead_process_cannot_be_identified(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct boot_id boot = { 0 };
        struct leader_id id = { .pid = 42 };
        int pidfd = same_pidfd(&child);

        child_become_zombie(&child);
        assert_int_equal(leader_identify(pidfd, &boot, &id), -ESRCH);
        child_wait(&child);
        assert_int_equal(leader_identify(pidfd, &boot, &id), -ESRCH);
        assert_int_equal(id.pid, 42);
        close(pidfd);
}

static void test_what_is_no_pidfd_is_no_leader(void **state) {
        struct boot_id boot = { 0 };
        struct leader_id id = { .pid = 42 };
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(leader_identify(fd, &boot, &id) < 0);
        close(fd);
        assert_true(leader_identify(fd, &boot, &id) < 0);
        assert_int_equal(id.pid, 42);
}

static int reopen(const struct leader_id *id) {
        _cleanup_(leaders_free) struct leaders *leaders = NULL;

        assert_int_equal(leaders_new(1, NULL, &leaders), 0);
        return leaders_reopen(leaders, id);
}

static void test_a_kept_leader_is_opened_again(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leader_id id = leader_of(&child);
        int pidfd = reopen(&id);
        pid_t pid;

        assert_true(pidfd >= 0);
        assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(process_of_pidfd(pidfd, &pid), 0);
        assert_int_equal(pid, child.pid);
        close(pidfd);
        child_kill(&child);
}

static void test_a_pid_that_is_somebody_elses_now_is_not_opened(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leader_id id = leader_of(&child);

        id.start--;
        assert_int_equal(reopen(&id), -ESRCH);
        id.start += 2;
        assert_int_equal(reopen(&id), -ESRCH);
        child_kill(&child);
}

static void test_a_leader_that_is_gone_is_not_opened(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct leader_id id = leader_of(&child);

        child_become_zombie(&child);
        assert_int_equal(reopen(&id), -ESRCH);
        child_wait(&child);
        assert_int_equal(reopen(&id), -ESRCH);
}

static void *say_thread_id(void *userdata) {
        int *fds = userdata;
        pid_t tid = (pid_t) syscall(SYS_gettid);
        char byte;

        assert_int_equal(write(fds[1], &tid, sizeof(tid)), sizeof(tid));
        assert_int_equal(read(fds[2], &byte, 1), 1); /* until the test is done with it */
        return NULL;
}

/* A leader that went, and whose pid is a thread of some process now: it is gone all the same. */
static void test_a_pid_that_is_a_thread_now_is_not_opened(void **state) {
        struct leader_id id = { .start = 1 };
        int fds[4];
        pthread_t thread;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(pipe2(fds + 2, O_CLOEXEC), 0);
        assert_int_equal(pthread_create(&thread, NULL, say_thread_id, fds), 0);
        assert_int_equal(read(fds[0], &id.pid, sizeof(id.pid)), sizeof(id.pid));
        assert_int_equal(reopen(&id), -ESRCH);
        assert_int_equal(write(fds[3], "!", 1), 1);
        pthread_join(thread, NULL);
        for (int i = 0; i < 4; i++)
                close(fds[i]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_death_of_a_leader_is_told_once),
                cmocka_unit_test(test_a_death_whose_ends_were_not_kept_is_told_again),
                cmocka_unit_test(test_a_session_that_comes_after_its_leaders_death_is_told_of_it),
                cmocka_unit_test(test_a_leader_that_died_before_it_was_watched_is_told_too),
                cmocka_unit_test(test_a_leader_of_two_sessions_is_watched_until_both_are_released),
                cmocka_unit_test(test_a_copy_of_the_pidfd_in_another_process_leaves_no_watch_behind),
                cmocka_unit_test(test_more_than_are_asked_for_at_once_are_told_by_and_by),
                cmocka_unit_test(test_too_many_leaders_are_refused_and_the_descriptor_stays_the_callers),
                cmocka_unit_test(test_what_cannot_be_watched_is_not_counted),
                cmocka_unit_test(test_leaders_of_one_pid_and_other_start_times_are_different),
                cmocka_unit_test(test_a_released_leader_leaves_the_list_of_those_terminating),
                cmocka_unit_test(test_a_pidfd_tells_pid_and_start_time),
                cmocka_unit_test(test_a_dead_process_cannot_be_identified),
                cmocka_unit_test(test_what_is_no_pidfd_is_no_leader),
                cmocka_unit_test(test_a_kept_leader_is_opened_again),
                cmocka_unit_test(test_a_pid_that_is_somebody_elses_now_is_not_opened),
                cmocka_unit_test(test_a_leader_that_is_gone_is_not_opened),
                cmocka_unit_test(test_a_pid_that_is_a_thread_now_is_not_opened),
        };

        return cmocka_run_group_tests_name("leader", tests, NULL, NULL);
}
