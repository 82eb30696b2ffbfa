/* command_doctor_host: what lies on the host: sockets, the public folder, the module's file, sshd. */
#include "client/command_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "client/status_map.h"

#define SSHD            "/usr/sbin/sshd"
#define SILENT_SEC      5
#define CLOCK_SLACK_SEC 5
#define MODULE_MAX      (1 << 20)

static void join(char ret[static DOCTOR_PATH_MAX], const char *folder, const char *name) {
        if ((size_t) snprintf(ret, DOCTOR_PATH_MAX, "%s/%s", folder, name) >= DOCTOR_PATH_MAX)
                *ret = '\0'; /* which is not there */
}

/* ---- sockets ------------------------------------------------------------------------------------------- */

static void check_socket(struct doctor *doctor, const char *name, mode_t mode) {
        char path[DOCTOR_PATH_MAX];
        struct stat st;

        join(path, doctor->runtime_dir, name);
        if (lstat(path, &st) < 0) {
                doctor_find(doctor, GRADE_WRONG, "systemctl start sessjwtd.socket", "%s: %s", path,
                        strerror(errno));
                return;
        }
        if (!S_ISSOCK(st.st_mode))
                doctor_find(doctor, GRADE_WRONG, "Take it away; systemctl restart sessjwtd.socket",
                        "%s is no socket", path);
        else if ((st.st_mode & 07777) != mode)
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd.socket",
                        "%s has mode %04o; %04o is right", path, (unsigned) st.st_mode & 07777,
                        (unsigned) mode);
        if (st.st_uid != 0)
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd.socket",
                        "%s belongs to uid %u; logins ask only a socket of root's", path,
                        (unsigned) st.st_uid);
}

/* Who may write to the folder can put sockets of his own there. */
static void check_folder(struct doctor *doctor, const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return; /* what should be in it is missed */
        if (st.st_uid != 0 || st.st_mode & 022)
                doctor_find(doctor, GRADE_WRONG, "chown root: and chmod 0755 it",
                        "%s belongs to uid %u and has mode %04o; root and 0755 are right", path,
                        (unsigned) st.st_uid, (unsigned) st.st_mode & 07777);
}

void check_sockets(struct doctor *doctor) {
        check_folder(doctor, doctor->runtime_dir);
        check_socket(doctor, SESSJWT_LOGIN_SOCKET_NAME, 0600);
        check_socket(doctor, SESSJWT_VARLINK_SOCKET_NAME, 0666);
}

/* ---- the status page ----------------------------------------------------------------------------------- */

static void close_map(struct status_map **map) {
        status_map_close(map);
}

void check_page(struct doctor *doctor) {
        _cleanup_(close_map) struct status_map *map = NULL;
        const struct status_header *header;
        char folder[DOCTOR_PATH_MAX];
        uint64_t heartbeat, now;
        int64_t ahead;
        int r;

        join(folder, doctor->runtime_dir, SESSJWT_PUBLIC_DIR_NAME);
        r = status_map_open(folder, &map);
        if (r < 0) {
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd",
                        "%s/%s cannot be read, so no program verifies tokens by itself: %s", folder,
                        SESSJWT_STATUS_NAME, strerror(-r));
                return;
        }
        header = status_map_view(map)->header;
        heartbeat = atomic_load(&header->heartbeat);
        now = status_clock();
        ahead = (int64_t) (atomic_load(&header->wall) / 1000000) - (int64_t) time(NULL);
        if (now > heartbeat && (now - heartbeat) / 1000000 > SILENT_SEC)
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd",
                        "the daemon gave no sign of life for %llu s; after %d s every token is refused",
                        (unsigned long long) ((now - heartbeat) / 1000000), MAX_STALE_SEC);
        if (ahead > CLOCK_SLACK_SEC)
                doctor_find(doctor, GRADE_WRONG,
                        "Set the clock right; if it is, wait, or take public/status away and restart "
                        "sessjwtd",
                        "the clock was set back: tokens tell a time that is %lld s ahead of it, and other "
                        "hosts refuse them",
                        (long long) ahead);
}

