/* command_doctor_pam: where our lines stand in the stacks of PAM, and what stands around them. */
#include "client/command_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "client/pam_stack.h"
#include "pam/options.h"

#define OURS      "pam_sessjwt"
#define MEND_LINE "Write the line as pam_sessjwt(8) has it"

/* Where libpam looks for services; the first one wins. */
static const char *const folders[] = { "/etc/pam.d", "/usr/lib/pam.d" };

#define N_FOLDERS (sizeof folders / sizeof *folders)

struct service {
        char *name;
        struct pam_stack *stack;
        bool is_included;  /* another one's lines are its lines: a part rather than a service */
        const char *class; /* static; "": not known */
};

struct services {
        struct service *items[DOCTOR_SERVICES_MAX];
        size_t n;
};

static void services_done(struct services *services) {
        for (size_t i = 0; i < services->n; i++) {
                pam_stack_free(&services->items[i]->stack);
                free(services->items[i]->name);
                free(services->items[i]);
        }
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int read_text(const char *path, char **ret) {
        _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_(cleanup_free) char *text = NULL;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        text = malloc(PAM_STACK_FILE_MAX + 2);
        if (!text)
                return -ENOMEM;
        n = bytes_read(fd, text, PAM_STACK_FILE_MAX + 1);
        if (n < 0 || n > PAM_STACK_FILE_MAX)
                return n < 0 ? (int) n : -EFBIG;
        text[n] = '\0';
        *ret = TAKE(text);
        return 0;
}

static int load(void *userdata, const char *file, char **ret) {
        char path[DOCTOR_PATH_MAX];
        int r = -ENOENT;

        if (*file == '/')
                return read_text(file, ret);
        for (size_t i = 0; r == -ENOENT && i < N_FOLDERS; i++) {
                if ((size_t) snprintf(path, sizeof path, "%s/%s", folders[i], file) >= sizeof path)
                        return -ENAMETOOLONG;
                r = read_text(path, ret);
        }
        return r;
}

/* Not what editors and dpkg leave behind. */
static bool is_service_name(const char *name) {
        return !strpbrk(name, ".~") && strlen(name) <= SERVICE_MAX && strcmp(name, "other") != 0;
}

static struct service *find_service(const struct services *services, const char *name) {
        for (size_t i = 0; i < services->n; i++)
                if (strcmp(services->items[i]->name, name) == 0)
                        return services->items[i];
        return NULL;
}

static void read_service(struct doctor *doctor, const char *name, struct services *services) {
        char error[PAM_STACK_ERROR_MAX] = "";
        struct service *service;
        int r;

        if (services->n == DOCTOR_SERVICES_MAX || find_service(services, name))
                return;
        service = calloc(1, sizeof *service);
        if (!service)
                fail_memory();
        service->name = doctor_copy(name);
        service->class = "";
        services->items[services->n++] = service;
        r = pam_stack_read(name, load, NULL, &service->stack, error);
        if (r == -EBADMSG)
                doctor_find(doctor, GRADE_WRONG, "PAM lets nobody in by such a service: mend that line",
                        "%s cannot be read as PAM reads it: %s", name, error);
        else if (r < 0)
                doctor_find(doctor, GRADE_NOTE, "Look at it by hand", "%s cannot be read: %s", name,
                        strerror(-r));
}

static void read_folder(struct doctor *doctor, const char *folder, struct services *services) {
        _cleanup_(cleanup_dir) DIR *dir = opendir(folder);

        for (struct dirent *entry; dir && (entry = readdir(dir));)
                if (is_service_name(entry->d_name))
                        read_service(doctor, entry->d_name, services);
}

static void note_included(struct services *services) {
        for (size_t i = 0; i < services->n; i++) {
                const struct service *service = services->items[i];
                const struct pam_line *lines;
                size_t n = 0;

                if (!service->stack)
                        continue;
                lines = pam_stack_lines(service->stack, &n);
                for (size_t k = 0; k < n; k++) {
                        struct service *part = strcmp(lines[k].file, service->name) == 0
                                                       ? NULL
                                                       : find_service(services, lines[k].file);

                        if (part)
                                part->is_included = true;
                }
        }
}

/* The daemon knows of what class a service is, and tells administrators. */
static const char *ask_class(const struct doctor *doctor, const char *service) {
        static const char *const classes[] = { "counted", "tracked", "nested", "ignored" };
        const char *class;

        if (!doctor->has_details || sessjwt_explain_policy(doctor->command->c, "root", service, NULL) != 0 ||
                !(class = sessjwt_reply_string(doctor->command->c, "class")))
                return "";
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
                if (strcmp(classes[i], class) == 0)
                        return classes[i];
        return "";
}

/* ---- one of our lines --------------------------------------------------------------------------------- */

static void place(const struct pam_line *line, char ret[static DOCTOR_PATH_MAX]) {
        snprintf(ret, DOCTOR_PATH_MAX, "%s%s:%u", *line->file == '/' ? "" : "pam.d/", line->file,
                line->number);
}

static void check_options(struct doctor *doctor, const struct pam_line *line, const char *where) {
        char login[DOCTOR_PATH_MAX + sizeof SESSJWT_LOGIN_SOCKET_NAME + 1];
        const char *arguments[PAM_ARGUMENTS_MAX], *bad;
        struct options options;

        memcpy(arguments, line->arguments, sizeof arguments);
        if (options_read(line->n_arguments, arguments, &options, &bad) < 0)
                doctor_find(doctor, GRADE_WRONG, "See the options in pam_sessjwt(8)",
                        "%s: the option %s is unknown, repeated or out of its bounds", where, bad);
        if (options.denies_on_error && !options.break_glass)
                doctor_find(doctor, GRADE_NOTE, "Add break_glass=GROUP, or drop on_error=deny",
                        "%s: on_error=deny: while the daemon is away nobody but root can log in", where);
        snprintf(login, sizeof login, "%s/%s", doctor->runtime_dir, SESSJWT_LOGIN_SOCKET_NAME);
        if (strcmp(options.socket, login) != 0)
                doctor_find(doctor, GRADE_WRONG, "Drop the option, or give it the socket of this daemon",
                        "%s: asks another daemon, at %s in place of %s", where, options.socket, login);
        if (doctor->has_details && sessjwt_explain_policy(doctor->command->c, "root", NULL, options.realm) ==
                                           SESSJWT_E_REALM_NOT_FOUND)
                doctor_find(doctor, GRADE_WRONG, "Add [realm NAME] to the configuration, or name another one",
                        "%s: the configuration has no realm %s: such a login has no session", where,
                        options.realm);
}

static void check_control(struct doctor *doctor, const struct pam_line *line, const char *where) {
        static const char *const refusals[_PAM_TYPE_MAX] = { [PAM_TYPE_AUTH] = "auth_err",
                [PAM_TYPE_ACCOUNT] = "perm_denied",
                [PAM_TYPE_SESSION] = "session_err" };
        const char *refusal = refusals[line->type];
        int success = pam_line_action(line, "success"), refused = pam_line_action(line, refusal);
        int missing = pam_line_action(line, "module_unknown");

        if (missing == PAM_ACTION_BAD || missing == PAM_ACTION_DIE)
                doctor_find(doctor, GRADE_WRONG, MEND_LINE,
                        "%s: without the module's file nobody can log in: its control fails on what it does "
                        "not know",
                        where);
        if (refused != PAM_ACTION_BAD && refused != PAM_ACTION_DIE)
                doctor_find(doctor, GRADE_WRONG, MEND_LINE,
                        "%s: a login that is refused goes on: its control lets %s pass", where, refusal);
        else if (refused == PAM_ACTION_BAD)
                doctor_find(doctor, GRADE_NOTE, MEND_LINE,
                        "%s: after a refusal the lines behind still run: %s should be die", where, refusal);
        if (success == PAM_ACTION_DONE || success > 0)
                doctor_find(doctor, GRADE_WRONG, MEND_LINE,
                        "%s: goes past the lines behind it when it succeeds", where);
}

/* Everything before one of our lines that ends or leaves the stack when it succeeds. */
static void check_reached(struct doctor *doctor, const struct pam_stack *stack, const struct pam_line *line,
        const char *where) {
        size_t n;

        for (const struct pam_line *p = pam_stack_lines(stack, &n); p < line; p++) {
                char other[DOCTOR_PATH_MAX];

                if (!pam_line_passes(p, line))
                        continue;
                place(p, other);
                doctor_find(doctor, GRADE_WRONG, "Move our line before it",
                        "%s: is not reached when %s (%s) succeeds", where, other, p->module);
        }
}

static void check_line(struct doctor *doctor, const struct pam_stack *stack, const struct pam_line *line) {
        char where[DOCTOR_PATH_MAX];

        place(line, where);
        check_module(doctor, line->module, where);
        check_options(doctor, line, where);
        if (line->type == PAM_TYPE_SESSION || line->type == PAM_TYPE_ACCOUNT) {
                check_control(doctor, line, where);
                check_reached(doctor, stack, line, where);
                if (pam_stack_find(stack, line + 1, line->type, OURS))
                        doctor_find(doctor, GRADE_WRONG, "Take one of them away",
                                "%s: the stack has our %s line a second time", where,
                                pam_type_name(line->type));
        }
}

/* ---- what stands around the session line -------------------------------------------------------------- */

/* A file of the user's can set what his key is recognised by; the auth phase's environment is set before the
 * session begins (pam_setcred), wherever its line stands. */
static void check_environment(
        struct doctor *doctor, const struct pam_stack *stack, const struct pam_line *session) {
        const struct pam_line *lines;
        size_t n;

        lines = pam_stack_lines(stack, &n);
        for (const struct pam_line *p = lines; p < lines + n; p++) {
                bool is_before = p->type == PAM_TYPE_AUTH || (p->type == PAM_TYPE_SESSION && p < session);
                char where[DOCTOR_PATH_MAX];

                if (!is_before || !pam_line_is(p, "pam_env") || !pam_line_has(p, "user_readenv=1"))
                        continue;
                place(p, where);
                doctor_find(doctor, GRADE_WRONG,
                        p->type == PAM_TYPE_AUTH ? "Take user_readenv=1 away from it"
                                                 : "Move our session line before it",
                        "%s: pam_env reads users' files before our session line: a user chooses which key he "
                        "is taken for",
                        where);
        }
}

static void check_order(
        struct doctor *doctor, const struct pam_stack *stack, const struct pam_line *session) {
        const struct pam_line *logind = pam_stack_find(stack, NULL, PAM_TYPE_SESSION, "pam_systemd");
        const struct pam_line *loginuid = pam_stack_find(stack, NULL, PAM_TYPE_SESSION, "pam_loginuid");
        char where[DOCTOR_PATH_MAX];

        place(session, where);
        if (loginuid > session)
                doctor_find(doctor, GRADE_WRONG, "Move our session line behind it",
                        "%s: stands before pam_loginuid: the session does not know its audit session", where);
        if (!doctor->ends_by_scope)
                return;
        if (!logind)
                doctor_find(doctor, GRADE_WRONG,
                        "Add pam_systemd to the session stack, or choose another end",
                        "%s: a policy has terminate = scope, and pam_systemd makes no scope here", where);
        else if (logind > session)
                doctor_find(doctor, GRADE_NOTE, "Move our session line behind it",
                        "%s: stands before pam_systemd, and a policy has terminate = scope: there is no "
                        "scope "
                        "yet when the session opens",
                        where);
}

/* ---- the lines of an auth stack ------------------------------------------------------------------------ */

static const char *const phase_names[] = {
        [AUTH_BEFORE] = "preauth", [AUTH_FAILED] = "authfail", [AUTH_SUCCEEDED] = "authsucc"
};

/* A failure that is never told locks nobody out, and a success that is never told forgives nothing. */
static void check_auth(struct doctor *doctor, const char *service, const struct pam_stack *stack) {
        const struct pam_line *found[AUTH_SUCCEEDED + 1] = { 0 }, *line = NULL;
        unsigned n = 0;

        while ((line = pam_stack_find(stack, line, PAM_TYPE_AUTH, OURS))) {
                const char *arguments[PAM_ARGUMENTS_MAX], *bad;
                struct options options;
                char where[DOCTOR_PATH_MAX];

                memcpy(arguments, line->arguments, sizeof arguments);
                (void) options_read(line->n_arguments, arguments, &options, &bad);
                place(line, where);
                if (options.phase == AUTH_NONE)
                        doctor_find(doctor, GRADE_WRONG,
                                "Give it preauth, authfail or authsucc, or take it away",
                                "%s: an auth line of ours that does nothing", where);
                n += options.phase != AUTH_NONE && !found[options.phase];
                found[options.phase] = line;
                if (options.phase == AUTH_BEFORE || options.phase == AUTH_SUCCEEDED) {
                        check_control(doctor, line, where);
                        check_reached(doctor, stack, line, where);
                }
                check_line(doctor, stack, line++);
        }
        for (int phase = AUTH_BEFORE; n > 0 && phase <= AUTH_SUCCEEDED; phase++)
                if (!found[phase])
                        doctor_find(doctor, GRADE_WRONG, "See the auth stacks in pam_sessjwt(8)",
                                "%s has auth lines of ours, but none with %s: the lock is not complete",
                                service, phase_names[phase]);
        if (n == AUTH_SUCCEEDED &&
                (found[AUTH_BEFORE] > found[AUTH_FAILED] || found[AUTH_FAILED] > found[AUTH_SUCCEEDED]))
                doctor_find(doctor, GRADE_WRONG, "See the auth stacks in pam_sessjwt(8)",
                        "%s has our auth lines in another order than preauth, authfail, authsucc", service);
}

/* ---- services ----------------------------------------------------------------------------------------- */

static void note_service(struct doctor *doctor, const char *name) {
        if (doctor->n_services < DOCTOR_SERVICES_MAX)
                doctor->services[doctor->n_services++] = doctor_copy(name);
}

static void check_service(struct doctor *doctor, const struct service *service) {
        const struct pam_line *session = pam_stack_find(service->stack, NULL, PAM_TYPE_SESSION, OURS);
        const struct pam_line *account = pam_stack_find(service->stack, NULL, PAM_TYPE_ACCOUNT, OURS);

        if (session) {
                note_service(doctor, service->name);
                check_line(doctor, service->stack, session);
                check_environment(doctor, service->stack, session);
                check_order(doctor, service->stack, session);
        }
        if (account)
                check_line(doctor, service->stack, account);
        if (session && !account)
                doctor_find(doctor, GRADE_WRONG, "Add the account line of pam_sessjwt(8)",
                        "%s has our session line, but no account line: locks do not hold there",
                        service->name);
        if (account && !session)
                doctor_find(doctor, GRADE_WRONG, "Add the session line of pam_sessjwt(8)",
                        "%s has our account line, but no session line: its logins have no session",
                        service->name);
        check_auth(doctor, service->name, service->stack);
}

/* Parts of others are looked at where they stand; su and cron are none of our business, and have our lines
 * only because they include what others do. */
static bool is_to_be_checked(const struct service *service) {
        if (!service->stack || strncmp(service->name, "common-", 7) == 0)
                return false;
        if (*service->class)
                return strcmp(service->class, "counted") == 0 ||
                       (strcmp(service->class, "tracked") == 0 && !service->is_included);
        return !service->is_included;
}

static void check_bare(struct doctor *doctor, const struct services *services) {
        if (doctor->n_services == 0) {
                doctor_find(doctor, GRADE_WRONG,
                        "pam-auth-update --enable sessjwt, or add the lines of pam_sessjwt(8) to a service",
                        "no service in /etc/pam.d has our session line: no login has a session");
                return;
        }
        for (size_t i = 0; i < services->n; i++)
                if (strcmp(services->items[i]->class, "counted") == 0 &&
                        !doctor_has_service(doctor, services->items[i]->name))
                        doctor_find(doctor, GRADE_NOTE, "Add the lines of pam_sessjwt(8) if they should be",
                                "%s does not have our session line: its logins are no sessions",
                                services->items[i]->name);
}

void check_pam(struct doctor *doctor) {
        _cleanup_(services_done) struct services services = { 0 };

        for (size_t i = 0; i < N_FOLDERS; i++)
                read_folder(doctor, folders[i], &services);
        note_included(&services);
        for (size_t i = 0; i < services.n; i++)
                services.items[i]->class = ask_class(doctor, services.items[i]->name);
        for (size_t i = 0; i < services.n; i++)
                if (is_to_be_checked(services.items[i]))
                        check_service(doctor, services.items[i]);
        check_bare(doctor, &services);
}
