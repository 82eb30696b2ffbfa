/* login_account: see login.h. Who logs in, as far as limits go, and the account phase. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"

struct limit_login login_limits(const struct login *login) {
        const struct frame_request *frame = &login->frame;
        struct policy_facts facts = { .realm = frame->realm,
                .user = frame->user,
                .uid = frame->uid,
                .service = frame->service,
                .groups = frame->groups,
                .n_groups = frame->n_groups,
                .break_glass = frame->flags & FRAME_BREAK_GLASS };

        return limit_find_login(login->config, &facts);
}

int login_account(struct login *login, struct store_txn *txn) {
        _cleanup_(limit_verdict_clear) struct limit_verdict verdict = { 0 };
        struct limit_login limits = login_limits(login);
        int r;

        login_reply(login, FRAME_OK, NULL);
        r = limit_judge_account(txn, &limits, &verdict);
        if (r < 0)
                return r;
        if (verdict.outcome == POLICY_DENIES) {
                login_reply(login, FRAME_DENIED, verdict.text);
                log_line(LOG_NOTICE, "login refused in account: %s by %s from %s: %s", login->frame.user,
                        login->frame.service, *login->frame.rhost ? login->frame.rhost : "here",
                        verdict.text);
        }
        return 0;
}
