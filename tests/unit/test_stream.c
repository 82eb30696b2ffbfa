/* stream: messages in and out over real sockets, whole, in order and bounded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/stream.h"

struct line {
        struct stream stream;
        int ours, peer;
};

static int line_setup(void **state) {
        struct line *line = calloc(1, sizeof(*line));
        int fds[2];

        assert_non_null(line);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        line->ours = fds[0];
        line->peer = fds[1];
        *state = line;
        return 0;
}

static int line_teardown(void **state) {
        struct line *line = *state;

        stream_free(&line->stream);
        stream_free(&line->stream);
        close(line->ours);
        if (line->peer >= 0)
                close(line->peer);
        free(line);
        return 0;
}

static void peer_says(struct line *line, const char *bytes, size_t size) {
        assert_int_equal(send(line->peer, bytes, size, MSG_NOSIGNAL), (ssize_t) size);
}

static void assert_next(struct line *line, const char *text) {
        char *got = NULL;
        size_t size = 0;

        assert_true(stream_next(&line->stream, &got, &size));
        assert_int_equal(size, strlen(text));
        assert_memory_equal(got, text, size + 1);
}

static void assert_no_next(struct line *line) {
        char *got;
        size_t size;

        assert_false(stream_next(&line->stream, &got, &size));
}

static int read_once(struct line *line) {
        return stream_read(&line->stream, line->ours);
}

/* ---- in ---- */

/* The look may not begin in the middle of the rest of a message. */
static void test_the_rest_of_a_message_is_looked_through_from_its_start(void **state) {
        struct line *line = *state;

        peer_says(line, "one\0tw", 6);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "one");
        peer_says(line, "o\0", 2);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "two");
        assert_no_next(line);
}

static void test_who_sends_more_than_there_is_room_for_gets_more_up_to_a_bound(void **state) {
        struct line *line = *state;
        size_t sizes[4];

        for (size_t i = 0; i < 4; i++) {
                char text[16384];

                memset(text, 'x', sizeof(text));
                text[sizeof(text) - 1] = '\0';
                for (size_t k = 100; k < sizeof(text); k += 100)
                        text[k] = '\0';
                peer_says(line, text, sizeof(text));
                while (read_once(line) == 0) {
                        char *got;
                        size_t size;

                        while (stream_next(&line->stream, &got, &size))
                                assert_in_range(size, 82, 100);
                }
                sizes[i] = line->stream.in.size;
        }
        assert_true(sizes[0] > 4096);
        assert_int_equal(sizes[2], 16384);
        assert_int_equal(sizes[3], 16384);
}

static void test_messages_come_out_one_by_one(void **state) {
        struct line *line = *state;

        assert_no_next(line);
        assert_false(stream_has_input(&line->stream));
        assert_int_equal(read_once(line), -EAGAIN);
        peer_says(line, "one\0two\0\0fo", 11);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "one");
        assert_next(line, "two");
        assert_next(line, "");
        assert_no_next(line);
        assert_true(stream_has_input(&line->stream));
        peer_says(line, "ur\0", 3);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "four");
        assert_no_next(line);
        assert_false(stream_has_input(&line->stream));
}

/* Who has had his share of a round is read again before it is known that no message is left. */
static void test_more_may_be_read_as_soon_as_the_last_message_was_taken(void **state) {
        struct line *line = *state;

        for (int i = 0; i < 3; i++) {
                peer_says(line, "first\0second", 12);
                assert_int_equal(read_once(line), 0);
                assert_next(line, "first");
                peer_says(line, "\0third\0", 7);
                assert_int_equal(read_once(line), 0);
                assert_next(line, "second");
                assert_next(line, "third");
        }
        assert_no_next(line);
}

static void test_what_was_said_before_closing_is_still_read(void **state) {
        struct line *line = *state;

        peer_says(line, "last\0half", 9);
        assert_int_equal(shutdown(line->peer, SHUT_WR), 0);
        assert_int_equal(read_once(line), 0);
        assert_int_equal(read_once(line), 1);
        assert_next(line, "last");
        assert_no_next(line);
        assert_int_equal(read_once(line), 1);
}

static void test_a_broken_connection_is_an_error(void **state) {
        struct line *line = *state;

        assert_true(stream_read(&line->stream, -1) == -EBADF);
}

/* Reads until there is nothing more; the first outcome that is not 0. */
static int read_all(struct line *line) {
        int r;

        do
                r = read_once(line);
        while (r == 0);
        return r;
}

