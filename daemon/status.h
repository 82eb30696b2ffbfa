/* status: the writer's side of public/status: the page that tells every verifier on the host which sessions
 * live, and which of its indices may be given to a new session. Knows numbers, no sessions; the store says
 * which are taken.
 *
 * Threads: picking on the writer thread; giving back and telling the time on any; all else on the loop
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/status_page.h"
#include "daemon/clock.h"

struct status;

/* Opens `status` in that folder, or makes it (0644) where there is none, or none that we could go on with.
 * Bytes stay as they were until status_mend. 0; negative errno (-ENOSPC: no room for it). */
int status_open(int dirfd, const uint8_t store_id[static 16], struct status **ret);
void status_close(struct status **status);

enum { STATUS_NONE = 1 };

/* Of which store, and of which of its transactions, the page in that folder told last. 0; STATUS_NONE: there
 * is no page, or it has told of none; negative errno. */
int status_find_store(int dirfd, uint8_t ret_store_id[static 16], uint64_t *ret_transaction);

/* ---- at start: what the store says, before anything is answered ---- */

/* The index is not to be picked: a session has it, or had it. is_live: its byte is to be valid. 0; -EBADMSG
 * (beyond STATUS_SIZE_MAX); -ENOSPC, -ENOMEM. */
int status_claim(struct status *status, uint64_t index, bool is_live);

/* Makes the bytes say what was claimed, none of them passing through another value, then raises the
 * generation. A page of another store is ours from here on. */
void status_mend(struct status *status);

/* ---- indices ---- */

/* A random one of those that are free, now taken; the page grows when more than half are. 0; -ENOSPC: it
 * cannot grow. */
int status_pick(struct status *status, uint64_t *ret);
/* It is free again: nobody has heard of it, or nothing that was signed with it verifies any more. */
void status_give_back(struct status *status, uint64_t index);

/* ---- the page ---- */

/* Seen by all when this returns. */
void status_set(struct status *status, uint64_t index, enum status_value value);
/* Grows with each byte that status_set made another. Loop thread. */
uint64_t status_changes(const struct status *status);

/* Every verifier takes keys and mapping anew and forgets the tokens it has seen. */
void status_raise_generation(struct status *status);

/* A sign of life, once a second. */
void status_beat(struct status *status, usec_t wall);
/* How far the store has come: for the next start (status_find_store). */
void status_note_transaction(struct status *status, uint64_t last_transaction);

/* The time for tokens: the later of this one and any that the page tells, so that a clock which is set back
 * revives none. The page tells it, to the second: who has heard an answer by this time gets none by an
 * earlier one. Any thread. */
usec_t status_time(struct status *status, usec_t wall);

/* For our own verifier; as far as the page reaches now. */
struct status_view status_view(const struct status *status);
uint64_t status_generation(const struct status *status);
