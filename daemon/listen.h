/* listen: the two sockets of DESIGN section 3: handed over by systemd, or bound here. Knows no protocol. */
#pragma once

#include <stdbool.h>

#include "daemon/fdstore.h"

struct listeners {
        int login;     /* SOCK_SEQPACKET, 0600 */
        int public;    /* SOCK_STREAM, 0666 */
        bool are_ours; /* bound here: unlinked at the end */
};

/* 0 or negative errno; -EADDRINUSE: another process answers there. error (of size) says what failed. What
 * systemd hands over beside the sockets goes to fdstore. */
int listeners_open(const char *runtime_dir, struct fdstore *fdstore, struct listeners *ret, char *error,
        unsigned long size);
void listeners_close(struct listeners *listeners, const char *runtime_dir);
