/* rotation: what becomes of the signing keys, and when: next -> active -> retiring -> gone. Pure: heads and
 * times in, heads out; knows neither the keys themselves nor where they are kept.
 *
 * How long a key has been in its state is counted on the boot clock. Only what passed while the machine was
 * off is told by the wall clock, and only if it went on; so a clock that is set back or forward neither keeps
 * a key nor ends one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/clock.h"
#include "daemon/keyring.h"

struct rotation_key {
        char kid[KID_MAX + 1];
        struct key_head head;
        bool is_changed; /* out: its head is to be written */
        bool is_gone;    /* out: it is to be removed */
};

/* All kept keys, in any order. */
struct rotation {
        size_t n;
        struct rotation_key keys[JWKS_KEYS_MAX];
};

struct rotation_rule {
        usec_t lifetime;    /* an active key is rotated at this age */
        usec_t longest_ttl; /* of the tokens that are made now */
        struct moment now;
        struct boot_id boot;
};

/* What a retiring key waits longer than its longest token lives: clocks of verifiers, tokens that were signed
 * while the rotation was on its way. */
#define ROTATION_SLACK (300 * USEC_PER_SEC)

/* How long the key has been in its state. */
usec_t rotation_age(const struct key_head *head, const struct rotation_rule *rule);
/* How long it will still be, if nobody rotates before; USEC_NEVER for a next one. */
usec_t rotation_left(const struct key_head *head, const struct rotation_rule *rule);

/* Notes ages once a day and in a new boot, and with the active key for how long its tokens may live. */
void rotation_note(struct rotation *rotation, const struct rotation_rule *rule);
/* Retiring keys whose last token has expired are gone. */
void rotation_drop(struct rotation *rotation, const struct rotation_rule *rule);
/* Whether the active key has reached its age, and there is room for another. Never sooner than a retiring key
 * would go, so that keys do not pile up. */
bool rotation_is_due(const struct rotation *rotation, const struct rotation_rule *rule);

enum { ROTATION_FULL = 1 };

/* The active key retires, the next one becomes active. What is missing then is to be made. 0; ROTATION_FULL
 * with nothing changed: so many keys are retiring that another one could not be published. */
int rotation_advance(struct rotation *rotation, const struct rotation_rule *rule);
/* All are gone. The next one too: it was kept beside those that are not to be trusted any more. */
void rotation_revoke(struct rotation *rotation);

/* The key of that state that is not gone; NULL. */
struct rotation_key *rotation_find(struct rotation *rotation, enum key_state state);
/* The head of a key that is to be made. */
struct key_head rotation_new_head(
        const struct rotation *rotation, enum key_state state, const struct rotation_rule *rule);

/* When something is to be done, on the boot clock. */
usec_t rotation_due(const struct rotation *rotation, const struct rotation_rule *rule);

const char *key_state_name(enum key_state state); /* "next", "active", "retiring" */
