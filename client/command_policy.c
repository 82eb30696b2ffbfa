/* command_policy: which policy applies to a user, why, and what a login would meet. */
#include "client/command.h"

#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

/* The text at the path, escaped; `other` if there is none. The caller frees it. */
static char *text_of(struct sessjwt *c, const char *path, const char *other) {
        const char *text = sessjwt_reply_string(c, path);

        return print_escape(text ? text : other);
}

static void print_text(struct sessjwt *c, const char *before, const char *path, const char *after) {
        _cleanup_(cleanup_free) char *text = text_of(c, path, "?");

        printf("%s%s%s", before, text, after);
}

/* The elements of an array of strings. */
static void print_array(struct sessjwt *c, const char *array, const char *if_none) {
        size_t n = sessjwt_reply_count(c, array);

        for (size_t i = 0; i < n; i++) {
                char path[64];

                snprintf(path, sizeof path, "%s.%zu", array, i);
                print_text(c, i ? ", " : "", path, "");
        }
        if (n == 0)
                fputs(if_none, stdout);
}

/* ---- which, and why ---------------------------------------------------------------------------------- */

static void print_step(struct sessjwt *c, size_t i) {
        char name[64], failed[64], held[64], applies[64];
        bool is_it = false;

        snprintf(name, sizeof name, "considered.%zu.policy", i);
        snprintf(failed, sizeof failed, "considered.%zu.failed", i);
        snprintf(held, sizeof held, "considered.%zu.held", i);
        snprintf(applies, sizeof applies, "considered.%zu.applies", i);
        sessjwt_reply_bool(c, applies, &is_it);
        print_text(c, "  ", name, is_it ? ": applies (" : ": does not (");
        if (!is_it)
                print_text(c, "not of its ", failed, "");
        else
                print_array(c, held, "without a condition");
        puts(")");
}

static void print_limit(struct sessjwt *c, const char *path, const char *what) {
        int64_t n = 0;

        sessjwt_reply_integer(c, path, &n);
        if (n > 0)
                printf("at most %lld %s%s", (long long) n, what, n == 1 ? "" : "s");
        else
                printf("any number of %ss", what);
}

static void print_lifetime(struct sessjwt *c, const char *path, const char *what) {
        char span[TIME_TEXT_MAX];
        int64_t seconds = 0;

        sessjwt_reply_integer(c, path, &seconds);
        print_span(seconds, span);
        printf("%s %s", what, seconds > 0 ? span : "without end");
}

static void print_policy(struct sessjwt *c) {
        bool is_enforced = true;

        fputs("Limits: ", stdout);
        print_limit(c, "maxDevices", "device");
        fputs(", ", stdout);
        print_limit(c, "maxSessions", "session");
        print_text(c, "; over the limit: ", "onLimit", "");
        if (sessjwt_reply_string(c, "askFallback"))
                print_text(c, ", or where nobody can be asked: ", "askFallback", "");
        sessjwt_reply_bool(c, "enforce", &is_enforced);
        puts(is_enforced ? "" : " (only logged: enforce = no)");
        fputs("Lifetimes: ", stdout);
        print_lifetime(c, "accessTtl", "access token");
        print_lifetime(c, "refreshTtl", ", refresh token");
        print_lifetime(c, "sessionTtl", ", session");
        print_lifetime(c, "idleTtl", ", session that nobody uses");
        fputs("\nRoles: ", stdout);
        print_array(c, "roles", "none");
        print_text(c, "\nThe service is ", "class", ".\n");
        if (sessjwt_reply_string(c, "exempt"))
                print_text(c, "Exempt (", "exempt", "): never denied, evicted or expired.\n");
}

/* ---- what a login would meet -------------------------------------------------------------------------- */

static void print_victim(struct sessjwt *c, const char *object, size_t i) {
        char path[96], time[TIME_TEXT_MAX];
        const char *id, *since;

        snprintf(path, sizeof path, "%s.evicted.%zu.sessionId", object, i);
        id = sessjwt_reply_string(c, path);
        printf("    %s ", id ? print_short_id(id) : "?");
        snprintf(path, sizeof path, "%s.evicted.%zu.deviceName", object, i);
        print_text(c, "", path, "");
        snprintf(path, sizeof path, "%s.evicted.%zu.createdAt", object, i);
        since = sessjwt_reply_string(c, path);
        print_time(since ? since : "?", time);
        printf(" since %s\n", time);
}

static void print_verdict(struct sessjwt *c, const char *object, const char *sentence) {
        char path[64];
        const char *outcome;

        snprintf(path, sizeof path, "%s.outcome", object);
        outcome = sessjwt_reply_string(c, path);
        if (!outcome)
                return;
        printf("A login from %s ", sentence);
        if (strcmp(outcome, "deny") == 0) {
                snprintf(path, sizeof path, "%s.phase", object);
                print_text(c, "is refused at ", path, ": ");
                snprintf(path, sizeof path, "%s.text", object);
                print_text(c, "", path, "\n");
                return;
        }
        puts(strcmp(outcome, "evict") == 0 ? "is let in, and these end:" : "is let in.");
        snprintf(path, sizeof path, "%s.notEnforced", object);
        if (sessjwt_reply_string(c, path))
                print_text(c, "    (if the policy were enforced: ", path, ")\n");
        snprintf(path, sizeof path, "%s.evicted", object);
        for (size_t i = 0, n = sessjwt_reply_count(c, path); i < n; i++)
                print_victim(c, object, i);
}

static void print_explanation(struct sessjwt *c) {
        bool has_session = true;

        print_text(c, "", "user", " by ");
        print_text(c, "", "service", ", realm ");
        print_text(c, "", "realm", "");
        print_text(c, ": policy ", "policy", "\n");
        for (size_t i = 0, n = sessjwt_reply_count(c, "considered"); i < n; i++)
                print_step(c, i);
        print_policy(c);
        sessjwt_reply_bool(c, "hasSession", &has_session);
        if (!has_session) {
                puts("Its logins are no sessions: nothing of this applies to them.");
                return;
        }
        print_verdict(c, "fromOtherDevice", "a device that is not signed in");
        print_verdict(c, "fromSameDevice", "the device that signed in last");
}

int command_policy(struct command *command) {
        int r;

        r = sessjwt_explain_policy(command->c, command->arguments[0], command->service, command->realm);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                print_explanation(command->c);
        return STATUS_DONE;
}
