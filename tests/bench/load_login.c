/* load_login SOCKET LEADERS: many modules at once. Each login is what pam_sessjwt does at an open: a
 * connection of its own, one frame of a login by ssh key with the pidfd of its leader, one reply. Leaders
 * are processes that do nothing; sessions are dealt out among them, and live until this program ends.
 *
 * Standard input has lines of words name=number, each answered by a line of JSON when it is done: `logins`
 * (how many, or with `seconds` at most so many), `at_once`, `seconds`, `users` and `first` (users are
 * u0000000 and so on, each with a device and an address of his own; their uids begin at 100000), `uid`
 * (then it is one user, of the name that stands behind the words in the line: `logins=64 uid=2000 alice`). */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "pam/frame.h"
#include "tests/bench/load.h"

#define AT_ONCE_MAX 1024
#define LINE_SIZE   512
#define FIRST_UID   100000
#define DEADLINE    (UINT64_C(1) << 62) /* they wait as long as it takes */

struct order {
        unsigned long logins, at_once, users, first, uid;
        double seconds;
        char user[USER_MAX + 1];
};

struct flight {
        int fd;
        double begun;
};

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int *leaders;
static size_t n_leaders;
static int epoll;
static struct flight flights[AT_ONCE_MAX];
static uint64_t n_opened; /* since the start: which leader is next */

/* ---- leaders ---- */

static int start_leader(void) {
        pid_t self = getpid(), pid = fork();
        int fd;

        if (pid < 0)
                err(1, "fork");
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                while (getppid() == self)
                        pause();
                _exit(0);
        }
        fd = pidfd_open(pid, 0);
        if (fd < 0)
                err(1, "pidfd_open");
        return fd;
}

static void start_leaders(size_t n) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
        leaders = calloc(n, sizeof(*leaders));
        if (!leaders || n == 0)
                errx(1, "no leaders");
        for (; n_leaders < n; n_leaders++)
                leaders[n_leaders] = start_leader();
}

/* ---- one login ---- */

/* SSH_AUTH_INFO_0 of an ed25519 key that is this user's. */
static void write_auth_info(unsigned long user, char *ret, size_t size) {
        uint8_t blob[51] = { 0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9', 0, 0, 0,
                32 };
        char base64[72];

        for (size_t i = 0; i < sizeof(user); i++)
                blob[19 + i] = (uint8_t) (user >> (8 * i));
        EVP_EncodeBlock((unsigned char *) base64, blob, sizeof(blob));
        snprintf(ret, size, "publickey ssh-ed25519 %s\n", base64);
}

static size_t write_frame(const struct order *order, unsigned long number, uint8_t *packet, size_t size) {
        unsigned long user = order->first + (order->users ? number % order->users : 0);
        char name[USER_MAX + 1], rhost[32], connection[64], auth_info[160];
        const uint32_t groups[] = { 1000, 100, 27 };
        struct frame_request request = { .phase = FRAME_OPEN,
                .deadline = DEADLINE,
                .uid = (uint32_t) (order->uid ? order->uid : FIRST_UID + user),
                .user = order->uid ? order->user : name,
                .service = "sshd",
                .realm = SESSJWT_DEFAULT_REALM,
                .tty = SSHD_TTY,
                .rhost = rhost,
                .ssh_connection = connection,
                .auth_info = auth_info,
                .n_groups = 3,
                .groups = groups };
        const char *field = "";
        size_t length = 0;

        snprintf(name, sizeof(name), "u%07lu", user);
        snprintf(rhost, sizeof(rhost), "10.%lu.%lu.%lu", user >> 16 & 255, user >> 8 & 255, user & 255);
        snprintf(connection, sizeof(connection), "%s 50022 192.0.2.1 22", rhost);
        write_auth_info(order->uid ? order->uid : FIRST_UID + user, auth_info, sizeof(auth_info));
        if (frame_write_request(&request, packet, size, &length, &field) < 0)
                errx(1, "frame: %s", field);
        return length;
}

