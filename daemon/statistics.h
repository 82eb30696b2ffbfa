/* statistics: how often and how fast, since the start of the daemon. A fixed number of counters, whatever
 * happens; no names of users, nothing that is kept. Pure: loop thread only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/clock.h"
#include "daemon/effect.h"

#define STATISTICS_METHODS_MAX 64
#define LATENCY_BUCKETS        25 /* of powers of two: below 1 us, 2 us, … 16.8 s and more */

/* How long something took. */
struct latency {
        uint64_t count;
        uint64_t buckets[LATENCY_BUCKETS];
        usec_t longest;
};

struct statistics {
        uint64_t opened, denied, spared, new_devices;
        uint64_t ended[_END_MAX];               /* by reason */
        uint64_t calls[STATISTICS_METHODS_MAX]; /* by the method's place in its table */
        uint64_t refused_calls;                 /* of no method, or not the caller's to make */
        struct latency logins;                  /* open and close, from frame to answer */
        struct latency accounts;                /* the account phase, likewise */
        struct latency turns;                   /* from the first change to the end of the commit */
};

/* What was committed. */
void statistics_note_effects(struct statistics *statistics, const struct effects *effects);

void latency_note(struct latency *latency, usec_t took);
/* At most so long did permille of them take: the upper end of a bucket, or the longest if that is less. 0 if
 * there were none. */
usec_t latency_at(const struct latency *latency, unsigned permille);
