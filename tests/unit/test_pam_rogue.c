/* The module and whoever puts himself in the daemon's place: where the socket lies, and what is answered. */
#include "pam_stage.h"

#include <sys/ioctl.h>

#define SEED 20261122

static uid_t somebody(void) {
        return getpwnam(SOMEBODY)->pw_uid;
}

/* The folder as it must be, again: the fixture empties it as root. */
static void mend_folder(void) {
        assert_int_equal(chown(stage.folder, geteuid(), (gid_t) -1), 0);
        assert_int_equal(chmod(stage.folder, 0755), 0);
}

/* ---- where it lies ------------------------------------------------------------------------------------ */

static void test_a_folder_that_others_may_write_to_is_not_trusted(void **state) {
        static const mode_t modes[] = { 0775, 0757, 0777, 01777 };

        if (geteuid() != 0)
                skip();
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                assert_int_equal(chmod(stage.folder, modes[i]), 0);
                assert_trouble("sshd", "");
        }
        assert_nobody_called();
        mend_folder();
}

static void test_a_folder_of_somebody_else_is_not_trusted(void **state) {
        if (geteuid() != 0)
                skip();
        assert_int_equal(chown(stage.folder, somebody(), (gid_t) -1), 0);
        assert_trouble("sshd", "");
        assert_nobody_called();
        mend_folder();
}

/* Not even to the right socket: who can make one link can make another. */
static void test_a_symbolic_link_is_not_followed(void **state) {
        char path[100], options[160];

        if (geteuid() != 0)
                skip();
        snprintf(path, sizeof(path), "%s/link", stage.folder);
        assert_int_equal(symlink(stage.socket_path, path), 0);
        snprintf(options, sizeof(options), "socket=%s on_error=deny", path);
        begin_without_socket("sshd", SOMEBODY, options);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SESSION_ERR);
        assert_nobody_called();
}

static void test_a_socket_in_no_folder_is_trouble(void **state) {
        begin_without_socket("sshd", SOMEBODY, "socket=/nowhere/at/all on_error=deny");
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), geteuid() == 0 ? PAM_SESSION_ERR : IGNORED);
        begin_without_socket("sshd", SOMEBODY, "socket=/sessjwt-is-not-here on_error=deny");
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), geteuid() == 0 ? PAM_SESSION_ERR : IGNORED);
}

/* Other things that can be connected to are not spoken to: no byte of the frame reaches them. */
static void test_a_socket_of_another_type_gets_nothing(void **state) {
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

        for (size_t i = 0; i < 2; i++) {
                struct sockaddr_un address = { .sun_family = AF_UNIX };
                int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), waiting = 0;

                daemon_stop();
                assert_int_equal(unlink(stage.socket_path), 0);
                memcpy(address.sun_path, stage.socket_path, strlen(stage.socket_path));
                assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
                if (types[i] == SOCK_STREAM)
                        assert_int_equal(listen(fd, 8), 0);
                assert_trouble("sshd", "");
                if (types[i] == SOCK_STREAM)
                        assert_int_equal(accept(fd, NULL, NULL), -1);
                else
                        assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
                assert_int_equal(waiting, 0);
                close(fd);
        }
}

/* ---- what is answered --------------------------------------------------------------------------------- */

static size_t good_reply(uint8_t packet[static FRAME_REPLY_MAX]) {
        struct frame_reply reply = {
                .outcome = FRAME_OK, .session_id = SID, .text = "A text.", .token_file = "/a/token"
        };
        size_t size;

        assert_int_equal(frame_write_reply(&reply, packet, FRAME_REPLY_MAX, &size), 0);
        return size;
}

/* What follows the first packet is never looked at, however much it is. */
static void flood(void) {
        struct pollfd waiting = { .fd = stage.listener, .events = POLLIN };
        uint8_t packet[FRAME_REPLY_MAX];
        size_t size = good_reply(packet);
        int fd, n = 0;

        if (poll(&waiting, 1, GUARD_MSEC) <= 0)
                return;
        fd = accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC);
        daemon_read(fd);
        packet[size - 1] = 'x'; /* the first one is no reply, all others are */
        (void) send(fd, packet, size, MSG_NOSIGNAL);
        packet[size - 1] = '\0';
        while (send(fd, packet, size, MSG_NOSIGNAL) > 0)
                n++;
        close(fd);
}

