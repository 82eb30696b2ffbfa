/* server_bearer_file: each session's token file, while the configuration wants them: made after the commit of
 * its login and before the reply, renewed at two thirds of the token's life, taken away in the round of its
 * end. A round makes at most FILES_PER_ROUND beside its logins' own (a signature and some calls on a file
 * system in memory, 0.1 to 0.15 ms each), however many are due: no number of sessions delays a login. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"
#include "daemon/mint.h"

#define FILES_PER_ROUND  4
#define SWEPT_PER_ROUND  64
#define NAMES_PER_SECOND (NAMES_MAX / 2) /* so that an answer is still known when it is looked for */
#define NAMES_PAUSE      (USEC_PER_SEC / 10)
#define RETRY_TIME       (10 * USEC_PER_SEC) /* of one file */
#define FAILURE_PAUSE    (1 * USEC_PER_SEC)  /* of all, when one could not be written */
#define CLOCK_SET_MIN    (2 * USEC_PER_SEC)

static void cleanup_token(char (*token)[MINT_TOKEN_SIZE]) {
        explicit_bzero(*token, sizeof(*token));
}

/* Once a reason in the log, and in GetHealth as long as it lasts. */
static void say(struct server *server, int result) {
        int *error = &server->service.health.bearer_file_error;

        if (result < 0 && result != *error)
                log_line(LOG_ERR, "cannot write in %s/%s/%s: %s; sessions have no token file",
                        server->options->runtime_dir, SESSJWT_PUBLIC_DIR_NAME, SESSJWT_TOKENS_DIR_NAME,
                        result == -EOPNOTSUPP ? "the file system has no ACLs" : strerror(-result));
        if (result == 0 && *error < 0)
                log_line(LOG_INFO, "token files can be written again");
        *error = result;
}

static void take_away(struct server *server, uint32_t uid, const struct sid *sid) {
        int r = bearer_files_remove(server->bearer.files, uid, sid);

        if (r < 0)
                log_line(LOG_WARNING, "cannot take away a token file of uid %u: %s", uid, strerror(-r));
}

/* ---- when it is due ---- */

static void plan(struct server *server, const struct session *session, usec_t at, usec_t expires) {
        struct due_item item = {
                .at = at, .expires = expires, .number = session->status_index, .sid = session->sid
        };

        if (due_put(server->bearer.due, &item) < 0)
                log_line(LOG_ERR, "no memory for the time of a token file of %s: it is not renewed",
                        session->user);
}

/* At two thirds of its life; the one that ends with the session has none that lives longer behind it. */
static void plan_renewal(struct server *server, const struct session *session, int64_t expires_at) {
        struct moment now = { .wall = status_time(server->service.status, server->now.wall),
                .boot = server->now.boot };
        usec_t end = (usec_t) expires_at * USEC_PER_SEC, life = end > now.wall ? end - now.wall : 0;
        usec_t last = session_end_wall(session, now);
        usec_t wait = end / USEC_PER_SEC < last / USEC_PER_SEC ? life / 3 * 2 : life;

        plan(server, session, server->now.boot + (wait > USEC_PER_SEC ? wait : USEC_PER_SEC),
                server->now.boot + life);
}

/* What is there stays until it expires. */
static void postpone(struct server *server, const struct session *session, usec_t expires, usec_t pause) {
        usec_t at = server->now.boot + pause;

        if (expires <= server->now.boot)
                take_away(server, session->uid, &session->sid);
        else if (expires < at)
                at = expires;
        plan(server, session, at, expires);
}

/* When a token that may be in a file whose beginning nobody remembers will have expired. */
static usec_t longest_expiry(const struct server *server, const struct session *session) {
        return server->now.boot + config_policy(server->config, session->policy)->access_ttl;
}

/* ---- one file ---- */

