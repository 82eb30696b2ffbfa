/* sessjwt.h: ask the session daemon of this host, or verify its tokens yourself. Link with -lsessjwt
 * (pkg-config libsessjwt).
 *
 * Every login is a session; these calls show sessions, prove them by tokens and end them. The interface
 * behind them, with the meaning of every member of every reply, is org.sessjwt.varlink.
 *
 *         struct sessjwt *c = NULL;
 *         int r = sessjwt_connect(NULL, &c);
 *         if (r == 0)
 *                 r = sessjwt_mint_token(c, NULL, NULL);
 *         if (r == 0)
 *                 puts(sessjwt_reply_string(c, "accessToken"));
 *         else
 *                 fprintf(stderr, "%s\n", sessjwt_error_text(r));
 *         sessjwt_close(&c);
 *
 * RETURN VALUES. 0: done. Negative: a negative errno, the daemon was not reached or its answer is worth
 * nothing; see "transport" below. Positive: SESSJWT_E_*, what the daemon answered. Outputs are set on 0
 * only.
 *
 * TRANSPORT. -ENOENT, -ECONNREFUSED, -EACCES: no daemon on that path. -ETIMEDOUT: no whole answer within
 * the timeout. -ECONNRESET, -EPIPE: the daemon closed the connection; whether a change was made is then
 * unknown, ask again. -EBADMSG: the answer is not what the interface promises. -EMSGSIZE: the answer is
 * longer than 1 MiB. -E2BIG: the arguments are too long for a call. -EILSEQ: an argument is not UTF-8.
 * -EINVAL: an argument that must be given is NULL. -ENOMEM, and what socket(2) says. After each of them
 * the next call connects anew; a struct sessjwt is never spoiled.
 *
 * OWNERSHIP. Arguments are borrowed for the call. Every pointer that the library lends (the replies, the
 * error's detail) belongs to the connection and lives until the next call on it, sessjwt_next_session
 * included, or sessjwt_close.
 *
 * THREADS. The library has no state of its own. One struct sessjwt is used by one thread at a time; as
 * many as you like may be used at once. After fork(2) only one of the two processes may go on with it, the
 * other should close it. Every descriptor is close-on-exec. No signal is raised (SIGPIPE included), none
 * disturbs a call.
 *
 * The library does not abort, does not write to stdout or stderr, and reads no environment; the only files it
 * reads are those that a verifier is told of. */
#ifndef SESSJWT_H
#define SESSJWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sessjwt;

