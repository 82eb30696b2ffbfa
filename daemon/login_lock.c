/* login_lock: what failed attempts to sign in do, and whom locks refuse: preauth (may this attempt be made?),
 * authfail (it failed), authsucc (the password was right), and what account and open look at. See login.h;
 * DESIGN section 8.
 *
 * Of users whom nobody knows the same is done as of all others, so that neither words nor times tell them
 * apart; but what was typed as their name may be a password, and is kept nowhere: their rows stand under "?"
 * and two digits, and tell them apart by a MAC whose key dies with the daemon. */
#include "daemon/login_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/process.h"

#define USER_ROWS_MAX    64 /* failures of one user, by source; of unknown ones, of those under one name */
#define USER_SOURCES_MAX 16
#define DAY              (86400 * USEC_PER_SEC)
#define SOURCE_TIME      (30 * DAY) /* a login from there within so long makes a source known */
#define SOURCE_NOTED     DAY        /* a login from a known source costs a write at most so often */
#define LOCKED_TEXT      "This account is locked."

static_assert(sizeof("unknown:") + SERVICE_MAX <= LOCK_SOURCE_MAX + 1, "every source fits");
static_assert(IP_MAX + sizeof("/64") <= LOCK_SOURCE_MAX + 1, "every source fits");

/* Who tries, from where, and which rows that concerns. */
struct attempt {
        struct lockout source; /* the rows' names */
        struct lockout user;
        struct lockout admin;
        bool source_counts;
        bool user_counts;
        bool is_own;     /* on this host, by somebody who is signed in as that user */
        bool is_address; /* the source can become a known one */
        struct lockout_time time;
        struct session told; /* for effects: who, by what, from where */
};

/* ---- who, and from where ---- */

static int find_subject(const struct login *login, struct attempt *a) {
        const struct frame_request *frame = &login->frame;
        char name[REALM_MAX + 1 + USER_MAX + 1];
        uint8_t mac[SEAL_MAC_SIZE];
        int length, r;

        snprintf(a->user.realm, sizeof(a->user.realm), "%s", frame->realm);
        snprintf(a->user.user, sizeof(a->user.user), "%s", frame->user);
        if (!(frame->flags & FRAME_USER_UNKNOWN))
                return 0;
        length = snprintf(name, sizeof(name), "%s/%s", frame->realm, frame->user);
        r = seal_mac(login->service->unknown_names, name, (size_t) length, mac);
        explicit_bzero(name, sizeof(name));
        if (r < 0)
                return r;
        memcpy(&a->user.subject, mac, sizeof(a->user.subject));
        snprintf(a->user.user, sizeof(a->user.user), "?%02x", mac[sizeof(a->user.subject)]);
        return 0;
}

/* A key that was shown says nothing of where the attempt comes from. */
static int recognise_source(const struct login *login, struct device *ret, char ret_ip[static IP_MAX + 1]) {
        const struct frame_request *frame = &login->frame;
        struct device_facts facts = { .realm = frame->realm,
                .user = frame->user,
                .service = frame->service,
                .tty = frame->tty,
                .rhost = frame->rhost,
                .ssh_connection = frame->ssh_connection,
                .auth_info = "" };

        device_source_ip(&facts, ret_ip);
        return device_recognise(&facts, ret);
}

/* su and sudo are called by somebody who is here already; who, says the kernel, never the frame. */
static bool find_caller(const struct login *login, uint32_t *ret) {
        return config_class(login->config, login->frame.service) == CLASS_NESTED && !*login->frame.rhost &&
               login->leader.pid > 0 && process_login_uid(login->leader.pid, ret) == 0;
}

/* Root could be locked out by anybody on the host; so he is locked for addresses only. A console is locked
 * for nobody: it is the way in that is left. */
