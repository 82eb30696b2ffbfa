/* libsessjwt_call: see libsessjwt_call.h. The socket is the wire's business. */
#include "client/libsessjwt_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/message.h"

#define TIMEOUT_DEFAULT_MSEC 25000

/* ---- the connection ---------------------------------------------------------------------------------- */

int sessjwt_connect(const char *socket_path, struct sessjwt **ret) {
        struct sessjwt *c;

        if (!socket_path)
                socket_path = SESSJWT_VARLINK_SOCKET;
        if (!*socket_path)
                return -EINVAL;
        if (strlen(socket_path) >= sizeof c->path)
                return -ENAMETOOLONG;
        c = calloc(1, sizeof *c);
        if (!c)
                return -ENOMEM;
        memcpy(c->path, socket_path, strlen(socket_path) + 1);
        c->timeout_msec = TIMEOUT_DEFAULT_MSEC;
        wire_init(&c->wire);
        *ret = c;
        return 0;
}

void sessjwt_close(struct sessjwt **c) {
        if (!c || !*c)
                return;
        reply_done(&(*c)->reply);
        wire_done(&(*c)->wire);
        free(TAKE(*c));
}

void sessjwt_set_timeout(struct sessjwt *c, unsigned int msec) {
        c->timeout_msec = msec ? msec : TIMEOUT_DEFAULT_MSEC;
}

/* ---- one call ---------------------------------------------------------------------------------------- */

static int write_params(struct sessjwt *c, const struct argument *arguments) {
        struct json_writer w;
        int r;

        json_writer_init(&w, c->params, sizeof c->params - 1);
        json_open_object(&w);
        for (; arguments->name; arguments++) {
                if (!arguments->value)
                        continue;
                json_key(&w, arguments->name);
                if (arguments->kind == BARE)
                        json_put_raw(&w, arguments->value, strlen(arguments->value));
                else
                        json_put_string(&w, arguments->value);
        }
        json_close_object(&w);
        c->params_size = w.length;
        c->params[w.length] = 0;
        r = json_writer_finish(&w, &c->params_size);
        return r == -ENOBUFS ? -E2BIG : r;
}

static int write_call(struct sessjwt *c, const struct method *method, const struct argument *arguments) {
        struct json_writer w;
        int r;

        for (const struct argument *a = arguments; a->name; a++)
                if (!a->value && a->kind == REQUIRED)
                        return -EINVAL;
        r = write_params(c, arguments);
        if (r < 0)
                return r;
        json_writer_init(&w, c->call, sizeof c->call - 1);
        message_write_call(&w, method->name, c->params, method->more);
        c->call_size = w.length + 1;
        c->call[w.length] = 0;
        r = json_writer_finish(&w, &(size_t){ 0 });
        return r == -ENOBUFS ? -E2BIG : r;
}

/* Reads the next reply. It stays open-ended only if the method may answer more than once. */
static int receive(struct sessjwt *c, bool more, int64_t deadline) {
        char *text;
        size_t size;
        int r;

        reply_forget(&c->reply);
        r = wire_receive(&c->wire, deadline, &text, &size);
        if (r < 0)
                return r;
        r = reply_read(&c->reply, text, size);
        if (r < 0)
                return r;
        if (c->reply.continues && (!more || c->reply.error))
                return -EBADMSG;
        c->streaming = c->reply.continues;
        return 0;
}

/* Sends the call and reads the first reply, on a wire that is connected anew if need be. A daemon that
 * turned a connection away may have said why before it closed it, so its words are looked for even if
 * nothing could be sent. */
static int exchange(struct sessjwt *c, const struct method *method, int64_t deadline) {
        for (;;) {
                bool old = wire_is_usable(&c->wire);
                int sent, r;

                if (!old) {
                        wire_disconnect(&c->wire);
                        r = wire_connect(&c->wire, c->path, deadline);
                        if (r < 0)
                                return r;
                }
                sent = wire_send(&c->wire, c->call, c->call_size, deadline);
                r = sent;
                if (sent == 0 || (sent == -EPIPE && !old))
                        r = receive(c, method->more, deadline);
                if (r == 0)
                        return 0;
                if (!old || (r != -EPIPE && r != -ECONNRESET) || (sent == 0 && method->changes))
                        return r;
                wire_disconnect(&c->wire);
        }
}

int call_fail(struct sessjwt *c, int r) {
        reply_forget(&c->reply);
        wire_disconnect(&c->wire);
        c->listing = NULL;
        c->held = c->streaming = false;
        return r;
}

int call_method(struct sessjwt *c, const struct method *method, const struct argument *arguments) {
        int r;

        reply_forget(&c->reply);
        if (c->streaming)
                wire_disconnect(&c->wire);
        c->listing = NULL;
        c->held = c->streaming = c->waiting = false;
        c->params_size = c->call_size = 0;
        r = write_call(c, method, arguments);
        if (r == 0) {
                r = exchange(c, method, wire_now() + c->timeout_msec);
                if (r < 0)
                        r = call_fail(c, r);
        }
        explicit_bzero(c->params, c->params_size);
        explicit_bzero(c->call, c->call_size);
        return r < 0 ? r : c->reply.error;
}

int call_next(struct sessjwt *c, const char *name, const char **ret) {
        int r;

        if (!c->listing || strcmp(c->listing, name) != 0)
                return -EINVAL;
        if (!c->held && c->streaming) {
                r = receive(c, true, c->waiting ? INT64_MAX : wire_now() + c->timeout_msec);
                if (r < 0)
                        return call_fail(c, r);
                if (c->reply.error) {
                        c->listing = NULL;
                        return c->reply.error;
                }
                c->held = true;
        }
        if (c->held && reply_enter(&c->reply, name)) {
                c->held = false;
                *ret = c->reply.text;
                return 0;
        }
        if (c->streaming) /* a reply in the middle that brings none */
                return call_fail(c, -EBADMSG);
        c->held = false;
        reply_forget(&c->reply);
        *ret = NULL;
        return 0;
}
