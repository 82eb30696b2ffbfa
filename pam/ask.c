/* ask: see the header. The budget is one deadline: every wait takes what is left of it. */
#include "pam/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "client/cleanup.h"

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC 1000

static uint64_t boot_usec(void) {
        struct timespec now;

        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
                return UINT64_MAX; /* no such clock: every deadline has passed */
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}

static uint64_t usec_left(uint64_t deadline) {
        uint64_t now = boot_usec();

        return now < deadline ? deadline - now : 0;
}

/* Who may write to the folder may put another socket there, of root's too, between this look and the
 * connection. Root's own folder is everybody's. */
static int check_folder(const char *path) {
        char folder[sizeof(((struct sockaddr_un *) NULL)->sun_path)];
        const char *name = strrchr(path, '/');
        size_t length = name ? (size_t) (name - path) + 1 : 0;
        struct stat st;

        if (length == 0 || length >= sizeof(folder))
                return -ENAMETOOLONG;
        memcpy(folder, path, length); /* with its slash, which stands for the root folder too */
        folder[length] = '\0';
        if (stat(folder, &st) < 0)
                return -errno;
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return -EPERM;
        return 0;
}

/* Not through a link, which may lead to a socket of root's that is not the daemon's. */
static int check_owner(const char *path) {
        struct stat st;
        int r = check_folder(path);

        if (r < 0)
                return r;
        if (lstat(path, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        return st.st_uid == geteuid() ? 0 : -EPERM;
}

bool ask_is_own_socket(const char *path) {
        return check_owner(path) == 0;
}

/* login(1) calls with 0, 1 and 2 closed; what is opened there would be taken for a terminal. */
static int move_up(int low) {
        int fd;

        if (low < 0 || low > STDERR_FILENO)
                return low;
        fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
        return fd;
}

/* What a full backlog (connect) and a full queue (send) may take. A timeout of 0 would mean forever. */
static int limit_sending(int fd, uint64_t deadline) {
        uint64_t left = usec_left(deadline);
        struct timeval limit = { .tv_sec = (time_t) (left / USEC_PER_SEC),
                .tv_usec = (suseconds_t) (left % USEC_PER_SEC) };

        if (left == 0)
                return -ETIMEDOUT;
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ? -errno : 0;
}

/* The peer's credentials of a connected socket are those of the process that called listen(): PID 1, when
 * systemd made the socket, whoever serves it. */
static int check_server(int fd) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return peer.uid == 0 || peer.uid == geteuid() ? 0 : -EPERM;
}

static int connect_until(int fd, const char *path, uint64_t deadline) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        for (;;) {
                r = limit_sending(fd, deadline);
                if (r < 0)
                        return r;
                if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) == 0)
                        return 0;
                if (errno == EAGAIN)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

/* 0 with a socket whose other end is the daemon's. */
static int reach_daemon(const char *path, uint64_t deadline, int *ret, const char **ret_step) {
        _cleanup_(cleanup_close) int fd = -1;
        int r;

        *ret_step = "the socket's owner";
        r = check_owner(path);
        if (r < 0)
                return r;
        *ret_step = "socket";
        fd = move_up(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        if (fd < 0)
                return -errno;
        *ret_step = "connect";
        r = connect_until(fd, path, deadline);
        if (r < 0)
                return r;
        *ret_step = "the server's uid";
        r = check_server(fd);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}

/* Sent with a pidfd of this process, by which the daemon knows the leader whatever becomes of its pid;
 * without one where there is none. */
static int send_until(int fd, const void *frame, size_t size, uint64_t deadline) {
        _cleanup_(cleanup_close) int pidfd = move_up((int) syscall(SYS_pidfd_open, getpid(), 0));
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec vector = { .iov_base = (void *) frame, .iov_len = size };
        struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
        int r;

        if (pidfd >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                control.header = (struct cmsghdr){
                        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(pidfd))
                };
                memcpy(CMSG_DATA(&control.header), &pidfd, sizeof(pidfd));
        }
        for (;;) {
                r = limit_sending(fd, deadline);
                if (r < 0)
                        return r;
                if (sendmsg(fd, &message, MSG_NOSIGNAL) >= 0)
                        return 0;
                if (errno == EAGAIN)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

/* No room for control data is given, so the kernel drops descriptors that come along; there should be none.
 * An answer that is there is taken, however late: this process may have been stopped, by whoever started su
 * and would not like to hear it. */
static int receive_until(int fd, void *buf, size_t size, uint64_t deadline, size_t *ret_size) {
        struct iovec vector = { .iov_base = buf, .iov_len = size };

        for (;;) {
                struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
                struct pollfd waiting = { .fd = fd, .events = POLLIN };
                ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
                struct timespec limit;
                uint64_t left;

                if (n == 0)
                        return -ECONNRESET;
                if (n > 0) {
                        *ret_size = (size_t) n;
                        return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : 0;
                }
                if (errno != EINTR && errno != EAGAIN)
                        return -errno;
                left = usec_left(deadline);
                if (left == 0)
                        return -ETIMEDOUT;
                limit = (struct timespec){ .tv_sec = (time_t) (left / USEC_PER_SEC),
                        .tv_nsec = (long) (left % USEC_PER_SEC) * NSEC_PER_USEC };
                if (ppoll(&waiting, 1, &limit, NULL) < 0 && errno != EINTR)
                        return -errno;
        }
}

static int read_reply(int fd, uint64_t deadline, struct frame_reply *ret, const char **ret_step) {
        uint8_t packet[FRAME_REPLY_MAX];
        uint16_t version;
        size_t size = 0;
        int r;

        *ret_step = "receive";
        r = receive_until(fd, packet, sizeof(packet), deadline, &size);
        if (r < 0)
                return r;
        *ret_step = "the reply";
        return frame_read_reply(packet, size, ret, &version);
}

static int ask(const char *path, struct frame_request *request, struct frame_reply *ret,
        struct ask_trouble *trouble) {
        _cleanup_(cleanup_free) void *frame = malloc(FRAME_REQUEST_MAX); /* too large for a stack of others */
        _cleanup_(cleanup_close) int fd = -1;
        size_t size;
        int r;

        trouble->step = "memory";
        if (!frame)
                return -ENOMEM;
        r = frame_write_request(request, frame, FRAME_REQUEST_MAX, &size, &trouble->step);
        if (r < 0)
                return r;
        r = reach_daemon(path, request->deadline, &fd, &trouble->step);
        if (r < 0)
                return r;
        trouble->step = "send";
        r = send_until(fd, frame, size, request->deadline);
        if (r < 0)
                return r;
        r = read_reply(fd, request->deadline, ret, &trouble->step);
        trouble->error = -r;
        if (r == -EPROTONOSUPPORT)
                return ASK_UNSUPPORTED;
        return r < 0 ? ASK_UNANSWERED : 0;
}

int ask_daemon(const char *path, unsigned *budget_msec, struct frame_request *request,
        struct frame_reply *ret, struct ask_trouble *ret_trouble) {
        int r;

        request->deadline = boot_usec() + *budget_msec * USEC_PER_MSEC;
        r = ask(path, request, ret, ret_trouble);
        *budget_msec = (unsigned) (usec_left(request->deadline) / USEC_PER_MSEC);
        if (r < 0)
                ret_trouble->error = -r;
        return r;
}
