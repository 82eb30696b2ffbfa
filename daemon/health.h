/* health: what is wrong with the daemon now, as far as its loop knows it, in sentences for an administrator.
 * The loop notes it once a second and when it changes. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/clock.h"
#include "daemon/config.h"

#define HEALTH_PROBLEM_MAX  (CONFIG_ERROR_MAX + 128)
#define HEALTH_PROBLEMS_MAX 16

struct health {
        const char *state_dir, *config_file; /* lent for good; config_file: what --config named, or NULL */
        usec_t config_read_wall;             /* when the configuration that counts was read */
        char config_error[CONFIG_ERROR_MAX]; /* of the last reload, which was refused; "": none */
        size_t n_unresolved_groups;
        size_t n_unkept; /* ends that the store had no room for */
        unsigned store_permille;
        bool keys_are_unpublished;
        int list_error;        /* negative errno: of the last writing of status.jwt */
        int bearer_file_error; /* negative errno: why token files that are wanted are not there */
        size_t leaders, leaders_max;
};

/* The next problem from *index on, which is moved behind it. false: there is none, ret is "". */
bool health_next_problem(const struct health *health, size_t *index, char ret[static HEALTH_PROBLEM_MAX]);
size_t health_count_problems(const struct health *health);

/* The line that systemctl status shows. */
void health_write_status(
        const struct health *health, size_t sessions, size_t connections, char *ret, size_t size);
