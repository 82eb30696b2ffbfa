/* caller: a process is in the session of its audit session or of its nearest ancestor, and in nobody
 * else's. */
#include "tests/unit/process_fixture.h"
#include "tests/unit/store_fixture.h"

#include "daemon/caller.h"

#define UID 1000

static struct boot_id boot(void) {
        struct boot_id boot;

        assert_int_equal(clock_boot_id(&boot), 0);
        return boot;
}

static struct peer peer_of(pid_t pid) {
        return (struct peer){ .uid = UID, .pid = pid, .connected_boot = clock_now().boot };
}

static int find(struct fixture *f, const struct peer *peer, struct session *ret) {
        struct store_txn *read = begin_read(f);
        struct boot_id id = boot();
        int r = caller_find_session(read, peer, &id, ret);

        store_abort(&read);
        return r;
}

static void assert_in(struct fixture *f, pid_t pid, unsigned n) {
        struct peer peer = peer_of(pid);
        struct session session;

        assert_int_equal(find(f, &peer, &session), 0);
        assert_sid(&session, n);
}

static void assert_in_none(struct fixture *f, const struct peer *peer) {
        struct session session;

        assert_int_equal(find(f, peer, &session), CALLER_HAS_NONE);
}

static struct leader_id id_of(pid_t pid) {
        struct process process;

        assert_int_equal(process_read(pid, &process), 0);
        return (struct leader_id){ .boot = boot(), .pid = pid, .start = process.start };
}

static struct session session_led(unsigned n, pid_t pid) {
        struct session session = session_of(n, "default", "alice");

        session.leader = id_of(pid);
        return session;
}

/* ---- a line of processes, each the child of the one before ---- */

#define LINE 3

struct family {
        struct child child;
        pid_t pids[LINE];
        uint32_t audit; /* of the last one */
};

static void take_audit_session(void) {
        int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "1000", 4) != 4)
                return; /* it stays unset, and the test says so */
        close(fd);
}

/* The child, its child, …; with `audit` the last one is in an audit session of its own. */
static void child_begins_line(int fd, void *userdata) {
        const bool *audit = userdata;
        pid_t pids[LINE] = { getpid() };
        uint32_t session = AUDIT_SESSION_UNSET;
        int said[2], i;

        if (pipe(said) < 0)
                _exit(1);
        for (i = 1; i < LINE; i++) {
                pid_t self = getpid();

                pids[i] = fork();
                if (pids[i] != 0)
                        break;
                pids[i] = getpid();
                die_with(self);
        }
        if (i == LINE) {
                if (*audit)
                        take_audit_session();
                (void) process_audit_session(getpid(), &session);
                if (write(said[1], pids, sizeof(pids)) < 0 || write(said[1], &session, sizeof(session)) < 0)
                        _exit(1);
        }
        if (i != 1)
                for (;;)
                        pause();
        if (read(said[0], pids, sizeof(pids)) < 0 || read(said[0], &session, sizeof(session)) < 0 ||
                write(fd, "!", 1) < 0 || write(fd, pids, sizeof(pids)) < 0 ||
                write(fd, &session, sizeof(session)) < 0)
                _exit(1);
}

static struct family family_start(bool audit) {
        struct family family = { .child = child_start(child_begins_line, &audit) };

        child_hear(&family.child, family.pids, sizeof(family.pids));
        child_hear(&family.child, &family.audit, sizeof(family.audit));
        assert_int_equal(family.pids[0], family.child.pid);
        return family;
}

/* ---- by ancestry ---- */

static void test_a_leader_and_all_below_it_are_in_its_session(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);

        open_alone(*state, &session);
        for (int i = 0; i < LINE; i++)
                assert_in(*state, family.pids[i], 1);
        child_kill(&family.child);
}

static void test_who_is_above_or_beside_the_leader_is_not(void **state) {
        struct family family = family_start(false), other = family_start(false);
        struct session session = session_led(1, family.pids[1]);
        struct peer above = peer_of(family.pids[0]), beside = peer_of(other.pids[2]);

        open_alone(*state, &session);
        assert_in_none(*state, &above);
        assert_in_none(*state, &beside);
        child_kill(&family.child);
        child_kill(&other.child);
}

static void test_of_a_login_inside_a_login_the_inner_one_is_meant(void **state) {
        for (int inner_first = 0; inner_first < 2; inner_first++) {
                struct family family = family_start(false);
                struct session outer = session_led(inner_first ? 12 : 11, family.pids[0]),
                               inner = session_led(inner_first ? 11 : 12, family.pids[1]);
                struct store_txn *turn;

                open_alone(*state, &outer);
                open_alone(*state, &inner);
                assert_in(*state, family.pids[2], inner_first ? 11 : 12);
                assert_in(*state, family.pids[0], inner_first ? 12 : 11);
                turn = begin_turn(*state);
                assert_int_equal(store_remove_session(turn, &outer.sid), 0);
                assert_int_equal(store_remove_session(turn, &inner.sid), 0);
                commit(turn);
                child_kill(&family.child);
        }
}

static void test_a_counted_session_above_is_meant_before_a_tracked_one(void **state) {
        struct family family = family_start(false);
        struct session login = session_led(1, family.pids[0]), tracked = session_led(2, family.pids[1]);

        tracked.class = CLASS_TRACKED;
        open_alone(*state, &login);
        open_alone(*state, &tracked);
        assert_in(*state, family.pids[2], 1);
        child_kill(&family.child);
}

