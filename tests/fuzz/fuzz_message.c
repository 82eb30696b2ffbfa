/* Any bytes as a call, its parameters and a reply: bounded, told apart, and what is accepted is an object
 * with no other members than Varlink's. */
#include "tests/oracle.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/message.h"

#define TOKENS_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct params {
        char text[16];
        int64_t number;
        bool flag;
        struct message_strings list;
};

static const struct message_field fields[] = {
        MESSAGE_FIELD_STRING(struct params, text, "text", true),
        MESSAGE_FIELD(struct params, number, "number", MESSAGE_INTEGER, false),
        MESSAGE_FIELD(struct params, flag, "flag", MESSAGE_BOOL, false),
        MESSAGE_FIELD(struct params, list, "list", MESSAGE_STRINGS, false),
        { 0 },
};

static void must(bool truth) {
        if (!truth)
                abort();
}

static void must_be_text(const char *text, size_t max) {
        size_t n = strnlen(text, max + 1);
        json_t *value;

        must(n <= max);
        value = json_stringn(text, n); /* NULL unless UTF-8 */
        must(value != NULL);
        json_decref(value);
        for (size_t i = 0; i < n; i++)
                must((unsigned char) text[i] >= 0x20 && text[i] != 0x7f);
}

static void check_params(const struct message *call) {
        struct params p = { .number = 7 };
        char name[METHOD_NAME_MAX + 1];
        json_t *value;
        int r = message_read(call, fields, &p, name);

        must(r == 0 || r == MESSAGE_INVALID_PARAMETER);
        if (r == MESSAGE_INVALID_PARAMETER) {
                must(strnlen(name, sizeof(name)) < sizeof(name));
                value = json_stringn(name, strlen(name));
                must(value != NULL);
                json_decref(value);
                return;
        }
        must(call->parameters != 0);
        must_be_text(p.text, sizeof(p.text) - 1);
        must(p.list.n <= MESSAGE_STRINGS_MAX);
        for (size_t i = 0; i < p.list.n; i++)
                must_be_text(p.list.items[i], ROLE_MAX);
}

/* The oracle's view of a message: an object of known members, each there once. */
static json_t *check_members(const char *text, size_t size, const char *const names[]) {
        json_error_t error;
        json_t *object = oracle_read(text, size, &error), *value;
        const char *key;

        must(object && json_typeof(object) == ORACLE_OBJECT);
        json_object_foreach(object, key, value) {
                bool known = false;

                for (size_t i = 0; names[i]; i++)
                        known = known || strcmp(key, names[i]) == 0;
                must(known);
        }
        return object;
}

static void check_call(const char *text, size_t size) {
        static const char *const names[] = { "method", "parameters", "more", "oneway", NULL };
        static struct message call;
        json_t *object;
        int r = message_read_call(text, size, &call);

        must(r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r < 0)
                return;
        object = check_members(text, size, names);
        must(call.method[0] != '\0' && !(call.more && call.oneway));
        must(strcmp(call.method, json_string_value(json_object_get(object, "method"))) == 0);
        must(call.more == (json_object_get(object, "more") == json_true()));
        must(call.oneway == (json_object_get(object, "oneway") == json_true()));
        must(!call.parameters || call.json.tokens[call.parameters].type == JSON_OBJECT);
        check_params(&call);
        json_decref(object);
}

static void check_reply(const char *text, size_t size) {
        static const char *const names[] = { "parameters", "continues", "error", NULL };
        static struct json_token tokens[TOKENS_MAX];
        struct message_reply reply;
        int r = message_read_reply(text, size, tokens, TOKENS_MAX, &reply);

        must(r == 0 || r == -EBADMSG || r == -E2BIG);
        if (r < 0)
                return;
        json_decref(check_members(text, size, names));
        must(!reply.continues || reply.error[0] == '\0');
        must(!reply.parameters || tokens[reply.parameters].type == JSON_OBJECT);
}

/* Reads from memory of exactly this size, so that a step too far is seen. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text;

        if (size == 0 || size > MESSAGE_MAX)
                return 0;
        text = malloc(size);
        must(text != NULL);
        memcpy(text, data, size);
        check_call(text, size);
        check_reply(text, size);
        free(text);
        return 0;
}
