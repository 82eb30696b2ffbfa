/* Thousands of random changes, some undone, against a model that is too simple to be wrong. */
#include "tests/unit/store_fixture.h"

#include <stdbool.h>

#define SESSIONS_MAX 96
#define DEVICES_MAX  32
#define TURNS        500

struct model {
        struct session sessions[SESSIONS_MAX];
        size_t n_sessions;
        struct device devices[DEVICES_MAX];
        size_t n_devices;
};

static const char *const realms[] = { "a", "b", "ab" };
static const char *const users[] = { "a", "ab", "b", "s", "d" };

static uint64_t seed = 0x9e3779b97f4a7c15;

/* xorshift64: the same changes at every run. */
static unsigned random_below(unsigned n) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned) ((seed >> 32) % n);
}

/* Byte 4 of the sid is high, so that sids beyond 255 are in order only if whole keys are compared. */
static unsigned random_sid(void) {
        return random_below(4) * 256 + random_below(40);
}

static usec_t random_deadline(void) {
        return random_below(3) == 0 ? USEC_NEVER : (usec_t) random_below(5) * 300;
}

/* ---- the model ---- */

static ssize_t model_find(const struct model *m, const struct sid *sid) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (memcmp(m->sessions[i].sid.bytes, sid->bytes, 16) == 0)
                        return (ssize_t) i;
        return -1;
}

static int compare_sessions(const void *a, const void *b) {
        return memcmp(((const struct session *) a)->sid.bytes, ((const struct session *) b)->sid.bytes, 16);
}

static void model_add(struct model *m, const struct session *session) {
        m->sessions[m->n_sessions++] = *session;
        qsort(m->sessions, m->n_sessions, sizeof(*session), compare_sessions);
}

static void model_remove(struct model *m, size_t i) {
        m->n_sessions--;
        memmove(m->sessions + i, m->sessions + i + 1, (m->n_sessions - i) * sizeof(m->sessions[0]));
}

static struct device *model_find_device(struct model *m, const struct device *device) {
        for (size_t i = 0; i < m->n_devices; i++)
                if (memcmp(m->devices[i].id.bytes, device->id.bytes, 16) == 0 &&
                        strcmp(m->devices[i].realm, device->realm) == 0 &&
                        strcmp(m->devices[i].user, device->user) == 0)
                        return &m->devices[i];
        return NULL;
}

/* ---- changes, made on both ---- */

static void change_open(struct store_txn *txn, struct model *m) {
        struct session s = session_of(random_sid(), realms[random_below(3)], users[random_below(5)]);
        bool there = model_find(m, &s.sid) >= 0;

        if (m->n_sessions == SESSIONS_MAX)
                return;
        s.uid = 1000 + random_below(3);
        s.leader.pid = (pid_t) (1 + random_below(6));
        s.leader.start = random_below(2);
        s.deadline_boot = random_deadline();
        assert_int_equal(store_open_session(txn, &s), there ? -EEXIST : 0);
        if (!there)
                model_add(m, &s);
}

static void change_put(struct store_txn *txn, struct model *m) {
        struct session s;
        size_t i;

        if (m->n_sessions == 0) {
                s = session_of(1, "a", "a");
                assert_int_equal(store_put_session(txn, &s), STORE_NOT_FOUND);
                return;
        }
        i = random_below((unsigned) m->n_sessions);
        s = m->sessions[i];
        s.last_seen++;
        if (random_below(4) == 0)
                s.leader.start ^= 1;
        if (random_below(3) == 0)
                s.deadline_boot = random_deadline();
        if (random_below(3) == 0)
                s.state = (enum session_state)(SESSION_LIVE + random_below(3));
        if (random_below(8) == 0)
                s.uid = 1000 + random_below(3);
        memset(s.tty, 't', random_below(TTY_MAX));
        assert_int_equal(store_put_session(txn, &s), 0);
        m->sessions[i] = s;
}

static void change_remove(struct store_txn *txn, struct model *m) {
        struct sid sid = sid_of(random_sid());
        ssize_t i;

        if (m->n_sessions > 0 && random_below(4) > 0)
                sid = m->sessions[random_below((unsigned) m->n_sessions)].sid;
        i = model_find(m, &sid);
        assert_int_equal(store_remove_session(txn, &sid), i < 0 ? STORE_NOT_FOUND : 0);
        if (i >= 0)
                model_remove(m, (size_t) i);
}

