/* quota: how many changes each uid has asked for of late, so that none fills the disk, the history and the
 * journal for all. Bounded; knows no request. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/clock.h"

struct quotas;

/* 0 or -ENOMEM. */
int quotas_new(struct quotas **ret);
void quotas_free(struct quotas **quotas);

/* Whether this uid may have one more change now: CHANGES_PER_SEC_PER_UID, CHANGES_AT_ONCE_PER_UID if it had
 * none for long enough. Counts it if so. root is not counted. now: awake. */
bool quota_take(struct quotas *quotas, uid_t uid, usec_t now);