/* What the daemon can answer instead of a reply. Numbers are never reused; more may come. */
enum {
        SESSJWT_E_OTHER = 1,              /* an error that this library does not know; detail: its name */
        SESSJWT_E_INTERFACE_NOT_FOUND,    /* not a sessjwt daemon; detail: the interface */
        SESSJWT_E_METHOD_NOT_FOUND,       /* the daemon is older than this library; detail: the method */
        SESSJWT_E_METHOD_NOT_IMPLEMENTED, /* detail: the method */
        SESSJWT_E_INVALID_PARAMETER,      /* detail: the parameter's name */
        SESSJWT_E_PERMISSION_DENIED,      /* you may not do that */
        SESSJWT_E_EXPECTED_MORE,          /* the method answers only with more than one reply */
        SESSJWT_E_SESSION_NOT_FOUND,      /* no such session, or not yours to see; detail: the session id */
        SESSJWT_E_SESSION_ENDED,   /* no token for it; detail: the end reason ("sessionId" can be read too) */
        SESSJWT_E_NO_SESSION,      /* the caller is in no session: name one */
        SESSJWT_E_REALM_NOT_FOUND, /* detail: the realm */
        SESSJWT_E_TOO_MANY_CONNECTIONS,  /* of one user, or of all; detail: the limit */
        SESSJWT_E_STORE_UNAVAILABLE,     /* nothing was changed; detail: why */
        SESSJWT_E_CONFIGURATION_INVALID, /* the old one stays; detail: what is wrong where */
        SESSJWT_E_TOO_MANY_KEYS,         /* that retire, nothing was changed; detail: the limit */
        SESSJWT_E_NOT_PUBLISHED,         /* not yet; a change of keys is kept; detail: why */
        SESSJWT_E_INVALID_REFRESH_TOKEN, /* not one that the daemon has made */
        SESSJWT_E_REFRESH_TOKEN_REUSED,  /* a copy is about: its session has ended; detail: the session id */
        SESSJWT_E_REFRESH_TOKEN_EXPIRED, /* its session goes on; detail: the session id */
        SESSJWT_E_NAMES_UNAVAILABLE,     /* the account database does not answer: no token, ask again later */
        SESSJWT_E_USER_NOT_FOUND,        /* detail: the name */
        SESSJWT_E_DEVICE_NOT_FOUND,      /* no such device, or not yours to see; detail: the device id */
        SESSJWT_E_TOO_MANY_SUBSCRIPTIONS, /* of one user, or of all; detail: the limit */
        SESSJWT_E_EVENTS_LOST,            /* you did not read: the subscription has ended */
        SESSJWT_E_BACKUP_EXISTS,          /* it stays; detail: its name */
        SESSJWT_E_BACKUP_UNDER_WAY,       /* another one */
        SESSJWT_E_BACKUP_FAILED,          /* nothing is left of it; detail: why */
        SESSJWT_E_TOO_MANY_CHANGES,       /* of one user, nothing was changed; detail: the limit, a second */
        SESSJWT_E_TOO_MUCH_UNREAD, /* by one user's connections, or by all; detail: the limit in bytes */
};

/* A static sentence, without a full stop, for whatever a call returned. Never NULL. */
const char *sessjwt_error_text(int error);

/* What the last call's error is about, as the list above says. NULL after success, after a transport
 * error, and where the daemon gave none. The error's parameters can also be read like a reply's. */
const char *sessjwt_error_detail(const struct sessjwt *c);

/* ---- the connection ---------------------------------------------------------------------------------- */

/* Prepares a connection to the daemon's public socket; NULL is /run/sessjwt/org.sessjwt. Nothing is sent
 * or opened until the first call, so this succeeds without a daemon. 0 with *ret, to be given to
 * sessjwt_close; -ENOMEM; -EINVAL (empty), -ENAMETOOLONG (longer than a socket's path can be). */
int sessjwt_connect(const char *socket_path, struct sessjwt **ret);

/* Closes and frees *c, wiping what it held, and sets it to NULL. NULL and a pointer to NULL are accepted. */
void sessjwt_close(struct sessjwt **c);

/* How long each call may take in all, connecting included, in milliseconds; 0 is the default of 25000. */
void sessjwt_set_timeout(struct sessjwt *c, unsigned int msec);

/* ---- the methods -------------------------------------------------------------------------------------- *
 *
 * One function a method: FooBar is sessjwt_foo_bar. A NULL argument is an absent one, which is allowed where
 * the method says ?type (marked "or NULL"). If the daemon was restarted since the last call the connection is
 * made anew, once; a call whose request was already sent is then repeated only if the method changes
 * nothing. */

/* Is this access token good now, for this audience (or NULL: any), of this realm (or NULL: your own), with
 * one of these n_roles roles (0: any or none)? Any token is answered with 0: read "active" (bool), and
 * "reason" or the claims. */
int sessjwt_introspect(struct sessjwt *c, const char *token, const char *audience, const char *realm,
        const char *const *roles, size_t n_roles);

/* The public keys that verify tokens now: "keys". */
int sessjwt_get_keys(struct sessjwt *c);

/* The signed status list for verifiers off the host, a JWT of typ statuslist+jwt: "statusList". It is at most
 * about a second old, and the same as the file public/status.jwt. */
int sessjwt_get_status_list(struct sessjwt *c);

