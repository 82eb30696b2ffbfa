/* peer: who is at the other end of a socket, by the kernel's word. Knows no session and no method. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/clock.h"

struct peer {
        uid_t uid;
        gid_t gid;
        pid_t pid;     /* when it connected; 0: not of this pid namespace */
        bool is_admin; /* uid 0, or in the admin group when it connected */
        usec_t connected_boot;
};

/* Reads SO_PEERCRED and SO_PEERGROUPS. admin_gid (gid_t) -1: there is no such group. 0 or negative errno. */
int peer_read(int fd, gid_t admin_gid, usec_t now_boot, struct peer *ret);