/* ---- the public folder --------------------------------------------------------------------------------- */

static int read_file(const char *path, char *ret, size_t size) {
        _cleanup_(cleanup_close) int fd =
                open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
        ssize_t n = fd < 0 ? -errno : bytes_read(fd, ret, size - 1);

        if (n >= 0)
                ret[n] = '\0';
        return n < 0 ? (int) n : 0;
}

static void check_published(
        struct doctor *doctor, const char *folder, const struct stat *owner, const char *name) {
        char path[DOCTOR_PATH_MAX];
        struct stat st;

        join(path, folder, name);
        if (lstat(path, &st) < 0)
                doctor_find(
                        doctor, GRADE_WRONG, "systemctl restart sessjwtd", "%s: %s", path, strerror(errno));
        else if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != 0644 || st.st_uid != owner->st_uid)
                doctor_find(doctor, GRADE_WRONG, "Take it away; systemctl restart sessjwtd",
                        "%s belongs to uid %u and has mode %06o; uid %u and 100644 are right", path,
                        (unsigned) st.st_uid, (unsigned) st.st_mode, (unsigned) owner->st_uid);
}

/* What verifiers read is what the daemon signs with. */
static void check_jwks(struct doctor *doctor, const char *folder) {
        _cleanup_(cleanup_free) char *text = malloc(JWKS_MAX + 2);
        char path[DOCTOR_PATH_MAX];

        if (!text)
                fail_memory();
        join(path, folder, SESSJWT_JWKS_NAME);
        if (!doctor->has_daemon || read_file(path, text, JWKS_MAX + 2) < 0 ||
                sessjwt_get_keys(doctor->command->c) != 0)
                return;
        for (size_t i = 0, n = sessjwt_reply_count(doctor->command->c, "keys"); i < n; i++) {
                const char *kid;
                char member[32];

                snprintf(member, sizeof member, "keys.%zu.kid", i);
                kid = sessjwt_reply_string(doctor->command->c, member);
                if (kid && !strstr(text, kid))
                        doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd",
                                "%s does not have the key %s", path, kid);
        }
}

/* What is in it is each user's own business; nobody lists it, and the daemon alone writes to it. */
static void check_tokens(struct doctor *doctor, const char *folder, const struct stat *owner) {
        char path[DOCTOR_PATH_MAX];
        struct stat st;

        join(path, folder, SESSJWT_TOKENS_DIR_NAME);
        if (lstat(path, &st) < 0)
                return; /* the first session makes it; that it cannot be made is the daemon's to say */
        if (!S_ISDIR(st.st_mode) || (st.st_mode & 07777) != 0711 || st.st_uid != owner->st_uid)
                doctor_find(doctor, GRADE_WRONG, "Take it away; systemctl restart sessjwtd",
                        "%s belongs to uid %u and has mode %06o; uid %u and 040711 are right", path,
                        (unsigned) st.st_uid, (unsigned) st.st_mode, (unsigned) owner->st_uid);
}

void check_public(struct doctor *doctor) {
        static const char *const names[] = { SESSJWT_STATUS_NAME, SESSJWT_JWKS_NAME,
                SESSJWT_STATUS_LIST_NAME };
        char folder[DOCTOR_PATH_MAX];
        struct stat st;

        join(folder, doctor->runtime_dir, SESSJWT_PUBLIC_DIR_NAME);
        if (lstat(folder, &st) < 0) {
                doctor_find(
                        doctor, GRADE_WRONG, "systemctl restart sessjwtd", "%s: %s", folder, strerror(errno));
                return;
        }
        if (!S_ISDIR(st.st_mode) || (st.st_mode & 07777) != 0755)
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd",
                        "%s has mode %06o; 040755 is right", folder, (unsigned) st.st_mode);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                check_published(doctor, folder, &st, names[i]);
        if (doctor->token_files)
                check_tokens(doctor, folder, &st);
        check_jwks(doctor, folder);
}

