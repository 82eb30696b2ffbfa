/* The library and its connection: framing, closed connections, slow and hostile servers. */
#include "tests/unit/canned_server.h"

/* ---- the framing ------------------------------------------------------------------------------------- */

static void test_a_reply_that_comes_byte_by_byte_is_read(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { DRIP, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
}

static void ignore_signal(int number) {
}

static void test_signals_do_not_disturb_a_call(void **state) {
        struct server *s = *state;
        struct sigaction action = { .sa_handler = ignore_signal }, before;
        struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { 0 };

        sigaction(SIGALRM, &action, &before);
        setitimer(ITIMER_REAL, &often, NULL);
        SERVE(s, { ACCEPT }, { READ }, { DRIP, HEALTH }, { READ }, { LONG, NULL, 200000 }, { READ },
                { DRIP, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_get_keys(s->c), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        setitimer(ITIMER_REAL, &never, NULL);
        sigaction(SIGALRM, &before, NULL);
        assert_healthy(s->c);
        server_end(s);
}

static void test_one_connection_serves_many_calls(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { READ }, { WRITE, GONE }, { READ },
                { WRITE, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_get_session(s->c, "s1"), SESSJWT_E_SESSION_NOT_FOUND);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
}

static void test_the_longest_reply_is_read(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { LONG, NULL, REPLY_MAX });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(
                strlen(sessjwt_reply_string(s->c, "text")), REPLY_MAX - strlen("{'parameters':{'text':''}}"));
        server_end(s);
}

static void test_a_longer_reply_is_refused(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { LONG, NULL, REPLY_MAX + 1 }, { HANG_UP }, { ACCEPT }, { READ },
                { FLOOD, NULL, 4 * REPLY_MAX });
        assert_int_equal(sessjwt_get_health(s->c), -EMSGSIZE);
        assert_int_equal(sessjwt_get_health(s->c), -EMSGSIZE);
        server_end(s);
}

static void test_what_is_no_reply_is_refused_and_the_next_call_connects_anew(void **state) {
        struct server *s = *state;
        static const struct step steps[] = {
#define GARBAGE(text) { ACCEPT }, { READ }, { WRITE, text }, { HANG_UP }
                GARBAGE(""),
                GARBAGE("\xff\xfe garbage"),
                GARBAGE("[]"),
                GARBAGE("{\"parameters\":[]}"),
                GARBAGE("{\"parameters\":{}"),
                GARBAGE("{\"parameters\":{},\"parameters\":{}}"),
                GARBAGE("{\"parameters\":{},\"what\":1}"),
                GARBAGE("{\"error\":1}"),
                GARBAGE("{\"parameters\":{},\"continues\":1}"),
                GARBAGE("{\"parameters\":{},\"continues\":true}"), /* nobody asked for more */
                GARBAGE("{\"parameters\":{\"a\":[[[[[[[[[1]]]]]]]]]}}"),
                { ACCEPT },
                { READ },
                { WRITE, HEALTH },
                { END },
        };

        server_start(s, steps);
        for (size_t i = 0; i < sizeof steps / sizeof *steps / 4 - 1; i++) {
                assert_int_equal(sessjwt_get_health(s->c), -EBADMSG);
                assert_null(sessjwt_reply(s->c));
                assert_null(sessjwt_reply_string(s->c, "version"));
        }
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
}

static void test_a_second_reply_that_nobody_asked_for_is_never_the_next_answer(void **state) {
        struct server *s = *state;
        static const char two[] = "{\"parameters\":{\"version\":\"first\"}}";

        SERVE(s, { ACCEPT }, { READ }, { WRITE, two }, { WRITE, GONE }, { SIGNAL }, { ACCEPT }, { READ },
                { WRITE, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply_string(s->c, "version"), "first");
        server_wait(s);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
}

static void test_a_descriptor_that_comes_along_is_refused(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { PASS_FD, HEALTH }, { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), -EBADMSG);
        server_end(s);
        assert_int_equal(count_fds(), s->n_fds + 1); /* the listener */
}

static void test_every_descriptor_is_close_on_exec(void **state) {
        struct server *s = *state;
        bool inherited[1024];

        for (int fd = 0; fd < 1024; fd++)
                inherited[fd] = fcntl(fd, F_GETFD) == 0;
        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        server_end(s);
        for (int fd = 0; fd < 1024; fd++)
                assert_true(inherited[fd] || fcntl(fd, F_GETFD) != 0);
}

/* ---- closed, gone, slow ------------------------------------------------------------------------------ */

static void test_a_daemon_that_was_restarted_between_two_calls_is_found_again(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { RESTART }, { SIGNAL }, { ACCEPT }, { READ },
                { WRITE, ENDED_ONE });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        server_wait(s);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", NULL), 0); /* a change: it was not sent before */
        assert_string_equal(sessjwt_reply_string(s->c, "session.sessionId"), "s1");
        server_end(s);
        assert_int_equal(s->n_calls, 2);
}

