/* server_public: the public socket: connections, their calls one after the other, a fair share of each
 * round for each user. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/api.h"
#include "daemon/hook.h"
#include "daemon/log.h"

#define CHANGE_REPLY_SIZE MESSAGE_MAX
#define REPLIES_SIZE      16384 /* of calls that came together: that much goes out at once */
#define CALLS_IN_A_ROW    16    /* of one connection, before those of other uids */

/* ---- connections ---- */

/* Watches for what can be gone on with: room for output before anything else (a peer that does not read is
 * not read), input when no call is being answered. */
static void update_interest(struct server *server, struct connection *connection) {
        uint32_t interest = 0;

        if (stream_has_output(&connection->stream))
                interest = EPOLLOUT;
        else if (!connection->change_in_flight && !connection->list && !connection->subscription &&
                 !connection->has_closed)
                interest = EPOLLIN;
        if (interest == connection->interest)
                return;
        connection->interest = interest;
        (void) epoll_ctl(server->epoll, EPOLL_CTL_MOD, connection->fd,
                &(struct epoll_event){ .events = interest,
                        .data.u64 = ((uint64_t) WATCH_PUBLIC << 56) |
                                    ((uint64_t) connection->generation << 32) | connection->slot });
}

/* ---- one call ---- */

static int emit(void *userdata, const char *text, size_t size) {
        return stream_put(userdata, text, size);
}

static void prepare_request(struct server *server, struct connection *connection, struct request *q) {
        q->service = &server->service;
        q->config = server->config; /* lent for the round; request_keep takes a reference */
        q->keyring = server->service.keyring;
        q->method = NULL;
        q->is_retried = connection->is_put_off;
        connection->is_put_off = false;
        q->peer = connection->peer;
        q->now = server->now;
        q->txn = NULL;
        q->reply_bytes = server->scratch_reply;
        q->reply_size = REPLY_MAX;
        q->detail[0] = q->detail_more[0] = '\0';
        q->list = (struct list){ 0 };
        q->emit = emit;
        q->emit_userdata = &connection->stream;
        q->signature_checks = &server->signature_checks;
        q->has_touched = false;
        q->kept = (struct progress){ 0 };
        q->slot = connection->slot;
        q->generation = connection->generation;
        request_begin_reply(q);
}

/* Nobody is shown what was committed before it was told: whoever reads that a session has ended may count on
 * its byte on the status page. What stands between is no disk, and comes with the next round. */
int server_read(struct server *server, struct request *q, int (*handler)(struct request *)) {
        int r;

        r = store_begin_read(server->service.store, &q->txn);
        if (r < 0)
                return r;
        r = store_sees(q->txn) > turn_taken(server->turn) ? API_AGAIN : handler(q);
        store_abort(&q->txn);
        if (q->has_touched)
                server_note_touch(server, &q->touched);
        q->has_touched = false;
        return r;
}

static int begin_change(struct server *server, struct connection *connection, const char *text, size_t size) {
        _cleanup_(request_free) struct request *q = request_keep(&server->scratch, text, size);

        if (!q || request_own_reply(q, CHANGE_REPLY_SIZE) < 0)
                return -ENOMEM;
        connection->change_in_flight = true;
        server_post_change(server, TAKE(q));
        return 0;
}

static int begin_reload(struct server *server, struct connection *connection, const char *text, size_t size) {
        _cleanup_(request_free) struct request *q = request_keep(&server->scratch, text, size);
        struct request **waits = &server->reload_waits;
        int r;

        if (!q || request_own_reply(q, CHANGE_REPLY_SIZE) < 0)
                return -ENOMEM;
        r = reload_start(server->reload);
        if (r == -EALREADY)
                waits = &server->reload_waits_next;
        else if (r < 0)
                return r;
        else
                server->config_read_wall = server->now.wall;
        request_begin_reply(q);
        connection->change_in_flight = true;
        q->change.next = (struct change *) *waits;
        *waits = TAKE(q);
        return 0;
}

/* A copy of the store is made while its connection waits. */
static int begin_backup(struct server *server, struct connection *connection, const char *text, size_t size) {
        _cleanup_(request_free) struct request *q = request_keep(&server->scratch, text, size);
        int r;

        if (!q || request_own_reply(q, CHANGE_REPLY_SIZE) < 0)
                return -ENOMEM;
        r = server_begin_backup(server, TAKE(q));
        if (r == 0)
                connection->change_in_flight = true;
        return r;
}

