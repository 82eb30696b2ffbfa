/* libsessjwt_member: what the members of a reply say. */
#include "client/libsessjwt_call.h"

#include <errno.h>

const char *sessjwt_error_detail(const struct sessjwt *c) {
        return c->reply.detail;
}

const char *sessjwt_reply(const struct sessjwt *c) {
        return c->reply.text;
}

const char *sessjwt_reply_string(const struct sessjwt *c, const char *path) {
        uint32_t token = reply_find(&c->reply, path);

        return token ? reply_string(&c->reply, token) : NULL;
}

/* Finds a value of one type. 0, -ENODATA, -EINVAL. */
static int find_typed(const struct sessjwt *c, const char *path, enum json_type type, int64_t *ret) {
        uint32_t token = reply_find(&c->reply, path);

        if (token == 0)
                return -ENODATA;
        if (c->reply.json.tokens[token].type != type)
                return -EINVAL;
        *ret = c->reply.json.tokens[token].integer;
        return 0;
}

int sessjwt_reply_integer(const struct sessjwt *c, const char *path, int64_t *ret) {
        return find_typed(c, path, JSON_INTEGER, ret);
}

int sessjwt_reply_bool(const struct sessjwt *c, const char *path, bool *ret) {
        int64_t value;
        int r;

        r = find_typed(c, path, JSON_BOOL, &value);
        if (r == 0)
                *ret = value != 0;
        return r;
}

size_t sessjwt_reply_count(const struct sessjwt *c, const char *path) {
        uint32_t token = reply_find(&c->reply, path);

        return token && c->reply.json.tokens[token].type == JSON_ARRAY ? c->reply.json.tokens[token].count
                                                                       : 0;
}
