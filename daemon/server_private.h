/* server_private: what the parts of the server share: server.c (life and loop), server_login.c (the login
 * socket), server_accept.c and server_public.c (the public one), server_change.c (what comes back from the
 * turn, and what nobody asked for), server_feed.c (those who subscribe), server_history.c (old rows go),
 * server_password.c (changes of passwords that were cut), server_keys.c (the signing keys), server_status.c
 * (the status page), server_names.c (requests that wait for names), server_status_list.c (the signed list of
 * the page), server_bearer_file.c (the token files), server_backup.c (copies), server_health.c (how it is).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "daemon/backup.h"
#include "daemon/bearer_file.h"
#include "daemon/connection.h"
#include "daemon/due.h"
#include "daemon/leader.h"
#include "daemon/list_file.h"
#include "daemon/listen.h"
#include "daemon/login.h"
#include "daemon/notice.h"
#include "daemon/quota.h"
#include "daemon/reconcile.h"
#include "daemon/reload.h"
#include "daemon/request.h"
#include "daemon/server.h"
#include "daemon/service.h"
#include "daemon/turn.h"

/* What an epoll event is about: a kind in the upper 8 bits; of connections slot and generation, of others
 * nothing. */
enum watch {
        WATCH_LOGIN_LISTENER = 1,
        WATCH_LOGIN,
        WATCH_PUBLIC_LISTENER,
        WATCH_PUBLIC,
        WATCH_TURN,
        WATCH_LEADERS,
        WATCH_RELOAD,
        WATCH_NAMES,
        WATCH_LIST,
        WATCH_BACKUP,
        WATCH_EVENT,
        WATCH_TIMER
};

#define STATUS_TEXT_MAX  255
#define SERVER_WORK_TIME 2000 /* us of a round for the public socket */

/* A module that has connected and not sent its frame yet. */
struct login_waiter {
        int fd;
        uint32_t index;
        bool is_watched;
        usec_t connected_boot;
};

/* What the status list was made of. */
struct status_listed {
        uint64_t key; /* sequence of the one that signed; 0: none */
        uint64_t changes;
        usec_t renew_wall; /* half of its time is over */
        char uri[STATUS_URI_MAX + 1];
        int result; /* of the last writing */
};

/* The token files, and when each is to be renewed. */
struct bearer_keeping {
        struct bearer_files *files;
        struct due *due;
        bool is_sweeping;         /* files are looked through for some that are nobody's */
        bool is_walking;          /* sessions are gone through: each is to have a new file */
        struct store_cursor walk; /* how far */
        usec_t not_before;        /* boot clock: after a failure */
        usec_t asked_since;       /* boot clock: when n_asked was 0 */
        unsigned n_asked;         /* names */
        usec_t boot_at;           /* what the wall clock showed at boot, by what it shows now */
};

struct server {
        const struct server_options *options;
        struct service service;
        struct config *config;
        struct listeners listeners;
        usec_t accept_due; /* boot clock: when listeners are watched again that could not be accepted from */
        usec_t accept_complained; /* boot clock */
        struct turn *turn;
        struct fdstore *fdstore;
        struct leaders *leaders;
        struct logind *logind;
        struct reload *reload;
        struct request *reload_waits;      /* for the reading that goes on; linked by change.next */
        struct request *reload_waits_next; /* for one that must be begun after it */
        bool reload_wanted;                /* by SIGHUP, while one goes on */
        struct backup *backup;
        struct request *backup_waits; /* for the one that goes on */
        usec_t config_read_wall;      /* when the last reading began: what is changed later is not in it */

        struct request *names_waits; /* for what NSS says; linked by change.next */

        struct connections *connections;
        struct quotas *quotas;
        struct feed *feed;
        struct login_waiter *waiters[LOGIN_CONNECTIONS_MAX];
        size_t n_waiters;

        int epoll;
        sd_event *event;
        int timer;
        usec_t timer_due;      /* boot clock: when it rings; USEC_NEVER: not set */
        bool event_is_pending; /* it has something to dispatch; else it is armed */
        bool is_stopping;
        int exit_status;

