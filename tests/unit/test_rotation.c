#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/rotation.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define TTL    (15 * MINUTE)
#define WALL   (20000 * DAY)
#define UPTIME (3 * HOUR)

static const struct boot_id this_boot = { "this boot's id." }, other_boot = { "another boot id" };

/* Now, `passed` after the keys below came to their states. */
static struct rotation_rule at(usec_t passed) {
        return (struct rotation_rule){ .lifetime = 30 * DAY,
                .longest_ttl = TTL,
                .now = { .wall = WALL + passed, .boot = UPTIME + passed },
                .boot = this_boot };
}

static struct rotation_key key(const char *kid, enum key_state state, uint64_t sequence) {
        struct rotation_key made = { .head = { .state = state,
                                             .sequence = sequence,
                                             .longest_ttl = TTL,
                                             .age = { .noted = { WALL, UPTIME }, .boot = this_boot } } };

        strcpy(made.kid, kid);
        return made;
}

/* One of each, in an order of no meaning. */
static struct rotation three(void) {
        return (struct rotation){ .n = 3,
                .keys = { key("n", KEY_NEXT, 3), key("r", KEY_RETIRING, 1), key("a", KEY_ACTIVE, 2) } };
}

static void full(struct rotation *rotation) {
        for (rotation->n = 0; rotation->n < JWKS_KEYS_MAX - 2; rotation->n++)
                rotation->keys[rotation->n] = key("r", KEY_RETIRING, 1 + rotation->n);
        rotation->keys[rotation->n++] = key("a", KEY_ACTIVE, 90);
        rotation->keys[rotation->n++] = key("n", KEY_NEXT, 91);
}

/* ---- ages ---- */

static void test_within_one_boot_the_boot_clock_alone_tells_an_age(void **state) {
        struct rotation_key k = key("a", KEY_ACTIVE, 1);
        struct rotation_rule rule = at(DAY);

        assert_int_equal(rotation_age(&k.head, &rule), DAY);
        rule.now.wall = 0;
        assert_int_equal(rotation_age(&k.head, &rule), DAY);
        rule.now.wall = UINT64_MAX;
        assert_int_equal(rotation_age(&k.head, &rule), DAY);
        k.head.age.usec = HOUR;
        assert_int_equal(rotation_age(&k.head, &rule), DAY + HOUR);
}

static void test_a_boot_clock_that_is_behind_what_was_noted_takes_nothing_away(void **state) {
        struct rotation_key k = key("a", KEY_ACTIVE, 1);
        struct rotation_rule rule = at(0);

        k.head.age.usec = HOUR;
        rule.now.boot = 0;
        assert_int_equal(rotation_age(&k.head, &rule), HOUR);
}

static void test_across_boots_the_wall_clock_tells_if_it_went_on(void **state) {
        struct rotation_key k = key("a", KEY_ACTIVE, 1);
        struct rotation_rule rule = at(0);

        k.head.age.usec = HOUR;
        k.head.age.boot = other_boot;
        rule.now = (struct moment){ .wall = WALL + 5 * DAY, .boot = MINUTE };
        assert_int_equal(rotation_age(&k.head, &rule), 5 * DAY + HOUR);
}

static void test_across_boots_a_clock_set_back_leaves_what_this_boot_has_lasted(void **state) {
        struct rotation_key k = key("a", KEY_ACTIVE, 1);
        struct rotation_rule rule = at(0);

        k.head.age.usec = HOUR;
        k.head.age.boot = other_boot;
        rule.now = (struct moment){ .wall = WALL - 500 * DAY, .boot = MINUTE };
        assert_int_equal(rotation_age(&k.head, &rule), HOUR + MINUTE);
}

static void test_an_age_that_cannot_be_counted_is_never(void **state) {
        struct rotation_key k = key("r", KEY_RETIRING, 1);
        struct rotation_rule rule = at(DAY);

        k.head.age.usec = UINT64_MAX - 1;
        assert_int_equal(rotation_age(&k.head, &rule), USEC_NEVER);
        assert_int_equal(rotation_left(&k.head, &rule), 0);
        k.head.longest_ttl = UINT64_MAX;
        assert_int_equal(rotation_left(&k.head, &rule), USEC_NEVER);
}

