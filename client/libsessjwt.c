/* libsessjwt: the calls of sessjwt.h. A call is written, sent, answered and read here; the socket is the
 * wire's business, the answer's members the reply's. */
#include "client/sessjwt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "client/cleanup.h"
#include "client/libsessjwt_reply.h"
#include "client/libsessjwt_wire.h"
#include "client/message.h"
#include "client/protocol.h"

#define TIMEOUT_DEFAULT_MSEC 25000
#define ROLES_TEXT_MAX       8192 /* ROLES_MAX of ROLE_MAX bytes each, every one of them escaped */

struct sessjwt {
        char path[sizeof((struct sockaddr_un *) 0)->sun_path];
        unsigned int timeout_msec;
        struct wire wire;
        struct reply reply;
        bool listing;                  /* sessjwt_next_session may be called */
        bool held;                     /* the reply at hand has not been given out by it yet */
        bool streaming;                /* more replies are to come on the wire */
        size_t params_size, call_size; /* what must be wiped */
        char params[MESSAGE_MAX + 1];
        char call[MESSAGE_MAX + 1];
};

/* Every method of the interface. Only one that changes nothing may be asked twice. */
enum method_number {
        INTROSPECT,
        GET_KEYS,
        GET_STATUS_LIST,
        MINT_TOKEN,
        ISSUE_REFRESH_TOKEN,
        REFRESH,
        LIST_SESSIONS,
        GET_SESSION,
        REVOKE_SESSION,
        REVOKE_OTHERS,
        REVOKE_ALL,
        RESET_USER,
        EXPLAIN_POLICY,
        LIST_KEYS,
        ROTATE_KEY,
        GET_HEALTH,
        GET_STATISTICS,
        RELOAD,
};

static const struct method {
        const char *name;
        bool changes;
        bool more;
} methods[] = {
        [INTROSPECT] = { SESSJWT_INTERFACE ".Introspect", false, false },
        [GET_KEYS] = { SESSJWT_INTERFACE ".GetKeys", false, false },
        [GET_STATUS_LIST] = { SESSJWT_INTERFACE ".GetStatusList", false, false },
        [MINT_TOKEN] = { SESSJWT_INTERFACE ".MintToken", false, false },
        [ISSUE_REFRESH_TOKEN] = { SESSJWT_INTERFACE ".IssueRefreshToken", true, false },
        [REFRESH] = { SESSJWT_INTERFACE ".Refresh", true, false },
        [LIST_SESSIONS] = { SESSJWT_INTERFACE ".ListSessions", false, true },
        [GET_SESSION] = { SESSJWT_INTERFACE ".GetSession", false, false },
        [REVOKE_SESSION] = { SESSJWT_INTERFACE ".RevokeSession", true, false },
        [REVOKE_OTHERS] = { SESSJWT_INTERFACE ".RevokeOthers", true, false },
        [REVOKE_ALL] = { SESSJWT_INTERFACE ".RevokeAll", true, false },
        [RESET_USER] = { SESSJWT_INTERFACE ".ResetUser", true, false },
        [EXPLAIN_POLICY] = { SESSJWT_INTERFACE ".ExplainPolicy", false, false },
        [LIST_KEYS] = { SESSJWT_INTERFACE ".ListKeys", false, false },
        [ROTATE_KEY] = { SESSJWT_INTERFACE ".RotateKey", true, false },
        [GET_HEALTH] = { SESSJWT_INTERFACE ".GetHealth", false, false },
        [GET_STATISTICS] = { SESSJWT_INTERFACE ".GetStatistics", false, false },
        [RELOAD] = { SESSJWT_INTERFACE ".Reload", true, false },
};

/* One parameter of a call; a list of them ends with a row whose name is NULL. */
struct argument {
        const char *name;
        const char *value;                      /* NULL: absent */
        enum { OPTIONAL, REQUIRED, BARE } kind; /* BARE: the value is JSON as it stands */
};

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
        strcpy(c->path, socket_path);
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

