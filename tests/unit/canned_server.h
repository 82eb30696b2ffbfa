/* canned_server: a server on a real Unix socket that does as it is told: it speaks the framing and answers
 * with canned bytes, whole, in pieces or not at all. For the tests of the library. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
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

#define CALLS_MAX 12

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

static inline size_t count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static inline void server_listen(struct server *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        strcpy(address.sun_path, s->path);
        s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(s->listener >= 0);
        assert_int_equal(bind(s->listener, (struct sockaddr *) &address, sizeof address), 0);
        assert_int_equal(listen(s->listener, 4), 0);
}

static inline void server_hang_up(struct server *s) {
        if (s->peer >= 0)
                close(s->peer);
        s->peer = -1;
}

/* The old connection is closed only when the new one is there. */
static inline void server_accept(struct server *s) {
        int peer = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

        server_hang_up(s);
        s->peer = peer;
}

static inline void server_read(struct server *s) {
        char *call = s->calls[s->n_calls < CALLS_MAX - 1 ? s->n_calls++ : CALLS_MAX - 1];
        size_t n = 0;

        while (n <= MESSAGE_MAX && read(s->peer, call + n, 1) == 1)
                if (call[n++] == 0)
                        return;
        strcpy(call, "(no whole call)");
}

static inline void server_write(struct server *s, const char *bytes, size_t size, size_t piece) {
        while (size > 0) {
                ssize_t n = send(s->peer, bytes, piece < size ? piece : size, MSG_NOSIGNAL);

                if (n <= 0)
                        return;
                bytes += n;
                size -= (size_t) n;
        }
}

static inline void server_pass_fd(struct server *s, const char *text) {
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
static inline void server_write_long(struct server *s, size_t size) {
        static const char head[] = "{\"parameters\":{\"text\":\"", tail[] = "\"}}";
        char *text = malloc(size + 1);

        memset(text, 'a', size);
        memcpy(text, head, sizeof head - 1);
        memcpy(text + size + 1 - sizeof tail, tail, sizeof tail);
        server_write(s, text, size + 1, size + 1);
        free(text);
}

static inline void server_flood(struct server *s, size_t size) {
        char *text = malloc(size);

        memset(text, ' ', size);
        server_write(s, text, size, size);
        free(text);
}

static inline void server_do(struct server *s, const struct step *step) {
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

static inline void *server_run(void *userdata) {
        struct server *s = userdata;

        for (const struct step *step = s->steps; step->action != END; step++)
                server_do(s, step);
        return NULL;
}

static inline void server_start(struct server *s, const struct step *steps) {
        sigset_t all, before;

        s->steps = steps;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the caller's in these tests */
        assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static inline void server_wait(struct server *s) {
        while (sem_wait(&s->reached) < 0)
                ;
}

static inline void server_end(struct server *s) {
        pthread_join(s->thread, NULL);
        server_hang_up(s);
}

#define SERVE(s, ...)                                                                                        \
        static const struct step steps_[] = { __VA_ARGS__, { END } };                                        \
        server_start((s), steps_)

static inline int set_up(void **state) {
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
static inline int tear_down(void **state) {
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

static inline void assert_healthy(struct sessjwt *c) {
        int64_t sessions = 0;
        bool ok = false;

        assert_string_equal(sessjwt_reply_string(c, "version"), "0.1.0");
        assert_int_equal(sessjwt_reply_bool(c, "ok", &ok), 0);
        assert_true(ok);
        assert_int_equal(sessjwt_reply_integer(c, "sessions", &sessions), 0);
        assert_int_equal(sessions, 3);
}
