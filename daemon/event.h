/* event: what the world is told of an effect, as one value: for the journal, for history, for those who
 * subscribe. The kinds that there are, are one table. Pure: knows no store, no socket, no clock. DESIGN
 * section 8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/effect.h"

#define EVENT_KIND_MAX 24
#define EVENT_UID_NONE UINT32_MAX /* of a name that is nobody's, and of what is nobody's */

/* A kind: an effect, or one that has this end reason. */
struct event_kind {
        enum effect_kind effect;
        enum session_end end;                  /* END_NONE: whatever it is */
        const char *name;                      /* kept in history, shown in SESSJWT_EVENT: never renamed */
        int priority;                          /* syslog's */
        enum { EVENT_LOGGED, EVENT_KEPT } use; /* EVENT_LOGGED: for the journal alone */
        const char *message_id; /* its entry in systemd/sessjwt.catalog, 32 hex digits; never changed */
        const char *sentence;   /* user, session and device follow */
};

extern const struct event_kind event_kinds[];
extern const size_t event_n_kinds;

struct event {
        char kind[EVENT_KIND_MAX + 1]; /* its name: a later version may have made others */
        usec_t wall;
        char realm[REALM_MAX + 1]; /* "" where there is no user */
        char user[USER_MAX + 1];   /* "?" for a name that nobody has */
        uint32_t uid;              /* EVENT_UID_NONE */
        struct sid sid;            /* all zero: no session */
        char service[SERVICE_MAX + 1];
        struct device_id device; /* all zero: no device */
        char device_name[DEVICE_NAME_MAX + 1];
        char ip[IP_MAX + 1];
        uint32_t methods; /* METHOD_* */
        enum initiator initiator;
        enum session_end end; /* of an end, a denial */
        char note[EFFECT_NOTE_MAX + 1];
        uint32_t count; /* how many it stands for: failed attempts from one source within a minute, else 1 */
};

/* What an effect is told as; never NULL. */
const struct event_kind *event_kind_of(const struct effect *effect);
/* By its name; NULL: there is none of it. */
const struct event_kind *event_kind_find(const char *name);

/* The effect as it is told. */
struct event event_of(const struct effect *effect);

/* Whether the later one need not be told apart from a row of history: a failed attempt like it, from the same
 * source by the same service, within a minute. */
bool event_joins(const struct event *row, const struct event *later);

bool event_has_session(const struct event *event);
bool event_has_device(const struct event *event);
