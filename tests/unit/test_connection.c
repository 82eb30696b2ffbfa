/* connection: a bounded table, found by slot and generation, with a fair list of those that have work. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/protocol.h"
#include "daemon/connection.h"

static struct connections *new_connections(void) {
        struct connections *connections = NULL;

        assert_int_equal(connections_new(CONNECTIONS_MAX, &connections), 0);
        return connections;
}

static int some_fd(void) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static int try_add(struct connections *connections, uid_t uid, struct connection **ret) {
        struct peer peer = { .uid = uid, .pid = 7, .connected_boot = 100 };
        int fd = some_fd(), r = connections_add(connections, &fd, &peer, ret);

        if (r)
                assert_true(fd >= 0);
        else
                assert_int_equal(fd, -1);
        if (fd >= 0)
                close(fd);
        return r;
}

static struct connection *add(struct connections *connections, uid_t uid) {
        struct connection *connection = NULL;

        assert_int_equal(try_add(connections, uid, &connection), 0);
        return connection;
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

/* ---- the table ---- */

static void test_a_connection_is_found_by_slot_and_generation(void **state) {
        struct connections *connections = new_connections();
        struct connection *a = add(connections, 1000), *b = add(connections, 1000);

        assert_int_equal(a->peer.uid, 1000);
        assert_int_equal(a->last_active, 100);
        assert_ptr_equal(connections_find(connections, a->slot, a->generation), a);
        assert_ptr_equal(connections_find(connections, b->slot, b->generation), b);
        assert_null(connections_find(connections, a->slot, a->generation + 1));
        assert_null(connections_find(connections, a->slot, 0));
        assert_null(connections_find(connections, 2, 1));
        assert_null(connections_find(connections, CONNECTIONS_MAX, 1));
        assert_null(connections_find(connections, UINT32_MAX, 1));
        connections_free(&connections);
        assert_null(connections);
        connections_free(&connections);
}

static void test_a_removed_connection_is_not_found_in_its_successor(void **state) {
        struct connections *connections = new_connections();
        struct connection *old = add(connections, 1000), *successor;
        uint32_t slot = old->slot, generation = old->generation;
        int fd = old->fd;

        assert_true(is_open(fd));
        connections_remove(connections, old);
        assert_false(is_open(fd));
        assert_null(connections_find(connections, slot, generation));
        successor = add(connections, 1000);
        assert_int_equal(successor->slot, slot);
        assert_null(connections_find(connections, slot, generation));
        assert_ptr_equal(connections_find(connections, slot, successor->generation), successor);
        connections_free(&connections);
}

/* The loop's event carries only so many bits of it: one more, and the connection would never be found. */
static void test_the_generation_never_outgrows_what_an_event_carries(void **state) {
        struct connections *connections = new_connections();
        struct peer peer = { .uid = 0 };

        for (uint32_t i = 0; i < CONNECTION_GENERATION_MASK + 3; i++) {
                struct connection *connection;
                int no_fd = -1;

                assert_int_equal(connections_add(connections, &no_fd, &peer, &connection), 0);
                if (connection->generation > CONNECTION_GENERATION_MASK || connection->slot != 0)
                        fail_msg("generation %u in slot %u", connection->generation, connection->slot);
                connections_remove(connections, connection);
        }
        connections_free(&connections);
}

static void test_a_uid_has_a_bound_and_others_still_come_in(void **state) {
        struct connections *connections = new_connections();
        struct connection *last = NULL, *refused = NULL;

        for (int i = 0; i < CONNECTIONS_PER_UID_MAX; i++)
                last = add(connections, 1000);
        assert_int_equal(try_add(connections, 1000, &refused), CONNECTIONS_FULL_FOR_UID);
        assert_null(refused);
        add(connections, 1001);
        connections_remove(connections, last);
        add(connections, 1000);
        assert_int_equal(try_add(connections, 1000, &refused), CONNECTIONS_FULL_FOR_UID);
        connections_free(&connections);
}

/* Whoever has many uids, as subordinate ones are, takes all that there are for users, and none of root's. */
static void test_the_last_places_are_for_root(void **state) {
        struct connections *connections = new_connections();
        struct connection *refused = NULL;
        int n = 0;

        while (try_add(connections, 1000 + (uid_t) (n / CONNECTIONS_PER_UID_MAX), &refused) == 0)
                n++;
        assert_int_equal(n, CONNECTIONS_MAX - CONNECTIONS_FOR_ROOT);
        assert_int_equal(try_add(connections, 999, &refused), CONNECTIONS_FULL);
        for (int i = 0; i < CONNECTIONS_FOR_ROOT; i++)
                add(connections, 0);
        assert_int_equal(try_add(connections, 0, &refused), CONNECTIONS_FULL);
        connections_free(&connections);
}

