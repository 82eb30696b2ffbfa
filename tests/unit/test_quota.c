/* quota: so many changes a second for each uid, more at once for one that was quiet. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "client/protocol.h"
#include "daemon/quota.h"

#define START (1000 * USEC_PER_SEC)

static struct quotas *new_quotas(void) {
        struct quotas *quotas = NULL;

        assert_int_equal(quotas_new(&quotas), 0);
        return quotas;
}

/* How many of so many tries at that time are granted. */
static int take(struct quotas *quotas, uid_t uid, usec_t now, int tries) {
        int granted = 0;

        for (int i = 0; i < tries; i++)
                granted += quota_take(quotas, uid, now);
        return granted;
}

static void test_as_many_at_once_as_are_allowed_and_not_one_more(void **state) {
        struct quotas *quotas = new_quotas();

        assert_int_equal(take(quotas, 1000, START, 10 * CHANGES_AT_ONCE_PER_UID), CHANGES_AT_ONCE_PER_UID);
        assert_false(quota_take(quotas, 1000, START));
        quotas_free(&quotas);
        assert_null(quotas);
        quotas_free(&quotas);
}

static void test_one_more_for_each_share_of_a_second(void **state) {
        const usec_t share = USEC_PER_SEC / CHANGES_PER_SEC_PER_UID;
        struct quotas *quotas = new_quotas();

        take(quotas, 1000, START, CHANGES_AT_ONCE_PER_UID);
        assert_int_equal(take(quotas, 1000, START + share - 1, 3), 0);
        for (usec_t i = 1; i <= 100; i++)
                assert_int_equal(take(quotas, 1000, START + i * share, 3), 1);
        quotas_free(&quotas);
}

static void test_a_flood_gets_the_rate_in_the_long_run(void **state) {
        struct quotas *quotas = new_quotas();
        int granted = take(quotas, 1000, START, 10000);

        for (usec_t at = 0; at <= 60 * USEC_PER_SEC; at += 1000)
                granted += take(quotas, 1000, START + at, 5);
        assert_int_equal(granted, CHANGES_AT_ONCE_PER_UID + 60 * CHANGES_PER_SEC_PER_UID);
        quotas_free(&quotas);
}

static void test_who_was_quiet_has_all_again_and_no_more(void **state) {
        struct quotas *quotas = new_quotas();

        take(quotas, 1000, START, 10000);
        assert_int_equal(take(quotas, 1000, 1000 * START, 10000), CHANGES_AT_ONCE_PER_UID);
        quotas_free(&quotas);
}

static void test_one_uid_takes_nothing_from_another(void **state) {
        struct quotas *quotas = new_quotas();

        for (uid_t uid = 1; uid <= 50; uid++)
                assert_int_equal(take(quotas, uid, START, 1000), CHANGES_AT_ONCE_PER_UID);
        for (uid_t uid = 1; uid <= 50; uid++)
                assert_false(quota_take(quotas, uid, START));
        quotas_free(&quotas);
}

static void test_root_is_not_counted(void **state) {
        struct quotas *quotas = new_quotas();

        assert_int_equal(take(quotas, 0, START, 100000), 100000);
        quotas_free(&quotas);
}

/* Whoever has very many uids pushes out those that matter least, and never the table's bound. */
static void test_more_uids_than_there_is_room_for_push_out_the_least_busy(void **state) {
        struct quotas *quotas = new_quotas();

        take(quotas, 7, START, 1000);
        for (uid_t uid = 10000; uid < 10000 + 3 * CONNECTIONS_MAX; uid++)
                assert_true(quota_take(quotas, uid, START));
        assert_false(quota_take(quotas, 7, START));
        quotas_free(&quotas);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_many_at_once_as_are_allowed_and_not_one_more),
                cmocka_unit_test(test_one_more_for_each_share_of_a_second),
                cmocka_unit_test(test_a_flood_gets_the_rate_in_the_long_run),
                cmocka_unit_test(test_who_was_quiet_has_all_again_and_no_more),
                cmocka_unit_test(test_one_uid_takes_nothing_from_another),
                cmocka_unit_test(test_root_is_not_counted),
                cmocka_unit_test(test_more_uids_than_there_is_room_for_push_out_the_least_busy),
        };

        return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
