/* hook: see hook.h. SESSJWT_TEST_HOOKS=NAME[:N]=kill|stop[,…]: at the N-th (first) time that the point is
 * reached, the process gets SIGKILL or SIGSTOP. Compiled to nothing in the product. */
#include "daemon/hook.h"

#ifdef SESSJWT_TEST_HOOKS
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOOKS_MAX 16

struct hook {
        char name[64];
        char action[16];
        int when;
        atomic_int reached;
};

static struct hook hooks[HOOKS_MAX];
static atomic_int n_hooks = -1;

static int hooks_read(void) {
        const char *text = getenv("SESSJWT_TEST_HOOKS");
        int n = 0;

        while (text && *text && n < HOOKS_MAX) {
                struct hook *hook = &hooks[n];
                char item[96] = { 0 };
                char *equals, *colon;

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
                snprintf(hook->name, sizeof(hook->name), "%s", item);
                snprintf(hook->action, sizeof(hook->action), "%.15s", equals + 1);
                hook->when = colon ? atoi(colon + 1) : 1;
                n++;
        }
        return n;
}

void hook_reach(const char *name) {
        if (n_hooks < 0)
                n_hooks = hooks_read();
        for (int i = 0; i < n_hooks; i++) {
                if (strcmp(hooks[i].name, name) != 0 || ++hooks[i].reached != hooks[i].when)
                        continue;
                fprintf(stderr, "hook %s: %s\n", name, hooks[i].action);
                /* To this thread, which then goes no step further: another one would stop it later. */
                raise(strcmp(hooks[i].action, "stop") == 0 ? SIGSTOP : SIGKILL);
        }
}
#else
/* An empty translation unit is not ISO C. */
typedef int hook_none;
#endif
