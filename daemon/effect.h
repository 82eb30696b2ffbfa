/* effect: what a change did, as values, told to the world by the loop thread once the change is durable. A
 * handler adds effects; it never acts on them. A new kind also has its row in daemon/event.c, which says what
 * it is called, and its entry in systemd/sessjwt.catalog. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/device.h"
#include "daemon/session.h"

enum effect_kind {
        EFFECT_SESSION_OPENED = 1, /* a row came, live */
        EFFECT_SESSION_DENIED,     /* a row came, ending: a login that must not stay */
        EFFECT_LOGIN_DENIED,       /* no row came: its leader is not to be signalled */
        EFFECT_SESSION_ENDING,     /* live -> ending: its leader is to go */
        EFFECT_SESSION_ENDED,      /* live -> gone */
        EFFECT_SESSION_GONE,       /* ending -> gone: its leader went */
        EFFECT_END_NOT_KEPT,   /* an end that stands, for which the store had no room: to be tried again */
        EFFECT_SESSION_SPARED, /* enforce = no: what would have happened; nothing was changed */
        EFFECT_DEVICE_NEW,
        /* Of attempts to sign in: note is the source; there is no session. */
        EFFECT_LOGIN_FAILED,
        EFFECT_LOCKED,
        EFFECT_UNLOCKED,
        EFFECT_REFRESHED, /* a refresh token was issued, or traded for another one */
        EFFECT_RELOADED,  /* another configuration applies; there is no session */
        /* Of a device, whose user, name and last address stand in a session without an id. */
        EFFECT_DEVICE_RENAMED, /* note is its former name */
        EFFECT_DEVICE_BLOCKED,
        EFFECT_DEVICE_UNBLOCKED,
        EFFECT_DEVICE_FORGOTTEN,
        /* Of signing keys: note is the kid, and there is no session. */
        EFFECT_KEY_MADE,
        EFFECT_KEY_ROTATED, /* it signs from now on */
        EFFECT_KEY_GONE,    /* its last token has expired */
        EFFECT_KEY_REVOKED,
        EFFECT_USER_RESET,      /* no token of before counts; of session only realm, user and uid */
        EFFECT_USER_PURGED,     /* nothing else is kept of him; of session the same */
        EFFECT_SESSION_RENEWED, /* kept by a reset, under another status index */
};

/* Who wanted it. */
enum initiator { BY_SYSTEM = 1, BY_USER, BY_ADMIN, BY_POLICY };

#define EFFECT_NOTE_MAX 512

struct effect {
        enum effect_kind kind;
        enum initiator initiator;
        bool is_over;           /* the login is over by itself: its leader has gone or has closed */
        usec_t wall;            /* when; 0 until effects_stamp */
        struct session session; /* as it is after the change */
        uint64_t former_index;  /* EFFECT_SESSION_RENEWED: its status index until now */
        char note[EFFECT_NOTE_MAX +
                  1]; /* for people: from where the evicting login came, the reason given, … */
};

struct effects {
        struct effect *items;
        size_t n;
        size_t capacity;
};

/* Appends one; 0 or -ENOMEM. note may be NULL. */
int effects_add(struct effects *effects, enum effect_kind kind, enum initiator initiator,
        const struct session *session, const char *note);
/* The same of a device: it has the shape of a session without an id. */
int effects_add_of_device(struct effects *effects, enum effect_kind kind, enum initiator initiator,
        const struct device *device, const char *note);
/* When those happened that have no time yet: whoever ran the change says so, once for all of it. */
void effects_stamp(struct effects *effects, usec_t wall);
/* Forgets them, keeps the memory: before a change is run again. */
void effects_clear(struct effects *effects);
/* An end of a session, kept or not. */
bool effects_is_end(const struct effect *effect);
/* Of a signing key: the note is its kid. */
bool effects_is_of_key(const struct effect *effect);
/* Nothing of it was kept, yet its ends stand: they become EFFECT_END_NOT_KEPT, the others are forgotten. */
void effects_keep_ends(struct effects *effects);
void effects_free(struct effects *effects);

const char *initiator_name(enum initiator initiator); /* "system", "user", "admin", "policy" */
