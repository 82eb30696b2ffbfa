/* server: see server.h. The life of the daemon and its loop. */
#include "daemon/server_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/api.h"
#include "daemon/keys.h"
#include "daemon/log.h"
#include "daemon/terminate.h"

#define EVENTS_PER_ROUND 1024
#define CALLS_PER_ROUND  64
#define SWEEP_INTERVAL   (10 * USEC_PER_SEC)
/* What a module waits for is over in 250 ms. */
#define ACCEPT_PAUSE       (20 * USEC_PER_SEC / 1000)
#define COMPLAINT_INTERVAL (10 * USEC_PER_SEC)

int server_watch(struct server *server, int fd, uint32_t events, enum watch watch, uint64_t what) {
        struct epoll_event event = { .events = events, .data.u64 = ((uint64_t) watch << 56) | what };

        return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* ---- listeners ---- */

static void watch_listener(struct server *server, int fd, enum watch watch, uint32_t events) {
        (void) epoll_ctl(server->epoll, EPOLL_CTL_MOD, fd,
                &(struct epoll_event){ .events = events, .data.u64 = (uint64_t) watch << 56 });
}

void server_pause_listener(struct server *server, int fd, enum watch watch, int error) {
        if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
                return;
        if (server->now.boot >= server->accept_complained + COMPLAINT_INTERVAL) {
                server->accept_complained = server->now.boot;
                log_line(LOG_ERR, "cannot let anybody in: %s; callers wait", strerror(error));
        }
        watch_listener(server, fd, watch, 0);
        server->accept_due = server->now.boot + ACCEPT_PAUSE;
}

static void resume_listeners(struct server *server) {
        server->accept_due = USEC_NEVER;
        watch_listener(server, server->listeners.login, WATCH_LOGIN_LISTENER, EPOLLIN);
        watch_listener(server, server->listeners.public, WATCH_PUBLIC_LISTENER, EPOLLIN);
}

/* ---- signals, by sd-event ---- */

static void stop(struct server *server) {
        sd_notify(0, "STOPPING=1");
        server->is_stopping = true;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        stop(userdata);
        return 0;
}

static int begin_reload(struct server *server) {
        int r = reload_start(server->reload);

        server->reload_wanted = r == -EALREADY;
        if (r == -EALREADY)
                return 0;
        if (r < 0) {
                log_line(LOG_ERR, "cannot read the configuration again: %s", strerror(-r));
                return r;
        }
        server->config_read_wall = server->now.wall;
        sd_notify(0, "RELOADING=1");
        return 0;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) begin_reload(userdata);
        return 0;
}

/* ---- the configuration, again ---- */

static void answer_reload(struct server *server, struct request *waits, int result, const char *error) {
        for (struct request *q = waits, *next; q; q = next) {
                next = (struct request *) q->change.next;
                snprintf(q->detail, sizeof(q->detail), "%s", error);
                server_answer(server, q, result);
                request_free(&q);
        }
}

static void take_reload(struct server *server) {
        char error[CONFIG_ERROR_MAX] = "";
        struct config *config = NULL;
        struct request *waits = TAKE(server->reload_waits);
        int r = reload_take(server->reload, &config, error);

        if (r == 0) {
                config_unref(&server->config);
                server->config = config;
                server_note_config(server);
                token_cache_clear(server->service.tokens_seen); /* they were judged by the old `typ` */
                server_tend_keys(server);
                server_note_reload(server);
                server_begin_bearer_files(server);
        } else {
                log_line(LOG_ERR, "configuration not reloaded, the old one stays: %s", error);
                snprintf(server->service.health.config_error, CONFIG_ERROR_MAX, "%s", error);
        }
        sd_notify(0, "READY=1");
        answer_reload(server, waits, r == 0 ? 0 : API_CONFIGURATION_INVALID, error);
        if (server->reload_waits_next || server->reload_wanted) {
                server->reload_waits = TAKE(server->reload_waits_next);
                r = begin_reload(server);
                if (r < 0)
                        answer_reload(server, TAKE(server->reload_waits), r, "");
        }
}

/* ---- a round ---- */

static usec_t next_due(const struct server *server) {
        const usec_t all[] = { server->sweep_due, server->accept_due, server->expiry_due, server->keys_due,
                server->history_due, server->heartbeat_due, server_names_due(server), server_list_due(server),
                server_bearer_files_due(server), terminate_due(server->leaders),
                server->notices.n > 0 ? 0 : USEC_NEVER };
        usec_t due = USEC_NEVER;

        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
                if (all[i] < due)
                        due = all[i];
        return due;
}