/* A fresh access token for the session you are in (NULL) or for another one of yours; audience or NULL. Read
 * "accessToken", "expiresIn" (seconds), "expiresAt" (RFC 3339), "sessionId". */
int sessjwt_mint_token(struct sessjwt *c, const char *session_id, const char *audience);

/* The refresh token of the session you are in (NULL) or of another one of yours, with an access token. Read
 * what sessjwt_mint_token says, "refreshToken" and, if it ends before the session, "refreshExpiresAt". */
int sessjwt_issue_refresh_token(struct sessjwt *c, const char *session_id);

/* A fresh access token for a refresh token, whosever it is. Read the same members; keep the "refreshToken" of
 * the answer in place of yours if it is another. After a transport error ask again with the same one, soon:
 * within refresh_grace, 30 seconds by default. */
int sessjwt_refresh(struct sessjwt *c, const char *refresh_token);

/* Begins a list of sessions, oldest first: your own; with user (or NULL) that user's; with `all`
 * everybody's (both for admins); only of that realm (or NULL). Errors come here; then call
 * sessjwt_next_session until it gives NULL. */
int sessjwt_list_sessions(struct sessjwt *c, const char *user, const char *realm, bool all);

/* The next session of the list as the JSON text of one Session object, or NULL behind the last one. While
 * a session is at hand the readers below read its members ("user", "current"). Each call has a timeout of
 * its own. Any other call on the connection gives the rest of the list up. -EINVAL when no list was begun. */
int sessjwt_next_session(struct sessjwt *c, const char **ret_session);

/* One session: "session". */
int sessjwt_get_session(struct sessjwt *c, const char *session_id);

/* Ends one session. reason: a text for its user and the log, at most 200 bytes, or NULL; "logout" from the
 * owner makes it a logout. Read "session", "revokedCount". */
int sessjwt_revoke_session(struct sessjwt *c, const char *session_id, const char *reason);

/* Ends all your sessions but the one you are in. Read "sessions", "revokedCount". */
int sessjwt_revoke_others(struct sessjwt *c);

/* Resets you: ends all your sessions, the one you are in included, and no token that you ever had counts any
 * more; the same of user in realm (each or NULL) for admins. Read "sessions", "revokedCount". */
int sessjwt_revoke_all(struct sessjwt *c, const char *user, const char *realm);

/* The same of a user by name, for admins: SESSJWT_E_USER_NOT_FOUND when nothing is known of him. realm: his,
 * or NULL for the caller's. */
int sessjwt_reset_user(struct sessjwt *c, const char *user, const char *realm);

/* The same, and then his devices, failures, locks and history are kept no more (for admins). Called again it
 * finishes one that was cut short. */
int sessjwt_purge_user(struct sessjwt *c, const char *user, const char *realm);

/* Who is locked now (for admins): "locks", each with "user", "realm", "kind" (source, user, admin), "source",
 * "since", "until", "failures", "reason"; those of user and of realm, or NULL. */
int sessjwt_list_locks(struct sessjwt *c, const char *user, const char *realm);

/* Locks a user out (for admins), for so many seconds or (0) until he is unlocked; realm, reason or NULL.
 * end_sessions: those that he has end too. Read "lock", "revokedCount". */
int sessjwt_lock_user(struct sessjwt *c, const char *user, const char *realm, const char *reason,
        unsigned int duration_sec, bool end_sessions);

/* Ends a user's locks (for admins), or that of one source (or NULL). Read "unlockedCount". */
int sessjwt_unlock_user(struct sessjwt *c, const char *user, const char *realm, const char *source);

/* Which policy applies to a login of user by service (or NULL: sshd) in realm (or NULL), why, and what it
 * would meet now (for admins). Read "policy", "considered" and "fromOtherDevice.outcome"; the interface
 * description has the rest. */
int sessjwt_explain_policy(struct sessjwt *c, const char *user, const char *service, const char *realm);

