/* api_policy: which policy applies to somebody, why, and what a login of his would meet now: by the
 * functions that judge logins, so that both say the same. */
#include "daemon/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/limit.h"

#define EVICTED_SHOWN_MAX 16

struct explain_params {
        char user[USER_MAX + 1];
        char service[SERVICE_MAX + 1];
        char realm[REALM_MAX + 1];
};

static const struct message_field explain_fields[] = {
        MESSAGE_FIELD_STRING(struct explain_params, user, "user", true),
        MESSAGE_FIELD_STRING(struct explain_params, service, "service", false),
        MESSAGE_FIELD_STRING(struct explain_params, realm, "realm", false),
        { 0 },
};

/* ---- which one, and why ---- */

static void put_step(struct json_writer *w, const struct policy *policy, const struct policy_facts *facts) {
        enum policy_condition failed = policy_find_failed(policy, facts);
        unsigned end = failed == CONDITION_NONE ? _CONDITION_MAX : failed;

        json_open_object(w);
        json_member_string(w, "policy", policy->name);
        json_member_bool(w, "applies", failed == CONDITION_NONE);
        if (failed != CONDITION_NONE)
                json_member_string(w, "failed", policy_condition_name(failed));
        json_key(w, "held");
        json_open_array(w);
        for (unsigned i = CONDITION_USERS; i < end; i++)
                if (policy_has_condition(policy, i))
                        json_put_string(w, policy_condition_name(i));
        json_close_array(w);
        json_close_object(w);
}

/* All that were looked at: up to the one that applies. */
static void put_steps(struct json_writer *w, const struct config *config, const struct policy *policy,
        const struct policy_facts *facts) {
        json_key(w, "considered");
        json_open_array(w);
        for (const struct policy *p = config->policies; p <= policy; p++)
                put_step(w, p, facts);
        json_close_array(w);
}

static void put_seconds(struct json_writer *w, const char *key, usec_t value) {
        json_member_integer(w, key, (int64_t) (value / USEC_PER_SEC));
}

static void put_policy(
        struct json_writer *w, const struct limit_login *login, const struct policy_facts *facts) {
        const struct policy *policy = login->policy;
        const char *roles[ROLES_MAX];
        size_t n_roles = policy_find_roles(policy, facts->groups, facts->n_groups, roles);

        json_member_string(w, "policy", policy->name);
        json_member_string(w, "class", session_class_name(login->class));
        if (login->exemption != EXEMPT_NOT)
                json_member_string(w, "exempt", policy_exemption_name(login->exemption));
        json_member_bool(w, "enforce", policy->enforce);
        json_member_integer(w, "maxDevices", policy->max_devices);
        json_member_integer(w, "maxSessions", policy->max_sessions);
        json_member_string(w, "onLimit", on_limit_name(policy->on_limit));
        if (policy->on_limit == ON_LIMIT_ASK)
                json_member_string(w, "askFallback", on_limit_name(policy->ask_fallback));
        json_member_string(w, "terminate", terminate_name(policy->terminate));
        put_seconds(w, "accessTtl", policy->access_ttl);
        put_seconds(w, "refreshTtl", policy->refresh_ttl);
        put_seconds(w, "sessionTtl", policy->session_ttl);
        put_seconds(w, "idleTtl", policy->idle_ttl);
        json_key(w, "roles");
        json_open_array(w);
        for (size_t i = 0; i < n_roles; i++)
                json_put_string(w, roles[i]);
        json_close_array(w);
}

/* ---- what a login would meet ---- */

static int put_evicted(struct json_writer *w, struct store_txn *txn, const struct limit_verdict *verdict) {
        int64_t n = 0;

        json_key(w, "evicted");
        json_open_array(w);
        for (size_t i = 0; i < verdict->n_rows; i++) {
                char sid[SID_TEXT_MAX + 1], since[CLOCK_TEXT_SIZE];
                struct session session;

                if (!verdict->rows[i].victim || n++ >= EVICTED_SHOWN_MAX)
                        continue;
                if (store_find_session(txn, &verdict->rows[i].sid, &session) != 0)
                        return -ENOENT;
                sid_write(&session.sid, sid);
                clock_write(session.created_at, since);
                json_open_object(w);
                json_member_string(w, "sessionId", sid);
                json_member_string(w, "deviceName", session.device_name);
                if (*session.ip)
                        json_member_string(w, "ip", session.ip);
                json_member_string(w, "createdAt", since);
                json_close_object(w);
        }
        json_close_array(w);
        json_member_integer(w, "evictedCount", n);
        return 0;
}