static void test_ages_are_noted_in_a_new_boot_and_once_a_day(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(DAY - 1);

        rotation_note(&rotation, &rule);
        assert_false(rotation.keys[0].is_changed);
        rule = at(DAY);
        rotation_note(&rotation, &rule);
        for (size_t i = 0; i < rotation.n; i++) {
                assert_true(rotation.keys[i].is_changed);
                assert_int_equal(rotation.keys[i].head.age.usec, DAY);
                assert_int_equal(rotation_age(&rotation.keys[i].head, &rule), DAY);
        }
        rotation.keys[0].is_changed = false;
        rule.boot = other_boot;
        rule.now = (struct moment){ .wall = 0, .boot = MINUTE };
        rotation_note(&rotation, &rule);
        assert_true(rotation.keys[0].is_changed);
        assert_int_equal(rotation.keys[0].head.age.usec, DAY + MINUTE);
        assert_true(boot_id_equal(&rotation.keys[0].head.age.boot, &other_boot));
}

static void test_a_longer_token_is_noted_with_the_active_key_alone_and_a_shorter_one_is_not(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(1);

        rule.longest_ttl = HOUR;
        rotation_note(&rotation, &rule);
        assert_int_equal(rotation.keys[2].head.longest_ttl, HOUR);
        assert_int_equal(rotation.keys[2].head.age.usec, 1);
        assert_int_equal(rotation.keys[1].head.longest_ttl, TTL);
        assert_true(rotation.keys[2].is_changed && !rotation.keys[1].is_changed);
        rule.longest_ttl = MINUTE;
        rotation_note(&rotation, &rule);
        assert_int_equal(rotation.keys[2].head.longest_ttl, HOUR);
}

/* ---- retiring keys ---- */

static void test_a_retiring_key_goes_when_its_longest_token_and_the_slack_are_over(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(TTL + ROTATION_SLACK - 1);

        rotation_drop(&rotation, &rule);
        assert_false(rotation.keys[1].is_gone);
        assert_int_equal(rotation_left(&rotation.keys[1].head, &rule), 1);
        rule = at(TTL + ROTATION_SLACK);
        rotation_drop(&rotation, &rule);
        assert_true(rotation.keys[1].is_gone);
        assert_false(rotation.keys[0].is_gone || rotation.keys[2].is_gone);
}

static void test_what_the_configuration_says_later_is_not_about_a_key_that_signs_no_more(void **state) {
        struct rotation_key k = key("r", KEY_RETIRING, 1);
        struct rotation_rule rule = at(0);

        rule.longest_ttl = DAY;
        assert_int_equal(rotation_left(&k.head, &rule), TTL + ROTATION_SLACK);
        rule.longest_ttl = 1;
        assert_int_equal(rotation_left(&k.head, &rule), TTL + ROTATION_SLACK);
}

/* ---- rotation ---- */

static void test_an_active_key_is_due_at_its_age(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(30 * DAY - 1);

        assert_false(rotation_is_due(&rotation, &rule));
        assert_int_equal(rotation_left(&rotation.keys[2].head, &rule), 1);
        rule = at(30 * DAY);
        assert_true(rotation_is_due(&rotation, &rule));
}

static void test_an_active_key_is_never_due_before_a_retiring_period_is_over(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(TTL + ROTATION_SLACK - 1);

        rule.lifetime = 1;
        assert_false(rotation_is_due(&rotation, &rule));
        rule = at(TTL + ROTATION_SLACK);
        rule.lifetime = 1;
        assert_true(rotation_is_due(&rotation, &rule));
        rule.longest_ttl = HOUR;
        assert_false(rotation_is_due(&rotation, &rule));
}

static void test_a_next_key_waits_for_ever(void **state) {
        struct rotation rotation = { .n = 1, .keys = { key("n", KEY_NEXT, 1) } };
        struct rotation_rule rule = at(9000 * DAY);

        assert_int_equal(rotation_left(&rotation.keys[0].head, &rule), USEC_NEVER);
        rotation_drop(&rotation, &rule);
        assert_false(rotation.keys[0].is_gone || rotation_is_due(&rotation, &rule));
}

