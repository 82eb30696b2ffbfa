/* hook: see hook.h. SESSJWT_TEST_HOOKS=NAME[:N]=kill|stop|wait[,…]: at the N-th (first) time that the
 * point is reached, the process gets SIGKILL or SIGSTOP, or the thread that is there waits for half a second.
 * NAME@OTHER[:N]: when NAME is next reached after the N-th time of OTHER, whatever turns of its own the
 * daemon has had before. Compiled to nothing in the product. */
#include "daemon/hook.h"

#ifdef SESSJWT_TEST_HOOKS
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOOKS_MAX 16

struct hook {
        char name[64];
        char other[64]; /* "": none */
        char action[16];
        int when;
        atomic_int reached;
        atomic_int others;
};

static struct hook hooks[HOOKS_MAX];
static atomic_int n_hooks = -1;

static int hooks_read(void) {
        const char *text = getenv("SESSJWT_TEST_HOOKS");
        int n = 0;

        while (text && *text && n < HOOKS_MAX) {
                struct hook *hook = &hooks[n];
                char item[96] = { 0 };
                char *equals, *colon, *at;

                strncpy(item, text,
                        strcspn(text, ",") < sizeof(item) ? strcspn(text, ",") : sizeof(item) - 1);
                text += strcspn(text, ",");
                text += *text == ',';
                equals = strchr(item, '=');
                if (!equals)
                        continue;
                *equals = '\0';
                colon = strchr(item, ':');
                if (colon)
                        *colon = '\0';
                at = strchr(item, '@');
                if (at)
                        *at = '\0';
                snprintf(hook->name, sizeof(hook->name), "%s", item);
                snprintf(hook->other, sizeof(hook->other), "%s", at ? at + 1 : "");
                snprintf(hook->action, sizeof(hook->action), "%.15s", equals + 1);
                hook->when = colon ? atoi(colon + 1) : 1;
                n++;
        }
        return n;
}

static bool hook_is_due(struct hook *hook, const char *name) {
        bool is_it = strcmp(hook->name, name) == 0;

        if (hook->other[0] == '\0')
                return is_it && ++hook->reached == hook->when;
        if (strcmp(hook->other, name) == 0)
                hook->others++;
        return is_it && hook->others >= hook->when && ++hook->reached == 1;
}

#ifdef SESSJWT_COVERAGE
/* What was counted would be lost with the process (gcc.gnu.org/onlinedocs, Gcov and Optimization). */
void __gcov_dump(void);
void __gcov_reset(void);

static void keep_counters(void) {
        __gcov_dump();
        __gcov_reset();
}
#else
static void keep_counters(void) {
}
#endif

void hook_reach(const char *name) {
        if (n_hooks < 0)
                n_hooks = hooks_read();
        for (int i = 0; i < n_hooks; i++) {
                if (!hook_is_due(&hooks[i], name))
                        continue;
                fprintf(stderr, "hook %s: %s\n", name, hooks[i].action);
                if (strcmp(hooks[i].action, "wait") == 0) {
                        usleep(500000);
                        continue;
                }
                keep_counters();
                /* To this thread, which then goes no step further: another one would stop it later. */
                raise(strcmp(hooks[i].action, "stop") == 0 ? SIGSTOP : SIGKILL);
        }
}
#else
/* An empty translation unit is not ISO C. */
typedef int hook_none;
#endif