static void run_due(struct server *server) {
        if (server->accept_due <= server->now.boot)
                resume_listeners(server);
        if (server->heartbeat_due <= server->now.boot)
                server_beat(server);
        if (server->expiry_due <= server->now.boot)
                server_expire(server);
        if (server->keys_due <= server->now.boot)
                server_tend_keys(server);
        if (server->history_due <= server->now.boot)
                server_tend_history(server);
        if (server_names_due(server) <= server->now.boot)
                server_go_on_with_names(server);
        if (terminate_due(server->leaders) <= server->now.boot)
                terminate_run(server->leaders, server->logind, server->service.store, server->now.boot);
        notices_say(&server->notices, server->leaders);
        server_tend_list(server);
        server_tend_bearer_files(server);
        if (server->sweep_due <= server->now.boot) {
                server->sweep_due = server->now.boot + SWEEP_INTERVAL;
                server_drop_old_waiters(server);
                server_drop_idle(server);
                (void) store_check_readers(server->service.store);
        }
}

/* To set a clock costs about as much as a short call (a virtual machine leaves to its host), so it is set
 * only for what is due sooner; when it rings too soon, nothing is lost but a round. It counts a suspend. */
static int arm_timer(struct server *server, usec_t due) {
        usec_t delay = due > server->now.boot ? due - server->now.boot : 0;
        struct itimerspec when = { .it_value = { .tv_sec = (time_t) (delay / USEC_PER_SEC),
                                           .tv_nsec = (long) (delay % USEC_PER_SEC * 1000) } };

        if (delay == 0 || due >= server->timer_due)
                return 0;
        server->timer_due = due;
        return timerfd_settime(server->timer, 0, &when, NULL) < 0 ? -errno : 0;
}

static void take_timer(struct server *server) {
        uint64_t times;

        (void) !read(server->timer, &times, sizeof(times));
        server->timer_due = USEC_NEVER;
}

/* Its signals, the watchdog and logind's bus. It stays armed while we wait: what it is to do makes its
 * descriptor readable. */
static int run_sd_event(struct server *server) {
        int r = server->event_is_pending ? 1 : sd_event_wait(server->event, 0);

        if (r > 0)
                r = sd_event_dispatch(server->event);
        if (r >= 0)
                r = sd_event_prepare(server->event);
        server->event_is_pending = r > 0;
        return r < 0 && r != -ESTALE ? r : 0;
}

/* Nothing in such a round has to do with sd-event, whose turn costs as much as a short call. */
static bool are_only_peers(const struct epoll_event *events, int n) {
        for (int i = 0; i < n; i++)
                if (events[i].data.u64 >> 56 != WATCH_PUBLIC && events[i].data.u64 >> 56 != WATCH_LOGIN)
                        return false;
        return n > 0;
}

/* Logins before all else: a flood on the public socket must not delay them. Then what gives answers, then
 * new work. */
static void handle_events(struct server *server, const struct epoll_event *events, int n) {
        for (int i = 0; i < n; i++) {
                if (events[i].data.u64 >> 56 == WATCH_LOGIN)
                        server_read_login(server, (uint32_t) events[i].data.u64);
                else if (events[i].data.u64 >> 56 == WATCH_LOGIN_LISTENER)
                        server_accept_logins(server);
        }
        for (int i = 0; i < n; i++) {
                uint64_t data = events[i].data.u64;

                switch ((enum watch)(data >> 56)) {
                case WATCH_TIMER:
                        take_timer(server);
                        break;
                case WATCH_TURN:
                        server_take_done(server);
                        break;
                case WATCH_LEADERS:
                        server_leaders_gone(server);
                        break;
                case WATCH_RELOAD:
                        take_reload(server);
                        break;
                case WATCH_LIST:
                        server_take_list(server);
                        break;
                case WATCH_BACKUP:
                        server_take_backup(server);
                        break;
                case WATCH_NAMES:
                        server_go_on_with_names(server);
                        break;
                case WATCH_PUBLIC_LISTENER:
                        server_accept_public(server);
                        break;
                case WATCH_PUBLIC:
                        server_public_event(server, (uint32_t) data,
                                (uint32_t) (data >> 32) & CONNECTION_GENERATION_MASK, events[i].events);
                        break;
                default:
                        break;
                }
        }
}

/* Our epoll is the loop and sd-event's descriptor one member of it: sd-event dispatches one source an
 * iteration, which a busy socket would pay for. */
