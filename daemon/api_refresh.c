/* api_refresh: the handlers of refresh tokens. What a token is answered is decided and kept on the writer
 * thread; the tokens themselves are made on the loop thread, once that is durable. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/digest.h"
#include "daemon/ending.h"

_Static_assert(SEAL_MAC_SIZE == REFRESH_MAC_SIZE && DIGEST_SIZE == REFRESH_HASH_SIZE, "what fits together");

static void cleanup_refresh_text(char (*text)[REFRESH_TOKEN_SIZE]) {
        explicit_bzero(*text, sizeof(*text));
}

/* The session's current token: it follows from the chain, so every caller gets the same. */
static int write_current(
        const struct request *q, const struct session *session, char ret[static REFRESH_TOKEN_SIZE]) {
        struct refresh_token token = refresh_current(&session->refresh, &session->sid);
        uint8_t sealed[REFRESH_SEALED_MAX], mac[REFRESH_MAC_SIZE];
        int r;

        r = seal_mac(q->service->seal, sealed, refresh_sealed(&token, sealed), mac);
        if (r < 0)
                return r;
        refresh_write(&token, mac, ret);
        explicit_bzero(mac, sizeof(mac));
        return 0;
}

static int hash_current(
        const struct request *q, const struct session *session, uint8_t ret[static REFRESH_HASH_SIZE]) {
        _cleanup_(cleanup_refresh_text) char text[REFRESH_TOKEN_SIZE] = "";
        int r;

        r = write_current(q, session, text);
        return r < 0 ? r : digest_sha256(text, REFRESH_LENGTH, ret);
}

/* ---- what both answer ---- */

/* Until when the token is good: its own time, and the session's. */
static usec_t refresh_expiry_wall(const struct request *q, const struct session *session) {
        usec_t boot = session->refresh.deadline_boot;
        usec_t wall = boot == USEC_NEVER ? USEC_NEVER : q->now.wall + (boot - q->now.boot);
        usec_t end = session_end_wall(session, q->now);

        return wall < end ? wall : end;
}

static int answer(struct request *q) {
        _cleanup_(cleanup_refresh_text) char text[REFRESH_TOKEN_SIZE] = "";
        usec_t expiry = refresh_expiry_wall(q, &q->session);
        char expires[CLOCK_TEXT_SIZE];
        int r;

        r = api_mint(q, &q->session, "");
        if (r)
                return r;
        r = write_current(q, &q->session, text);
        if (r < 0)
                return r;
        json_member_string(&q->reply, "refreshToken", text);
        if (expiry != USEC_NEVER) {
                clock_write(expiry, expires);
                json_member_string(&q->reply, "refreshExpiresAt", expires);
        }
        return 0;
}

/* Keeps the session as it is now, seen now, and leaves the tokens to the answer. */
static int keep(struct request *q, const struct session *session) {
        int r;

        q->session = *session;
        if (q->session.last_seen < q->now.wall)
                q->session.last_seen = q->now.wall;
        idle_use(&q->session.idle, q->now.boot);
        r = hash_current(q, &q->session, q->session.refresh.hash);
        if (r < 0)
                return r;
        r = api_find_reset(q, session);
        if (r < 0)
                return r;
        q->answer = answer;
        r = store_put_session(q->txn, &q->session);
        return r > 0 ? -ENOENT : r;
}

#define REFRESH_TOLD_EVERY (3600 * USEC_PER_SEC)

/* A client that refreshes all day is told of once an hour. Whoever has the token acts for the user. */
static int rotate(struct request *q, struct session *session, usec_t ttl) {
        bool is_told = session->refresh.rotated_boot / REFRESH_TOLD_EVERY != q->now.boot / REFRESH_TOLD_EVERY;

        refresh_rotate(&session->refresh, ttl, q->now.boot);
        return is_told ? effects_add(&q->change.effects, EFFECT_REFRESHED, BY_USER, session, NULL) : 0;
}

static usec_t refresh_ttl(const struct request *q, const struct session *session) {
        return config_policy(q->config, session->policy)->refresh_ttl;
}

/* ---- IssueRefreshToken ---- */

struct issue_params {
        char session_id[SID_TEXT_MAX + 1];
};

static const struct message_field issue_fields[] = {
        MESSAGE_FIELD_STRING(struct issue_params, session_id, "sessionId", false),
        { 0 },
};

static int find_session_to_issue_for(struct request *q, struct session *ret) {
        struct issue_params p = { 0 };
        int r;

        r = api_read(q, issue_fields, &p);
        return r ? r : api_find_session_to_mint_for(q, p.session_id, ret);
}

