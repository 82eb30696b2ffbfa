/* server_login: the login socket: accepts modules, takes one frame of each with the leader's pidfd,
 * answers with one. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/process.h"
#include "daemon/tell.h"

#define WAITER_PATIENCE (5 * USEC_PER_SEC) /* a module sends at once; who does not is no module */

/* Its descriptor may belong to a login, which goes on. */
static void waiter_unwatch(struct server *server, struct login_waiter *waiter) {
        if (waiter->is_watched)
                (void) epoll_ctl(server->epoll, EPOLL_CTL_DEL, waiter->fd, NULL);
        waiter->is_watched = false;
}

static void waiter_remove(struct server *server, struct login_waiter *waiter) {
        struct login_waiter *last = server->waiters[--server->n_waiters];

        waiter_unwatch(server, waiter);
        if (last != waiter) {
                server->waiters[waiter->index] = last;
                last->index = waiter->index;
                if (last->is_watched)
                        (void) epoll_ctl(server->epoll, EPOLL_CTL_MOD, last->fd,
                                &(struct epoll_event){ .events = EPOLLIN,
                                        .data.u64 = ((uint64_t) WATCH_LOGIN << 56) | last->index });
        }
        cleanup_close(&waiter->fd);
        free(waiter);
}

/* Only of what is not there yet must epoll tell. */
static void waiter_watch(struct server *server, struct login_waiter *waiter) {
        if (waiter->is_watched)
                return;
        waiter->is_watched = server_watch(server, waiter->fd, EPOLLIN, WATCH_LOGIN, waiter->index) == 0;
        if (!waiter->is_watched)
                waiter_remove(server, waiter);
}

void server_drop_old_waiters(struct server *server) {
        for (size_t i = server->n_waiters; i-- > 0;)
                if (server->waiters[i]->connected_boot + WAITER_PATIENCE < server->now.boot)
                        waiter_remove(server, server->waiters[i]);
}

/* Only root speaks here; in a test that runs as an ordinary user, that user. The socket's mode says the
 * same. */
static bool peer_may_speak(int fd) {
        struct ucred cred;
        socklen_t size = sizeof(cred);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0 &&
               (cred.uid == 0 || cred.uid == geteuid());
}