/* Begins a list of devices: those that you have logged in from; with user (or NULL) that user's; with `all`
 * everybody's (both for admins); only of that realm (or NULL). Errors come here; then call
 * sessjwt_next_device until it gives NULL. */
int sessjwt_list_devices(struct sessjwt *c, const char *user, const char *realm, bool all);

/* As sessjwt_next_session, the next Device object of the list. */
int sessjwt_next_device(struct sessjwt *c, const char **ret_device);

/* Calls a device by another name, of 1 to 128 bytes without control characters. Read "device". */
int sessjwt_rename_device(struct sessjwt *c, const char *device_id, const char *name);

/* Refuses logins from a device from now on, and ends its sessions. Read "device", "revokedCount". */
int sessjwt_block_device(struct sessjwt *c, const char *device_id);

/* Lets a blocked device log in again. Read "device". */
int sessjwt_unblock_device(struct sessjwt *c, const char *device_id);

/* Ends a device's sessions and forgets it: at its next login it is new. Read "device" (as it was),
 * "revokedCount". */
int sessjwt_forget_device(struct sessjwt *c, const char *device_id);

/* Which events: all members may be NULL or 0. */
struct sessjwt_event_filter {
        const char *user;         /* NULL: your own; another's, for admins */
        const char *realm;        /* NULL: that of your session */
        bool all;                 /* everybody's, what concerns nobody included; for admins */
        const char *since;        /* RFC 3339, UTC */
        const char *until;        /* the same */
        const char *const *kinds; /* n_kinds of them; none: any */
        size_t n_kinds;
        unsigned int limit; /* at most so many; 0: any number */
};

/* Begins a list of events, newest first; filter or NULL. Errors come here; then call sessjwt_next_event until
 * it gives NULL. */
int sessjwt_list_history(struct sessjwt *c, const struct sessjwt_event_filter *filter);

/* Begins to be told of events as they happen, after it has returned 0: since, until and limit of the filter
 * do not count. Call sessjwt_next_event, which then waits for one for ever; SESSJWT_E_EVENTS_LOST: it was not
 * called for too long. */
int sessjwt_subscribe(struct sessjwt *c, const struct sessjwt_event_filter *filter);

/* The next event as the JSON text of one Event object, or NULL behind the last one; else as
 * sessjwt_next_session. */
int sessjwt_next_event(struct sessjwt *c, const char **ret_event);

/* The signing keys, in the order of making (for root): "keys", each with "kid", "state" (next, active,
 * retiring), "sequence", "createdAt", "since", "until". */
int sessjwt_list_keys(struct sessjwt *c);

/* Rotates the signing keys (for root). compromised: no token that was signed before verifies any more. Read
 * "kid", which signs from now on, "nextKid", and "publishedAhead": for how many seconds verifiers could know
 * kid before. */
int sessjwt_rotate_key(struct sessjwt *c, bool compromised);

/* Whether the daemon is well: "ok", "version", "uptime" (seconds), "sessions" (how many), for admins
 * "problems" and "details.devices", "details.storeFill", …; the interface description has the rest. */
int sessjwt_get_health(struct sessjwt *c);

/* How often and how fast since the daemon started (for admins): "opened", "denied", "ended", "calls",
 * "logins.p99", …; the interface description has the rest. */
int sessjwt_get_statistics(struct sessjwt *c);

/* Makes the daemon read its configuration again. */
int sessjwt_reload(struct sessjwt *c);

/* Makes a backup of the store (for root), on the daemon's side: "path", "size". A large store takes its time:
 * sessjwt_set_timeout. */
int sessjwt_backup(struct sessjwt *c, const char *name);

/* ---- the reply ---------------------------------------------------------------------------------------- *
 *
 * Of the last call on this connection, or the session that sessjwt_next_session gave. A path is a member's
 * name, or names and array indices with dots between them: "active", "session.user", "aud.0",
 * "sessions.3.sessionId". A member that is null counts as absent. */

