/* process: see process.h. */
#include "daemon/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"

#define PROC_TEXT_MAX 4096

static int proc_open(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        return fd;
}

/* Reads a file of /proc that the kernel makes in one piece: one read gives all of it, as far as there is
 * room. Logins wait meanwhile. Returns its length or negative errno. */
static ssize_t proc_read(const char *path, char *buf, size_t size) {
        _cleanup_(cleanup_close) int fd = proc_open(path);
        ssize_t n;

        if (fd < 0)
                return fd;
        do
                n = read(fd, buf, size - 1);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return n;
}

/* One that has a piece a process. */
static ssize_t proc_read_list(const char *path, char *buf, size_t size) {
        _cleanup_(cleanup_close) int fd = proc_open(path);
        ssize_t n;

        if (fd < 0)
                return fd;
        n = bytes_read(fd, buf, size - 1);
        if (n >= 0)
                buf[n] = '\0';
        return n;
}

int process_read(pid_t pid, struct process *ret) {
        char path[64], text[PROC_TEXT_MAX];
        struct process process = { .pid = pid };
        char *open_paren, *close_paren;
        char state;
        int parent;
        long tty;
        unsigned long long start;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        n = proc_read(path, text, sizeof(text));
        if (n < 0)
                return (int) n;
        /* The command may hold blanks and parentheses: the last ')' ends it (proc(5)). */
        open_paren = strchr(text, '(');
        close_paren = strrchr(text, ')');
        if (!open_paren || !close_paren || close_paren < open_paren)
                return -EBADMSG;
        *close_paren = '\0';
        snprintf(process.command, sizeof(process.command), "%.16s", open_paren + 1);
        if (sscanf(close_paren + 1,
                    " %c %d %*d %*d %ld %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
                    &parent, &tty, &start) != 4)
                return -EBADMSG;
        if (state == 'Z' || state == 'X')
                return -ESRCH;
        process.parent = parent;
        process.tty = (unsigned long) tty;
        process.start = start;
        *ret = process;
        return 0;
}

static int read_audit_uid(pid_t pid, uint32_t *ret) {
        char path[64], text[32];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/loginuid", pid);
        n = proc_read(path, text, sizeof(text));
        *ret = n > 0 ? (uint32_t) strtoul(text, NULL, 10) : UINT32_MAX; /* a kernel may have no audit */
        return n == -ESRCH ? -ESRCH : 0;
}

static int read_real_uid(pid_t pid, uint32_t *ret) {
        char path[64], text[PROC_TEXT_MAX];
        const char *line;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        n = proc_read(path, text, sizeof(text));
        if (n < 0)
                return (int) n;
        line = strstr(text, "\nUid:");
        if (!line || sscanf(line, "\nUid: %u", ret) != 1)
                return -EBADMSG;
        return 0;
}

int process_login_uid(pid_t pid, uint32_t *ret) {
        struct process process;
        uint32_t uid;
        int r;

        r = read_audit_uid(pid, &uid);
        if (r < 0)
                return r;
        if (uid != UINT32_MAX) {
                *ret = uid;
                return 0;
        }
        r = read_real_uid(pid, &uid);
        if (r == 0 && uid == 0)
                r = process_read(pid, &process);
        if (r == 0 && uid == 0 && process.parent > 1)
                r = read_real_uid(process.parent, &uid);
        if (r == 0)
                *ret = uid;
        return r;
}

int process_audit_session(pid_t pid, uint32_t *ret) {
        char path[64], text[32];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/sessionid", pid);
        n = proc_read(path, text, sizeof(text));
        if (n < 0)
                return (int) n;
        *ret = (uint32_t) strtoul(text, NULL, 10);
        return 0;
}

/* Linux 6.13 tells it in one call, of which older headers know nothing: its answer's first version. */
struct pidfd_told {
        uint64_t mask; /* asked for, then told; its lowest bit: the ids of processes */
        uint64_t cgroup;
        uint32_t pid, tgid, ppid;
        uint32_t users[8];
        int32_t exit_code;
};

#define PIDFD_TELL _IOWR(0xFF, 11, struct pidfd_told)

static bool pidfd_tell(int pidfd, pid_t *ret) {
        struct pidfd_told told = { .mask = 1 };

        if (ioctl(pidfd, PIDFD_TELL, &told) < 0 || !(told.mask & 1) || told.tgid == 0)
                return false;
        *ret = (pid_t) told.tgid;
        return true;
}

int process_of_pidfd(int pidfd, pid_t *ret) {
        char path[64], text[PROC_TEXT_MAX];
        const char *line;
        ssize_t n;
        long pid;

        if (pidfd_tell(pidfd, ret))
                return 0;
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        n = proc_read(path, text, sizeof(text));
        if (n < 0)
                return (int) n;
        line = strstr(text, "\nPid:");
        if (!line)
                return -EBADMSG; /* not a pidfd */
        pid = strtol(line + 5, NULL, 10);
        if (pid <= 0) /* -1: reaped; 0: in a pid namespace that is not below ours (proc(5)) */
                return -ESRCH;
        *ret = (pid_t) pid;
        return 0;
}

bool pidfd_is_alive(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };

        return poll(&p, 1, 0) == 0;
}

/* The numbers in the text; one that the end of the buffer may have cut is none. */
static size_t read_pids(const char *text, bool is_whole, pid_t *ret, size_t max) {
        size_t n = 0;

        while (n < max) {
                char *end;
                long pid = strtol(text, &end, 10);

                if (end == text || (*end == '\0' && !is_whole))
                        break;
                ret[n++] = (pid_t) pid;
                text = end;
        }
        return n;
}

/* Children are listed by the thread that made them. */
static size_t process_children(pid_t pid, pid_t *ret, size_t max, size_t *tasks_left) {
        _cleanup_(cleanup_dir) DIR *tasks = NULL;
        char path[64];
        size_t n = 0;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        tasks = opendir(path);
        if (!tasks)
                return 0;
        for (struct dirent *entry; *tasks_left > 0 && n < max && (entry = readdir(tasks));) {
                char children[sizeof(path) + sizeof(entry->d_name) + 16];
                char text[PROC_TEXT_MAX];
                ssize_t length;

                if (entry->d_name[0] == '.')
                        continue;
                (*tasks_left)--;
                snprintf(children, sizeof(children), "%s/%s/children", path, entry->d_name);
                length = proc_read_list(children, text, sizeof(text));
                if (length > 0)
                        n += read_pids(text, (size_t) length < sizeof(text) - 1, ret + n, max - n);
        }
        return n;
}

size_t process_descendants(pid_t pid, pid_t *ret, size_t max) {
        size_t tasks_left = PROCESS_TASKS_MAX, n = process_children(pid, ret, max, &tasks_left);

        for (size_t i = 0; i < n && n < max; i++)
                n += process_children(ret[i], ret + n, max - n, &tasks_left);
        return n;
}

usec_t process_started(const struct process *process) {
        long hertz = sysconf(_SC_CLK_TCK);

        return clock_from_boot(process->start * (USEC_PER_SEC / (usec_t) (hertz > 0 ? hertz : 100)));
}
