/* roster: see roster.h. */
#include "daemon/roster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

#define SESSIONS_MAX 16384 /* that are looked at while a login waits: some milliseconds */

int roster_new(const char *realm, const char *user, struct roster **ret) {
        struct roster *roster = calloc(1, sizeof(*roster));

        if (!roster)
                return -ENOMEM;
        snprintf(roster->realm, sizeof(roster->realm), "%s", realm);
        snprintf(roster->user, sizeof(roster->user), "%s", user);
        *ret = roster;
        return 0;
}

void roster_free(struct roster **roster) {
        if (!*roster)
                return;
        free((*roster)->rows);
        free(*roster);
        *roster = NULL;
}

static int compare_rows(const void *a, const void *b) {
        const struct roster_row *left = a, *right = b;

        return memcmp(left->id.bytes, right->id.bytes, sizeof(left->id.bytes));
}

static struct roster_row *find_row(const struct roster *roster, const struct device_id *id) {
        const struct roster_row key = { .id = *id };

        if (roster->n == 0)
                return NULL;
        return bsearch(&key, roster->rows, roster->n, sizeof(key), compare_rows);
}

const struct roster_row *roster_find(const struct roster *roster, const struct device_id *id) {
        return find_row(roster, id);
}

/* They come by id, so the rows stay sorted. */
static int add_row(struct roster *roster, const struct device *device) {
        struct roster_row *more;

        if (roster->n == roster->capacity) {
                roster->capacity = roster->capacity ? roster->capacity * 2 : 16;
                more = reallocarray(roster->rows, roster->capacity, sizeof(*more));
                if (!more)
                        return -ENOMEM;
                roster->rows = more;
        }
        roster->rows[roster->n++] = (struct roster_row){
                .id = device->id, .state = device->state, .last_seen = device->last_seen
        };
        return ROSTER_GOES_ON;
}

static int step_device(struct roster *roster, struct store_txn *txn) {
        struct device device;
        int r;

        r = store_next_device_of_user(txn, roster->realm, roster->user, &roster->cursor, &device);
        if (r < 0)
                return r;
        if (r == 0)
                return add_row(roster, &device);
        roster->has_devices = true;
        roster->cursor = (struct store_cursor){ 0 };
        return ROSTER_GOES_ON;
}

int roster_step(struct roster *roster, struct store_txn *txn) {
        struct session session;
        struct roster_row *row;
        int r;

        if (!roster->has_devices)
                return step_device(roster, txn);
        r = store_next_session_of_user(txn, roster->realm, roster->user, &roster->cursor, &session);
        if (r == STORE_END)
                roster->counted_wall = USEC_NEVER;
        if (r)
                return r < 0 ? r : 0;
        roster->counted_wall = session.created_at;
        row = session.state == SESSION_LIVE ? find_row(roster, &session.device) : NULL;
        if (row)
                row->n_live++;
        return ROSTER_GOES_ON;
}

int roster_look(struct roster *roster, struct store_txn *txn, size_t enough) {
        int r = ROSTER_GOES_ON;

        while (r == ROSTER_GOES_ON && !roster->has_devices)
                r = roster_step(roster, txn);
        if (r < 0 || roster->n < enough)
                return r < 0 ? r : 0;
        for (size_t i = 0; r == ROSTER_GOES_ON && i < SESSIONS_MAX; i++)
                r = roster_step(roster, txn);
        return r < 0 ? r : 0;
}

static size_t count_blocked(const struct roster *roster) {
        size_t n = 0;

        for (size_t i = 0; i < roster->n; i++)
                n += roster->rows[i].state == DEVICE_BLOCKED;
        return n;
}

/* Sessions come in the order of their opening, and a device was seen last when the last one of its was: if it
 * has one that was not counted, it was seen since. */
static bool is_unused(const struct roster *roster, const struct roster_row *row) {
        return row->n_live == 0 && row->last_seen < roster->counted_wall;
}

static bool is_better_to_lose(const struct roster_row *row, const struct roster_row *than) {
        if (!than)
                return true;
        if (row->state != than->state)
                return than->state == DEVICE_BLOCKED;
        return row->last_seen < than->last_seen;
}

const struct roster_row *roster_find_unused(const struct roster *roster, size_t many) {
        bool blocked_ones_stay = count_blocked(roster) < many;
        const struct roster_row *best = NULL;

        for (size_t i = 0; i < roster->n; i++) {
                const struct roster_row *row = &roster->rows[i];

                if (row->state == DEVICE_BLOCKED && blocked_ones_stay)
                        continue;
                if (is_unused(roster, row) && is_better_to_lose(row, best))
                        best = row;
        }
        return best;
}

void roster_remove(struct roster *roster, const struct roster_row *row) {
        size_t i = (size_t) (row - roster->rows);

        roster->n--;
        memmove(roster->rows + i, roster->rows + i + 1, (roster->n - i) * sizeof(*roster->rows));
}
