/* api_mint: how every access token comes about: realm, names, roles, signature, answer. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "client/cleanup.h"
#include "daemon/list_token.h"
#include "daemon/token.h"

static void cleanup_token(char (*token)[TOKEN_MAX + 1]) {
        explicit_bzero(*token, sizeof(*token));
}

usec_t api_token_time(const struct request *q) {
        return status_time(q->service->status, q->now.wall);
}

static int find_realm(struct request *q, const struct session *session, const struct realm **ret) {
        *ret = config_realm(q->config, session->realm);
        if (*ret)
                return 0;
        snprintf(q->detail, sizeof(q->detail), "%s", session->realm);
        return API_REALM_NOT_FOUND;
}

static int sign(struct request *q, const struct session *session, const struct realm *realm,
        const struct name *name, const char *audience, char *token, int64_t *ret_expires) {
        const struct policy *policy = config_policy(q->config, session->policy);
        const char *roles[ROLES_MAX];
        size_t n_roles = policy_find_roles(policy, name->groups, name->n_groups, roles);
        char status_uri[STATUS_URI_MAX + 1];
        uint8_t random[16];
        size_t length;

        while (getrandom(random, sizeof(random), 0) < 0)
                if (errno != EINTR)
                        return -errno;
        list_token_uri(q->config->issuer, status_uri);
        return token_mint(q->keyring,
                &(struct token_facts){ .session = session,
                        .issuer = realm->issuer,
                        .status_uri = status_uri,
                        .audience = *audience ? audience : realm->audience,
                        .typ = q->config->typ,
                        .role = n_roles > 0 ? roles[0] : NULL,
                        .roles = roles,
                        .n_roles = n_roles,
                        .now_wall = api_token_time(q),
                        .access_ttl = policy->access_ttl,
                        .random = random },
                token, TOKEN_MAX + 1, &length, ret_expires);
}

static void answer(struct request *q, const struct session *session, const char *token, int64_t expires) {
        char text[CLOCK_TEXT_SIZE], sid[SID_TEXT_MAX + 1];

        sid_write(&session->sid, sid);
        json_member_string(&q->reply, "accessToken", token);
        json_member_string(&q->reply, "tokenType", "Bearer");
        json_member_integer(&q->reply, "expiresIn", expires - (int64_t) (api_token_time(q) / USEC_PER_SEC));
        clock_write((usec_t) expires * USEC_PER_SEC, text);
        json_member_string(&q->reply, "expiresAt", text);
        json_member_string(&q->reply, "sessionId", sid);
}

int api_mint(struct request *q, const struct session *session, const char *audience) {
        _cleanup_(cleanup_token) char token[TOKEN_MAX + 1];
        const struct realm *realm;
        struct name name;
        int64_t expires;
        int r;

        r = find_realm(q, session, &realm);
        if (r)
                return r;
        r = api_find_names(q, session, &name);
        if (r)
                return r;
        r = sign(q, session, realm, &name, audience, token, &expires);
        if (r < 0)
                return r;
        answer(q, session, token, expires);
        return 0;
}