/* A list that is not done moves to the heap and goes on when the peer has read what it got. */
static int begin_list(struct server *server, struct connection *connection, const char *text, size_t size) {
        _cleanup_(request_free) struct request *q = request_keep(&server->scratch, text, size);
        size_t written = server->scratch.reply.length;
        size_t list_size = q && q->call.more ? MESSAGE_MAX : REPLY_MAX;

        server->scratch.list.held = NULL; /* they are q's now */
        server->scratch.list.roster = NULL;
        if (!q || request_own_reply(q, list_size) < 0)
                return -ENOMEM;
        memcpy(q->reply_bytes, server->scratch_reply, written);
        q->reply.buf = q->reply_bytes;
        connection->list = TAKE(q);
        return 0;
}

/* A call that waits for names, or for the end of a session whose user is gone. */
static int begin_wait(
        struct server *server, struct connection *connection, const char *text, size_t size, int result) {
        _cleanup_(request_free) struct request *q = request_keep(&server->scratch, text, size);
        int (*handler)(struct request *);

        if (!q || request_own_reply(q, CHANGE_REPLY_SIZE) < 0)
                return -ENOMEM;
        connection->change_in_flight = true;
        handler = q->method->access == READS ? q->method->handler : q->method->prepare;
        server_suspend(server, TAKE(q), result, handler);
        return 0;
}

static int put_reply(struct connection *connection, struct request *q, int result) {
        size_t size;
        int r;

        r = api_finish_reply(q, result, &size);
        if (r < 0)
                return r;
        if (q->call.oneway)
                return 0;
        return stream_put(&connection->stream, q->reply_bytes, size);
}

enum { HAS_MORE = 1, CALL_AGAIN };

/* 0; CALL_AGAIN: not in this round; < 0: the peer is to be dropped. */
static int handle_call(struct server *server, struct connection *connection, const char *text, size_t size) {
        struct request *q = &server->scratch;
        int r;

        r = message_read_call(text, size, &q->call);
        if (r < 0)
                return r;
        prepare_request(server, connection, q);
        r = api_find_method(q);
        if (r == 0) {
                switch (q->method->access) {
                case READS:
                        r = server_read(server, q, q->method->handler);
                        break;
                case CHANGES:
                        if (!q->is_retried && !quota_take(server->quotas, q->peer.uid, server->now.awake))
                                r = API_TOO_MANY_CHANGES;
                        else if (q->method->prepare)
                                r = server_read(server, q, q->method->prepare);
                        if (r == 0 && (r = begin_change(server, connection, text, size)) == 0)
                                return 0;
                        break;
                case RELOADS:
                        r = q->method->handler(q);
                        if (r == 0)
                                r = begin_reload(server, connection, text, size);
                        if (r == 0)
                                return 0;
                        break;
                case COPIES:
                        r = q->method->handler(q);
                        if (r == 0)
                                r = begin_backup(server, connection, text, size);
                        if (r == 0)
                                return 0;
                        break;
                }
        }
        if (r == API_SUBSCRIBES)
                return server_subscribe(server, connection, &q->filter);
        if (r == API_AGAIN && !q->list.cursor.started)
                return CALL_AGAIN;
        if (r == API_AGAIN)
                return begin_list(server, connection, text, size);
        if (r == 0 && q->reply.length > MESSAGE_MAX)
                r = server_may_hold(server, connection, q->reply.length);
        if (api_must_wait(r))
                return begin_wait(server, connection, text, size, r);
        r = put_reply(connection, q, r);
        list_clear(&q->list);
        return r;
}

static int go_on_with_list(struct server *server, struct connection *connection) {
        struct request *q = connection->list;
        int r;

        q->now = server->now;
        q->emit_userdata = &connection->stream;
        r = q->call.more ? 0 : server_may_hold(server, connection, MESSAGE_MAX);
        if (r == 0)
                r = server_read(server, q, q->method->handler);
        if (r == API_AGAIN)
                return 0;
        r = put_reply(connection, q, r);
        request_free(&connection->list);
        return r;
}

/* ---- a connection's share of a round ---- */

/* What others wait for. A call of the costly kind (a caller with thousands of sessions) is worth many. */
static bool round_is_over(const struct server *server) {
        return server->calls == 0 || clock_awake() >= server->work_ends;
}

/* Replies to calls that came together leave together, unless they are many; what goes on by itself, a list or
 * a subscription, goes on when its peer has read. As stream_flush. */
static int flush_some(struct connection *connection) {
        if (connection->list || connection->subscription ||
                stream_output_size(&connection->stream) >= REPLIES_SIZE)
                return stream_flush(&connection->stream, connection->fd);
        return 0;
}

/* 0: it waits for its peer, or for the turn; HAS_MORE: it has work left; CALL_AGAIN: for the next round; < 0:
 * it is to be dropped. */
