/* The library against a server that does as it is told: it speaks the framing over a real Unix socket and
 * answers with canned bytes, whole, in pieces or not at all. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/protocol.h"
#include "client/sessjwt.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* most steps need no text */

/* ---- the server -------------------------------------------------------------------------------------- */

enum action {
        END,
        ACCEPT,  /* the next connection */
        READ,    /* one call, noted in calls[] */
        WRITE,   /* text and its NUL */
        PART,    /* text without a NUL */
        BYTES,   /* size bytes in one write */
        DRIP,    /* text and its NUL, a byte a write */
        PASS_FD, /* text and its NUL with a descriptor */
        FLOOD,   /* size bytes without a NUL, however many are taken */
        LONG,    /* a reply of size bytes and its NUL */
        HANG_UP,
        RESTART, /* close everything and listen anew on the same path */
        SIGNAL,  /* let server_wait return */
        AWAIT,   /* wait for server_go */
};

struct step {
        enum action action;
        const char *text;
        size_t size;
};

#define CALLS_MAX 8

struct server {
        char folder[32];
        char path[64];
        const struct step *steps;
        int listener, peer;
        pthread_t thread;
        sem_t reached, go;
        char calls[CALLS_MAX][MESSAGE_MAX + 1];
        size_t n_calls;
        size_t n_fds; /* that this process had before */
        struct sessjwt *c;
};

static size_t count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void server_listen(struct server *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(address.sun_path, s->path);
        s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(s->listener >= 0);
        assert_int_equal(bind(s->listener, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(s->listener, 4), 0);
}

static void server_hang_up(struct server *s) {
        if (s->peer >= 0)
                close(s->peer);
        s->peer = -1;
}

/* The old connection is closed only when the new one is there. */
static void server_accept(struct server *s) {
        int peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

        server_hang_up(s);
        s->peer = peer;
}

static void server_read(struct server *s) {
        char *call = s->calls[s->n_calls < CALLS_MAX - 1 ? s->n_calls++ : CALLS_MAX - 1];
        size_t n = 0;

        while (n <= MESSAGE_MAX && read(s->peer, call + n, 1) == 1)
                if (call[n++] == 0)
                        return;
        strcpy(call, "(no whole call)");
}

static void server_write(struct server *s, const char *bytes, size_t size, size_t piece) {
        while (size > 0) {
                ssize_t n = send(s->peer, bytes, piece < size ? piece : size, MSG_NOSIGNAL);

                if (n <= 0)
                        return;
                bytes += n;
                size -= (size_t) n;
        }
}

static void server_pass_fd(struct server *s, const char *text) {
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec iov = { (void *) text, strlen(text) + 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
        };

        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &s->listener, sizeof(int));
        sendmsg(s->peer, &message, MSG_NOSIGNAL);
}

/* {"parameters":{"text":"aaaa…"}} of exactly size bytes. */
static void server_write_long(struct server *s, size_t size) {
        static const char head[] = "{\"parameters\":{\"text\":\"", tail[] = "\"}}";
        char *text = malloc(size + 1);

        memset(text, 'a', size);
        memcpy(text, head, sizeof head - 1);
        memcpy(text + size + 1 - sizeof tail, tail, sizeof tail);
        server_write(s, text, size + 1, size + 1);
        free(text);
}

static void server_flood(struct server *s, size_t size) {
        char *text = malloc(size);

        memset(text, ' ', size);
        server_write(s, text, size, size);
        free(text);
}

static void server_do(struct server *s, const struct step *step) {
        switch (step->action) {
        case ACCEPT:
                server_accept(s);
                break;
        case READ:
                server_read(s);
                break;
        case WRITE:
                server_write(s, step->text, strlen(step->text) + 1, SIZE_MAX);
                break;
        case PART:
                server_write(s, step->text, strlen(step->text), SIZE_MAX);
                break;
        case BYTES:
                server_write(s, step->text, step->size, SIZE_MAX);
                break;
        case DRIP:
                server_write(s, step->text, strlen(step->text) + 1, 1);
                break;
        case PASS_FD:
                server_pass_fd(s, step->text);
                break;
        case FLOOD:
                server_flood(s, step->size);
                break;
        case LONG:
                server_write_long(s, step->size);
                break;
        case HANG_UP:
                server_hang_up(s);
                break;
        case RESTART:
                server_hang_up(s);
                close(s->listener);
                unlink(s->path);
                server_listen(s);
                break;
        case SIGNAL:
                sem_post(&s->reached);
                break;
        case AWAIT:
                sem_wait(&s->go);
                break;
        case END:
                break;
        }
}