void server_accept_logins(struct server *server) {
        for (;;) {
                _cleanup_(cleanup_close) int fd =
                        accept4(server->listeners.login, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                struct login_waiter *waiter;

                if (fd < 0) {
                        server_pause_listener(server, server->listeners.login, WATCH_LOGIN_LISTENER, errno);
                        return;
                }
                if (!peer_may_speak(fd) || server->n_waiters == LOGIN_CONNECTIONS_MAX)
                        continue;
                waiter = calloc(1, sizeof(*waiter));
                if (!waiter)
                        continue;
                waiter->index = (uint32_t) server->n_waiters;
                waiter->connected_boot = server->now.boot;
                waiter->fd = TAKE_FD(fd);
                server->waiters[server->n_waiters++] = waiter;
                server_read_login(server, waiter->index); /* the frame is mostly there already */
        }
}

/* ---- one frame ---- */

/* The packet and the first descriptor that came with it; more are closed. Returns its size or negative
 * errno. */
static ssize_t receive_packet(int fd, void *buf, size_t size, int *ret_pidfd) {
        union {
                char bytes[CMSG_SPACE(4 * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { .iov_base = buf, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes) };
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
                size_t n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                int fds[4];

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || n_fds > 4)
                        continue;
                memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
                for (size_t i = 0; i < n_fds; i++) {
                        if (*ret_pidfd < 0)
                                *ret_pidfd = fds[i];
                        else
                                close(fds[i]);
                }
        }
        if (n == 0)
                return -ECONNRESET;
        return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

/* Without a pidfd from the module (an old kernel): by the peer's pid, if that process is older than its
 * connection. */
static int pidfd_of_peer(int fd, usec_t connected_boot) {
        _cleanup_(cleanup_close) int pidfd = -1;
        struct ucred cred;
        struct process process;
        socklen_t size = sizeof(cred);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || cred.pid <= 0)
                return -1;
        pidfd = pidfd_open(cred.pid, 0);
        if (pidfd < 0 || process_read(cred.pid, &process) < 0 || process_started(&process) > connected_boot)
                return -1;
        return TAKE_FD(pidfd);
}

static void answer_login(int fd, const struct frame_reply *reply, bool *ret_heard) {
        uint8_t packet[FRAME_REPLY_MAX];
        size_t size;
        int r;

        r = frame_write_reply(reply, packet, sizeof(packet), &size);
        *ret_heard = r == 0 && send(fd, packet, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size;
        if (r < 0)
                log_line(LOG_ERR, "cannot write a reply to a login: %s", strerror(-r));
}

static void refuse_frame(int fd, int error, uint16_t version, const char *field) {
        struct frame_reply reply = { .outcome = error == -EPROTONOSUPPORT ? FRAME_UNSUPPORTED : FRAME_FAILED,
                .text = "sessjwt: bad frame" };
        bool heard;

        if (error == -EPROTONOSUPPORT)
                log_line(LOG_WARNING, "a login module speaks version %u, this daemon speaks %u", version,
                        FRAME_VERSION);
        else
                log_line(LOG_WARNING, "bad frame from a login module: %s", field ? field : strerror(-error));
        answer_login(fd, &reply, &heard);
}

/* Reads the frame into a login that owns its bytes. NULL when it was refused. */
static struct login *make_login(
        struct server *server, struct login_waiter *waiter, const uint8_t *packet, size_t size, int *pidfd) {
        _cleanup_(login_free) struct login *login = calloc(1, sizeof(*login));
        const char *field = NULL;
        uint16_t version = 0;
        int r;

        if (!login)
                return NULL;
        login->fd = login->pidfd = -1;
        login->audit_session = AUDIT_SESSION_UNSET;
        login->packet = malloc(size);
        login->groups = malloc(GROUPS_MAX * sizeof(*login->groups));
        if (!login->packet || !login->groups)
                return NULL;
        memcpy(login->packet, packet, size);
        r = frame_read_request(login->packet, size, &login->frame, login->groups, &version, &field);
        if (r < 0) {
                refuse_frame(waiter->fd, r, version, field);
                return NULL;
        }
        login->frame.deadline = clock_from_boot(login->frame.deadline);
        login->service = &server->service;
        login->received_awake = clock_now().awake;
        login->config = config_ref(server->config);
        login->pidfd = *pidfd >= 0 ? TAKE_FD(*pidfd) : pidfd_of_peer(waiter->fd, waiter->connected_boot);
        if (login->pidfd >= 0)
                (void) leader_identify(login->pidfd, &server->service.boot, &login->leader);
        return TAKE(login);
}

/* No session has it: the login was refused, failed, or left no row. */
static void give_back_status_index(struct server *server, const struct login *login) {
        const struct effects *effects = &login->change.effects;

        if (!login->has_status_index)
                return;
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_SESSION_OPENED ||
                        effects->items[i].kind == EFFECT_SESSION_DENIED)
                        return;
        status_give_back(server->service.status, login->status_index);
}

/* The new device itself hears nothing. */
static void note_new_device(struct server *server, const struct login *login) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        const struct effects *effects = &login->change.effects;
        int r = 0;

        if (login->config->notify_new_device == NOTIFY_NO)
                return;
        for (size_t i = 0; i < effects->n && r == 0; i++) {
                if (effects->items[i].kind != EFFECT_DEVICE_NEW)
                        continue;
                r = store_begin_read(server->service.store, &txn);
                if (r == 0)
                        r = notices_add_new_device(&server->notices, txn, &effects->items[i].session);
                store_abort(&txn);
        }
        if (r < 0)
                log_line(LOG_ERR, "cannot find who should hear of a new device of %s: %s", login->frame.user,
                        strerror(-r));
}

/* Before anything is kept: a session whose leader cannot be watched would outlive him. */
static int hold_leader(struct server *server, struct login *login) {
        int pidfd = login->pidfd;
        int r = leaders_watch(server->leaders, &login->leader, &pidfd);

        if (r < 0)
                return r;
        login->is_held = true;
        login->pidfd_is_lent = pidfd < 0;
        return 0;
}

static void let_go_of_leader(struct server *server, struct login *login) {
        if (!login->is_held)
                return;
        if (login->pidfd_is_lent)
                login->pidfd = -1;
        login->is_held = login->pidfd_is_lent = false;
        leaders_release(server->leaders, &login->leader);
}

