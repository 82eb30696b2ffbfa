/* rotation: see rotation.h. */
#include "daemon/rotation.h"

#define NOTE_INTERVAL (UINT64_C(86400) * USEC_PER_SEC)

static usec_t add(usec_t a, usec_t b) {
        return a > USEC_NEVER - b ? USEC_NEVER : a + b;
}

static usec_t sub(usec_t a, usec_t b) {
        return a > b ? a - b : 0;
}

/* ---- ages ---- */

/* Since another boot there passed at least the time since this one, and more if the wall clock says so. */
static usec_t since_noted(const struct key_age *age, const struct rotation_rule *rule) {
        usec_t by_wall = sub(rule->now.wall, age->noted.wall);

        if (boot_id_equal(&age->boot, &rule->boot))
                return sub(rule->now.boot, age->noted.boot);
        return by_wall > rule->now.boot ? by_wall : rule->now.boot;
}

usec_t rotation_age(const struct key_head *head, const struct rotation_rule *rule) {
        return add(head->age.usec, since_noted(&head->age, rule));
}

static usec_t longest_ttl(const struct key_head *head, const struct rotation_rule *rule) {
        return head->longest_ttl > rule->longest_ttl ? head->longest_ttl : rule->longest_ttl;
}

/* How long a key is in its state. */
static usec_t span(const struct key_head *head, const struct rotation_rule *rule) {
        usec_t retires;

        switch (head->state) {
        case KEY_RETIRING: /* it signs no more: what the configuration says now is not about it */
                return add(head->longest_ttl, ROTATION_SLACK);
        case KEY_ACTIVE:
                retires = add(longest_ttl(head, rule), ROTATION_SLACK);
                return rule->lifetime > retires ? rule->lifetime : retires;
        case KEY_NEXT:
                break;
        }
        return USEC_NEVER;
}

usec_t rotation_left(const struct key_head *head, const struct rotation_rule *rule) {
        usec_t whole = span(head, rule);

        return whole == USEC_NEVER ? USEC_NEVER : sub(whole, rotation_age(head, rule));
}

static struct key_age age_of(usec_t usec, const struct rotation_rule *rule) {
        return (struct key_age){ .usec = usec, .noted = rule->now, .boot = rule->boot };
}

static bool is_to_be_noted(const struct key_head *head, const struct rotation_rule *rule) {
        if (!boot_id_equal(&head->age.boot, &rule->boot) || since_noted(&head->age, rule) >= NOTE_INTERVAL)
                return true;
        return head->state == KEY_ACTIVE && rule->longest_ttl > head->longest_ttl;
}

void rotation_note(struct rotation *rotation, const struct rotation_rule *rule) {
        for (size_t i = 0; i < rotation->n; i++) {
                struct rotation_key *key = &rotation->keys[i];

                if (key->is_gone || !is_to_be_noted(&key->head, rule))
                        continue;
                key->head.age = age_of(rotation_age(&key->head, rule), rule);
                if (key->head.state == KEY_ACTIVE)
                        key->head.longest_ttl = longest_ttl(&key->head, rule);
                key->is_changed = true;
        }
}

/* ---- what becomes of them ---- */

/* One more could not be published. */
static bool is_full(const struct rotation *rotation) {
        size_t n = 0;
        bool has_next = false;

        for (size_t i = 0; i < rotation->n; i++) {
                n += !rotation->keys[i].is_gone;
                has_next |= !rotation->keys[i].is_gone && rotation->keys[i].head.state == KEY_NEXT;
        }
        return n + (has_next ? 1 : 2) > JWKS_KEYS_MAX;
}

void rotation_drop(struct rotation *rotation, const struct rotation_rule *rule) {
        for (size_t i = 0; i < rotation->n; i++) {
                struct rotation_key *key = &rotation->keys[i];

                if (key->head.state == KEY_RETIRING && rotation_left(&key->head, rule) == 0)
                        key->is_gone = true;
        }
}

bool rotation_is_due(const struct rotation *rotation, const struct rotation_rule *rule) {
        if (is_full(rotation))
                return false;
        for (size_t i = 0; i < rotation->n; i++) {
                const struct rotation_key *key = &rotation->keys[i];

                if (!key->is_gone && key->head.state == KEY_ACTIVE && rotation_left(&key->head, rule) == 0)
                        return true;
        }
        return false;
}

static void enter(struct rotation_key *key, enum key_state state, const struct rotation_rule *rule) {
        key->head.state = state;
        key->head.longest_ttl = longest_ttl(&key->head, rule);
        key->head.age = age_of(0, rule);
        key->is_changed = true;
}

int rotation_advance(struct rotation *rotation, const struct rotation_rule *rule) {
        struct rotation_key *active = rotation_find(rotation, KEY_ACTIVE);
        struct rotation_key *next = rotation_find(rotation, KEY_NEXT);

        if (is_full(rotation))
                return ROTATION_FULL;
        if (active)
                enter(active, KEY_RETIRING, rule);
        if (next)
                enter(next, KEY_ACTIVE, rule);
        return 0;
}

void rotation_revoke(struct rotation *rotation) {
        for (size_t i = 0; i < rotation->n; i++)
                rotation->keys[i].is_gone = true;
}

struct rotation_key *rotation_find(struct rotation *rotation, enum key_state state) {
        struct rotation_key *found = NULL;

        for (size_t i = 0; i < rotation->n; i++) {
                struct rotation_key *key = &rotation->keys[i];

                if (!key->is_gone && key->head.state == state &&
                        (!found || key->head.sequence > found->head.sequence))
                        found = key;
        }
        return found;
}

/* One above all, also above those that go now. */
struct key_head rotation_new_head(
        const struct rotation *rotation, enum key_state state, const struct rotation_rule *rule) {
        uint64_t last = 0;

        for (size_t i = 0; i < rotation->n; i++)
                if (rotation->keys[i].head.sequence > last)
                        last = rotation->keys[i].head.sequence;
        return (struct key_head){ .state = state,
                .sequence = last + 1,
                .created_at = rule->now.wall,
                .longest_ttl = rule->longest_ttl,
                .age = age_of(0, rule) };
}

usec_t rotation_due(const struct rotation *rotation, const struct rotation_rule *rule) {
        usec_t due = USEC_NEVER;

        for (size_t i = 0; i < rotation->n; i++) {
                const struct key_head *head = &rotation->keys[i].head;
                usec_t left = head->state == KEY_ACTIVE && is_full(rotation) ? USEC_NEVER
                                                                             : rotation_left(head, rule);
                usec_t to_note =
                        is_to_be_noted(head, rule) ? 0 : sub(NOTE_INTERVAL, since_noted(&head->age, rule));
                usec_t at = add(rule->now.boot, left < to_note ? left : to_note);

                if (at < due)
                        due = at;
        }
        return due;
}

const char *key_state_name(enum key_state state) {
        static const char *const names[] = {
                [KEY_NEXT] = "next", [KEY_ACTIVE] = "active", [KEY_RETIRING] = "retiring"
        };

        return names[state];
}
