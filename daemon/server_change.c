/* server_change: changes that come back from the turn: those of the public socket, and those that nobody
 * asked for: leaders that went, deadlines, notes of use. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/api.h"
#include "daemon/ending.h"
#include "daemon/expiry.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/tell.h"

#define GONE_PER_ROUND 64
#define TOUCHES_MAX    64 /* more at once are not noted: lastSeen is a courtesy */

void server_take_done(struct server *server) {
        struct change *change = turn_take_done(server->turn), *next;

        if (change)
                (void) server_note_transaction(server);
        for (; change; change = next) {
                next = change->next;
                if (change->turn_took > 0)
                        latency_note(&server->service.statistics.turns, change->turn_took);
                change->done(change, server);
        }
        server_go_on_with_names(server); /* those that waited for what has been told now */
        server_find_expiry(server);
        server_release_indices(server);
        if (turn_has_failed(server->turn) && !server->is_stopping) {
                log_line(LOG_CRIT,
                        "the store failed to commit; ending, so that the next start reads what is there");
                server->exit_status = 1;
                sd_event_exit(server->event, 1);
                server->is_stopping = true;
        }
}

/* ---- what callers of the public socket want ---- */

static int run_change(struct change *change, struct store_txn *txn) {
        struct request *q = (struct request *) change;
        int r;

        q->txn = txn;
        q->now = clock_now();
        q->answer = NULL;
        q->progress = q->kept;
        if (q->kept.has_begun)
                q->reply = q->kept.reply;
        else
                request_begin_reply(q);
        r = q->method->handler(q);
        q->progress.has_begun = true;
        q->progress.reply = q->reply;
        return r;
}

/* One that is not done goes on in another turn, behind what others want; whether its caller still listens or
 * not, because what it has begun would be half of it. */
static void go_on_with_change(struct server *server, struct request *q) {
        if (server->is_stopping) {
                server_answer(server, q, -ECANCELED);
                request_free(&q);
                return;
        }
        q->kept = q->progress;
        effects_clear(&q->change.effects);
        server_post_change(server, q);
}

/* An outcome (> 0) of a handler leaves what it put in the turn; handlers decide before they put. */
void server_change_done(struct change *change, void *userdata) {
        struct request *q = (struct request *) change;
        struct server *server = userdata;
        int no_pidfd = -1, r;

        server_tell_status(server, &change->effects);
        r = server_keys_done(server, &change->effects);
        if (r < 0) {
                snprintf(q->detail, sizeof(q->detail), "%s", strerror(-r));
                change->result = API_NOT_PUBLISHED;
        }
        server_tell_events(server, &change->effects);
        tell_leaders(&change->effects, server->leaders, &no_pidfd);
        /* What is signed now is signed by the key of now: that of its arrival may have been revoked since. */
        keyring_free(&q->keyring);
        q->keyring = keyring_ref(server->service.keyring);
        if (change->result == 0 && q->answer)
                change->result = q->answer(q);
        if (api_must_wait(change->result)) {
                tell_logins(&change->effects, server->leaders, server->now.boot);
                server_suspend(server, q, change->result, q->answer);
                return;
        }
        if (change->result == API_AGAIN) {
                tell_logins(&change->effects, server->leaders, server->now.boot);
                HOOK("between-turns");
                go_on_with_change(server, q);
                return;
        }
        HOOK("before-reply");
        server_answer(server, q, change->result);
        HOOK("after-reply");
        tell_logins(&change->effects, server->leaders, server->now.boot);
        request_free(&q);
}

void server_post_change(struct server *server, struct request *q) {
        q->change.lane = LANE_PUBLIC;
        q->change.ends_stand = true;
        q->change.uid = q->peer.uid;
        q->change.run = run_change;
        q->change.done = server_change_done;
        turn_post(server->turn, &q->change);
}

/* ---- what the daemon wants by itself ---- */

struct own_change {
        struct change change; /* first: the turn hands this back */
        struct leader_id leader;
        enum session_end end; /* of a leader's sessions */
        struct sid sid;
        usec_t wall, boot;
};

void server_tell_own(struct server *server, const struct effects *effects) {
        int no_pidfd = -1;

        server_tell_status(server, effects);
        server_tell_events(server, effects);
        tell_leaders(effects, server->leaders, &no_pidfd);
        tell_logins(effects, server->leaders, server->now.boot);
}

static void own_change_done(struct change *change, void *userdata) {
        if (change->result < 0)
                log_line(LOG_ERR, "a change could not be kept: %s", strerror(-change->result));
        server_tell_own(userdata, &change->effects);
        effects_free(&change->effects);
        free(change);
}

static struct own_change *own_change_post(struct server *server, const struct own_change *what) {
        struct own_change *change = malloc(sizeof(*change));

        if (!change) {
                log_line(LOG_ERR, "no memory for a change");
                return NULL;
        }
        *change = *what;
        change->change.lane = LANE_INTERNAL;
        change->change.ends_stand = true;
        turn_post(server->turn, &change->change);
        return change;
}

/* ---- leaders that went ---- */

static int gone_run(struct change *change, struct store_txn *txn) {
        const struct own_change *own = (struct own_change *) change;
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        for (;;) {
                r = store_next_session_of_leader(txn, &own->leader, &cursor, &session);
                if (r == STORE_END)
                        return 0;
                if (r == -EBADMSG) /* the cursor is behind it: one broken record must not save all others */
                        continue;
                if (r == 0)
                        r = ending_finish(txn, &session, own->end, &change->effects);
                if (r < 0)
                        return r;
        }
}

