/* due: sessions by the time at which something is due for each, at most once each: a heap, and beside it each
 * session's place in the heap. All calls take the logarithm of their number at most, so that 10^6 sessions
 * delay nobody. Pure. Knows not what is due. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/clock.h"
#include "daemon/sid.h"

struct due_item {
        usec_t at;
        usec_t expires;  /* for whoever put it */
        uint64_t number; /* small, and only this session's: its status index */
        struct sid sid;
};

struct due;

/* 0; -ENOMEM. */
int due_new(struct due **ret);
void due_free(struct due **due);

/* In the place of the one of this number, if there is one. 0; -ENOMEM: nothing has changed. */
int due_put(struct due *due, const struct due_item *item);
/* Also if there is none. */
void due_remove(struct due *due, uint64_t number);
void due_clear(struct due *due);

bool due_has(const struct due *due, uint64_t number);
/* The one that is due first; NULL: none. Lent until the next call. */
const struct due_item *due_first(const struct due *due);
size_t due_count(const struct due *due);
