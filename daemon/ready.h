/* ready: those that have work left, one uid after the other, and each uid's own in their order: who has many
 * waits behind himself alone. Knows nothing of the work. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Embedded in what is listed, zeroed but for its uid, which stays while it is in a list. */
struct ready {
        uid_t uid;
        bool is_listed;
        struct ready *next_uid;  /* of the first of a uid: that of the next one */
        struct ready *next_same; /* of the same uid */
        struct ready *last_same; /* of the first of a uid */
};

/* Zeroed: empty. Lends what is pushed until it is popped or removed. */
struct ready_list {
        struct ready *first, *last; /* of uids */
};

/* One that is listed already, in this list or another, stays where it is. */
void ready_push(struct ready_list *list, struct ready *ready);
/* NULL: there is none. */
struct ready *ready_pop(struct ready_list *list);
/* One that is not in this list is left alone. */
void ready_remove(struct ready_list *list, struct ready *ready);
