/* command_token: the verbs that mint and look at tokens. A token is never an argument: those can be seen
 * by everybody. */
#include "client/command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"

/* The tokens of the reply, one a line. Returns the exit status. */
static int print_tokens(struct command *command, bool refresh) {
        const char *token = sessjwt_reply_string(command->c, "accessToken");
        const char *refresh_token = refresh ? sessjwt_reply_string(command->c, "refreshToken") : NULL;

        if (!token || (refresh && !refresh_token))
                return fail_call(command, -EBADMSG);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        puts(token);
        if (refresh)
                puts(refresh_token);
        return STATUS_DONE;
}

int command_token(struct command *command) {
        const char *argument = command->n_arguments ? command->arguments[0] : "self";
        char session_id[SID_TEXT_MAX + 1];
        bool self = strcmp(argument, "self") == 0;
        int r;

        if (command->refresh && command->audience)
                return fail_usage(command->verb, "--refresh takes no --audience");
        r = self ? STATUS_DONE : find_session(command, argument, session_id);
        if (r != STATUS_DONE)
                return r;
        if (command->refresh)
                r = sessjwt_issue_refresh_token(command->c, self ? NULL : session_id);
        else
                r = sessjwt_mint_token(command->c, self ? NULL : session_id, command->audience);
        return r == 0 ? print_tokens(command, command->refresh) : fail_call(command, r);
}

/* White space around a token is not part of it. (WLCG Bearer Token Discovery strips both ends, too.) */
static char *strip(char *text, size_t size) {
        while (size > 0 && isspace((unsigned char) text[size - 1]))
                size--;
        text[size] = 0;
        while (isspace((unsigned char) *text))
                text++;
        return text;
}

static bool is_token_like(const char *text) {
        return strncmp(text, "eyJ", 3) == 0 || strncmp(text, REFRESH_PREFIX, strlen(REFRESH_PREFIX)) == 0;
}

/* The token in a file, or on stdin. Its room is for the longest token and as much white space again. */
static int read_token(struct command *command, char buf[static 2 * TOKEN_MAX + 1], char **ret) {
        const char *file = command->n_arguments ? command->arguments[0] : "-";
        _cleanup_(cleanup_close) int opened = -1;
        int fd = STDIN_FILENO;
        ssize_t size;

        if (strcmp(file, "-") != 0) {
                opened = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                fd = opened;
        }
        size = fd < 0 ? -errno : bytes_read(fd, buf, (size_t) 2 * TOKEN_MAX);
        if (size < 0) {
                /* what looks like a token is not repeated on a terminal */
                fprintf(stderr, "sessjwt: Cannot read %s: %s\n", is_token_like(file) ? "that file" : file,
                        sessjwt_error_text((int) size));
                return STATUS_FAILED;
        }
        if (memchr(buf, 0, (size_t) size)) {
                fprintf(stderr, "sessjwt: There is a NUL byte in the token.\n");
                return STATUS_FAILED;
        }
        *ret = strip(buf, (size_t) size);
        if (**ret == 0 || strlen(*ret) > TOKEN_MAX) {
                fprintf(stderr, "sessjwt: %s\n",
                        **ret ? "That is longer than any token." : "There is no token to look at.");
                return STATUS_FAILED;
        }
        return STATUS_DONE;
}

static void print_verdict(struct command *command, bool active) {
        const char *reason = sessjwt_reply_string(command->c, "reason");
        _cleanup_(cleanup_free) char *why = print_escape(reason ? reason : "");

        if (active) {
                puts("active");
                table_members(command, sessjwt_reply(command->c), NULL, "active");
        } else {
                printf("inactive%s%s\n", *why ? ": " : "", why);
        }
}

/* Of what `token --refresh` or `refresh` printed, the line that is the refresh token; else all of it. */
static char *find_refresh_token(char *text) {
        char *last = text + strlen(text);

        while (last > text && !isspace((unsigned char) last[-1]))
                last--;
        return strncmp(last, REFRESH_PREFIX, strlen(REFRESH_PREFIX)) == 0 ? last : text;
}

int command_refresh(struct command *command) {
        char buf[2 * TOKEN_MAX + 1], *text;
        int r, status;

        status = read_token(command, buf, &text);
        r = status == STATUS_DONE ? sessjwt_refresh(command->c, find_refresh_token(text)) : 0;
        explicit_bzero(buf, sizeof buf);
        if (status != STATUS_DONE)
                return status;
        return r == 0 ? print_tokens(command, true) : fail_call(command, r);
}

int command_verify(struct command *command) {
        char buf[2 * TOKEN_MAX + 1], *token;
        bool active = false;
        int r;

        if (command->n_roles > ROLES_MAX)
                return fail_usage(command->verb, "--role can be given %d times at most", ROLES_MAX);
        r = read_token(command, buf, &token);
        if (r == STATUS_DONE) {
                r = sessjwt_introspect(command->c, token, command->audience, command->realm, command->roles,
                        command->n_roles);
                r = r == 0 ? STATUS_DONE : fail_call(command, r);
        }
        explicit_bzero(buf, sizeof buf);
        if (r != STATUS_DONE)
                return r;
        if (sessjwt_reply_bool(command->c, "active", &active) < 0)
                return fail_call(command, -EBADMSG);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                print_verdict(command, active);
        return active ? STATUS_DONE : STATUS_FAILED;
}