static int find_source(const struct login *login, struct attempt *a) {
        bool is_root = login->frame.uid == 0 && !(login->frame.flags & FRAME_USER_UNKNOWN);
        struct device device;
        uint32_t caller;
        int r;

        r = recognise_source(login, &device, a->told.ip);
        if (r < 0)
                return r;
        a->is_address = device.kind == DEVICE_NETWORK;
        if (find_caller(login, &caller)) {
                a->is_own = caller == login->frame.uid;
                snprintf(a->source.source, sizeof(a->source.source), "local:%u", caller);
        } else
                snprintf(
                        a->source.source, sizeof(a->source.source), "%.*s", LOCK_SOURCE_MAX, device.identity);
        a->source_counts = is_root ? a->is_address : device.kind != DEVICE_LOCAL;
        a->user_counts = !is_root && device.kind != DEVICE_LOCAL;
        return 0;
}

static int find_attempt(const struct login *login, struct moment now, struct attempt *ret) {
        struct attempt a = { .user.kind = LOCKOUT_USER,
                .time = { login->service->boot, now.boot, now.wall } };
        int r;

        r = find_subject(login, &a);
        if (r < 0)
                return r;
        a.source = a.admin = a.user;
        a.source.kind = LOCKOUT_SOURCE;
        a.admin.kind = LOCKOUT_ADMIN;
        r = find_source(login, &a);
        if (r < 0)
                return r;
        a.told.uid = login->frame.uid;
        a.told.created_at = now.wall;
        snprintf(a.told.realm, sizeof(a.told.realm), "%s", login->frame.realm);
        snprintf(a.told.user, sizeof(a.told.user), "%s", a.user.subject ? "?" : login->frame.user);
        snprintf(a.told.service, sizeof(a.told.service), "%s", login->frame.service);
        *ret = a;
        return 0;
}

/* ---- what is locked ---- */

/* 0 with the row, or with an empty one of that name. */
static int load_row(struct store_txn *txn, const struct lockout *name, struct lockout *ret) {
        int r = store_find_lockout(txn, name, ret);

        if (r == STORE_NOT_FOUND)
                *ret = *name;
        return r < 0 ? r : 0;
}

static int find_left(struct store_txn *txn, const struct lockout_rules *rules, const struct attempt *a,
        const struct lockout *name, usec_t *ret) {
        struct lockout row;
        int r;

        r = load_row(txn, name, &row);
        if (r == 0)
                *ret = lockout_left(&row, rules, &a->time);
        return r;
}

/* Whether the user signed in from there not long ago, so that others cannot lock him out. < 0, 0 or 1. */
static int is_known_source(struct store_txn *txn, const struct attempt *a) {
        usec_t wall = 0;
        int r;

        r = store_find_source(txn, a->user.realm, a->user.user, a->source.source, &wall);
        if (r)
                return r < 0 ? r : 0;
        return a->is_address && wall + SOURCE_TIME > a->time.now_wall;
}

/* For how long failures lock this attempt; 0: they do not. */
static int find_automatic(
        struct store_txn *txn, const struct lockout_rules *rules, const struct attempt *a, usec_t *ret) {
        usec_t of_source = 0, of_user = 0;
        int r;

        r = find_left(txn, rules, a, &a->source, &of_source);
        if (r == 0)
                r = find_left(txn, rules, a, &a->user, &of_user);
        if (r < 0)
                return r;
        if (!a->source_counts)
                of_source = 0;
        r = is_known_source(txn, a);
        if (r < 0)
                return r;
        if (r > 0 || a->is_own || !a->user_counts)
                of_user = 0;
        *ret = of_source > of_user ? of_source : of_user;
        return 0;
}

/* An admin's lock refuses everybody but root, who would be the one to undo it, and break-glass. */
static int find_admins(
        const struct login *login, struct store_txn *txn, const struct attempt *a, usec_t *ret) {
        *ret = 0;
        if (login->frame.uid == 0 || (login->frame.flags & FRAME_BREAK_GLASS))
                return 0;
        return find_left(txn, &login->config->lock, a, &a->admin, ret);
}

static int find_locked(
        const struct login *login, struct store_txn *txn, const struct attempt *a, usec_t *ret_left) {
        usec_t admins, automatic;
        int r;

        r = find_admins(login, txn, a, &admins);
        if (r == 0)
                r = find_automatic(txn, &login->config->lock, a, &automatic);
        if (r < 0)
                return r;
        *ret_left = admins > automatic ? admins : automatic;
        return 0;
}