static void test_a_leader_of_another_start_or_boot_is_another_process(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);
        struct peer peer = peer_of(family.pids[1]);

        session.leader.start--;
        open_alone(*state, &session);
        session = session_led(2, family.pids[0]);
        session.leader.boot.bytes[5] ^= 1;
        open_alone(*state, &session);
        assert_in_none(*state, &peer);
        child_kill(&family.child);
}

/* ---- whose it is ---- */

static void test_the_session_of_another_uid_is_never_found(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);
        struct peer peer = peer_of(family.pids[1]);

        session.uid = UID + 1;
        open_alone(*state, &session);
        assert_in_none(*state, &peer);
        peer.uid = 0;
        assert_in_none(*state, &peer);
        peer.uid = UID + 1;
        assert_int_equal(find(*state, &peer, &session), 0);
        child_kill(&family.child);
}

static void test_a_session_that_is_ending_has_nobody_in_it(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);
        struct peer peer = peer_of(family.pids[0]);

        session.state = SESSION_ENDING;
        session.end = END_REVOKED;
        open_alone(*state, &session);
        assert_in_none(*state, &peer);
        child_kill(&family.child);
}

/* The caller has gone and somebody else has its pid: that one started after the call. */
static void test_a_pid_used_again_is_not_the_caller(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);
        struct peer peer = peer_of(family.pids[0]);
        struct process process;

        open_alone(*state, &session);
        assert_int_equal(process_read(family.pids[0], &process), 0);
        peer.connected_boot = process_started(&process) - 1;
        assert_in_none(*state, &peer);
        peer.connected_boot = process_started(&process);
        assert_int_equal(find(*state, &peer, &session), 0);
        child_kill(&family.child);
}

static void test_a_caller_without_a_pid_or_gone_is_in_no_session(void **state) {
        struct family family = family_start(false);
        struct session session = session_led(1, family.pids[0]);
        struct peer peer = peer_of(family.pids[0]), unknown = peer_of(0), odd = peer_of(-1);

        open_alone(*state, &session);
        assert_in_none(*state, &unknown);
        assert_in_none(*state, &odd);
        child_kill(&family.child);
        assert_in_none(*state, &peer);
}

/* ---- by audit session ---- */

static struct family audited_family(void) {
        struct family family = family_start(true);

        if (family.audit == AUDIT_SESSION_UNSET) {
                child_kill(&family.child);
                skip(); /* not root, or no audit in the kernel */
        }
        return family;
}

static void test_an_audit_session_says_more_than_an_ancestor(void **state) {
        struct family family = audited_family(), elsewhere = family_start(false);
        struct session above = session_led(1, family.pids[1]), audit = session_led(2, elsewhere.pids[0]);

        audit.audit_session = family.audit;
        open_alone(*state, &above);
        assert_in(*state, family.pids[2], 1);
        open_alone(*state, &audit);
        assert_in(*state, family.pids[2], 2);
        assert_in(*state, family.pids[1], 1); /* that one is in no audit session */
        child_kill(&family.child);
        child_kill(&elsewhere.child);
}

static void test_of_one_audit_session_the_login_is_meant_not_what_it_opened(void **state) {
        struct family family = audited_family();
        struct session tracked = session_led(1, family.pids[0]), login = session_led(2, family.pids[0]);

        tracked.audit_session = login.audit_session = family.audit;
        tracked.class = CLASS_TRACKED;
        open_alone(*state, &tracked);
        assert_in(*state, family.pids[2], 1);
        open_alone(*state, &login);
        assert_in(*state, family.pids[2], 2);
        child_kill(&family.child);
}

static void test_no_audit_session_is_the_same_as_no_other(void **state) {
        struct family family = family_start(false), elsewhere = family_start(false);
        struct session session = session_led(1, elsewhere.pids[0]);
        struct peer peer = peer_of(family.pids[2]);

        if (family.audit != AUDIT_SESSION_UNSET)
                skip();
        assert_int_equal(session.audit_session, AUDIT_SESSION_UNSET);
        open_alone(*state, &session);
        assert_in_none(*state, &peer);
        child_kill(&family.child);
        child_kill(&elsewhere.child);
}

#define caller_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                caller_test(test_a_leader_and_all_below_it_are_in_its_session),
                caller_test(test_who_is_above_or_beside_the_leader_is_not),
                caller_test(test_of_a_login_inside_a_login_the_inner_one_is_meant),
                caller_test(test_a_counted_session_above_is_meant_before_a_tracked_one),
                caller_test(test_a_leader_of_another_start_or_boot_is_another_process),
                caller_test(test_the_session_of_another_uid_is_never_found),
                caller_test(test_a_session_that_is_ending_has_nobody_in_it),
                caller_test(test_a_pid_used_again_is_not_the_caller),
                caller_test(test_a_caller_without_a_pid_or_gone_is_in_no_session),
                caller_test(test_an_audit_session_says_more_than_an_ancestor),
                caller_test(test_of_one_audit_session_the_login_is_meant_not_what_it_opened),
                caller_test(test_no_audit_session_is_the_same_as_no_other),
        };

        return cmocka_run_group_tests_name("caller", tests, NULL, NULL);
}