static int connection_work(struct server *server, struct connection *connection) {
        for (unsigned n = 0;; n++) {
                char *text;
                size_t size;
                int r;

                if (connection->change_in_flight)
                        return 0;
                r = flush_some(connection);
                if (r)
                        return r < 0 ? r : 0;
                if (connection->subscription) {
                        r = server_feed_connection(server, connection);
                        if (r || connection->subscription)
                                return r < 0 ? r : 0;
                }
                if (n == CALLS_IN_A_ROW || round_is_over(server))
                        return connection->list || connection->has_hung_up || connection->has_closed ||
                                               stream_has_input(&connection->stream)
                                       ? HAS_MORE
                                       : 0;
                if (connection->list) {
                        server->calls--;
                        r = go_on_with_list(server, connection);
                } else if (stream_next(&connection->stream, &text, &size)) {
                        server->calls--;
                        connection->last_active =
                                server->now.boot; /* a whole call: a byte now and then is none */
                        r = handle_call(server, connection, text, size);
                        if (r == CALL_AGAIN) {
                                stream_unread(&connection->stream, text);
                                connection->is_put_off = true;
                                return CALL_AGAIN;
                        }
                } else if (connection->has_hung_up) {
                        r = stream_read(&connection->stream, connection->fd);
                        if (r > 0)
                                return -ECONNRESET;
                } else
                        return connection->has_closed ? -ECONNRESET : 0;
                if (r < 0)
                        return r;
        }
}

static void connection_go_on(struct server *server, struct connection *connection) {
        int flushed = stream_flush(&connection->stream, connection->fd), r = 0;

        if (flushed == 0) { /* else it is met again when its peer has read */
                r = connection_work(server, connection);
                /* Of one that is dropped, too: its earlier calls have been answered. */
                flushed = stream_flush(&connection->stream, connection->fd);
        }
        if (r < 0 || flushed < 0) {
                connections_remove(server->connections, connection);
                return;
        }
        if (flushed == 0 && r == CALL_AGAIN)
                connections_push_later(server->connections, connection);
        else if (flushed == 0 && r > 0)
                connections_push_ready(server->connections, connection);
        update_interest(server, connection);
}

void server_feed_subscriber(struct server *server, struct connection *connection) {
        if (!connection->ready.is_listed) /* else it is fed when its turn comes */
                connection_go_on(server, connection);
}

/* Calls that its peer sent before it left may wait behind a change, in flight or done in this round: oneway
 * ones are done all the same. It is not watched any more, for epoll would say without end that the peer has
 * left. */
static void connection_has_hung_up(struct server *server, struct connection *connection) {
        connection->has_hung_up = true;
        (void) epoll_ctl(server->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
}

void server_public_event(struct server *server, uint32_t slot, uint32_t generation, uint32_t events) {
        struct connection *connection = connections_find(server->connections, slot, generation);
        int r = 0;

        if (!connection)
                return;
        if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
                if (connection->change_in_flight || connection->ready.is_listed)
                        connection_has_hung_up(server, connection);
                else
                        connections_remove(server->connections, connection);
                return;
        }
        if (connection->ready.is_listed) /* it has calls that were not looked at: first those */
                return;
        if (events & EPOLLIN) {
                r = stream_read(&connection->stream, connection->fd);
                if (r == 1)
                        connection->has_closed = true;
        }
        if (events & EPOLLOUT) /* it reads */
                connection->last_active = server->now.boot;
        if (r < 0 && r != -EAGAIN) {
                connections_remove(server->connections, connection);
                return;
        }
        connections_push_ready(server->connections, connection);
}

void server_work(struct server *server) {
        struct connection *connection;

        server->work_ends = clock_awake() + SERVER_WORK_TIME; /* whatever the round has taken so far */
        while (!round_is_over(server) && (connection = connections_pop_ready(server->connections)))
                connection_go_on(server, connection);
        connections_end_round(server->connections);
}

void server_answer(struct server *server, struct request *q, int result) {
        struct connection *connection = connections_find(server->connections, q->slot, q->generation);
        size_t size;

        if (!connection)
                return;
        connection->change_in_flight = false;
        connection->last_active = server->now.boot;
        if (api_finish_reply(q, result, &size) < 0 ||
                (!q->call.oneway && stream_put(&connection->stream, q->reply_bytes, size) < 0) ||
                stream_flush(&connection->stream, connection->fd) < 0) {
                connections_remove(server->connections, connection);
                return;
        }
        connections_push_ready(server->connections, connection); /* the next call may be there already */
        update_interest(server, connection);
}
