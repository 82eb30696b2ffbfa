#include "daemon/due.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL_CAPACITY 64

/* items[0..n) is a binary heap; places[number] is where the item of this number lies, plus one; 0: nowhere */
struct due {
        struct due_item *items;
        size_t n, capacity;
        uint32_t *places;
        size_t n_places;
};

int due_new(struct due **ret) {
        struct due *due = calloc(1, sizeof(*due));

        if (!due)
                return -ENOMEM;
        *ret = due;
        return 0;
}

void due_clear(struct due *due) {
        free(due->items);
        free(due->places);
        *due = (struct due){ 0 };
}

void due_free(struct due **due) {
        if (!*due)
                return;
        due_clear(*due);
        free(*due);
        *due = NULL;
}

/* ---- the heap ---- */

static void place(struct due *due, size_t at, const struct due_item *item) {
        due->items[at] = *item;
        due->places[item->number] = (uint32_t) at + 1;
}

static void sift_up(struct due *due, size_t at) {
        struct due_item item = due->items[at];

        while (at > 0 && due->items[(at - 1) / 2].at > item.at) {
                place(due, at, &due->items[(at - 1) / 2]);
                at = (at - 1) / 2;
        }
        place(due, at, &item);
}

static void sift_down(struct due *due, size_t at) {
        struct due_item item = due->items[at];

        for (;;) {
                size_t child = 2 * at + 1;

                if (child >= due->n)
                        break;
                if (child + 1 < due->n && due->items[child + 1].at < due->items[child].at)
                        child++;
                if (due->items[child].at >= item.at)
                        break;
                place(due, at, &due->items[child]);
                at = child;
        }
        place(due, at, &item);
}

static void restore(struct due *due, size_t at) {
        sift_up(due, at);
        sift_down(due, at);
}

/* ---- room ---- */

static int make_room(struct due *due) {
        size_t capacity = due->capacity ? due->capacity * 2 : INITIAL_CAPACITY;
        struct due_item *items;

        if (due->n < due->capacity)
                return 0;
        items = reallocarray(due->items, capacity, sizeof(*items));
        if (!items)
                return -ENOMEM;
        due->items = items;
        due->capacity = capacity;
        return 0;
}

static int make_place(struct due *due, uint64_t number) {
        size_t n = due->n_places ? due->n_places : INITIAL_CAPACITY;
        uint32_t *places;

        if (number < due->n_places)
                return 0;
        while (n <= number)
                if (__builtin_mul_overflow(n, 2, &n))
                        return -ENOMEM;
        places = reallocarray(due->places, n, sizeof(*places));
        if (!places)
                return -ENOMEM;
        memset(places + due->n_places, 0, (n - due->n_places) * sizeof(*places));
        due->places = places;
        due->n_places = n;
        return 0;
}

/* ---- the calls ---- */

static bool find(const struct due *due, uint64_t number, size_t *ret_at) {
        if (number >= due->n_places || due->places[number] == 0)
                return false;
        *ret_at = due->places[number] - 1;
        return true;
}

int due_put(struct due *due, const struct due_item *item) {
        struct due_item copy = *item; /* it may be one of ours */
        size_t at;

        if (find(due, copy.number, &at)) {
                due->items[at] = copy;
                restore(due, at);
                return 0;
        }
        if (make_room(due) < 0 || make_place(due, copy.number) < 0)
                return -ENOMEM;
        due->items[due->n++] = copy;
        sift_up(due, due->n - 1);
        return 0;
}

void due_remove(struct due *due, uint64_t number) {
        size_t at;

        if (!find(due, number, &at))
                return;
        due->places[number] = 0;
        due->n--;
        if (at == due->n)
                return;
        due->items[at] = due->items[due->n];
        restore(due, at);
}

bool due_has(const struct due *due, uint64_t number) {
        size_t at;

        return find(due, number, &at);
}

const struct due_item *due_first(const struct due *due) {
        return due->n > 0 ? due->items : NULL;
}

size_t due_count(const struct due *due) {
        return due->n;
}
