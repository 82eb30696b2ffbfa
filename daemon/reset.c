/* reset: see reset.h. */
#include "daemon/reset.h"

#include <errno.h>
#include <stdio.h>

int reset_user(struct store_txn *txn, const char *realm, const char *user, uint32_t uid,
        const struct reset *reset, struct effects *effects) {
        struct session whose = { .uid = uid };
        struct account account;
        int r;

        r = store_find_account(txn, realm, user, &account);
        if (r < 0)
                return r;
        if (r == STORE_NOT_FOUND)
                account = account_of(realm, user);
        account_reset(&account, uid, reset->at);
        r = store_put_account(txn, &account);
        if (r < 0)
                return r;
        snprintf(whose.realm, sizeof(whose.realm), "%s", realm);
        snprintf(whose.user, sizeof(whose.user), "%s", user);
        return effects_add(effects, EFFECT_USER_RESET, reset->initiator, &whose, reset->note);
}

int reset_renew(struct store_txn *txn, struct session *session, uint64_t status_index,
        const struct reset *reset, struct effects *effects) {
        uint64_t former = session->status_index;
        int r;

        session->status_index = status_index;
        refresh_give_up(&session->refresh);
        r = store_put_session(txn, session); /* which lets the former index rest */
        if (r)
                return r < 0 ? r : -ENOENT;
        r = effects_add(effects, EFFECT_SESSION_RENEWED, reset->initiator, session, reset->note);
        if (r < 0)
                return r;
        effects->items[effects->n - 1].former_index = former;
        return 0;
}