/* What every failure leaves behind: no reply, no connection, so that a late answer is never taken for
 * another call's. */
static int fail(struct sessjwt *c, int r) {
        reply_forget(&c->reply);
        wire_disconnect(&c->wire);
        c->listing = c->held = c->streaming = false;
        return r;
}

static int call(struct sessjwt *c, enum method_number number, const struct argument *arguments) {
        const struct method *method = &methods[number];
        int r;

        reply_forget(&c->reply);
        if (c->streaming)
                wire_disconnect(&c->wire);
        c->listing = c->held = c->streaming = false;
        c->params_size = c->call_size = 0;
        r = write_call(c, method, arguments);
        if (r == 0) {
                r = exchange(c, method, wire_now() + c->timeout_msec);
                if (r < 0)
                        r = fail(c, r);
        }
        explicit_bzero(c->params, c->params_size);
        explicit_bzero(c->call, c->call_size);
        return r < 0 ? r : c->reply.error;
}

/* ---- the methods ------------------------------------------------------------------------------------- */

/* An array of strings as JSON. 0, -EINVAL (one is NULL), -E2BIG, -EILSEQ. */
static int write_strings(const char *const *strings, size_t n, char *buf, size_t size) {
        struct json_writer w;
        int r;

        json_writer_init(&w, buf, size - 1);
        json_open_array(&w);
        for (size_t i = 0; i < n; i++) {
                if (!strings || !strings[i])
                        return -EINVAL;
                json_put_string(&w, strings[i]);
        }
        json_close_array(&w);
        buf[w.length] = 0;
        r = json_writer_finish(&w, &size);
        return r == -ENOBUFS ? -E2BIG : r;
}

int sessjwt_introspect(struct sessjwt *c, const char *token, const char *audience, const char *realm,
        const char *const *roles, size_t n_roles) {
        char list[ROLES_TEXT_MAX];
        const struct argument arguments[] = { { "token", token, REQUIRED },
                { "audience", audience, OPTIONAL }, { "realm", realm, OPTIONAL },
                { "roles", n_roles > 0 ? list : NULL, BARE }, { 0 } };
        int r;

        r = write_strings(roles, n_roles, list, sizeof list);
        return r < 0 ? fail(c, r) : call(c, INTROSPECT, arguments);
}

int sessjwt_get_keys(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_KEYS, arguments);
}

int sessjwt_get_status_list(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_STATUS_LIST, arguments);
}

int sessjwt_mint_token(struct sessjwt *c, const char *session_id, const char *audience) {
        const struct argument arguments[] = { { "sessionId", session_id, OPTIONAL },
                { "audience", audience, OPTIONAL }, { 0 } };

        return call(c, MINT_TOKEN, arguments);
}

int sessjwt_issue_refresh_token(struct sessjwt *c, const char *session_id) {
        const struct argument arguments[] = { { "sessionId", session_id, OPTIONAL }, { 0 } };

        return call(c, ISSUE_REFRESH_TOKEN, arguments);
}

int sessjwt_refresh(struct sessjwt *c, const char *refresh_token) {
        const struct argument arguments[] = { { "refreshToken", refresh_token, REQUIRED }, { 0 } };

        return call(c, REFRESH, arguments);
}

int sessjwt_list_sessions(struct sessjwt *c, const char *user, const char *realm, bool all) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { "all", all ? "true" : NULL, BARE }, { 0 } };
        int r;

        r = call(c, LIST_SESSIONS, arguments);
        c->listing = c->held = r == 0;
        return r;
}

int sessjwt_next_session(struct sessjwt *c, const char **ret_session) {
        int r;

        if (!c->listing)
                return -EINVAL;
        if (!c->held && c->streaming) {
                r = receive(c, true, wire_now() + c->timeout_msec);
                if (r < 0)
                        return fail(c, r);
                if (c->reply.error) {
                        c->listing = false;
                        return c->reply.error;
                }
                c->held = true;
        }
        if (c->held && reply_enter(&c->reply, "session")) {
                c->held = false;
                *ret_session = c->reply.text;
                return 0;
        }
        if (c->streaming) /* a reply in the middle that brings no session */
                return fail(c, -EBADMSG);
        c->held = false;
        reply_forget(&c->reply);
        *ret_session = NULL;
        return 0;
}