static void login_done(struct change *change, void *userdata) {
        struct login *login = (struct login *) change;
        struct server *server = userdata;
        const struct session *opened = NULL;
        bool heard = false, is_late;
        int no_pidfd = -1;

        for (size_t i = 0; i < change->effects.n; i++)
                if (change->effects.items[i].kind == EFFECT_SESSION_OPENED)
                        opened = &change->effects.items[i].session;
        server_tell_status(server, &change->effects);
        login_settle(login);
        give_back_status_index(server, login);
        server_tell_events(server, &change->effects);
        tell_leaders(&change->effects, server->leaders, &no_pidfd);
        let_go_of_leader(server, login);
        if (change->result < 0) {
                log_line(LOG_ERR, "a login of %s could not be kept: %s", login->frame.user,
                        strerror(-change->result));
                login->reply = (struct frame_reply){ .outcome = FRAME_FAILED,
                        .text = "sessjwt: the session could not be kept" };
                server->passwords_are_cut |= login->password != NULL;
        }
        if (opened)
                server_make_bearer_file(server, login, opened, login->reply.token_file);
        if (change->result == LOGIN_AGAIN && !server->is_stopping) {
                tell_logins(&change->effects, server->leaders, server->now.boot);
                HOOK("between-turns");
                effects_clear(&change->effects);
                turn_post(server->turn, change);
                return;
        }
        HOOK("before-reply");
        if (login->answer_is_awaited)
                answer_login(login->fd, &login->reply, &heard);
        is_late = clock_now().boot > login->frame.deadline; /* the round may have begun long before */
        HOOK("after-reply");
        latency_note(&server->service.statistics.logins, clock_now().awake - login->received_awake);
        tell_logins(&change->effects, server->leaders, server->now.boot);
        note_new_device(server, login);
        if (opened && (login->frame.flags & FRAME_DENIES_ON_ERROR) && (!heard || is_late))
                server_end_refused(server, &opened->sid);
        login_free(&login);
}

static void answer_read(struct server *server, struct login *login) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        bool heard;
        int r;

        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = login_read(login, txn);
        if (r < 0) {
                log_line(LOG_ERR, "cannot read the store for a login of %s: %s", login->frame.user,
                        strerror(-r));
                login->reply = (struct frame_reply){ .outcome = FRAME_FAILED,
                        .text = "sessjwt: the store cannot be read" };
        }
        answer_login(login->fd, &login->reply, &heard);
        latency_note(&server->service.statistics.accounts, clock_now().awake - login->received_awake);
}

static void refuse_open(struct login *login, int error) {
        bool heard;

        log_line(LOG_ERR, "cannot watch login process %d of %s: %s", login->leader.pid, login->frame.user,
                strerror(-error));
        login->reply = (struct frame_reply){ .outcome = FRAME_FAILED,
                .text = "sessjwt: the login process cannot be watched" };
        answer_login(login->fd, &login->reply, &heard);
}

static void answer_choose(struct server *server, struct login *login) {
        bool heard;

        login_choose(login, server->now.boot);
        answer_login(login->fd, &login->reply, &heard);
}

void server_read_login(struct server *server, uint32_t index) {
        static uint8_t packet[FRAME_REQUEST_MAX]; /* loop thread only */
        _cleanup_(cleanup_close) int pidfd = -1;
        _cleanup_(login_free) struct login *login = NULL;
        struct login_waiter *waiter = index < server->n_waiters ? server->waiters[index] : NULL;
        bool heard;
        ssize_t n;
        int r;

        if (!waiter)
                return;
        n = receive_packet(waiter->fd, packet, sizeof(packet), &pidfd);
        if (n == -EAGAIN || n == -EINTR) {
                waiter_watch(server, waiter);
                return;
        }
        if (n == -EMSGSIZE)
                refuse_frame(waiter->fd, -EMSGSIZE, 0, NULL);
        if (n > 0)
                login = make_login(server, waiter, packet, (size_t) n, &pidfd);
        if (login) {
                waiter_unwatch(server, waiter);
                login->fd = TAKE_FD(waiter->fd);
        }
        waiter_remove(server, waiter);
        if (!login)
                return;
        if (!login_needs_store(login, leaders_are_full(server->leaders))) {
                answer_login(login->fd, &login->reply, &heard);
                return;
        }
        if (login_only_reads(login)) {
                answer_read(server, login);
                return;
        }
        if (login->frame.phase == FRAME_CHOOSE) {
                answer_choose(server, login);
                return;
        }
        if (login->frame.phase == FRAME_OPEN) {
                r = hold_leader(server, login);
                if (r < 0) {
                        refuse_open(login, r);
                        return;
                }
                login_take_choice(login, server->now.boot);
                (void) process_audit_session(login->leader.pid, &login->audit_session);
        }
        login->change.lane = LANE_LOGIN;
        login->change.ends_stand = login->frame.phase == FRAME_CLOSE || login->frame.phase == FRAME_PASSWORD;
        login->change.run = login_run;
        login->change.done = login_done;
        turn_post(server->turn, &TAKE(login)->change);
}
