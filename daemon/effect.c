/* effect: see effect.h. */
#include "daemon/effect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int effects_add(struct effects *effects, enum effect_kind kind, enum initiator initiator,
        const struct session *session, const char *note) {
        struct effect *effect;

        if (effects->n == effects->capacity) {
                size_t capacity = effects->capacity ? effects->capacity * 2 : 4;
                struct effect *items = reallocarray(effects->items, capacity, sizeof(*items));

                if (!items)
                        return -ENOMEM;
                effects->items = items;
                effects->capacity = capacity;
        }
        effect = &effects->items[effects->n++];
        *effect = (struct effect){ .kind = kind, .initiator = initiator, .session = *session };
        snprintf(effect->note, sizeof(effect->note), "%s", note ? note : "");
        return 0;
}

int effects_add_of_device(struct effects *effects, enum effect_kind kind, enum initiator initiator,
        const struct device *device, const char *note) {
        struct session session = { .uid = device->uid, .device = device->id };

        snprintf(session.realm, sizeof(session.realm), "%s", device->realm);
        snprintf(session.user, sizeof(session.user), "%s", device->user);
        snprintf(session.device_name, sizeof(session.device_name), "%s", device->name);
        snprintf(session.ip, sizeof(session.ip), "%s", device->last_ip);
        return effects_add(effects, kind, initiator, &session, note);
}

void effects_stamp(struct effects *effects, usec_t wall) {
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].wall == 0)
                        effects->items[i].wall = wall;
}

void effects_clear(struct effects *effects) {
        effects->n = 0;
}

bool effects_is_end(const struct effect *effect) {
        enum effect_kind kind = effect->kind;

        return kind == EFFECT_SESSION_ENDING || kind == EFFECT_SESSION_ENDED || kind == EFFECT_SESSION_GONE ||
               kind == EFFECT_END_NOT_KEPT;
}

bool effects_is_of_key(const struct effect *effect) {
        return effect->kind >= EFFECT_KEY_MADE && effect->kind <= EFFECT_KEY_REVOKED;
}

void effects_keep_ends(struct effects *effects) {
        size_t n = 0;

        for (size_t i = 0; i < effects->n; i++) {
                if (!effects_is_end(&effects->items[i]))
                        continue;
                effects->items[n] = effects->items[i];
                effects->items[n++].kind = EFFECT_END_NOT_KEPT;
        }
        effects->n = n;
}

void effects_free(struct effects *effects) {
        free(effects->items);
        *effects = (struct effects){ 0 };
}

const char *initiator_name(enum initiator initiator) {
        static const char *const names[] = {
                [BY_SYSTEM] = "system", [BY_USER] = "user", [BY_ADMIN] = "admin", [BY_POLICY] = "policy"
        };

        return names[initiator];
}