static void test_the_next_key_becomes_active_the_active_one_retires_and_both_begin_anew(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(DAY);

        assert_int_equal(rotation_advance(&rotation, &rule), 0);
        assert_string_equal(rotation_find(&rotation, KEY_ACTIVE)->kid, "n");
        assert_int_equal(rotation.keys[2].head.state, KEY_RETIRING);
        assert_null(rotation_find(&rotation, KEY_NEXT));
        assert_int_equal(rotation_age(&rotation.keys[0].head, &rule), 0);
        assert_int_equal(rotation_age(&rotation.keys[2].head, &rule), 0);
        assert_true(rotation.keys[0].is_changed && rotation.keys[2].is_changed);
        assert_false(rotation.keys[1].is_changed);
        assert_int_equal(rotation_age(&rotation.keys[1].head, &rule), DAY);
}

static void test_a_key_that_retires_keeps_the_longest_token_of_then(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(DAY);

        rule.longest_ttl = HOUR;
        assert_int_equal(rotation_advance(&rotation, &rule), 0);
        assert_int_equal(rotation_left(&rotation.keys[2].head, &rule), HOUR + ROTATION_SLACK);
}

static void test_without_a_next_key_the_active_one_retires_all_the_same(void **state) {
        struct rotation rotation = { .n = 1, .keys = { key("a", KEY_ACTIVE, 1) } };
        struct rotation_rule rule = at(1);

        assert_int_equal(rotation_advance(&rotation, &rule), 0);
        assert_null(rotation_find(&rotation, KEY_ACTIVE));
        rotation = (struct rotation){ 0 };
        assert_int_equal(rotation_advance(&rotation, &rule), 0);
}

static void test_so_many_keys_that_another_could_not_be_published_do_not_rotate(void **state) {
        struct rotation rotation = { 0 };
        struct rotation_rule rule = at(40 * DAY);

        full(&rotation);
        assert_int_equal(rotation_advance(&rotation, &rule), ROTATION_FULL);
        for (size_t i = 0; i < rotation.n; i++)
                assert_false(rotation.keys[i].is_changed);
        assert_false(rotation_is_due(&rotation, &rule));
        rotation.keys[0].is_gone = true;
        assert_true(rotation_is_due(&rotation, &rule));
        assert_int_equal(rotation_advance(&rotation, &rule), 0);
}

static void test_a_revocation_leaves_nothing_and_numbers_go_on(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(DAY);
        struct key_head head;

        rotation_revoke(&rotation);
        for (size_t i = 0; i < rotation.n; i++)
                assert_true(rotation.keys[i].is_gone);
        assert_null(rotation_find(&rotation, KEY_ACTIVE));
        assert_null(rotation_find(&rotation, KEY_NEXT));
        head = rotation_new_head(&rotation, KEY_ACTIVE, &rule);
        assert_int_equal(head.sequence, 4);
        assert_int_equal(head.state, KEY_ACTIVE);
        assert_int_equal(head.created_at, WALL + DAY);
        assert_int_equal(rotation_age(&head, &rule), 0);
}

static void test_the_first_key_of_all_has_number_1(void **state) {
        struct rotation rotation = { 0 };
        struct rotation_rule rule = at(0);

        assert_int_equal(rotation_new_head(&rotation, KEY_NEXT, &rule).sequence, 1);
}

static void test_of_several_active_keys_the_last_made_is_found(void **state) {
        struct rotation rotation = { .n = 3,
                .keys = { key("x", KEY_ACTIVE, 5), key("y", KEY_ACTIVE, 9), key("z", KEY_ACTIVE, 7) } };

        assert_string_equal(rotation_find(&rotation, KEY_ACTIVE)->kid, "y");
        rotation.keys[1].is_gone = true;
        assert_string_equal(rotation_find(&rotation, KEY_ACTIVE)->kid, "z");
}

/* ---- when ---- */

