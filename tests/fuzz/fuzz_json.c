/* Any bytes: what json_read accepts jansson accepts as the same value, also after the writer wrote it
 * again; what it refuses jansson refuses, but for our bounds on depth and on reals. Strings of any bytes:
 * the writer writes what both readers accept, or fails. */
#include "tests/oracle.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/protocol.h"

#define TOKENS_MAX 4096
#define TEXT_MAX   8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth) {
        if (!truth)
                abort();
}

/* ---- the text, written again ------------------------------------------------------------------------- */

static void write_value(struct json_writer *w, const struct json *json, uint32_t token);

static void write_string(struct json_writer *w, const struct json *json, uint32_t token, bool key) {
        const struct json_token *t = &json->tokens[token];
        char text[TEXT_MAX + 1];
        int length = json_read_string(json, token, text, sizeof(text));

        must(length >= 0 || (length == -EINVAL && t->escaped && !key));
        if (length < 0) {
                json_put_raw(w, json->text + t->start - 1, t->end - t->start + 2);
                return;
        }
        must(json_is(json, token, text) && text[length] == '\0' && strlen(text) == (size_t) length);
        must(length == 0 || json_read_string(json, token, text, (size_t) length) == -ENOBUFS);
        if (key)
                json_key(w, text);
        else
                json_put_string(w, text);
}

static void write_members(struct json_writer *w, const struct json *json, uint32_t token) {
        const struct json_token *t = &json->tokens[token];
        bool object = t->type == JSON_OBJECT;
        uint32_t n = 0;

        for (uint32_t i = token + 1; i < t->next; i = json->tokens[i].next, n++) {
                if (object) {
                        must(json->tokens[i].type == JSON_STRING && json->tokens[i].next == i + 1);
                        write_string(w, json, i++, true);
                }
                write_value(w, json, i);
        }
        must(n == t->count);
}

static void write_value(struct json_writer *w, const struct json *json, uint32_t token) {
        const struct json_token *t = &json->tokens[token];

        must(t->start <= t->end && t->end <= json->size && t->next > token && t->next <= json->n_tokens);
        switch (t->type) {
        case JSON_NULL:
                json_put_null(w);
                break;
        case JSON_BOOL:
                json_put_bool(w, t->integer);
                break;
        case JSON_INTEGER:
                must(t->exact);
                json_put_integer(w, t->integer);
                break;
        case JSON_REAL:
                json_put_raw(w, json->text + t->start, t->end - t->start);
                break;
        case JSON_STRING:
                write_string(w, json, token, false);
                break;
        case JSON_ARRAY:
                json_open_array(w);
                write_members(w, json, token);
                json_close_array(w);
                break;
        case JSON_OBJECT:
                json_open_object(w);
                write_members(w, json, token);
                json_close_object(w);
        }
}

static void check_again(const struct json *json, const json_t *expected) {
        static struct json_token tokens[TOKENS_MAX];
        static char text[8 * TEXT_MAX];
        struct json_writer w;
        struct json again;
        json_error_t error;
        json_t *value;
        size_t size;

        json_writer_init(&w, text, sizeof(text));
        write_value(&w, json, 0);
        must(json_writer_finish(&w, &size) == 0);
        must(json_read(text, size, tokens, TOKENS_MAX, &again) == 0 && again.n_tokens == json->n_tokens);
        value = oracle_read(text, size, &error);
        must(value && json_equal(value, expected));
        json_decref(value);
}

/* ---- one number -------------------------------------------------------------------------------------- */

/* Below 2^53 doubles are fine enough that both must agree on what is whole; tiny ones the oracle has as 0. */
static void check_real(const struct json_token *t, const json_t *value) {
        double real = json_real_value(value);

        if (fabs(real) > 9007199254740992.0 || fabs(real) < 1e-300 || t->end - t->start > 15)
                return;
        must(t->integer == (int64_t) real && t->exact == (real == trunc(real)));
}

/* Whether it holds a real that only just is a double, and which we refuse. */
static bool has_huge_real(json_t *value) {
        const char *key;
        json_t *inner;
        size_t i;
        bool huge = json_typeof(value) == ORACLE_REAL && fabs(json_real_value(value)) >= 1e308;

        if (json_typeof(value) == ORACLE_OBJECT)
                json_object_foreach(value, key, inner) {
                        huge = huge || has_huge_real(inner);
                }
        if (json_typeof(value) == ORACLE_ARRAY)
                json_array_foreach(value, i, inner) {
                        huge = huge || has_huge_real(inner);
                }
        return huge;
}

/* ---- the entry --------------------------------------------------------------------------------------- */

static void check_read(const char *text, size_t size) {
        static struct json_token tokens[TOKENS_MAX];
        struct json json = { 0 };
        json_error_t error;
        json_t *value = oracle_read(text, size, &error);
        int r = json_read(text, size, tokens, TOKENS_MAX, &json);

        if (r == 0) {
                must(value && json.size == size && tokens[0].next == json.n_tokens);
                if (tokens[0].type == JSON_REAL)
                        check_real(&tokens[0], value);
                check_again(&json, value);
        } else {
                must((r == -EBADMSG || r == -E2BIG) && !json.text);
                /* jansson passes over a NUL behind a number. */
                must(!value || r == -E2BIG || memchr(text, '\0', size) || has_huge_real(value));
        }
        json_decref(value);
}

static void check_write(const char *text, size_t size) {
        static struct json_token tokens[2];
        static char buf[8 * TEXT_MAX], back[TEXT_MAX + 1];
        struct json_writer w;
        struct json json;
        json_error_t error;
        json_t *value;
        size_t written;
        int r;

        json_writer_init(&w, buf, sizeof(buf));
        json_put_string_n(&w, text, size);
        r = json_writer_finish(&w, &written);
        value = json_stringn(text, size);
        must(r == (value && !memchr(text, '\0', size) ? 0 : -EILSEQ));
        json_decref(value);
        if (r < 0)
                return;
        must(json_read(buf, written, tokens, 2, &json) == 0);
        must(json_read_string(&json, 0, back, sizeof(back)) == (int) size && memcmp(back, text, size) == 0);
        value = oracle_read(buf, written, &error);
        must(value && json_string_length(value) == size && memcmp(json_string_value(value), text, size) == 0);
        json_decref(value);

        json_writer_init(&w, buf, written - 1);
        json_put_string_n(&w, text, size);
        must(json_writer_finish(&w, &written) == -ENOBUFS);
}

/* Reads from memory of exactly this size, so that a step too far is seen. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text;

        if (size == 0 || size > TEXT_MAX)
                return 0;
        text = malloc(size);
        must(text != NULL);
        memcpy(text, data, size);
        check_read(text, size);
        check_write(text, size);
        free(text);
        return 0;
}
