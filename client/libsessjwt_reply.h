/* reply: one message of the daemon, read, and what its members say. Borrows the message's text; owns its
 * tokens and its decoded strings and reuses them. Knows no socket and no method. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/message.h"

struct reply {
        const char *text; /* of the object that the paths start at, NUL-terminated; NULL: there is no reply */
        struct json json;
        uint32_t root; /* its token; 0: no members at all */
        bool continues;
        int error; /* SESSJWT_E_*, or 0 */
        char error_name[METHOD_NAME_MAX + 1];
        const char *detail;

        struct json_token *tokens;
        size_t max_tokens;
        char *decoded; /* a string's place here is its place in the message: decoding never makes it longer */
        size_t decoded_max;
};

/* Reads a message that is NUL-terminated, writable, and lives until the next reply_read or reply_forget.
 * 0; -EBADMSG, -ENOMEM: there is no reply then. */
int reply_read(struct reply *reply, char *message, size_t size);

/* There is no reply any more; wipes the decoded strings, keeps the memory. */
void reply_forget(struct reply *reply);

/* Wipes and frees; the reply is as zeroed. */
void reply_done(struct reply *reply);

/* Makes the object member `name` what the paths start at. Whether there is such an object. */
bool reply_enter(struct reply *reply, const char *name);

/* The value's token, 0 when it is absent or null. */
uint32_t reply_find(const struct reply *reply, const char *path);

/* The decoded string, living as long as the reply; NULL when it is no string or holds U+0000. */
const char *reply_string(const struct reply *reply, uint32_t token);
