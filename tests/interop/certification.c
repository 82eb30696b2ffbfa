/* certification serve DIRECTORY | call SOCKET: org.varlink.certification, which Varlink implementations test
 * each other with, spoken by the rooms that speak org.sessjwt: listen, peer, connection, stream and message
 * as the daemon has them, wire and message as the library has them. `serve` listens in DIRECTORY until it
 * is killed; `call` is a client of another implementation's server. Never a part of the product. */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/libsessjwt_wire.h"
#include "client/message.h"
#include "daemon/connection.h"
#include "daemon/listen.h"

#define INTERFACE   "org.varlink.certification."
#define CLIENT      "certified"
#define REPLIES     10 /* of Test10 */
#define DEADLINE_MS 10000

/* What each call answers, which the next one takes as its parameters, beside the client_id. */
static const struct step {
        const char *method;
        const char *answer;
} steps[] = {
        { "Start", "{}" },
        { "Test01", "{\"bool\":true}" },
        { "Test02", "{\"int\":1}" },
        { "Test03", "{\"float\":1.0}" },
        { "Test04", "{\"string\":\"ping\"}" },
        { "Test05", "{\"bool\":false,\"int\":2,\"float\":3.141592653589793,\"string\":\"a lot of string\"}" },
        { "Test06", "{\"struct\":{\"bool\":false,\"int\":2,\"float\":3.141592653589793,"
                    "\"string\":\"a lot of string\"}}" },
        { "Test07", "{\"map\":{\"bar\":\"Bar\",\"foo\":\"Foo\"}}" },
        { "Test08", "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}" },
        { "Test09", "{\"mytype\":{\"object\":{\"method\":\"org.varlink.certification.Test09\",\"parameters\":"
                    "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}},\"enum\":\"two\","
                    "\"struct\":{\"first\":1,\"second\":\"2\"},\"array\":[\"one\",\"two\",\"three\"],"
                    "\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},"
                    "\"stringset\":{\"one\":{},\"two\":{},\"three\":{}},"
                    "\"nullable\":null,\"nullable_array_struct\":null,"
                    "\"interface\":{\"foo\":[null,{\"Foo\":\"foo\",\"Bar\":\"bar\"},null,"
                    "{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}}" },
        { "Test10", "{\"last_more_replies\":[\"Reply number 1\",\"Reply number 2\",\"Reply number 3\","
                    "\"Reply number 4\",\"Reply number 5\",\"Reply number 6\",\"Reply number 7\","
                    "\"Reply number 8\",\"Reply number 9\",\"Reply number 10\"]}" },
        { "Test11", "{}" },
        { "End", "{}" },
};
enum { TEST10 = 10, TEST11 = 11, END = 12, STEPS = sizeof(steps) / sizeof(*steps) };

/* ---- values ------------------------------------------------------------------------------------------ */

struct value {
        const struct json *json;
        uint32_t token;
};

static bool is_same(struct value a, struct value b);

static bool is_same_string(struct value a, struct value b) {
        char text[2][256];

        return json_read_string(a.json, a.token, text[0], sizeof(text[0])) >= 0 &&
               json_read_string(b.json, b.token, text[1], sizeof(text[1])) >= 0 &&
               strcmp(text[0], text[1]) == 0;
}

static bool is_same_array(struct value a, struct value b) {
        const struct json_token *x = &a.json->tokens[a.token], *y = &b.json->tokens[b.token];
        uint32_t i = a.token + 1, j = b.token + 1;

        for (; i < x->next && j < y->next; i = a.json->tokens[i].next, j = b.json->tokens[j].next)
                if (!is_same((struct value){ a.json, i }, (struct value){ b.json, j }))
                        return false;
        return x->count == y->count;
}

/* A member that is null may as well be left out. */
static bool has_all_of(struct value a, struct value b) {
        const struct json *json = b.json;
        char name[64];

        for (uint32_t key = b.token + 1; key < json->tokens[b.token].next; key = json->tokens[key + 1].next) {
                if (json->tokens[key + 1].type == JSON_NULL)
                        continue;
                if (json_read_string(json, key, name, sizeof(name)) < 0)
                        return false;
                uint32_t value = json_find(a.json, a.token, name);
                if (!value || !is_same((struct value){ a.json, value }, (struct value){ json, key + 1 }))
                        return false;
        }
        return true;
}