static void test_a_table_for_fewer_descriptors_is_full_earlier(void **state) {
        struct connections *connections = NULL;
        struct connection *refused = NULL;

        assert_int_equal(connections_new(3, &connections), 0);
        for (uid_t uid = 0; uid < 3; uid++)
                add(connections, uid);
        assert_int_equal(try_add(connections, 1000, &refused), CONNECTIONS_FULL);
        connections_free(&connections);
}

static void test_root_fills_the_whole_table_and_no_more(void **state) {
        struct connections *connections = new_connections();
        struct connection *connection = NULL, *refused = NULL;
        uint32_t slot;

        for (int i = 0; i < CONNECTIONS_MAX; i++)
                connection = add(connections, 0);
        assert_int_equal(try_add(connections, 0, &refused), CONNECTIONS_FULL);
        slot = connection->slot;
        connections_remove(connections, connection);
        assert_int_equal(try_add(connections, 1000, &refused), CONNECTIONS_FULL);
        assert_int_equal(add(connections, 0)->slot, slot);
        connections_free(&connections);
}

/* ---- what is held ---- */

static void hold(struct connection *connection, size_t size) {
        connection->stream.out.end = size; /* counted only: nothing is there */
}

static void test_a_uid_holds_as_much_as_it_may_and_others_theirs(void **state) {
        struct connections *connections = new_connections();
        struct connection *a = add(connections, 1000), *b = add(connections, 1000);

        hold(a, HELD_PER_UID_MAX / 2);
        hold(b, HELD_PER_UID_MAX / 2 - 100);
        assert_int_equal(connections_may_hold(connections, 1000, 100), 0);
        assert_int_equal(connections_may_hold(connections, 1000, 101), CONNECTIONS_FULL_FOR_UID);
        assert_int_equal(connections_may_hold(connections, 1001, HELD_PER_UID_MAX), 0);
        assert_int_equal(
                connections_may_hold(connections, 1001, HELD_PER_UID_MAX + 1), CONNECTIONS_FULL_FOR_UID);
        hold(b, 0);
        b->stream.in.size = HELD_PER_UID_MAX / 2;
        assert_int_equal(connections_may_hold(connections, 1000, 1), CONNECTIONS_FULL_FOR_UID);
        connections_remove(connections, b);
        assert_int_equal(connections_may_hold(connections, 1000, HELD_PER_UID_MAX / 2), 0);
        connections_free(&connections);
}

static void test_a_list_that_goes_on_counts_as_far_as_it_is_written(void **state) {
        struct connections *connections = new_connections();
        struct connection *a = add(connections, 1000);

        a->list = calloc(1, sizeof(*a->list));
        assert_non_null(a->list);
        assert_int_equal(request_own_reply(a->list, REPLY_MAX), 0);
        a->list->reply.length = 5000;
        assert_int_equal(connections_may_hold(connections, 1000, HELD_PER_UID_MAX - 5000), 0);
        assert_int_equal(connections_may_hold(connections, 1000, HELD_PER_UID_MAX - 5000 + 1),
                CONNECTIONS_FULL_FOR_UID);
        connections_free(&connections);
}

static void test_all_together_hold_as_much_as_they_may_and_root_what_he_wants(void **state) {
        struct connections *connections = new_connections();

        for (uid_t uid = 1000; uid < 1000 + HELD_MAX / HELD_PER_UID_MAX; uid++)
                hold(add(connections, uid), HELD_PER_UID_MAX);
        hold(add(connections, 0), HELD_MAX);
        assert_int_equal(connections_may_hold(connections, 5000, 1), CONNECTIONS_FULL);
        assert_int_equal(connections_may_hold(connections, 1000, 1), CONNECTIONS_FULL_FOR_UID);
        assert_int_equal(connections_may_hold(connections, 0, HELD_MAX), 0);
        connections_free(&connections);
}

