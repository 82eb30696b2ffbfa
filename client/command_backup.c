/* command_backup: a copy of the store, made by the daemon. */
#include "client/command.h"

#include "client/cleanup.h"

#define TIMEOUT_MSEC (3600U * 1000) /* of a store of millions of sessions on a slow disk */

int command_backup(struct command *command) {
        _cleanup_(cleanup_free) char *path = NULL;
        int64_t size = 0;
        int r;

        sessjwt_set_timeout(command->c, TIMEOUT_MSEC);
        r = sessjwt_backup(command->c, command->arguments[0]);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_json(command, sessjwt_reply(command->c));
                return STATUS_DONE;
        }
        sessjwt_reply_integer(command->c, "size", &size);
        path = print_member(sessjwt_reply(command->c), "path");
        printf("%s\n", path ? path : "?");
        if (command->legend)
                printf("%lld KiB, without keys; to restore it: sessjwtd --restore FILE, see sessjwtd(8).\n",
                        (long long) ((size + 1023) / 1024));
        return STATUS_DONE;
}
