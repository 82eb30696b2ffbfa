/* command_doctor_logins: logins that others know of, logind and utmp, and the daemon does not. */
#include "client/command_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "client/bytes.h"
#include "client/cleanup.h"

#define LOGINS_MAX    4096
#define ANCESTORS_MAX 16
#define AUDIT_UNSET   UINT32_MAX
#define LOGIND        "org.freedesktop.login1"

struct login {
        pid_t pid;
        char user[64];
        char service[SERVICE_MAX + 1];
};

struct logins {
        struct login *items; /* LOGINS_MAX */
        size_t n;
};

/* ---- processes ----------------------------------------------------------------------------------------- */

/* 0 or -1: gone. */
static int read_proc(pid_t pid, const char *name, char *ret, size_t size) {
        char path[64];
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/%s", (int) pid, name);
        {
                _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

                n = fd < 0 ? -1 : bytes_read(fd, ret, size - 1);
        }
        ret[n > 0 ? n : 0] = '\0';
        return n > 0 ? 0 : -1;
}

/* The parent, and the name that the kernel has for it; -1: it is gone. */
static pid_t read_process(pid_t pid, char ret_name[static 17]) {
        char text[1024], *name, *end;
        char state = 'X';
        int parent = 0;

        if (read_proc(pid, "stat", text, sizeof text) < 0)
                return -1;
        name = strchr(text, '(');
        end = strrchr(text, ')'); /* the name may hold parentheses (proc(5)) */
        if (!name || !end || sscanf(end + 1, " %c %d", &state, &parent) != 2 || state == 'Z' || state == 'X')
                return -1;
        snprintf(ret_name, 17, "%.*s", (int) (end - name - 1), name + 1);
        return parent;
}

static uint32_t audit_session(pid_t pid) {
        char text[32];

        return read_proc(pid, "sessionid", text, sizeof text) < 0 ? AUDIT_UNSET
                                                                  : (uint32_t) strtoul(text, NULL, 10);
}

/* ---- what the daemon knows ----------------------------------------------------------------------------- */

static int64_t number_of(const char *session, const char *member) {
        _cleanup_(cleanup_free) char *text = print_member(session, member);

        return text ? strtoll(text, NULL, 10) : -1;
}

static bool leads(const struct objects *sessions, pid_t pid, uint32_t audit) {
        for (size_t i = 0; i < sessions->n; i++)
                if (number_of(sessions->items[i], "leader") == pid ||
                        (audit != AUDIT_UNSET && number_of(sessions->items[i], "auditSession") == audit))
                        return true;
        return false;
}

/* The leader of a session is the login's process, or one that it came from: sshd's utmp names a child. */
static bool is_known(const struct objects *sessions, pid_t pid) {
        char name[17];

        for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
                if (leads(sessions, pid, audit_session(pid)))
                        return true;
                pid = read_process(pid, name);
        }
        return false;
}

/* ---- what others know ---------------------------------------------------------------------------------- */

static void add(struct logins *logins, pid_t pid, const char *user, const char *service) {
        struct login *login = &logins->items[logins->n];

        for (size_t i = 0; i < logins->n; i++)
                if (logins->items[i].pid == pid)
                        return;
        if (logins->n == LOGINS_MAX)
                return;
        login->pid = pid;
        snprintf(login->user, sizeof login->user, "%s", user);
        snprintf(login->service, sizeof login->service, "%s", service);
        logins->n++;
}

/* A terminal that a program of the user's made has an entry in utmp, too: only sshd's and login's count. */
static const char *service_of(pid_t pid) {
        char name[17];

        for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
                pid = read_process(pid, name);
                if (pid < 0)
                        return NULL;
                if (strncmp(name, "sshd", 4) == 0)
                        return "sshd";
                if (strcmp(name, "login") == 0)
                        return "login";
        }
        return NULL;
}

static void find_in_utmp(struct doctor *doctor, struct logins *logins) {
        struct utmp *entry;

        setutent();
        while ((entry = getutent())) {
                const char *service = entry->ut_type == USER_PROCESS ? service_of(entry->ut_pid) : NULL;
                char user[sizeof entry->ut_user + 1];

                if (!service || !doctor_has_service(doctor, service))
                        continue;
                snprintf(user, sizeof user, "%.*s", (int) sizeof entry->ut_user, entry->ut_user);
                add(logins, entry->ut_pid, user, service);
        }
        endutent();
}