static void *server_run(void *userdata) {
        struct server *s = userdata;

        for (const struct step *step = s->steps; step->action != END; step++)
                server_do(s, step);
        return NULL;
}

static void server_start(struct server *s, const struct step *steps) {
        sigset_t all, before;

        s->steps = steps;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the caller's in these tests */
        assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void server_wait(struct server *s) {
        while (sem_wait(&s->reached) < 0)
                ;
}

static void server_end(struct server *s) {
        pthread_join(s->thread, NULL);
        server_hang_up(s);
}

#define SERVE(s, ...)                                                                                        \
        static const struct step steps_[] = { __VA_ARGS__, { END } };                                        \
        server_start((s), steps_)

static int set_up(void **state) {
        struct server *s = calloc(1, sizeof *s);

        assert_non_null(s);
        s->n_fds = count_fds();
        s->peer = -1;
        strcpy(s->folder, "/tmp/sessjwt-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        snprintf(s->path, sizeof s->path, "%s/socket", s->folder);
        sem_init(&s->reached, 0, 0);
        sem_init(&s->go, 0, 0);
        server_listen(s);
        assert_int_equal(sessjwt_connect(s->path, &s->c), 0);
        *state = s;
        return 0;
}

/* Every test also shows that no descriptor is left behind. */
static int tear_down(void **state) {
        struct server *s = *state;

        sessjwt_close(&s->c);
        assert_null(s->c);
        close(s->listener);
        unlink(s->path);
        rmdir(s->folder);
        assert_int_equal(count_fds(), s->n_fds);
        free(s);
        return 0;
}

#define HEALTH    "{\"parameters\":{\"ok\":true,\"version\":\"0.1.0\",\"uptime\":12,\"sessions\":3}}"
#define GONE      "{\"error\":\"org.sessjwt.SessionNotFound\",\"parameters\":{\"sessionId\":\"s1\"}}"
#define ENDED_ONE "{\"parameters\":{\"session\":{\"sessionId\":\"s1\"},\"revokedCount\":1}}"

static void assert_healthy(struct sessjwt *c) {
        int64_t sessions = 0;
        bool ok = false;

        assert_string_equal(sessjwt_reply_string(c, "version"), "0.1.0");
        assert_int_equal(sessjwt_reply_bool(c, "ok", &ok), 0);
        assert_true(ok);
        assert_int_equal(sessjwt_reply_integer(c, "sessions", &sessions), 0);
        assert_int_equal(sessions, 3);
}

/* ---- what is sent ------------------------------------------------------------------------------------ */

static void test_each_method_sends_its_name_and_its_parameters(void **state) {
        struct server *s = *state;
        static const char *const expected[] = {
                "{\"method\":\"org.sessjwt.Introspect\",\"parameters\":{\"token\":\"t\",\"audience\":\"a\","
                "\"realm\":\"r\"}}",
                "{\"method\":\"org.sessjwt.MintToken\",\"parameters\":{\"sessionId\":\"s1\",\"audience\":"
                "\"a\"}}",
                "{\"method\":\"org.sessjwt.ListSessions\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\","
                "\"all\":true},"
                "\"more\":true}",
                "{\"method\":\"org.sessjwt.GetSession\",\"parameters\":{\"sessionId\":\"s1\"}}",
                "{\"method\":\"org.sessjwt.RevokeSession\",\"parameters\":{\"sessionId\":\"s1\",\"reason\":"
                "\"x\"}}",
                "{\"method\":\"org.sessjwt.RevokeAll\",\"parameters\":{\"user\":\"u\",\"realm\":\"r\"}}",
        };

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_introspect(s->c, "t", "a", "r"), 0);
        assert_int_equal(sessjwt_mint_token(s->c, "s1", "a"), 0);
        assert_int_equal(sessjwt_list_sessions(s->c, "u", "r", true), 0);
        assert_int_equal(sessjwt_get_session(s->c, "s1"), 0);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", "x"), 0);
        assert_int_equal(sessjwt_revoke_all(s->c, "u", "r"), 0);
        server_end(s);
        assert_int_equal(s->n_calls, 6);
        for (size_t i = 0; i < 6; i++)
                assert_string_equal(s->calls[i], expected[i]);
}

static void test_a_null_argument_is_an_absent_parameter(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_introspect(s->c, "t", NULL, NULL), 0);
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_revoke_session(s->c, "s1", NULL), 0);
        assert_int_equal(sessjwt_revoke_all(s->c, NULL, NULL), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "{\"token\":\"t\"}"));
        assert_null(strstr(s->calls[1], "\"all\""));
        assert_null(strstr(s->calls[2], "reason"));
        assert_null(strstr(s->calls[3], "user"));
}