/* A chain must not go on when its access token then cannot be minted: the former token, which is all that the
 * caller has, would soon be one that was used again. */
int prepare_issue_refresh_token(struct request *q) {
        struct session session;
        struct name name;
        int r;

        r = find_session_to_issue_for(q, &session);
        return r ? r : api_find_names(q, &session, &name);
}

/* Whoever is issued one later joins those who have one: they share the chain. */
int on_issue_refresh_token(struct request *q) {
        struct session session;
        int r;

        r = find_session_to_issue_for(q, &session);
        if (r)
                return r;
        if (refresh_is_live(&session.refresh, q->now.boot))
                refresh_prolong(&session.refresh, refresh_ttl(q, &session), q->now.boot);
        else {
                refresh_begin(&session.refresh, refresh_ttl(q, &session), q->now.boot);
                r = effects_add(&q->change.effects, EFFECT_REFRESHED, BY_USER, &session, "issued");
                if (r < 0)
                        return r;
        }
        return keep(q, &session);
}

/* ---- Refresh ---- */

/* As long as any token, so that one of another kind is answered as what it is: no refresh token. */
struct refresh_params {
        char refresh_token[TOKEN_MAX + 1];
};

static const struct message_field refresh_fields[] = {
        MESSAGE_FIELD_STRING(struct refresh_params, refresh_token, "refreshToken", true),
        { 0 },
};

static void cleanup_refresh_params(struct refresh_params *p) {
        explicit_bzero(p, sizeof(*p));
}

/* Reads the parameters as far as a token that we have made, before the store is touched. */
static int read_token(
        struct request *q, struct refresh_token *ret, uint8_t ret_hash[static REFRESH_HASH_SIZE]) {
        _cleanup_(cleanup_refresh_params) struct refresh_params p = { 0 };
        uint8_t sealed[REFRESH_SEALED_MAX], mac[REFRESH_MAC_SIZE];
        int r;

        r = api_read(q, refresh_fields, &p);
        if (r)
                return r;
        if (refresh_read(p.refresh_token, ret, mac) < 0)
                return API_INVALID_REFRESH_TOKEN;
        r = seal_check(q->service->seal, sealed, refresh_sealed(ret, sealed), mac);
        if (r)
                return r < 0 ? r : API_INVALID_REFRESH_TOKEN;
        return digest_sha256(p.refresh_token, REFRESH_LENGTH, ret_hash);
}

/* Its bearer may know how the session is, and may be anybody: the token is all the right there is. */
static int find_session(struct request *q, const struct sid *sid, struct session *ret) {
        char text[SID_TEXT_MAX + 1];
        int r;

        sid_write(sid, text);
        snprintf(q->detail, sizeof(q->detail), "%s", text);
        r = store_find_session(q->txn, sid, ret);
        if (r)
                return r < 0 ? r : API_SESSION_NOT_FOUND;
        return api_check_session(q, ret);
}

/* One of two has a stolen copy, and nobody can tell which (RFC 9700 4.14.2). */
static int end_reused(struct request *q, struct session *session) {
        int r;

        r = ending_end(q->txn, session, END_REFRESH_REUSE, BY_POLICY, NULL, &q->change.effects);
        return r < 0 ? r : API_REFRESH_TOKEN_REUSED;
}

/* As prepare_issue_refresh_token. Whatever is wrong with the token is for the change to say. */
int prepare_refresh(struct request *q) {
        uint8_t hash[REFRESH_HASH_SIZE];
        struct refresh_token token;
        struct session session;
        struct name name;
        int r;

        r = read_token(q, &token, hash);
        if (r)
                return r;
        r = find_session(q, &token.sid, &session);
        return r ? r : api_find_names(q, &session, &name);
}

int on_refresh(struct request *q) {
        uint8_t hash[REFRESH_HASH_SIZE];
        struct refresh_token token;
        struct session session;
        int r;

        r = read_token(q, &token, hash);
        if (r)
                return r;
        r = find_session(q, &token.sid, &session);
        if (r)
                return r;
        switch (refresh_decide(&session.refresh, &token, hash, q->config->refresh_grace, q->now.boot)) {
        case REFRESH_REUSED:
                return end_reused(q, &session);
        case REFRESH_EXPIRED:
                return API_REFRESH_TOKEN_EXPIRED;
        case REFRESH_ROTATES:
                r = rotate(q, &session, refresh_ttl(q, &session));
                if (r < 0)
                        return r;
                break;
        case REFRESH_CURRENT:
                break;
        }
        return keep(q, &session);
}
