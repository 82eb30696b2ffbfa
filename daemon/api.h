/* api: what may be asked on the public socket: the table of methods with their rights, and the one place
 * where outcomes become Varlink errors. Knows requests, no socket. */
#pragma once

#include "daemon/names.h"
#include "daemon/request.h"

enum right {
        ANYONE = 1, /* any local user */
        OWNER,      /* any local user, of what is his; find_own_session sees to it */
        ADMIN,      /* uid 0, or a member of sessjwt-admin */
        ROOT,
};

enum access {
        READS = 1, /* on the loop thread, in a short read transaction */
        CHANGES,   /* in a turn */
        RELOADS,   /* on a thread of its own: NSS may take its time */
        COPIES,    /* the store, on a thread of its own */
};

struct method {
        const char *name;
        enum right right;
        enum access access;
        /* Writes the members of its reply. 0, an outcome, or negative errno. One that CHANGES may leave the
         * last ones to q->answer, which see. */
        int (*handler)(struct request *q);
        /* Of a change, or NULL: what must be known before it is begun, found on the loop thread in a read
         * transaction. 0, API_NAMES_ASKED or API_USER_GONE, or what is answered in the handler's stead. */
        int (*prepare)(struct request *q);
};

/* What a handler may say besides 0. Each meets its Varlink error in api_write_error. */
enum api_outcome {
        API_AGAIN = 1, /* not done: call the handler again in another round; of a change: in another turn */
        API_INTERFACE_NOT_FOUND,
        API_METHOD_NOT_FOUND,
        API_INVALID_PARAMETER,
        API_PERMISSION_DENIED,
        API_SESSION_NOT_FOUND,
        API_SESSION_ENDED,
        API_NO_SESSION,
        API_INVALID_REFRESH_TOKEN,
        API_REFRESH_TOKEN_REUSED,
        API_REFRESH_TOKEN_EXPIRED,
        API_DEVICE_NOT_FOUND,
        API_REALM_NOT_FOUND,
        API_TOO_MANY_CONNECTIONS,
        API_CONNECTIONS_TAKEN, /* by all users together */
        API_TOO_MANY_CHANGES,
        API_TOO_MUCH_HELD,
        API_ALL_HELD, /* for all users together */
        API_CONFIGURATION_INVALID,
        API_TOO_MANY_KEYS,
        API_NAMES_ASKED, /* not done: call the handler again when more is known of names */
        API_NAMES_UNAVAILABLE,
        API_USER_GONE, /* q->gone is to end first; then it is API_SESSION_ENDED */
        API_USER_NOT_FOUND,
        API_EXPECTED_MORE,
        API_SUBSCRIBES, /* q->filter says to what: the server goes on */
        API_TOO_MANY_SUBSCRIPTIONS,
        API_SUBSCRIPTIONS_TAKEN, /* by all users together */
        API_EVENTS_LOST,
        API_NOT_PUBLISHED, /* a change that is kept, or what was asked for; q->detail says why */
        API_BACKUP_EXISTS, /* q->detail is its name */
        API_BACKUP_UNDER_WAY,
        API_BACKUP_FAILED, /* q->detail says why */
};

/* Finds the method of the call and checks its right: before a parameter is looked at. 0 with q->method
 * set, or an outcome. */
int api_find_method(struct request *q);
/* The name of the method in that row of the table; NULL behind the last one. */
const char *api_method_name(size_t index);

/* Whether a result is none yet: API_NAMES_ASKED and API_USER_GONE. */
bool api_must_wait(int result);

/* Ends the reply of a handler that returned `result` (0, an outcome but API_AGAIN, or negative errno,
 * which becomes StoreUnavailable): afterwards reply holds the whole message. 0 with its size; negative
 * errno: the connection cannot be answered. */
int api_finish_reply(struct request *q, int result, size_t *ret_size);

/* ---- for handlers ---- */

/* Reads the parameters by a table. 0 or API_INVALID_PARAMETER with the field in q->detail. */
int api_read(struct request *q, const struct message_field *fields, void *params);

/* A member that is a time. */
void api_put_time(struct json_writer *w, const char *key, usec_t wall);

/* A session that the caller may act on: looks up and checks in one step. 0 or API_SESSION_NOT_FOUND, the
 * same for one that is not there and one that is not his; API_INVALID_PARAMETER for what is no session id. */
int api_find_own_session(struct request *q, const char *session_id, struct session *ret);
/* Whether the caller, who may act on its uid, sees this realm: one who is no admin sees only his own. < 0, 0
 * or 1. */
int api_sees_realm(struct request *q, const char *name);
/* Whether the caller may act on sessions of this uid. */
bool api_may_act_on(const struct request *q, uint32_t uid);
/* The session to issue tokens for: the named one, or with "" that of the caller. 0;
 * api_find_own_session's, api_find_callers_session's and api_check_session's; API_PERMISSION_DENIED: an admin
 * sees others' but cannot mint for them, and must not learn more by trying. */