static void test_methods_without_parameters_send_none(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{}" }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_get_keys(s->c), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_revoke_others(s->c), 0);
        assert_int_equal(sessjwt_reload(s->c), 0);
        assert_int_equal(sessjwt_mint_token(s->c, NULL, NULL), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "\"org.sessjwt.GetKeys\""));
        assert_non_null(strstr(s->calls[1], "\"org.sessjwt.GetHealth\""));
        assert_non_null(strstr(s->calls[2], "\"org.sessjwt.RevokeOthers\""));
        assert_non_null(strstr(s->calls[3], "\"org.sessjwt.Reload\""));
        assert_null(strstr(s->calls[4], "sessionId"));
}

static void test_arguments_are_quoted_so_that_none_can_add_a_member(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_get_session(s->c, "x\",\"all\":\"\n\\"), 0);
        server_end(s);
        assert_non_null(strstr(s->calls[0], "{\"sessionId\":\"x\\\",\\\"all\\\":\\\"\\n\\\\\"}"));
}

static void test_a_required_argument_that_is_missing_sends_nothing(void **state) {
        struct server *s = *state;

        assert_int_equal(sessjwt_introspect(s->c, NULL, NULL, NULL), -EINVAL);
        assert_int_equal(sessjwt_get_session(s->c, NULL), -EINVAL);
        assert_int_equal(sessjwt_revoke_session(s->c, NULL, "x"), -EINVAL);
}

static void test_arguments_longer_than_a_call_are_refused(void **state) {
        struct server *s = *state;
        static char token[MESSAGE_MAX + 2];

        memset(token, 'a', MESSAGE_MAX + 1);
        assert_int_equal(sessjwt_introspect(s->c, token, NULL, NULL), -E2BIG);
        token[MESSAGE_MAX - 20] = 0; /* fits the parameters and not the call */
        assert_int_equal(sessjwt_introspect(s->c, token, NULL, NULL), -E2BIG);
}

static void test_an_argument_that_is_not_utf8_is_refused(void **state) {
        struct server *s = *state;

        assert_int_equal(sessjwt_get_session(s->c, "\xff"), -EILSEQ);
        assert_null(sessjwt_reply(s->c));
}

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

/* ---- lists ------------------------------------------------------------------------------------------- */

#define SESSION(sid) "{\"sessionId\":\"" sid "\",\"user\":\"alice\"}"
#define MORE(sid)    "{\"parameters\":{\"session\":" SESSION(sid) "},\"continues\":true}"
#define LAST(sid)    "{\"parameters\":{\"session\":" SESSION(sid) "}}"

static void assert_next(struct sessjwt *c, const char *sid) {
        const char *session = NULL;
        char expected[128];

        assert_int_equal(sessjwt_next_session(c, &session), 0);
        if (!sid) {
                assert_null(session);
                return;
        }
        snprintf(expected, sizeof expected, "{\"sessionId\":\"%s\",\"user\":\"alice\"}", sid);
        assert_string_equal(session, expected);
        assert_string_equal(sessjwt_reply(c), expected);
        assert_string_equal(sessjwt_reply_string(c, "sessionId"), sid);
}

