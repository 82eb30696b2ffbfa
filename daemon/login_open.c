/* login_open: the open of a login: read, find, decide, keep. See login.h. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/hook.h"
#include "daemon/roster.h"

/* ---- the facts, found ---- */

/* The session that this login would be, and its device, both not kept yet. */
static int make_session(const struct login *login, const struct limit_login *limits, struct moment now,
        struct device *device, struct session *ret) {
        const struct frame_request *frame = &login->frame;
        struct device_facts device_facts = login_device_facts(login);
        const struct policy *policy = limits->policy;
        struct session session = { .uid = frame->uid,
                .class = limits->class,
                .terminate = policy->terminate,
                .methods = device_methods(frame->auth_info),
                .leader = login->leader,
                .audit_session = login->audit_session,
                .created_at = now.wall,
                .last_seen = now.wall,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .state = SESSION_LIVE };
        int r;

        r = login_recognise(login, device);
        if (r < 0)
                return r;
        session.device = device->id;
        session.counts = login_counts(login, limits);
        if (policy->session_ttl && limits->exemption == EXEMPT_NOT) {
                session.deadline_boot = now.boot + policy->session_ttl;
                /* By the time that tokens live by: none outlives its session. */
                session.deadline_wall = status_time(login->service->status, now.wall) + policy->session_ttl;
        }
        if (policy->idle_ttl && limits->exemption == EXEMPT_NOT)
                idle_begin(&session.idle, policy->idle_ttl, now);
        device_source_ip(&device_facts, session.ip);
        snprintf(session.realm, sizeof(session.realm), "%s", frame->realm);
        snprintf(session.user, sizeof(session.user), "%s", frame->user);
        snprintf(session.service, sizeof(session.service), "%s", frame->service);
        snprintf(session.tty, sizeof(session.tty), "%s", frame->tty);
        snprintf(session.policy, sizeof(session.policy), "%s", policy->name);
        *ret = session;
        return 0;
}

/* The device's record as this login leaves it. *ret_is_new: it was never seen before. One of a user who had
 * this name with another uid is not his, but a block stays. */
static int find_device(
        struct store_txn *txn, const struct session *session, struct device *device, bool *ret_is_new) {
        struct device known;
        int r = store_find_device(txn, device->realm, device->user, &device->id, &known);

        if (r < 0)
                return r;
        *ret_is_new = r == STORE_NOT_FOUND || (known.uid != session->uid && known.state != DEVICE_BLOCKED);
        if (!*ret_is_new)
                *device = known;
        else
                device->first_seen = session->created_at;
        device->uid = session->uid;
        device->last_seen = session->created_at;
        device->logins++;
        snprintf(device->last_ip, sizeof(device->last_ip), "%s", session->ip);
        return 0;
}

/* ---- open ---- */

/* A refused login leaves a row too, ending: its leader has to go even if it ignores the refusal (ssh -N),
 * also after a crash. */
static int keep_denied(
        struct login *login, struct store_txn *txn, struct session *session, const char *text) {
        int may_signal = ending_may_signal(txn, &session->leader, session, NULL);
        int r;

        if (may_signal < 0)
                return may_signal;
        login_reply(login, FRAME_DENIED, text);
        if (session_end(session, END_DENIED, may_signal) == SESSION_BECAME_ENDED)
                return effects_add(&login->change.effects, EFFECT_LOGIN_DENIED, BY_POLICY, session, text);
        r = store_open_session(txn, session);
        if (r == -ENOSPC) /* refused all the same, only that nobody sees to his going */
                return effects_add(&login->change.effects, EFFECT_LOGIN_DENIED, BY_POLICY, session, text);
        if (r < 0)
                return r;
        return effects_add(&login->change.effects, EFFECT_SESSION_DENIED, BY_POLICY, session, text);
}

