/* purge: what is kept of a user goes, row by row: his devices, failures, locks, sources and history. What
 * stays is his account with the moment of his reset, without which tokens of before would count again, and
 * that his uid went by his name, which guards root's. His sessions are none of its business: they end by
 * daemon/ending, before. It remembers nothing between its calls: what is still there is still to do, so one
 * that was cut short is finished by the next. Knows no caller, no turn, no page. */
#pragma once

#include <stddef.h>

#include "daemon/store.h"

enum { PURGE_HAS_MORE = 1 };

/* Takes at most max rows. If his is the last row of all history, it stays as a "purged" that is nobody's. 0:
 * nothing of his is left but the account; PURGE_HAS_MORE; negative errno. */
int purge_user(struct store_txn *txn, const char *realm, const char *user, size_t max);
