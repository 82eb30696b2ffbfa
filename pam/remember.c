/* remember: see the header. An entry whose data is NULL is free: libpam has no call that removes one. */
#include "pam/remember.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

#define BUDGET_NAME     "sessjwt.v1.budget"
#define ENTRY_NAME_SIZE sizeof("sessjwt.v1.4294967295")

static void forget(pam_handle_t *pamh, void *data, int error_status) {
        free(data);
}

static void name_entry(unsigned n, char ret[static ENTRY_NAME_SIZE]) {
        snprintf(ret, ENTRY_NAME_SIZE, "sessjwt.v1.%u", n);
}

static const char *get_entry(pam_handle_t *pamh, unsigned n) {
        char name[ENTRY_NAME_SIZE];
        const void *data = NULL;

        name_entry(n, name);
        return pam_get_data(pamh, name, &data) == PAM_SUCCESS ? data : NULL;
}

/* Entries are taken from the end only, so the first free one follows the newest. */
static unsigned count_entries(pam_handle_t *pamh) {
        unsigned n = 0;

        while (n < SESSIONS_PER_HANDLE_MAX && get_entry(pamh, n))
                n++;
        return n;
}

int remember_put(pam_handle_t *pamh, const char *session_id) {
        _cleanup_(cleanup_free) char *data = NULL;
        unsigned n = count_entries(pamh);
        char name[ENTRY_NAME_SIZE];

        if (n == SESSIONS_PER_HANDLE_MAX)
                return -ENOSPC;
        data = strdup(session_id);
        if (!data)
                return -ENOMEM;
        name_entry(n, name);
        if (pam_set_data(pamh, name, data, forget) != PAM_SUCCESS)
                return -ENOMEM;
        (void) TAKE(data); /* libpam's now */
        return 0;
}

int remember_take(pam_handle_t *pamh, char ret_session_id[static SID_TEXT_MAX + 1]) {
        unsigned n = count_entries(pamh);
        char name[ENTRY_NAME_SIZE];

        if (n == 0)
                return REMEMBER_NOTHING;
        name_entry(n - 1, name);
        snprintf(ret_session_id, SID_TEXT_MAX + 1, "%s", get_entry(pamh, n - 1));
        pam_set_data(pamh, name, NULL, NULL);
        return 0;
}

int remember_put_budget(pam_handle_t *pamh, unsigned msec) {
        _cleanup_(cleanup_free) unsigned *data = malloc(sizeof(*data));

        if (!data)
                return -ENOMEM;
        *data = msec;
        if (pam_set_data(pamh, BUDGET_NAME, data, forget) != PAM_SUCCESS)
                return -ENOMEM;
        (void) TAKE(data); /* libpam's now */
        return 0;
}

unsigned remember_find_budget(pam_handle_t *pamh, unsigned otherwise_msec) {
        const void *data = NULL;

        if (pam_get_data(pamh, BUDGET_NAME, &data) != PAM_SUCCESS || !data)
                return otherwise_msec;
        return *(const unsigned *) data;
}