/* 0; MINT_NO_REALM; negative errno. */
static int write_file(struct server *server, struct store_txn *txn, const struct session *session,
        const uint32_t *groups, size_t n_groups) {
        _cleanup_(cleanup_token) char token[MINT_TOKEN_SIZE];
        struct account account = { 0 };
        int64_t expires_at;
        int r;

        r = store_find_account(txn, session->realm, session->user, &account);
        if (r < 0)
                return r;
        r = mint(&(struct mint_facts){ .config = server->config,
                         .keyring = server->service.keyring,
                         .status = server->service.status,
                         .session = session,
                         .groups = groups,
                         .n_groups = n_groups,
                         .audience = "",
                         .reset_at = r == 0 ? account.reset_at : 0,
                         .now = server->now },
                token, &expires_at);
        if (r)
                return r;
        r = bearer_files_put(server->bearer.files, session->uid, &session->sid, token);
        say(server, r);
        if (r < 0) {
                server->bearer.not_before = server->now.boot + FAILURE_PAUSE;
                return r;
        }
        plan_renewal(server, session, expires_at);
        return 0;
}

/* The user's groups are what his login has just found: the file is there when his shell starts, whatever NSS
 * says next. */
void server_make_bearer_file(struct server *server, const struct login *login, const struct session *session,
        char ret_path[static TOKEN_FILE_MAX + 1]) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        ret_path[0] = '\0';
        if (!server->config->token_file)
                return;
        r = store_begin_read(server->service.store, &txn);
        if (r == 0)
                r = write_file(server, txn, session, login->frame.groups, login->frame.n_groups);
        if (r)
                plan(server, session, server->now.boot + RETRY_TIME, server->now.boot);
        else if (bearer_files_path(server->bearer.files, session->uid, &session->sid, ret_path) < 0)
                ret_path[0] = '\0';
}

/* Roles are read afresh, as at each mint. */
static void renew(
        struct server *server, struct store_txn *txn, const struct session *session, usec_t expires) {
        struct name name;
        int r = names_find(server->service.names, session->user, server->now, &name);

        if (r == NAMES_ASKED) {
                server->bearer.n_asked++;
                postpone(server, session, expires, NAMES_PAUSE);
                return;
        }
        if (r < 0 || name.state == NAMES_UNAVAILABLE) {
                postpone(server, session, expires, RETRY_TIME);
                return;
        }
        if (name.state == NAMES_GONE || name.uid != session->uid) {
                server_end_gone(server, &session->sid);
                postpone(server, session, expires, RETRY_TIME);
                return;
        }
        r = write_file(server, txn, session, name.groups, name.n_groups);
        if (r)
                postpone(server, session, r == MINT_NO_REALM ? 0 : expires, RETRY_TIME);
}

/* ---- all of them ---- */

/* 0 with a session that may have a token; STORE_NOT_FOUND; negative errno. An end that the store had no room
 * for is told by its byte alone. */
static int find_live(
        struct server *server, struct store_txn *txn, const struct sid *sid, struct session *ret) {
        struct status_view view = status_view(server->service.status);
        int r = store_find_session(txn, sid, ret);

        if (r)
                return r;
        return session_is_valid(ret, &server->service.boot, server->now.boot) &&
                               status_view_get(&view, ret->status_index) == STATUS_VALID
                       ? 0
                       : STORE_NOT_FOUND;
}

static void renew_first(struct server *server, struct store_txn *txn) {
        struct due_item item = *due_first(server->bearer.due);
        struct session session;
        int r;

        due_remove(server->bearer.due, item.number);
        r = find_live(server, txn, &item.sid, &session);
        if (r < 0)
                log_line(LOG_ERR, "cannot read a session to renew its token file: %s", strerror(-r));
        if (r == 0 && session.status_index == item.number)
                renew(server, txn, &session, item.expires);
}

static void walk_on(struct server *server, struct store_txn *txn) {
        struct session session, live;
        int r = store_next_session_by_user(txn, &server->bearer.walk, &session);

        if (r == 0 && find_live(server, txn, &session.sid, &live) == 0)
                renew(server, txn, &live, longest_expiry(server, &live));
        if (r == STORE_END)
                server->bearer.is_walking = false;
        else if (r < 0 && r != -EBADMSG) { /* a broken row is passed over */
                log_line(LOG_ERR, "cannot read the sessions to make their token files: %s", strerror(-r));
                server->bearer.not_before = server->now.boot + FAILURE_PAUSE;
        }
}

static void sweep_on(struct server *server, struct store_txn *txn) {
        struct session session;
        struct sid sid;
        uint32_t uid;
        int r = bearer_files_next(server->bearer.files, &uid, &sid);

        if (r < 0)
                log_line(LOG_WARNING, "cannot look through the token files: %s", strerror(-r));
        if (r < 0 || r == BEARER_FILES_END)
                server->bearer.is_sweeping = false;
        if (r == 0 && (!server->config->token_file || find_live(server, txn, &sid, &session) != 0 ||
                              session.uid != uid))
                take_away(server, uid, &sid);
}

