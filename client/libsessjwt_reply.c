#include "client/libsessjwt_reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/libsessjwt_error.h"
#include "client/sessjwt.h"

#define TOKENS_FIRST  64
#define DECODED_FIRST 4096

void reply_forget(struct reply *reply) {
        if (reply->text && reply->decoded)
                explicit_bzero(reply->decoded, reply->json.size);
        reply->text = NULL;
        reply->root = 0;
        reply->continues = false;
        reply->error = 0;
        reply->detail = NULL;
}

void reply_done(struct reply *reply) {
        reply_forget(reply);
        free(reply->tokens);
        free(reply->decoded);
        *reply = (struct reply){ 0 };
}

/* Room for the decoded strings of a message; nothing of an older one is in it. */
static int make_room(struct reply *reply, size_t size) {
        size_t max = size > DECODED_FIRST ? size : DECODED_FIRST;
        char *decoded;

        if (size <= reply->decoded_max)
                return 0;
        decoded = malloc(max);
        if (!decoded)
                return -ENOMEM;
        free(reply->decoded);
        reply->decoded = decoded;
        reply->decoded_max = max;
        return 0;
}

/* Reads with as many tokens as it takes. A value of n bytes has at most n / 2 + 1. */
static int read_tokens(struct reply *reply, const char *message, size_t size, struct message_reply *ret) {
        for (;;) {
                size_t max = reply->max_tokens ? reply->max_tokens * 2 : TOKENS_FIRST;
                struct json_token *tokens;
                int r = -E2BIG;

                if (reply->max_tokens)
                        r = message_read_reply(message, size, reply->tokens, reply->max_tokens, ret);
                if (r != -E2BIG)
                        return r;
                if (reply->max_tokens > size / 2 + 1)
                        return -EBADMSG; /* there were enough: it is too deep */
                tokens = reallocarray(reply->tokens, max, sizeof *tokens);
                if (!tokens)
                        return -ENOMEM;
                reply->tokens = tokens;
                reply->max_tokens = max;
        }
}

/* The error's number, and what it is about: a string decoded, anything else as it is written. */
static void read_error(struct reply *reply, const char *name) {
        const struct json *json = &reply->json;
        const char *parameter;
        uint32_t token;

        reply->error = error_from_name(name, &parameter);
        memcpy(reply->error_name, name, strlen(name) + 1);
        if (reply->error == SESSJWT_E_OTHER)
                reply->detail = reply->error_name;
        token = parameter ? reply_find(reply, parameter) : 0;
        if (token == 0)
                return;
        reply->detail = reply_string(reply, token);
        if (!reply->detail && json->tokens[token].type == JSON_INTEGER) {
                char *place = reply->decoded + json->tokens[token].start;
                size_t size = json->tokens[token].end - json->tokens[token].start;

                memcpy(place, json->text + json->tokens[token].start, size);
                place[size] = 0;
                reply->detail = place;
        }
}

/* Makes an object token what the paths start at, and its text a string: the byte behind it is given up. */
static void set_root(struct reply *reply, char *message, uint32_t token) {
        reply->root = token;
        reply->text = message + reply->json.tokens[token].start;
        message[reply->json.tokens[token].end] = 0;
}

int reply_read(struct reply *reply, char *message, size_t size) {
        struct message_reply read;
        int r;

        reply_forget(reply);
        r = make_room(reply, size + 1);
        if (r < 0)
                return r;
        r = read_tokens(reply, message, size, &read);
        if (r < 0)
                return r;
        reply->json = read.json;
        reply->continues = read.continues;
        if (read.parameters)
                set_root(reply, message, read.parameters);
        else
                reply->text = "{}";
        if (read.error[0])
                read_error(reply, read.error);
        return 0;
}

bool reply_enter(struct reply *reply, const char *name) {
        uint32_t token = reply_find(reply, name);

        if (token == 0 || reply->json.tokens[token].type != JSON_OBJECT)
                return false;
        set_root(reply, (char *) reply->json.text, token);
        return true;
}

/* The i-th element of an array token, by its name in the path; 0 if it has none. */
static uint32_t find_element(const struct json *json, uint32_t array, const char *digits) {
        uint32_t token = array + 1;
        unsigned long i;
        char *end;

        if (digits[0] < '0' || digits[0] > '9')
                return 0;
        i = strtoul(digits, &end, 10);
        if (*end || i >= json->tokens[array].count)
                return 0;
        while (i-- > 0)
                token = json->tokens[token].next;
        return token;
}

uint32_t reply_find(const struct reply *reply, const char *path) {
        const struct json *json = &reply->json;
        uint32_t token = reply->root;

        while (token) {
                size_t size = strcspn(path, ".");
                char name[METHOD_NAME_MAX + 1];

                if (size >= sizeof name)
                        return 0;
                memcpy(name, path, size);
                name[size] = 0;
                if (json->tokens[token].type == JSON_OBJECT)
                        token = json_find(json, token, name);
                else if (json->tokens[token].type == JSON_ARRAY)
                        token = find_element(json, token, name);
                else
                        return 0;
                if (path[size] == 0)
                        break;
                path += size + 1;
        }
        return token && json->tokens[token].type == JSON_NULL ? 0 : token;
}

const char *reply_string(const struct reply *reply, uint32_t token) {
        const struct json_token *t = &reply->json.tokens[token];
        char *place = reply->decoded + t->start;

        if (t->type != JSON_STRING || json_read_string(&reply->json, token, place, t->end - t->start + 1) < 0)
                return NULL;
        return place;
}