static void refuse(struct login *login, usec_t left) {
        char text[MESSAGE_TEXT_MAX + 1];

        lockout_write_locked(&login->config->lock, left, text);
        login_reply(login, FRAME_DENIED, text);
}

int login_preauth(struct login *login, struct store_txn *txn, struct moment now) {
        struct attempt a;
        usec_t left;
        int r;

        r = find_attempt(login, now, &a);
        if (r == 0)
                r = find_locked(login, txn, &a, &left);
        if (r < 0)
                return r;
        login_reply(login, FRAME_OK, NULL);
        if (left > 0)
                refuse(login, left);
        return 0;
}

/* ---- a failure ---- */

static bool is_dropped_before(const struct login *login, const struct attempt *a, const struct lockout *x,
        const struct lockout *y) {
        bool x_spent = lockout_is_spent(x, &login->config->lock, &a->time);
        bool y_spent = lockout_is_spent(y, &login->config->lock, &a->time);

        return x_spent != y_spent ? x_spent : x->at_wall < y->at_wall;
}

/* Makes room for a row among those that anybody can make by failing; the user's own total stays. */
static int drop_oldest(const struct login *login, struct store_txn *txn, const struct attempt *a) {
        struct store_cursor cursor = { 0 };
        struct lockout row, oldest = { 0 };
        size_t n = 0;
        int r;

        while ((r = store_next_lockout_of_user(txn, a->user.realm, a->user.user, &cursor, &row)) == 0) {
                if (row.kind == LOCKOUT_ADMIN || (row.kind == LOCKOUT_USER && row.subject == 0))
                        continue;
                if (n++ == 0 || is_dropped_before(login, a, &row, &oldest))
                        oldest = row;
        }
        if (r < 0)
                return r;
        r = n < USER_ROWS_MAX ? 0 : store_remove_lockout(txn, &oldest);
        return r < 0 ? r : 0;
}

static int tell(struct login *login, enum effect_kind kind, const struct attempt *a, const char *note) {
        enum initiator initiator = kind == EFFECT_LOGIN_FAILED ? BY_USER : BY_POLICY;

        return effects_add(&login->change.effects, kind, initiator, &a->told, note);
}

/* Counts the failure in one row. *ret_remaining becomes smaller if this row bears fewer; 0: it locks now. */
static int count_failure(struct login *login, struct store_txn *txn, const struct attempt *a,
        const struct lockout *name, uint32_t *ret_remaining) {
        const struct lockout_rules *rules = &login->config->lock;
        struct lockout row;
        uint32_t remaining;
        bool is_new;
        int r, outcome;

        r = store_find_lockout(txn, name, &row);
        if (r < 0)
                return r;
        is_new = r == STORE_NOT_FOUND;
        if (is_new)
                row = *name;
        outcome = lockout_fail(&row, rules, &a->time);
        if (outcome == 0)
                return 0;
        r = is_new ? drop_oldest(login, txn, a) : 0;
        if (r < 0)
                return r;
        remaining = lockout_remaining(&row, rules, &a->time);
        if (remaining < *ret_remaining)
                *ret_remaining = remaining;
        if (outcome == LOCKOUT_LOCKED) {
                r = tell(login, EFFECT_LOCKED, a, *name->source ? name->source : "every new source");
                if (r < 0)
                        return r;
        }
        return store_put_lockout(txn, &row);
}

static int login_authfail(struct login *login, struct store_txn *txn, struct moment now) {
        const struct lockout_rules *rules = &login->config->lock;
        uint32_t remaining = UINT32_MAX;
        char text[MESSAGE_TEXT_MAX + 1];
        struct attempt a;
        usec_t left;
        int r;

        r = find_attempt(login, now, &a);
        if (r == 0)
                r = find_locked(login, txn, &a, &left);
        if (r < 0)
                return r;
        if (left > 0) { /* others were faster; nothing is learnt from this attempt, so it does not count */
                refuse(login, left);
                return 0;
        }
        r = tell(login, EFFECT_LOGIN_FAILED, &a, a.source.source);
        if (r == 0 && !a.user.subject)
                r = login_count_failure(txn, &a.told, *a.told.ip ? a.told.ip : a.source.source);
        if (r == 0 && a.source_counts)
                r = count_failure(login, txn, &a, &a.source, &remaining);
        if (r == 0 && a.user_counts)
                r = count_failure(login, txn, &a, &a.user, &remaining);
        if (r < 0)
                return r;
        r = find_locked(login, txn, &a, &left);
        if (r < 0)
                return r;
        lockout_write_failed(rules, remaining, text);
        login_reply(login, FRAME_DENIED, text);
        if (left > 0)
                refuse(login, left);
        return 0;
}

