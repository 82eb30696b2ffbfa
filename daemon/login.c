/* login: see login.h. */
#include "daemon/login.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/process.h"

#define LOGIN_ROWS_MAX 100000

static void reply_with(struct login *login, enum frame_outcome outcome, const char *text) {
        login->reply = (struct frame_reply){ .outcome = outcome };
        snprintf(login->reply.text, sizeof(login->reply.text), "%s", text ? text : "");
}

bool login_needs_store(struct login *login, bool leaders_are_full) {
        const struct frame_request *frame = &login->frame;
        enum session_class class = config_class(login->config, frame->service);
        char text[MESSAGE_TEXT_MAX + 1];

        if (frame->phase == FRAME_CLOSE)
                return true;
        if (class == CLASS_NESTED || class == CLASS_IGNORED) {
                reply_with(login, FRAME_IGNORED, NULL);
                return false;
        }
        if (!config_has_realm(login->config, frame->realm)) {
                snprintf(text, sizeof(text), "sessjwt: realm '%s' is not configured", frame->realm);
                reply_with(login, FRAME_FAILED, text);
                return false;
        }
        if (frame->phase == FRAME_OPEN && login->leader.pid == 0) {
                reply_with(login, FRAME_FAILED, "sessjwt: the process that asks cannot be identified");
                return false;
        }
        if (frame->phase == FRAME_OPEN && leaders_are_full) {
                reply_with(login, FRAME_FAILED, "sessjwt: too many login processes are watched already");
                return false;
        }
        return true;
}

/* ---- the facts, found ---- */

static struct policy_facts policy_facts_of(const struct frame_request *frame) {
        return (struct policy_facts){ .realm = frame->realm,
                .user = frame->user,
                .uid = frame->uid,
                .service = frame->service,
                .groups = frame->groups,
                .n_groups = frame->n_groups,
                .break_glass = frame->flags & FRAME_BREAK_GLASS };
}

static struct device_facts device_facts_of(const struct frame_request *frame) {
        return (struct device_facts){ .realm = frame->realm,
                .user = frame->user,
                .service = frame->service,
                .tty = frame->tty,
                .rhost = frame->rhost,
                .ssh_connection = frame->ssh_connection,
                .auth_info = frame->auth_info };
}

/* The user's live sessions that count, oldest first. */
static int find_rows(
        struct store_txn *txn, const struct frame_request *frame, struct policy_row **ret, size_t *ret_n) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        struct store_cursor cursor = { 0 };
        struct session session;
        size_t n = 0, capacity = 0;
        int r;

        while ((r = store_next_session_of_user(txn, frame->realm, frame->user, &cursor, &session)) == 0) {
                if (!session.counts || session.state != SESSION_LIVE)
                        continue;
                if (n == capacity) {
                        struct policy_row *more;

                        capacity = capacity ? capacity * 2 : 16;
                        if (capacity > LOGIN_ROWS_MAX * 2)
                                return -E2BIG;
                        more = reallocarray(rows, capacity, sizeof(*rows));
                        if (!more)
                                return -ENOMEM;
                        rows = more;
                }
                rows[n++] = (struct policy_row){
                        .sid = session.sid, .device = session.device, .created_at = session.created_at
                };
        }
        if (r < 0)
                return r;
        *ret = TAKE(rows);
        *ret_n = n;
        return 0;
}

/* The session that this login would be, and its device, both not kept yet. */
static int make_session(const struct login *login, const struct policy *policy, struct moment now,
        struct device *device, struct session *ret) {
        const struct frame_request *frame = &login->frame;
        struct device_facts device_facts = device_facts_of(frame);
        struct policy_facts policy_facts = policy_facts_of(frame);
        struct session session = { .uid = frame->uid,
                .class = config_class(login->config, frame->service),
                .terminate = policy->terminate,
                .methods = device_methods(frame->auth_info),
                .leader = login->leader,
                .audit_session = AUDIT_SESSION_UNSET,
                .created_at = now.wall,
                .last_seen = now.wall,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .state = SESSION_LIVE };
        bool exempt = policy_is_exempt(policy, &policy_facts);
        int r;

        r = device_recognise(&device_facts, device);
        if (r < 0)
                return r;
        session.device = device->id;
        session.counts = session.class == CLASS_COUNTED && !exempt &&
                         !(device->kind == DEVICE_SSH_KEY &&
                                 name_list_has(&login->config->uncounted_keys, device->identity));
        if (policy->session_ttl && !exempt) {
                session.deadline_boot = now.boot + policy->session_ttl;
                /* By the time that tokens live by: none outlives its session. */
                session.deadline_wall = status_time(login->service->status, now.wall) + policy->session_ttl;
        }
        device_source_ip(&device_facts, session.ip);
        snprintf(session.realm, sizeof(session.realm), "%s", frame->realm);
        snprintf(session.user, sizeof(session.user), "%s", frame->user);
        snprintf(session.service, sizeof(session.service), "%s", frame->service);
        snprintf(session.tty, sizeof(session.tty), "%s", frame->tty);
        snprintf(session.policy, sizeof(session.policy), "%s", policy->name);
        (void) process_audit_session(login->leader.pid, &session.audit_session);
        *ret = session;
        return 0;
}

