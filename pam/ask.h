/* ask: one frame to the daemon and its answer, within the budget. Knows sockets; no PAM, no policy. It
 * changes no signal, leaves no descriptor behind and never uses those below 3, which the caller may have
 * closed. */
#pragma once

#include <stdbool.h>

#include "pam/frame.h"

enum ask_outcome {
        ASK_UNANSWERED = 1, /* sent, and no answer that can be used: the daemon may have acted on it */
        ASK_UNSUPPORTED,    /* the daemon speaks another version */
};

/* Why it did not work, for the log. */
struct ask_trouble {
        const char *step; /* static */
        int error;        /* an errno */
};

/* Whether the path is a socket of our own effective uid, no link, in a folder that only we and root write
 * to: nobody else can have put it there. */
bool ask_is_own_socket(const char *path);

/* Sends the request, whose deadline is set here (CLOCK_BOOTTIME, now and *budget_msec), with a pidfd of
 * this process, and waits for the reply until then. 0 with the reply; ASK_UNANSWERED; ASK_UNSUPPORTED;
 * negative errno: nothing was sent. Unless it is 0, *ret_trouble is filled. *budget_msec becomes what is
 * left of it. */
int ask_daemon(const char *path, unsigned *budget_msec, struct frame_request *request,
        struct frame_reply *ret, struct ask_trouble *ret_trouble);
