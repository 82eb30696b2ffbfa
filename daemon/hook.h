/* hook: named points at which a test build stops, dies or waits; nothing at all in the product. */
#pragma once

#ifdef SESSJWT_TEST_HOOKS
void hook_reach(const char *name);
#define HOOK(name) hook_reach(name)
#else
#define HOOK(name) ((void) 0)
#endif