/* For want of space its ends wait by themselves (EFFECT_END_NOT_KEPT); else it is told, or found, again. */
static void gone_done(struct change *change, void *userdata) {
        const struct own_change *own = (struct own_change *) change;
        struct server *server = userdata;
        bool has_failed = change->result < 0 && change->result != -ENOSPC;

        server->leaders_untold |= has_failed && own->end == END_KILLED;
        server->unwatched.is_there |= has_failed && own->end == END_LOST;
        own_change_done(change, userdata);
}

static bool post_gone(struct server *server, const struct leader_id *leader, enum session_end end) {
        return own_change_post(server,
                &(struct own_change){
                        .change = { .run = gone_run, .done = gone_done }, .leader = *leader, .end = end });
}

void server_leaders_gone(struct server *server) {
        struct leader_id gone[GONE_PER_ROUND];
        size_t n = leaders_take_gone(server->leaders, gone, GONE_PER_ROUND);

        for (size_t i = 0; i < n; i++)
                if (!post_gone(server, &gone[i], END_KILLED))
                        server->leaders_untold = true;
}

/* What is not ended now is found again. */
void server_watch_leaders_again(struct server *server) {
        struct unwatched *unwatched = &server->unwatched;
        int r = reconcile_unwatched(
                &server->service, server->leaders, unwatched, server->now, turn_taken(server->turn));

        if (r < 0)
                log_line(LOG_ERR, "cannot look for login processes to watch: %s", strerror(-r));
        for (size_t i = 0; i < unwatched->n_gone; i++)
                if (!post_gone(server, &unwatched->gone[i], END_LOST))
                        unwatched->is_there = true;
}

void server_tell_leaders_again(struct server *server) {
        if (server->leaders_untold)
                server->leaders_untold = leaders_tell_again(server->leaders) < 0;
}

/* ---- deadlines ---- */

/* None while ends wait for room in the store (a heartbeat tells it again): more would wait with them. */
void server_find_expiry(struct server *server) {
        int r;

        server->expiry_due = USEC_NEVER;
        if (server->is_expiring || server->is_retrying || server->unkept.n > 0)
                return;
        r = expiry_due(server->service.store, &server->expiry_due);
        if (r < 0) {
                log_line(LOG_ERR, "cannot find the next deadline: %s", strerror(-r));
                server->expiry_due = server->now.boot + USEC_PER_SEC;
        }
        if (server->expiry_due < server->expiry_not_before)
                server->expiry_due = server->expiry_not_before;
}

static void expire_done(struct change *change, void *userdata) {
        struct server *server = userdata;

        server->is_expiring = false;
        if (change->result < 0)
                server->expiry_not_before = server->now.boot + USEC_PER_SEC;
        own_change_done(change, userdata);
}

void server_expire(struct server *server) {
        server->expiry_due = USEC_NEVER; /* found anew when this one is done */
        if (own_change_post(
                    server, &(struct own_change){ .change = { .run = expiry_run, .done = expire_done } }))
                server->is_expiring = true;
        else
                server->expiry_due = server->now.boot + USEC_PER_SEC;
}

/* ---- a login that was refused after all ---- */

static int end_refused_run(struct change *change, struct store_txn *txn) {
        const struct own_change *own = (struct own_change *) change;
        struct session session;
        int r;

        r = store_find_session(txn, &own->sid, &session);
        if (r)
                return r < 0 ? r : 0;
        return ending_end(txn, &session, END_DENIED, BY_SYSTEM, "it was answered too late", &change->effects);
}

void server_end_refused(struct server *server, const struct sid *sid) {
        (void) own_change_post(
                server, &(struct own_change){
                                .change = { .run = end_refused_run, .done = own_change_done }, .sid = *sid });
}

/* ---- another configuration ---- */

static int reload_run(struct change *change, struct store_txn *txn) {
        static const struct session none;

        return effects_add(&change->effects, EFFECT_RELOADED, BY_ADMIN, &none, NULL);
}

void server_note_reload(struct server *server) {
        (void) own_change_post(
                server, &(struct own_change){ .change = { .run = reload_run, .done = own_change_done } });
}

/* ---- a session whose user is gone ---- */

static int end_gone_run(struct change *change, struct store_txn *txn) {
        const struct own_change *own = (struct own_change *) change;
        struct session session;
        int r;

        r = store_find_session(txn, &own->sid, &session);
        if (r)
                return r < 0 ? r : 0;
        return ending_end(txn, &session, END_USER_GONE, BY_SYSTEM, NULL, &change->effects);
}

void server_end_gone(struct server *server, const struct sid *sid) {
        (void) own_change_post(
                server, &(struct own_change){
                                .change = { .run = end_gone_run, .done = own_change_done }, .sid = *sid });
}

/* ---- lastSeen ---- */

static int touch_run(struct change *change, struct store_txn *txn) {
        const struct own_change *own = (struct own_change *) change;
        struct session session;
        int r;

        r = store_find_session(txn, &own->sid, &session);
        if (r)
                return r < 0 ? r : 0;
        if (session.state != SESSION_LIVE)
                return 0;
        if (session.last_seen < own->wall)
                session.last_seen = own->wall;
        idle_use(&session.idle, own->boot);
        r = store_put_session(txn, &session);
        return r < 0 ? r : 0;
}

static void touch_done(struct change *change, void *userdata) {
        ((struct server *) userdata)->n_touches--;
        own_change_done(change, userdata);
}

void server_note_touch(struct server *server, const struct sid *sid) {
        if (server->n_touches >= TOUCHES_MAX)
                return;
        if (own_change_post(server, &(struct own_change){ .change = { .run = touch_run, .done = touch_done },
                                            .sid = *sid,
                                            .wall = server->now.wall,
                                            .boot = server->now.boot }))
                server->n_touches++;
}
