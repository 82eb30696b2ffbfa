/* peer: see peer.h. */
#include "daemon/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/cleanup.h"

static bool peer_in_group(int fd, const struct peer *peer, gid_t gid) {
        _cleanup_(cleanup_free) gid_t *groups = NULL;
        socklen_t size = 0;

        if (gid == (gid_t) -1 || gid == getegid()) /* the daemon's own group gives no rights */
                return false;
        if (peer->gid == gid)
                return true;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE || size == 0)
                return false;
        groups = malloc(size);
        if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return false;
        for (size_t i = 0; i < size / sizeof(*groups); i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

int peer_read(int fd, gid_t admin_gid, usec_t now_boot, struct peer *ret) {
        struct ucred cred;
        socklen_t size = sizeof(cred);
        struct peer peer;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return -errno;
        peer = (struct peer){ .uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .connected_boot = now_boot };
        peer.is_admin = peer.uid == 0 || peer_in_group(fd, &peer, admin_gid);
        *ret = peer;
        return 0;
}
