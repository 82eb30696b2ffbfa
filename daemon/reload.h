/* reload: reads the configuration again on a thread of its own, since names of groups may take their time;
 * hands it to the loop thread. One at a time. Knows nobody who waits. */
#pragma once

#include <stdbool.h>

#include "daemon/config.h"

struct reload;

/* file as for config_load; borrowed. */
int reload_new(const char *file, struct reload **ret);
/* Waits for a reading that goes on. */
void reload_free(struct reload **reload);
/* Readable (an eventfd) when a reading has ended. */
int reload_fd(const struct reload *reload);

/* 0; -EALREADY: one goes on (start again after it: the files may have changed behind it); negative errno. */
int reload_start(struct reload *reload);
/* The outcome of the reading that ended: 0 with a reference, or negative errno with a line for people in
 * error. */
int reload_take(struct reload *reload, struct config **ret, char error[static CONFIG_ERROR_MAX]);
