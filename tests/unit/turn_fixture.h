/* A turn over a real store, held still by a change that waits at a gate, so that a test decides which changes
 * wait together. */
#pragma once

#include "tests/unit/store_fixture.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "daemon/turn.h"

#define PATIENCE_MSEC 30000
#define RUNS_MAX      4096

struct stage {
        struct fixture store;
        struct turn *turn;
        int gate; /* a semaphore: the gate's change waits for one */
        int at_gate;
        /* Written by the writer thread, read when what was posted is done. */
        struct work *ran[RUNS_MAX];
        size_t batches[RUNS_MAX];
        size_t n_ran;
};

/* A change that notes that it ran, opens session `opens` (0: none) and answers `answer`. */
struct work {
        struct change change; /* first: the turn hands this back */
        struct stage *stage;
        unsigned opens;
        unsigned n_devices; /* puts so many: how large it is */
        int answer;
        bool swallows; /* an error of the store */
        unsigned n_runs;
        void (*also)(struct work *work);
};

static inline int work_put_devices(const struct work *work, struct store_txn *txn) {
        for (unsigned i = 0; i < work->n_devices; i++) {
                struct device device = device_of(work->opens * 1000 + i, "default", "alice");
                int r = store_put_device(txn, &device);

                if (r)
                        return r;
        }
        return 0;
}

static inline int work_run(struct change *change, struct store_txn *txn) {
        struct work *work = (struct work *) change;
        struct session session = session_of(work->opens, "default", "alice");
        int r = 0;

        work->n_runs++;
        work->stage->batches[work->stage->n_ran] = mdb_txn_id(txn->turn->mdb);
        work->stage->ran[work->stage->n_ran++] = work;
        if (work->also)
                work->also(work);
        if (work->opens) {
                r = store_open_session(txn, &session);
                assert_int_equal(
                        effects_add(&change->effects, EFFECT_SESSION_OPENED, BY_USER, &session, NULL), 0);
        }
        if (!r)
                r = work_put_devices(work, txn);
        return r && !work->swallows ? r : work->answer;
}

static inline int gate_run(struct change *change, struct store_txn *txn) {
        const struct stage *stage = ((struct work *) change)->stage;
        eventfd_t ignored;

        (void) eventfd_write(stage->at_gate, 1);
        (void) eventfd_read(stage->gate, &ignored);
        return 0;
}

static inline void wait_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        assert_int_equal(poll(&p, 1, PATIENCE_MSEC), 1);
}

static inline int stage_setup(void **state) {
        struct stage *stage = calloc(1, sizeof(*stage));
        void *store;

        assert_non_null(stage);
        assert_int_equal(fixture_setup(&store), 0);
        stage->store = *(struct fixture *) store;
        free(store);
        stage->gate = eventfd(0, EFD_CLOEXEC);
        stage->at_gate = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_int_equal(turn_new(stage->store.store, &stage->turn), 0);
        *state = stage;
        return 0;
}

static inline int stage_teardown(void **state) {
        struct stage *stage = *state;
        struct fixture *store = malloc(sizeof(*store));
        void *store_state = store;

        turn_free(&stage->turn);
        assert_null(stage->turn);
        *store = stage->store;
        close(stage->gate);
        close(stage->at_gate);
        free(stage);
        return fixture_teardown(&store_state);
}

static inline void post(struct stage *stage, struct work *work, enum lane lane, uid_t uid) {
        work->change.lane = lane;
        work->change.uid = uid;
        work->change.run = work_run;
        work->stage = stage;
        turn_post(stage->turn, &work->change);
}

/* From here to stage_go what is posted waits, and is then taken together. */
static inline void stage_hold(struct stage *stage, struct work *gate) {
        eventfd_t ignored;

        *gate = (struct work){ .stage = stage, .change = { .lane = LANE_INTERNAL, .run = gate_run } };
        turn_post(stage->turn, &gate->change);
        wait_readable(stage->at_gate);
        assert_int_equal(eventfd_read(stage->at_gate, &ignored), 0);
}

static inline void stage_go(struct stage *stage) {
        assert_int_equal(eventfd_write(stage->gate, 1), 0);
}

/* Takes what is done until it is so many; the last of them. */
static inline struct work *take_done(struct stage *stage, size_t n) {
        struct change *last = NULL;

        for (size_t got = 0; got < n;) {
                wait_readable(turn_fd(stage->turn));
                for (struct change *change = turn_take_done(stage->turn); change; change = change->next) {
                        last = change;
                        got++;
                }
                assert_true(got <= n);
        }
        return (struct work *) last;
}

static inline void free_effects(struct work *works, size_t n) {
        for (size_t i = 0; i < n; i++)
                effects_free(&works[i].change.effects);
}