/* ---- the module's file --------------------------------------------------------------------------------- */

static const char *const module_folders[] = { SESSJWT_SECURITY_DIR, "/lib/security", "/usr/lib/security",
        "/lib64/security", "/usr/lib64/security" };

static int find_module(const char *module, char ret[static DOCTOR_PATH_MAX], struct stat *ret_st) {
        int r = -1;

        if (*module == '/') {
                snprintf(ret, DOCTOR_PATH_MAX, "%s", module);
                return stat(module, ret_st);
        }
        for (size_t i = 0; r < 0 && i < sizeof module_folders / sizeof *module_folders; i++) {
                join(ret, module_folders[i], module);
                r = stat(ret, ret_st);
        }
        return r;
}

/* The module says what it is in a text of its own (pam_sessjwt.c). */
static void check_version(struct doctor *doctor, const char *path) {
        static const char word[] = "pam_sessjwt version " SESSJWT_VERSION "\n";
        _cleanup_(cleanup_free) char *bytes = malloc(MODULE_MAX);
        _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n;

        if (!bytes)
                fail_memory();
        n = fd < 0 ? -1 : bytes_read(fd, bytes, MODULE_MAX);
        if (n >= 0 && !memmem(bytes, (size_t) n, word, sizeof word - 1))
                doctor_find(doctor, GRADE_WRONG, "Install the module of this version",
                        "%s is not of version " SESSJWT_VERSION, path);
}

void check_module(struct doctor *doctor, const char *module, const char *place) {
        char path[DOCTOR_PATH_MAX];
        struct stat st;

        if (find_module(module, path, &st) < 0) {
                if (errno == EACCES) /* it lies where only root can look */
                        return;
                doctor_find(doctor, GRADE_WRONG, "Install the module, or take the lines away",
                        "%s: the module %s is not there: logins go on without a session", place, module);
                return;
        }
        if (st.st_uid != 0 || st.st_mode & 022 || !S_ISREG(st.st_mode))
                doctor_find(doctor, GRADE_WRONG, "Install it anew: it runs as root in every login",
                        "%s belongs to uid %u and has mode %04o: others than root can write it", path,
                        (unsigned) st.st_uid, (unsigned) st.st_mode & 07777);
        check_version(doctor, path);
}

/* ---- sshd ---------------------------------------------------------------------------------------------- */

static bool says(const char *output, const char *line) {
        const char *found = strstr(output, line);

        return found && (found == output || found[-1] == '\n') && found[strlen(line)] == '\n';
}

void check_sshd(struct doctor *doctor) {
        const char *const argv[] = { SSHD, "-T", NULL };
        char output[DOCTOR_OUTPUT_MAX];
        int r;

        if (!doctor_has_service(doctor, "sshd") || access(SSHD, X_OK) < 0)
                return;
        r = doctor_run(argv, output, sizeof output);
        if (r != 0) {
                doctor_find(doctor, GRADE_NOTE, "Look whether UsePAM yes applies",
                        "sshd -T tells nothing: %s", r < 0 ? strerror(-r) : doctor_first_line(output));
                return;
        }
        if (!says(output, "usepam yes"))
                doctor_find(doctor, GRADE_WRONG, "Set UsePAM yes in sshd_config; systemctl reload ssh",
                        "sshd does not use PAM: no login by ssh has a session");
        if (doctor->asks && !says(output, "kbdinteractiveauthentication yes"))
                doctor_find(doctor, GRADE_NOTE,
                        "Set KbdInteractiveAuthentication yes in sshd_config; systemctl reload ssh",
                        "a policy has on_limit = ask, and sshd cannot ask: KbdInteractiveAuthentication is "
                        "no");
}