static bool may_ask_for_names(struct server *server) {
        struct bearer_keeping *bearer = &server->bearer;

        if (bearer->asked_since + NAMES_TIMEOUT <= server->now.boot) {
                bearer->asked_since = server->now.boot;
                bearer->n_asked = 0;
        }
        if (bearer->n_asked >= NAMES_PER_SECOND)
                bearer->not_before = bearer->asked_since + NAMES_TIMEOUT;
        return bearer->n_asked < NAMES_PER_SECOND;
}

usec_t server_bearer_files_due(const struct server *server) {
        const struct bearer_keeping *bearer = &server->bearer;
        const struct due_item *first = due_first(bearer->due);
        usec_t due = bearer->is_sweeping || bearer->is_walking ? 0 : first ? first->at : USEC_NEVER;

        return due < bearer->not_before ? bearer->not_before : due;
}

void server_tend_bearer_files(struct server *server) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct bearer_keeping *bearer = &server->bearer;
        int r;

        if (server_bearer_files_due(server) > server->now.boot)
                return;
        r = store_begin_read(server->service.store, &txn);
        if (r < 0) {
                log_line(LOG_ERR, "cannot read the store for token files: %s", strerror(-r));
                bearer->not_before = server->now.boot + FAILURE_PAUSE;
                return;
        }
        for (int i = 0; i < SWEPT_PER_ROUND && bearer->is_sweeping; i++)
                sweep_on(server, txn);
        for (int i = 0; i < FILES_PER_ROUND && bearer->not_before <= server->now.boot; i++) {
                const struct due_item *first = due_first(bearer->due);

                if (!may_ask_for_names(server))
                        return;
                if (first && first->at <= server->now.boot)
                        renew_first(server, txn);
                else if (bearer->is_walking)
                        walk_on(server, txn);
        }
}

/* ---- what makes all of them due ---- */

void server_renew_bearer_files(struct server *server) {
        server->bearer.is_walking = server->config->token_file;
        server->bearer.walk = (struct store_cursor){ 0 };
        server->bearer.not_before = 0;
}

void server_begin_bearer_files(struct server *server) {
        if (!server->config->token_file) {
                due_clear(server->bearer.due);
                server->service.health.bearer_file_error = 0;
        }
        bearer_files_begin(server->bearer.files);
        server->bearer.is_sweeping = true;
        server_renew_bearer_files(server);
}

/* Tokens live by the wall clock, renewals by the boot clock: what was put forward is taken from lives. */
void server_watch_bearer_clock(struct server *server) {
        usec_t boot_at = status_time(server->service.status, server->now.wall) - server->now.boot;

        if (server->bearer.boot_at && boot_at > server->bearer.boot_at + CLOCK_SET_MIN)
                server_renew_bearer_files(server);
        server->bearer.boot_at = boot_at;
}

int server_open_bearer_files(struct server *server) {
        int r = bearer_files_new(server->options->runtime_dir, &server->bearer.files);

        if (r >= 0)
                r = due_new(&server->bearer.due);
        if (r >= 0)
                server_begin_bearer_files(server);
        return r;
}

/* The files stay: sessions live on without us, and tokens expire. */
void server_close_bearer_files(struct server *server) {
        bearer_files_free(&server->bearer.files);
        due_free(&server->bearer.due);
}

/* A session that lives on under another status index than before needs a new file, whatever gave it that:
 * what is in the old one is worth nothing. That of a login is written before its reply. */
void server_tell_bearer_files(struct server *server, const struct effects *effects) {
        for (size_t i = 0; server->config->token_file && i < effects->n; i++) {
                const struct session *session = &effects->items[i].session;

                if (effects_is_end(&effects->items[i])) {
                        due_remove(server->bearer.due, session->status_index);
                        take_away(server, session->uid, &session->sid);
                } else if (session->state == SESSION_LIVE &&
                           !due_has(server->bearer.due, session->status_index))
                        plan(server, session, server->now.boot, longest_expiry(server, session));
        }
}
