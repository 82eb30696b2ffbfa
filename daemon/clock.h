/* clock: the times that a request is given, read once, and the identity of this boot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_SEC ((usec_t) 1000000)
#define USEC_NEVER   UINT64_MAX

/* One instant on all clocks. Deadlines are judged by boot, shown by wall; how long somebody waits for an
 * answer is told by awake. */
struct moment {
        usec_t wall;  /* CLOCK_REALTIME, since 1970 */
        usec_t boot;  /* CLOCK_BOOTTIME: suspended time counts, setting the clock does not */
        usec_t awake; /* CLOCK_MONOTONIC: suspended time does not count; nobody moves it */
};

struct boot_id {
        uint8_t bytes[16];
};

struct moment clock_now(void);
/* One of them alone, for who asks often. */
usec_t clock_awake(void);

/* A time that somebody else read from CLOCK_BOOTTIME (a module's deadline, the start of a process), as
 * clock_now tells it: itself, but in a test build whose clock was moved. */
usec_t clock_from_boot(usec_t boot);

/* /proc/sys/kernel/random/boot_id. 0 or negative errno. */
int clock_boot_id(struct boot_id *ret);
bool boot_id_equal(const struct boot_id *a, const struct boot_id *b);

/* RFC 3339, UTC, milliseconds: 2026-11-22T15:20:17.123Z. */
#define CLOCK_TEXT_SIZE 32
void clock_write(usec_t wall, char ret[static CLOCK_TEXT_SIZE]);
/* The other way round; seconds may have a fraction of any length, or none. 0; -EINVAL for anything else, and
 * for times before 1970. */
int clock_read_text(const char *text, usec_t *ret_wall);
