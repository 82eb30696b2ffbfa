/* Who calls, for fuzz_api: peers on the public socket, whose every reply is looked at, and login modules. */
#pragma once

#include <fcntl.h>

#include "tests/fuzz/api_house.h"

#include "client/message.h"
#include "pam/frame.h"

#define SESSIONS_SEEN 64
#define SECRET_MAX    4096
#define STEP_MAX      65536

/* What has been heard, for later steps to name: each session that a module was told of, and the last
 * tokens. */
static struct {
        struct seen_session {
                char sid[SID_TEXT_MAX + 1];
                char device[DEVICE_ID_TEXT_SIZE];
                uint32_t uid;
        } sessions[SESSIONS_SEEN];
        size_t n_sessions;
        char access[SECRET_MAX], refresh[SECRET_MAX], former_refresh[SECRET_MAX];
} seen;

static struct made_peer {
        char letter;
        const char *user;
        uint32_t uid;
        bool is_admin;
        pid_t pid;

        int fd; /* our end; -1: not connected */
        uint32_t slot, generation;
        size_t n_calls, n_answers; /* that want an answer, and answers that were the last one to a call */
        bool has_token;            /* it knows a token that may be another's */
        uint64_t said;             /* the sessions that it has named itself, by their number */
        char *in;
        size_t in_size;
} peers[] = {
        { 'r', "root", 0, true, PID_FIRST + 7, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
        { 'a', "alice", 1000, false, PID_FIRST, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
        { 'e', "alice", 1000, false, PID_FIRST + 3, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
        { 'b', "bob", 1001, false, PID_FIRST + 4, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
        { 'c', "carol", 1002, true, PID_FIRST + 5, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
        { 'z', "nobody", 65534, false, 0, -1, 0, 0, 0, 0, 0, 0, NULL, 0 },
};
#define PEERS (sizeof(peers) / sizeof(*peers))

static inline struct made_peer *peer_by_letter(char letter) {
        for (size_t i = 0; i < PEERS; i++)
                if (peers[i].letter == letter)
                        return &peers[i];
        return NULL;
}

static inline void peer_leave(struct made_peer *peer) {
        cleanup_close(&peer->fd);
        peer->fd = -1;
        free(TAKE(peer->in));
        peer->in_size = 0;
}

static inline void peer_connect(struct house *house, struct made_peer *peer) {
        struct server *server = &house->server;
        struct connection *connection;
        struct peer facts = { .uid = peer->uid,
                .gid = peer->uid,
                .pid = peer->pid,
                .is_admin = peer->is_admin,
                .connected_boot = clocks.awake };
        int fds[2];

        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        peer->fd = fds[0];
        peer->n_calls = peer->n_answers = 0;
        REQUIRE(connections_add(server->connections, &fds[1], &facts, &connection) == 0);
        peer->slot = connection->slot;
        peer->generation = connection->generation;
        connection->interest = EPOLLIN;
        REQUIRE(server_watch(server, connection->fd, EPOLLIN, WATCH_PUBLIC,
                        ((uint64_t) connection->generation << 32) | connection->slot) == 0);
}

/* ---- what is said ---- */

/* Each call that must be answered, and what it shows that its peer knows. */
static inline void note_calls(struct made_peer *peer, const char *text, size_t size) {
        static struct message call;

        for (size_t i = 0; i < seen.n_sessions; i++)
                if (memmem(text, size, seen.sessions[i].sid, SID_TEXT_MAX))
                        peer->said |= UINT64_C(1) << i;
        if (memmem(text, size, "eyJ", 3) || memmem(text, size, REFRESH_PREFIX, strlen(REFRESH_PREFIX)))
                peer->has_token = true;
        for (const char *end; size > 0; size -= (size_t) (end + 1 - text), text = end + 1) {
                end = memchr(text, 0, size);
                if (message_read_call(text, (size_t) (end - text), &call) == 0 && !call.oneway)
                        peer->n_calls++;
        }
}

/* size counts the last NUL. */
static inline void peer_say(struct house *house, struct made_peer *peer, const char *text, size_t size) {
        if (peer->fd < 0)
                peer_connect(house, peer);
        if (send(peer->fd, text, size, MSG_NOSIGNAL) == (ssize_t) size)
                note_calls(peer, text, size);
}

/* ---- what is answered ---- */

static inline void keep_member(const char *text, size_t size, const char *name, char ret[static SECRET_MAX]) {
        const char *begin = memmem(text, size, name, strlen(name)), *end;

        if (!begin)
                return;
        begin += strlen(name);
        end = memchr(begin, '"', size - (size_t) (begin - text));
        if (end && end - begin < SECRET_MAX) {
                memcpy(ret, begin, (size_t) (end - begin));
                ret[end - begin] = '\0';
        }
}

/* Nobody hears of others' sessions, nor an admin of root's. A token in the caller's hand tells whose it
 * is. */
static inline void check_secrets(const struct made_peer *peer, const char *text, size_t size) {
        for (size_t i = 0; i < seen.n_sessions; i++) {
                const struct seen_session *session = &seen.sessions[i];

                if (peer->uid == 0 || peer->uid == session->uid || (peer->is_admin && session->uid != 0))
                        continue;
                if (!peer->has_token && !(peer->said & UINT64_C(1) << i))
                        REQUIRE(!memmem(text, size, session->sid, SID_TEXT_MAX));
        }
}

static inline void check_reply(struct made_peer *peer, const char *text, size_t size) {
        static struct json_token tokens[1 << 16];
        struct message_reply reply;
        char last[SECRET_MAX];

        if (getenv("FUZZ_API_LOG"))
                fprintf(stderr, "%c< %.*s\n", peer->letter, (int) size, text);
        REQUIRE(message_read_reply(text, size, tokens, sizeof(tokens) / sizeof(*tokens), &reply) == 0);
        REQUIRE(*reply.error || reply.parameters);
        REQUIRE(!*reply.error || strchr(reply.error, '.'));
        check_secrets(peer, text, size);
        peer->n_answers += !reply.continues;
        REQUIRE(peer->n_answers <= peer->n_calls);
        keep_member(text, size, "\"accessToken\":\"", seen.access);
        memcpy(last, seen.refresh, sizeof(last));
        keep_member(text, size, "\"refreshToken\":\"", seen.refresh);
        if (strcmp(last, seen.refresh) != 0)
                memcpy(seen.former_refresh, last, sizeof(last));
}

static inline void check_replies(struct made_peer *peer) {
        char *next = peer->in, *end;
        size_t left = peer->in_size;

        while (left > 0 && (end = memchr(next, 0, left))) {
                check_reply(peer, next, (size_t) (end - next));
                left -= (size_t) (end + 1 - next);
                next = end + 1;
        }
        memmove(peer->in, next, left);
        peer->in_size = left;
}

/* Whether there was anything. */
static inline bool peer_hear(struct made_peer *peer) {
        char bytes[16384];
        ssize_t n;

        if (peer->fd < 0)
                return false;
        n = recv(peer->fd, bytes, sizeof(bytes), 0);
        if (n < 0)
                return false;
        if (n == 0) {
                REQUIRE(peer->in_size == 0); /* whole messages, or none */
                peer_leave(peer);
                return true;
        }
        peer->in = realloc(peer->in, peer->in_size + (size_t) n);
        REQUIRE(peer->in);
        memcpy(peer->in + peer->in_size, bytes, (size_t) n);
        peer->in_size += (size_t) n;
        check_replies(peer);
        return true;
}

/* Who waits for nothing has been answered everything. */
static inline void check_answered(struct house *house, const struct made_peer *peer) {
        const struct connection *connection;

        if (peer->fd < 0)
                return;
        connection = connections_find(house->server.connections, peer->slot, peer->generation);
        REQUIRE(connection);
        if (connection->change_in_flight)
                REQUIRE(house->server.names_waits);
        else if (!connection->subscription)
                REQUIRE(peer->n_answers == peer->n_calls && peer->in_size == 0);
        REQUIRE(!connection->list && !stream_has_output(&connection->stream));
}

/* ---- modules ---- */

#define MODULES 16

static struct made_module {
        int fd; /* -1: none */
        uint32_t uid;
        enum frame_phase phase;
        const struct config *config; /* by which it is judged */
} modules[MODULES];

/* A module's packet, with the pidfd of that process (-1: none). Our end of its connection; -1: refused. */
static inline int send_packet(struct house *house, const void *packet, size_t size, int pidfd) {
        struct server *server = &house->server;
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *) packet, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        struct login_waiter *waiter = calloc(1, sizeof(*waiter));
        int fds[2];

        REQUIRE(waiter && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        if (pidfd >= 0) {
                message.msg_control = control.bytes;
                message.msg_controllen = sizeof(control.bytes);
                *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS
                };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &pidfd, sizeof(int));
        }
        REQUIRE(sendmsg(fds[0], &message, 0) == (ssize_t) size);
        *waiter = (struct login_waiter){ .fd = fds[1],
                .index = (uint32_t) server->n_waiters,
                .is_watched = true,
                .connected_boot = clocks.awake };
        REQUIRE(server_watch(server, waiter->fd, EPOLLIN, WATCH_LOGIN, waiter->index) == 0);
        server->waiters[server->n_waiters++] = waiter;
        return fds[0];
}

static inline struct made_module *free_module(void) {
        for (size_t i = 0; i < MODULES; i++)
                if (modules[i].fd < 0)
                        return &modules[i];
        return NULL;
}

/* At most so many devices as the policy says, from the commit of the login on. */
static inline void check_limits(struct house *house, struct store_txn *txn, const struct session *session) {
        const struct policy *policy = config_policy(house->server.config, session->policy);
        struct device_id devices[SESSIONS_SEEN];
        struct store_cursor cursor = { 0 };
        size_t n_devices = 0, n_sessions = 0, i;
        struct session other;

        if (!session->counts || session->state != SESSION_LIVE || !policy->enforce ||
                strcmp(policy->name, session->policy) != 0)
                return;
        while (store_next_session_of_user(txn, session->realm, session->user, &cursor, &other) == 0) {
                if (!other.counts || other.state != SESSION_LIVE)
                        continue;
                n_sessions++;
                for (i = 0; i < n_devices; i++)
                        if (device_id_equal(&devices[i], &other.device))
                                break;
                if (i == n_devices && n_devices < SESSIONS_SEEN)
                        devices[n_devices++] = other.device;
        }
        REQUIRE(!policy->max_devices || n_devices <= policy->max_devices);
        REQUIRE(!policy->max_sessions || n_sessions <= policy->max_sessions);
}

static inline void note_opened(struct house *house, const char *text, const struct made_module *module) {
        struct seen_session *session = &seen.sessions[seen.n_sessions];
        struct store_txn *txn;
        struct session kept;
        struct sid sid;

        REQUIRE(sid_read(text, &sid) == 0);
        REQUIRE(store_begin_read(house->server.service.store, &txn) == 0);
        if (store_find_session(txn, &sid, &kept) == 0 && seen.n_sessions < SESSIONS_SEEN) {
                REQUIRE(kept.uid == module->uid);
                *session = (struct seen_session){ .uid = kept.uid };
                memcpy(session->sid, text, SID_TEXT_MAX);
                device_id_write(&kept.device, session->device);
                seen.n_sessions++;
                if (module->config == house->server.config)
                        check_limits(house, txn, &kept);
        }
        store_abort(&txn);
}

static inline bool module_hear(struct house *house, struct made_module *module) {
        uint8_t packet[FRAME_REPLY_MAX + 1];
        struct frame_reply reply;
        uint16_t version;
        ssize_t n;

        if (module->fd < 0)
                return false;
        n = recv(module->fd, packet, sizeof(packet), 0);
        if (n < 0)
                return false;
        if (n > 0) {
                REQUIRE(frame_read_reply(packet, (size_t) n, &reply, &version) == 0);
                REQUIRE(!*reply.session_id || (module->phase == FRAME_OPEN && reply.outcome == FRAME_OK));
                REQUIRE(!*reply.token_file || *reply.session_id);
                if (getenv("FUZZ_API_LOG"))
                        fprintf(stderr, "module< %d %s %s\n", (int) reply.outcome, reply.session_id,
                                reply.text);
                if (*reply.session_id)
                        note_opened(house, reply.session_id, module);
        }
        cleanup_close(&module->fd);
        module->fd = -1;
        return true;
}