int sessjwt_get_session(struct sessjwt *c, const char *session_id) {
        const struct argument arguments[] = { { "sessionId", session_id, REQUIRED }, { 0 } };

        return call(c, GET_SESSION, arguments);
}

int sessjwt_revoke_session(struct sessjwt *c, const char *session_id, const char *reason) {
        const struct argument arguments[] = { { "sessionId", session_id, REQUIRED },
                { "reason", reason, OPTIONAL }, { 0 } };

        return call(c, REVOKE_SESSION, arguments);
}

int sessjwt_revoke_others(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, REVOKE_OTHERS, arguments);
}

int sessjwt_revoke_all(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, OPTIONAL }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, REVOKE_ALL, arguments);
}

int sessjwt_explain_policy(struct sessjwt *c, const char *user, const char *service, const char *realm) {
        return call(c, EXPLAIN_POLICY,
                (const struct argument[]){ { "user", user, REQUIRED }, { "service", service, OPTIONAL },
                        { "realm", realm, OPTIONAL }, { 0 } });
}

int sessjwt_reset_user(struct sessjwt *c, const char *user, const char *realm) {
        const struct argument arguments[] = { { "user", user, REQUIRED }, { "realm", realm, OPTIONAL },
                { 0 } };

        return call(c, RESET_USER, arguments);
}

int sessjwt_list_keys(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, LIST_KEYS, arguments);
}

int sessjwt_rotate_key(struct sessjwt *c, bool compromised) {
        const struct argument arguments[] = { { "compromised", compromised ? "true" : NULL, BARE }, { 0 } };

        return call(c, ROTATE_KEY, arguments);
}

int sessjwt_get_health(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, GET_HEALTH, arguments);
}

int sessjwt_get_statistics(struct sessjwt *c) {
        return call(c, GET_STATISTICS, (const struct argument[]){ { 0 } });
}

int sessjwt_reload(struct sessjwt *c) {
        const struct argument arguments[] = { { 0 } };

        return call(c, RELOAD, arguments);
}

/* ---- the reply --------------------------------------------------------------------------------------- */

const char *sessjwt_error_detail(const struct sessjwt *c) {
        return c->reply.detail;
}

const char *sessjwt_reply(const struct sessjwt *c) {
        return c->reply.text;
}

const char *sessjwt_reply_string(const struct sessjwt *c, const char *path) {
        uint32_t token = reply_find(&c->reply, path);

        return token ? reply_string(&c->reply, token) : NULL;
}

/* Finds a value of one type. 0, -ENODATA, -EINVAL. */
static int find_typed(const struct sessjwt *c, const char *path, enum json_type type, int64_t *ret) {
        uint32_t token = reply_find(&c->reply, path);

        if (token == 0)
                return -ENODATA;
        if (c->reply.json.tokens[token].type != type)
                return -EINVAL;
        *ret = c->reply.json.tokens[token].integer;
        return 0;
}

int sessjwt_reply_integer(const struct sessjwt *c, const char *path, int64_t *ret) {
        return find_typed(c, path, JSON_INTEGER, ret);
}

int sessjwt_reply_bool(const struct sessjwt *c, const char *path, bool *ret) {
        int64_t value;
        int r;

        r = find_typed(c, path, JSON_BOOL, &value);
        if (r == 0)
                *ret = value != 0;
        return r;
}

size_t sessjwt_reply_count(const struct sessjwt *c, const char *path) {
        uint32_t token = reply_find(&c->reply, path);

        return token && c->reply.json.tokens[token].type == JSON_ARRAY ? c->reply.json.tokens[token].count
                                                                       : 0;
}
