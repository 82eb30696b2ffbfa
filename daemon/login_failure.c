/* login_failure: the attempts to sign in that failed, counted for the user's own eyes: his next login tells
 * him. A row of his account, not of history, so that a login reads one row however many there were. See
 * login.h; DESIGN section 8. */
#include "daemon/login_private.h"

int login_count_failure(struct store_txn *txn, const struct session *told, const char *source) {
        struct account account;
        int r;

        r = store_find_account(txn, told->realm, told->user, &account);
        if (r < 0)
                return r;
        if (r == STORE_NOT_FOUND)
                account = account_of(told->realm, told->user);
        account_fail(&account, told->uid, source, told->created_at);
        return store_put_account(txn, &account);
}

/* Only a login that shows it uses the line up: a machine's key reads nothing, and nor does anybody where the
 * module is to be silent or does not wait. */
static bool has_reader(const struct login *login, const struct session *session) {
        return session->class == CLASS_COUNTED && login->answer_is_awaited &&
               !(login->frame.flags & FRAME_SILENT) && !login_is_of_machine(login);
}

int login_tell_failures(struct login *login, struct store_txn *txn, const struct session *session) {
        struct account account;
        int r;

        if (!has_reader(login, session))
                return 0;
        r = store_find_account(txn, session->realm, session->user, &account);
        if (r)
                return r < 0 ? r : 0;
        if (!account_tell_failures(&account, login->reply.text))
                return 0;
        r = account_is_empty(&account) ? store_remove_account(txn, session->realm, session->user)
                                       : store_put_account(txn, &account);
        return r < 0 ? r : 0;
}