static char *get_string(sd_bus *bus, const char *path, const char *member) {
        char *text = NULL;

        if (sd_bus_get_property_string(bus, LOGIND, path, LOGIND ".Session", member, NULL, &text) < 0)
                return NULL;
        return text;
}

static void look_at_session(
        struct doctor *doctor, sd_bus *bus, const char *path, const char *user, struct logins *logins) {
        _cleanup_(cleanup_free) char *class = get_string(bus, path, "Class");
        _cleanup_(cleanup_free) char *service = get_string(bus, path, "Service");
        _cleanup_(cleanup_free) char *state = get_string(bus, path, "State");
        uint32_t leader = 0;
        char name[17];

        if (!class || !service || !state || strcmp(class, "user") != 0 || strcmp(state, "closing") == 0)
                return;
        if (!doctor_has_service(doctor, service) ||
                sd_bus_get_property_trivial(
                        bus, LOGIND, path, LOGIND ".Session", "Leader", NULL, 'u', &leader) < 0)
                return;
        if (read_process((pid_t) leader, name) >= 0)
                add(logins, (pid_t) leader, user, service);
}

static void unref_bus(sd_bus **bus) {
        sd_bus_flush_close_unref(*bus);
}

static void unref_message(sd_bus_message **message) {
        sd_bus_message_unref(*message);
}

/* Where there is no logind there is none to ask. */
static void find_in_logind(struct doctor *doctor, struct logins *logins) {
        _cleanup_(unref_message) sd_bus_message *reply = NULL;
        _cleanup_(unref_bus) sd_bus *bus = NULL;
        const char *id, *user, *seat, *path;
        uint32_t uid;

        if (sd_bus_open_system(&bus) < 0 ||
                sd_bus_call_method(bus, LOGIND, "/org/freedesktop/login1", LOGIND ".Manager", "ListSessions",
                        NULL, &reply, NULL) < 0 ||
                sd_bus_message_enter_container(reply, 'a', "(susso)") < 0)
                return;
        while (sd_bus_message_read(reply, "(susso)", &id, &uid, &user, &seat, &path) > 0)
                look_at_session(doctor, bus, path, user, logins);
}

/* ---- both ---------------------------------------------------------------------------------------------- */

/* Keeps those that the daemon does not know and that are still there. */
static int drop_known(struct doctor *doctor, struct logins *logins) {
        _cleanup_(objects_done) struct objects sessions = { 0 };
        size_t n = 0;
        char name[17];
        int r;

        r = sessions_load(doctor->command, NULL, NULL, true, &sessions);
        if (r != 0)
                return r;
        for (size_t i = 0; i < logins->n; i++)
                if (read_process(logins->items[i].pid, name) >= 0 &&
                        !is_known(&sessions, logins->items[i].pid))
                        logins->items[n++] = logins->items[i];
        logins->n = n;
        return 0;
}

/* A login that is being made is known to others first; to the daemon when its module has had its time. */
static void wait_for_modules(void) {
        struct timespec time = { .tv_sec = LOGIN_TIMEOUT_MAX_MSEC / 1000, .tv_nsec = 200000000L };

        while (nanosleep(&time, &time) < 0 && errno == EINTR)
                ;
}

void check_logins(struct doctor *doctor) {
        _cleanup_(cleanup_free) struct login *items = calloc(LOGINS_MAX, sizeof *items);
        struct logins logins = { .items = items };
        int r;

        if (!items)
                fail_memory();
        find_in_logind(doctor, &logins);
        find_in_utmp(doctor, &logins);
        r = drop_known(doctor, &logins);
        if (r == 0 && logins.n > 0) {
                wait_for_modules();
                r = drop_known(doctor, &logins);
        }
        if (r != 0) {
                doctor_find(doctor, GRADE_WRONG, "See journalctl -u sessjwtd",
                        "sessions cannot be listed: %s", sessjwt_error_text(r));
                return;
        }
        for (size_t i = 0; i < logins.n; i++)
                doctor_find(doctor, GRADE_WRONG,
                        "It began while the daemon was away, or before the lines were there: end it, or wait",
                        "the daemon does not know a login of %s by %s, process %d", logins.items[i].user,
                        logins.items[i].service, (int) logins.items[i].pid);
}