static void change_device(struct store_txn *txn, struct model *m) {
        struct device d = device_of(random_below(3), realms[random_below(3)], users[random_below(5)]);
        struct device *there = model_find_device(m, &d);

        if (random_below(4) == 0) {
                assert_int_equal(store_remove_device(txn, &d.id), there ? 0 : STORE_NOT_FOUND);
                if (there)
                        *there = m->devices[--m->n_devices];
                return;
        }
        if (!there && m->n_devices == DEVICES_MAX)
                return;
        d.logins = random_below(1000);
        assert_int_equal(store_put_device(txn, &d), 0);
        if (!there)
                there = &m->devices[m->n_devices++];
        *there = d;
}

static void change(struct store_txn *txn, struct model *m) {
        switch (random_below(8)) {
        case 0:
        case 1:
        case 2:
                return change_open(txn, m);
        case 3:
        case 4:
                return change_put(txn, m);
        case 5:
        case 6:
                return change_remove(txn, m);
        default:
                return change_device(txn, m);
        }
}

/* ---- comparing ---- */

/* Steps through the model's sessions that one list must show, in the order of their sids. */
static const struct session *expect(const struct model *m, size_t *i,
        bool (*is_in)(const struct session *, const void *), const void *arg) {
        while (*i < m->n_sessions && !is_in(&m->sessions[*i], arg))
                (*i)++;
        return *i < m->n_sessions ? &m->sessions[(*i)++] : NULL;
}

struct name {
        const char *realm;
        const char *user;
};

static bool is_any(const struct session *session, const void *arg) {
        return true;
}

static bool is_of_name(const struct session *session, const void *arg) {
        const struct name *name = arg;

        return strcmp(session->realm, name->realm) == 0 && strcmp(session->user, name->user) == 0;
}

static bool is_of_leader(const struct session *session, const void *arg) {
        const struct leader_id *leader = arg;

        return session->leader.pid == leader->pid && session->leader.start == leader->start;
}

static void assert_next(int r, const struct session *got, const struct session *expected) {
        assert_int_equal(r, expected ? 0 : STORE_END);
        if (expected)
                assert_same_session(got, expected);
}

static void compare_all(struct store_txn *txn, const struct model *m) {
        struct store_cursor cursor = { 0 };
        const struct session *expected;
        struct session got;
        size_t i = 0;
        int r;

        do {
                expected = expect(m, &i, is_any, NULL);
                r = store_next_session(txn, &cursor, &got);
                assert_next(r, &got, expected);
                if (expected) {
                        assert_int_equal(store_find_session(txn, &expected->sid, &got), 0);
                        assert_same_session(&got, expected);
                }
        } while (expected);
}

static void compare_user(struct store_txn *txn, const struct model *m, struct name name) {
        struct store_cursor cursor = { 0 };
        const struct session *expected;
        struct session got;
        size_t i = 0;
        int r;

        do {
                expected = expect(m, &i, is_of_name, &name);
                r = store_next_session_of_user(txn, name.realm, name.user, &cursor, &got);
                assert_next(r, &got, expected);
        } while (expected);
}

static void compare_leader(struct store_txn *txn, const struct model *m, struct leader_id leader) {
        struct store_cursor cursor = { 0 };
        const struct session *expected;
        struct session got;
        size_t i = 0;
        int r;

        do {
                expected = expect(m, &i, is_of_leader, &leader);
                r = store_next_session_of_leader(txn, &leader, &cursor, &got);
                assert_next(r, &got, expected);
        } while (expected);
}

/* By user, so not in the model's order: each is the uid's, none twice, none missing. */
static void compare_uid(struct store_txn *txn, const struct model *m, uint32_t uid) {
        bool seen[SESSIONS_MAX] = { false };
        struct store_cursor cursor = { 0 };
        struct session got;
        ssize_t i;
        int r;

        while ((r = store_next_session_of_uid(txn, uid, &cursor, &got)) == 0) {
                i = model_find(m, &got.sid);
                assert_true(i >= 0 && !seen[i]);
                assert_same_session(&got, &m->sessions[i]);
                seen[i] = true;
        }
        assert_int_equal(r, STORE_END);
        for (size_t j = 0; j < m->n_sessions; j++)
                assert_int_equal(seen[j], m->sessions[j].uid == uid);
}

static void compare_by_user(struct store_txn *txn, const struct model *m) {
        struct record_key last = { 0 }, key;
        struct store_cursor cursor = { 0 };
        struct session got;
        size_t n = 0;
        ssize_t i;

        while (store_next_session_by_user(txn, &cursor, &got) == 0) {
                i = model_find(m, &got.sid);
                assert_true(i >= 0);
                assert_same_session(&got, &m->sessions[i]);
                record_key_session(got.realm, got.user, &got.sid, &key);
                assert_true(memcmp(last.bytes, key.bytes, key.size) < 0);
                last = key;
                n++;
        }
        assert_int_equal(n, m->n_sessions);
}

