/* restore: see restore.h. */
#include "daemon/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"
#include "daemon/store.h"

#define KEPT_NAME_FORMAT "replaced-%Y%m%dT%H%M%SZ"

static int fail(const char *what, int error) {
        fprintf(stderr, "sessjwtd: %s: %s\n", what, strerror(error));
        return 1;
}

/* What root makes here the daemon could not use. */
static int become_owner(const char *state_dir) {
        struct stat st;

        if (stat(state_dir, &st) < 0)
                return -errno;
        if (geteuid() != 0 || st.st_uid == 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
                setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
                return -errno;
        return 0;
}

static int explain(const char *state_dir, const char *file, int r, const struct store_restored *restored) {
        switch (r) {
        case -EBUSY:
                fprintf(stderr,
                        "sessjwtd: %s is in use by sessjwtd, pid %d: stop it first (systemctl stop "
                        "sessjwtd.socket sessjwtd.service)\n",
                        state_dir, restored->holder);
                break;
        case -EPERM:
                fprintf(stderr, "sessjwtd: %s must belong to uid %u, and nobody else may write in it\n",
                        state_dir, geteuid());
                break;
        case -EBADMSG:
                fprintf(stderr, "sessjwtd: %s is no store of sessjwtd, or is damaged%s%s\n", file,
                        *restored->error ? ": " : "", restored->error);
                break;
        case -EPROTO:
                fprintf(stderr,
                        "sessjwtd: %s was made with another schema; this is sessjwtd %s, which reads schema "
                        "%u: restore it with the version that made it, then upgrade\n",
                        file, SESSJWT_VERSION, store_schema());
                break;
        default:
                fprintf(stderr, "sessjwtd: cannot restore %s into %s: %s\n", file, state_dir, strerror(-r));
        }
        if (restored->is_placed)
                fprintf(stderr, "sessjwtd: it is in its place all the same; the power may take it away\n");
        else
                fprintf(stderr, "sessjwtd: nothing was changed\n");
        return 1;
}

int restore_run(const char *state_dir, const char *file) {
        _cleanup_(cleanup_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct store_restored restored;
        char kept_name[BACKUP_NAME_MAX + 1];
        time_t now = time(NULL);
        struct tm tm;
        int r;

        if (fd < 0)
                return fail(file, errno);
        r = become_owner(state_dir);
        if (r < 0)
                return fail(state_dir, -r);
        strftime(kept_name, sizeof(kept_name), KEPT_NAME_FORMAT, gmtime_r(&now, &tm));
        r = store_restore(state_dir, fd, kept_name, &restored);
        if (r)
                return explain(state_dir, file, r, &restored);
        printf("%s was restored into %s.\n", file, state_dir);
        if (restored.has_kept)
                printf("The store that was there is %s/%s/%s now; it holds private keys.\n", state_dir,
                        SESSJWT_BACKUPS_DIR_NAME, kept_name);
        printf("With its next start sessjwtd makes new keys and ends the %llu session%s of the backup; no "
               "token of before counts then.\n",
                (unsigned long long) restored.n_sessions, restored.n_sessions == 1 ? "" : "s");
        return fflush(stdout) == 0 ? 0 : 1;
}
