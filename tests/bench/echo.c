/* echo SOCKET CALL REPLY: the least that a server on a Unix socket does: reads calls of CALL bytes from the
 * one who is connected and answers each with REPLY bytes, by two system calls. Ends when it is killed. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define SIZE_MOST 65536

static char call[SIZE_MOST], reply[SIZE_MOST];

static void serve(int fd, size_t call_size, size_t reply_size) {
        size_t size = 0;
        ssize_t n;

        while ((n = recv(fd, call, call_size - size, 0)) > 0) {
                size += (size_t) n;
                if (size < call_size)
                        continue;
                size = 0;
                if (send(fd, reply, reply_size, MSG_NOSIGNAL) != (ssize_t) reply_size)
                        return;
        }
}

int main(int argc, char **argv) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t call_size, reply_size;
        int listener, fd;

        if (argc != 4)
                errx(2, "echo SOCKET CALL REPLY");
        call_size = load_number(argv[2], SIZE_MOST);
        reply_size = load_number(argv[3], SIZE_MOST);
        memset(reply, 'x', reply_size - 1);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
        if (listener < 0 || bind(listener, (const struct sockaddr *) &address, sizeof(address)) < 0 ||
                listen(listener, 8) < 0)
                err(1, "%s", argv[1]);
        while ((fd = accept(listener, NULL, NULL)) >= 0) {
                serve(fd, call_size, reply_size);
                close(fd);
        }
        err(1, "accept");
}
