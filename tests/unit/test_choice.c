/* choice: kept for one leader, user and service, for a minute; taken once; never more than the bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/choice.h"

#define T0   (1000 * USEC_PER_SEC)
#define LIFE (CHOICE_LIFE_SEC * USEC_PER_SEC)

static struct choice_key key_of(pid_t pid, const char *user) {
        return (struct choice_key){
                .leader = { .pid = pid, .start = 7 }, .realm = "default", .user = user, .service = "sshd"
        };
}

static enum policy_choice take(struct choices *choices, struct choice_key key, usec_t boot) {
        return choices_take(choices, &key, boot);
}

static void put(struct choices *choices, struct choice_key key, enum policy_choice choice, usec_t boot) {
        assert_int_equal(choices_put(choices, &key, choice, boot), 0);
}

static void test_a_choice_is_taken_once(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };

        assert_int_equal(take(&choices, key_of(10, "alice"), T0), CHOICE_NONE);
        put(&choices, key_of(10, "alice"), CHOICE_OTHERS, T0);
        assert_int_equal(take(&choices, key_of(10, "alice"), T0), CHOICE_OTHERS);
        assert_int_equal(take(&choices, key_of(10, "alice"), T0), CHOICE_NONE);
        assert_int_equal(choices.n, 0);
}

static void test_nobody_takes_anothers(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };
        struct choice_key keys[6];

        for (size_t i = 0; i < 6; i++)
                keys[i] = key_of(10, "alice");
        keys[0].leader.pid = 11;
        keys[1].leader.start = 8; /* the pid is another process's now */
        keys[2].leader.boot.bytes[15] = 1;
        keys[3].user = "bob";
        keys[4].realm = "acme";
        keys[5].service = "login";
        put(&choices, key_of(10, "alice"), CHOICE_OLDEST, T0);
        for (size_t i = 0; i < 6; i++)
                assert_int_equal(take(&choices, keys[i], T0), CHOICE_NONE);
        assert_int_equal(take(&choices, key_of(10, "alice"), T0), CHOICE_OLDEST);
}

static void test_a_choice_lives_a_minute(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };

        put(&choices, key_of(10, "alice"), CHOICE_OLDEST, T0);
        put(&choices, key_of(11, "alice"), CHOICE_OLDEST, T0);
        assert_int_equal(take(&choices, key_of(10, "alice"), T0 + LIFE - 1), CHOICE_OLDEST);
        assert_int_equal(take(&choices, key_of(11, "alice"), T0 + LIFE), CHOICE_NONE);
        assert_int_equal(choices.n, 0);
}

static void test_the_last_choice_of_a_login_counts_and_lives_from_then(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };

        put(&choices, key_of(10, "alice"), CHOICE_OTHERS, T0);
        put(&choices, key_of(11, "bob"), CHOICE_OTHERS, T0 + 1);
        put(&choices, key_of(10, "alice"), CHOICE_OLDEST, T0 + LIFE - 1);
        assert_int_equal(choices.n, 2);
        assert_int_equal(take(&choices, key_of(11, "bob"), T0 + 1 + LIFE), CHOICE_NONE);
        assert_int_equal(take(&choices, key_of(10, "alice"), T0 + 1 + LIFE), CHOICE_OLDEST);
}

static void test_a_user_has_so_many_and_leaves_room_for_others(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };
        struct choice_key one_more = key_of(100 + CHOICES_PER_USER_MAX, "alice");

        for (pid_t i = 0; i < CHOICES_PER_USER_MAX; i++)
                put(&choices, key_of(100 + i, "alice"), CHOICE_OLDEST, T0);
        assert_int_equal(choices_put(&choices, &one_more, CHOICE_OLDEST, T0), -EDQUOT);
        put(&choices, key_of(100, "alice"), CHOICE_OTHERS, T0); /* instead of its own */
        put(&choices, key_of(200, "bob"), CHOICE_OLDEST, T0);
        one_more.realm = "acme"; /* another alice */
        put(&choices, one_more, CHOICE_OLDEST, T0);
        one_more.realm = "default";
        put(&choices, one_more, CHOICE_OLDEST, T0 + LIFE);
        assert_int_equal(choices.n, 1);
}

static void test_there_are_never_more_than_the_bound(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };
        struct choice_key late = key_of(1, "late");
        char user[32];

        for (pid_t i = 0; i < CHOICES_MAX; i++) {
                snprintf(user, sizeof(user), "user-%d", i / CHOICES_PER_USER_MAX);
                put(&choices, key_of(100 + i, user), CHOICE_OLDEST, T0);
        }
        assert_int_equal(choices_put(&choices, &late, CHOICE_OLDEST, T0), -ENOSPC);
        assert_int_equal(choices.n, CHOICES_MAX);
        assert_int_equal(take(&choices, key_of(100, "user-0"), T0), CHOICE_OLDEST);
        put(&choices, late, CHOICE_OLDEST, T0);
        put(&choices, key_of(2, "later"), CHOICE_OLDEST, T0 + LIFE);
        assert_int_equal(choices.n, 1);
}

static void test_the_longest_names_are_kept_whole(void **state) {
        _cleanup_(choices_clear) struct choices choices = { 0 };
        char user[USER_MAX + 1] = "", realm[REALM_MAX + 1] = "", service[SERVICE_MAX + 1] = "";
        struct choice_key key = key_of(10, user);

        memset(user, 'u', USER_MAX);
        memset(realm, 'r', REALM_MAX);
        memset(service, 's', SERVICE_MAX);
        key.realm = realm;
        key.service = service;
        put(&choices, key, CHOICE_OTHERS, T0);
        user[USER_MAX - 1] = 'v';
        assert_int_equal(take(&choices, key, T0), CHOICE_NONE);
        user[USER_MAX - 1] = 'u';
        assert_int_equal(take(&choices, key, T0), CHOICE_OTHERS);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_choice_is_taken_once),
                cmocka_unit_test(test_nobody_takes_anothers),
                cmocka_unit_test(test_a_choice_lives_a_minute),
                cmocka_unit_test(test_the_last_choice_of_a_login_counts_and_lives_from_then),
                cmocka_unit_test(test_a_user_has_so_many_and_leaves_room_for_others),
                cmocka_unit_test(test_there_are_never_more_than_the_bound),
                cmocka_unit_test(test_the_longest_names_are_kept_whole),
        };

        return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
