/* terminal: see terminal.h. sshd tells PAM "ssh" for every terminal, so they are found through the
 * leader's descendants. */
#include "daemon/terminal.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <linux/major.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/process.h"

#define DESCENDANTS_MAX 1024
#define TERMINALS_MAX   64

/* Majors of Documentation/admin-guide/devices.txt: 4 the consoles, 136 to 143 the pseudo terminals. */
static bool terminal_path(dev_t device, char *ret, size_t size) {
        unsigned number = minor(device);

        if (major(device) >= 136 && major(device) <= 143)
                return snprintf(ret, size, "/dev/pts/%u", number + (major(device) - 136) * 256) > 0;
        if (major(device) == 4 && number >= 1 && number <= 63)
                return snprintf(ret, size, "/dev/tty%u", number) > 0;
        return false;
}

static bool terminal_write(dev_t device, uid_t uid, const char *line) {
        _cleanup_(cleanup_close) int fd = -1;
        char path[64], text[1024];
        struct stat st;
        int n;

        if (!terminal_path(device, path, sizeof(path)))
                return false;
        fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != device || st.st_uid != uid)
                return false;
        n = snprintf(text, sizeof(text), "\r\n%s\r\n", line);
        if (n < 0 || (size_t) n >= sizeof(text))
                return false;
        for (char *p = text + 2; p < text + n - 2; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        *p = '?';
        return write(fd, text, (size_t) n) == n;
}

/* The number that /proc/PID/stat gives: minor 7-0 in bits 7-0, major in 15-8, minor 19-8 in 31-20
 * (proc(5)). */
static dev_t terminal_device(unsigned long tty) {
        return makedev((tty >> 8) & 0xff, (tty & 0xff) | ((tty >> 12) & 0xfff00));
}

/* The terminals that the process or a descendant is controlled by, each once. */
static size_t find_terminals(pid_t pid, dev_t ret[static TERMINALS_MAX]) {
        pid_t pids[DESCENDANTS_MAX + 1];
        size_t n = 0, n_pids;

        pids[0] = pid;
        n_pids = 1 + process_descendants(pid, pids + 1, DESCENDANTS_MAX);
        for (size_t i = 0; i < n_pids && n < TERMINALS_MAX; i++) {
                struct process process;
                bool known = false;
                dev_t device;

                if (process_read(pids[i], &process) < 0 || process.tty == 0)
                        continue;
                device = terminal_device(process.tty);
                for (size_t k = 0; k < n; k++)
                        known |= ret[k] == device;
                if (!known)
                        ret[n++] = device;
        }
        return n;
}

size_t terminal_tell(pid_t pid, uid_t uid, const char *line) {
        dev_t devices[TERMINALS_MAX];
        size_t n = find_terminals(pid, devices), n_heard = 0;

        for (size_t i = 0; i < n; i++)
                n_heard += terminal_write(devices[i], uid, line);
        return n_heard;
}

/* Whether keys go to the terminal: a console that a display draws on gets none (console_ioctl(2)). */
static bool terminal_is_read(const char *path, dev_t device) {
        _cleanup_(cleanup_close) int fd = -1;
        int mode;

        if (major(device) != TTY_MAJOR)
                return true;
        fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 && ioctl(fd, KDGETMODE, &mode) == 0 && mode == KD_TEXT;
}

size_t terminal_last_read(pid_t pid, uid_t uid, usec_t *ret_wall) {
        dev_t devices[TERMINALS_MAX];
        size_t n = find_terminals(pid, devices), n_read = 0;
        usec_t newest = 0;

        for (size_t i = 0; i < n; i++) {
                char path[64];
                struct stat st;
                usec_t at;

                if (!terminal_path(devices[i], path, sizeof(path)) || lstat(path, &st) < 0 ||
                        !S_ISCHR(st.st_mode) || st.st_rdev != devices[i] || st.st_uid != uid ||
                        !terminal_is_read(path, devices[i]))
                        continue;
                at = st.st_atim.tv_sec > 0 ? (usec_t) st.st_atim.tv_sec * USEC_PER_SEC : 0;
                newest = at > newest ? at : newest;
                n_read++;
        }
        if (n_read > 0)
                *ret_wall = newest;
        return n_read;
}
