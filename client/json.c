#include "client/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/types.h>

#include "client/hex.h"
#include "client/json_number.h"
#include "client/protocol.h"
#include "client/utf8.h"

/* ---- strings ----------------------------------------------------------------------------------------- */

/* Reads \uXXXX at p. */
static bool hex_escape(const char *p, const char *end, uint32_t *ret) {
        uint32_t code = 0;

        if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
                return false;
        for (int i = 2; i < 6; i++) {
                int digit = hex_digit_any_case(p[i]);

                if (digit < 0)
                        return false;
                code = code << 4 | (uint32_t) digit;
        }
        *ret = code;
        return true;
}

/* Reads the escape at p, a backslash: how many bytes it takes, 0 if it is none. Surrogates come in pairs,
 * high then low (RFC 8259 7). */
static size_t read_escape(const char *p, const char *end, uint32_t *ret) {
        static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
        const char *name;
        uint32_t low;

        if (end - p < 2)
                return 0;
        name = memchr(names, p[1], sizeof(names) - 1);
        if (name) {
                *ret = (uint32_t) codes[name - names];
                return 2;
        }
        if (!hex_escape(p, end, ret) || (*ret >= 0xdc00 && *ret <= 0xdfff))
                return 0;
        if (*ret < 0xd800 || *ret > 0xdbff)
                return 6;
        if (!hex_escape(p + 6, end, &low) || low < 0xdc00 || low > 0xdfff)
                return 0;
        *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
        return 12;
}

/* Gives the bytes that a checked string stands for, one by one. */
struct decoder {
        const char *p;
        const char *end;
        char pending[4]; /* what is left of an escape */
        size_t first;
        size_t n;
};

static struct decoder decoder_of(const char *text, const struct json_token *t) {
        return (struct decoder){ .p = text + t->start, .end = text + t->end };
}

/* The next byte, -1 at the end. */
static int decoder_next(struct decoder *d) {
        uint32_t code = 0;

        if (d->first < d->n)
                return (unsigned char) d->pending[d->first++];
        if (d->p == d->end)
                return -1;
        if (*d->p != '\\')
                return (unsigned char) *d->p++;
        d->p += read_escape(d->p, d->end, &code);
        d->n = utf8_encode(code, d->pending);
        d->first = 1;
        return (unsigned char) d->pending[0];
}

/* Length of a checked string decoded, -EINVAL if it holds U+0000. */
static ssize_t decoded_length(const char *text, const struct json_token *t) {
        struct decoder d = decoder_of(text, t);
        ssize_t length = 0;
        int c;

        if (!t->escaped)
                return t->end - t->start;
        for (; (c = decoder_next(&d)) >= 0; length++)
                if (c == 0)
                        return -EINVAL;
        return length;
}

