/* limit: see limit.h. */
#include "daemon/limit_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

#define ROWS_MAX 100000

struct limit_login limit_find_login(const struct config *config, const struct policy_facts *facts) {
        const struct policy *policy = policy_match(config->policies, config->n_policies, facts);

        return (struct limit_login){ .realm = facts->realm,
                .user = facts->user,
                .policy = policy,
                .class = config_class(config, facts->service),
                .exemption = policy_find_exemption(policy, facts),
                .may_be_uncounted = config->uncounted_keys.n > 0 };
}

bool limit_login_counts(const struct limit_login *login) {
        return login->class == CLASS_COUNTED && login->exemption == EXEMPT_NOT;
}

void limit_verdict_clear(struct limit_verdict *verdict) {
        free(verdict->rows);
        *verdict = (struct limit_verdict){ 0 };
}

static int find_rows(struct store_txn *txn, const struct limit_login *login, struct limit_verdict *ret) {
        _cleanup_(cleanup_free) struct policy_row *rows = NULL;
        struct store_cursor cursor = { 0 };
        struct session session;
        size_t n = 0, capacity = 0;
        int r;

        while ((r = store_next_session_of_user(txn, login->realm, login->user, &cursor, &session)) == 0) {
                if (!session.counts || session.state != SESSION_LIVE)
                        continue;
                if (n == capacity) {
                        struct policy_row *more;

                        if (n >= ROWS_MAX)
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
        ret->rows = TAKE(rows);
        ret->n_rows = n;
        return 0;
}

/* One of those that are signed in already. Returns its length. */
static int write_other(const struct session *session, char *ret, size_t size) {
        char since[CLOCK_TEXT_SIZE];

        clock_write(session->created_at, since);
        return snprintf(ret, size, " %s since %.16sZ%s%s;", session->device_name, since,
                *session->ip ? " from " : "", session->ip);
}

static void write_denial(
        struct store_txn *txn, const struct limit_login *login, struct limit_verdict *verdict) {
        size_t length;
        int n;

        n = snprintf(verdict->text, sizeof(verdict->text),
                "Too many sign-ins (policy %s); signed in already:", login->policy->name);
        length = (size_t) n;
        for (size_t i = 0; i < verdict->n_rows && length < MESSAGE_TEXT_MAX; i++) {
                char line[CLOCK_TEXT_SIZE + DEVICE_NAME_MAX + IP_MAX + 32];
                struct session session;

                if (store_find_session(txn, &verdict->rows[i].sid, &session) != 0)
                        continue;
                n = write_other(&session, line, sizeof(line));
                if (length + (size_t) n > MESSAGE_TEXT_MAX - 4) {
                        memcpy(verdict->text + length, " ...", 5);
                        return;
                }
                memcpy(verdict->text + length, line, (size_t) n + 1);
                length += (size_t) n;
        }
        if (verdict->n_rows > 0)
                verdict->text[length - 1] = '.'; /* for the last ';' */
}

/* It refuses only what no later fact can change: where some keys do not count, the key would be such a
 * fact. Who is asked can say no himself. */
static bool account_may_decide(const struct limit_login *login) {
        const struct policy *policy = login->policy;

        if (!limit_login_counts(login) || !policy->enforce || policy->on_limit == ON_LIMIT_EVICT_OLDEST)
                return false;
        if (policy->on_limit == ON_LIMIT_ASK && login->asked_from)
                return policy->max_sessions > 0 || policy->max_devices > 0;
        return policy->max_sessions > 0 && !login->may_be_uncounted;
}

int limit_judge_account(struct store_txn *txn, const struct limit_login *login, struct limit_verdict *ret) {
        int r;

        *ret = (struct limit_verdict){ .outcome = POLICY_ALLOWS };
        if (!account_may_decide(login))
                return 0;
        r = find_rows(txn, login, ret);
        if (r < 0)
                return r;
        ret->outcome = policy_decide_account(login->policy, ret->rows, ret->n_rows, login->asked_from);
        if (ret->outcome == POLICY_DENIES)
                write_denial(txn, login, ret);
        if (ret->outcome == POLICY_ASKS)
                limit_write_question(txn, login, ret);
        return 0;
}

int limit_judge_open(struct store_txn *txn, const struct limit_login *login, const struct device_id *device,
        struct limit_verdict *ret) {
        int r;

        *ret = (struct limit_verdict){ .outcome = POLICY_ALLOWS };
        if (login->policy->max_devices == 0 && login->policy->max_sessions == 0)
                return 0;
        r = find_rows(txn, login, ret);
        if (r < 0)
                return r;
        ret->outcome = policy_decide_open(login->policy, login->choice, ret->rows, ret->n_rows, device);
        if (ret->outcome == POLICY_DENIES)
                write_denial(txn, login, ret);
        return 0;
}
