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
        bool has_devices;    /* all of them: sessions are being counted */
        usec_t counted_wall; /* all sessions have been that were opened before this */
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

/* Looks at the devices, and if there are `enough` or more of them at the sessions, too; at as many as a login
 * can wait for. 0 or negative errno. */
int roster_look(struct roster *roster, struct store_txn *txn, size_t enough);

/* The one to do without: seen longest ago of those that surely have no live session; a blocked one only if
 * `many` are, because it could log in again. NULL: there is none. */
const struct roster_row *roster_find_unused(const struct roster *roster, size_t many);
/* Takes a row out of the roster; not out of the store. */
void roster_remove(struct roster *roster, const struct roster_row *row);
