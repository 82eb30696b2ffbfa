#include "client/message.h"

#include <errno.h>
#include <string.h>

#include "client/utf8.h"

/* ---- calls ------------------------------------------------------------------------------------------- */

static bool is_type(const struct json *json, uint32_t token, enum json_type type) {
        return json->tokens[token].type == type;
}

/* A method's or an error's name: neither empty nor overlong. */
static int read_name(const struct json *json, uint32_t value, char ret[static METHOD_NAME_MAX + 1]) {
        return json_read_string(json, value, ret, METHOD_NAME_MAX + 1) > 0 ? 0 : -EBADMSG;
}

static int read_flag(const struct json *json, uint32_t value, bool *ret) {
        if (!is_type(json, value, JSON_BOOL))
                return -EBADMSG;
        *ret = json->tokens[value].integer;
        return 0;
}

/* Absent and null are the same; {} differs only in having a token. */
static int read_parameters(const struct json *json, uint32_t value, uint32_t *ret) {
        if (!is_type(json, value, JSON_OBJECT) && !is_type(json, value, JSON_NULL))
                return -EBADMSG;
        *ret = is_type(json, value, JSON_OBJECT) ? value : 0;
        return 0;
}

/* One member of the call. A key that comes twice was no JSON to begin with; `upgrade` is not spoken here. */
static int read_call_member(const struct json *json, uint32_t key, struct message *call) {
        uint32_t value = key + 1;

        if (json_is(json, key, "method"))
                return read_name(json, value, call->method);
        if (json_is(json, key, "parameters"))
                return read_parameters(json, value, &call->parameters);
        if (json_is(json, key, "more"))
                return read_flag(json, value, &call->more);
        if (json_is(json, key, "oneway"))
                return read_flag(json, value, &call->oneway);
        return -EBADMSG;
}

int message_read_call(const char *text, size_t size, struct message *ret) {
        struct message call;
        struct json json;
        int r;

        r = json_read(text, size, ret->tokens, MESSAGE_TOKENS_MAX, &json);
        if (r < 0)
                return r;
        if (!is_type(&json, 0, JSON_OBJECT))
                return -EBADMSG;

        call.method[0] = '\0';
        call.parameters = 0;
        call.more = call.oneway = false;
        for (uint32_t key = 1; key < json.n_tokens; key = json.tokens[key + 1].next) {
                r = read_call_member(&json, key, &call);
                if (r < 0)
                        return r;
        }
        if (call.method[0] == '\0' || (call.more && call.oneway))
                return -EBADMSG;

        ret->json = json;
        memcpy(ret->method, call.method, sizeof(ret->method));
        ret->parameters = call.parameters;
        ret->more = call.more;
        ret->oneway = call.oneway;
        return 0;
}

/* ---- parameters -------------------------------------------------------------------------------------- */

/* A string that fits and that terminals and logs may be shown. */
static bool read_text(const struct json *json, uint32_t value, char *buf, size_t size) {
        int length = json_read_string(json, value, buf, size);

        return length >= 0 && !utf8_has_control(buf, (size_t) length);
}

static bool read_strings(const struct json *json, uint32_t value, struct message_strings *ret) {
        const struct json_token *array = &json->tokens[value];
        uint32_t item = value + 1;

        if (array->type != JSON_ARRAY || array->count > MESSAGE_STRINGS_MAX)
                return false;
        for (size_t i = 0; i < array->count; i++) {
                if (!read_text(json, item, ret->items[i], sizeof(ret->items[i])))
                        return false;
                item = json->tokens[item].next;
        }
        ret->n = array->count;
        return true;
}

static bool read_field(
        const struct json *json, uint32_t value, const struct message_field *field, void *params) {
        const struct json_token *t = &json->tokens[value];
        char *member = (char *) params + field->offset;

        switch (field->type) {
        case MESSAGE_STRING:
                return read_text(json, value, member, field->size);
        case MESSAGE_STRINGS:
                return read_strings(json, value, (struct message_strings *) member);
        case MESSAGE_INTEGER:
                if (t->type != JSON_INTEGER && (t->type != JSON_REAL || !t->exact))
                        return false;
                *(int64_t *) member = t->integer;
                return true;
        case MESSAGE_BOOL:
                if (t->type != JSON_BOOL)
                        return false;
                *(bool *) member = t->integer;
                return true;
        }
        return false;
}