static void test_a_list_gives_each_session_and_then_null(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { DRIP, MORE("s2") }, { WRITE, LAST("s3") },
                { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_next(s->c, "s2");
        assert_next(s->c, "s3");
        assert_next(s->c, NULL);
        assert_next(s->c, NULL);
        assert_int_equal(sessjwt_get_health(s->c), 0); /* on the same connection */
        server_end(s);
}

static void test_replies_that_come_in_one_read_are_told_apart(void **state) {
        struct server *s = *state;
        static const char three[] = MORE("s1") "\0" MORE("s2") "\0" LAST("s3");
        static const struct step steps[] = { { ACCEPT }, { READ }, { BYTES, three, sizeof three }, { END } };

        server_start(s, steps);
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        server_end(s);
        assert_next(s->c, "s1");
        assert_next(s->c, "s2");
        assert_next(s->c, "s3");
        assert_next(s->c, NULL);
}

static void test_an_empty_list_is_over_at_once(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, NULL);
        server_end(s);
}

static void test_a_list_may_end_with_a_reply_without_a_session(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") },
                { WRITE, "{\"parameters\":{\"session\":null}}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_next(s->c, NULL);
        server_end(s);
}

static void test_a_refused_list_has_no_sessions(void **state) {
        struct server *s = *state;
        const char *session;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"error\":\"org.varlink.service.PermissionDenied\"}" });
        assert_int_equal(sessjwt_list_sessions(s->c, "root", NULL, false), SESSJWT_E_PERMISSION_DENIED);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_an_error_in_the_middle_ends_the_list(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { WRITE, GONE });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_int_equal(sessjwt_next_session(s->c, &session), SESSJWT_E_SESSION_NOT_FOUND);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_a_connection_lost_in_the_middle_is_not_the_end_of_the_list(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { HANG_UP });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_next(s->c, "s1");
        assert_int_equal(sessjwt_next_session(s->c, &session), -ECONNRESET);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
        assert_int_equal(s->n_calls, 1);
}

static void test_a_reply_in_the_middle_without_a_session_breaks_the_protocol(void **state) {
        struct server *s = *state;
        const char *session = NULL;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"parameters\":{},\"continues\":true}" });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EBADMSG);
        server_end(s);
}

static void test_another_call_gives_the_rest_of_a_list_up(void **state) {
        struct server *s = *state;
        const char *session;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, MORE("s1") }, { ACCEPT }, { READ }, { WRITE, HEALTH });
        assert_int_equal(sessjwt_list_sessions(s->c, NULL, NULL, false), 0);
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_healthy(s->c);
        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
        server_end(s);
}

static void test_sessions_cannot_be_had_before_a_list_was_begun(void **state) {
        struct server *s = *state;
        const char *session;

        assert_int_equal(sessjwt_next_session(s->c, &session), -EINVAL);
}

/* ---- the reply --------------------------------------------------------------------------------------- */

static void test_members_are_found_by_their_path(void **state) {
        struct server *s = *state;
        int64_t n = 0;
        bool b = false;

        SERVE(s, { ACCEPT }, { READ },
                { WRITE, "{\"parameters\":{\"a\":{\"b\":[\"x\",{\"c\":7}, "
                         "true]},\"s\":\"\\u00e9\\u001b\",\"n\":null,"
                         "\"nul\":\"\\u0000\"}}" });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply_string(s->c, "a.b.0"), "x");
        assert_int_equal(sessjwt_reply_integer(s->c, "a.b.1.c", &n), 0);
        assert_int_equal(n, 7);
        assert_int_equal(sessjwt_reply_bool(s->c, "a.b.2", &b), 0);
        assert_true(b);
        assert_int_equal(sessjwt_reply_count(s->c, "a.b"), 3);
        assert_string_equal(sessjwt_reply_string(s->c, "s"), "\xc3\xa9\x1b");
        assert_null(sessjwt_reply_string(s->c, "nul"));
        server_end(s);
}

static void test_what_is_not_there_or_of_another_type_is_told(void **state) {
        struct server *s = *state;
        char longest[4096];
        int64_t n = 5;
        bool b = true;

        memset(longest, 'a', sizeof longest);
        longest[sizeof longest - 1] = 0;
        SERVE(s, { ACCEPT }, { READ },
                { WRITE, "{\"parameters\":{\"s\":\"x\",\"n\":null,\"a\":[1],\"i\":1.5}}" });
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_int_equal(sessjwt_reply_integer(s->c, "s", &n), -EINVAL);
        assert_int_equal(sessjwt_reply_integer(s->c, "i", &n), -EINVAL);
        assert_int_equal(sessjwt_reply_bool(s->c, "s", &b), -EINVAL);
        assert_int_equal(sessjwt_reply_integer(s->c, "n", &n), -ENODATA);
        assert_int_equal(sessjwt_reply_bool(s->c, "gone", &b), -ENODATA);
        assert_int_equal(n, 5);
        assert_true(b);
        for (const char *const *p = (const char *const[]){ "a", "a.1", "a.x", "a.", "a.-1",
                     "a.99999999999999999999", "s.x", "", ".", "n", "n.x", longest, NULL };
                *p; p++)
                assert_null(sessjwt_reply_string(s->c, *p));
        assert_int_equal(sessjwt_reply_count(s->c, "s"), 0);
        assert_int_equal(sessjwt_reply_count(s->c, "gone"), 0);
        server_end(s);
}

