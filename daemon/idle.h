/* idle: since when nobody has used a session, and when to look again. Pure: what the terminals say and the
 * times come in as arguments. DESIGN section 7.
 *
 * A use is a token that was minted or refreshed, or somebody reading at a terminal. Neither is known to the
 * second: the kernel notes the reading of a terminal in steps of 8 seconds (tty_update_time in
 * drivers/tty/tty_io.c), and uses of tokens are kept no finer. So a session ends not before its idle_ttl is
 * over, and at most IDLE_STEP later, but for the time that the change waits for its turn.
 *
 * All is judged by the boot clock. A terminal's time is on the wall clock: it is only believed as far as that
 * clock has gone as the boot clock has; where it was set, a terminal that shows another time than at the last
 * look was used just now. */
#pragma once

#include <stdbool.h>

#include "daemon/clock.h"

#define IDLE_STEP (8 * USEC_PER_SEC)

struct idle {
        usec_t ttl;         /* 0: it never ends so, and all else is meaningless */
        usec_t used_boot;   /* the last use that is known of */
        usec_t look_boot;   /* when to look at the terminals; nothing can be over before */
        usec_t looked_boot; /* the last look (or the login) on both clocks */
        usec_t looked_wall;
        usec_t terminal_wall; /* what the terminals said then; 0: nothing yet */
};

enum { IDLE_OVER = 1 };

/* From a login on. */
void idle_begin(struct idle *idle, usec_t ttl, struct moment now);

/* Whether a use now must be kept: it is more than a step behind the last one. */
bool idle_wants_use(const struct idle *idle, usec_t now_boot);
/* It was used. */
void idle_use(struct idle *idle, usec_t now_boot);

/* At look_boot: terminal_wall is when a terminal was last read from, has_terminal false if there is none:
 * then nothing is over. 0: it goes on, look_boot is later; IDLE_OVER. */
int idle_look(struct idle *idle, bool has_terminal, usec_t terminal_wall, struct moment now);
