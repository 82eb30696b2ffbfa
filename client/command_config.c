/* command_config: the configuration files that count, for people. Asks no daemon: it may be the one that
 * will not start. */
#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/config_files.h"

/* Copies a file to stdout; only a regular one, since any other could keep us waiting. 0 or negative errno. */
static int copy_file(const char *path) {
        _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char bytes[4096];
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        printf("# %s\n", path);
        while ((n = read(fd, bytes, sizeof bytes)) > 0)
                fwrite(bytes, 1, (size_t) n, stdout);
        return n < 0 ? -errno : 0;
}

int command_cat_config(struct command *command) {
        static const char *const mains[] = { SESSJWT_CONFIG_FILE, SESSJWT_VENDOR_CONFIG_FILE, NULL };
        _cleanup_(config_files_done) struct config_files files = { 0 };
        int r, status = STATUS_DONE;

        r = config_files_list(mains, &files);
        if (r < 0) {
                fprintf(stderr, "sessjwt: Cannot look for %s, %s and their drop-ins: %s\n", mains[0],
                        mains[1], strerror(-r));
                return STATUS_FAILED;
        }
        for (size_t i = 0; i < files.n; i++) {
                if (i)
                        putchar('\n');
                r = copy_file(files.paths[i]);
                if (r < 0) {
                        fprintf(stderr, "sessjwt: Cannot read %s: %s\n", files.paths[i], strerror(-r));
                        status = STATUS_FAILED;
                }
        }
        return status;
}
