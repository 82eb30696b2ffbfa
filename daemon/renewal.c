/* renewal: see renewal.h. */
#include "daemon/renewal.h"

#include <errno.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/history.h"
#include "daemon/hook.h"
#include "daemon/log.h"
#include "daemon/publish.h"
#include "daemon/reset.h"
#include "daemon/tell.h"

#define USERS_PER_TURN 1024

/* ---- is it what ran here last? ---- */

static int is_behind_page(const struct store *store, const char *runtime_dir) {
        _cleanup_(cleanup_close) int dir = publish_open(runtime_dir);
        struct store_point point;
        int r = dir;

        if (r >= 0)
                r = status_find_store(dir, point.id, &point.transaction);
        if (r < 0)
                return r;
        return r == 0 ? store_is_behind(store, &point) : 0;
}

static int is_behind_seen(const struct store *store) {
        struct store_point point;

        return store_find_seen(store, &point) == 0 ? store_is_behind(store, &point) : 0;
}

/* NULL in ret_why: there is nothing to renew. */
static int find_why(const struct service *service, const char *runtime_dir, const char **ret_why) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r, is_copy;

        *ret_why = NULL;
        r = store_begin_read(service->store, &txn);
        if (r < 0)
                return r;
        is_copy = store_is_copy(txn);
        if (is_copy < 0)
                return is_copy;
        if (is_copy) {
                *ret_why = "the store is a restored copy";
                return 0;
        }
        r = store_is_blank(txn);
        if (r)
                return r < 0 ? r : 0;
        r = is_behind_page(service->store, runtime_dir);
        if (r == 0)
                r = is_behind_seen(service->store);
        if (r > 0)
                *ret_why = "the store is not what was here last, but another one or an older copy";
        return r < 0 ? r : 0;
}

int renewal_begin(struct service *service, const char *runtime_dir) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        const char *why;
        int r;

        r = find_why(service, runtime_dir, &why);
        if (r == 0 && !why)
                return 0;
        if (r == 0)
                r = store_begin_turn(service->store, &txn);
        if (r == 0)
                r = store_renew(txn);
        if (r == 0)
                r = store_commit(&txn);
        HOOK("renewal-begun");
        if (r < 0) {
                log_line(LOG_ERR, "cannot find out whether the store is to be renewed, or renew it: %s",
                        strerror(-r));
                return r;
        }
        log_line(LOG_WARNING,
                "%s: all its sessions end, keys are made anew, no token and no refresh token of before "
                "counts",
                why);
        service->is_renewed = true;
        return 0;
}

/* ---- users ---- */

/* A slice of them. 0: there are more; STORE_END: that was the last one; negative errno. */
static int reset_slice(struct service *service, struct store_cursor *cursor, const struct reset *reset,
        struct effects *effects) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        char realm[REALM_MAX + 1], user[USER_MAX + 1];
        int r, commit_result;

        r = store_begin_turn(service->store, &txn);
        for (int i = 0; r == 0 && i < USERS_PER_TURN; i++) {
                r = store_next_name(txn, cursor, realm, user);
                if (r == 0)
                        r = reset_user(txn, realm, user, ACCOUNT_UID_UNKNOWN, reset, effects);
        }
        if (r == STORE_END && store_end_renewal(txn) < 0)
                return -EIO;
        if (r < 0)
                return r;
        effects_stamp(effects, reset->at);
        if (history_keep(txn, effects) < 0)
                log_line(LOG_ERR, "the resets of users could not be kept in history");
        commit_result = store_commit(&txn);
        return commit_result < 0 ? commit_result : r;
}

int renewal_finish(struct service *service, struct moment now) {
        const struct reset reset = {
                .at = status_time(service->status, now.wall), .initiator = BY_SYSTEM, .note = RENEWAL_NOTE
        };
        struct store_cursor cursor = { 0 };
        int r;

        if (!service->is_renewed)
                return 0;
        HOOK("renewal-ended-sessions");
        do {
                _cleanup_(effects_free) struct effects effects = { 0 };

                r = reset_slice(service, &cursor, &reset, &effects);
                if (r >= 0)
                        tell_events(&effects);
        } while (r == 0);
        if (r < 0)
                log_line(LOG_ERR, "cannot reset the users of a restored store: %s", strerror(-r));
        return r < 0 ? r : 0;
}