static void test_every_slot_is_used_again(void **state) {
        struct connections *connections = new_connections();
        struct connection *all[8];

        for (int round = 0; round < 100; round++) {
                for (int i = 0; i < 8; i++) {
                        all[i] = add(connections, 1000);
                        assert_true(all[i]->slot < 8);
                }
                for (int i = 0; i < 8; i++)
                        connections_remove(connections, all[(i * 3 + round) % 8]);
        }
        connections_free(&connections);
}

/* ---- idle ones ---- */

static void test_idle_connections_are_those_silent_since_before_and_not_being_answered(void **state) {
        struct connections *connections = new_connections();
        struct connection *old = add(connections, 1000), *busy = add(connections, 1000),
                          *gone = add(connections, 1000), *fresh = add(connections, 1000),
                          *last = add(connections, 1000);
        uint32_t slot = 0;

        busy->change_in_flight = true;
        fresh->last_active = 200;
        connections_remove(connections, gone);
        assert_ptr_equal(connections_next_idle(connections, 200, &slot), old);
        connections_remove(connections, old); /* as its caller does */
        assert_ptr_equal(connections_next_idle(connections, 200, &slot), last);
        assert_null(connections_next_idle(connections, 200, &slot));
        assert_null(connections_next_idle(connections, 200, &slot));
        connections_free(&connections);
}

/* ---- ready ones ---- */

static void test_the_ready_come_in_order_and_each_once(void **state) {
        struct connections *connections = new_connections();
        struct connection *a = add(connections, 1000), *b = add(connections, 1000);

        assert_false(connections_have_ready(connections));
        connections_push_ready(connections, b);
        connections_push_ready(connections, a);
        connections_push_ready(connections, b);
        assert_true(connections_have_ready(connections));
        assert_ptr_equal(connections_pop_ready(connections), b);
        connections_push_ready(connections, b); /* again, behind a */
        assert_ptr_equal(connections_pop_ready(connections), a);
        assert_ptr_equal(connections_pop_ready(connections), b);
        assert_null(connections_pop_ready(connections));
        assert_false(connections_have_ready(connections));
        connections_free(&connections);
}

static void test_a_removed_connection_leaves_the_ready_wherever_it_stood(void **state) {
        for (int removed = 0; removed < 3; removed++) {
                struct connections *connections = new_connections();
                struct connection *all[3];

                for (int i = 0; i < 3; i++) {
                        all[i] = add(connections, 1000);
                        connections_push_ready(connections, all[i]);
                }
                connections_remove(connections, all[removed]);
                all[removed] = add(connections, 1000);
                connections_push_ready(connections, all[removed]);
                for (int i = 0; i < 3; i++)
                        if (i != removed)
                                assert_ptr_equal(connections_pop_ready(connections), all[i]);
                assert_ptr_equal(connections_pop_ready(connections), all[removed]);
                assert_null(connections_pop_ready(connections));
                connections_free(&connections);
        }
}

static void test_freeing_all_closes_every_descriptor(void **state) {
        struct connections *connections = new_connections();
        int fds[3];

        for (int i = 0; i < 3; i++) {
                struct connection *connection = add(connections, 1000);

                fds[i] = connection->fd;
                connections_push_ready(connections, connection);
        }
        connections_free(&connections);
        for (int i = 0; i < 3; i++)
                assert_false(is_open(fds[i]));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_connection_is_found_by_slot_and_generation),
                cmocka_unit_test(test_a_removed_connection_is_not_found_in_its_successor),
                cmocka_unit_test(test_the_generation_never_outgrows_what_an_event_carries),
                cmocka_unit_test(test_a_uid_has_a_bound_and_others_still_come_in),
                cmocka_unit_test(test_the_last_places_are_for_root),
                cmocka_unit_test(test_a_table_for_fewer_descriptors_is_full_earlier),
                cmocka_unit_test(test_root_fills_the_whole_table_and_no_more),
                cmocka_unit_test(test_a_uid_holds_as_much_as_it_may_and_others_theirs),
                cmocka_unit_test(test_a_list_that_goes_on_counts_as_far_as_it_is_written),
                cmocka_unit_test(test_all_together_hold_as_much_as_they_may_and_root_what_he_wants),
                cmocka_unit_test(test_every_slot_is_used_again),
                cmocka_unit_test(test_idle_connections_are_those_silent_since_before_and_not_being_answered),
                cmocka_unit_test(test_the_ready_come_in_order_and_each_once),
                cmocka_unit_test(test_a_removed_connection_leaves_the_ready_wherever_it_stood),
                cmocka_unit_test(test_freeing_all_closes_every_descriptor),
        };

        return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
