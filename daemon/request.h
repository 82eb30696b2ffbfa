/* request: one call on the public socket on its way through the house: who asks, what, when, under which
 * configuration, and the reply as far as it is written. Knows no socket: it is answered to (slot,
 * generation), which may be gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/message.h"
#include "daemon/config.h"
#include "daemon/feed.h"
#include "daemon/peer.h"
#include "daemon/roster.h"
#include "daemon/service.h"
#include "daemon/turn.h"

struct method;

/* Names of one uid whose events are told together. */
#define LIST_NAMES_MAX 8

/* A list that goes on over several rounds of the loop, at most LIST_SLICE_ROWS rows in each. */
struct list {
        struct store_cursor cursor;
        bool has_begun;
        bool is_truncated;
        char *held; /* with `more`: the row that waits to learn whether it is the last; malloced */
        size_t held_size;
        struct roster *roster; /* of devices: of the user whose turn it is */
        bool is_counted;       /* his sessions are: his devices go out */
        struct store_cursor devices;
        /* Of events: the sequence of each name's newest row that was not looked at yet, or of the newest of
         * all; 0: none is left. */
        uint64_t next[LIST_NAMES_MAX];
        uint64_t n_shown;
};

/* Whose sessions are walked: all, those of a name (admins), or those of the caller's uid, of one name if he
 * has several. */
struct walk {
        bool all;
        bool by_name;
        char user[USER_MAX + 1]; /* "": any */
        char realm[REALM_MAX + 1];
        bool any_realm;
};

/* How far a change has come that takes several turns, since each takes a bounded time: its handler puts what
 * one turn may do and returns API_AGAIN; that is kept, and told; then it is called again. */
struct progress {
        bool has_begun;
        struct walk walk;
        struct store_cursor cursor;
        struct sid newest; /* session when it began: it is not about later ones */
        struct sid but;    /* not about this one either */
        bool has_but;
        char reset_user[USER_MAX + 1]; /* whose reset was noted last */
        usec_t reset_at;
        int64_t n_ended;
        bool has_ended_all;       /* of a purge: what follows is not about sessions */
        bool is_current;          /* what it is about is what its caller came from, before anything ended */
        struct json_writer reply; /* as far as it is written */
};

struct request {
        struct change change; /* first: the turn hands this back */
        struct service *service;
        struct config *config;   /* a reference */
        struct keyring *keyring; /* a reference: a rotation meanwhile does not take it away */
        const struct method *method;
        bool is_retried; /* it was counted when it came first */
        struct peer peer;
        struct moment now;
        struct message call;
        char *text; /* what call borrows from, when the request outlives its round; else NULL */
        struct store_txn *txn;

        struct json_writer reply; /* over reply_bytes; the handler adds members */
        char *reply_bytes;
        size_t reply_size;
        bool owns_reply;
        char detail[CONFIG_ERROR_MAX + 1]; /* of an outcome: the sid, the field, the realm, … */
        char detail_more[64];

        struct list list;
        int (*emit)(
                void *userdata, const char *text, size_t size); /* sends one reply of several; loop thread */
        void *emit_userdata;
        unsigned *signature_checks; /* left in this round */

        /* The last step of a change, which its handler may set before it returns 0: on the loop thread, when
         * what was put is durable, before the reply goes out. For what only that thread can write: tokens
         * that keyring signs. It has q, `session` as the handler kept it, and no store. 0, an outcome, or
         * negative errno; the change stays in any case. */
        int (*answer)(struct request *q);
        struct session session;
        usec_t reset_at; /* of the session's user, as api_find_reset found it */

        struct progress progress; /* of this turn: for the handler, who zeroes nothing */
        struct progress kept;     /* of the turns before, from which one that is run again starts afresh */

        int (*when_known)(struct request *q); /* the handler that waits for names, to be called again */
        usec_t waits_until;                   /* awake */
        struct sid gone;                      /* a session whose user is: it is to end */

        struct feed_filter filter; /* of a subscription that is to begin */

        struct sid touched; /* a session that was used: its lastSeen is noted later */
        bool has_touched;

        uint32_t slot; /* of the connection that asked */
        uint32_t generation;
};

/* A request that outlives its round: a copy that owns its text and reply. NULL: no memory. */
struct request *request_keep(const struct request *request, const char *text, size_t size);
void request_free(struct request **request);

/* Frees what a list holds. */
void list_clear(struct list *list);

/* A reply of its own of size bytes, instead of the borrowed one. 0 or -ENOMEM. */
int request_own_reply(struct request *request, size_t size);
/* Makes the reply empty and opens it: for the handler, or once more before a change is run again. */
void request_begin_reply(struct request *request);
