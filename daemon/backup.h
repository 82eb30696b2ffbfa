/* backup: copies of the store in the folder `backups` of its state, each made on a thread of its own beside
 * everything else. One at a time. Knows nobody who waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/protocol.h"
#include "daemon/store.h"

#define BACKUP_ERROR_MAX 256

struct backup;

/* store and state_dir are borrowed. 0 or negative errno. */
int backup_new(struct store *store, const char *state_dir, struct backup **ret);
/* One that goes on is given up, and waited for. */
void backup_free(struct backup **backup);
/* The same, but its outcome can still be taken. */
void backup_cancel(struct backup *backup);
/* Readable (an eventfd) when one has ended. */
int backup_fd(const struct backup *backup);

/* Letters, digits, dots, hyphens and underscores, the first one a letter or a digit; at most
 * BACKUP_NAME_MAX. */
bool backup_name_is_valid(const char *name);
/* The name must be valid. 0; -EALREADY: one goes on; negative errno. */
int backup_start(struct backup *backup, const char *name);

enum { BACKUP_EXISTS = 1 };

struct backup_made {
        char name[BACKUP_NAME_MAX + 1];
        uint64_t size; /* of the file */
};

/* The outcome of the one that was started, waiting for it. 0: it is durable; BACKUP_EXISTS: there is one
 * of that name, which stays; negative errno with a line for people in ret_error. Of one that failed no
 * file is left. */
int backup_take(struct backup *backup, struct backup_made *ret, char ret_error[static BACKUP_ERROR_MAX]);
