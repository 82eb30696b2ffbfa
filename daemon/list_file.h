/* list_file: public/status.jwt, the signed status list, written on a thread of its own: compressing a large
 * page takes its time, and the loop has none. One writing at a time. Knows not when to write. */
#pragma once

#include "daemon/list_token.h"

struct list_file;

/* runtime_dir is borrowed. 0; -ENOMEM; negative errno. */
int list_file_new(const char *runtime_dir, struct list_file **ret);
/* Waits for a writing that goes on. */
void list_file_free(struct list_file **file);
/* Readable (an eventfd) when a writing has ended. */
int list_file_fd(const struct list_file *file);

/* Takes a reference to the keyring and a copy of the uri; the page is borrowed until the writing is taken.
 * What is on the page now, or comes while it is read, will be in the list. 0; -EALREADY: one goes on;
 * negative errno. */
int list_file_start(struct list_file *file, struct keyring *keyring, const struct list_token_facts *facts);
/* The outcome of the writing that was started, waiting for it: 0 with the token that is in the file now,
 * malloced; list_token_mint's or publish_file's error: the file is as it was. */
int list_file_take(struct list_file *file, char **ret);