/* The reply's parameters as the text of a JSON object, "{}" if it has none. NULL after a transport error. */
const char *sessjwt_reply(const struct sessjwt *c);

/* The string at the path. NULL when it is absent, no string, or holds U+0000. */
const char *sessjwt_reply_string(const struct sessjwt *c, const char *path);

/* 0 with the value; -ENODATA when it is absent; -EINVAL when it is something else. */
int sessjwt_reply_integer(const struct sessjwt *c, const char *path, int64_t *ret);
int sessjwt_reply_bool(const struct sessjwt *c, const char *path, bool *ret);

/* How many elements the array at the path has; 0 when it is absent or no array. */
size_t sessjwt_reply_count(const struct sessjwt *c, const char *path);

/* ---- verifying in your own process ---------------------------------------------------------------------- *
 *
 * A token is verified with no round trip, and refused from the moment on at which RevokeSession, an eviction
 * or a logout is answered: the daemon keeps a byte for each session in a page that every process may map.
 * All this needs is to read the daemon's public folder; no socket.
 *
 *         struct sessjwt_verifier *v = NULL;     // one for all threads
 *         struct sessjwt_checker *c = NULL;      // one a thread
 *         const struct sessjwt_claims *claims;
 *         int r = sessjwt_verifier_open(NULL, "https://login.example", "https://shop.example", NULL, -1, &v);
 *         if (r == 0)
 *                 r = sessjwt_checker_open(v, &c);
 *         …
 *         r = sessjwt_check(c, token, strlen(token), &claims);
 *         if (r == 0)
 *                 printf("hello %s\n", claims->subject);
 *         else
 *                 fprintf(stderr, "%s\n", sessjwt_reason_text(r));
 *         …
 *         sessjwt_checker_close(&c);
 *         sessjwt_verifier_close(&v);
 *
 * THREADS. A verifier never changes: any number of threads may use it at once. A checker is used by one
 * thread at a time; it shares nothing that is written with any other, so threads do not slow each other down.
 * After fork(2) both processes may go on with their copies.
 *
 * TIME. A checker goes by the later of its own clock and the daemon's, neither of which it lets go back: a
 * clock that is set back revives no token. */

struct sessjwt_verifier;
struct sessjwt_checker;

/* Why a token is refused. Numbers are never reused; more may come. */
enum {
        SESSJWT_TOKEN_MALFORMED =
                1,                /* no canonical JWS of at most 8 KiB, or claims that are missing or wrong */
        SESSJWT_TOKEN_WRONG_TYPE, /* its typ is neither at+jwt nor JWT: not an access token */
        SESSJWT_TOKEN_WRONG_ALGORITHM,   /* its alg is not exactly that of our keys, ES256 */
        SESSJWT_TOKEN_UNKNOWN_KEY,       /* its kid is not among the published keys */
        SESSJWT_TOKEN_BAD_SIGNATURE,     /* altered, or not signed by that key */
        SESSJWT_TOKEN_EXPIRED,           /* at or after its exp */
        SESSJWT_TOKEN_NOT_YET_VALID,     /* before its iat */
        SESSJWT_TOKEN_WRONG_ISSUER,      /* its iss is not the verifier's */
        SESSJWT_TOKEN_WRONG_AUDIENCE,    /* the verifier's audience is not among its aud */
        SESSJWT_TOKEN_WRONG_REALM,       /* its realm is not the verifier's */
        SESSJWT_TOKEN_REVOKED,           /* its session has ended or is suspended, or has no status at all */
        SESSJWT_TOKEN_STALE,             /* the daemon gave no sign of life for longer than max_stale */
        SESSJWT_TOKEN_MISSING_ROLE,      /* it is good, but has no role; from sessjwt_check_roles only */
        SESSJWT_TOKEN_INSUFFICIENT_ROLE, /* it is good, but has none of those roles; likewise */
};

/* What a good token says. Strings are never NULL; "" and 0 are what is absent. Times are seconds since
 * 1970. New members come at the end. */
