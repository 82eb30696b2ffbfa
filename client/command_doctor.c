/* command_doctor: see command_doctor.h. The checks on one screen, and what they found in words or JSON. */
#include "client/command_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"

enum { NEEDS_ROOT = 1, NEEDS_DAEMON = 2, NEEDS_DETAILS = 4 };

static const struct check {
        const char *name;
        unsigned needs;
        void (*run)(struct doctor *doctor);
} checks[] = {
        { "daemon", 0, check_daemon }, /* the first: the others go by what it is told */
        { "sockets", 0, check_sockets },
        { "configuration", NEEDS_ROOT | NEEDS_DAEMON, check_configuration },
        { "pam", 0, check_pam },
        { "sshd", NEEDS_ROOT, check_sshd },
        { "logins", NEEDS_DAEMON | NEEDS_DETAILS, check_logins },
        { "page", 0, check_page },
        { "public", 0, check_public },
        { "store", NEEDS_ROOT | NEEDS_DAEMON, check_store },
        { "keys", NEEDS_ROOT | NEEDS_DAEMON, check_keys },
};

#define ANSWER_MSEC 5000 /* a daemon that takes longer is not well */
#define N_CHECKS    (sizeof checks / sizeof *checks)

/* ---- findings ---------------------------------------------------------------------------------------- */

char *doctor_copy(const char *text) {
        char *copy = text ? strdup(text) : NULL;

        if (text && !copy)
                fail_memory();
        return copy;
}

void doctor_find(struct doctor *doctor, enum grade grade, const char *mend, const char *format, ...) {
        _cleanup_(cleanup_free) char *text = NULL, *raw = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&raw, format, arguments);
        va_end(arguments);
        if (r < 0)
                fail_memory();
        text = print_escape(raw); /* files, names and programs of the host speak in it */
        for (size_t i = 0; i < doctor->n; i++)
                if (strcmp(doctor->findings[i].text, text) == 0)
                        return;
        if (doctor->n == DOCTOR_FINDINGS_MAX)
                return;
        doctor->findings[doctor->n++] = (struct finding){
                .check = doctor->check, .grade = grade, .text = TAKE(text), .mend = doctor_copy(mend)
        };
}

bool doctor_has_service(const struct doctor *doctor, const char *service) {
        for (size_t i = 0; i < doctor->n_services; i++)
                if (strcmp(doctor->services[i], service) == 0)
                        return true;
        return false;
}

char *doctor_first_line(char *text) {
        text[strcspn(text, "\n")] = '\0';
        return text;
}

static void doctor_done(struct doctor *doctor) {
        for (size_t i = 0; i < doctor->n; i++) {
                free(doctor->findings[i].text);
                free(doctor->findings[i].mend);
        }
        for (size_t i = 0; i < doctor->n_services; i++)
                free(doctor->services[i]);
        for (size_t i = 0; i < doctor->n_config_files; i++)
                free(doctor->config_files[i]);
        free(doctor->config_files);
        free(doctor->state_dir);
        free(doctor->config_file);
        free(doctor->config_read_at);
}

/* ---- a program of the system's ------------------------------------------------------------------------ */

