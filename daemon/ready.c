/* ready: see ready.h. */
#include "daemon/ready.h"

#include <stddef.h>

static void add_uid(struct ready_list *list, struct ready *first) {
        first->next_uid = NULL;
        if (list->last)
                list->last->next_uid = first;
        else
                list->first = first;
        list->last = first;
}

void ready_push(struct ready_list *list, struct ready *ready) {
        struct ready *of_uid = list->first;

        if (ready->is_listed)
                return;
        ready->is_listed = true;
        ready->next_same = NULL;
        while (of_uid && of_uid->uid != ready->uid)
                of_uid = of_uid->next_uid;
        if (of_uid) {
                of_uid->last_same->next_same = ready;
                of_uid->last_same = ready;
        } else {
                ready->last_same = ready;
                add_uid(list, ready);
        }
}

struct ready *ready_pop(struct ready_list *list) {
        struct ready *ready = list->first, *heir;

        if (!ready)
                return NULL;
        list->first = ready->next_uid;
        if (!list->first)
                list->last = NULL;
        heir = ready->next_same;
        if (heir) { /* behind the other uids */
                heir->last_same = ready->last_same;
                add_uid(list, heir);
        }
        ready->is_listed = false;
        return ready;
}

/* The next of its uid stands where it stood. */
static void remove_first(struct ready_list *list, struct ready *before, struct ready *ready) {
        struct ready *heir = ready->next_same, *next = ready->next_uid;

        if (heir) {
                heir->last_same = ready->last_same;
                heir->next_uid = next;
                next = heir;
        }
        if (before)
                before->next_uid = next;
        else
                list->first = next;
        if (list->last == ready)
                list->last = heir ? heir : before;
        ready->is_listed = false;
}

static void remove_same(struct ready *of_uid, struct ready *ready) {
        struct ready *before = of_uid;

        while (before->next_same && before->next_same != ready)
                before = before->next_same;
        if (!before->next_same)
                return;
        before->next_same = ready->next_same;
        if (of_uid->last_same == ready)
                of_uid->last_same = before;
        ready->is_listed = false;
}

void ready_remove(struct ready_list *list, struct ready *ready) {
        struct ready *before = NULL, *of_uid = list->first;

        while (of_uid && of_uid->uid != ready->uid) {
                before = of_uid;
                of_uid = of_uid->next_uid;
        }
        if (of_uid && of_uid == ready)
                remove_first(list, before, ready);
        else if (of_uid)
                remove_same(of_uid, ready);
}