struct sessjwt_claims {
        const char *json;       /* all of it: the token's payload, the text of a JSON object */
        const char *issuer;     /* iss */
        const char *subject;    /* sub: the user's name */
        const char *client_id;  /* "pam:sshd" */
        const char *token_id;   /* jti */
        const char *session_id; /* sid */
        const char *realm;
        const char *device_id; /* dev */
        const char *role;
        const char *const *audiences; /* aud */
        size_t n_audiences;
        const char *const *roles;
        size_t n_roles;
        const char *const *methods; /* amr: "key", "pwd", … */
        size_t n_methods;
        int64_t issued_at;  /* iat */
        int64_t expires_at; /* exp */
        int64_t auth_time;
        int64_t reset;
        uint32_t uid;
};

/* Prepares to verify tokens of this issuer. directory: the daemon's public folder, NULL is
 * /run/sessjwt/public; audience: who you are, NULL accepts a token for anybody; realm: NULL is "default";
 * max_stale_sec: refuse all tokens when the daemon has been silent for so long, 0 is never, negative the
 * default of 60. Arguments are copied. Nothing is opened yet. 0 with *ret, to be given to
 * sessjwt_verifier_close when its checkers are closed; -EINVAL (no issuer, or an empty text), -ENAMETOOLONG,
 * -ENOMEM. */
int sessjwt_verifier_open(const char *directory, const char *issuer, const char *audience, const char *realm,
        int max_stale_sec, struct sessjwt_verifier **ret);

/* Frees *verifier and sets it to NULL. NULL and a pointer to NULL are accepted. */
void sessjwt_verifier_close(struct sessjwt_verifier **verifier);

/* Opens a thread's checker: reads the keys, maps the status page. The verifier is borrowed until it is
 * closed. 0 with *ret, to be given to sessjwt_checker_close; -ENOENT, -EACCES, …: the files cannot be read
 * (is the daemon there?); -EBADMSG: one of them is not what it should be; -EPROTONOSUPPORT: a status page of
 * another version; -EINVAL; -ENOMEM, and -EIO of OpenSSL. That loads itself for the first one; where there
 * was no memory for it then, it stays unusable in this process. */
int sessjwt_checker_open(const struct sessjwt_verifier *verifier, struct sessjwt_checker **ret);

/* Frees *checker with all that it lent, wiping the tokens, and sets it to NULL. NULL and a pointer to NULL
 * are accepted. */
void sessjwt_checker_close(struct sessjwt_checker **checker);

/* Is this token good now? It is borrowed for the call and need not end with a NUL. 0 with *ret (which may be
 * NULL), whose strings live until the next call on this checker; a reason, SESSJWT_TOKEN_*; or a negative
 * errno, as of sessjwt_checker_open, when the files have changed and cannot be read any more, or when there
 * is no memory (-ENOMEM, and -EIO of OpenSSL): then nothing is known of the token, and it must be refused
 * too; the next call tries again. No want of anything makes a good token a forged one, or the other way
 * round.
 *
 * Keys are read again when a token names one that is not known, at most every 10 seconds unless others were
 * published, and when the daemon says so. */
int sessjwt_check(
        struct sessjwt_checker *checker, const char *token, size_t size, const struct sessjwt_claims **ret);

/* May the bearer of this good token do what one of these roles may? Roles are what the user's groups gave him
 * when the token was minted. 0; SESSJWT_TOKEN_MISSING_ROLE, SESSJWT_TOKEN_INSUFFICIENT_ROLE: say so (HTTP
 * 403), for logging in again would not help; -EINVAL: claims or roles are NULL. */
int sessjwt_check_roles(const struct sessjwt_claims *claims, const char *const *roles, size_t n_roles);

/* A static sentence, without a full stop, for whatever sessjwt_check or sessjwt_check_roles returned. Never
 * NULL. */
const char *sessjwt_reason_text(int reason);

#ifdef __cplusplus
}
#endif
#endif
