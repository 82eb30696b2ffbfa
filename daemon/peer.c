/* peer: see peer.h. */
#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cleanup.h"

/* < 0, 0 or 1. */
static int peer_in_group(int fd, const struct peer *peer, gid_t gid) {
        _cleanup_(cleanup_free) gid_t *groups = NULL;
        socklen_t size = 0;

        if (gid == (gid_t) -1 || gid == getegid()) /* the daemon's own group gives no rights */
                return 0;
        if (peer->gid == gid)
                return 1;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE || size == 0)
                return 0;
        groups = malloc(size);
        if (!groups)
                return -ENOMEM;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return -errno;
        for (size_t i = 0; i < size / sizeof(*groups); i++)
                if (groups[i] == gid)
                        return 1;
        return 0;
}

int peer_read(int fd, gid_t admin_gid, usec_t now_boot, struct peer *ret) {
        struct ucred cred;
        socklen_t size = sizeof(cred);
        struct peer peer;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return -errno;
        peer = (struct peer){ .uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .connected_boot = now_boot };
        r = peer.uid == 0 ? 1 : peer_in_group(fd, &peer, admin_gid);
        if (r < 0) /* an admin is not told that he is none */
                return r;
        peer.is_admin = r > 0;
        *ret = peer;
        return 0;
}
