/* quota: see quota.h. A uid's account is one time (GCRA): each change puts it off by the time that is a
 * change's share, from now on at the earliest; it may lie ahead by as many shares as may come at once. */
#include "daemon/quota.h"

#include <errno.h>
#include <stdlib.h>

#include "client/protocol.h"

#define SHARE (USEC_PER_SEC / CHANGES_PER_SEC_PER_UID)
#define AHEAD ((CHANGES_AT_ONCE_PER_UID - 1) * SHARE)
/* As many as can be connected: one that is given up for another is that of somebody who is ahead least. */
#define UIDS_MAX CONNECTIONS_MAX

struct quota {
        uid_t uid;
        usec_t paid_until;
};

struct quotas {
        size_t n;
        struct quota items[UIDS_MAX];
};

int quotas_new(struct quotas **ret) {
        struct quotas *quotas = calloc(1, sizeof(*quotas));

        if (!quotas)
                return -ENOMEM;
        *ret = quotas;
        return 0;
}

void quotas_free(struct quotas **quotas) {
        free(*quotas);
        *quotas = NULL;
}

/* That of the uid, else a new one, for which those that say nothing any more make room. */
static struct quota *get_quota(struct quotas *quotas, uid_t uid, usec_t now) {
        struct quota *least = &quotas->items[0], *quota;

        for (size_t i = 0; i < quotas->n;) {
                quota = &quotas->items[i];
                if (quota->uid == uid)
                        return quota;
                if (quota->paid_until <= now) {
                        *quota = quotas->items[--quotas->n];
                        continue;
                }
                if (quota->paid_until < least->paid_until)
                        least = quota;
                i++;
        }
        quota = quotas->n < UIDS_MAX ? &quotas->items[quotas->n++] : least;
        *quota = (struct quota){ .uid = uid };
        return quota;
}

bool quota_take(struct quotas *quotas, uid_t uid, usec_t now) {
        struct quota *quota;
        usec_t from;

        if (uid == 0)
                return true;
        quota = get_quota(quotas, uid, now);
        from = quota->paid_until > now ? quota->paid_until : now;
        if (from - now > AHEAD)
                return false;
        quota->paid_until = from + SHARE;
        return true;
}
