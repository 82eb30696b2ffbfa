/* sid: session ids, UUID version 7 (RFC 9562 5.7) whose time never goes back. An identifier, never a
 * credential. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/clock.h"

struct sid {
        uint8_t bytes[16];
};

/* Mints an id later than *last (which becomes it; all zero before the first): 48 bits of milliseconds and
 * 12 bits of their fraction (RFC 9562 6.2, method 3), at least one more than last's; then 62 random bits.
 * wall may be behind last: the clock was set back. */
void sid_mint(struct sid *last, usec_t wall, const uint8_t random[static 8], struct sid *ret);

void sid_write(const struct sid *sid, char ret[static SID_TEXT_MAX + 1]);

/* 0, or -EINVAL for anything but 36 lower-case canonical characters; *ret is then untouched. Version and
 * variant are not judged: an id that was never minted is found nowhere. */
int sid_read(const char *text, struct sid *ret);

/* <0, 0, >0 as a is older than, the same as or newer than b. */
int sid_compare(const struct sid *a, const struct sid *b);
