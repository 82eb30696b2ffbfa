/* api_health: whether the daemon is well; for admins what is not, and what a doctor starts from. */
#include "daemon/api.h"

static const struct message_field no_fields[] = { { 0 } };

static void put_problems(struct json_writer *w, const struct health *health) {
        char problem[HEALTH_PROBLEM_MAX];
        size_t index = 0;

        json_key(w, "problems");
        json_open_array(w);
        while (health_next_problem(health, &index, problem))
                json_put_string(w, problem);
        json_close_array(w);
}

static bool has_policy(const struct config *config, bool (*is_such)(const struct policy *policy)) {
        for (size_t i = 0; i < config->n_policies; i++)
                if (is_such(&config->policies[i]))
                        return true;
        return false;
}

static bool asks(const struct policy *policy) {
        return policy->on_limit == ON_LIMIT_ASK;
}

static bool ends_by_scope(const struct policy *policy) {
        return policy->terminate == TERMINATE_SCOPE;
}

static void put_configuration(struct request *q) {
        const struct health *health = &q->service->health;
        char time[CLOCK_TEXT_SIZE];

        if (health->config_file)
                json_member_string(&q->reply, "configFile", health->config_file);
        json_key(&q->reply, "configFiles");
        json_open_array(&q->reply);
        for (size_t i = 0; i < q->config->files.n; i++)
                json_put_string(&q->reply, q->config->files.names[i]);
        json_close_array(&q->reply);
        clock_write(health->config_read_wall, time);
        json_member_string(&q->reply, "configReadAt", time);
        json_member_bool(&q->reply, "asks", has_policy(q->config, asks));
        json_member_bool(&q->reply, "endsByScope", has_policy(q->config, ends_by_scope));
        json_member_bool(&q->reply, "tokenFiles", q->config->token_file);
}

static int put_details(struct request *q) {
        const struct health *health = &q->service->health;
        unsigned permille;
        uint64_t devices;
        int r;

        r = store_count_devices(q->txn, &devices);
        if (r == 0)
                r = store_usage(q->txn, &permille);
        if (r < 0)
                return r;
        json_key(&q->reply, "details");
        json_open_object(&q->reply);
        json_member_integer(&q->reply, "devices", (int64_t) devices);
        json_member_integer(&q->reply, "storeFill", permille);
        if (health->state_dir)
                json_member_string(&q->reply, "stateDir", health->state_dir);
        json_member_integer(&q->reply, "loginProcesses", (int64_t) health->leaders);
        json_member_integer(&q->reply, "loginProcessesMax", (int64_t) health->leaders_max);
        put_configuration(q);
        json_close_object(&q->reply);
        return 0;
}

int on_get_health(struct request *q) {
        const struct health *health = &q->service->health;
        uint64_t sessions;
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        r = store_count_sessions(q->txn, &sessions);
        if (r < 0)
                return r;
        json_member_bool(&q->reply, "ok", health_count_problems(health) == 0);
        json_member_string(&q->reply, "version", SESSJWT_VERSION);
        json_member_integer(
                &q->reply, "uptime", (int64_t) ((q->now.boot - q->service->started_boot) / USEC_PER_SEC));
        json_member_integer(&q->reply, "sessions", (int64_t) sessions);
        if (!q->peer.is_admin)
                return 0;
        put_problems(&q->reply, health);
        return put_details(q);
}