        struct moment now; /* of this round */
        struct request
                scratch; /* the call that is being answered; replies of up to REPLY_MAX in scratch_reply */
        char *scratch_reply;
        unsigned signature_checks; /* left in this round */
        unsigned calls;            /* left in this round */
        usec_t work_ends;          /* awake: logins are looked at again */

        struct unwatched unwatched;
        bool leaders_untold;      /* that some went could not be kept: they are told again */
        usec_t expiry_due;        /* boot clock; USEC_NEVER while a change that ends sessions is under way */
        usec_t expiry_not_before; /* boot clock: after one that could not be kept */
        bool is_expiring;         /* a change that ends sessions is under way */
        usec_t sweep_due;
        usec_t keys_due; /* of the signing keys; USEC_NEVER while they are tended */
        bool keys_tending, keys_unapplied, keys_revoked;
        usec_t heartbeat_due;
        uint64_t counted_transaction; /* the store's last one when it was counted */
        uint64_t n_sessions;
        usec_t status_not_before; /* boot clock: STATUS= of systemd */
        char status_text[STATUS_TEXT_MAX + 1];
        struct effects unkept; /* ends that the store had no room for */
        bool is_retrying;
        bool passwords_are_cut; /* changes of passwords may wait in the store to be gone on with */
        bool is_resuming_passwords;
        uint64_t released_below; /* status indices that rest since an older key than this one are free */
        bool is_releasing;
        struct notices notices;
        size_t n_touches;   /* notes of lastSeen under way */
        usec_t history_due; /* boot clock: when history is looked through for what is too old or too much */
        bool is_dropping;   /* a change that drops it is under way */

        struct list_file *list_file;
        struct status_listed listed; /* while it is written: as it will be */
        bool is_listing;             /* it is being written */
        usec_t list_not_before;      /* boot clock */

        struct bearer_keeping bearer;
};

/* server_open.c */
/* 0 or negative errno, said in the log; what is open then is server_run's to close. */
int server_open(struct server *server);

/* server.c */
int server_open_loop(struct server *server);
int server_watch(struct server *server, int fd, uint32_t events, enum watch watch, uint64_t what);
/* After a failed accept. A listener stays readable as long as somebody knocks who cannot be let in (no
 * descriptor is left, say): it is not watched for a moment, else the loop would spin. */
void server_pause_listener(struct server *server, int fd, enum watch watch, int error);

/* server_login.c */
void server_accept_logins(struct server *server);
void server_read_login(struct server *server, uint32_t index);
void server_drop_old_waiters(struct server *server);

/* server_accept.c */
void server_accept_public(struct server *server);
void server_drop_idle(struct server *server);
/* Long replies are made for who reads them. 0, or API_TOO_MUCH_HELD, API_ALL_HELD. */
int server_may_hold(const struct server *server, const struct connection *connection, size_t size);

/* server_public.c */
void server_public_event(struct server *server, uint32_t slot, uint32_t generation, uint32_t events);
/* Goes on with connections that have work left, as far as this round's share goes. */
void server_work(struct server *server);
/* Something has happened that a subscriber may be told. */
void server_feed_subscriber(struct server *server, struct connection *connection);
void server_answer(struct server *server, struct request *q, int result);
/* Calls a handler in a read transaction of its own. */
int server_read(struct server *server, struct request *q, int (*handler)(struct request *));
/* What a request's change ends with: tells and answers, frees the request. */
void server_change_done(struct change *change, void *userdata);

/* Posts the change of a request that owns its text and reply, and takes it. */
void server_post_change(struct server *server, struct request *q);

/* server_names.c */
/* Takes a request that owns its text and reply, whose handler has said that it must wait (api_must_wait): it
 * is called again when more is known of names, or answered when the session has ended whose user is gone. */
void server_suspend(struct server *server, struct request *q, int result, int (*handler)(struct request *));
/* When names_fd was readable, and when server_names_due has come. */
void server_go_on_with_names(struct server *server);
usec_t server_names_due(const struct server *server);
void server_cancel_names(struct server *server);

