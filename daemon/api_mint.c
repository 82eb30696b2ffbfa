/* api_mint: access tokens for callers: realm, names, signature, answer. */
#include "daemon/api.h"

#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/mint.h"

static void cleanup_token(char (*token)[MINT_TOKEN_SIZE]) {
        explicit_bzero(*token, sizeof(*token));
}

usec_t api_token_time(const struct request *q) {
        return status_time(q->service->status, q->now.wall);
}

int api_find_reset(struct request *q, const struct session *session) {
        struct account account;
        int r;

        r = store_find_account(q->txn, session->realm, session->user, &account);
        if (r < 0)
                return r;
        q->reset_at = r == 0 ? account.reset_at : 0;
        return 0;
}

static int find_realm(struct request *q, const struct session *session) {
        if (config_realm(q->config, session->realm))
                return 0;
        snprintf(q->detail, sizeof(q->detail), "%s", session->realm);
        return API_REALM_NOT_FOUND;
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
        _cleanup_(cleanup_token) char token[MINT_TOKEN_SIZE];
        struct name name;
        int64_t expires;
        int r;

        r = find_realm(q, session);
        if (r)
                return r;
        r = api_find_names(q, session, &name);
        if (r)
                return r;
        r = mint(&(struct mint_facts){ .config = q->config,
                         .keyring = q->keyring,
                         .status = q->service->status,
                         .session = session,
                         .groups = name.groups,
                         .n_groups = name.n_groups,
                         .audience = audience,
                         .reset_at = q->reset_at,
                         .now = q->now },
                token, &expires);
        if (r)
                return r < 0 ? r : API_REALM_NOT_FOUND;
        answer(q, session, token, expires);
        return 0;
}
