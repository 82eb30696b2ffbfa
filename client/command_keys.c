/* command_keys: the verbs of the signing keys. */
#include "client/command.h"

#include <stdlib.h>

#include "client/cleanup.h"

#define RELOAD_SEC 10 /* a verifier reads the published keys again for an unknown one, at most so often */

int command_keys(struct command *command) {
        int r;

        r = sessjwt_list_keys(command->c);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                table_keys(command);
        return STATUS_DONE;
}

static void print_rotated(const struct command *command) {
        const char *kid = sessjwt_reply_string(command->c, "kid");
        _cleanup_(cleanup_free) char *escaped = print_escape(kid ? kid : "");
        int64_t ahead = RELOAD_SEC;

        sessjwt_reply_integer(command->c, "publishedAhead", &ahead);
        printf("Tokens are signed by %s now.\n", escaped);
        if (command->revoke)
                puts("Every token that was signed before is refused; sessions stay.");
        if (command->legend && ahead < RELOAD_SEC)
                printf("It has been published for less than %d seconds: verifiers that have just looked may "
                       "refuse new tokens for so long.\n",
                        RELOAD_SEC);
}

int command_rotate_key(struct command *command) {
        int r;

        r = sessjwt_rotate_key(command->c, command->revoke);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                print_rotated(command);
        return STATUS_DONE;
}
