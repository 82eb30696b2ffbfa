/* command_doctor_daemon: what the daemon tells of itself, its configuration, its keys and its store. */
#include "client/command_doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/config_files.h"

#define FREE_BYTES_MIN ((uint64_t) 64 << 20)
#define FREE_NODES_MIN 64
#define FILL_HIGH      700 /* thousandths; at 900 no session is opened */
#define ROTATION_SLACK 600 /* seconds */

/* ---- the daemon itself -------------------------------------------------------------------------------- */

static void note_details(struct doctor *doctor) {
        struct sessjwt *c = doctor->command->c;

        doctor->config_read_at = doctor_copy(sessjwt_reply_string(c, "details.configReadAt"));
        doctor->has_details = doctor->config_read_at;
        doctor->config_file = doctor_copy(sessjwt_reply_string(c, "details.configFile"));
        doctor->state_dir = doctor_copy(sessjwt_reply_string(c, "details.stateDir"));
        sessjwt_reply_integer(c, "details.storeFill", &doctor->store_fill);
        sessjwt_reply_bool(c, "details.asks", &doctor->asks);
        sessjwt_reply_bool(c, "details.endsByScope", &doctor->ends_by_scope);
        sessjwt_reply_bool(c, "details.tokenFiles", &doctor->token_files);
        doctor->n_config_files = sessjwt_reply_count(c, "details.configFiles");
        doctor->config_files = calloc(doctor->n_config_files + 1, sizeof *doctor->config_files);
        if (!doctor->config_files)
                fail_memory();
        for (size_t i = 0; i < doctor->n_config_files; i++) {
                char path[64];
                const char *file;

                snprintf(path, sizeof path, "details.configFiles.%zu", i);
                file = sessjwt_reply_string(c, path);
                doctor->config_files[i] = doctor_copy(file ? file : "");
        }
}

void check_daemon(struct doctor *doctor) {
        struct sessjwt *c = doctor->command->c;
        int r = sessjwt_get_health(c);
        const char *text;

        if (r != 0) {
                doctor_find(doctor, GRADE_WRONG, "systemctl start sessjwtd.socket; journalctl -u sessjwtd",
                        "sessjwtd does not answer on %s: %s", doctor->command->socket, sessjwt_error_text(r));
                return;
        }
        doctor->has_daemon = true;
        note_details(doctor);
        text = sessjwt_reply_string(c, "version");
        if (!text || strcmp(text, SESSJWT_VERSION) != 0)
                doctor_find(doctor, GRADE_WRONG, "systemctl restart sessjwtd",
                        "sessjwtd is of version %s, this command of " SESSJWT_VERSION, text ? text : "?");
        for (size_t i = 0, n = sessjwt_reply_count(c, "problems"); i < n; i++) {
                char path[32];

                snprintf(path, sizeof path, "problems.%zu", i);
                text = sessjwt_reply_string(c, path);
                doctor_find(doctor, GRADE_WRONG, "See journalctl -u sessjwtd for when and why",
                        "the daemon says: %s", text ? text : "?");
        }
}

/* ---- its configuration --------------------------------------------------------------------------------- */

/* Where programs are that nobody but root puts there. */
static const char *const programs[] = { SESSJWT_SBIN_DIR "/sessjwtd", "/usr/sbin/sessjwtd",
        "/usr/local/sbin/sessjwtd", NULL };

static void check_present(struct doctor *doctor) {
        char output[DOCTOR_OUTPUT_MAX];

        for (size_t i = 0; programs[i]; i++) {
                const char *argv[] = { programs[i], "--check-config", NULL, NULL, NULL };
                int r;

                if (access(programs[i], X_OK) < 0)
                        continue;
                if (doctor->config_file) {
                        argv[2] = "--config";
                        argv[3] = doctor->config_file;
                }
                r = doctor_run(argv, output, sizeof output);
                if (r > 0)
                        doctor_find(doctor, GRADE_WRONG, "Mend it: sessjwtd would not start with it",
                                "the configuration is invalid: %s", doctor_first_line(output));
                return;
        }
        doctor_find(doctor, GRADE_NOTE, "Run sessjwtd --check-config by hand",
                "sessjwtd is not installed where a doctor looks: the configuration was not read");
}

/* By milliseconds, which is what the text has. */
static bool is_later(const struct timespec *time, const char *rfc3339) {
        struct tm utc = { 0 };
        const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &utc);
        int64_t msec;

        if (!rest)
                return false;
        msec = (int64_t) timegm(&utc) * 1000 + (*rest == '.' ? strtol(rest + 1, NULL, 10) : 0);
        return (int64_t) time->tv_sec * 1000 + time->tv_nsec / 1000000 > msec;
}

