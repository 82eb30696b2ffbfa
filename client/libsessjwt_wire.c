#include "client/libsessjwt_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

#define IN_FIRST 4096 /* most replies are shorter than this */

int64_t wire_now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wire_init(struct wire *wire) {
        *wire = (struct wire){ .fd = -1 };
}

void wire_done(struct wire *wire) {
        wire_disconnect(wire);
        if (wire->in)
                explicit_bzero(wire->in, wire->in_max);
        free(wire->in);
        wire_init(wire);
}

void wire_disconnect(struct wire *wire) {
        if (wire->fd >= 0)
                close(wire->fd);
        wire->fd = -1;
        if (wire->in)
                explicit_bzero(wire->in, wire->in_size);
        wire->in_size = wire->taken = 0;
}

/* connect(2) to a Unix socket waits while the backlog is full, and poll(2) cannot wait for that;
 * SO_SNDTIMEO bounds it. */
static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline) {
        for (;;) {
                int64_t left = deadline - wire_now();
                struct timeval t = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

                if (left <= 0)
                        return -ETIMEDOUT;
                if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) < 0)
                        return -errno;
                if (connect(fd, (const struct sockaddr *) address, sizeof *address) == 0)
                        return 0;
                if (errno == EAGAIN)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

int wire_connect(struct wire *wire, const char *path, int64_t deadline) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(cleanup_close) int fd = -1;
        int r;

        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = connect_until(fd, &address, deadline);
        if (r < 0)
                return r;
        wire->fd = TAKE_FD(fd);
        return 0;
}

bool wire_is_usable(struct wire *wire) {
        char byte;

        if (wire->fd < 0 || wire->in_size > wire->taken)
                return false;
        return recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Waits for one of events, errors included. */
static int wait_until(int fd, short events, int64_t deadline) {
        for (;;) {
                int64_t left = deadline - wire_now();
                struct pollfd p = { .fd = fd, .events = events };
                int n;

                if (left <= 0)
                        return -ETIMEDOUT;
                n = poll(&p, 1, left > 60000 ? 60000 : (int) left);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

int wire_send(struct wire *wire, const char *bytes, size_t size, int64_t deadline) {
        while (size > 0) {
                ssize_t n = send(wire->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                int r;

                if (n >= 0) {
                        bytes += n;
                        size -= (size_t) n;
                        continue;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = wait_until(wire->fd, POLLOUT, deadline);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Drops the message that was handed out and moves what came behind it to the front. */
static void drop_taken(struct wire *wire) {
        size_t rest = wire->in_size - wire->taken;

        if (wire->taken == 0)
                return;
        memmove(wire->in, wire->in + wire->taken, rest);
        explicit_bzero(wire->in + rest, wire->taken);
        wire->in_size = rest;
        wire->taken = 0;
}

/* Makes room for at least one more byte. Not realloc: replies carry tokens, and it would leave a copy
 * behind. */
static int make_room(struct wire *wire) {
        size_t max = wire->in_max ? wire->in_max * 2 : IN_FIRST;
        char *in;

        if (wire->in_size < wire->in_max)
                return 0;
        if (wire->in_max >= REPLY_MAX + 1)
                return -EMSGSIZE;
        if (max > REPLY_MAX + 1)
                max = REPLY_MAX + 1;
        in = malloc(max);
        if (!in)
                return -ENOMEM;
        if (wire->in) {
                memcpy(in, wire->in, wire->in_size);
                explicit_bzero(wire->in, wire->in_max);
                free(wire->in);
        }
        wire->in = in;
        wire->in_max = max;
        return 0;
}

/* One read into the room that there is. Without room for control data the kernel closes descriptors that
 * were sent along and says MSG_CTRUNC, so none ever becomes ours. */
static int read_some(struct wire *wire, int64_t deadline) {
        struct iovec room = { .iov_base = wire->in + wire->in_size, .iov_len = wire->in_max - wire->in_size };
        struct msghdr header = { .msg_iov = &room, .msg_iovlen = 1 };

        for (;;) {
                ssize_t n = recvmsg(wire->fd, &header, MSG_DONTWAIT);
                int r;

                if (n > 0 && header.msg_flags & MSG_CTRUNC)
                        return -EBADMSG;
                if (n > 0) {
                        wire->in_size += (size_t) n;
                        return 0;
                }
                if (n == 0)
                        return -ECONNRESET;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return -errno;
                r = wait_until(wire->fd, POLLIN, deadline);
                if (r < 0)
                        return r;
        }
}

int wire_receive(struct wire *wire, int64_t deadline, char **ret_text, size_t *ret_size) {
        size_t looked_at = 0;

        drop_taken(wire);
        for (;;) {
                char *end = wire->in_size > looked_at
                                    ? memchr(wire->in + looked_at, 0, wire->in_size - looked_at)
                                    : NULL;
                int r;

                if (end) {
                        *ret_text = wire->in;
                        *ret_size = (size_t) (end - wire->in);
                        wire->taken = *ret_size + 1;
                        return 0;
                }
                looked_at = wire->in_size;
                r = make_room(wire);
                if (r < 0)
                        return r;
                r = read_some(wire, deadline);
                if (r < 0)
                        return r;
        }
}
