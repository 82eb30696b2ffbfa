#include "client/claims.h"

#include <string.h>

#include "client/json.h"

/* Unknown claims are ignored, yet not without bound. */
#define CLAIMS_TOKENS_MAX 256

enum claim_type {
        CLAIM_STRING,
        CLAIM_STRINGS,  /* an array of strings */
        CLAIM_AUDIENCE, /* the same, or one string for an array of one (RFC 7519 4.1.3) */
        CLAIM_TIME,     /* NumericDate (RFC 7519 2): integer or real */
        CLAIM_UID,
        CLAIM_STATUS, /* Token Status List 6.1 */
};

struct claim_field {
        const char *name;
        enum claim_type type;
        bool required;
        size_t offset;   /* in struct claims */
        size_t size;     /* of one string, NUL included */
        size_t max;      /* how many strings there may be, */
        size_t n_offset; /* and where their number goes */
};

#define MEMBER_SIZE(member) sizeof(((struct claims *) 0)->member)
#define STRING(name, member, required)                                                                       \
        { (name), CLAIM_STRING, (required), offsetof(struct claims, member), MEMBER_SIZE(member), 0, 0 }
#define STRINGS(name, type, member, max, required)                                                           \
        {                                                                                                    \
                (name), (type), (required), offsetof(struct claims, member), MEMBER_SIZE(member[0]), (max),  \
                        offsetof(struct claims, n_##member)                                                  \
        }
#define NUMBER(name, type, member, required)                                                                 \
        { (name), (type), (required), offsetof(struct claims, member), 0, 0, 0 }

static const struct claim_field fields[] = {
        STRING("iss", issuer, true),
        STRING("sub", subject, true),
        STRINGS("aud", CLAIM_AUDIENCE, audiences, CLAIMS_AUDIENCES_MAX, true),
        STRING("client_id", client_id, true),
        NUMBER("exp", CLAIM_TIME, expires_at, true),
        NUMBER("iat", CLAIM_TIME, issued_at, true),
        STRING("jti", token_id, true),
        STRING("sid", session_id, true),
        STRING("realm", realm, true),
        NUMBER("uid", CLAIM_UID, uid, true),
        NUMBER("auth_time", CLAIM_TIME, auth_time, false),
        STRINGS("amr", CLAIM_STRINGS, methods, CLAIMS_METHODS_MAX, false),
        STRING("role", role, false),
        STRINGS("roles", CLAIM_STRINGS, roles, CLAIMS_ROLES_MAX, false),
        NUMBER("reset", CLAIM_TIME, reset, false),
        STRING("dev", device_id, false),
        { .name = "status", .type = CLAIM_STATUS },
};

static bool read_text(const struct json *json, uint32_t token, char *buf, size_t size) {
        return json_read_string(json, token, buf, size) > 0;
}

static bool read_texts(
        const struct json *json, uint32_t array, const struct claim_field *field, struct claims *claims) {
        const struct json_token *tokens = json->tokens;
        char *row = (char *) claims + field->offset;
        size_t n = 0;

        if (tokens[array].type != JSON_ARRAY || tokens[array].count > field->max)
                return false;
        for (uint32_t i = array + 1; i < tokens[array].next; i = tokens[i].next)
                if (!read_text(json, i, row + n++ * field->size, field->size))
                        return false;
        *(size_t *) (void *) ((char *) claims + field->n_offset) = n;
        return n > 0 || !field->required;
}

static bool read_audience(
        const struct json *json, uint32_t token, const struct claim_field *field, struct claims *claims) {
        if (json->tokens[token].type != JSON_STRING)
                return read_texts(json, token, field, claims);
        claims->n_audiences = 1;
        return read_text(json, token, claims->audiences[0], sizeof(claims->audiences[0]));
}

static bool read_time(const struct json_token *token, int64_t *ret) {
        if (token->type != JSON_INTEGER && token->type != JSON_REAL)
                return false;
        *ret = token->integer;
        return true;
}

/* (uid_t) -1 means "no user" to the kernel, so it never names one. */
static bool read_uid(const struct json_token *token, uint32_t *ret) {
        if (token->type != JSON_INTEGER && token->type != JSON_REAL)
                return false;
        if (!token->exact || token->integer < 0 || token->integer >= UINT32_MAX)
                return false;
        *ret = (uint32_t) token->integer;
        return true;
}

/* An object that may have other means than status_list, which are not ours. */
static bool read_status(const struct json *json, uint32_t status, struct claims *claims) {
        uint32_t list, idx, uri;

        if (json->tokens[status].type != JSON_OBJECT)
                return false;
        list = json_find(json, status, "status_list");
        if (!list)
                return true;
        if (json->tokens[list].type != JSON_OBJECT)
                return false;
        idx = json_find(json, list, "idx");
        uri = json_find(json, list, "uri");
        if (!idx || !uri || json->tokens[idx].type != JSON_INTEGER || json->tokens[idx].integer < 0)
                return false;
        claims->status_index = (uint64_t) json->tokens[idx].integer;
        return read_text(json, uri, claims->status_uri, sizeof(claims->status_uri));
}

static bool read_claim(
        const struct json *json, uint32_t token, const struct claim_field *field, struct claims *claims) {
        void *member = (char *) claims + field->offset;

        switch (field->type) {
        case CLAIM_STRING:
                return read_text(json, token, member, field->size);
        case CLAIM_STRINGS:
                return read_texts(json, token, field, claims);
        case CLAIM_AUDIENCE:
                return read_audience(json, token, field, claims);
        case CLAIM_TIME:
                return read_time(&json->tokens[token], member);
        case CLAIM_UID:
                return read_uid(&json->tokens[token], member);
        case CLAIM_STATUS:
                return read_status(json, token, claims);
        }
        return false;
}

int claims_read(const char *text, size_t size, struct claims *ret) {
        struct claims claims = { .status_index = CLAIMS_NO_STATUS };
        struct json_token tokens[CLAIMS_TOKENS_MAX];
        struct json json;

        if (json_read(text, size, tokens, CLAIMS_TOKENS_MAX, &json) < 0 || tokens[0].type != JSON_OBJECT)
                return REASON_MALFORMED;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                uint32_t token = json_find(&json, 0, fields[i].name);

                if (token ? !read_claim(&json, token, &fields[i], &claims) : fields[i].required)
                        return REASON_MALFORMED;
        }
        *ret = claims;
        return 0;
}

bool claims_have_audience(const struct claims *claims, const char *audience) {
        for (size_t i = 0; i < claims->n_audiences; i++)
                if (strcmp(claims->audiences[i], audience) == 0)
                        return true;
        return false;
}
