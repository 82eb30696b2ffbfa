/* names: what NSS says of a user now: whether he still exists, his uid, his groups. Asked on a thread of its
 * own, since a directory service may take its time; kept for a minute. Knows no session, no role. Loop
 * thread only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"

#define NAMES_KEPT_FOR (60 * USEC_PER_SEC)
#define NAMES_TIMEOUT  (1 * USEC_PER_SEC)
#define NAMES_MAX      1024 /* users known or asked for at once; the longest known makes room */

enum names_state {
        NAMES_FOUND = 1,
        NAMES_GONE,        /* NSS answered: there is no such user */
        NAMES_UNAVAILABLE, /* NSS failed, or did not answer in NAMES_TIMEOUT: nothing is known */
};

/* What is known of one user. */
struct name {
        enum names_state state;
        uint32_t uid;
        size_t n_groups;
        const uint32_t *groups; /* numeric, the primary one among them */
};

struct names;

/* Starts the thread. 0 or negative errno. */
int names_new(struct names **ret);
/* Waits for an answer that NSS is about to give, for NAMES_TIMEOUT; then the thread is left alone with what
 * it needs, for the process is about to end. */
void names_free(struct names **names);

enum { NAMES_ASKED = 1 };

/* What is known of the user, borrowed until the next call on names. 0; NAMES_ASKED: the thread asks; look
 * again when names_fd was readable, or when NAMES_TIMEOUT has passed; negative errno. */
int names_find(struct names *names, const char *user, struct moment now, struct name *ret);

/* Readable (an eventfd) when answers are there; take them then. */
int names_fd(const struct names *names);
void names_take(struct names *names, usec_t now_boot);
