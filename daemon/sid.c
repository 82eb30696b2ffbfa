/* sid: see sid.h. */
#include "daemon/sid.h"

#include <errno.h>
#include <string.h>

#include "client/hex.h"

#define TIME_BITS 60 /* 48 of milliseconds, 12 of their fraction */
#define TIME_MAX  ((UINT64_C(1) << TIME_BITS) - 1)

/* The 60 bits of time, around the version's nibble. */
static uint64_t sid_time(const struct sid *sid) {
        uint64_t ms = 0;

        for (int i = 0; i < 6; i++)
                ms = ms << 8 | sid->bytes[i];
        return ms << 12 | (uint64_t) (sid->bytes[6] & 0x0f) << 8 | sid->bytes[7];
}

static uint64_t time_of_wall(usec_t wall) {
        uint64_t ms = wall / 1000, fraction = wall % 1000 * 4096 / 1000;

        if (ms > TIME_MAX >> 12)
                return TIME_MAX;
        return ms << 12 | fraction;
}

void sid_mint(struct sid *last, usec_t wall, const uint8_t random[static 8], struct sid *ret) {
        uint64_t time = time_of_wall(wall), previous = sid_time(last);
        struct sid sid;

        /* Saturates in the year 10889; from there on the random bits alone tell ids apart. */
        if (time <= previous)
                time = previous < TIME_MAX ? previous + 1 : TIME_MAX;

        for (int i = 0; i < 6; i++)
                sid.bytes[i] = (uint8_t) (time >> (TIME_BITS - 8 - 8 * i));
        sid.bytes[6] = 0x70 | (uint8_t) (time >> 8 & 0x0f);
        sid.bytes[7] = (uint8_t) time;
        memcpy(sid.bytes + 8, random, 8);
        sid.bytes[8] = (sid.bytes[8] & 0x3f) | 0x80;

        *last = sid;
        *ret = sid;
}

static bool is_dash(int position) {
        return position == 8 || position == 13 || position == 18 || position == 23;
}

void sid_write(const struct sid *sid, char ret[static SID_TEXT_MAX + 1]) {
        const uint8_t *byte = sid->bytes;

        for (int i = 0; i < SID_TEXT_MAX;) {
                if (is_dash(i)) {
                        ret[i++] = '-';
                        continue;
                }
                hex_write(byte++, 1, ret + i);
                i += 2;
        }
        ret[SID_TEXT_MAX] = '\0';
}

int sid_read(const char *text, struct sid *ret) {
        struct sid sid = { 0 };
        unsigned n_digits = 0;

        if (strnlen(text, SID_TEXT_MAX + 1) != SID_TEXT_MAX)
                return -EINVAL;
        for (int i = 0; i < SID_TEXT_MAX; i++) {
                int digit = hex_digit(text[i]);

                if (is_dash(i) ? text[i] != '-' : digit < 0)
                        return -EINVAL;
                if (is_dash(i))
                        continue;
                sid.bytes[n_digits / 2] |= (uint8_t) (n_digits % 2 ? digit : digit << 4);
                n_digits++;
        }
        *ret = sid;
        return 0;
}

int sid_compare(const struct sid *a, const struct sid *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}
