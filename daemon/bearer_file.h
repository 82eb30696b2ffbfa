/* bearer_file: public/tokens/UID/SID.jwt, each with a token for its user, whom an ACL lets read it beside the
 * daemon: nobody else, nor the folder that it is in. Knows paths and bytes; no session, no token.
 *
 * tokens/ is 0711, UID/ 0750 and SID.jwt 0640 to stat, where the group's rights are those that the ACL gives
 * at most, and the group itself has none. Links are never followed; a file is written beside its place and
 * renamed into it, so a reader sees a whole one, the old or the new. Nothing is synced: what is lost with the
 * power is made again at the next start. Loop thread only. */
#pragma once

#include <stdint.h>

#include "client/protocol.h"
#include "daemon/sid.h"

struct bearer_files;

/* Touches nothing yet. 0; -ENOMEM; negative errno (runtime_dir is not there). */
int bearer_files_new(const char *runtime_dir, struct bearer_files **ret);
void bearer_files_free(struct bearer_files **files);

/* Where it is, or would be. 0; -ENAMETOOLONG. */
int bearer_files_path(const struct bearer_files *files, uint32_t uid, const struct sid *sid,
        char ret[static TOKEN_FILE_MAX + 1]);

/* Makes it hold this text. 0; -EOPNOTSUPP: the file system has no ACLs, there is no file then; -EPERM: a
 * folder is somebody else's; negative errno. On failure what was there stays. */
int bearer_files_put(struct bearer_files *files, uint32_t uid, const struct sid *sid, const char *token);

/* Takes it away, and the user's folder if it was the last one. 0, also if there was none; negative errno. */
int bearer_files_remove(struct bearer_files *files, uint32_t uid, const struct sid *sid);

/* Forgets how far a walk has come: the next step begins anew. */
void bearer_files_begin(struct bearer_files *files);

enum bearer_files_outcome {
        BEARER_FILES_END = 1,
        BEARER_FILES_OTHER, /* something that is no token file: taken away, if it could be; go on */
};

/* Walks through all that there are, a step a call, in no order; files may come and go meanwhile. 0 with the
 * next one; BEARER_FILES_END (the next call begins again); BEARER_FILES_OTHER; negative errno: it is over. */
int bearer_files_next(struct bearer_files *files, uint32_t *ret_uid, struct sid *ret_sid);