/* 1 and 1.0 are one number, members come in any order. */
static bool is_same(struct value a, struct value b) {
        const struct json_token *x = &a.json->tokens[a.token], *y = &b.json->tokens[b.token];

        if ((x->type == JSON_INTEGER || x->type == JSON_REAL) &&
                (y->type == JSON_INTEGER || y->type == JSON_REAL))
                return strtod(a.json->text + x->start, NULL) == strtod(b.json->text + y->start, NULL);
        if (x->type != y->type)
                return false;
        switch (x->type) {
        case JSON_STRING:
                return is_same_string(a, b);
        case JSON_ARRAY:
                return is_same_array(a, b);
        case JSON_OBJECT:
                return has_all_of(a, b) && has_all_of(b, a);
        default:
                return x->integer == y->integer;
        }
}

/* ---- the service ------------------------------------------------------------------------------------- */

static int put(struct connection *connection, struct json_writer *w) {
        size_t size;
        int r = json_writer_finish(w, &size);

        return r < 0 ? r : stream_put(&connection->stream, w->buf, size);
}

/* The text of the parameters of a call: the client's id, and the members of what the call before answered. */
static const char *parameters(
        size_t step, const char *client, const char *before, char ret[static MESSAGE_MAX]) {
        const char *members = step == 0 || step == END ? "}" : before + 1;

        if (step == 0)
                snprintf(ret, MESSAGE_MAX, "{}");
        else
                snprintf(ret, MESSAGE_MAX, "{\"client_id\":\"%s\"%s%s", client, *members == '}' ? "" : ",",
                        members);
        return ret;
}

static bool is_wanted(const struct message *call, const char *text) {
        struct json_token tokens[MESSAGE_TOKENS_MAX];
        struct json json;

        if (json_read(text, strlen(text), tokens, MESSAGE_TOKENS_MAX, &json) < 0)
                errx(1, "what is wanted is no JSON: %s", text);
        if (!call->parameters)
                return json.tokens[0].count == 0;
        return is_same((struct value){ &call->json, call->parameters }, (struct value){ &json, 0 });
}

static bool is_known_client(const struct message *call) {
        uint32_t value = call->parameters ? json_find(&call->json, call->parameters, "client_id") : 0;

        return value && json_is(&call->json, value, CLIENT);
}

static int refuse(struct connection *connection, const struct message *call, const char *want) {
        const struct json_token *got = call->parameters ? &call->json.tokens[call->parameters] : NULL;
        char text[2 * MESSAGE_MAX];
        struct json_writer w;

        json_writer_init(&w, text, sizeof(text));
        message_begin_error(&w, INTERFACE "CertificationError");
        json_key(&w, "wants");
        json_put_raw(&w, want, strlen(want));
        json_key(&w, "got");
        json_put_raw(
                &w, got ? call->json.text + got->start : "null", got ? (size_t) (got->end - got->start) : 4);
        message_end_error(&w);
        return put(connection, &w);
}

static int answer_one(struct connection *connection, const char *members, bool continues) {
        char text[MESSAGE_MAX];
        struct json_writer w;

        json_writer_init(&w, text, sizeof(text));
        message_begin_reply(&w);
        /* Without its braces: reply and object share theirs. */
        json_put_raw(&w, members + 1, strlen(members) - 2);
        message_end_reply(&w, continues);
        return put(connection, &w);
}

static int answer_many(struct connection *connection) {
        char members[64];
        int r = 0;

        for (int i = 1; i <= REPLIES && r == 0; i++) {
                snprintf(members, sizeof(members), "{\"string\":\"Reply number %d\"}", i);
                r = answer_one(connection, members, i < REPLIES);
        }
        return r;
}

static int answer(struct connection *connection, const struct message *call, size_t step) {
        const char *before = step > 0 ? steps[step - 1].answer : "{}";
        char want[MESSAGE_MAX];

        if (step > 0 && !is_known_client(call)) {
                char text[256];
                struct json_writer w;

                json_writer_init(&w, text, sizeof(text));
                message_begin_error(&w, INTERFACE "ClientIdError");
                message_end_error(&w);
                return put(connection, &w);
        }
        if (!is_wanted(call, parameters(step, CLIENT, before, want)) || call->more != (step == TEST10) ||
                call->oneway != (step == TEST11))
                return call->oneway ? -EBADMSG : refuse(connection, call, want);
        if (call->oneway)
                return 0;
        if (step == TEST10)
                return answer_many(connection);
        if (step == 0)
                return answer_one(connection, "{\"client_id\":\"" CLIENT "\"}", false);
        return answer_one(connection, step == END ? "{\"all_ok\":true}" : steps[step].answer, false);
}