static void test_a_question_that_got_no_answer_is_asked_once_more(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { READ }, { PART, "{\"parameters\":{" },
                { HANG_UP }, { ACCEPT }, { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
        assert_int_equal(s->n_calls, 3);
        assert_string_equal(s->calls[1], s->calls[2]);
}

static void test_a_question_is_not_asked_a_third_time(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { READ }, { HANG_UP }, { ACCEPT }, { READ },
                { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_get_health(s->c), -ECONNRESET);
        server_end(s);
        assert_int_equal(s->n_calls, 3);
}

static void test_a_change_whose_request_was_sent_is_never_repeated(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { READ }, { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", NULL), -ECONNRESET);
        server_end(s);
        assert_int_equal(s->n_calls, 2);
}

static void test_a_connection_closed_before_the_first_reply_is_an_error(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { HANG_UP }, { ACCEPT }, { READ }, { PART, "{\"parameters\"" },
                { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), -ECONNRESET);
        assert_int_equal(sessjwt_get_health(s->c), -ECONNRESET);
        server_end(s);
        assert_int_equal(s->n_calls, 2);
}

static void test_a_connection_closed_behind_the_reply_leaves_the_reply(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH }, { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        server_end(s);
        assert_healthy(s->c);
}

static void test_a_daemon_that_turns_a_connection_away_is_heard(void **state) {
        struct server *s = *state;
        static const char busy[] =
                "{\"error\":\"org.sessjwt.TooManyConnections\",\"parameters\":{\"limit\":64}}";

        SERVE(s, { ACCEPT }, { WRITE, busy }, { HANG_UP });
        assert_int_equal(sessjwt_get_health(s->c), SESSJWT_E_TOO_MANY_CONNECTIONS);
        assert_string_equal(sessjwt_error_detail(s->c), "64");
        server_end(s);
}

static void test_no_socket_and_nobody_listening_are_told(void **state) {
        struct server *s = *state;

        close(s->listener);
        s->listener = -1;
        assert_int_equal(sessjwt_get_health(s->c), -ECONNREFUSED);
        unlink(s->path);
        assert_int_equal(sessjwt_get_health(s->c), -ENOENT);
        server_listen(s);
        SERVE(s, { ACCEPT }, { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        server_end(s);
}

static void test_a_daemon_that_is_silent_is_given_up_at_the_deadline(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { PART, "{\"param" }, { AWAIT }, { WRITE, "eters\":{}}" }, { HANG_UP },
                { ACCEPT }, { READ }, { WRITE, HEALTH });
        sessjwt_set_timeout(s->c, 1);
        assert_int_equal(sessjwt_get_health(s->c), -ETIMEDOUT);
        sem_post(&s->go); /* its late answer meets a closed connection */
        sessjwt_set_timeout(s->c, 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        server_end(s);
}

static void test_a_daemon_that_accepts_nobody_is_given_up_at_the_deadline(void **state) {
        struct server *s = *state;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fds[16], n = 0;

        strcpy(address.sun_path, s->path);
        do {
                assert_in_range(n, 0, 15);
                fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        } while (connect(fds[n++], (struct sockaddr *) &address, sizeof address) == 0);
        sessjwt_set_timeout(s->c, 1);
        assert_int_equal(sessjwt_get_health(s->c), -ETIMEDOUT);
        while (n > 0)
                close(fds[--n]);
}

int main(void) {
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                SERVED(test_a_reply_that_comes_byte_by_byte_is_read),
                SERVED(test_signals_do_not_disturb_a_call),
                SERVED(test_one_connection_serves_many_calls),
                SERVED(test_the_longest_reply_is_read),
                SERVED(test_a_longer_reply_is_refused),
                SERVED(test_what_is_no_reply_is_refused_and_the_next_call_connects_anew),
                SERVED(test_a_second_reply_that_nobody_asked_for_is_never_the_next_answer),
                SERVED(test_a_descriptor_that_comes_along_is_refused),
                SERVED(test_every_descriptor_is_close_on_exec),
                SERVED(test_a_daemon_that_was_restarted_between_two_calls_is_found_again),
                SERVED(test_a_question_that_got_no_answer_is_asked_once_more),
                SERVED(test_a_question_is_not_asked_a_third_time),
                SERVED(test_a_change_whose_request_was_sent_is_never_repeated),
                SERVED(test_a_connection_closed_before_the_first_reply_is_an_error),
                SERVED(test_a_connection_closed_behind_the_reply_leaves_the_reply),
                SERVED(test_a_daemon_that_turns_a_connection_away_is_heard),
                SERVED(test_no_socket_and_nobody_listening_are_told),
                SERVED(test_a_daemon_that_is_silent_is_given_up_at_the_deadline),
                SERVED(test_a_daemon_that_accepts_nobody_is_given_up_at_the_deadline),
        };

        return cmocka_run_group_tests_name("libsessjwt_wire", tests, NULL, NULL);
}
