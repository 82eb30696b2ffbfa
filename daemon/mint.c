#include "daemon/mint.h"

#include <errno.h>
#include <sys/random.h>

#include "daemon/list_token.h"
#include "daemon/token.h"

int mint(const struct mint_facts *facts, char ret_token[static MINT_TOKEN_SIZE], int64_t *ret_expires_at) {
        const struct policy *policy = config_policy(facts->config, facts->session->policy);
        const struct realm *realm = config_realm(facts->config, facts->session->realm);
        const char *roles[ROLES_MAX];
        size_t n_roles = policy_find_roles(policy, facts->groups, facts->n_groups, roles);
        struct session session = *facts->session;
        struct moment now = facts->now;
        char status_uri[STATUS_URI_MAX + 1];
        uint8_t random[16];
        size_t length;

        if (!realm)
                return MINT_NO_REALM;
        while (getrandom(random, sizeof(random), 0) < 0)
                if (errno != EINTR)
                        return -errno;
        now.wall = status_time(facts->status, now.wall);
        session.deadline_wall = session_end_wall(&session, now);
        list_token_uri(facts->config->issuer, status_uri);
        return token_mint(facts->keyring,
                &(struct token_facts){ .session = &session,
                        .issuer = realm->issuer,
                        .status_uri = status_uri,
                        .audience = *facts->audience ? facts->audience : realm->audience,
                        .typ = facts->config->typ,
                        .role = n_roles > 0 ? roles[0] : NULL,
                        .roles = roles,
                        .n_roles = n_roles,
                        .now_wall = now.wall,
                        .access_ttl = policy->access_ttl,
                        .reset_at = facts->reset_at,
                        .random = random },
                ret_token, MINT_TOKEN_SIZE, &length, ret_expires_at);
}
