/* process: what /proc says, of real processes with hostile names. */
#include "tests/unit/process_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static usec_t boot_now(void) {
        return clock_now().boot;
}

/* ---- one process ---- */

static void test_a_process_tells_pid_parent_start_and_command(void **state) {
        usec_t before = boot_now(), after;
        struct child child = child_start(child_does_nothing, NULL);
        struct process process, self;

        after = boot_now();
        assert_int_equal(process_read(child.pid, &process), 0);
        assert_int_equal(process.pid, child.pid);
        assert_int_equal(process.parent, getpid());
        assert_int_equal(process_read(getpid(), &self), 0);
        assert_string_equal(process.command, self.command);
        /* The kernel counts in hundredths of a second. */
        assert_true(process_started(&process) + USEC_PER_SEC / 100 >= before);
        assert_true(process_started(&process) <= after);
        child_kill(&child);
}

static void child_has_hostile_name(int fd, void *userdata) {
        (void) prctl(PR_SET_NAME, userdata);
}

static void test_no_name_of_a_command_forges_a_field(void **state) {
        static const char *const names[] = { ") Z 1 1 1 1 1", "a) R 1", "((((", "))))", "a\nb) S 1", "", " ",
                "x y (z" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                struct child child = child_start(child_has_hostile_name, (void *) names[i]);
                struct process process, self;

                assert_int_equal(process_read(child.pid, &process), 0);
                assert_int_equal(process.parent, getpid());
                assert_int_equal(process_read(getpid(), &self), 0);
                assert_true(process.start >= self.start);
                assert_true(strlen(process.command) <= 16);
                if (!strchr(names[i], '\n'))
                        assert_string_equal(process.command, names[i]);
                child_kill(&child);
        }
}

static void test_a_zombie_and_a_reaped_process_are_gone(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        struct process process = { .pid = -5 };
        pid_t pid = child.pid;

        child_become_zombie(&child);
        assert_int_equal(process_read(pid, &process), -ESRCH);
        child_wait(&child);
        assert_int_equal(process_read(pid, &process), -ESRCH);
        assert_int_equal(process.pid, -5);
}

static void test_no_process_has_pid_zero_or_less(void **state) {
        struct process process;
        uint32_t audit;

        assert_int_equal(process_read(0, &process), -ESRCH);
        assert_int_equal(process_read(-1, &process), -ESRCH);
        assert_int_equal(process_audit_session(-1, &audit), -ESRCH);
}

static void test_the_audit_session_is_the_kernels(void **state) {
        uint32_t audit = 7;
        FILE *file = fopen("/proc/self/sessionid", "re");
        unsigned expected;

        if (!file)
                skip();
        assert_int_equal(fscanf(file, "%u", &expected), 1);
        fclose(file);
        assert_int_equal(process_audit_session(getpid(), &audit), 0);
        assert_int_equal(audit, expected);
}

/* ---- pidfds ---- */

static void test_who_runs_a_process_is_told_by_the_kernel(void **state) {
        uint32_t uid = 4711, audit = UINT32_MAX;
        FILE *f = fopen("/proc/self/loginuid", "re");

        if (f) {
                assert_int_equal(fscanf(f, "%u", &audit), 1);
                fclose(f);
        }
        assert_int_equal(process_login_uid(getpid(), &uid), 0);
        if (audit != UINT32_MAX)
                assert_int_equal(uid, audit);
        else if (getuid() != 0)
                assert_int_equal(uid, getuid());
        assert_int_equal(process_login_uid(-1, &uid), -ESRCH);
}

static void test_a_pidfd_tells_its_pid_until_the_process_is_reaped(void **state) {
        struct child child = child_start(child_does_nothing, NULL);
        int pidfd = same_pidfd(&child);
        pid_t pid = -5;

        assert_int_equal(process_of_pidfd(pidfd, &pid), 0);
        assert_int_equal(pid, child.pid);
        assert_true(pidfd_is_alive(pidfd));
        child_become_zombie(&child);
        assert_false(pidfd_is_alive(pidfd));
        child_wait(&child);
        pid = -5;
        assert_int_equal(process_of_pidfd(pidfd, &pid), -ESRCH);
        assert_int_equal(pid, -5);
        assert_false(pidfd_is_alive(pidfd));
        close(pidfd);
}

static void test_what_is_no_pidfd_has_no_pid(void **state) {
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(process_of_pidfd(fds[0], &pid), -EBADMSG);
        close(fds[0]);
        close(fds[1]);
        assert_int_equal(process_of_pidfd(fds[0], &pid), -ESRCH);
        assert_int_equal(process_of_pidfd(-1, &pid), -ESRCH);
}

/* ---- descendants ---- */

/* Three children and, of the last one, a grandchild, whose pid is said. */
static void child_has_children(int fd, void *userdata) {
        pid_t self = getpid(), grandchild;

        for (int i = 0; i < 3; i++) {
                if (fork() > 0)
                        continue;
                die_with(self);
                self = getpid();
                grandchild = i == 2 ? fork() : -1;
                if (grandchild == 0)
                        die_with(self);
                if (grandchild > 0 && write(fd, &grandchild, sizeof(grandchild)) != sizeof(grandchild))
                        _exit(1);
                for (;;)
                        pause();
        }
}

