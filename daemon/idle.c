/* idle: see idle.h. */
#include "daemon/idle.h"

/* More than clocks are slewed by between two looks. */
#define CLOCK_SET (5 * USEC_PER_SEC)

/* Times may be of a boot clock that has just begun, and ttl of ten years: nothing overflows 64 bits. */
static usec_t over_boot(const struct idle *idle) {
        return idle->used_boot + IDLE_STEP + idle->ttl;
}

void idle_begin(struct idle *idle, usec_t ttl, struct moment now) {
        *idle = (struct idle){
                .ttl = ttl, .used_boot = now.boot, .looked_boot = now.boot, .looked_wall = now.wall
        };
        idle->look_boot = over_boot(idle);
}

bool idle_wants_use(const struct idle *idle, usec_t now_boot) {
        return idle->ttl > 0 && now_boot > idle->used_boot + IDLE_STEP;
}

void idle_use(struct idle *idle, usec_t now_boot) {
        if (now_boot > idle->used_boot)
                idle->used_boot = now_boot;
}

/* Whether the wall clock has been set since the last look. */
static bool clock_was_set(const struct idle *idle, struct moment now) {
        usec_t expected = idle->looked_wall + (now.boot - idle->looked_boot);
        usec_t difference = now.wall > expected ? now.wall - expected : expected - now.wall;

        return difference > CLOCK_SET;
}

/* When the terminal was used, by the boot clock: never before the last look, which saw another time. */
static usec_t terminal_boot(const struct idle *idle, usec_t terminal_wall, struct moment now) {
        usec_t since = terminal_wall < now.wall ? now.wall - terminal_wall : 0;

        if (clock_was_set(idle, now))
                return now.boot;
        return since < now.boot - idle->looked_boot ? now.boot - since : idle->looked_boot;
}

int idle_look(struct idle *idle, bool has_terminal, usec_t terminal_wall, struct moment now) {
        if (has_terminal && terminal_wall != idle->terminal_wall)
                idle_use(idle, terminal_boot(idle, terminal_wall, now));
        if (has_terminal && now.boot >= over_boot(idle))
                return IDLE_OVER;
        if (has_terminal)
                idle->terminal_wall = terminal_wall;
        idle->looked_boot = now.boot;
        idle->looked_wall = now.wall;
        idle->look_boot = over_boot(idle) > now.boot ? over_boot(idle) : now.boot + IDLE_STEP + idle->ttl;
        return 0;
}