/* 0, or negative errno: the peer is to be dropped. */
static int handle(struct connection *connection, const char *text, size_t size) {
        struct message call;
        char error[256];
        struct json_writer w;
        int r;

        r = message_read_call(text, size, &call);
        if (r < 0)
                return r;
        for (size_t i = 0; i < STEPS; i++)
                if (strncmp(call.method, INTERFACE, strlen(INTERFACE)) == 0 &&
                        strcmp(call.method + strlen(INTERFACE), steps[i].method) == 0)
                        return answer(connection, &call, i);
        json_writer_init(&w, error, sizeof(error));
        message_begin_error(&w, "org.varlink.service.MethodNotFound");
        json_member_string(&w, "method", call.method);
        message_end_error(&w);
        return put(connection, &w);
}

static int work(struct connection *connection, uint32_t events) {
        char *text;
        size_t size;
        int r = 0;

        if (events & EPOLLIN)
                r = stream_read(&connection->stream, connection->fd);
        connection->has_closed = r == 1;
        if (r < 0 && r != -EAGAIN)
                return r;
        while ((r = stream_flush(&connection->stream, connection->fd)) == 0 &&
                stream_next(&connection->stream, &text, &size)) {
                r = handle(connection, text, size);
                if (r < 0)
                        return r;
        }
        return r < 0 || (r == 0 && connection->has_closed) ? -ECONNRESET : 0;
}

static void watch(int epoll, int operation, const struct connection *connection) {
        bool must_write = stream_has_output(&connection->stream);
        struct epoll_event event = { .events = must_write ? EPOLLOUT : EPOLLIN,
                .data.u64 = ((uint64_t) connection->generation << 32) | connection->slot };

        if (epoll_ctl(epoll, operation, connection->fd, &event) < 0)
                err(1, "epoll_ctl");
}

static void accept_one(int epoll, int listener, struct connections *connections) {
        _cleanup_(cleanup_close) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct connection *connection;
        struct peer peer;

        if (fd >= 0 && peer_read(fd, (gid_t) -1, 0, &peer) == 0 &&
                connections_add(connections, &fd, &peer, &connection) == 0)
                watch(epoll, EPOLL_CTL_ADD, connection);
}

static int serve(const char *directory) {
        struct listeners listeners;
        struct connections *connections;
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };
        char error[256] = "";
        int epoll = epoll_create1(EPOLL_CLOEXEC);

        if (epoll < 0 || connections_new(CONNECTIONS_MAX, &connections) < 0 ||
                listeners_open(directory, NULL, &listeners, error, sizeof(error)) < 0 ||
                epoll_ctl(epoll, EPOLL_CTL_ADD, listeners.public, &event) < 0)
                errx(1, "cannot serve: %s", error);
        puts("serving");
        fflush(stdout);
        while (epoll_wait(epoll, &event, 1, -1) >= 0 || errno == EINTR) {
                struct connection *connection;

                if (event.data.u64 == UINT64_MAX) {
                        accept_one(epoll, listeners.public, connections);
                        continue;
                }
                connection = connections_find(
                        connections, (uint32_t) event.data.u64, (uint32_t) (event.data.u64 >> 32));
                if (connection && work(connection, event.events) < 0)
                        connections_remove(connections, connection);
                else if (connection)
                        watch(epoll, EPOLL_CTL_MOD, connection);
        }
        err(1, "epoll_wait");
}

/* ---- a client ---------------------------------------------------------------------------------------- */

struct client {
        struct wire wire;
        char id[64];
        char before[MESSAGE_MAX]; /* the parameters of the last reply, as they came */
        struct json_token tokens[MESSAGE_TOKENS_MAX];
        struct message_reply reply;
};

