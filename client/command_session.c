/* command_session: the verbs that show sessions, and which session an argument means. */
#include "client/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

int sessions_load(
        struct command *command, const char *user, const char *realm, bool all, struct objects *ret) {
        _cleanup_(objects_done) struct objects sessions = { 0 };
        const char *session = NULL;
        int r;

        r = sessjwt_list_sessions(command->c, user, realm, all);
        while (r == 0) {
                r = sessjwt_next_session(command->c, &session);
                if (r == 0 && !session)
                        break;
                if (r == 0)
                        objects_add(&sessions, session);
        }
        if (r != 0)
                return r;
        *ret = sessions;
        sessions = (struct objects){ 0 };
        return 0;
}

static bool is_current(const char *session) {
        _cleanup_(cleanup_free) char *current = print_member(session, "current");

        return current && strcmp(current, "yes") == 0;
}

const char *sessions_current(const struct objects *sessions) {
        for (size_t i = 0; i < sessions->n; i++)
                if (is_current(sessions->items[i]))
                        return sessions->items[i];
        return NULL;
}

/* ---- which one --------------------------------------------------------------------------------------- */

static int copy_id(const char *session, char ret[static SID_TEXT_MAX + 1]) {
        _cleanup_(cleanup_free) char *id = print_member(session, "sessionId");

        if (!id || strlen(id) > SID_TEXT_MAX) {
                fprintf(stderr, "sessjwt: The daemon sent a session without an id.\n");
                return STATUS_FAILED;
        }
        memcpy(ret, id, strlen(id) + 1);
        return STATUS_DONE;
}

static int find_self(struct command *command, char ret[static SID_TEXT_MAX + 1]) {
        _cleanup_(objects_done) struct objects own = { 0 };
        const char *session;
        int r;

        r = sessions_load(command, NULL, NULL, false, &own);
        if (r != 0)
                return fail_call(command, r);
        session = sessions_current(&own);
        if (!session)
                return fail_call(command, SESSJWT_E_NO_SESSION);
        return copy_id(session, ret);
}

static bool ends_with(const char *session, const char *suffix) {
        _cleanup_(cleanup_free) char *id = print_member(session, "sessionId");
        size_t size = strlen(suffix);

        return id && strlen(id) >= size && strcmp(id + strlen(id) - size, suffix) == 0;
}

/* All sessions that the caller may see: everybody's for an admin, else his own. */
static int load_visible(struct command *command, struct objects *ret) {
        int r = sessions_load(command, NULL, NULL, true, ret);

        return r == SESSJWT_E_PERMISSION_DENIED ? sessions_load(command, NULL, NULL, false, ret) : r;
}

static int find_by_suffix(struct command *command, const char *suffix, char ret[static SID_TEXT_MAX + 1]) {
        _cleanup_(objects_done) struct objects sessions = { 0 };
        size_t n;
        int r;

        r = load_visible(command, &sessions);
        if (r != 0)
                return fail_call(command, r);
        n = objects_select(&sessions, ends_with, suffix);
        if (n == 1)
                return copy_id(sessions.items[0], ret);
        if (n == 0) {
                fprintf(stderr, "sessjwt: No session that you may see ends with %s.\n", suffix);
                return STATUS_FAILED;
        }
        fprintf(stderr, "sessjwt: %zu sessions end with %s; give more of the id:\n", n, suffix);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(cleanup_free) char *id = print_member(sessions.items[i], "sessionId");
                _cleanup_(cleanup_free) char *user = print_member(sessions.items[i], "user");

                fprintf(stderr, "  %s (%s)\n", id, user ? user : "-");
        }
        return STATUS_FAILED;
}

int find_session(struct command *command, const char *argument, char ret[static SID_TEXT_MAX + 1]) {
        char id[SID_TEXT_MAX + 1];
        size_t size = strlen(argument);

        if (strcmp(argument, "self") == 0)
                return find_self(command, ret);
        if (size < SID_SUFFIX_MIN || size > SID_TEXT_MAX ||
                strspn(argument, "0123456789abcdefABCDEF-") != size)
                return fail_usage(command->verb,
                        "SID is a session id, at least its last %d characters, or self", SID_SUFFIX_MIN);
        for (size_t i = 0; i <= size; i++)
                id[i] = (char) tolower((unsigned char) argument[i]);
        if (size < SID_TEXT_MAX)
                return find_by_suffix(command, id, ret);
        memcpy(ret, id, strlen(id) + 1);
        return STATUS_DONE;
}

/* ---- the verbs --------------------------------------------------------------------------------------- */

int command_list(struct command *command) {
        _cleanup_(objects_done) struct objects sessions = { 0 };
        int r;

        r = sessions_load(command, command->user, command->realm, command->all, &sessions);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_objects(command, "sessions", &sessions);
                return STATUS_DONE;
        }
        table_sessions(command, sessions.items, sessions.n, stdout);
        if (command->legend && sessions.n == 0)
                puts("No sessions.");
        else if (command->legend)
                printf("\n%zu session%s.\n", sessions.n, sessions.n == 1 ? "" : "s");
        return STATUS_DONE;
}

int command_show(struct command *command) {
        char session_id[SID_TEXT_MAX + 1];
        int r;

        r = find_session(command, command->arguments[0], session_id);
        if (r != STATUS_DONE)
                return r;
        r = sessjwt_get_session(command->c, session_id);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                table_members(command, sessjwt_reply(command->c), "session", NULL);
        return STATUS_DONE;
}