static void test_the_largest_message_is_taken_and_one_byte_more_is_not(void **state) {
        struct line *line = *state;
        char *text = malloc(MESSAGE_MAX + 2);

        memset(text, 'x', MESSAGE_MAX + 1);
        text[MESSAGE_MAX] = '\0';
        peer_says(line, text, MESSAGE_MAX + 1);
        assert_true(read_all(line) < 0);
        assert_next(line, text);
        assert_no_next(line);
        memset(text, 'x', MESSAGE_MAX + 1);
        peer_says(line, text, MESSAGE_MAX + 1);
        assert_int_equal(read_all(line), -EMSGSIZE);
        assert_no_next(line);
        assert_int_equal(read_all(line), -EMSGSIZE);
        assert_true(line->stream.in.size <= MESSAGE_MAX + 1);
        free(text);
}

static void test_many_messages_together_may_be_longer_than_the_largest(void **state) {
        struct line *line = *state;
        char bytes[1000];
        size_t n = 0, n_said = 0;

        memset(bytes, 'y', sizeof(bytes) - 1);
        bytes[sizeof(bytes) - 1] = '\0';
        while (n < 150) {
                char *text;
                size_t size;

                if (n_said < 150 && send(line->peer, bytes, sizeof(bytes), 0) == sizeof(bytes))
                        n_said++;
                if (stream_next(&line->stream, &text, &size)) {
                        assert_int_equal(size, sizeof(bytes) - 1);
                        n++;
                } else
                        assert_int_equal(read_once(line), 0);
        }
        assert_true(line->stream.in.size <= MESSAGE_MAX + 1);
}

/* A byte at a time: what has been looked through is not looked through again. */
static void test_the_search_for_an_end_goes_on_where_it_stopped(void **state) {
        struct line *line = *state;
        char *text;
        size_t size;

        for (size_t i = 0; i < 5000; i++) {
                peer_says(line, "z", 1);
                assert_int_equal(read_once(line), 0);
                assert_false(stream_next(&line->stream, &text, &size));
                assert_int_equal(line->stream.in.seen, line->stream.in.end);
        }
        peer_says(line, "", 1);
        assert_int_equal(read_once(line), 0);
        assert_true(stream_next(&line->stream, &text, &size));
        assert_int_equal(size, 5000);
}

static void test_a_message_put_back_is_given_again_and_nothing_else_is_lost(void **state) {
        struct line *line = *state;
        char *text;
        size_t size;

        peer_says(line, "one\0two\0thr", 11);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "one");
        assert_true(stream_next(&line->stream, &text, &size));
        stream_unread(&line->stream, text);
        assert_true(stream_has_input(&line->stream));
        assert_next(line, "two");
        stream_unread(&line->stream, text);
        peer_says(line, "ee\0", 3);
        assert_int_equal(read_once(line), 0); /* moves what is there */
        assert_next(line, "two");
        assert_next(line, "three");
        assert_no_next(line);
}

static size_t count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void test_descriptors_that_come_along_are_not_kept(void **state) {
        struct line *line = *state;
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (char[]){ "one" }, .iov_len = 4 };
        struct msghdr message = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        size_t before = count_fds();

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &line->peer, sizeof(int));
        assert_int_equal(sendmsg(line->peer, &message, 0), 4);
        assert_int_equal(read_once(line), 0);
        assert_next(line, "one");
        assert_int_equal(count_fds(), before);
}

/* ---- out ---- */

static void assert_peer_hears(struct line *line, const char *bytes, size_t size) {
        char got[64];

        assert_int_equal(recv(line->peer, got, sizeof(got), 0), (ssize_t) size);
        assert_memory_equal(got, bytes, size);
}

static void test_replies_go_out_in_order_with_their_ends(void **state) {
        struct line *line = *state;

        assert_false(stream_has_output(&line->stream));
        assert_int_equal(stream_flush(&line->stream, line->ours), 0);
        assert_int_equal(stream_put(&line->stream, "one", 3), 0);
        assert_int_equal(stream_put(&line->stream, "", 0), 0);
        assert_int_equal(stream_put(&line->stream, "twoXXX", 3), 0);
        assert_true(stream_has_output(&line->stream));
        assert_int_equal(stream_flush(&line->stream, line->ours), 0);
        assert_false(stream_has_output(&line->stream));
        assert_peer_hears(line, "one\0\0two", 9);
}

/* Everything that the peer can take now. */
static size_t drain(struct line *line) {
        static char buf[1 << 16];
        size_t total = 0;
        ssize_t n;

        while ((n = recv(line->peer, buf, sizeof(buf), 0)) > 0)
                total += (size_t) n;
        return total;
}