static bool strings_equal(const char *text, const struct json_token *a, const struct json_token *b) {
        struct decoder x, y;
        int c;

        if (!a->escaped && !b->escaped)
                return a->end - a->start == b->end - b->start && text[a->start] == text[b->start] &&
                       memcmp(text + a->start, text + b->start, a->end - a->start) == 0;
        x = decoder_of(text, a);
        y = decoder_of(text, b);
        do {
                c = decoder_next(&x);
                if (c != decoder_next(&y))
                        return false;
        } while (c >= 0);
        return true;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

struct reader {
        const char *text;
        const char *p;
        const char *end;
        struct json_token *tokens;
        size_t n_tokens;
        size_t max_tokens;
};

static int read_value(struct reader *rd, unsigned depth);

/* The next byte that is no white space, and steps over it; -1 at the end. */
static int next_mark(struct reader *rd) {
        while (rd->p < rd->end) {
                char c = *rd->p++;

                if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
                        return (unsigned char) c;
        }
        return -1;
}

/* A new token for the value at p, NULL if there is no room. */
static struct json_token *add_token(struct reader *rd, enum json_type type) {
        struct json_token *t;

        if (rd->n_tokens == rd->max_tokens)
                return NULL;
        t = &rd->tokens[rd->n_tokens++];
        *t = (struct json_token){
                .type = type,
                .start = (uint32_t) (rd->p - rd->text),
                .next = (uint32_t) rd->n_tokens,
        };
        return t;
}

/* p stands behind the opening quote. */
static int read_string(struct reader *rd) {
        struct json_token *t = add_token(rd, JSON_STRING);
        const char *p = rd->p;
        uint32_t code;
        size_t n;

        if (!t)
                return -E2BIG;
        for (;;) {
                p += utf8_plain_run(p, rd->end);
                if (p == rd->end || (unsigned char) *p < 0x20)
                        return -EBADMSG;
                if (*p == '"')
                        break;
                if (*p == '\\') {
                        t->escaped = true;
                        n = read_escape(p, rd->end, &code);
                } else
                        n = utf8_length(p, rd->end);
                if (n == 0)
                        return -EBADMSG;
                p += n;
        }
        t->end = (uint32_t) (p - rd->text);
        rd->p = p + 1;
        return 0;
}

static int read_literal(struct reader *rd, const char *word, enum json_type type, int64_t value) {
        struct json_token *t = add_token(rd, type);
        size_t n = strlen(word);

        if (!t)
                return -E2BIG;
        if ((size_t) (rd->end - rd->p) < n || memcmp(rd->p, word, n) != 0)
                return -EBADMSG;
        rd->p += n;
        t->end = t->start + (uint32_t) n;
        t->integer = value;
        return 0;
}

static int read_number(struct reader *rd) {
        struct json_token *t = add_token(rd, JSON_INTEGER);
        const char *end;

        if (!t)
                return -E2BIG;
        end = json_number_read(rd->p, rd->end, t);
        if (!end)
                return -EBADMSG;
        t->end = (uint32_t) (end - rd->text);
        rd->p = end;
        return 0;
}

/* A key of the object and its colon. Its earlier keys are met by hopping over their values. */
static int read_key(struct reader *rd, uint32_t object) {
        uint32_t self = (uint32_t) rd->n_tokens;
        const struct json_token *key = &rd->tokens[self];
        int r;

        if (next_mark(rd) != '"')
                return -EBADMSG;
        r = read_string(rd);
        if (r < 0)
                return r;
        if (decoded_length(rd->text, key) < 0)
                return -EBADMSG;
        for (uint32_t i = object + 1; i < self; i = rd->tokens[i + 1].next)
                if (strings_equal(rd->text, &rd->tokens[i], key))
                        return -EBADMSG;
        return next_mark(rd) == ':' ? 0 : -EBADMSG;
}

/* p stands on the opening bracket. The bound on depth is also the bound on this recursion. */
static int read_container(struct reader *rd, enum json_type type, char close, unsigned depth) {
        uint32_t self = (uint32_t) rd->n_tokens;
        struct json_token *t = add_token(rd, type);
        const char *inside = rd->p + 1;
        int r, mark;

        if (!t || depth > MESSAGE_DEPTH_MAX)
                return -E2BIG;
        rd->p = inside;
        mark = next_mark(rd);
        if (mark != close)
                rd->p = inside;
        while (mark != close) {
                r = type == JSON_OBJECT ? read_key(rd, self) : 0;
                if (r < 0)
                        return r;
                r = read_value(rd, depth);
                if (r < 0)
                        return r;
                t->count++;
                mark = next_mark(rd);
                if (mark != ',' && mark != close)
                        return -EBADMSG;
        }
        t->end = (uint32_t) (rd->p - rd->text);
        t->next = (uint32_t) rd->n_tokens;
        return 0;
}

/* A value inside `depth` others. */
static int read_value(struct reader *rd, unsigned depth) {
        int mark = next_mark(rd);

        if (mark == '"')
                return read_string(rd);
        if (mark < 0)
                return -EBADMSG;
        rd->p--;
        switch (mark) {
        case '{':
                return read_container(rd, JSON_OBJECT, '}', depth + 1);
        case '[':
                return read_container(rd, JSON_ARRAY, ']', depth + 1);
        case 't':
                return read_literal(rd, "true", JSON_BOOL, 1);
        case 'f':
                return read_literal(rd, "false", JSON_BOOL, 0);
        case 'n':
                return read_literal(rd, "null", JSON_NULL, 0);
        default:
                return mark == '-' || (mark >= '0' && mark <= '9') ? read_number(rd) : -EBADMSG;
        }
}

int json_read(const char *text, size_t size, struct json_token *tokens, size_t max_tokens, struct json *ret) {
        struct reader rd = {
                .text = text,
                .p = text,
                .end = text + size,
                .tokens = tokens,
                .max_tokens = max_tokens,
        };
        int r;

        if (size > UINT32_MAX)
                return -E2BIG;
        r = read_value(&rd, 0);
        if (r < 0)
                return r;
        if (next_mark(&rd) >= 0)
                return -EBADMSG;
        *ret = (struct json){ .text = text, .size = size, .tokens = tokens, .n_tokens = rd.n_tokens };
        return 0;
}

/* ---- looking into it --------------------------------------------------------------------------------- */

static const struct json_token *token_at(const struct json *json, uint32_t token, enum json_type type) {
        return token < json->n_tokens && json->tokens[token].type == type ? &json->tokens[token] : NULL;
}

uint32_t json_find(const struct json *json, uint32_t object, const char *name) {
        const struct json_token *t = token_at(json, object, JSON_OBJECT);

        if (!t)
                return 0;
        for (uint32_t i = object + 1; i < t->next; i = json->tokens[i + 1].next)
                if (json_is(json, i, name))
                        return i + 1;
        return 0;
}

bool json_is(const struct json *json, uint32_t token, const char *text) {
        const struct json_token *t = token_at(json, token, JSON_STRING);
        size_t size = strlen(text);
        struct decoder d;

        if (!t)
                return false;
        if (!t->escaped)
                return t->end - t->start == size && memcmp(json->text + t->start, text, size) == 0;
        d = decoder_of(json->text, t);
        for (size_t i = 0; i < size; i++)
                if (decoder_next(&d) != (unsigned char) text[i])
                        return false;
        return decoder_next(&d) < 0;
}

int json_read_string(const struct json *json, uint32_t token, char *buf, size_t size) {
        const struct json_token *t = token_at(json, token, JSON_STRING);
        struct decoder d;
        ssize_t length;

        if (!t)
                return -EINVAL;
        length = decoded_length(json->text, t);
        if (length < 0)
                return (int) length;
        if ((size_t) length >= size || length > INT_MAX)
                return -ENOBUFS;
        if (!t->escaped)
                memcpy(buf, json->text + t->start, (size_t) length);
        else {
                d = decoder_of(json->text, t);
                for (ssize_t i = 0; i < length; i++)
                        buf[i] = (char) decoder_next(&d);
        }
        buf[length] = '\0';
        return (int) length;
}