static void send_call(struct client *client, size_t step) {
        char params[MESSAGE_MAX], text[2 * MESSAGE_MAX], method[64];
        struct json_writer w;
        size_t size;

        parameters(step, client->id, client->before, params);
        snprintf(method, sizeof(method), INTERFACE "%s", steps[step].method);
        json_writer_init(&w, text, sizeof(text) - 1);
        if (step == TEST11) { /* the library itself sends no oneway calls */
                json_open_object(&w);
                json_member_string(&w, "method", method);
                json_key(&w, "parameters");
                json_put_raw(&w, params, strlen(params));
                json_member_bool(&w, "oneway", true);
                json_close_object(&w);
        } else
                message_write_call(&w, method, params, step == TEST10);
        if (json_writer_finish(&w, &size) < 0)
                errx(1, "%s does not fit", method);
        text[size] = '\0';
        if (wire_send(&client->wire, text, size + 1, wire_now() + DEADLINE_MS) < 0)
                errx(1, "cannot send %s", method);
}

/* What a step's call is answered with, at the next wire_receive gone. */
static struct value receive(struct client *client, size_t step) {
        struct message_reply *reply = &client->reply;
        const struct json_token *object;
        char *text;
        size_t size;

        if (wire_receive(&client->wire, wire_now() + DEADLINE_MS, &text, &size) < 0)
                errx(1, "%s: no reply", steps[step].method);
        if (message_read_reply(text, size, client->tokens, MESSAGE_TOKENS_MAX, reply) < 0)
                errx(1, "%s: this is no reply: %s", steps[step].method, text);
        if (reply->error[0] || !reply->parameters)
                errx(1, "%s: %s", steps[step].method, text);
        object = &reply->json.tokens[reply->parameters];
        snprintf(client->before, sizeof(client->before), "%.*s", (int) (object->end - object->start),
                text + object->start);
        return (struct value){ &reply->json, reply->parameters };
}

static void expect(size_t step, struct value got, const char *text) {
        struct json_token tokens[MESSAGE_TOKENS_MAX];
        struct json json;

        if (json_read(text, strlen(text), tokens, MESSAGE_TOKENS_MAX, &json) < 0 ||
                !is_same(got, (struct value){ &json, 0 }))
                errx(1, "%s is not answered with %s", steps[step].method, text);
}

/* Ten replies to one call; the next one takes the list of them. */
static void receive_many(struct client *client) {
        char want[64], list[MESSAGE_MAX] = "{\"last_more_replies\":[";

        for (int i = 1; i <= REPLIES; i++) {
                size_t length = strlen(list);

                snprintf(want, sizeof(want), "{\"string\":\"Reply number %d\"}", i);
                expect(TEST10, receive(client, TEST10), want);
                if (client->reply.continues != (i < REPLIES))
                        errx(1, "reply %d to Test10 %s", i, i < REPLIES ? "is the last one" : "continues");
                snprintf(list + length, sizeof(list) - length, "\"Reply number %d\"%s", i,
                        i < REPLIES ? "," : "]}");
        }
        memcpy(client->before, list, sizeof(list));
}

static void run_step(struct client *client, size_t step) {
        uint32_t id;

        send_call(client, step);
        if (step == TEST11)
                return;
        if (step == TEST10) {
                receive_many(client);
                return;
        }
        struct value got = receive(client, step);

        if (step > 0) {
                expect(step, got, step == END ? "{\"all_ok\":true}" : steps[step].answer);
                return;
        }
        id = json_find(got.json, got.token, "client_id");
        if (!id || json_read_string(got.json, id, client->id, sizeof(client->id)) <= 0)
                errx(1, "Start gives no client_id");
        strcpy(client->before, "{}"); /* which goes along anyway */
}

static int call(const char *path) {
        static struct client client;

        wire_init(&client.wire);
        if (wire_connect(&client.wire, path, wire_now() + DEADLINE_MS) < 0)
                errx(1, "cannot connect to %s", path);
        for (size_t step = 0; step < STEPS; step++)
                run_step(&client, step);
        wire_done(&client.wire);
        puts("certified");
        return 0;
}

int main(int argc, char *argv[]) {
        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                return serve(argv[2]);
        if (argc == 3 && strcmp(argv[1], "call") == 0)
                return call(argv[2]);
        errx(2, "usage: certification serve DIRECTORY | call SOCKET");
}
