/* limit: what one more login of a user meets: the policy that applies, what it decides among the sessions
 * that are there, and the words for a refusal or a question. Finds and decides, changes nothing; a
 * login asks, and so does whoever wants to know what a login would meet. Knows no frame and no request.
 * DESIGN section 7. */
#pragma once

#include "daemon/config.h"
#include "daemon/policy.h"
#include "daemon/store.h"

/* Who logs in, as far as limits go. Borrows from the configuration and the facts. */
struct limit_login {
        const char *realm;
        const char *user;
        const struct policy *policy;
        enum session_class class;
        enum policy_exemption exemption;
        bool may_be_uncounted; /* there are keys that do not count: at open it may turn out to be one */
        const struct device_id *asked_from; /* account: if the user can be asked, his device as foreseen */
        enum policy_choice choice;          /* open: what he answered then */
};

struct limit_login limit_find_login(const struct config *config, const struct policy_facts *facts);

/* Whether its session takes part in limits; one by a key that does not count does not even so. */
bool limit_login_counts(const struct limit_login *login);

/* What is decided. Owns rows. */
struct limit_verdict {
        enum policy_outcome outcome; /* as if enforced: the caller looks at policy->enforce */
        struct policy_row *rows; /* the user's live sessions that count, oldest first, as far as was looked */
        size_t n_rows;
        char text[MESSAGE_TEXT_MAX +
                  1]; /* for the user, if denied or asked: when and from where the others logged in */
};

void limit_verdict_clear(struct limit_verdict *verdict);

/* In account: refuses only what no later fact can change; asks who would pass a limit, if he can be asked
 * (the text has at most QUESTION_TEXT_MAX then); allows what is not enforced. *ret is to be cleared.
 * 0; -E2BIG: more sessions than can be judged; negative errno. */
int limit_judge_account(struct store_txn *txn, const struct limit_login *login, struct limit_verdict *ret);

/* At open, of a session that counts, from this device; the rows that would go are marked. As above. */
int limit_judge_open(struct store_txn *txn, const struct limit_login *login, const struct device_id *device,
        struct limit_verdict *ret);
