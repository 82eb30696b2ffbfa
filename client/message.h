/* message: bytes <-> Varlink calls and replies, and the typed tables of fields that a method takes. Pure:
 * knows no socket, no method and no right. A message is one JSON object; the NUL between messages is the
 * stream's business. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/json.h"
#include "client/protocol.h"

#define METHOD_NAME_MAX 128

/* A call as it came. Borrows the text it was read from, and points into itself: it must not be copied. */
struct message {
        struct json json;
        struct json_token tokens[MESSAGE_TOKENS_MAX];
        char method[METHOD_NAME_MAX + 1]; /* fully qualified: org.sessjwt.GetHealth */
        uint32_t parameters;              /* token of the parameters object; 0 when absent, null */
        bool more;
        bool oneway;
};

/* Reads one call. 0; -EBADMSG for anything a peer must be dropped for: not strict JSON, no object, no or
 * empty or overlong method, unknown or repeated top-level key, a value of the wrong type (null is one, but
 * for `parameters`), `upgrade`, `more` with `oneway`; -E2BIG as json_read. ret is filled only on success
 * (its tokens are scratch). */
int message_read_call(const char *text, size_t size, struct message *ret);

enum message_type {
        MESSAGE_STRING,  /* char[size], NUL-terminated, decoded */
        MESSAGE_INTEGER, /* int64_t; a JSON integer, or a real without fraction */
        MESSAGE_BOOL,    /* bool */
        MESSAGE_STRINGS, /* an array of strings: struct message_strings */
};

#define MESSAGE_STRINGS_MAX 16
struct message_strings {
        size_t n;
        char items[MESSAGE_STRINGS_MAX][ROLE_MAX + 1];
};

/* What may arrive is a table, ended by a row whose name is NULL. */
struct message_field {
        const char *name;
        enum message_type type;
        size_t offset;
        size_t size; /* MESSAGE_STRING: of the array, NUL included */
        bool required;
};

#define MESSAGE_FIELD_STRING(struct_, member_, name_, required_)                                             \
        { (name_), MESSAGE_STRING, offsetof(struct_, member_), sizeof(((struct_ *) 0)->member_), (required_) }
#define MESSAGE_FIELD(struct_, member_, name_, type_, required_)                                             \
        { (name_), (type_), offsetof(struct_, member_), sizeof(((struct_ *) 0)->member_), (required_) }

enum { MESSAGE_INVALID_PARAMETER = 1 };

/* Reads the call's parameters into ret_params, which the caller preset: a field that is absent or null
 * keeps its value. 0, or MESSAGE_INVALID_PARAMETER with the name in ret_name of the first field, as the
 * call has them, that is unknown ("(too long)" if its name does not fit), of the wrong type, too long, or
 * has a control character (U+0000 to U+001F, U+007F to U+009F), else of the first in the table that is
 * missing; ret_params may then be half filled. */
int message_read(const struct message *call, const struct message_field *fields, void *ret_params,
        char ret_name[static METHOD_NAME_MAX + 1]);

/* Replies. begin opens {"parameters":{ ; the handler adds members; end closes it, with "continues":true if
 * asked. The bytes have no NUL; whoever sends adds it. */
void message_begin_reply(struct json_writer *w);
void message_end_reply(struct json_writer *w, bool continues);
/* {"error":NAME,"parameters":{ … }} likewise. */
void message_begin_error(struct json_writer *w, const char *error);
void message_end_error(struct json_writer *w);

/* The caller's side. params is the text of a JSON object, or NULL for none. */
void message_write_call(struct json_writer *w, const char *method, const char *params, bool more);

struct message_reply {
        struct json json;
        uint32_t parameters; /* 0: none */
        bool continues;
        char error[METHOD_NAME_MAX + 1]; /* "" if it is none */
};

/* Reads a reply; the token array is the caller's because lists are long. 0; -EBADMSG, as strict as for a
 * call (an error that continues is one); -E2BIG. On failure *ret is untouched; the tokens are scratch. */
int message_read_reply(const char *text, size_t size, struct json_token *tokens, size_t max_tokens,
        struct message_reply *ret);
