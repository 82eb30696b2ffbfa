/* feed: what has happened lately, as texts, in one ring for all who subscribe: each has no more than a place
 * in it, so one that does not read costs no memory and keeps nobody. Loop thread only; knows no peer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/event.h"

/* Which events one is told. */
struct feed_filter {
        bool is_of_uid; /* only of this uid; else of everybody, but for root's if hides_root */
        uint32_t uid;
        bool hides_root;
        char realm[REALM_MAX + 1]; /* "": any */
        char user[USER_MAX + 1];   /* "": any */
        bool has_kinds;
        uint64_t kinds; /* a bit for each row of event_kinds */
};

bool feed_filter_lets(const struct feed_filter *filter, const struct event *event);
/* false: there is no such kind. */
bool feed_filter_add_kind(struct feed_filter *filter, const char *kind);

struct feed;

/* At most so many events, of so many bytes together. */
int feed_new(size_t max_events, size_t max_bytes, struct feed **ret);
void feed_free(struct feed **feed);

/* Behind the newest event, which is where a subscription begins. */
uint64_t feed_end(const struct feed *feed);
/* Adds one behind all others; the oldest go for it. Without memory all that is in it goes: everybody who had
 * not read it is told that he has lost something. */
void feed_add(struct feed *feed, const struct event *event, const char *text, size_t size);

enum { FEED_END = 1, FEED_LOST };

/* The next event behind *position that the filter lets through; *position moves behind it. The text is lent
 * until the next feed_add. 0; FEED_END; FEED_LOST: one that was never looked at has gone. */
int feed_next(const struct feed *feed, const struct feed_filter *filter, uint64_t *position,
        const char **ret_text, size_t *ret_size);