static void test_the_reply_is_the_text_of_its_parameters(void **state) {
        struct server *s = *state;

        SERVE(s, { ACCEPT }, { READ }, { WRITE, "{\"parameters\": {\"a\": 1} }" }, { READ }, { WRITE, "{}" },
                { READ }, { WRITE, "{\"parameters\":null}" });
        assert_null(sessjwt_reply(s->c));
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{\"a\": 1}");
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{}");
        assert_null(sessjwt_reply_string(s->c, "parameters"));
        assert_int_equal(sessjwt_get_health(s->c), 0);
        assert_string_equal(sessjwt_reply(s->c), "{}");
        server_end(s);
}

/* ---- errors ------------------------------------------------------------------------------------------ */

static void test_each_error_of_the_interface_has_its_number_and_its_detail(void **state) {
        struct server *s = *state;
        static const struct step steps[] = {
#define ERROR(name, params) { READ }, { WRITE, "{\"error\":\"" name "\",\"parameters\":" params "}" }
                { ACCEPT },
                ERROR("org.varlink.service.InterfaceNotFound", "{\"interface\":\"d\"}"),
                ERROR("org.varlink.service.MethodNotFound", "{\"method\":\"d\"}"),
                ERROR("org.varlink.service.MethodNotImplemented", "{\"method\":\"d\"}"),
                ERROR("org.varlink.service.InvalidParameter", "{\"parameter\":\"d\"}"),
                ERROR("org.sessjwt.SessionNotFound", "{\"sessionId\":\"d\"}"),
                ERROR("org.sessjwt.SessionEnded", "{\"sessionId\":\"x\",\"endReason\":\"d\"}"),
                ERROR("org.sessjwt.RealmNotFound", "{\"realm\":\"d\"}"),
                ERROR("org.sessjwt.StoreUnavailable", "{\"reason\":\"d\"}"),
                ERROR("org.sessjwt.ConfigurationInvalid", "{\"message\":\"d\"}"),
                ERROR("org.sessjwt.PermissionDenied", "{}"), /* not ours: it is the service's */
                ERROR("org.varlink.service.PermissionDenied", "{}"),
                ERROR("org.varlink.service.ExpectedMore", "{}"),
                ERROR("org.sessjwt.NoSession", "{}"),
                ERROR("org.sessjwt.SessionNotFound", "{}"),
                ERROR("org.sessjwt.SessionNotFound", "{\"sessionId\":[]}"),
                { END },
        };
        static const struct {
                int number;
                const char *detail;
        } expected[] = {
                { SESSJWT_E_INTERFACE_NOT_FOUND, "d" },
                { SESSJWT_E_METHOD_NOT_FOUND, "d" },
                { SESSJWT_E_METHOD_NOT_IMPLEMENTED, "d" },
                { SESSJWT_E_INVALID_PARAMETER, "d" },
                { SESSJWT_E_SESSION_NOT_FOUND, "d" },
                { SESSJWT_E_SESSION_ENDED, "d" },
                { SESSJWT_E_REALM_NOT_FOUND, "d" },
                { SESSJWT_E_STORE_UNAVAILABLE, "d" },
                { SESSJWT_E_CONFIGURATION_INVALID, "d" },
                { SESSJWT_E_OTHER, "org.sessjwt.PermissionDenied" },
                { SESSJWT_E_PERMISSION_DENIED, NULL },
                { SESSJWT_E_EXPECTED_MORE, NULL },
                { SESSJWT_E_NO_SESSION, NULL },
                { SESSJWT_E_SESSION_NOT_FOUND, NULL },
                { SESSJWT_E_SESSION_NOT_FOUND, NULL },
        };

        server_start(s, steps);
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
                const char *detail;

                assert_int_equal(sessjwt_get_session(s->c, "s1"), expected[i].number);
                detail = sessjwt_error_detail(s->c);
                if (expected[i].detail)
                        assert_string_equal(detail, expected[i].detail);
                else
                        assert_null(detail);
                if (expected[i].number == SESSJWT_E_SESSION_ENDED)
                        assert_string_equal(sessjwt_reply_string(s->c, "sessionId"), "x");
        }
        server_end(s);
}

