/* turn: see turn.h. */
#include "daemon/turn.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"
#include "daemon/clock.h"
#include "daemon/history.h"
#include "daemon/hook.h"

#define INTERNAL_CHANGES_PER_TURN 256
#define LOGINS_PER_TURN           1024

struct queue {
        struct change *head;
        struct change **tail;
};

struct turn {
        struct store *store;
        int fd;
        pthread_t thread;
        bool joined;

        pthread_mutex_t mutex; /* of all below */
        pthread_cond_t posted;
        struct queue lanes[_LANE_MAX];
        struct queue done;
        uint64_t done_transaction; /* that the last of them were committed in */
        bool stopping;
        bool failed;

        uint64_t taken_transaction; /* loop thread */
};

static void queue_init(struct queue *queue) {
        queue->head = NULL;
        queue->tail = &queue->head;
}

static void queue_add(struct queue *queue, struct change *change) {
        change->next = NULL;
        *queue->tail = change;
        queue->tail = &change->next;
}

static struct change *queue_take(struct queue *queue) {
        struct change *change = queue->head;

        if (!change)
                return NULL;
        queue->head = change->next;
        if (!queue->head)
                queue->tail = &queue->head;
        change->next = NULL;
        return change;
}

static void queue_move(struct queue *from, struct queue *to, size_t max) {
        struct change *change;

        while (max-- > 0 && (change = queue_take(from)))
                queue_add(to, change);
}

static bool uid_is_among(const uid_t *uids, size_t n, uid_t uid) {
        for (size_t i = 0; i < n; i++)
                if (uids[i] == uid)
                        return true;
        return false;
}

/* One public change a uid and turn, in rotation: who is passed over is first in the next one, before what
 * else those want who have their turn now. */
static void queue_move_one_a_uid(struct queue *from, struct queue *to) {
        uid_t seen[PUBLIC_CHANGES_PER_TURN];
        struct queue passed_over, served;
        size_t n_seen = 0;
        struct change *change;

        queue_init(&passed_over);
        queue_init(&served);
        while ((change = queue_take(from))) {
                if (uid_is_among(seen, n_seen, change->uid))
                        queue_add(&served, change);
                else if (n_seen == PUBLIC_CHANGES_PER_TURN)
                        queue_add(&passed_over, change);
                else {
                        seen[n_seen++] = change->uid;
                        queue_add(to, change);
                }
        }
        queue_move(&passed_over, from, SIZE_MAX);
        queue_move(&served, from, SIZE_MAX);
}

static bool turn_is_idle(const struct turn *turn) {
        for (size_t i = 0; i < _LANE_MAX; i++)
                if (turn->lanes[i].head)
                        return false;
        return true;
}

static void drop_effects(struct change *change) {
        if (change->ends_stand)
                effects_keep_ends(&change->effects);
        else
                effects_clear(&change->effects);
}

enum { WITHOUT_HISTORY, WITH_HISTORY };
enum { HISTORY_FAILED = 1 };

/* 0: it has its result; HISTORY_FAILED: it is undone for the sake of its rows in history alone. */
static int try_change(struct change *change, struct store_txn *turn_txn, int history) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        effects_clear(&change->effects);
        change->result = store_begin_request(turn_txn, &txn);
        if (change->result < 0) /* it was not run; whether the turn is well, its commit says */
                return 0;
        change->result = change->run(change, txn);
        effects_stamp(&change->effects, clock_now().wall);
        /* What a change did wrong is undone with it alone; if the store itself has failed, the turn's commit
         * says so. */
        if (change->result >= 0) {
                if (history == WITH_HISTORY && history_keep(txn, &change->effects) < 0)
                        return HISTORY_FAILED;
                r = store_commit(&txn);
                if (r < 0)
                        change->result = r;
        }
        if (change->result < 0)
                drop_effects(change);
        return 0;
}

/* An end is not refused because it cannot be told later that it was. */
static void run_change(struct change *change, struct store_txn *turn_txn, int history) {
        if (try_change(change, turn_txn, history) == HISTORY_FAILED)
                (void) try_change(change, turn_txn, WITHOUT_HISTORY);
}

enum { BATCH_NOT_BEGUN = 1 };

/* Runs and commits these as one turn. BATCH_NOT_BEGUN: there was no memory for it, and the store is as it
 * was. On failure no change of them was kept. */
static int run_batch(struct turn *turn, struct change *batch, int history) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_turn(turn->store, &txn);
        if (r < 0)
                return r == -ENOMEM ? BATCH_NOT_BEGUN : r;
        for (struct change *change = batch; change; change = change->next)
                run_change(change, txn, history);
        HOOK("before-commit");
        r = store_commit(&txn);
        HOOK("after-commit");
        return r;
}

static void fail_change(struct change *change, int error) {
        drop_effects(change);
        change->result = error;
}

/* What a batch's result is for each of its changes. */
static int error_of(int result) {
        if (result == BATCH_NOT_BEGUN)
                return -ENOMEM;
        return result == -ENOSPC ? result : -EIO;
}

static void fail_from(struct change *change, int error) {
        for (; change; change = change->next)
                fail_change(change, error);
}