int api_find_session_to_mint_for(struct request *q, const char *session_id, struct session *ret);
/* 0, or API_SESSION_ENDED for a session that is not valid now. */
int api_check_session(struct request *q, const struct session *session);
/* The live session that the caller is in: by audit session, else by ancestry. 0 or API_NO_SESSION. */
int api_find_callers_session(struct request *q, struct session *ret);
/* The realm to act in: the one named (for others than admins only their own), else that of the caller's
 * session, else default. Borrowed from q->config. 0 or API_REALM_NOT_FOUND: also for one that a session
 * has outlived. */
int api_find_realm(struct request *q, const char *named, const struct realm **ret);
/* What NSS says of the session's user now: he is there, with the uid of his login. Lent until the next call
 * on names. Loop thread only: for handlers that read, not for those that change. 0, API_NAMES_ASKED,
 * API_NAMES_UNAVAILABLE; API_USER_GONE: he does not exist any more, or has another uid. */
int api_find_names(struct request *q, const struct session *session, struct name *ret);

/* The same of somebody who need not have a session; he has had none that could end. Borrowed likewise. 0,
 * API_NAMES_ASKED, API_NAMES_UNAVAILABLE, API_USER_NOT_FOUND. */
int api_find_user(struct request *q, const char *user, struct name *ret);

/* ---- tokens: api_mint.c ---- */

/* Finds when the session's user was reset last, into q->reset_at, which api_mint puts into the token. To be
 * called where there is a store. 0 or negative errno. */
int api_find_reset(struct request *q, const struct session *session);
/* A fresh access token for a valid session, with the roles that its user's groups give him now: writes it and
 * all that is said of it. audience "": the realm's. Loop thread only. 0,
 * API_REALM_NOT_FOUND, or as api_find_names. */
int api_mint(struct request *q, const struct session *session, const char *audience);
/* Tokens live by the status page's time, as for every verifier: a clock that is set back revives none. */
usec_t api_token_time(const struct request *q);

/* ---- walks, and a session as its object: api_session.c ---- */

/* A row that is not of the walk, or not the caller's to see. It counts as one of a slice: what is looked at
 * takes the loop's time, not what is shown. */
enum { WALK_PASSES_OVER = STORE_END + 1 };

/* Another's name is for admins. For others: their own name is one under which their uid has a session;
 * whether any other exists is not told. 0, API_PERMISSION_DENIED, API_REALM_NOT_FOUND or negative errno. */
int walk_prepare(struct request *q, const char *user, const char *realm, bool all, struct walk *ret);
/* 0, STORE_END, WALK_PASSES_OVER or negative errno. */
int walk_next(struct request *q, const struct walk *walk, struct store_cursor *cursor, struct session *ret);
void api_put_session(
        struct request *q, struct json_writer *w, const struct session *session, bool is_current);

/* ---- lists: api_list.c ---- */

enum { LIST_FULL = 1 };

/* One row, the text of a JSON object: with `more` a reply {name: row}, else an element of the array
 * `plural`. 0; LIST_FULL: the row was left out, the list is to be ended and will say that it was cut;
 * negative errno. */
int list_put(struct request *q, const char *name, const char *plural, const char *row, size_t size);
/* The list is over. */
int list_end(struct request *q, const char *name, const char *plural);

/* ---- events: api_history.c ---- */

#define EVENT_TEXT_MAX 8192 /* an event as JSON, every byte of its names escaped */

/* An event as its object; its text, not NUL-terminated, in ret. 0 or negative errno. */
int api_write_event(const struct event *event, char ret[static EVENT_TEXT_MAX], size_t *ret_size);

/* ---- handlers ---- */
int on_get_info(struct request *q);
int on_get_interface_description(struct request *q);
int on_introspect(struct request *q);
int on_get_keys(struct request *q);
int on_get_status_list(struct request *q);
int on_mint_token(struct request *q);
int on_issue_refresh_token(struct request *q);
int on_refresh(struct request *q);
int prepare_issue_refresh_token(struct request *q);
int prepare_refresh(struct request *q);
int on_list_sessions(struct request *q);
int on_get_session(struct request *q);
int on_revoke_session(struct request *q);
int on_revoke_others(struct request *q);
int on_revoke_all(struct request *q);
int on_reset_user(struct request *q);
int on_purge_user(struct request *q);
int on_list_locks(struct request *q);
int on_lock_user(struct request *q);
int on_unlock_user(struct request *q);
int on_explain_policy(struct request *q);
int on_list_devices(struct request *q);
int on_rename_device(struct request *q);
int on_block_device(struct request *q);
int on_unblock_device(struct request *q);
int on_forget_device(struct request *q);
int on_list_history(struct request *q);
int on_subscribe(struct request *q);
int on_list_keys(struct request *q);
int on_rotate_key(struct request *q);
int on_get_health(struct request *q);
int on_get_statistics(struct request *q);
int on_reload(struct request *q); /* only reads its parameters: there must be none */
/* Only reads its parameters; then q->detail is the name of the backup, which the server makes. */
int on_backup(struct request *q);
/* What Backup answers when it is there. */
void api_put_backup(struct request *q, const char *path, uint64_t size);
