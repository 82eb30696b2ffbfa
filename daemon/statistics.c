/* statistics: see statistics.h. */
#include "daemon/statistics.h"

static void note_effect(struct statistics *statistics, const struct effect *effect) {
        switch (effect->kind) {
        case EFFECT_SESSION_OPENED:
                statistics->opened++;
                return;
        case EFFECT_SESSION_DENIED:
        case EFFECT_LOGIN_DENIED:
                statistics->denied++;
                return;
        case EFFECT_SESSION_SPARED:
                statistics->spared++;
                return;
        case EFFECT_DEVICE_NEW:
                statistics->new_devices++;
                return;
        case EFFECT_SESSION_ENDING:
        case EFFECT_SESSION_ENDED:
                if ((unsigned) effect->session.end < _END_MAX)
                        statistics->ended[effect->session.end]++;
                return;
        default:
                return;
        }
}

void statistics_note_effects(struct statistics *statistics, const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
                note_effect(statistics, effects->items + i);
}

/* Bucket n holds what took less than 2^n us and not less than half of it; the last one all that is more. */
static size_t bucket_of(usec_t took) {
        size_t n = 0;

        while (took > 0 && n < LATENCY_BUCKETS - 1) {
                took >>= 1;
                n++;
        }
        return n;
}

void latency_note(struct latency *latency, usec_t took) {
        latency->count++;
        latency->buckets[bucket_of(took)]++;
        if (took > latency->longest)
                latency->longest = took;
}

usec_t latency_at(const struct latency *latency, unsigned permille) {
        uint64_t wanted = (latency->count * permille + 999) / 1000, seen = 0;

        for (size_t n = 0; n < LATENCY_BUCKETS - 1; n++) {
                usec_t end = (UINT64_C(1) << n) - 1;

                seen += latency->buckets[n];
                if (seen >= wanted)
                        return end < latency->longest ? end : latency->longest;
        }
        return latency->longest;
}
