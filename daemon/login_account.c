/* login_account: see login.h. What is found of a user's other logins, and the account phase. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"

#define LOGIN_ROWS_MAX 100000

struct policy_facts login_policy_facts(const struct login *login) {
        const struct frame_request *frame = &login->frame;

        return (struct policy_facts){ .realm = frame->realm,
                .user = frame->user,
                .uid = frame->uid,
                .service = frame->service,
                .groups = frame->groups,
                .n_groups = frame->n_groups,
                .break_glass = frame->flags & FRAME_BREAK_GLASS };
}

const struct policy *login_policy(const struct login *login) {
        struct policy_facts facts = login_policy_facts(login);

        return policy_match(login->config->policies, login->config->n_policies, &facts);
}

/* The user's live sessions that count, oldest first. */
int login_find_rows(
        struct store_txn *txn, const struct login *login, struct policy_row **ret, size_t *ret_n) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        struct store_cursor cursor = { 0 };
        struct session session;
        size_t n = 0, capacity = 0;
        int r;

        while ((r = store_next_session_of_user(
                        txn, login->frame.realm, login->frame.user, &cursor, &session)) == 0) {
                if (!session.counts || session.state != SESSION_LIVE)
                        continue;
                if (n == capacity) {
                        struct policy_row *more;

                        if (n >= LOGIN_ROWS_MAX)
                                return -E2BIG;
                        capacity = capacity ? capacity * 2 : 16;
                        more = reallocarray(rows, capacity, sizeof(*rows));
                        if (!more)
                                return -ENOMEM;
                        rows = more;
                }
                rows[n++] = (struct policy_row){
                        .sid = session.sid, .device = session.device, .created_at = session.created_at
                };
        }
        if (r < 0)
                return r;
        *ret = TAKE(rows);
        *ret_n = n;
        return 0;
}

/* ---- what a refused user reads: when and from where the others logged in ---- */

void login_write_denial(struct store_txn *txn, const struct policy *policy, const struct policy_row *rows,
        size_t n_rows, char ret[static MESSAGE_TEXT_MAX + 1]) {
        size_t length;
        int n;

        n = snprintf(
                ret, MESSAGE_TEXT_MAX + 1, "Too many sign-ins (policy %s); signed in already:", policy->name);
        length = (size_t) n;
        for (size_t i = 0; i < n_rows && length < MESSAGE_TEXT_MAX; i++) {
                struct session session;
                char since[CLOCK_TEXT_SIZE], line[CLOCK_TEXT_SIZE + DEVICE_NAME_MAX + IP_MAX + 32];

                if (store_find_session(txn, &rows[i].sid, &session) != 0)
                        continue;
                clock_write(session.created_at, since);
                n = snprintf(line, sizeof(line), " %s since %.16sZ%s%s;", session.device_name, since,
                        *session.ip ? " from " : "", session.ip);
                if (length + (size_t) n > MESSAGE_TEXT_MAX - 4) {
                        memcpy(ret + length, " ...", 5);
                        return;
                }
                memcpy(ret + length, line, (size_t) n + 1);
                length += (size_t) n;
        }
        if (n_rows > 0)
                ret[length - 1] = '.'; /* for the last ';' */
}

/* ---- account ---- */

/* Only what no later fact can change: where some keys do not count, the key would be such a fact. */
static bool account_may_refuse(const struct login *login, const struct policy *policy) {
        struct policy_facts facts = login_policy_facts(login);

        return config_class(login->config, login->frame.service) == CLASS_COUNTED &&
               !policy_is_exempt(policy, &facts) && policy->enforce && policy->max_sessions > 0 &&
               policy->on_limit == ON_LIMIT_DENY && login->config->uncounted_keys.n == 0;
}

int login_account(struct login *login, struct store_txn *txn) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        const struct policy *policy = login_policy(login);
        char text[MESSAGE_TEXT_MAX + 1];
        size_t n_rows = 0;
        int r;

        login_reply(login, FRAME_OK, NULL);
        if (!account_may_refuse(login, policy))
                return 0;
        r = login_find_rows(txn, login, &rows, &n_rows);
        if (r < 0)
                return r;
        if (policy_decide_account(policy, n_rows) == POLICY_DENIES) {
                login_write_denial(txn, policy, rows, n_rows, text);
                login_reply(login, FRAME_DENIED, text);
                log_line(LOG_NOTICE, "login refused in account: %s by %s from %s: %s", login->frame.user,
                        login->frame.service, *login->frame.rhost ? login->frame.rhost : "here", text);
        }
        return 0;
}