static void compare_deadline(struct store_txn *txn, const struct model *m) {
        const struct session *first = NULL;
        struct session got;

        for (size_t i = 0; i < m->n_sessions; i++) {
                const struct session *s = &m->sessions[i];

                if (s->state == SESSION_LIVE && s->deadline_boot != USEC_NEVER &&
                        (!first || s->deadline_boot < first->deadline_boot))
                        first = s;
        }
        assert_int_equal(store_first_deadline(txn, &got), first ? 0 : STORE_NOT_FOUND);
        if (first)
                assert_same_session(&got, first);
}

static void compare_devices(struct store_txn *txn, struct model *m, struct name name) {
        struct store_cursor cursor = { 0 };
        const struct device *expected;
        size_t n = 0, n_expected = 0;
        struct device got;

        while (store_next_device_of_user(txn, name.realm, name.user, &cursor, &got) == 0) {
                expected = model_find_device(m, &got);
                assert_non_null(expected);
                assert_int_equal(expected->logins, got.logins);
                assert_int_equal(store_load_device(txn, &got.id, &got), 0);
                assert_string_equal(got.user, name.user);
                assert_string_equal(got.realm, name.realm);
                n++;
        }
        for (size_t i = 0; i < m->n_devices; i++)
                n_expected += strcmp(m->devices[i].realm, name.realm) == 0 &&
                              strcmp(m->devices[i].user, name.user) == 0;
        assert_int_equal(n, n_expected);
}

static void compare(struct store_txn *txn, struct model *m) {
        uint64_t count;
        struct sid newest;

        assert_consistent(txn);
        assert_int_equal(store_count_sessions(txn, &count), 0);
        assert_int_equal(count, m->n_sessions);
        assert_int_equal(store_newest_sid(txn, &newest), m->n_sessions ? 0 : STORE_NOT_FOUND);
        if (m->n_sessions)
                assert_memory_equal(newest.bytes, m->sessions[m->n_sessions - 1].sid.bytes, 16);
        compare_all(txn, m);
        compare_by_user(txn, m);
        compare_deadline(txn, m);
        for (unsigned i = 0; i < 3; i++)
                for (unsigned j = 0; j < 5; j++) {
                        compare_user(txn, m, (struct name){ realms[i], users[j] });
                        compare_devices(txn, m, (struct name){ realms[i], users[j] });
                }
        for (unsigned i = 0; i < 14; i++)
                compare_leader(txn, m,
                        (struct leader_id){ .boot = { { 7 } }, .pid = (pid_t) (i / 2), .start = i % 2 });
        for (uint32_t uid = 999; uid < 1004; uid++)
                compare_uid(txn, m, uid);
}

/* ---- the run ---- */

static void run_request(struct store_txn *turn, struct model *m) {
        _cleanup_(cleanup_free) struct model *after = malloc(sizeof(*after));
        struct store_txn *request = begin_request(turn);

        assert_non_null(after);
        *after = *m;
        for (unsigned n = 1 + random_below(5); n > 0; n--)
                change(request, after);

        if (random_below(3) == 0) {
                store_abort(&request);
                return;
        }
        commit(request);
        *m = *after;
}

static void run_turn(struct fixture *f, struct model *m) {
        _cleanup_(cleanup_free) struct model *after = malloc(sizeof(*after));
        struct store_txn *turn = begin_turn(f);

        assert_non_null(after);
        *after = *m;
        for (unsigned n = 1 + random_below(6); n > 0; n--)
                run_request(turn, after);
        if (random_below(16) == 0)
                compare(turn, after);

        if (random_below(8) == 0) {
                store_abort(&turn);
                return;
        }
        commit(turn);
        *m = *after;
}

static void test_the_store_is_the_model_after_every_turn(void **state) {
        _cleanup_(cleanup_free) struct model *m = calloc(1, sizeof(*m));
        struct fixture *f = *state;
        struct store_txn *read;

        assert_non_null(m);
        for (unsigned i = 0; i < TURNS; i++) {
                run_turn(f, m);
                if (i % 50 == 49)
                        fixture_reopen(f, FIXTURE_MAP);
                read = begin_read(f);
                compare(read, m);
                store_abort(&read);
        }
        assert_true(m->n_sessions > 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_the_store_is_the_model_after_every_turn, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests_name("store_model", tests, NULL, NULL);
}