static const struct message_field *find_field(
        const struct message_field *fields, const struct json *json, uint32_t key) {
        for (; fields->name; fields++)
                if (json_is(json, key, fields->name))
                        return fields;
        return NULL;
}

static int blame(const char *name, char ret_name[static METHOD_NAME_MAX + 1]) {
        strncpy(ret_name, name, METHOD_NAME_MAX);
        ret_name[METHOD_NAME_MAX] = '\0';
        return MESSAGE_INVALID_PARAMETER;
}

/* A name that we do not know may be of any length. */
static int blame_unknown(const struct json *json, uint32_t key, char ret_name[static METHOD_NAME_MAX + 1]) {
        if (json_read_string(json, key, ret_name, METHOD_NAME_MAX + 1) < 0)
                return blame("(too long)", ret_name);
        return MESSAGE_INVALID_PARAMETER;
}

static bool is_given(const struct message *call, const char *name) {
        uint32_t value = call->parameters ? json_find(&call->json, call->parameters, name) : 0;

        return value && !is_type(&call->json, value, JSON_NULL);
}

int message_read(const struct message *call, const struct message_field *fields, void *ret_params,
        char ret_name[static METHOD_NAME_MAX + 1]) {
        const struct json *json = &call->json;
        uint32_t object = call->parameters, end = object ? json->tokens[object].next : 0;
        const struct message_field *field;

        for (uint32_t key = object + 1; key < end; key = json->tokens[key + 1].next) {
                field = find_field(fields, json, key);
                if (!field)
                        return blame_unknown(json, key, ret_name);
                if (!is_type(json, key + 1, JSON_NULL) && !read_field(json, key + 1, field, ret_params))
                        return blame(field->name, ret_name);
        }
        for (field = fields; field->name; field++)
                if (field->required && !is_given(call, field->name))
                        return blame(field->name, ret_name);
        return 0;
}

/* ---- replies ----------------------------------------------------------------------------------------- */

void message_begin_reply(struct json_writer *w) {
        json_open_object(w);
        json_key(w, "parameters");
        json_open_object(w);
}

void message_end_reply(struct json_writer *w, bool continues) {
        json_close_object(w);
        if (continues)
                json_member_bool(w, "continues", true);
        json_close_object(w);
}

void message_begin_error(struct json_writer *w, const char *error) {
        json_open_object(w);
        json_member_string(w, "error", error);
        json_key(w, "parameters");
        json_open_object(w);
}

void message_end_error(struct json_writer *w) {
        json_close_object(w);
        json_close_object(w);
}

/* ---- the caller's side ------------------------------------------------------------------------------- */

void message_write_call(struct json_writer *w, const char *method, const char *params, bool more) {
        json_open_object(w);
        json_member_string(w, "method", method);
        if (params) {
                json_key(w, "parameters");
                json_put_raw(w, params, strlen(params));
        }
        if (more)
                json_member_bool(w, "more", true);
        json_close_object(w);
}

static int read_reply_member(const struct json *json, uint32_t key, struct message_reply *reply) {
        uint32_t value = key + 1;

        if (json_is(json, key, "parameters"))
                return read_parameters(json, value, &reply->parameters);
        if (json_is(json, key, "continues"))
                return read_flag(json, value, &reply->continues);
        if (json_is(json, key, "error"))
                return read_name(json, value, reply->error);
        return -EBADMSG;
}

int message_read_reply(const char *text, size_t size, struct json_token *tokens, size_t max_tokens,
        struct message_reply *ret) {
        struct message_reply reply = { 0 };
        int r;

        r = json_read(text, size, tokens, max_tokens, &reply.json);
        if (r < 0)
                return r;
        if (!is_type(&reply.json, 0, JSON_OBJECT))
                return -EBADMSG;
        for (uint32_t key = 1; key < reply.json.n_tokens; key = tokens[key + 1].next) {
                r = read_reply_member(&reply.json, key, &reply);
                if (r < 0)
                        return r;
        }
        /* An error ends a call; it cannot be continued. */
        if (reply.error[0] != '\0' && reply.continues)
                return -EBADMSG;
        *ret = reply;
        return 0;
}
