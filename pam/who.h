/* who: what PAM knows of a login, in one struct. Reads items and two names of the PAM environment
 * (SSH_CONNECTION, SSH_AUTH_INFO_0), never the process's; asks NSS for the user and his groups. It shows,
 * logs and sends nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <security/pam_modules.h>

#include "pam/frame.h"
#include "pam/options.h"

/* Of the request all is filled but phase, deadline and session_id. Its strings are PAM's, until an item or
 * the PAM environment is changed. */
struct who {
        struct frame_request request;
        uint32_t *groups;       /* owned; request.groups points to it */
        bool passes;            /* uid 0 or break-glass: never refused */
        bool lacks_break_glass; /* the named group does not exist */
};

enum who_outcome {
        WHO_UNKNOWN = 1, /* no user, or none that passwd knows */
};

/* 0; WHO_UNKNOWN; negative errno with the name of what could not be had (static) in *ret_item, and
 * `passes` as far as it was learnt. *ret must be zero before, and is given to who_done whatever came back. */
int who_read(
        pam_handle_t *pamh, int flags, const struct options *options, struct who *ret, const char **ret_item);

void who_done(struct who *who);
