/* libsessjwt_call: the connection, and one call on it: written, sent and answered. Knows what a method is,
 * and not which there are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "client/libsessjwt_reply.h"
#include "client/libsessjwt_wire.h"
#include "client/protocol.h"
#include "client/sessjwt.h"

struct sessjwt {
        char path[sizeof((struct sockaddr_un *) 0)->sun_path];
        unsigned int timeout_msec;
        struct wire wire;
        struct reply reply;
        const char *listing;           /* of what: its member in each reply; NULL: no list was begun */
        bool held;                     /* the reply at hand has not been given out by it yet */
        bool streaming;                /* more replies are to come on the wire */
        bool waiting;                  /* what is to come may take any time: events as they happen */
        size_t params_size, call_size; /* what must be wiped */
        char params[MESSAGE_MAX + 1];
        char call[MESSAGE_MAX + 1];
};

struct method {
        const char *name;
        bool changes;
        bool more;
};

/* One parameter of a call; a list of them ends with a row whose name is NULL. */
struct argument {
        const char *name;
        const char *value;                      /* NULL: absent */
        enum { OPTIONAL, REQUIRED, BARE } kind; /* BARE: the value is JSON as it stands */
};

/* Sends a call and reads its first reply. 0, negative errno, or SESSJWT_E_*. */
int call_method(struct sessjwt *c, const struct method *method, const struct argument *arguments);
/* The next object of the list that was begun as `name`, or NULL behind the last one. */
int call_next(struct sessjwt *c, const char *name, const char **ret);
/* What every failure leaves behind: no reply, no connection, so that a late answer is never taken for
 * another call's. Returns r. */
int call_fail(struct sessjwt *c, int r);
