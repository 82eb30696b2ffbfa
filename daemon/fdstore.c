/* fdstore: see fdstore.h. The messages are those of sd_notify(3), sent by hand: its calls wait for the
 * service manager, for which no login may wait. */
#include "daemon/fdstore.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/cleanup.h"

#define NAME_FORMAT      "leader-%d-%" PRIu64
#define MESSAGE_SIZE_MAX 128

struct handed {
        pid_t pid;
        uint64_t start;
        int pidfd; /* -1: taken */
};

struct fdstore {
        int socket; /* -1: nobody keeps anything */
        struct handed *handed;
        size_t n_handed;
        bool is_sorted;
};

/* Connected to $NOTIFY_SOCKET: a path, or with @ an abstract name. */
static int connect_manager(void) {
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(cleanup_close) int fd = -1;
        socklen_t size;

        if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
                return -ENOENT;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path));
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        else
                size++;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, size) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int fdstore_open(struct fdstore **ret) {
        struct fdstore *fdstore = calloc(1, sizeof(*fdstore));

        if (!fdstore)
                return -ENOMEM;
        fdstore->socket = connect_manager();
        *ret = fdstore;
        return 0;
}

void fdstore_close(struct fdstore **fdstore) {
        if (!*fdstore)
                return;
        for (size_t i = 0; i < (*fdstore)->n_handed; i++)
                cleanup_close(&(*fdstore)->handed[i].pidfd);
        cleanup_close(&(*fdstore)->socket);
        free((*fdstore)->handed);
        free(*fdstore);
        *fdstore = NULL;
}

bool fdstore_adopt(struct fdstore *fdstore, const char *name, int fd) {
        struct handed handed = { .pidfd = fd }, *more;
        char again[MESSAGE_SIZE_MAX];

        if (sscanf(name, NAME_FORMAT, &handed.pid, &handed.start) != 2)
                return false;
        snprintf(again, sizeof(again), NAME_FORMAT, handed.pid, handed.start);
        if (strcmp(again, name) != 0)
                return false;
        more = reallocarray(fdstore->handed, fdstore->n_handed + 1, sizeof(*more));
        if (!more) { /* then it is opened by its pid */
                close(fd);
                return true;
        }
        fdstore->handed = more;
        fdstore->handed[fdstore->n_handed++] = handed;
        fdstore->is_sorted = false;
        return true;
}

static int compare(const void *a, const void *b) {
        const struct handed *x = a, *y = b;

        if (x->pid != y->pid)
                return x->pid < y->pid ? -1 : 1;
        return x->start < y->start ? -1 : x->start > y->start;
}

static struct handed *find(struct fdstore *fdstore, const struct leader_id *id) {
        struct handed wanted = { .pid = id->pid, .start = id->start };

        if (!fdstore->is_sorted && fdstore->n_handed > 0)
                qsort(fdstore->handed, fdstore->n_handed, sizeof(*fdstore->handed), compare);
        fdstore->is_sorted = true;
        if (fdstore->n_handed == 0)
                return NULL;
        return bsearch(&wanted, fdstore->handed, fdstore->n_handed, sizeof(*fdstore->handed), compare);
}

int fdstore_take(struct fdstore *fdstore, const struct leader_id *id) {
        struct handed *handed = fdstore ? find(fdstore, id) : NULL;

        return handed && handed->pidfd >= 0 ? TAKE_FD(handed->pidfd) : -ENOENT;
}

static void send_message(const struct fdstore *fdstore, const char *text, int fd) {
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec iov = { .iov_base = (void *) text, .iov_len = strlen(text) };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (fd >= 0) {
                struct cmsghdr *header = &control.align;

                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        }
        (void) sendmsg(fdstore->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void fdstore_keep(struct fdstore *fdstore, const struct leader_id *id, int pidfd) {
        char text[MESSAGE_SIZE_MAX];

        if (!fdstore || fdstore->socket < 0 || find(fdstore, id)) /* it was handed over, so it is kept */
                return;
        snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" NAME_FORMAT, id->pid, id->start);
        send_message(fdstore, text, pidfd);
}

void fdstore_drop(const struct fdstore *fdstore, const struct leader_id *id) {
        char text[MESSAGE_SIZE_MAX];

        if (!fdstore || fdstore->socket < 0)
                return;
        snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=" NAME_FORMAT, id->pid, id->start);
        send_message(fdstore, text, -1);
}

void fdstore_settle(struct fdstore *fdstore) {
        for (size_t i = 0; i < fdstore->n_handed; i++) {
                const struct handed *handed = &fdstore->handed[i];
                struct leader_id id = { .pid = handed->pid, .start = handed->start };

                if (handed->pidfd < 0)
                        continue;
                fdstore_drop(fdstore, &id);
                close(handed->pidfd);
        }
        fdstore->n_handed = 0;
}