static void send_frame(int fd, const uint8_t *packet, size_t size, int pidfd) {
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *) packet, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &pidfd, sizeof(int));
        if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t) size)
                err(1, "send");
}

static void take_off(const struct order *order, unsigned long number, size_t place) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = place };
        struct flight *flight = &flights[place];
        uint8_t packet[4096];
        size_t size = write_frame(order, number, packet, sizeof(packet));

        flight->begun = load_now();
        flight->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (flight->fd < 0 || connect(flight->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                err(1, "connect");
        send_frame(flight->fd, packet, size, leaders[n_opened++ % n_leaders]);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, flight->fd, &event) < 0)
                err(1, "epoll_ctl");
}

/* Any other answer than a session is an error: what is measured would not be logins. */
static void land(size_t place, struct load_times *times) {
        struct flight *flight = &flights[place];
        struct frame_reply reply;
        uint8_t packet[FRAME_REPLY_MAX];
        uint16_t version;
        ssize_t n = recv(flight->fd, packet, sizeof(packet), 0);

        if (n <= 0)
                errx(1, "a login was not answered: %s", n < 0 ? strerror(errno) : "hung up");
        load_times_add(times, load_now() - flight->begun);
        if (frame_read_reply(packet, (size_t) n, &reply, &version) < 0 || reply.outcome != FRAME_OK)
                errx(1, "a login was answered %d: %s", reply.outcome, reply.text);
        close(flight->fd);
}

/* ---- an order ---- */

static void carry_out(const struct order *order) {
        double begun = load_now(), end = order->seconds > 0 ? begun + order->seconds : 0;
        struct load_times times;
        unsigned long n_begun = 0, n_flying = 0;

        load_times_make(&times, order->logins);
        for (; n_begun < order->at_once && n_begun < order->logins; n_flying++)
                take_off(order, n_begun++, n_flying);
        while (n_flying > 0) {
                struct epoll_event events[64];
                int n = epoll_wait(epoll, events, 64, -1);

                if (n < 0 && errno != EINTR)
                        err(1, "epoll_wait");
                for (int i = 0; i < n; i++) {
                        size_t place = (size_t) events[i].data.u64;

                        land(place, &times);
                        if (n_begun < order->logins && (end == 0 || load_now() < end))
                                take_off(order, n_begun++, place);
                        else
                                n_flying--;
                }
        }
        times.rate = (double) times.n / (load_now() - begun);
        load_times_print(&times);
        fflush(stdout);
}

static struct order read_order(char *line) {
        struct order order = { .logins = 1, .at_once = 1, .users = 1 };
        const struct {
                const char *name;
                unsigned long *value;
        } words[] = { { "logins=", &order.logins }, { "at_once=", &order.at_once },
                { "users=", &order.users }, { "first=", &order.first }, { "uid=", &order.uid } };

        for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
                size_t i = 0;

                while (i < sizeof(words) / sizeof(*words) &&
                        strncmp(word, words[i].name, strlen(words[i].name)) != 0)
                        i++;
                if (i < sizeof(words) / sizeof(*words))
                        *words[i].value = strtoul(word + strlen(words[i].name), NULL, 10);
                else if (strncmp(word, "seconds=", 8) == 0)
                        order.seconds = strtod(word + 8, NULL);
                else
                        snprintf(order.user, sizeof(order.user), "%s", word);
        }
        if (order.at_once < 1 || order.at_once > AT_ONCE_MAX || (order.uid != 0) != (*order.user != '\0'))
                errx(2, "an order that cannot be carried out");
        return order;
}

int main(int argc, char **argv) {
        char line[LINE_SIZE];

        if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
                errx(2, "usage: load_login SOCKET LEADERS");
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
                err(1, "epoll");
        start_leaders(strtoul(argv[2], NULL, 10));
        while (fgets(line, sizeof(line), stdin)) {
                struct order order = read_order(line);

                carry_out(&order);
        }
        return 0;
}