static void test_a_peer_that_does_not_read_is_waited_for_and_then_gets_all(void **state) {
        struct line *line = *state;
        char *text = calloc(1, REPLY_MAX);
        size_t got = 0;
        int r;

        memset(text, 'x', REPLY_MAX);
        assert_int_equal(stream_put(&line->stream, text, REPLY_MAX), 0);
        assert_int_equal(stream_flush(&line->stream, line->ours), 1);
        assert_true(stream_has_output(&line->stream));
        assert_int_equal(stream_put(&line->stream, "end", 3), 0);
        while ((r = stream_flush(&line->stream, line->ours)) == 1)
                got += drain(line);
        assert_int_equal(r, 0);
        got += drain(line);
        assert_int_equal(got, REPLY_MAX + 1 + 4);
        assert_false(stream_has_output(&line->stream));
        assert_int_equal(line->stream.out.size, 0); /* large room is given back */
        free(text);
}

static void test_a_reply_too_many_for_a_peer_that_does_not_read_is_refused_whole(void **state) {
        struct line *line = *state;
        char *text = malloc(REPLY_MAX);
        size_t end;

        memset(text, 'x', REPLY_MAX);
        assert_int_equal(stream_put(&line->stream, text, REPLY_MAX), 0);
        assert_int_equal(stream_put(&line->stream, text, REPLY_MAX), 0);
        end = line->stream.out.end;
        assert_int_equal(stream_put(&line->stream, "", 0), -ENOBUFS);
        assert_int_equal(line->stream.out.end, end);
        assert_true(line->stream.out.size <= 2 * (REPLY_MAX + 1));
        free(text);
}

static void test_writing_to_a_peer_that_is_gone_is_an_error_and_no_signal(void **state) {
        struct line *line = *state;

        close(line->peer);
        line->peer = -1;
        assert_int_equal(stream_put(&line->stream, "one", 3), 0);
        assert_int_equal(stream_flush(&line->stream, line->ours), -EPIPE);
}

/* ---- both, cut at random ---- */

static void test_messages_cut_anywhere_come_through_unchanged(void **state) {
        struct line *line = *state;
        uint32_t seed = 1;
        size_t n_sent = 0, n_got = 0, total = 0;
        struct stream sender = { 0 };

        while (n_got < 3000) {
                char *text, expected[400];
                size_t size;

                seed = seed * 1664525U + 1013904223U;
                if (n_sent < 3000 && seed >> 31) {
                        size = n_sent * 37 % sizeof(expected);
                        memset(expected, 'a' + (int) (n_sent % 26), size);
                        if (stream_put(&sender, expected, size) == 0)
                                n_sent++;
                }
                (void) stream_flush(&sender, line->peer);
                if (read_once(line) == 0)
                        total++;
                while (seed >> 30 != 1 && stream_next(&line->stream, &text, &size)) {
                        assert_int_equal(size, n_got * 37 % sizeof(expected));
                        memset(expected, 'a' + (int) (n_got % 26), size);
                        assert_memory_equal(text, expected, size);
                        n_got++;
                        if (seed >> 29 == 0) {
                                stream_unread(&line->stream, text);
                                n_got--;
                                break;
                        }
                }
        }
        assert_true(total > 0);
        assert_no_next(line);
        stream_free(&sender);
}

#define stream_test(name) cmocka_unit_test_setup_teardown(name, line_setup, line_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                stream_test(test_messages_come_out_one_by_one),
                stream_test(test_more_may_be_read_as_soon_as_the_last_message_was_taken),
                stream_test(test_the_rest_of_a_message_is_looked_through_from_its_start),
                stream_test(test_who_sends_more_than_there_is_room_for_gets_more_up_to_a_bound),
                stream_test(test_what_was_said_before_closing_is_still_read),
                stream_test(test_a_broken_connection_is_an_error),
                stream_test(test_the_largest_message_is_taken_and_one_byte_more_is_not),
                stream_test(test_many_messages_together_may_be_longer_than_the_largest),
                stream_test(test_the_search_for_an_end_goes_on_where_it_stopped),
                stream_test(test_a_message_put_back_is_given_again_and_nothing_else_is_lost),
                stream_test(test_descriptors_that_come_along_are_not_kept),
                stream_test(test_replies_go_out_in_order_with_their_ends),
                stream_test(test_a_peer_that_does_not_read_is_waited_for_and_then_gets_all),
                stream_test(test_a_reply_too_many_for_a_peer_that_does_not_read_is_refused_whole),
                stream_test(test_writing_to_a_peer_that_is_gone_is_an_error_and_no_signal),
                stream_test(test_messages_cut_anywhere_come_through_unchanged),
        };

        return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