static void test_every_number_has_a_sentence_of_its_own(void **state) {
        for (int i = -4096; i <= SESSJWT_E_CONFIGURATION_INVALID + 1; i++) {
                assert_non_null(sessjwt_error_text(i));
                assert_true(*sessjwt_error_text(i));
        }
        for (int i = 0; i <= SESSJWT_E_CONFIGURATION_INVALID; i++)
                for (int k = 0; k < i; k++)
                        assert_string_not_equal(sessjwt_error_text(i), sessjwt_error_text(k));
        assert_string_equal(sessjwt_error_text(SESSJWT_E_CONFIGURATION_INVALID + 1), "Unknown error");
        assert_string_equal(sessjwt_error_text(INT32_MIN), "Unknown error");
        assert_string_equal(sessjwt_error_text(-EACCES), "Permission denied");
}

/* ---- the connection ---------------------------------------------------------------------------------- */

static void test_connecting_opens_nothing_and_closing_takes_anything(void **state) {
        struct sessjwt *c = NULL;
        size_t n = count_fds();

        assert_int_equal(sessjwt_connect(NULL, &c), 0);
        assert_int_equal(count_fds(), n);
        sessjwt_close(&c);
        assert_null(c);
        sessjwt_close(&c);
        sessjwt_close(NULL);
}

static void test_a_path_that_no_socket_can_have_is_refused(void **state) {
        struct sessjwt *c = NULL;
        char path[109];

        memset(path, 'a', sizeof path - 1);
        path[sizeof path - 1] = 0;
        assert_int_equal(sessjwt_connect(path, &c), -ENAMETOOLONG);
        assert_int_equal(sessjwt_connect("", &c), -EINVAL);
        assert_null(c);
        path[sizeof path - 2] = 0;
        assert_int_equal(sessjwt_connect(path, &c), 0);
        assert_int_equal(sessjwt_get_health(c), -ENOENT);
        sessjwt_close(&c);
}

int main(void) {
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                SERVED(test_each_method_sends_its_name_and_its_parameters),
                SERVED(test_a_null_argument_is_an_absent_parameter),
                SERVED(test_methods_without_parameters_send_none),
                SERVED(test_arguments_are_quoted_so_that_none_can_add_a_member),
                SERVED(test_a_required_argument_that_is_missing_sends_nothing),
                SERVED(test_arguments_longer_than_a_call_are_refused),
                SERVED(test_an_argument_that_is_not_utf8_is_refused),
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
                SERVED(test_a_list_gives_each_session_and_then_null),
                SERVED(test_replies_that_come_in_one_read_are_told_apart),
                SERVED(test_an_empty_list_is_over_at_once),
                SERVED(test_a_list_may_end_with_a_reply_without_a_session),
                SERVED(test_a_refused_list_has_no_sessions),
                SERVED(test_an_error_in_the_middle_ends_the_list),
                SERVED(test_a_connection_lost_in_the_middle_is_not_the_end_of_the_list),
                SERVED(test_a_reply_in_the_middle_without_a_session_breaks_the_protocol),
                SERVED(test_another_call_gives_the_rest_of_a_list_up),
                SERVED(test_sessions_cannot_be_had_before_a_list_was_begun),
                SERVED(test_members_are_found_by_their_path),
                SERVED(test_what_is_not_there_or_of_another_type_is_told),
                SERVED(test_the_reply_is_the_text_of_its_parameters),
                SERVED(test_each_error_of_the_interface_has_its_number_and_its_detail),
                cmocka_unit_test(test_every_number_has_a_sentence_of_its_own),
                cmocka_unit_test(test_connecting_opens_nothing_and_closing_takes_anything),
                cmocka_unit_test(test_a_path_that_no_socket_can_have_is_refused),
        };

        return cmocka_run_group_tests_name("libsessjwt", tests, NULL, NULL);
}
