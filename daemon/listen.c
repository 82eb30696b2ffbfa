/* listen: see listen.h. */
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

static void free_names(char ***names) {
        for (char **name = *names; name && *name; name++)
                free(*name);
        free(*names);
}

static int take_from_systemd(struct fdstore *fdstore, struct listeners *ret) {
        struct listeners listeners = { .login = -1, .public = -1 };
        _cleanup_(free_names) char **names = NULL;
        int n = sd_listen_fds_with_names(1, &names);

        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
                if (fdstore_adopt(fdstore, names[fd - SD_LISTEN_FDS_START], fd))
                        continue;
                /* systemd hands them over blocking, and accept is called until there is nobody left. */
                if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                        return -errno;
                if (sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0)
                        listeners.login = fd;
                else if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0)
                        listeners.public = fd;
        }
        if (listeners.login >= 0 && listeners.public >= 0)
                *ret = listeners;
        return n <= 0 ? -ENOENT : listeners.login >= 0 && listeners.public >= 0 ? 0 : -EINVAL;
}

static int socket_path(const char *dir, const char *name, struct sockaddr_un *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);

        if (n < 0 || (size_t) n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        *ret = address;
        return 0;
}

/* A socket that nobody answers on is the leftover of a daemon that was killed; all else is somebody's. */
static int remove_leftover(const struct sockaddr_un *address, int type) {
        _cleanup_(cleanup_close) int fd = -1;
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0 || errno == EAGAIN)
                return -EADDRINUSE;
        if (errno != ECONNREFUSED)
                return errno == ENOENT ? 0 : -errno;
        return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_here(const char *dir, const char *name, int type, mode_t mode) {
        _cleanup_(cleanup_close) int fd = -1;
        struct sockaddr_un address;
        mode_t old;
        int r;

        r = socket_path(dir, name, &address);
        if (r < 0)
                return r;
        r = remove_leftover(&address, type);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        old = umask(0777 & ~mode); /* made with its mode, so that there is no moment with another one */
        r = bind(fd, (const struct sockaddr *) &address, sizeof(address));
        umask(old);
        if (r < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Everybody reaches the public socket in it, whatever the umask. */
static int make_dir(const char *path) {
        if (mkdir(path, 0755) < 0)
                return errno == EEXIST ? 0 : -errno;
        return chmod(path, 0755) < 0 ? -errno : 0;
}

int listeners_open(const char *runtime_dir, struct fdstore *fdstore, struct listeners *ret, char *error,
        unsigned long size) {
        struct listeners listeners = { .login = -1, .public = -1, .are_ours = true };
        int r;

        r = take_from_systemd(fdstore, ret);
        if (r == 0)
                return 0;
        if (r != -ENOENT) {
                snprintf(error, size, "systemd must hand over one SOCK_SEQPACKET and one SOCK_STREAM socket");
                return r;
        }
        r = make_dir(runtime_dir);
        if (r < 0) {
                snprintf(error, size, "cannot make %s: %s", runtime_dir, strerror(-r));
                return r;
        }
        listeners.login = bind_here(runtime_dir, SESSJWT_LOGIN_SOCKET_NAME, SOCK_SEQPACKET, 0600);
        if (listeners.login < 0) {
                snprintf(error, size, "cannot listen on %s/%s: %s", runtime_dir, SESSJWT_LOGIN_SOCKET_NAME,
                        strerror(-listeners.login));
                return listeners.login;
        }
        listeners.public = bind_here(runtime_dir, SESSJWT_VARLINK_SOCKET_NAME, SOCK_STREAM, 0666);
        if (listeners.public < 0) {
                snprintf(error, size, "cannot listen on %s/%s: %s", runtime_dir, SESSJWT_VARLINK_SOCKET_NAME,
                        strerror(-listeners.public));
                close(listeners.login);
                return listeners.public;
        }
        *ret = listeners;
        return 0;
}

void listeners_close(struct listeners *listeners, const char *runtime_dir) {
        static const char *const names[] = { SESSJWT_LOGIN_SOCKET_NAME, SESSJWT_VARLINK_SOCKET_NAME };

        for (size_t i = 0; listeners->are_ours && i < 2; i++) {
                struct sockaddr_un address;

                if (socket_path(runtime_dir, names[i], &address) == 0)
                        (void) unlink(address.sun_path);
        }
        cleanup_close(&listeners->login);
        cleanup_close(&listeners->public);
        listeners->login = listeners->public = -1;
}