static int keep_evictions(struct login *login, struct store_txn *txn, const struct session *session,
        const struct limit_verdict *verdict) {
        bool was_asked = login_limits(login).policy->on_limit == ON_LIMIT_ASK && login->choice != CHOICE_NONE;
        char note[EFFECT_NOTE_MAX + 1];
        struct eviction eviction = {
                .opening = session, .initiator = was_asked ? BY_USER : BY_POLICY, .note = note
        };

        snprintf(note, sizeof(note), "%s%s%s", session->device_name, *session->ip ? " at " : "", session->ip);
        for (size_t i = 0; i < verdict->n_rows; i++) {
                struct session victim;
                int r;

                if (!verdict->rows[i].victim)
                        continue;
                r = store_find_session(txn, &verdict->rows[i].sid, &victim);
                if (r)
                        return r < 0 ? r : -ENOENT;
                r = ending_evict(txn, &victim, &eviction, &login->change.effects);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* For a device that is new another one goes, if there are as many as are kept. */
static int make_room(struct login *login, struct store_txn *txn, const struct device *device) {
        _cleanup_(roster_free) struct roster *roster = NULL;
        const struct roster_row *row;
        int r;

        r = roster_new(device->realm, device->user, &roster);
        if (r < 0)
                return r;
        r = roster_look(roster, txn, DEVICES_PER_USER_MAX);
        if (r < 0 || roster_find(roster, &device->id))
                return r;
        while (roster->n >= DEVICES_PER_USER_MAX &&
                (row = roster_find_unused(roster, DEVICES_PER_USER_MAX))) {
                struct device old;

                r = store_load_device(txn, &row->id, &old);
                if (r)
                        return r < 0 ? r : -ENOENT;
                r = store_remove_device(txn, &old.id);
                if (r < 0)
                        return r;
                r = effects_add_of_device(&login->change.effects, EFFECT_DEVICE_FORGOTTEN, BY_SYSTEM, &old,
                        "for a new one: it was used least");
                if (r < 0)
                        return r;
                roster_remove(roster, row);
        }
        return 0;
}

static int keep_opened(struct login *login, struct store_txn *txn, const struct session *session,
        const struct device *device, bool device_is_new) {
        int r;

        if (device_is_new) {
                r = make_room(login, txn, device);
                if (r < 0)
                        return r;
        }
        r = store_open_session(txn, session);
        if (r < 0)
                return r;
        r = store_put_device(txn, device);
        if (r < 0)
                return r;
        if (device_is_new) {
                r = effects_add(&login->change.effects, EFFECT_DEVICE_NEW, BY_USER, session, NULL);
                if (r < 0)
                        return r;
        }
        login_reply(login, FRAME_OK, NULL);
        sid_write(&session->sid, login->reply.session_id);
        r = login_tell_failures(login, txn, session);
        if (r < 0)
                return r;
        return effects_add(&login->change.effects, EFFECT_SESSION_OPENED, BY_USER, session, NULL);
}

static void mint_sid(struct login *login, struct moment now, struct session *session) {
        uint8_t random[8] = { 0 };

        while (getrandom(random, sizeof(random), 0) < 0 && errno == EINTR)
                ;
        sid_mint(&login->service->last_sid, now.wall, random, &session->sid);
}

/* Once a login, however often it is run: login_done gives it back if no session has it then. */
static int pick_status_index(struct login *login, struct session *session) {
        int r;

        if (!login->has_status_index) {
                r = status_pick(login->service->status, &login->status_index);
                if (r < 0)
                        return r;
                login->has_status_index = true;
        }
        session->status_index = login->status_index;
        return 0;
}

/* enforce = no: what would have happened is said, and nothing else. */
static int note_spared(struct login *login, const struct session *session, enum policy_outcome outcome) {
        return effects_add(&login->change.effects, EFFECT_SESSION_SPARED, BY_POLICY, session,
                outcome == POLICY_DENIES ? "would be denied" : "would evict the oldest");
}

/* What the limits have decided is done. */
static int keep_judged(struct login *login, struct store_txn *txn, struct session *session,
        const struct device *device, bool device_is_new) {
        _cleanup_(limit_verdict_clear) struct limit_verdict verdict = { .outcome = POLICY_ALLOWS };
        struct limit_login limits = login_limits(login);
        int r = 0;

        if (session->counts)
                r = limit_judge_open(txn, &limits, &session->device, &verdict);
        if (r < 0)
                return r;
        if (verdict.outcome != POLICY_ALLOWS && !limits.policy->enforce)
                r = note_spared(login, session, verdict.outcome);
        else if (verdict.outcome == POLICY_DENIES)
                return keep_denied(login, txn, session, verdict.text);
        else if (verdict.outcome == POLICY_EVICTS)
                r = keep_evictions(login, txn, session, &verdict);
        return r < 0 ? r : keep_opened(login, txn, session, device, device_is_new);
}

int login_open(struct login *login, struct store_txn *txn, struct moment now) {
        struct limit_login limits = login_limits(login);
        struct session session;
        struct device device;
        char text[MESSAGE_TEXT_MAX + 1];
        bool device_is_new;
        int r;

        r = make_session(login, &limits, now, &device, &session);
        if (r < 0)
                return r;
        r = find_device(txn, &session, &device, &device_is_new);
        if (r < 0)
                return r;
        snprintf(session.device_name, sizeof(session.device_name), "%s", device.name);
        mint_sid(login, now, &session);
        r = pick_status_index(login, &session);
        if (r < 0)
                return r;

        r = login_is_locked(login, txn, now, text);
        if (r)
                return r < 0 ? r : keep_denied(login, txn, &session, text);
        if (device.state == DEVICE_BLOCKED && limit_login_counts(&limits))
                return keep_denied(login, txn, &session, LOGIN_BLOCKED_TEXT); /* an uncounted key too */
        r = login_note_source(login, txn, now); /* a row more than needed, if it is denied: no harm */
        return r < 0 ? r : keep_judged(login, txn, &session, &device, device_is_new);
}
