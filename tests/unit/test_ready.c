/* ready: in rotation by uid, in order within one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "daemon/ready.h"

#define MANY 64

static void push_many(struct ready_list *list, struct ready *items, size_t n, uid_t uid) {
        for (size_t i = 0; i < n; i++) {
                items[i] = (struct ready){ .uid = uid };
                ready_push(list, &items[i]);
        }
}

static void test_those_of_one_uid_come_in_order_and_each_once(void **state) {
        struct ready_list list = { 0 };
        struct ready items[3];

        assert_null(ready_pop(&list));
        push_many(&list, items, 3, 1000);
        ready_push(&list, &items[0]);
        for (int i = 0; i < 3; i++) {
                assert_ptr_equal(ready_pop(&list), &items[i]);
                assert_false(items[i].is_listed);
        }
        assert_null(ready_pop(&list));
}

static void test_who_has_one_waits_for_one_of_him_who_has_many(void **state) {
        struct ready_list list = { 0 };
        struct ready crowd[MANY], single = { .uid = 1001 };

        push_many(&list, crowd, MANY, 1000);
        ready_push(&list, &single);
        for (int round = 0; round < 100; round++) {
                struct ready *one = ready_pop(&list);

                assert_int_equal(one->uid, 1000);
                ready_push(&list, one);
                assert_ptr_equal(ready_pop(&list), &single);
                ready_push(&list, &single);
        }
}

static void test_every_connection_of_a_crowd_has_its_turn_too(void **state) {
        struct ready_list list = { 0 };
        struct ready crowd[MANY], other[2];

        push_many(&list, crowd, MANY, 1000);
        push_many(&list, other, 2, 1001);
        for (int i = 0; i < 4 * MANY; i++) {
                struct ready *one = ready_pop(&list);

                assert_ptr_equal(one, i % 2 ? &other[i / 2 % 2] : &crowd[i / 2 % MANY]);
                ready_push(&list, one);
        }
}

static void test_uids_come_in_the_order_of_their_coming(void **state) {
        struct ready_list list = { 0 };
        struct ready items[MANY];

        for (size_t i = 0; i < MANY; i++) {
                items[i] = (struct ready){ .uid = (uid_t) (5000 - i) };
                ready_push(&list, &items[i]);
        }
        for (int i = 0; i < 2 * MANY; i++) {
                struct ready *one = ready_pop(&list);

                assert_ptr_equal(one, &items[i % MANY]);
                ready_push(&list, one);
        }
}

static void test_what_is_in_no_list_or_another_one_is_not_removed(void **state) {
        struct ready_list list = { 0 }, other = { 0 };
        struct ready a = { .uid = 1000 }, b = { .uid = 1000 }, c = { .uid = 1001 };

        ready_remove(&list, &a);
        ready_push(&list, &a);
        ready_push(&other, &b);
        ready_push(&list, &b); /* it stays in the other */
        ready_remove(&list, &b);
        ready_remove(&list, &c);
        assert_true(a.is_listed && b.is_listed);
        assert_ptr_equal(ready_pop(&list), &a);
        assert_null(ready_pop(&list));
        assert_ptr_equal(ready_pop(&other), &b);
}

/* Against a model too simple to be wrong: a row of places, and for each uid how long it has waited. */
struct model {
        struct ready *items[MANY]; /* in the order of their pushing */
        size_t n;
        unsigned waited_since[8]; /* when the uid came, or was served last and had more */
        unsigned now;
};

static bool has_uid(const struct model *model, uid_t uid) {
        for (size_t i = 0; i < model->n; i++)
                if (model->items[i]->uid == uid)
                        return true;
        return false;
}

static void model_push(struct model *model, struct ready *item) {
        if (!has_uid(model, item->uid))
                model->waited_since[item->uid] = ++model->now;
        model->items[model->n++] = item;
}

static void model_take(struct model *model, size_t at) {
        for (size_t i = at; i + 1 < model->n; i++)
                model->items[i] = model->items[i + 1];
        model->n--;
}

static struct ready *model_pop(struct model *model) {
        struct ready *item;
        size_t best = 0;

        if (model->n == 0)
                return NULL;
        for (size_t i = 1; i < model->n; i++)
                if (model->waited_since[model->items[i]->uid] < model->waited_since[model->items[best]->uid])
                        best = i;
        item = model->items[best];
        model_take(model, best);
        model->waited_since[item->uid] = ++model->now;
        return item;
}

static void model_remove(struct model *model, const struct ready *item) {
        for (size_t i = 0; i < model->n; i++)
                if (model->items[i] == item) {
                        model_take(model, i);
                        return;
                }
}

static void test_any_order_of_pushes_pops_and_removals_is_as_the_model_says(void **state) {
        struct ready items[MANY];
        struct ready_list list = { 0 };
        struct model model = { .n = 0 };

        srand(7);
        for (size_t i = 0; i < MANY; i++)
                items[i] = (struct ready){ .uid = (uid_t) (i % 8) };
        for (int step = 0; step < 100000; step++) {
                struct ready *item = &items[rand() % MANY];

                switch (rand() % 4) {
                case 0:
                case 1:
                        if (!item->is_listed)
                                model_push(&model, item);
                        ready_push(&list, item);
                        break;
                case 2:
                        assert_ptr_equal(ready_pop(&list), model_pop(&model));
                        break;
                case 3:
                        model_remove(&model, item);
                        ready_remove(&list, item);
                        assert_false(item->is_listed);
                        break;
                }
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_those_of_one_uid_come_in_order_and_each_once),
                cmocka_unit_test(test_who_has_one_waits_for_one_of_him_who_has_many),
                cmocka_unit_test(test_every_connection_of_a_crowd_has_its_turn_too),
                cmocka_unit_test(test_uids_come_in_the_order_of_their_coming),
                cmocka_unit_test(test_what_is_in_no_list_or_another_one_is_not_removed),
                cmocka_unit_test(test_any_order_of_pushes_pops_and_removals_is_as_the_model_says),
        };

        return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
