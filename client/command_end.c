/* command_end: the verbs that end sessions. */
#include "client/command.h"

#include <string.h>

#include "client/cleanup.h"

/* "1a2b3c4d (alice, laptop)": the session in the reply, as people know it. */
static void print_ended(struct sessjwt *c, const char *session_id) {
        const char *user = sessjwt_reply_string(c, "session.user");
        const char *device = sessjwt_reply_string(c, "session.deviceName");
        const char *from = device && *device ? device : sessjwt_reply_string(c, "session.ip");
        _cleanup_(cleanup_free) char *whose = print_escape(user ? user : "");
        _cleanup_(cleanup_free) char *where = print_escape(from ? from : "");

        printf("%s", print_short_id(session_id));
        if (*whose)
                printf(" (%s%s%s)", whose, *where ? ", " : "", where);
}

/* argument: as find_session takes it. */
static int end_session(struct command *command, const char *argument, const char *reason) {
        char session_id[SID_TEXT_MAX + 1];
        int64_t n = 1;
        int r;

        r = find_session(command, argument, session_id);
        if (r != STATUS_DONE)
                return r;
        r = sessjwt_revoke_session(command->c, session_id, reason);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        sessjwt_reply_integer(command->c, "revokedCount", &n);
        fputs(n ? "Ended session " : "Session ", stdout);
        print_ended(command->c, session_id);
        puts(n ? "." : " had ended already.");
        return STATUS_DONE;
}

int command_revoke(struct command *command) {
        return end_session(command, command->arguments[0], command->reason);
}

int command_logout(struct command *command) {
        return end_session(command, "self", "logout");
}

/* What was done by a call that ends many; none says so when there were none. */
static int report_many(struct command *command, int r, const char *none) {
        int64_t n = 0;

        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        sessjwt_reply_integer(command->c, "revokedCount", &n);
        if (n == 0)
                puts(none);
        else
                printf("Ended %lld session%s.\n", (long long) n, n == 1 ? "" : "s");
        return STATUS_DONE;
}

int command_logout_others(struct command *command) {
        return report_many(command, sessjwt_revoke_others(command->c), "There was no other session.");
}

int command_logout_all(struct command *command) {
        const char *user = command->arguments[0] ? command->arguments[0] : command->user;

        return report_many(
                command, sessjwt_revoke_all(command->c, user, command->realm), "There was no session.");
}

int command_reset(struct command *command) {
        return report_many(command, sessjwt_reset_user(command->c, command->arguments[0], command->realm),
                "There was no session; no token of before counts any more.");
}

int command_purge(struct command *command) {
        return report_many(command, sessjwt_purge_user(command->c, command->arguments[0], command->realm),
                "There was no session; nothing else is kept of him.");
}