/* At once behind their commit: what is committed can be seen, and is to be told before it is seen. */
static void hand_back(struct turn *turn, struct queue *changes, bool failed) {
        uint64_t transaction = 0;

        (void) store_last_transaction(turn->store, &transaction);
        pthread_mutex_lock(&turn->mutex);
        if (transaction > turn->done_transaction)
                turn->done_transaction = transaction;
        turn->failed |= failed;
        queue_move(changes, &turn->done, SIZE_MAX);
        pthread_mutex_unlock(&turn->mutex);
        (void) eventfd_write(turn->fd, 1); /* woken with the mutex held, the loop would wait at once */
}

/* After a turn that found no space: each change alone, so that those that need little (ends) still go
 * through, without history, which must not cost them their place. Those before a failed commit were kept, and
 * are told so. */
static int run_one_by_one(struct turn *turn, struct queue *batch) {
        struct change *change;
        int r = 0;

        while (r >= 0 && (change = queue_take(batch))) {
                struct queue alone;

                queue_init(&alone);
                queue_add(&alone, change);
                r = run_batch(turn, change, WITHOUT_HISTORY);
                if (r != 0)
                        fail_change(change, error_of(r));
                r = r == -ENOSPC ? 0 : r;
                hand_back(turn, &alone, r < 0);
        }
        return r;
}

/* After a failed commit nobody knows whether it reached the disk: no answer but an error is honest, and the
 * next start reads what is there. */
static void run_turn(struct turn *turn, struct queue *batch) {
        usec_t begun = clock_now().awake;
        int r = run_batch(turn, batch->head, WITH_HISTORY);

        batch->head->turn_took = clock_now().awake - begun;
        if (r == -ENOSPC)
                r = run_one_by_one(turn, batch);
        if (r != 0)
                fail_from(batch->head, error_of(r));
        if (batch->head)
                hand_back(turn, batch, r < 0);
}

static void *turn_thread(void *userdata) {
        struct turn *turn = userdata;

        pthread_mutex_lock(&turn->mutex);
        for (;;) {
                struct queue batch;

                while (turn_is_idle(turn) && !turn->stopping)
                        pthread_cond_wait(&turn->posted, &turn->mutex);
                if (turn_is_idle(turn))
                        break;
                queue_init(&batch);
                queue_move(&turn->lanes[LANE_INTERNAL], &batch, INTERNAL_CHANGES_PER_TURN);
                queue_move(&turn->lanes[LANE_LOGIN], &batch, LOGINS_PER_TURN);
                queue_move_one_a_uid(&turn->lanes[LANE_PUBLIC], &batch);
                pthread_mutex_unlock(&turn->mutex);

                run_turn(turn, &batch);

                pthread_mutex_lock(&turn->mutex);
        }
        pthread_mutex_unlock(&turn->mutex);
        return NULL;
}

int turn_new(struct store *store, struct turn **ret) {
        struct turn *turn = calloc(1, sizeof(*turn));
        int r;

        if (!turn)
                return -ENOMEM;
        turn->store = store;
        turn->joined = true;
        (void) store_last_transaction(store, &turn->done_transaction);
        turn->taken_transaction = turn->done_transaction;
        for (size_t i = 0; i < _LANE_MAX; i++)
                queue_init(&turn->lanes[i]);
        queue_init(&turn->done);
        pthread_mutex_init(&turn->mutex, NULL);
        pthread_cond_init(&turn->posted, NULL);
        turn->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = turn->fd < 0 ? errno : pthread_create(&turn->thread, NULL, turn_thread, turn);
        if (r) {
                turn_free(&turn);
                return -r;
        }
        turn->joined = false;
        *ret = turn;
        return 0;
}

void turn_stop(struct turn *turn) {
        if (!turn || turn->joined)
                return;
        pthread_mutex_lock(&turn->mutex);
        turn->stopping = true;
        pthread_cond_signal(&turn->posted);
        pthread_mutex_unlock(&turn->mutex);
        pthread_join(turn->thread, NULL);
        turn->joined = true;
}

void turn_free(struct turn **turn) {
        if (!*turn)
                return;
        turn_stop(*turn);
        pthread_cond_destroy(&(*turn)->posted);
        pthread_mutex_destroy(&(*turn)->mutex);
        cleanup_close(&(*turn)->fd);
        free(*turn);
        *turn = NULL;
}

int turn_fd(const struct turn *turn) {
        return turn->fd;
}

void turn_post(struct turn *turn, struct change *change) {
        pthread_mutex_lock(&turn->mutex);
        change->turn_took = 0;
        queue_add(&turn->lanes[change->lane], change);
        pthread_mutex_unlock(&turn->mutex);
        pthread_cond_signal(&turn->posted); /* as the loop is woken */
}

struct change *turn_take_done(struct turn *turn) {
        struct change *head;
        eventfd_t ignored;

        (void) eventfd_read(turn->fd, &ignored);
        pthread_mutex_lock(&turn->mutex);
        head = turn->done.head;
        queue_init(&turn->done);
        turn->taken_transaction = turn->done_transaction;
        pthread_mutex_unlock(&turn->mutex);
        return head;
}

uint64_t turn_taken(const struct turn *turn) {
        return turn->taken_transaction;
}

bool turn_has_failed(struct turn *turn) {
        bool failed;

        pthread_mutex_lock(&turn->mutex);
        failed = turn->failed;
        pthread_mutex_unlock(&turn->mutex);
        return failed;
}
