/* logind: see logind.h. */
#include "daemon/logind.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "client/cleanup.h"
#include "daemon/log.h"
#include "daemon/process.h"

struct logind {
        sd_event *event;
        sd_bus *bus; /* NULL until it is needed, and again when it was closed on us */
        struct leaders *leaders;
        void (*refused)(struct leaders *leaders, const struct leader_id *id);
};

/* One that was asked. */
struct asked {
        struct logind *logind;
        struct leader_id id;
};

int logind_new(sd_event *event, void (*refused)(struct leaders *leaders, const struct leader_id *id),
        struct leaders *leaders, struct logind **ret) {
        struct logind *logind = calloc(1, sizeof(*logind));

        if (!logind)
                return -ENOMEM;
        logind->event = sd_event_ref(event);
        logind->refused = refused;
        logind->leaders = leaders;
        *ret = logind;
        return 0;
}

void logind_free(struct logind **logind) {
        if (!*logind)
                return;
        sd_bus_close_unref((*logind)->bus);
        sd_event_unref((*logind)->event);
        free(*logind);
        *logind = NULL;
}

static int open_bus(struct logind *logind) {
        int r;

        if (logind->bus && sd_bus_is_open(logind->bus) > 0)
                return 0;
        logind->bus = sd_bus_close_unref(logind->bus);
        r = sd_bus_open_system(&logind->bus);
        if (r >= 0)
                r = sd_bus_attach_event(logind->bus, logind->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                logind->bus = sd_bus_close_unref(logind->bus);
        return r;
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        const struct asked *asked = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (!error)
                return 0;
        log_line(LOG_WARNING, "logind does not end the session of login process %d: %s", asked->id.pid,
                error->message ? error->message : error->name);
        asked->logind->refused(asked->logind->leaders, &asked->id);
        return 0;
}

/* The id of the logind session that the process is in, malloced, and whether it is this user's. */
static int find_session(const struct leader_id *id, int pidfd, uint32_t uid, char **ret) {
        _cleanup_(cleanup_free) char *session = NULL;
        uid_t owner;

        if (sd_pid_get_session(id->pid, &session) < 0)
                return -ENXIO;
        if (sd_session_get_uid(session, &owner) < 0)
                return -ENXIO;
        if (!pidfd_is_alive(pidfd)) /* else that may have been another process */
                return -ESRCH;
        if (owner != uid)
                return -EPERM;
        *ret = TAKE(session);
        return 0;
}

int logind_terminate(struct logind *logind, const struct leader_id *id, int pidfd, uint32_t uid) {
        _cleanup_(cleanup_free) char *session = NULL;
        sd_bus_slot *slot = NULL;
        struct asked *asked;
        int r;

        r = find_session(id, pidfd, uid, &session);
        if (r < 0)
                return r;
        r = open_bus(logind);
        if (r < 0)
                return r;
        asked = malloc(sizeof(*asked));
        if (!asked)
                return -ENOMEM;
        *asked = (struct asked){ .logind = logind, .id = *id };
        r = sd_bus_call_method_async(logind->bus, &slot, "org.freedesktop.login1", "/org/freedesktop/login1",
                "org.freedesktop.login1.Manager", "TerminateSession", on_answer, asked, "s", session);
        if (r < 0) {
                free(asked);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(slot, free);
        (void) sd_bus_slot_set_floating(slot, 1); /* it goes with its answer, or with the bus */
        sd_bus_slot_unref(slot);
        return 0;
}