/* The device's record as this login leaves it. *ret_is_new: it was never seen before. */
static int find_device(
        struct store_txn *txn, const struct session *session, struct device *device, bool *ret_is_new) {
        struct device known;
        int r = store_find_device(txn, device->realm, device->user, &device->id, &known);

        if (r < 0)
                return r;
        *ret_is_new = r == STORE_NOT_FOUND;
        if (r == 0)
                *device = known;
        else
                device->first_seen = session->created_at;
        device->last_seen = session->created_at;
        device->logins++;
        snprintf(device->last_ip, sizeof(device->last_ip), "%s", session->ip);
        return 0;
}

/* ---- what a refused user reads: when and from where the others logged in ---- */

static void write_denial(struct store_txn *txn, const struct policy *policy, const struct policy_row *rows,
        size_t n_rows, char ret[static MESSAGE_TEXT_MAX + 1]) {
        size_t length;
        int n;

        n = snprintf(
                ret, MESSAGE_TEXT_MAX + 1, "Too many sign-ins (policy %s); signed in already:", policy->name);
        length = (size_t) n;
        for (size_t i = 0; i < n_rows && length < MESSAGE_TEXT_MAX; i++) {
                struct session session;
                char since[CLOCK_TEXT_SIZE], line[CLOCK_TEXT_SIZE + DEVICE_NAME_MAX + IP_MAX + 32];

                if (store_find_session(txn, &rows[i].sid, &session) != 0)
                        continue;
                clock_write(session.created_at, since);
                n = snprintf(line, sizeof(line), " %s since %.16sZ%s%s;", session.device_name, since,
                        *session.ip ? " from " : "", session.ip);
                if (length + (size_t) n > MESSAGE_TEXT_MAX - 4) {
                        memcpy(ret + length, " ...", 5);
                        return;
                }
                memcpy(ret + length, line, (size_t) n + 1);
                length += (size_t) n;
        }
        if (n_rows > 0)
                ret[length - 1] = '.'; /* for the last ';' */
}

/* ---- account ---- */

int login_account(struct login *login, struct store_txn *txn) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        struct policy_facts facts = policy_facts_of(&login->frame);
        const struct policy *policy =
                policy_match(login->config->policies, login->config->n_policies, &facts);
        char text[MESSAGE_TEXT_MAX + 1];
        size_t n_rows = 0;
        int r;

        reply_with(login, FRAME_OK, NULL);
        if (config_class(login->config, login->frame.service) != CLASS_COUNTED ||
                policy_is_exempt(policy, &facts) || !policy->enforce || policy->max_sessions == 0 ||
                policy->on_limit != ON_LIMIT_DENY ||
                login->config->uncounted_keys.n >
                        0) /* the key is not known yet: it may be one that does not count */
                return 0;
        r = find_rows(txn, &login->frame, &rows, &n_rows);
        if (r < 0)
                return r;
        if (policy_decide_account(policy, n_rows) == POLICY_DENIES) {
                write_denial(txn, policy, rows, n_rows, text);
                reply_with(login, FRAME_DENIED, text);
                log_line(LOG_NOTICE, "login refused in account: %s by %s from %s: %s", login->frame.user,
                        login->frame.service, *login->frame.rhost ? login->frame.rhost : "here", text);
        }
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
        reply_with(login, FRAME_DENIED, text);
        if (session_end(session, END_DENIED, may_signal) == SESSION_BECAME_ENDED)
                return effects_add(&login->change.effects, EFFECT_LOGIN_DENIED, BY_POLICY, session, text);
        r = store_open_session(txn, session);
        if (r < 0)
                return r;
        return effects_add(&login->change.effects, EFFECT_SESSION_DENIED, BY_POLICY, session, text);
}

