/* api_end: the handlers that end many sessions, and purge their user: a slice a turn, so that nobody else
 * waits for the last of them. Those that opened after it began are none of its business. */
#include "daemon/api.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ending.h"
#include "daemon/purge.h"
#include "daemon/reset.h"

#define ENDED_SESSIONS_SHOWN 64
#define ROWS_PER_TURN        256

struct many_params {
        char user[USER_MAX + 1];
        char realm[REALM_MAX + 1];
};

static const struct message_field all_fields[] = {
        MESSAGE_FIELD_STRING(struct many_params, user, "user", false),
        MESSAGE_FIELD_STRING(struct many_params, realm, "realm", false),
        { 0 },
};

static const struct message_field reset_fields[] = {
        MESSAGE_FIELD_STRING(struct many_params, user, "user", true),
        MESSAGE_FIELD_STRING(struct many_params, realm, "realm", false),
        { 0 },
};

static const struct message_field no_fields[] = { { 0 } };

/* ---- what one does ---- */

struct end_many {
        enum session_end end;
        const char *note;
};

static void begin(struct request *q) {
        q->progress.newest = q->service->last_sid;
        q->progress.reset_at = api_token_time(q);
        json_key(&q->reply, "sessions");
        json_open_array(&q->reply);
}

static int finish(struct request *q) {
        json_close_array(&q->reply);
        json_member_integer(&q->reply, "revokedCount", q->progress.n_ended);
        if (q->progress.n_ended > ENDED_SESSIONS_SHOWN)
                json_member_bool(&q->reply, "truncated", true);
        return 0;
}

static enum initiator initiator_of(const struct request *q, uint32_t uid) {
        return uid == q->peer.uid ? BY_USER : BY_ADMIN;
}

/* Once a user: a uid may have several names. */
static int note_reset(struct request *q, const char *user, uint32_t uid, const struct end_many *how) {
        struct progress *p = &q->progress;
        struct reset reset = { .at = p->reset_at, .initiator = initiator_of(q, uid), .note = how->note };

        if (how->end != END_ACCOUNT_RESET || strcmp(p->reset_user, user) == 0)
                return 0;
        snprintf(p->reset_user, sizeof(p->reset_user), "%s", user);
        return reset_user(q->txn, p->walk.realm, user, uid, &reset, &q->change.effects);
}

static bool is_spared(const struct progress *p, const struct session *session) {
        return session->state != SESSION_LIVE || sid_compare(&session->sid, &p->newest) > 0 ||
               (p->has_but && sid_compare(&session->sid, &p->but) == 0);
}

static int end_one(struct request *q, struct session *session, const struct end_many *how) {
        int r;

        r = note_reset(q, session->user, session->uid, how);
        if (r < 0)
                return r;
        r = ending_end(
                q->txn, session, how->end, initiator_of(q, session->uid), how->note, &q->change.effects);
        if (r < 0)
                return r;
        if (q->progress.n_ended++ < ENDED_SESSIONS_SHOWN)
                api_put_session(q, &q->reply, session, false);
        return 0;
}

/* Of the walk that is prepared, as many as one turn may look at. */
static int end_many(struct request *q, const struct end_many *how) {
        struct progress *p = &q->progress;
        struct session session;
        int r;

        for (size_t i = 0; i < ROWS_PER_TURN; i++) {
                r = walk_next(q, &p->walk, &p->cursor, &session);
                if (r == STORE_END)
                        return finish(q);
                if (r < 0)
                        return r;
                if (r == WALK_PASSES_OVER || is_spared(p, &session))
                        continue;
                r = end_one(q, &session, how);
                if (r < 0)
                        return r;
        }
        return API_AGAIN;
}

/* ---- RevokeOthers ---- */

static int prepare_others(struct request *q) {
        struct progress *p = &q->progress;
        struct session current;
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        r = api_find_callers_session(q, &current);
        if (r)
                return r;
        snprintf(p->walk.user, sizeof(p->walk.user), "%s", current.user);
        snprintf(p->walk.realm, sizeof(p->walk.realm), "%s", current.realm);
        p->but = current.sid;
        p->has_but = true;
        begin(q);
        return 0;
}

int on_revoke_others(struct request *q) {
        int r = q->kept.has_begun ? 0 : prepare_others(q);

        return r ? r : end_many(q, &(struct end_many){ END_REVOKED, "you signed out your other sessions" });
}

/* ---- RevokeAll, ResetUser: resets ---- */

/* Whether a user of that name is the caller's to reset, with sessions or without. A name that was ever
 * root's is not an admin's who is not root. < 0, 0 or 1. */
static int may_reset(struct request *q, const struct walk *walk) {
        int r;

        if (q->peer.uid == 0)
                return 1;
        r = store_has_owner(q->txn, 0, walk->realm, walk->user);
        return r < 0 ? r : !r;
}

