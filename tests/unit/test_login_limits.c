/* login: over many logins and logouts the store never holds more than the limits, and what it holds is what
 * the policy room decided. */
#include "tests/unit/login_fixture.h"

#define STEPS    120
#define LIVE_MAX 64

struct model {
        struct session live[LIVE_MAX]; /* oldest first */
        size_t n;
};

/* A small generator, so that a failure can be repeated. */
static unsigned pick(uint32_t *seed, unsigned n) {
        *seed = *seed * 1664525U + 1013904223U;
        return (*seed >> 16) % n;
}

static void model_remove(struct model *model, size_t index) {
        memmove(model->live + index, model->live + index + 1, (--model->n - index) * sizeof(*model->live));
}

/* What the policy room says to this login, carried out on the model. */
static enum policy_outcome model_open(
        struct model *model, const struct policy *policy, const struct device_id *device) {
        struct policy_row rows[LIVE_MAX];
        enum policy_outcome outcome;

        for (size_t i = 0; i < model->n; i++)
                rows[i] = (struct policy_row){ .sid = model->live[i].sid, .device = model->live[i].device };
        outcome = policy_decide_open(policy, CHOICE_NONE, rows, model->n, device);
        for (size_t i = model->n; outcome == POLICY_EVICTS && i-- > 0;)
                if (rows[i].victim)
                        model_remove(model, i);
        return outcome;
}

static void assert_within(const struct model *model, const struct policy *policy) {
        size_t n_devices = 0;

        for (size_t i = 0; i < model->n; i++) {
                bool is_first = true;

                for (size_t j = 0; j < i; j++)
                        is_first &= !device_id_equal(&model->live[i].device, &model->live[j].device);
                n_devices += is_first;
        }
        assert_true(policy->max_devices == 0 || n_devices <= policy->max_devices);
        assert_true(policy->max_sessions == 0 || model->n <= policy->max_sessions);
}

/* The live sessions in the store are the model's, in its order. */
static void assert_stored(struct desk *desk, const struct model *model) {
        struct store_txn *read = begin_read(desk->store);
        struct store_cursor cursor = { 0 };
        struct session session;
        size_t n = 0;

        while (store_next_session_of_user(read, "default", "alice", &cursor, &session) == 0) {
                if (session.state != SESSION_LIVE)
                        continue;
                assert_true(n < model->n);
                assert_memory_equal(&session.sid, &model->live[n++].sid, sizeof(session.sid));
        }
        assert_int_equal(n, model->n);
        store_abort(&read);
}

static struct device_id device_at(const char *ip) {
        struct device_facts facts = { "default", "alice", "sshd", "ssh", ip, "", "", CERTIFICATE_KEY };
        struct device device;

        assert_int_equal(device_recognise(&facts, &device), 0);
        return device.id;
}

static void step_open(struct desk *desk, struct model *model, uint32_t *seed) {
        const struct policy *policy = config_policy(desk->config, "default");
        enum policy_outcome outcome;
        struct device_id device;
        struct login *login;
        char ip[32];

        snprintf(ip, sizeof(ip), "192.0.2.%u", 1 + pick(seed, 4));
        device = device_at(ip);
        outcome = model_open(model, policy, &device);
        login = open_login(desk, "alice", ip, outcome == POLICY_DENIES ? FRAME_DENIED : FRAME_OK);
        if (outcome != POLICY_DENIES) {
                assert_true(model->n < LIVE_MAX);
                model->live[model->n++] = session_by_text(desk, login->reply.session_id);
                assert_within(model, policy);
        }
        login_free(&login);
}

static void step_close(struct desk *desk, struct model *model, uint32_t *seed) {
        struct login *login;
        size_t index;
        int module;

        if (model->n == 0)
                return;
        index = pick(seed, (unsigned) model->n);
        login = new_login(desk, FRAME_CLOSE, "alice", "", &module);
        login->leader = model->live[index].leader;
        assert_int_equal(run_login(desk, login), 0);
        EFFECTS(login, EFFECT_SESSION_ENDED);
        model_remove(model, index);
        login_free(&login);
        close(module);
}

static void walk(struct desk *desk, unsigned max_devices, unsigned max_sessions, const char *on_limit) {
        uint32_t seed = max_devices * 31 + max_sessions * 7 + (uint32_t) on_limit[0];
        struct model model = { 0 };
        char text[160];

        snprintf(text, sizeof(text), "[policy default]\nmax_devices = %u\nmax_sessions = %u\non_limit = %s\n",
                max_devices, max_sessions, on_limit);
        desk_configure(desk, text);
        for (unsigned i = 0; i < STEPS; i++) {
                if (model.n + 2 >= LIVE_MAX || pick(&seed, 4) == 0)
                        step_close(desk, &model, &seed);
                else
                        step_open(desk, &model, &seed);
                assert_stored(desk, &model);
        }
}

static void walk_all(void **state, const char *on_limit) {
        for (unsigned max_devices = 0; max_devices <= 3; max_devices++) {
                for (unsigned max_sessions = 0; max_sessions <= 4; max_sessions++) {
                        assert_int_equal(desk_setup(state), 0);
                        walk(*state, max_devices, max_sessions, on_limit);
                        assert_int_equal(desk_teardown(state), 0);
                }
        }
}

static void test_no_sequence_of_logins_passes_the_limits_by_evicting(void **state) {
        walk_all(state, "evict-oldest");
}

static void test_no_sequence_of_logins_passes_the_limits_by_denying(void **state) {
        walk_all(state, "deny");
}

/* Decided, evicted and put in one change each: of many that wait in one turn exactly one is left. */
static void test_of_many_logins_in_one_turn_one_is_left(void **state) {
        struct desk *desk;
        struct store_txn *turn;
        struct login *logins[64];
        struct store_cursor cursor = { 0 };
        struct session session;
        int modules[64], n_live = 0;

        assert_int_equal(desk_setup(state), 0);
        desk = *state;
        desk_configure(desk, "[policy default]\nmax_devices = 1\n");
        turn = begin_turn(desk->store);
        for (unsigned i = 0; i < 64; i++) {
                struct store_txn *request = begin_request(turn);
                char ip[32];

                snprintf(ip, sizeof(ip), "192.0.2.%u", i + 1);
                logins[i] = new_login(desk, FRAME_OPEN, "alice", ip, &modules[i]);
                assert_int_equal(login_run(&logins[i]->change, request), 0);
                commit(request);
        }
        commit(turn);
        turn = begin_read(desk->store);
        while (store_next_session(turn, &cursor, &session) == 0) {
                n_live += session.state == SESSION_LIVE;
                if (session.state == SESSION_LIVE)
                        assert_string_equal(session.ip, "192.0.2.64");
        }
        store_abort(&turn);
        assert_int_equal(n_live, 1);
        for (unsigned i = 0; i < 64; i++) {
                login_free(&logins[i]);
                close(modules[i]);
        }
        assert_int_equal(desk_teardown(state), 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_sequence_of_logins_passes_the_limits_by_evicting),
                cmocka_unit_test(test_no_sequence_of_logins_passes_the_limits_by_denying),
                cmocka_unit_test(test_of_many_logins_in_one_turn_one_is_left),
        };

        return cmocka_run_group_tests_name("login_limits", tests, NULL, NULL);
}
