/* login_account: see login.h. Who logs in, as far as limits go, and the account phase. */
#include "daemon/login_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"

struct limit_login login_limits(const struct login *login) {
        const struct frame_request *frame = &login->frame;
        struct limit_login limits;
        struct policy_facts facts = { .realm = frame->realm,
                .user = frame->user,
                .uid = frame->uid,
                .service = frame->service,
                .groups = frame->groups,
                .n_groups = frame->n_groups,
                .break_glass = frame->flags & FRAME_BREAK_GLASS };

        limits = limit_find_login(login->config, &facts);
        limits.choice = login->choice;
        return limits;
}

struct device_facts login_device_facts(const struct login *login) {
        const struct frame_request *frame = &login->frame;

        return (struct device_facts){ .realm = frame->realm,
                .user = frame->user,
                .service = frame->service,
                .tty = frame->tty,
                .rhost = frame->rhost,
                .ssh_connection = frame->ssh_connection,
                .auth_info = frame->auth_info,
                .certificate_identity = login->config->certificate_identity };
}

int login_recognise(const struct login *login, struct device *ret) {
        struct device_facts facts = login_device_facts(login);

        return device_recognise(&facts, ret);
}

/* By the key itself: a device may be recognised by what a certificate calls it. */
bool login_is_of_machine(const struct login *login) {
        const struct name_list *keys = &login->config->uncounted_keys;
        char fingerprint[SSHKEY_FINGERPRINT_SIZE];

        return keys->n > 0 && device_fingerprint(login->frame.auth_info, fingerprint) == 0 &&
               name_list_has(keys, fingerprint);
}

bool login_counts(const struct login *login, const struct limit_login *limits) {
        return limit_login_counts(limits) && !login_is_of_machine(login);
}

/* The device is foreseen for the question only: under keyboard-interactive it is the network source, or the
 * key that was shown before. A key that does not count is asked nothing. */
static int foresee(const struct login *login, struct limit_login *limits, struct device *device) {
        int r;

        if (!(login->frame.flags & FRAME_CAN_ASK) || limits->policy->on_limit != ON_LIMIT_ASK)
                return 0;
        r = login_recognise(login, device);
        if (r < 0)
                return r;
        if (login_counts(login, limits))
                limits->asked_from = &device->id;
        return 0;
}

/* Whether open cannot find another device any more: the first key counts, and one has been shown; or no key
 * can come, because it is not sshd that asks. What is not known yet may turn out to be a key. */
static bool device_is_settled(const struct login *login, const struct device *device) {
        if (device->kind == DEVICE_SSH_KEY)
                return true;
        return strcmp(login->frame.service, "sshd") != 0 && !*login->frame.ssh_connection &&
               (device->kind == DEVICE_NETWORK || device->kind == DEVICE_LOCAL);
}

/* Of those whom a policy may deny. > 0: it is, and open would refuse it, too. */
static int is_blocked(const struct login *login, struct store_txn *txn, const struct limit_login *limits) {
        struct device device, known;
        int r;

        if (!limit_login_counts(limits))
                return 0;
        r = login_recognise(login, &device);
        if (r < 0 || !device_is_settled(login, &device))
                return r;
        r = store_find_device(txn, device.realm, device.user, &device.id, &known);
        return r < 0 ? r : r == 0 && known.state == DEVICE_BLOCKED;
}

static void deny(struct login *login, const char *text) {
        login_reply(login, FRAME_DENIED, text);
        log_line(LOG_NOTICE, "login refused in account: %s by %s from %s: %s", login->frame.user,
                login->frame.service, *login->frame.rhost ? login->frame.rhost : "here", text);
}

static int login_account(struct login *login, struct store_txn *txn, struct moment now) {
        _cleanup_(limit_verdict_clear) struct limit_verdict verdict = { 0 };
        struct limit_login limits = login_limits(login);
        struct device device;
        char text[MESSAGE_TEXT_MAX + 1];
        int r;

        login_reply(login, FRAME_OK, NULL);
        r = login_is_locked(login, txn, now, text);
        if (r > 0)
                deny(login, text);
        if (r)
                return r < 0 ? r : 0;
        r = is_blocked(login, txn, &limits);
        if (r > 0)
                deny(login, LOGIN_BLOCKED_TEXT);
        if (r)
                return r < 0 ? r : 0;
        r = foresee(login, &limits, &device);
        if (r < 0)
                return r;
        r = limit_judge_account(txn, &limits, &verdict);
        if (r < 0)
                return r;
        if (verdict.outcome == POLICY_DENIES)
                deny(login, verdict.text);
        if (verdict.outcome == POLICY_ASKS)
                login_reply(login, FRAME_ASKS, verdict.text);
        return 0;
}

bool login_only_reads(const struct login *login) {
        return login->frame.phase == FRAME_ACCOUNT || login->frame.phase == FRAME_PREAUTH;
}

int login_read(struct login *login, struct store_txn *txn) {
        struct moment now = clock_now();

        return login->frame.phase == FRAME_PREAUTH ? login_preauth(login, txn, now)
                                                   : login_account(login, txn, now);
}
