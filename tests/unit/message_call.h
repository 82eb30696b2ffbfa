/* A call, as text and read. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/oracle.h"
#include "client/message.h"

static struct message call;

static inline int read_call(const char *text) {
        return message_read_call(text, strlen(text), &call);
}

static inline void dropped(const char *text) {
        strcpy(call.method, "before");
        if (read_call(text) != -EBADMSG)
                fail_msg("not dropped: %s", text);
        assert_string_equal(call.method, "before");
}

static inline void taken(const char *text) {
        if (read_call(text) != 0)
                fail_msg("dropped: %s", text);
}

struct params {
        char text[9];
        char other[5];
        int64_t number;
        bool flag;
        struct message_strings list;
};