static int keep_evictions(struct login *login, struct store_txn *txn, const struct session *session,
        const struct policy_row *rows, size_t n_rows) {
        char note[EFFECT_NOTE_MAX + 1];

        snprintf(note, sizeof(note), "%s%s%s", session->device_name, *session->ip ? " at " : "", session->ip);
        for (size_t i = 0; i < n_rows; i++) {
                struct session victim;
                int r;

                if (!rows[i].victim)
                        continue;
                r = store_find_session(txn, &rows[i].sid, &victim);
                if (r)
                        return r < 0 ? r : -ENOENT;
                r = ending_evict(txn, &victim, session, note, &login->change.effects);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int keep_opened(struct login *login, struct store_txn *txn, const struct session *session,
        const struct device *device, bool device_is_new) {
        int r;

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
        reply_with(login, FRAME_OK, NULL);
        sid_write(&session->sid, login->reply.session_id);
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

static int login_open(struct login *login, struct store_txn *txn, struct moment now) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        struct policy_facts facts = policy_facts_of(&login->frame);
        const struct policy *policy =
                policy_match(login->config->policies, login->config->n_policies, &facts);
        enum policy_outcome outcome = POLICY_ALLOWS;
        struct session session;
        struct device device;
        char text[MESSAGE_TEXT_MAX + 1];
        bool device_is_new;
        size_t n_rows = 0;
        int r;

        r = make_session(login, policy, now, &device, &session);
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

        if (device.state == DEVICE_BLOCKED && session.class == CLASS_COUNTED &&
                !policy_is_exempt(policy, &facts)) /* an uncounted key too */
                return keep_denied(login, txn, &session, "This device is blocked.");
        if (session.counts && (policy->max_devices || policy->max_sessions)) {
                r = find_rows(txn, &login->frame, &rows, &n_rows);
                if (r < 0)
                        return r;
                outcome = policy_decide_open(policy, rows, n_rows, &session.device);
        }
        if (outcome == POLICY_DENIES)
                write_denial(txn, policy, rows, n_rows, text);
        if (outcome != POLICY_ALLOWS && !policy->enforce) {
                r = effects_add(&login->change.effects, EFFECT_SESSION_SPARED, BY_POLICY, &session,
                        outcome == POLICY_DENIES ? "would be denied" : "would evict the oldest");
                if (r < 0)
                        return r;
                outcome = POLICY_ALLOWS;
        }
        if (outcome == POLICY_DENIES)
                return keep_denied(login, txn, &session, text);
        if (outcome == POLICY_EVICTS) {
                r = keep_evictions(login, txn, &session, rows, n_rows);
                if (r < 0)
                        return r;
        }
        return keep_opened(login, txn, &session, &device, device_is_new);
}

/* ---- close ---- */

static bool is_of_this_login(const struct login *login, const struct session *session) {
        const struct frame_request *frame = &login->frame;
        char sid[SID_TEXT_MAX + 1];

        if (!leader_id_equal(&session->leader, &login->leader))
                return false;
        sid_write(&session->sid, sid);
        if (*frame->session_id)
                return strcmp(sid, frame->session_id) == 0;
        /* Its open was never answered, so the module does not know the id. */
        return strcmp(session->user, frame->user) == 0 && strcmp(session->realm, frame->realm) == 0 &&
               strcmp(session->service, frame->service) == 0;
}

/* Only the leader closes: systemd's (sd-pam) and forked children close for a session that goes on. An
 * ending one is left when its leader is gone, not when it says that it will go. */
static int login_close(struct login *login, struct store_txn *txn) {
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        reply_with(login, FRAME_OK, NULL);
        if (login->leader.pid == 0)
                return 0;
        while ((r = store_next_session_of_leader(txn, &login->leader, &cursor, &session)) == 0) {
                if (session.state != SESSION_LIVE || !is_of_this_login(login, &session))
                        continue;
                r = ending_finish(txn, &session, END_LOGOUT, &login->change.effects);
                return r;
        }
        return r < 0 ? r : 0;
}

/* ---- the change ---- */

static bool module_has_hung_up(const struct login *login) {
        struct pollfd p = { .fd = login->fd, .events = POLLIN | POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

/* DESIGN section 5: taken up in time, an open counts if somebody waits for it. Taken up late, it counts if
 * the login went on without us: a late open, whose denial is carried out by disconnecting. */
static bool open_still_counts(struct login *login, bool has_hung_up, struct moment now) {
        if (login->pidfd >= 0 && !pidfd_is_alive(login->pidfd))
                return false;
        if (now.boot < login->frame.deadline)
                return !has_hung_up;
        login->answer_is_awaited = false;
        return !(login->frame.flags & FRAME_DENIES_ON_ERROR);
}

int login_run(struct change *change, struct store_txn *txn) {
        struct login *login = (struct login *) change;
        struct moment now;
        bool has_hung_up;

        HOOK("login-taken");
        login->answer_is_awaited = true;
        if (login->frame.phase == FRAME_CLOSE)
                return login_close(login, txn);
        has_hung_up = module_has_hung_up(login);
        now = clock_now(); /* after that look: at its deadline the module hangs up and lets the login go on */
        if (!open_still_counts(login, has_hung_up, now)) {
                reply_with(login, FRAME_FAILED, "sessjwt: too late");
                return 0;
        }
        return login_open(login, txn, now);
}

void login_free(struct login **login) {
        if (!*login)
                return;
        config_unref(&(*login)->config);
        effects_free(&(*login)->change.effects);
        cleanup_close(&(*login)->pidfd);
        cleanup_close(&(*login)->fd);
        free((*login)->packet);
        free((*login)->groups);
        free(*login);
        *login = NULL;
}
