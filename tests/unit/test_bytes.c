/* bytes: what a pipe gives, however it gives it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "client/bytes.h"

/* Each packet is one read, so that what is written is what comes at a time. */
static int packets(const char *const *texts, int *ret_writer) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        for (; *texts; texts++)
                assert_int_equal(send(fds[1], *texts, strlen(*texts), 0), strlen(*texts));
        *ret_writer = fds[1];
        return fds[0];
}

static void test_what_comes_in_pieces_is_read_to_its_end(void **state) {
        char buf[16] = "";
        int writer, fd = packets((const char *const[]){ "a", "bcd", "ef", NULL }, &writer);

        close(writer);
        assert_int_equal(bytes_read(fd, buf, sizeof(buf)), 6);
        assert_memory_equal(buf, "abcdef", 7);
        assert_int_equal(bytes_read(fd, buf, sizeof(buf)), 0);
        close(fd);
}

static void test_no_more_is_read_than_there_is_room_for(void **state) {
        char buf[5] = "----";
        int writer, fd = packets((const char *const[]){ "ab", "cd", "ef", NULL }, &writer);

        /* The writer is open still: asking for more would wait for ever. */
        assert_int_equal(bytes_read(fd, buf, 4), 4);
        assert_string_equal(buf, "abcd");
        assert_int_equal(bytes_read(fd, buf, 0), 0);
        close(writer);
        close(fd);
}

static void test_an_error_is_told(void **state) {
        char buf[4];

        assert_int_equal(bytes_read(-1, buf, sizeof(buf)), -EBADF);
}

struct interrupter {
        pthread_t reader;
        int writer;
};

static atomic_int interruptions;

static void on_signal(int number) {
        interruptions++;
}

/* Signals the reader until it was interrupted many times, and only then lets it have its byte. */
static void *interrupt_and_write(void *userdata) {
        const struct interrupter *i = userdata;

        while (interruptions < 1000)
                pthread_kill(i->reader, SIGUSR1);
        assert_int_equal(send(i->writer, "a", 1, 0), 1);
        close(i->writer);
        return NULL;
}

static void test_a_signal_does_not_end_reading(void **state) {
        struct sigaction action = { .sa_handler = on_signal };
        struct interrupter i = { .reader = pthread_self() };
        int fd = packets((const char *const[]){ NULL }, &i.writer);
        pthread_t thread;
        char buf[4];

        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0); /* without SA_RESTART */
        assert_int_equal(pthread_create(&thread, NULL, interrupt_and_write, &i), 0);
        assert_int_equal(bytes_read(fd, buf, sizeof(buf)), 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_comes_in_pieces_is_read_to_its_end),
                cmocka_unit_test(test_no_more_is_read_than_there_is_room_for),
                cmocka_unit_test(test_an_error_is_told),
                cmocka_unit_test(test_a_signal_does_not_end_reading),
        };

        return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