/* ctime: a file that is put there with an older mtime is new all the same. */
static void check_age(struct doctor *doctor, const struct config_files *files) {
        static const char mend[] = "systemctl reload sessjwtd";
        bool is_same = files->n == doctor->n_config_files;
        struct stat st;

        for (size_t i = 0; is_same && i < files->n; i++)
                is_same = strcmp(files->paths[i], doctor->config_files[i]) == 0;
        if (!is_same)
                doctor_find(doctor, GRADE_WRONG, mend,
                        "the daemon runs with other configuration files than there are now");
        for (size_t i = 0; i < files->n; i++)
                if (stat(files->paths[i], &st) == 0 && is_later(&st.st_ctim, doctor->config_read_at))
                        doctor_find(doctor, GRADE_WRONG, mend, "%s has changed since the daemon read it",
                                files->paths[i]);
}

void check_configuration(struct doctor *doctor) {
        const char *usual[] = { SESSJWT_CONFIG_FILE, SESSJWT_VENDOR_CONFIG_FILE, NULL };
        const char *named[] = { doctor->config_file, NULL };
        _cleanup_(config_files_done) struct config_files files = { 0 };

        check_present(doctor);
        if (doctor->config_read_at && config_files_list(doctor->config_file ? named : usual, &files) == 0)
                check_age(doctor, &files);
}

/* ---- its keys ------------------------------------------------------------------------------------------ */

static bool has_passed(const char *rfc3339, time_t slack) {
        struct tm utc = { 0 };

        return rfc3339 && strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &utc) && timegm(&utc) + slack < time(NULL);
}

void check_keys(struct doctor *doctor) {
        static const char mend[] = "sessjwt rotate-key; journalctl -u sessjwtd";
        struct sessjwt *c = doctor->command->c;
        bool has_active = false, has_next = false;
        int r = sessjwt_list_keys(c);

        if (r != 0) {
                doctor_find(doctor, GRADE_WRONG, "See journalctl -u sessjwtd",
                        "the keys cannot be listed: %s", sessjwt_error_text(r));
                return;
        }
        for (size_t i = 0, n = sessjwt_reply_count(c, "keys"); i < n; i++) {
                char path[32];
                const char *state, *until;

                snprintf(path, sizeof path, "keys.%zu.state", i);
                state = sessjwt_reply_string(c, path);
                snprintf(path, sizeof path, "keys.%zu.until", i);
                until = sessjwt_reply_string(c, path);
                has_next |= state && strcmp(state, "next") == 0;
                if (!state || strcmp(state, "active") != 0)
                        continue;
                has_active = true;
                if (has_passed(until, ROTATION_SLACK))
                        doctor_find(doctor, GRADE_WRONG, mend,
                                "the key that signs should have been replaced at %s", until);
        }
        if (!has_active)
                doctor_find(doctor, GRADE_WRONG, mend, "no key signs: there are no tokens");
        if (!has_next)
                doctor_find(doctor, GRADE_WRONG, mend, "no next key is published ahead");
}

/* ---- its store ----------------------------------------------------------------------------------------- */

static void check_room(struct doctor *doctor) {
        struct statvfs fs;
        uint64_t left;

        if (statvfs(doctor->state_dir, &fs) < 0)
                return;
        left = (uint64_t) fs.f_bavail * fs.f_frsize;
        if (left < FREE_BYTES_MIN)
                doctor_find(doctor, GRADE_WRONG, "Make room on that file system",
                        "%s has %llu MiB left: without room no login is kept", doctor->state_dir,
                        (unsigned long long) (left >> 20));
        if (fs.f_files > 0 && fs.f_favail < FREE_NODES_MIN)
                doctor_find(doctor, GRADE_WRONG, "Make room on that file system", "%s has %llu inodes left",
                        doctor->state_dir, (unsigned long long) fs.f_favail);
        if (fs.f_flag & ST_RDONLY)
                doctor_find(doctor, GRADE_WRONG, "Mount it for writing", "%s is on a read-only file system",
                        doctor->state_dir);
}

void check_store(struct doctor *doctor) {
        struct stat st;

        if (!doctor->state_dir)
                return;
        if (stat(doctor->state_dir, &st) < 0) {
                doctor_find(doctor, GRADE_WRONG, "Stop sessjwtd, bring the folder back, start sessjwtd",
                        "%s, where the daemon keeps all: %s", doctor->state_dir, strerror(errno));
                return;
        }
        if (st.st_mode & 077)
                doctor_find(doctor, GRADE_WRONG, "chmod 0700, and sessjwt rotate-key --revoke if it was read",
                        "%s has mode %04o: private keys are in it", doctor->state_dir,
                        (unsigned) st.st_mode & 07777);
        check_room(doctor);
        if (doctor->store_fill >= FILL_HIGH)
                doctor_find(doctor, GRADE_NOTE, "End sessions, and see which users have so many",
                        "%lld of 1000 parts of the store's map are used; at 900 no session is opened",
                        (long long) doctor->store_fill);
}