/* What is not enforced comes to nothing: the outcome is to allow, and what it would have been is said. */
static int put_verdict(struct request *q, const struct limit_login *login,
        const struct limit_verdict *verdict, bool is_early) {
        bool is_done = login->policy->enforce || verdict->outcome == POLICY_ALLOWS;
        int r = 0;

        json_open_object(&q->reply);
        json_member_string(
                &q->reply, "outcome", policy_outcome_name(is_done ? verdict->outcome : POLICY_ALLOWS));
        if (!is_done)
                json_member_string(&q->reply, "notEnforced", policy_outcome_name(verdict->outcome));
        if (verdict->outcome == POLICY_DENIES) {
                json_member_string(&q->reply, "phase", is_early ? "account" : "open");
                json_member_string(&q->reply, "text", verdict->text);
        }
        if (verdict->outcome == POLICY_EVICTS)
                r = put_evicted(&q->reply, q->txn, verdict);
        json_close_object(&q->reply);
        return r;
}

/* A login from that device, through account and open. The device that logged in latest, if ret_latest. */
static int put_login(struct request *q, const struct limit_login *login, const char *key,
        const struct device_id *device, struct device_id *ret_latest) {
        _cleanup_(limit_verdict_clear) struct limit_verdict verdict = { .outcome = POLICY_ALLOWS };
        bool is_early;
        int r = 0;

        if (limit_login_counts(login))
                r = limit_judge_account(q->txn, login, &verdict);
        is_early = r == 0 && verdict.outcome == POLICY_DENIES;
        if (r == 0 && !is_early && limit_login_counts(login)) {
                limit_verdict_clear(&verdict);
                r = limit_judge_open(q->txn, login, device, &verdict);
        }
        if (r < 0)
                return r;
        json_key(&q->reply, key);
        r = put_verdict(q, login, &verdict, is_early);
        if (ret_latest && verdict.n_rows > 0)
                *ret_latest = verdict.rows[verdict.n_rows - 1].device;
        return r;
}

/* A device is unknown here, so both are told: one that is not signed in, and the one that signed in last. */
static int put_logins(struct request *q, const struct limit_login *login) {
        static const struct device_id nobodys;
        struct device_id latest = nobodys;
        int r;

        r = put_login(q, login, "fromOtherDevice", &nobodys, &latest);
        if (r < 0 || device_id_equal(&latest, &nobodys))
                return r;
        return put_login(q, login, "fromSameDevice", &latest, NULL);
}

int on_explain_policy(struct request *q) {
        struct explain_params p = { .service = "sshd" };
        struct policy_facts facts;
        struct limit_login login;
        const struct realm *realm;
        struct name name;
        int r;

        r = api_read(q, explain_fields, &p);
        if (r)
                return r;
        r = api_find_realm(q, p.realm, &realm);
        if (r)
                return r;
        r = api_find_user(q, p.user, &name);
        if (r)
                return r;
        facts = (struct policy_facts){ .realm = realm->name,
                .user = p.user,
                .uid = name.uid,
                .service = p.service,
                .groups = name.groups,
                .n_groups = name.n_groups };
        login = limit_find_login(q->config, &facts);

        json_member_string(&q->reply, "user", p.user);
        json_member_integer(&q->reply, "uid", name.uid);
        json_member_string(&q->reply, "realm", realm->name);
        json_member_string(&q->reply, "service", p.service);
        put_policy(&q->reply, &login, &facts);
        put_steps(&q->reply, q->config, login.policy, &facts);
        json_member_bool(
                &q->reply, "hasSession", login.class == CLASS_COUNTED || login.class == CLASS_TRACKED);
        return put_logins(q, &login);
}
