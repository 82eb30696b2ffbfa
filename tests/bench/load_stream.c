/* load_stream SOCKET CPU CALLS DEPTH CONNECTIONS: sends the call on standard input (its bytes, and a NUL)
 * again and again and reads the replies, each up to its NUL; DEPTH calls are under way on each connection;
 * this process on processor CPU. Writes JSON: calls a second, and with one under way the percentiles of
 * their times in microseconds. The same program asks the daemon and the echo, so that only they differ. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define CONNECTIONS_MAX 64
#define DEPTH_MAX       64
#define CALL_MAX        65536

static char call[CALL_MAX], *batch;
static size_t call_size, reply_size; /* of the first reply: the others are as long */
static struct pollfd fds[CONNECTIONS_MAX];
static size_t waiting[CONNECTIONS_MAX]; /* bytes of replies that have not come */
static char reply[1 << 20];

static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || (size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
                              sizeof(address.sun_path))
                errx(1, "%s: no socket", path);
        while (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                if (errno != EINTR)
                        err(1, "%s", path);
        return fd;
}

static void send_all(int fd, const char *bytes, size_t size) {
        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

                if (n < 0)
                        err(1, "send");
                bytes += n;
                size -= (size_t) n;
        }
}

static size_t receive_some(int fd) {
        ssize_t n = recv(fd, reply, sizeof(reply), 0);

        if (n <= 0)
                errx(1, "the peer has hung up");
        return (size_t) n;
}

/* One call and its reply; true if it is answered as the first one was. */
static size_t ask(int fd) {
        size_t size = 0;

        send_all(fd, call, call_size);
        do
                size += receive_some(fd);
        while (reply[(size - 1) % sizeof(reply)] != '\0' && size < sizeof(reply) && size < reply_size);
        return size;
}

static void ask_one_by_one(size_t calls, struct load_times *times) {
        for (size_t i = 0; i < calls; i++) {
                double begin = load_now();

                if (ask(fds[0].fd) != reply_size)
                        errx(1, "another reply than before: %.200s", reply);
                load_times_add(times, load_now() - begin);
        }
}

/* Whenever all replies of a connection are there, its next DEPTH calls go out. */
static double ask_pipelined(size_t calls, size_t depth, size_t connections) {
        size_t left = calls / depth, answered = 0;
        double begin = load_now();

        for (size_t c = 0; c < connections; c++, left--) {
                send_all(fds[c].fd, batch, call_size * depth);
                waiting[c] = reply_size * depth;
        }
        while (answered < calls / depth) {
                if (poll(fds, connections, -1) < 0)
                        err(1, "poll");
                for (size_t c = 0; c < connections; c++) {
                        if (!(fds[c].revents & POLLIN))
                                continue;
                        waiting[c] -= receive_some(fds[c].fd);
                        if (waiting[c] > 0)
                                continue;
                        answered++;
                        if (left == 0)
                                continue;
                        left--;
                        send_all(fds[c].fd, batch, call_size * depth);
                        waiting[c] = reply_size * depth;
                }
        }
        return (double) calls / (load_now() - begin);
}

static void set_up(const char *path, size_t depth, size_t connections) {
        call_size = fread(call, 1, sizeof(call) - 1, stdin) + 1;
        batch = malloc(call_size * depth);
        if (!batch)
                errx(1, "no memory");
        for (size_t i = 0; i < depth; i++)
                memcpy(batch + i * call_size, call, call_size);
        for (size_t c = 0; c < connections; c++)
                fds[c] = (struct pollfd){ .fd = connect_to(path), .events = POLLIN };
        reply_size = SIZE_MAX;
        reply_size = ask(fds[0].fd);
}

int main(int argc, char **argv) {
        struct load_times times;
        size_t calls, depth, connections;

        if (argc != 6)
                errx(2, "load_stream SOCKET CPU CALLS DEPTH CONNECTIONS");
        calls = load_number(argv[3], 1 << 24);
        depth = load_number(argv[4], DEPTH_MAX);
        connections = load_number(argv[5], CONNECTIONS_MAX);
        load_pin(argv[2]);
        set_up(argv[1], depth, connections);
        load_times_make(&times, calls);
        if (depth == 1 && connections == 1)
                ask_one_by_one(calls, &times);
        else
                times.rate = ask_pipelined(
                        calls / (depth * connections) * depth * connections, depth, connections);
        load_times_print(&times);
        for (size_t c = 0; c < connections; c++)
                close(fds[c].fd);
        free(batch);
        return 0;
}
