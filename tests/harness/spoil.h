/* spoil: puts the program that calls it into a state that nobody would wish for, and in which PAM modules are
 * called all the same. For tests only. */
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int spoil_limit(int resource, unsigned long value) {
        struct rlimit limits = { .rlim_cur = value, .rlim_max = value };

        return setrlimit(resource, &limits);
}

static inline int spoil_descriptors(unsigned long n) {
        if (spoil_limit(RLIMIT_NOFILE, n + 1024) < 0)
                return -1;
        for (; n > 0; n--)
                if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
                        return -1;
        return 0;
}

/* All that there is room for: nothing of any size can be had any more. */
static inline int spoil_memory(void) {
        if (spoil_limit(RLIMIT_AS, 0) < 0)
                return -1;
        for (size_t size = 1 << 20; size >= sizeof(void *); size /= 2)
                while (malloc(size))
                        ;
        return 0;
}

static inline int spoil_user(unsigned long uid) {
        if (setgroups(0, NULL) < 0 || setgid((gid_t) uid) < 0)
                return -1;
        return setuid((uid_t) uid);
}

/* descriptors N: so many more are open; files N: there may be so many; memory: there is none; umask: it is
 * 0; children: are never waited for; pipes: a broken one ends it; chroot FOLDER; user UID: it is that one
 * from now on. 0, or -1. */
static inline int spoil(const char *how, const char *value) {
        unsigned long n = strtoul(value, NULL, 10);

        if (strcmp(how, "descriptors") == 0)
                return spoil_descriptors(n);
        if (strcmp(how, "files") == 0)
                return spoil_limit(RLIMIT_NOFILE, n);
        if (strcmp(how, "memory") == 0)
                return spoil_memory();
        if (strcmp(how, "children") == 0)
                return signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0;
        if (strcmp(how, "pipes") == 0)
                return signal(SIGPIPE, SIG_DFL) == SIG_ERR ? -1 : 0;
        if (strcmp(how, "chroot") == 0)
                return chroot(value);
        if (strcmp(how, "user") == 0)
                return spoil_user(n);
        if (strcmp(how, "umask") != 0)
                return -1;
        umask(0);
        return 0;
}
