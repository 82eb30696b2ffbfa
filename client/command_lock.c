/* command_lock: the verbs of locks, for admins. */
#include "client/command.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

/* "90s", "15m", "2h", "7d". 0 for what is none. */
static unsigned read_duration(const char *text) {
        static const struct {
                char letter;
                unsigned seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || digits > 5 || !text[digits] || text[digits + 1])
                return 0;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (units[i].letter == text[digits])
                        return (unsigned) strtoul(text, NULL, 10) * units[i].seconds;
        return 0;
}

int command_locks(struct command *command) {
        int r;

        r = sessjwt_list_locks(command->c, command->user, command->realm);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                table_locks(command);
        return STATUS_DONE;
}

static void print_locked(const struct command *command) {
        const char *end = sessjwt_reply_string(command->c, "lock.until");
        _cleanup_(cleanup_free) char *user = print_escape(command->arguments[0]);
        char time[TIME_TEXT_MAX];
        int64_t n = 0;

        if (end)
                print_time(end, time);
        printf("Locked %s%s%s.\n", user, end ? " until " : "", end ? time : "");
        sessjwt_reply_integer(command->c, "revokedCount", &n);
        if (command->end_sessions)
                printf("Ended %lld session%s.\n", (long long) n, n == 1 ? "" : "s");
        else if (command->legend)
                puts("Sessions go on; --end-sessions ends them.");
        if (!getpwnam(command->arguments[0]))
                fprintf(stderr, "sessjwt: This host knows no user %s; the lock is kept all the same.\n",
                        user);
}

int command_lock(struct command *command) {
        unsigned seconds = command->duration ? read_duration(command->duration) : 0;
        int r;

        if (command->duration && seconds == 0)
                return fail_usage(command->verb, "--for is a number and s, m, h or d, as in 15m");
        r = sessjwt_lock_user(command->c, command->arguments[0], command->realm, command->reason, seconds,
                command->end_sessions);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                print_locked(command);
        return STATUS_DONE;
}

int command_unlock(struct command *command) {
        int64_t n = 0;
        int r;

        r = sessjwt_unlock_user(command->c, command->arguments[0], command->realm, command->source);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        sessjwt_reply_integer(command->c, "unlockedCount", &n);
        if (n == 0)
                puts("There was no lock; failures that were counted are forgotten.");
        else
                printf("Ended %lld lock%s.\n", (long long) n, n == 1 ? "" : "s");
        return STATUS_DONE;
}
