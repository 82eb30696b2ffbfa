/* api_statistics: how often and how fast, for admins. */
#include "daemon/api.h"

static const struct message_field no_fields[] = { { 0 } };

static void put_latency(struct json_writer *w, const char *key, const struct latency *latency) {
        json_key(w, key);
        json_open_object(w);
        json_member_integer(w, "count", (int64_t) latency->count);
        json_member_integer(w, "p50", (int64_t) latency_at(latency, 500));
        json_member_integer(w, "p99", (int64_t) latency_at(latency, 990));
        json_member_integer(w, "max", (int64_t) latency->longest);
        json_close_object(w);
}

static void put_count(struct json_writer *w, const char *name, uint64_t count) {
        if (count == 0)
                return;
        json_open_object(w);
        json_member_string(w, "name", name);
        json_member_integer(w, "count", (int64_t) count);
        json_close_object(w);
}

static void put_ends(struct json_writer *w, const struct statistics *statistics) {
        json_key(w, "ended");
        json_open_array(w);
        for (unsigned i = END_NONE + 1; i < _END_MAX; i++)
                put_count(w, session_end_name(i), statistics->ended[i]);
        json_close_array(w);
}

static void put_calls(struct json_writer *w, const struct statistics *statistics) {
        const char *name;

        json_key(w, "calls");
        json_open_array(w);
        for (size_t i = 0; (name = api_method_name(i)); i++)
                put_count(w, name, statistics->calls[i]);
        json_close_array(w);
}

int on_get_statistics(struct request *q) {
        const struct statistics *statistics = &q->service->statistics;
        uint64_t sessions;
        unsigned permille;
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        r = store_count_sessions(q->txn, &sessions);
        if (r == 0)
                r = store_usage(q->txn, &permille);
        if (r < 0)
                return r;
        json_member_integer(
                &q->reply, "uptime", (int64_t) ((q->now.boot - q->service->started_boot) / USEC_PER_SEC));
        json_member_integer(&q->reply, "sessions", (int64_t) sessions);
        json_member_integer(&q->reply, "storeFill", permille);
        json_member_integer(&q->reply, "opened", (int64_t) statistics->opened);
        json_member_integer(&q->reply, "denied", (int64_t) statistics->denied);
        json_member_integer(&q->reply, "notEnforced", (int64_t) statistics->spared);
        json_member_integer(&q->reply, "newDevices", (int64_t) statistics->new_devices);
        put_ends(&q->reply, statistics);
        put_calls(&q->reply, statistics);
        json_member_integer(&q->reply, "refusedCalls", (int64_t) statistics->refused_calls);
        put_latency(&q->reply, "logins", &statistics->logins);
        put_latency(&q->reply, "accounts", &statistics->accounts);
        put_latency(&q->reply, "turns", &statistics->turns);
        return 0;
}
