/* peer: who is at the other end, by the kernel's word, and whether he is an admin. */
#include "tests/unit/process_fixture.h"

#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/peer.h"

#define ADMINS 54321

static int listener;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_size = sizeof(sa_family_t);

/* A name that the kernel picks, in the abstract name space: no file is left behind. */
static int listener_open(void **state) {
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *) &address, address_size) < 0)
                return -1;
        address_size = sizeof(address);
        if (getsockname(listener, (struct sockaddr *) &address, &address_size) < 0)
                return -1;
        return listen(listener, 10);
}

static int listener_close(void **state) {
        close(listener);
        return 0;
}

struct who {
        uid_t uid;
        gid_t gid;
        const gid_t *groups;
        size_t n_groups;
};

static void child_connects(int fd, void *userdata) {
        const struct who *who = userdata;
        int peer = socket(AF_UNIX, SOCK_STREAM, 0);

        if (getuid() == 0 &&
                (setgroups(who->n_groups, who->groups) < 0 || setgid(who->gid) < 0 || setuid(who->uid) < 0))
                _exit(1);
        if (connect(peer, (struct sockaddr *) &address, address_size) < 0)
                _exit(1);
}

/* As `who` is seen when he has connected. */
static struct peer seen(const struct who *who, gid_t admin_gid, struct child *ret_child) {
        struct child child = child_start(child_connects, (void *) who);
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct peer peer = { 0 };

        assert_true(fd >= 0);
        assert_int_equal(peer_read(fd, admin_gid, 77, &peer), 0);
        close(fd);
        if (ret_child)
                *ret_child = child;
        else
                child_kill(&child);
        return peer;
}

static bool is_admin(const struct who *who, gid_t admin_gid) {
        return seen(who, admin_gid, NULL).is_admin;
}

static void test_a_peer_has_the_uid_gid_and_pid_that_the_kernel_tells(void **state) {
        struct who who = { .uid = getuid() ? getuid() : 1234, .gid = getgid() ? getgid() : 2345 };
        struct child child;
        struct peer peer = seen(&who, (gid_t) -1, &child);

        assert_int_equal(peer.uid, who.uid);
        assert_int_equal(peer.gid, who.gid);
        assert_int_equal(peer.pid, child.pid);
        assert_int_equal(peer.connected_boot, 77);
        assert_int_equal(peer.is_admin, false);
        child_kill(&child);
}

static void test_root_is_an_admin_without_any_group(void **state) {
        struct who root = { 0 };

        if (getuid() != 0)
                skip();
        assert_true(is_admin(&root, (gid_t) -1));
}

static void test_a_member_of_the_group_is_an_admin_by_any_of_his_groups(void **state) {
        struct who first = { .uid = 1234, .gid = ADMINS },
                   later = { .uid = 1234, .gid = 1234, .groups = (gid_t[]){ 5, 6, ADMINS }, .n_groups = 3 };

        if (getuid() != 0)
                skip();
        assert_true(is_admin(&first, ADMINS));
        assert_true(is_admin(&later, ADMINS));
        assert_false(is_admin(&later, ADMINS + 1));
}

static void test_who_is_in_no_such_group_is_no_admin(void **state) {
        struct who none = { .uid = 1234, .gid = 1234 },
                   others = { .uid = 1234, .gid = 1234, .groups = (gid_t[]){ 5, 6, 7 }, .n_groups = 3 };

        if (getuid() != 0)
                skip();
        assert_false(is_admin(&none, ADMINS));
        assert_false(is_admin(&others, ADMINS));
        assert_false(is_admin(&others, (gid_t) -1)); /* there is no admin group */
}

static void test_the_daemons_own_group_gives_no_rights(void **state) {
        struct who who = { .uid = 1234, .gid = getegid(), .groups = (gid_t[]){ getegid() }, .n_groups = 1 };

        if (getuid() != 0)
                skip();
        assert_false(is_admin(&who, getegid()));
}

static void test_very_many_groups_are_all_looked_at(void **state) {
        static gid_t groups[4000];
        struct who who = { .uid = 1234, .gid = 1234, .groups = groups, .n_groups = 4000 };

        if (getuid() != 0)
                skip();
        for (gid_t i = 0; i < 4000; i++)
                groups[i] = 100000 + i;
        assert_false(is_admin(&who, ADMINS));
        groups[2500] = ADMINS;
        assert_true(is_admin(&who, ADMINS));
}

static void test_what_is_no_socket_has_no_peer(void **state) {
        struct peer peer = { .pid = 7 };

        assert_int_equal(peer_read(-1, 0, 1, &peer), -EBADF);
        assert_int_equal(peer.pid, 7);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_peer_has_the_uid_gid_and_pid_that_the_kernel_tells),
                cmocka_unit_test(test_root_is_an_admin_without_any_group),
                cmocka_unit_test(test_a_member_of_the_group_is_an_admin_by_any_of_his_groups),
                cmocka_unit_test(test_who_is_in_no_such_group_is_no_admin),
                cmocka_unit_test(test_the_daemons_own_group_gives_no_rights),
                cmocka_unit_test(test_very_many_groups_are_all_looked_at),
                cmocka_unit_test(test_what_is_no_socket_has_no_peer),
        };

        return cmocka_run_group_tests_name("peer", tests, listener_open, listener_close);
}
