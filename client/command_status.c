/* command_status: how the daemon is, and where the caller. */
#include "client/command.h"

#include <errno.h>
#include <string.h>

#include "client/cleanup.h"

static void print_health(struct sessjwt *c, bool ok) {
        const char *text = sessjwt_reply_string(c, "version");
        _cleanup_(cleanup_free) char *version = print_escape(text ? text : "?");
        int64_t uptime = 0, sessions = 0;
        char span[TIME_TEXT_MAX];

        sessjwt_reply_integer(c, "uptime", &uptime);
        sessjwt_reply_integer(c, "sessions", &sessions);
        print_span(uptime, span);
        printf("sessjwtd %s is %s, up %s, %lld session%s.\n", version, ok ? "well" : "not well", span,
                (long long) sessions, sessions == 1 ? "" : "s");
        for (size_t i = 0, n = sessjwt_reply_count(c, "problems"); i < n; i++) {
                _cleanup_(cleanup_free) char *problem = NULL;
                char path[32];

                snprintf(path, sizeof path, "problems.%zu", i);
                text = sessjwt_reply_string(c, path);
                problem = print_escape(text ? text : "?");
                printf("Problem: %s\n", problem);
        }
}

/* What only administrators are told. */
static void print_details(struct sessjwt *c) {
        int64_t devices = 0, permille = 0, processes = 0;

        if (sessjwt_reply_integer(c, "details.devices", &devices) < 0)
                return;
        sessjwt_reply_integer(c, "details.storeFill", &permille);
        sessjwt_reply_integer(c, "details.loginProcesses", &processes);
        printf("%lld device%s known, %lld login process%s watched, %lld.%lld%% of the store used.\n",
                (long long) devices, devices == 1 ? "" : "s", (long long) processes,
                processes == 1 ? "" : "es", (long long) permille / 10, (long long) permille % 10);
}

/* Whoever may know of devices may know of locks. */
static int print_locks(struct command *command) {
        int r = sessjwt_list_locks(command->c, NULL, NULL);
        size_t n;

        if (r != 0)
                return fail_call(command, r);
        n = sessjwt_reply_count(command->c, "locks");
        printf("%zu lock%s now.\n", n, n == 1 ? " holds" : "s hold");
        return STATUS_DONE;
}

/* For root; whoever may not see the keys is well without them. */
static int print_key(struct command *command) {
        int r = sessjwt_list_keys(command->c);

        if (r == SESSJWT_E_PERMISSION_DENIED)
                return STATUS_DONE;
        if (r != 0)
                return fail_call(command, r);
        for (size_t i = 0, n = sessjwt_reply_count(command->c, "keys"); i < n; i++) {
                char path[32], since[TIME_TEXT_MAX] = "?", until[TIME_TEXT_MAX] = "?";
                const char *text;

                snprintf(path, sizeof path, "keys.%zu.state", i);
                text = sessjwt_reply_string(command->c, path);
                if (!text || strcmp(text, "active") != 0)
                        continue;
                snprintf(path, sizeof path, "keys.%zu.since", i);
                if ((text = sessjwt_reply_string(command->c, path)))
                        print_time(text, since);
                snprintf(path, sizeof path, "keys.%zu.until", i);
                if ((text = sessjwt_reply_string(command->c, path)))
                        print_time(text, until);
                printf("The key signs since %s, until %s.\n", since, until);
        }
        return STATUS_DONE;
}

static int print_own_session(struct command *command) {
        _cleanup_(objects_done) struct objects own = { 0 };
        _cleanup_(cleanup_free) char *id = NULL, *service = NULL, *since = NULL;
        char time[TIME_TEXT_MAX] = "?";
        const char *session;
        int r;

        r = sessions_load(command, NULL, NULL, false, &own);
        if (r != 0)
                return fail_call(command, r);
        session = sessions_current(&own);
        if (!session) {
                puts("You are in no session.");
                return STATUS_DONE;
        }
        id = print_member(session, "sessionId");
        service = print_member(session, "service");
        since = print_member(session, "createdAt");
        if (since)
                print_time(since, time);
        printf("You are in session %s (%s, since %s).\n", id ? print_short_id(id) : "?",
                service ? service : "?", time);
        return STATUS_DONE;
}

static void print_counts(struct sessjwt *c, const char *array, const char *verb) {
        for (size_t i = 0, n = sessjwt_reply_count(c, array); i < n; i++) {
                _cleanup_(cleanup_free) char *name = NULL;
                int64_t count = 0;
                const char *text;
                char path[64];

                snprintf(path, sizeof path, "%s.%zu.count", array, i);
                sessjwt_reply_integer(c, path, &count);
                snprintf(path, sizeof path, "%s.%zu.name", array, i);
                text = sessjwt_reply_string(c, path);
                name = print_escape(text ? text : "?");
                printf("%10lld  %s %s\n", (long long) count, verb, name);
        }
}

static void print_latency(struct sessjwt *c, const char *object, const char *sentence) {
        static const char *const members[] = { "count", "p50", "p99", "max" };
        int64_t values[4] = { 0 };

        for (size_t i = 0; i < 4; i++) {
                char path[64];

                snprintf(path, sizeof path, "%s.%s", object, members[i]);
                sessjwt_reply_integer(c, path, &values[i]);
        }
        printf("%10lld  %s: half in %lld us, 99%% in %lld us, all in %lld us\n", (long long) values[0],
                sentence, (long long) values[1], (long long) values[2], (long long) values[3]);
}

static int print_statistics(struct command *command) {
        static const struct {
                const char *member, *sentence;
        } numbers[] = { { "sessions", "sessions now" }, { "storeFill", "thousandths of the store are full" },
                { "opened", "sessions opened" }, { "denied", "logins refused at open" },
                { "notEnforced", "limits not enforced" }, { "newDevices", "new devices" },
                { "refusedCalls", "calls refused" } };
        int r = sessjwt_get_statistics(command->c);

        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                int64_t value = 0;

                sessjwt_reply_integer(command->c, numbers[i].member, &value);
                printf("%10lld  %s\n", (long long) value, numbers[i].sentence);
        }
        print_counts(command->c, "ended", "sessions ended:");
        print_counts(command->c, "calls", "calls of");
        print_latency(command->c, "logins", "logins and logouts answered");
        print_latency(command->c, "accounts", "account phases answered");
        print_latency(command->c, "turns", "turns committed");
        return STATUS_DONE;
}

int command_status(struct command *command) {
        bool ok = false;
        int r;

        if (command->statistics)
                return print_statistics(command);
        r = sessjwt_get_health(command->c);
        if (r != 0)
                return fail_call(command, r);
        if (sessjwt_reply_bool(command->c, "ok", &ok) < 0)
                return fail_call(command, -EBADMSG);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return ok ? STATUS_DONE : STATUS_FAILED;
        }
        print_health(command->c, ok);
        print_details(command->c);
        if (sessjwt_reply_string(command->c, "details.configReadAt")) {
                r = print_locks(command);
                if (r == STATUS_DONE)
                        r = print_key(command);
                if (r != STATUS_DONE)
                        return r;
        }
        r = print_own_session(command);
        return r == STATUS_DONE && !ok ? STATUS_FAILED : r;
}
