/* load_calls SOCKET CONNECTIONS DEPTH CALLS: calls of any kind on the public socket: those in the file
 * CALLS, one a line, each in its turn; DEPTH of them are under way on each connection. A reply may be of
 * any length; one that is an error ends the program.
 *
 * Each line of standard input has how many calls to make, and how many seconds that may take; it is
 * answered by a line of JSON: calls a second, and the times from a call to its reply in microseconds. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define CONNECTIONS_MAX 64
#define DEPTH_MAX       64
#define CALLS_MAX       100000
#define CALL_MAX        65536

static struct caller {
        double begun[DEPTH_MAX]; /* of those under way, a ring: replies come in the order of their calls */
        size_t first, n;
        char head[512]; /* what the reply that is coming begins with */
        size_t length;
} callers[CONNECTIONS_MAX];

static struct pollfd fds[CONNECTIONS_MAX];
static size_t n_connections, depth;
static char *calls[CALLS_MAX];
static size_t n_calls, next_call;

static int connect_to(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (strlen(path) >= sizeof(address.sun_path))
                errx(2, "%s: too long", path);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                err(1, "%s", path);
        return fd;
}

static void read_calls(const char *path) {
        static char line[CALL_MAX];
        FILE *file = fopen(path, "re");

        if (!file)
                err(1, "%s", path);
        while (n_calls < CALLS_MAX && fgets(line, sizeof(line), file)) {
                line[strcspn(line, "\n")] = '\0';
                calls[n_calls] = strdup(line);
                if (!calls[n_calls++])
                        errx(1, "no memory");
        }
        fclose(file);
        if (n_calls == 0)
                errx(2, "%s: no calls", path);
}

static void send_call(size_t c) {
        struct caller *caller = &callers[c];
        const char *call = calls[next_call++ % n_calls];
        size_t size = strlen(call) + 1;

        caller->begun[(caller->first + caller->n++) % DEPTH_MAX] = load_now();
        for (ssize_t n; size > 0; call += n, size -= (size_t) n) {
                n = send(fds[c].fd, call, size, MSG_NOSIGNAL);
                if (n < 0)
                        err(1, "send");
        }
}

static void note_reply(struct caller *caller, struct load_times *times) {
        size_t length = caller->length < sizeof(caller->head) ? caller->length : sizeof(caller->head) - 1;

        caller->head[length] = '\0';
        if (strstr(caller->head, "\"error\":"))
                errx(1, "%s", caller->head);
        load_times_add(times, load_now() - caller->begun[caller->first]);
        caller->first = (caller->first + 1) % DEPTH_MAX;
        caller->n--;
        caller->length = 0;
}

/* Returns how many replies came to their end. */
static size_t receive(size_t c, struct load_times *times) {
        static char bytes[1 << 16];
        struct caller *caller = &callers[c];
        ssize_t n = recv(fds[c].fd, bytes, sizeof(bytes), 0);
        size_t replies = 0;

        if (n <= 0)
                errx(1, "the daemon has hung up");
        for (ssize_t i = 0; i < n; i++) {
                if (bytes[i] == '\0') {
                        note_reply(caller, times);
                        replies++;
                } else {
                        if (caller->length < sizeof(caller->head))
                                caller->head[caller->length] = bytes[i];
                        caller->length++;
                }
        }
        return replies;
}

static void carry_out(size_t wanted, double seconds) {
        size_t n_begun = 0, n_done = 0;
        double begun = load_now();
        struct load_times times;

        load_times_make(&times, wanted);
        for (size_t c = 0; c < n_connections; c++)
                for (size_t i = 0; i < depth && n_begun < wanted; i++, n_begun++)
                        send_call(c);
        while (n_done < n_begun) {
                if (poll(fds, n_connections, -1) < 0 && errno != EINTR)
                        err(1, "poll");
                for (size_t c = 0; c < n_connections; c++) {
                        if (!(fds[c].revents & (POLLIN | POLLHUP)))
                                continue;
                        for (size_t n = receive(c, &times); n > 0; n--, n_done++)
                                if (n_begun < wanted && load_now() - begun < seconds) {
                                        send_call(c);
                                        n_begun++;
                                }
                }
        }
        times.rate = (double) times.n / (load_now() - begun);
        load_times_print(&times);
        fflush(stdout);
}

int main(int argc, char **argv) {
        char line[64];

        if (argc != 5)
                errx(2, "usage: load_calls SOCKET CONNECTIONS DEPTH CALLS");
        n_connections = load_number(argv[2], CONNECTIONS_MAX);
        depth = load_number(argv[3], DEPTH_MAX);
        read_calls(argv[4]);
        for (size_t c = 0; c < n_connections; c++)
                fds[c] = (struct pollfd){ .fd = connect_to(argv[1]), .events = POLLIN };
        while (fgets(line, sizeof(line), stdin)) {
                char *end;
                size_t wanted = strtoul(line, &end, 10);

                carry_out(wanted, strtod(end, NULL));
        }
        return 0;
}
