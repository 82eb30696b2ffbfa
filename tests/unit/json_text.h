/* JSON texts, read by our reader and by jansson, which must agree. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle.h"
#include "client/json.h"
#include "client/protocol.h"

#define TOKENS_MAX 8192

static struct json_token tokens[TOKENS_MAX];

static inline int read_n(const char *text, size_t size, struct json *ret) {
        char *exact = malloc(size ? size : 1); /* a step beyond the text is a step out of bounds */
        int r;

        assert_non_null(exact);
        memcpy(exact, text, size);
        r = json_read(exact, size, tokens, TOKENS_MAX, ret);
        if (r == 0)
                ret->text = text;
        free(exact);
        return r;
}

static inline bool oracle_accepts(const char *text, size_t size) {
        json_error_t error;
        json_t *value = oracle_read(text, size, &error);
        bool accepted = value != NULL;

        json_decref(value);
        return accepted;
}

static inline struct json accepted(const char *text) {
        struct json json = { 0 };

        if (read_n(text, strlen(text), &json) != 0)
                fail_msg("refused: %s", text);
        if (!oracle_accepts(text, strlen(text)))
                fail_msg("jansson refuses: %s", text);
        return json;
}

static inline void refused_n(const char *text, size_t size) {
        struct json json = { .size = 4711 };

        if (read_n(text, size, &json) != -EBADMSG)
                fail_msg("not refused: %.*s", (int) size, text);
        assert_int_equal(json.size, 4711);
        if (oracle_accepts(text, size))
                fail_msg("jansson accepts: %.*s", (int) size, text);
}

static inline void refused(const char *text) {
        refused_n(text, strlen(text));
}