/* The uid that his sessions or devices have, the latest first. < 0 or 0. */
static int find_uid(struct request *q, const struct walk *walk, uint32_t *ret) {
        struct store_cursor sessions = { 0 }, devices = { 0 };
        struct session session;
        struct device device;
        int r;

        *ret = ACCOUNT_UID_UNKNOWN;
        r = store_next_session_of_user(q->txn, walk->realm, walk->user, &sessions, &session);
        if (r == 0)
                *ret = session.uid;
        if (r != STORE_END)
                return r;
        r = store_next_device_of_user(q->txn, walk->realm, walk->user, &devices, &device);
        if (r == 0)
                *ret = device.uid;
        return r < 0 ? r : 0;
}

/* A user is reset also when he has no session now: what he signs in with next tells it. */
static int note_reset_of_name(struct request *q, const struct end_many *how) {
        const struct walk *walk = &q->progress.walk;
        uint32_t uid;
        int r;

        r = find_uid(q, walk, &uid);
        return r < 0 ? r : note_reset(q, walk->user, uid, how);
}

static int prepare_all(struct request *q, const struct end_many *how) {
        struct walk *walk = &q->progress.walk;
        struct many_params p = { 0 };
        int r;

        r = api_read(q, all_fields, &p);
        if (r)
                return r;
        r = walk_prepare(q, p.user, p.realm, false, walk);
        if (r)
                return r;
        begin(q);
        if (!walk->by_name)
                return 0;
        r = store_knows_user(q->txn, walk->realm, walk->user);
        if (r > 0)
                r = may_reset(q, walk);
        return r > 0 ? note_reset_of_name(q, how) : r;
}

int on_revoke_all(struct request *q) {
        static const struct end_many how = { END_ACCOUNT_RESET, "all sessions were signed out" };
        int r = q->kept.has_begun ? 0 : prepare_all(q, &how);

        return r ? r : end_many(q, &how);
}

static int prepare_reset(struct request *q, const struct end_many *how) {
        struct walk *walk = &q->progress.walk;
        struct many_params p = { 0 };
        int r;

        r = api_read(q, reset_fields, &p);
        if (r)
                return r;
        if (!*p.user) {
                snprintf(q->detail, sizeof(q->detail), "user");
                return API_INVALID_PARAMETER;
        }
        r = walk_prepare(q, p.user, p.realm, false, walk);
        if (r)
                return r;
        r = may_reset(q, walk);
        if (r <= 0)
                return r < 0 ? r : API_PERMISSION_DENIED;
        r = store_knows_user(q->txn, walk->realm, walk->user);
        if (r <= 0) {
                snprintf(q->detail, sizeof(q->detail), "%s", p.user);
                return r < 0 ? r : API_USER_NOT_FOUND;
        }
        begin(q);
        return note_reset_of_name(q, how);
}

int on_reset_user(struct request *q) {
        static const struct end_many how = { END_ACCOUNT_RESET, "an administrator reset the account" };
        int r = q->kept.has_begun ? 0 : prepare_reset(q, &how);

        return r ? r : end_many(q, &how);
}

/* ---- PurgeUser: a reset, and then what is kept of the user ---- */

/* The event is for the journal alone: in history it would be a row of his. */
static int tell_purged(struct request *q, const char *note) {
        const struct walk *walk = &q->progress.walk;
        struct session whose = { .uid = ACCOUNT_UID_UNKNOWN };
        struct account account;
        int r;

        r = store_find_account(q->txn, walk->realm, walk->user, &account);
        if (r < 0)
                return r;
        if (r == 0)
                whose.uid = account.uid;
        snprintf(whose.realm, sizeof(whose.realm), "%s", walk->realm);
        snprintf(whose.user, sizeof(whose.user), "%s", walk->user);
        return effects_add(&q->change.effects, EFFECT_USER_PURGED, initiator_of(q, whose.uid), &whose, note);
}

/* Ends are kept in history with the turn that they happen in: his rows go in later ones. */
int on_purge_user(struct request *q) {
        static const struct end_many how = { END_ACCOUNT_RESET, "an administrator purged the account" };
        struct progress *p = &q->progress;
        int r = q->kept.has_begun ? 0 : prepare_reset(q, &how);

        if (r)
                return r;
        if (!p->has_ended_all) {
                r = end_many(q, &how);
                if (r == 0)
                        p->has_ended_all = true;
                return r ? r : API_AGAIN;
        }
        r = purge_user(q->txn, p->walk.realm, p->walk.user, ROWS_PER_TURN);
        if (r == PURGE_HAS_MORE)
                return API_AGAIN;
        return r < 0 ? r : tell_purged(q, how.note);
}