static int spawn(const char *const *argv, int out, pid_t *ret) {
        static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn(
                        ret, argv[0], &actions, NULL, (char *const *) argv, (char *const *) environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int doctor_run(const char *const *argv, char *ret, size_t size) {
        int ends[2], status, r;
        ssize_t n;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(argv, ends[1], &pid);
        close(ends[1]);
        n = r < 0 ? 0 : bytes_read(ends[0], ret, size - 1);
        close(ends[0]); /* before it is waited for: one that has more to say must not hang */
        if (r < 0)
                return r;
        ret[n > 0 ? n : 0] = '\0';
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* ---- what was found ----------------------------------------------------------------------------------- */

static const char *const grade_names[] = { [GRADE_NOTE] = "note", [GRADE_WRONG] = "wrong" };

static size_t count(const struct doctor *doctor, enum grade grade) {
        size_t n = 0;

        for (size_t i = 0; i < doctor->n; i++)
                n += doctor->findings[i].grade == grade;
        return n;
}

static void print_text(const struct doctor *doctor, const bool *skipped) {
        size_t wrong = count(doctor, GRADE_WRONG), n_skipped = 0;

        for (size_t i = 0; i < doctor->n; i++) {
                const struct finding *finding = &doctor->findings[i];

                printf("%-5s  %s: %s.\n       %s.\n", grade_names[finding->grade], finding->check,
                        finding->text, finding->mend);
        }
        if (!doctor->command->legend)
                return;
        for (size_t i = 0; i < N_CHECKS; i++)
                if (skipped[i])
                        printf("%s%s",
                                n_skipped++ ? ", " : "Not looked at, which only root can: ", checks[i].name);
        fputs(n_skipped ? ".\n" : "", stdout);
        if (wrong == 0)
                puts("Nothing is wrong.");
        else
                printf("%zu thing%s wrong.\n", wrong, wrong == 1 ? " is" : "s are");
}

static void put_findings(struct json_writer *w, const struct doctor *doctor) {
        json_key(w, "findings");
        json_open_array(w);
        for (size_t i = 0; i < doctor->n; i++) {
                json_open_object(w);
                json_member_string(w, "check", doctor->findings[i].check);
                json_member_string(w, "grade", grade_names[doctor->findings[i].grade]);
                json_member_string(w, "text", doctor->findings[i].text);
                json_member_string(w, "mend", doctor->findings[i].mend);
                json_close_object(w);
        }
        json_close_array(w);
}

static int print_object(const struct doctor *doctor, const bool *skipped) {
        _cleanup_(cleanup_free) char *text = calloc(1, REPLY_MAX + 1);
        struct json_writer w;
        size_t size = 0;

        if (!text)
                fail_memory();
        json_writer_init(&w, text, REPLY_MAX);
        json_open_object(&w);
        json_member_bool(&w, "ok", count(doctor, GRADE_WRONG) == 0);
        put_findings(&w, doctor);
        json_key(&w, "services");
        json_open_array(&w);
        for (size_t i = 0; i < doctor->n_services; i++)
                json_put_string(&w, doctor->services[i]);
        json_close_array(&w);
        json_key(&w, "skipped");
        json_open_array(&w);
        for (size_t i = 0; i < N_CHECKS; i++)
                if (skipped[i])
                        json_put_string(&w, checks[i].name);
        json_close_array(&w);
        json_close_object(&w);
        if (json_writer_finish(&w, &size) < 0)
                return -ENOBUFS;
        text[size] = '\0';
        print_json(doctor->command, text);
        return 0;
}

/* ---- the verb ----------------------------------------------------------------------------------------- */

/* The daemon's folder is the one of its socket. */
static void find_runtime_dir(struct doctor *doctor) {
        const char *socket = doctor->command->socket, *slash = strrchr(socket, '/');
        size_t size = slash ? (size_t) (slash - socket) : 0;

        if (size == 0 || size >= sizeof doctor->runtime_dir)
                snprintf(doctor->runtime_dir, sizeof doctor->runtime_dir, "%s",
                        size ? SESSJWT_RUNTIME_DIR : ".");
        else
                snprintf(doctor->runtime_dir, sizeof doctor->runtime_dir, "%.*s", (int) size, socket);
}

/* What needs the daemon is passed over without a word where it is not there: that is a finding. */
static bool may_run(const struct doctor *doctor, const struct check *check, bool *ret_skipped) {
        bool is_admin = doctor->is_root || doctor->has_details;

        *ret_skipped = (check->needs & NEEDS_ROOT && !doctor->is_root) ||
                       (check->needs & NEEDS_DETAILS && !is_admin);
        return !*ret_skipped && !(check->needs & NEEDS_DAEMON && !doctor->has_daemon);
}

int command_doctor(struct command *command) {
        _cleanup_(doctor_done) struct doctor doctor = { .command = command, .is_root = geteuid() == 0 };
        bool skipped[N_CHECKS];

        find_runtime_dir(&doctor);
        sessjwt_set_timeout(command->c, ANSWER_MSEC);
        for (size_t i = 0; i < N_CHECKS; i++)
                if (may_run(&doctor, &checks[i], &skipped[i])) {
                        doctor.check = checks[i].name;
                        checks[i].run(&doctor);
                }
        if (command->format == FORMAT_TEXT)
                print_text(&doctor, skipped);
        else if (print_object(&doctor, skipped) < 0)
                return STATUS_FAILED;
        return count(&doctor, GRADE_WRONG) ? STATUS_FAILED : STATUS_DONE;
}
