/* json: strict JSON (RFC 8259) <-> flat tokens and text, without allocation. Pure: knows nothing of
 * messages, sockets or tokens.
 *
 * Reading is one pass that checks everything: UTF-8 without surrogates or overlong forms, escapes (a lone
 * surrogate is an error), number grammar, integers within int64, reals below 1e308, duplicate keys
 * (compared decoded), no U+0000 in a key, depth <= MESSAGE_DEPTH_MAX, nothing but white space behind the
 * value. A reader therefore never meets half-checked text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL = 1, JSON_BOOL, JSON_INTEGER, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_token {
        enum json_type type;
        uint32_t start;  /* offset of its first byte; of a string: behind the quote */
        uint32_t end;    /* offset behind its last byte; of a string: of the closing quote */
        uint32_t next;   /* index of the token behind this value and everything inside it */
        uint32_t count;  /* array: elements; object: members (a member is a key token and a value) */
        bool escaped;    /* string: has at least one backslash */
        bool exact;      /* number: `integer` is its very value (1, 1.0, 10e-1; not 1.5, not 1e30) */
        int64_t integer; /* JSON_INTEGER: the value; JSON_BOOL: 0 or 1; JSON_REAL: truncated to 0, clamped */
};

/* A read text. Borrows both text and tokens; they must live as long as it. tokens[0] is the root value. */
struct json {
        const char *text;
        size_t size;
        const struct json_token *tokens;
        size_t n_tokens;
};

/* Reads exactly one value from text[0..size). 0, -EBADMSG (not JSON by the rules above), -E2BIG (more than
 * max_tokens, too deep, or 4 GiB). On failure *ret is untouched; the tokens are scratch. Takes time linear
 * in the text but for the keys of one object, each of which is compared with those before it. */
int json_read(const char *text, size_t size, struct json_token *tokens, size_t max_tokens, struct json *ret);

/* Index of the value of the member `name` of the object token, 0 if it has none or is no object (0 is the
 * root, never a member). */
uint32_t json_find(const struct json *json, uint32_t object, const char *name);

/* Whether the token is a string that, decoded, equals `text`. */
bool json_is(const struct json *json, uint32_t token, const char *text);

/* Decodes a string token into buf (size includes the NUL). Returns its length; -EINVAL (no string, or it
 * holds U+0000), -ENOBUFS (does not fit). On failure buf is untouched. (The name json_string is jansson's:
 * libjwt would call ours.) */
int json_read_string(const struct json *json, uint32_t token, char *buf, size_t size);

/* The writer. Commas and quotes are its business; that brackets close and keys differ is the caller's.
 * Once something did not fit (or a string was not UTF-8) it has failed, ignores all further calls, and
 * json_writer_finish says so. Control characters (U+0001 to U+001F, U+007F to U+009F), quote and backslash
 * are escaped; U+0000, which hardly any reader takes, is refused like text that is not UTF-8. */
struct json_writer {
        char *buf;
        size_t size;
        size_t length;
        bool comma;
        int error;
};

void json_writer_init(struct json_writer *w, char *buf, size_t size);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_put_string(struct json_writer *w, const char *value);
void json_put_string_n(struct json_writer *w, const char *value, size_t size);
void json_put_integer(struct json_writer *w, int64_t value);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
/* Puts text that is known to be one valid JSON value, as it is. */
void json_put_raw(struct json_writer *w, const char *text, size_t size);

/* key and value in one; the form that most callers want. */
void json_member_string(struct json_writer *w, const char *key, const char *value);
void json_member_integer(struct json_writer *w, const char *key, int64_t value);
void json_member_bool(struct json_writer *w, const char *key, bool value);

/* 0 with the bytes written (no NUL is added or counted), -ENOBUFS (did not fit), -EILSEQ (a string was not
 * UTF-8 or held U+0000). On failure *ret_size is untouched. */
int json_writer_finish(const struct json_writer *w, size_t *ret_size);
