/* roster: the devices of one user, and how many live sessions each has. Sessions know their devices, not the
 * other way round: so a login writes nothing for it, and who wants to know walks the user's rows, a row a
 * step. Knows the store, no request. */
#pragma once

#include <stddef.h>

#include "daemon/store.h"

struct roster_row {
        struct device_id id;
        enum device_state state;
        usec_t last_seen;
        size_t n_live; /* sessions */
};

struct roster {
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        struct roster_row *rows; /* by id */
        size_t n;
        size_t capacity;
        bool has_devices; /* all of them: sessions are being counted */
        struct store_cursor cursor;
};

/* An empty one. 0; -ENOMEM. */
int roster_new(const char *realm, const char *user, struct roster **ret);
void roster_free(struct roster **roster);

enum { ROSTER_GOES_ON = 1 };

/* Looks at one more row. 0: all have been; ROSTER_GOES_ON; negative errno. */
int roster_step(struct roster *roster, struct store_txn *txn);

/* The row of a device, borrowed until the next step; NULL if it had no record when the walk was there. */
const struct roster_row *roster_find(const struct roster *roster, const struct device_id *id);

/* The one to do without, when all rows have been looked at: without live sessions, and seen longest ago; a
 * blocked one only if there is no other. NULL: each is in use. */
const struct roster_row *roster_find_unused(const struct roster *roster);
/* Takes a row out of the roster; not out of the store. */
void roster_remove(struct roster *roster, const struct roster_row *row);
