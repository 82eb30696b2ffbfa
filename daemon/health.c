/* health: see health.h. */
#include "daemon/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each writes its problem, and says whether there is one. */

static bool refused_config(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "the configuration was not reloaded: %s", health->config_error);
        return *health->config_error;
}

static bool unresolved_groups(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "the configuration names groups that cannot be resolved");
        return health->n_unresolved_groups > 0;
}

/* Sessions are opened up to nine tenths (store.h). */
static bool full_store(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "the store's map is full: no session is opened any more");
        return health->store_permille >= 900;
}

static bool unkept_ends(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "%zu ends of sessions cannot be kept: is there room in %s?", health->n_unkept,
                health->state_dir);
        return health->n_unkept > 0;
}

static bool unpublished_keys(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "public/jwks.json cannot be written");
        return health->keys_are_unpublished;
}

static bool unwritten_list(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size, "public/status.jwt cannot be written: %s", strerror(-health->list_error));
        return health->list_error < 0;
}

static bool missing_bearer_files(const struct health *health, char *ret, size_t size) {
        if (health->bearer_file_error == -EOPNOTSUPP)
                snprintf(ret, size, "no token files: their file system has no ACLs");
        else
                snprintf(
                        ret, size, "token files cannot be written: %s", strerror(-health->bearer_file_error));
        return health->bearer_file_error < 0;
}

static bool many_leaders(const struct health *health, char *ret, size_t size) {
        snprintf(ret, size,
                "%zu login processes are watched, %zu at most: raise LimitNOFILE=", health->leaders,
                health->leaders_max);
        return health->leaders * 10 >= health->leaders_max * 9;
}

static bool (*const problems[])(const struct health *health, char *ret, size_t size) = { refused_config,
        unresolved_groups, full_store, unkept_ends, unpublished_keys, unwritten_list, missing_bearer_files,
        many_leaders };

bool health_next_problem(const struct health *health, size_t *index, char ret[static HEALTH_PROBLEM_MAX]) {
        while (*index < sizeof(problems) / sizeof(*problems))
                if (problems[(*index)++](health, ret, HEALTH_PROBLEM_MAX))
                        return true;
        *ret = '\0';
        return false;
}

size_t health_count_problems(const struct health *health) {
        char problem[HEALTH_PROBLEM_MAX];
        size_t n = 0, index = 0;

        while (health_next_problem(health, &index, problem))
                n++;
        return n;
}

void health_write_status(
        const struct health *health, size_t sessions, size_t connections, char *ret, size_t size) {
        char problem[HEALTH_PROBLEM_MAX];
        size_t index = 0, n = health_count_problems(health);
        int length;

        length = snprintf(ret, size, "%zu session%s, %zu login process%s watched, %zu connection%s", sessions,
                sessions == 1 ? "" : "s", health->leaders, health->leaders == 1 ? "" : "es", connections,
                connections == 1 ? "" : "s");
        if (n == 0 || length < 0 || (size_t) length >= size)
                return;
        (void) health_next_problem(health, &index, problem);
        ret += length;
        size -= (size_t) length;
        if (n > 1)
                snprintf(ret, size, "; %zu problems, the first: %s", n, problem);
        else
                snprintf(ret, size, "; problem: %s", problem);
        for (char *p = ret; *p; p++)
                if ((unsigned char) *p < ' ')
                        *p = ' ';
}