static void test_it_is_due_when_the_first_key_leaves_its_state_or_is_to_be_noted(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(0);

        assert_int_equal(rotation_due(&rotation, &rule), UPTIME + TTL + ROTATION_SLACK);
        rotation.keys[1] = rotation.keys[--rotation.n];
        assert_int_equal(rotation_due(&rotation, &rule), UPTIME + DAY);
        rule.lifetime = HOUR;
        assert_int_equal(rotation_due(&rotation, &rule), UPTIME + HOUR);
        rule.longest_ttl = 2 * HOUR;
        assert_int_equal(rotation_due(&rotation, &rule), UPTIME); /* to be noted */
        rule = at(40 * DAY);
        assert_int_equal(rotation_due(&rotation, &rule), UPTIME + 40 * DAY);
}

static void test_what_was_due_and_done_is_not_due_again_at_once(void **state) {
        struct rotation rotation = three();
        struct rotation_rule rule = at(40 * DAY);

        rotation_drop(&rotation, &rule);
        rotation_note(&rotation, &rule);
        assert_int_equal(rotation_advance(&rotation, &rule), 0);
        rotation.keys[1] = rotation.keys[--rotation.n];
        assert_true(rotation_due(&rotation, &rule) > rule.now.boot);
        full(&rotation);
        rotation_note(&rotation, &rule);
        for (size_t i = 0; i < rotation.n; i++) {
                rotation.keys[i].head.age.noted = rule.now;
                if (rotation.keys[i].head.state == KEY_RETIRING)
                        rotation.keys[i].head.age.usec = 0;
        }
        assert_true(rotation_due(&rotation, &rule) > rule.now.boot);
}

static void test_without_keys_nothing_is_due(void **state) {
        struct rotation rotation = { 0 };
        struct rotation_rule rule = at(0);

        assert_int_equal(rotation_due(&rotation, &rule), USEC_NEVER);
        assert_false(rotation_is_due(&rotation, &rule));
}

static void test_states_have_the_names_of_the_interface(void **state) {
        assert_string_equal(key_state_name(KEY_NEXT), "next");
        assert_string_equal(key_state_name(KEY_ACTIVE), "active");
        assert_string_equal(key_state_name(KEY_RETIRING), "retiring");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_within_one_boot_the_boot_clock_alone_tells_an_age),
                cmocka_unit_test(test_a_boot_clock_that_is_behind_what_was_noted_takes_nothing_away),
                cmocka_unit_test(test_across_boots_the_wall_clock_tells_if_it_went_on),
                cmocka_unit_test(test_across_boots_a_clock_set_back_leaves_what_this_boot_has_lasted),
                cmocka_unit_test(test_an_age_that_cannot_be_counted_is_never),
                cmocka_unit_test(test_ages_are_noted_in_a_new_boot_and_once_a_day),
                cmocka_unit_test(
                        test_a_longer_token_is_noted_with_the_active_key_alone_and_a_shorter_one_is_not),
                cmocka_unit_test(test_a_retiring_key_goes_when_its_longest_token_and_the_slack_are_over),
                cmocka_unit_test(
                        test_what_the_configuration_says_later_is_not_about_a_key_that_signs_no_more),
                cmocka_unit_test(test_an_active_key_is_due_at_its_age),
                cmocka_unit_test(test_an_active_key_is_never_due_before_a_retiring_period_is_over),
                cmocka_unit_test(test_a_next_key_waits_for_ever),
                cmocka_unit_test(test_the_next_key_becomes_active_the_active_one_retires_and_both_begin_anew),
                cmocka_unit_test(test_a_key_that_retires_keeps_the_longest_token_of_then),
                cmocka_unit_test(test_without_a_next_key_the_active_one_retires_all_the_same),
                cmocka_unit_test(test_so_many_keys_that_another_could_not_be_published_do_not_rotate),
                cmocka_unit_test(test_a_revocation_leaves_nothing_and_numbers_go_on),
                cmocka_unit_test(test_the_first_key_of_all_has_number_1),
                cmocka_unit_test(test_of_several_active_keys_the_last_made_is_found),
                cmocka_unit_test(test_it_is_due_when_the_first_key_leaves_its_state_or_is_to_be_noted),
                cmocka_unit_test(test_what_was_due_and_done_is_not_due_again_at_once),
                cmocka_unit_test(test_without_keys_nothing_is_due),
                cmocka_unit_test(test_states_have_the_names_of_the_interface),
        };

        return cmocka_run_group_tests_name("rotation", tests, NULL, NULL);
}