static bool has_pid(const pid_t *pids, size_t n, pid_t pid) {
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

static void test_descendants_are_children_first_and_theirs_then(void **state) {
        pid_t self = getpid(), parent, grandchild, found[16];
        int fds[2];
        struct process process;
        int status;
        size_t n;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        parent = fork();
        if (parent == 0) {
                die_with(self);
                child_has_children(fds[1], NULL);
                for (;;)
                        pause();
        }
        assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
        n = process_descendants(parent, found, 16);
        assert_int_equal(n, 4);
        assert_int_equal(found[3], grandchild);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(process_read(found[i], &process), 0);
                assert_int_equal(process.parent, parent);
        }
        assert_int_equal(process_descendants(parent, found, 2), 2);
        assert_int_equal(process_descendants(parent, found, 0), 0);
        assert_false(has_pid(found, 2, getpid()));
        assert_int_equal(kill(parent, SIGKILL), 0);
        assert_int_equal(waitpid(parent, &status, 0), parent);
        assert_int_equal(process_descendants(parent, found, 16), 0);
        close(fds[0]);
        close(fds[1]);
}

static void *fork_in_thread(void *userdata) {
        *(pid_t *) userdata = fork();
        if (*(pid_t *) userdata == 0)
                for (;;)
                        pause();
        pause(); /* a thread that ends leaves its children to another one */
        return NULL;
}

static void child_forks_in_a_thread(int fd, void *userdata) {
        static pid_t pid;
        pthread_t thread;

        if (pthread_create(&thread, NULL, fork_in_thread, &pid) != 0)
                _exit(1);
        while (__atomic_load_n(&pid, __ATOMIC_SEQ_CST) == 0)
                sched_yield();
        *(pid_t *) userdata = pid;
}

static void test_a_child_of_any_thread_is_a_descendant(void **state) {
        struct child child = child_start(child_forks_in_a_thread, &(pid_t){ 0 });
        pid_t found[4];

        assert_int_equal(process_descendants(child.pid, found, 4), 1);
        assert_int_equal(kill(found[0], SIGKILL), 0);
        child_kill(&child);
}

/* More children than the text of one read holds: none of the numbers is half of another. */
static void child_has_many_children(int fd, void *userdata) {
        pid_t self = getpid();

        for (int i = 0; i < 1000; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        _exit(1);
                if (pid > 0)
                        continue;
                die_with(self);
                for (;;)
                        pause();
        }
}

static void test_of_very_many_children_none_is_mistaken(void **state) {
        struct child child = child_start(child_has_many_children, NULL);
        pid_t *found = calloc(2000, sizeof(*found));
        size_t n = process_descendants(child.pid, found, 2000);
        struct process process;

        assert_true(n > 500 && n <= 1000);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(process_read(found[i], &process), 0);
                assert_int_equal(process.parent, child.pid);
        }
        free(found);
        child_kill(&child);
}

static void *wait_in_thread(void *userdata) {
        pause();
        return NULL;
}

/* More threads than are looked at, then a child of the one that came last. */
static void child_has_many_threads(int fd, void *userdata) {
        static pid_t pid;
        pthread_attr_t attr;
        pthread_t thread;

        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, 1 << 16);
        for (int i = 0; i < PROCESS_TASKS_MAX; i++)
                if (pthread_create(&thread, &attr, wait_in_thread, NULL) != 0)
                        _exit(1);
        if (pthread_create(&thread, &attr, fork_in_thread, &pid) != 0)
                _exit(1);
        while (__atomic_load_n(&pid, __ATOMIC_SEQ_CST) == 0)
                sched_yield();
        if (write(fd, "!", 1) != 1 || write(fd, &pid, sizeof(pid)) != sizeof(pid))
                _exit(1);
}

static void test_only_so_many_threads_are_looked_at(void **state) {
        struct child child = child_start(child_has_many_threads, NULL);
        pid_t found[4], pid;

        child_hear(&child, &pid, sizeof(pid));
        assert_int_equal(process_descendants(child.pid, found, 4), 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        child_kill(&child);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_process_tells_pid_parent_start_and_command),
                cmocka_unit_test(test_no_name_of_a_command_forges_a_field),
                cmocka_unit_test(test_a_zombie_and_a_reaped_process_are_gone),
                cmocka_unit_test(test_no_process_has_pid_zero_or_less),
                cmocka_unit_test(test_the_audit_session_is_the_kernels),
                cmocka_unit_test(test_who_runs_a_process_is_told_by_the_kernel),
                cmocka_unit_test(test_a_pidfd_tells_its_pid_until_the_process_is_reaped),
                cmocka_unit_test(test_what_is_no_pidfd_has_no_pid),
                cmocka_unit_test(test_descendants_are_children_first_and_theirs_then),
                cmocka_unit_test(test_a_child_of_any_thread_is_a_descendant),
                cmocka_unit_test(test_of_very_many_children_none_is_mistaken),
                cmocka_unit_test(test_only_so_many_threads_are_looked_at),
        };

        return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
