/* bytes: all that a file or a descriptor has to give, up to a bound. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

/* Opens for reading what others put there and may be anything: no link is followed, no FIFO waited for. A
 * descriptor, or negative errno, which is never -EINTR, on file systems of the network either. */
static inline int bytes_open(const char *path) {
        int fd;

        do
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        while (fd < 0 && errno == EINTR);
        return fd < 0 ? -errno : fd;
}

/* Reads until nothing comes any more or size bytes are there; who must know whether there is more gives room
 * for one byte more than he takes. Returns how many; negative errno, and then what is in buf means
 * nothing. */
static inline ssize_t bytes_read(int fd, void *buf, size_t size) {
        size_t n = 0;

        while (n < size) {
                ssize_t more = read(fd, (uint8_t *) buf + n, size - n);

                if (more < 0 && errno == EINTR)
                        continue;
                if (more < 0)
                        return -errno;
                if (more == 0)
                        break;
                n += (size_t) more;
        }
        return (ssize_t) n;
}