static void *flood_run(void *unused) {
        flood();
        return NULL;
}

static void test_only_the_first_packet_is_the_reply(void **state) {
        begin("on_error=deny timeout=1s");
        assert_int_equal(pthread_create(&stage.thread, NULL, flood_run, NULL), 0);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SESSION_ERR);
        daemon_join();
        assert_null(stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID"));
}

/* A byte at a time is a packet of one byte: the first ends it. */
static void test_a_reply_of_one_byte_after_the_other_costs_no_more_than_the_first(void **state) {
        struct timespec before, after;

        stage.raw[0] = 'S';
        stage.raw_size = 1;
        clock_gettime(CLOCK_MONOTONIC, &before);
        for (int i = 0; i < 5; i++)
                assert_int_equal(open_when(ANSWER_RAW, "timeout=1s on_error=deny"), PAM_SESSION_ERR);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_true(after.tv_sec - before.tv_sec < 5); /* not one waited its second out */
}

/* An altered reply is either refused or, where only its texts differ, one that could have been sent: nothing
 * else is ever shown, kept or exported. */
static void test_a_thousand_altered_replies_do_nothing_but_what_a_reply_can(void **state) {
        uint8_t good[FRAME_REPLY_MAX];
        size_t size = good_reply(good);
        unsigned seed = SEED, refused = 0;

        for (int i = 0; i < 1000; i++) {
                const char *value;
                int rc;

                memcpy(stage.raw, good, size);
                stage.raw_size = size;
                for (int n = 1 + rand_r(&seed) % 3; n > 0; n--)
                        stage.raw[(unsigned) rand_r(&seed) % size] = (uint8_t) rand_r(&seed);
                rc = open_when(ANSWER_RAW, "on_error=deny");
                refused += rc == PAM_SESSION_ERR;
                assert_true(rc == PAM_SESSION_ERR || rc == PAM_SUCCESS || rc == IGNORED);
                value = stage.pam_getenv(stage.pamh, "SESSJWT_SESSION_ID");
                assert_true(!value || frame_may_carry(value, SID_TEXT_MAX));
                value = stage.pam_getenv(stage.pamh, "BEARER_TOKEN_FILE");
                assert_true(!value || (value[0] == '/' && frame_may_carry(value, TOKEN_FILE_MAX)));
        }
        assert_true(refused > 300);
}

static void test_noise_is_trouble(void **state) {
        unsigned seed = SEED;

        for (int i = 0; i < 100; i++) {
                stage.raw_size = 1 + (unsigned) rand_r(&seed) % sizeof(stage.raw);
                for (size_t k = 0; k < stage.raw_size; k++)
                        stage.raw[k] = (uint8_t) rand_r(&seed);
                assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), PAM_SESSION_ERR);
                assert_string_equal(stage.heard, "");
        }
}

/* Nothing of a request but a real reply moves anything: its own bytes sent back are none. */
static void test_a_server_that_echoes_is_trouble(void **state) {
        begin("on_error=deny");
        daemon_will_answer(FRAME_OK, SID, "");
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SUCCESS);
        daemon_join();
        memcpy(stage.raw, stage.packet, FRAME_REPLY_MAX);
        for (stage.raw_size = 1; stage.raw_size < FRAME_REPLY_MAX; stage.raw_size *= 3)
                assert_int_equal(open_when(ANSWER_RAW, "on_error=deny"), PAM_SESSION_ERR);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                stage_test(test_a_folder_that_others_may_write_to_is_not_trusted),
                stage_test(test_a_folder_of_somebody_else_is_not_trusted),
                stage_test(test_a_symbolic_link_is_not_followed),
                stage_test(test_a_socket_in_no_folder_is_trouble),
                stage_test(test_a_socket_of_another_type_gets_nothing),
                stage_test(test_only_the_first_packet_is_the_reply),
                stage_test(test_a_reply_of_one_byte_after_the_other_costs_no_more_than_the_first),
                stage_test(test_a_thousand_altered_replies_do_nothing_but_what_a_reply_can),
                stage_test(test_noise_is_trouble),
                stage_test(test_a_server_that_echoes_is_trouble),
        };

        return cmocka_run_group_tests_name("pam_rogue", tests, stage_build, NULL);
}