/* server_change.c */
void server_take_done(struct server *server);
/* What came of a change that nobody waits for an answer of. */
void server_tell_own(struct server *server, const struct effects *effects);
void server_leaders_gone(struct server *server);
/* Every second: those whose end could not be kept, and those that could not be watched at start. */
void server_tell_leaders_again(struct server *server);
void server_watch_leaders_again(struct server *server);
void server_expire(struct server *server);
/* An event: another configuration applies. */
void server_note_reload(struct server *server);
void server_note_touch(struct server *server, const struct sid *sid);
/* Ends one session after all: a login that its module had given up on and refused. */
void server_end_refused(struct server *server, const struct sid *sid);
/* Ends one session whose user is not there any more, or is somebody else. */
void server_end_gone(struct server *server, const struct sid *sid);
void server_find_expiry(struct server *server);

/* server_feed.c */
/* Events of these effects, to the log and to those who subscribe: before the reply. */
void server_tell_events(struct server *server, const struct effects *effects);
/* A call becomes a subscription, or is answered that there are too many. 0 or negative errno. */
int server_subscribe(struct server *server, struct connection *connection, const struct feed_filter *filter);
/* Sends a subscriber what it has not had yet. 0: it has all; 1: it must read first; negative errno: it is
 * gone. Without a subscription afterwards it has lost events, and was told so. */
int server_feed_connection(struct server *server, struct connection *connection);

/* server_password.c */
/* At start and every second: if passwords_are_cut. */
void server_resume_passwords(struct server *server);

/* server_history.c */
void server_tend_history(struct server *server);

/* server_backup.c */
/* Takes the request, whose detail is the name. 0: it is answered by server_take_backup; an outcome or
 * negative errno: it is to be answered now. */
int server_begin_backup(struct server *server, struct request *request);
void server_take_backup(struct server *server);

/* server_status.c */
/* 0 or negative errno, said in the log. */
int server_open_status(struct server *server);
/* First of all after a commit: the bytes. What it ended without being kept is noted, to be tried again. */
void server_tell_status(struct server *server, const struct effects *effects);
/* Before what came back from the turn is answered: the page tells the next start how far the store has
 * come. */
uint64_t server_note_transaction(struct server *server);
void server_beat(struct server *server);
void server_release_indices(struct server *server);

/* server_health.c */
/* What counts, and since when. */
void server_note_config(struct server *server);
/* Every second: how it is, for GetHealth and for systemctl status. */
void server_note_health(struct server *server, uint64_t last_transaction);

/* server_status_list.c */
/* When it is to be written, by the boot clock; USEC_NEVER while it is, or nothing has changed. */
usec_t server_list_due(const struct server *server);
void server_tend_list(struct server *server);
void server_take_list(struct server *server);
/* At start and end: what goes on is waited for, and what has changed since is written. */
void server_settle_list(struct server *server);

/* server_bearer_file.c: all on the loop thread, none waits */
int server_open_bearer_files(struct server *server);
void server_close_bearer_files(struct server *server);
/* At start and after a reload: files that should not be there go, and every session gets a new one. */
void server_begin_bearer_files(struct server *server);
/* Every session gets a new one: what is in them is worth nothing any more. */
void server_renew_bearer_files(struct server *server);
/* Once a second: has the wall clock been put forward? */
void server_watch_bearer_clock(struct server *server);
/* Makes that of a login, before its reply. ret_path: where it is; "": there is none. */
void server_make_bearer_file(struct server *server, const struct login *login, const struct session *session,
        char ret_path[static TOKEN_FILE_MAX + 1]);
/* After a commit, before the reply: files of sessions that have ended go. */
void server_tell_bearer_files(struct server *server, const struct effects *effects);
usec_t server_bearer_files_due(const struct server *server);
void server_tend_bearer_files(struct server *server);

/* server_keys.c */
/* To be called after the commit of a change that may concern keys, before it is told or answered: publishes
 * and takes what it made. 0; negative errno: kept, but not published yet; it is tried again. */
int server_keys_done(struct server *server, const struct effects *effects);
/* What is due of the keys, and when that will be; also after a reload. */
void server_tend_keys(struct server *server);
void server_find_keys_due(struct server *server);