static int run_round(struct server *server) {
        struct epoll_event events[EVENTS_PER_ROUND];
        usec_t due = next_due(server);
        bool has_work = due <= server->now.boot || server->event_is_pending ||
                        connections_have_ready(server->connections);
        int r, n;

        r = arm_timer(server, due);
        if (r < 0)
                return r;
        n = epoll_wait(server->epoll, events, EVENTS_PER_ROUND, has_work ? 0 : -1);
        if (n < 0 && errno != EINTR)
                return -errno;
        server->now = clock_now();
        server->signature_checks = SIGNATURE_CHECKS_PER_ROUND;
        server->calls = CALLS_PER_ROUND;
        server->work_ends = server->now.awake + SERVER_WORK_TIME;
        handle_events(server, events, n);
        server_work(server);
        run_due(server);
        if (due > server->now.boot && !server->event_is_pending && are_only_peers(events, n))
                return 0;
        return run_sd_event(server);
}

/* ---- life ---- */

int server_open_loop(struct server *server) {
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGHUP);
        sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread: they inherit it */
        signal(SIGPIPE, SIG_IGN);
        server->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (server->epoll < 0)
                return -errno;
        r = sd_event_new(&server->event);
        if (r >= 0)
                r = sd_event_add_signal(server->event, NULL, SIGTERM, on_stop_signal, server);
        if (r >= 0)
                r = sd_event_add_signal(server->event, NULL, SIGINT, on_stop_signal, server);
        if (r >= 0)
                r = sd_event_add_signal(server->event, NULL, SIGHUP, on_reload_signal, server);
        if (r >= 0)
                r = sd_event_set_watchdog(server->event, true);
        if (r >= 0)
                r = sd_event_prepare(server->event);
        if (r < 0)
                return r;
        server->event_is_pending = r > 0;
        r = server_watch(server, sd_event_get_fd(server->event), EPOLLIN, WATCH_EVENT, 0);
        if (r < 0)
                return r;
        server->timer_due = USEC_NEVER;
        server->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        return server->timer < 0 ? -errno : server_watch(server, server->timer, EPOLLIN, WATCH_TIMER, 0);
}

/* What was posted is run and answered; sessions and connections of users live on without us. */
static void server_close(struct server *server) {
        server->is_stopping = true;
        server_cancel_names(server);
        if (server->turn) {
                turn_stop(server->turn);
                server_take_done(server);
        }
        server_settle_list(server);
        if (server->backup_waits) {
                backup_cancel(server->backup);
                server_take_backup(server);
        }
        answer_reload(server, TAKE(server->reload_waits), -ECANCELED, "");
        answer_reload(server, TAKE(server->reload_waits_next), -ECANCELED, "");
        while (server->n_waiters > 0) {
                struct login_waiter *waiter = server->waiters[--server->n_waiters];

                close(waiter->fd);
                free(waiter);
        }
        listeners_close(&server->listeners, server->options->runtime_dir);
        connections_free(&server->connections);
        quotas_free(&server->quotas);
        feed_free(&server->feed);
        turn_free(&server->turn);
        reload_free(&server->reload);
        list_file_free(&server->list_file);
        backup_free(&server->backup);
        server_close_bearer_files(server);
        logind_free(&server->logind);
        leaders_free(&server->leaders);
        fdstore_close(&server->fdstore);
        free(server->scratch_reply);
        sd_event_unref(server->event);
        cleanup_close(&server->timer);
        cleanup_close(&server->epoll);
        keyset_free(&server->service.keyset);
        keyring_free(&server->service.keyring);
        wrapping_key_free(&server->service.wrapping);
        token_cache_free(&server->service.tokens_seen);
        status_close(&server->service.status);
        free(server->service.status_list);
        effects_free(&server->unkept);
        seal_free(&server->service.seal);
        seal_free(&server->service.unknown_names);
        names_free(&server->service.names);
        choices_clear(&server->service.choices);
        store_close(&server->service.store);
        config_unref(&server->config);
}

int server_run(const struct server_options *options) {
        struct server *server = calloc(1, sizeof(*server));
        int r;

        if (!server) {
                log_line(LOG_ERR, "sessjwtd ends: no memory");
                return 1;
        }
        server->options = options;
        server->epoll = server->timer = server->listeners.login = server->listeners.public = -1;
        server->expiry_due = server->keys_due = server->accept_due = USEC_NEVER;
        r = server_open(server);
        if (r >= 0) {
                log_line(LOG_INFO, "sessjwtd %s is ready, %zu login processes are watched", SESSJWT_VERSION,
                        leaders_count(server->leaders));
                sd_notify(0, "READY=1");
        }
        while (r >= 0 && !server->is_stopping)
                r = run_round(server);
        if (r < 0) {
                log_line(LOG_ERR, "sessjwtd ends: %s", strerror(-r));
                server->exit_status = 1;
        }
        r = server->exit_status;
        server_close(server);
        free(server);
        return r;
}
