/* remember: the sessions that one PAM handle has opened, newest last, each in a pam_data entry of its own,
 * and what account has left of the login's budget. What libpam calls at the end frees memory and does
 * nothing else: it also runs in forked children, long before the session ends. */
#pragma once

#include <security/pam_modules.h>

#include "client/protocol.h"

#define SESSIONS_PER_HANDLE_MAX 64

enum remember_outcome {
        REMEMBER_NOTHING = 1, /* nothing is open, or another process opened it */
};

/* The session id may be "": an open that was sent and not answered. 0; -ENOSPC (SESSIONS_PER_HANDLE_MAX
 * are open); -ENOMEM. */
int remember_put(pam_handle_t *pamh, const char *session_id);

/* Moves the newest out. 0; REMEMBER_NOTHING. */
int remember_take(pam_handle_t *pamh, char ret_session_id[static SID_TEXT_MAX + 1]);

/* What open may still wait, in ms: account and open of one login share one budget. It is not there when
 * account was another process's (sshd's keyboard-interactive): then open has all of it. */
int remember_put_budget(pam_handle_t *pamh, unsigned msec);
unsigned remember_find_budget(pam_handle_t *pamh, unsigned otherwise_msec);