/* ---- a success ---- */

/* The lock is looked at once more: of a thousand attempts that were begun at once, before the first of them
 * had failed, only those count that are within the limit. */
static int login_authsucc(struct login *login, struct store_txn *txn, struct moment now) {
        struct attempt a;
        usec_t left;
        int r;

        r = find_attempt(login, now, &a);
        if (r == 0)
                r = find_locked(login, txn, &a, &left);
        if (r < 0)
                return r;
        if (left > 0) {
                refuse(login, left);
                return 0;
        }
        login_reply(login, FRAME_OK, NULL);
        r = store_remove_lockout(txn, &a.source);
        return r < 0 ? r : 0;
}

int login_change_lock(struct login *login, struct store_txn *txn, struct moment now) {
        return login->frame.phase == FRAME_AUTHFAIL ? login_authfail(login, txn, now)
                                                    : login_authsucc(login, txn, now);
}

/* ---- account and open ---- */

int login_is_locked(const struct login *login, struct store_txn *txn, struct moment now,
        char ret_text[static MESSAGE_TEXT_MAX + 1]) {
        struct attempt a;
        usec_t left = 0;
        int r;

        if (config_class(login->config, login->frame.service) != CLASS_COUNTED)
                return 0;
        r = find_attempt(login, now, &a);
        if (r == 0)
                r = find_admins(login, txn, &a, &left);
        if (r < 0)
                return r;
        if (left > 0) {
                snprintf(ret_text, MESSAGE_TEXT_MAX + 1, "%s", LOCKED_TEXT);
                return 1;
        }
        if (!login->config->lock.applies_to_keys || (login->frame.flags & FRAME_BREAK_GLASS))
                return 0;
        r = find_automatic(txn, &login->config->lock, &a, &left);
        if (r < 0)
                return r;
        lockout_write_locked(&login->config->lock, left, ret_text);
        return left > 0;
}

static int drop_oldest_source(struct store_txn *txn, const struct attempt *a) {
        char source[LOCK_SOURCE_MAX + 1], oldest[LOCK_SOURCE_MAX + 1] = "";
        struct store_cursor cursor = { 0 };
        usec_t wall, oldest_wall = USEC_NEVER;
        size_t n = 0;
        int r;

        while ((r = store_next_source(txn, a->user.realm, a->user.user, &cursor, source, &wall)) == 0) {
                n++;
                if (wall >= oldest_wall)
                        continue;
                oldest_wall = wall;
                memcpy(oldest, source, sizeof(oldest));
        }
        if (r < 0 || n < USER_SOURCES_MAX)
                return r < 0 ? r : 0;
        r = store_remove_source(txn, a->user.realm, a->user.user, oldest);
        return r < 0 ? r : 0;
}

int login_note_source(const struct login *login, struct store_txn *txn, struct moment now) {
        struct attempt a;
        usec_t wall = 0;
        int r;

        r = find_attempt(login, now, &a);
        if (r < 0 || !a.is_address)
                return r;
        r = store_find_source(txn, a.user.realm, a.user.user, a.source.source, &wall);
        if (r < 0 || (r == 0 && wall <= now.wall && now.wall - wall < SOURCE_NOTED))
                return r < 0 ? r : 0;
        if (r == STORE_NOT_FOUND)
                r = drop_oldest_source(txn, &a);
        return r < 0 ? r : store_put_source(txn, a.user.realm, a.user.user, a.source.source, now.wall);
}
