/* policy: on_limit = ask: when the user is asked, what his choice does, and what happens without one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "daemon/policy.h"

static const struct policy devices = {
        .max_devices = 2, .on_limit = ON_LIMIT_ASK, .ask_fallback = ON_LIMIT_EVICT_OLDEST
};
static const struct policy sessions = {
        .max_sessions = 2, .on_limit = ON_LIMIT_ASK, .ask_fallback = ON_LIMIT_EVICT_OLDEST
};

/* A letter a session, oldest first, named after its device; every call decides anew. */
static size_t rows_of(const char *word, struct policy_row *ret) {
        size_t n = strlen(word);

        for (size_t i = 0; i < n; i++)
                ret[i] = (struct policy_row){ .device = { { (uint8_t) word[i] } }, .victim = true };
        return n;
}

/* After it victims are upper-case letters. */
static void assert_marked(const struct policy_row *rows, const char *word, const char *expected) {
        for (size_t i = 0; word[i]; i++)
                if (rows[i].victim != (expected[i] != word[i]))
                        fail_msg("%s: row %zu of %s", expected, i, word);
}

static void assert_open(const struct policy *policy, enum policy_choice choice, const char *word, char device,
        enum policy_outcome outcome, const char *expected) {
        struct device_id id = { { (uint8_t) device } };
        struct policy_row rows[64];

        assert_int_equal(policy_decide_open(policy, choice, rows, rows_of(word, rows), &id), outcome);
        assert_marked(rows, word, expected);
}

static void assert_account(const struct policy *policy, bool can_ask, const char *word, char device,
        enum policy_outcome outcome, const char *expected) {
        struct device_id id = { { (uint8_t) device } };
        struct policy_row rows[64];

        assert_int_equal(
                policy_decide_account(policy, rows, rows_of(word, rows), can_ask ? &id : NULL), outcome);
        assert_marked(rows, word, expected);
}

static void test_who_would_pass_a_limit_is_asked_and_sees_whom_the_oldest_means(void **state) {
        assert_account(&devices, true, "abb", 'c', POLICY_ASKS, "Abb");
        assert_account(&sessions, true, "aab", 'a', POLICY_ASKS, "AAb");
}

static void test_who_fits_is_not_asked(void **state) {
        assert_account(&devices, true, "", 'c', POLICY_ALLOWS, "");
        assert_account(&devices, true, "aaa", 'c', POLICY_ALLOWS, "aaa");
        assert_account(&devices, true, "ab", 'b', POLICY_ALLOWS, "ab");
        assert_account(&sessions, true, "a", 'a', POLICY_ALLOWS, "a");
}

static void test_nobody_is_asked_by_another_policy(void **state) {
        struct policy policy = { .max_devices = 1, .on_limit = ON_LIMIT_EVICT_OLDEST };

        assert_account(&policy, true, "a", 'b', POLICY_ALLOWS, "a");
        policy.on_limit = ON_LIMIT_DENY;
        assert_account(&policy, true, "a", 'b', POLICY_ALLOWS, "a");
}

static void test_who_cannot_be_asked_is_refused_in_account_by_max_sessions_and_deny(void **state) {
        struct policy policy = sessions;

        assert_account(&policy, false, "ab", 'c', POLICY_ALLOWS, "ab");
        policy.ask_fallback = ON_LIMIT_DENY;
        assert_account(&policy, false, "a", 'c', POLICY_ALLOWS, "a");
        assert_account(&policy, false, "ab", 'c', POLICY_DENIES, "ab");
        policy = devices;
        policy.ask_fallback = ON_LIMIT_DENY;
        assert_account(&policy, false, "ab", 'c', POLICY_ALLOWS, "ab");
}

static void test_without_a_choice_the_fallback_decides(void **state) {
        struct policy policy = devices;

        assert_open(&policy, CHOICE_NONE, "aba", 'c', POLICY_EVICTS, "aBa");
        policy.ask_fallback = ON_LIMIT_DENY;
        assert_open(&policy, CHOICE_NONE, "aba", 'c', POLICY_DENIES, "aba");
        assert_open(&policy, CHOICE_NONE, "aa", 'c', POLICY_ALLOWS, "aa");
}

static void test_a_choice_beats_the_fallback(void **state) {
        struct policy policy = devices;

        policy.ask_fallback = ON_LIMIT_DENY;
        assert_open(&policy, CHOICE_OLDEST, "aba", 'c', POLICY_EVICTS, "aBa");
        assert_open(&policy, CHOICE_OTHERS, "aba", 'c', POLICY_EVICTS, "ABA");
}

static void test_the_oldest_are_as_many_as_the_limit_asks_for_now(void **state) {
        assert_open(&devices, CHOICE_OLDEST, "a", 'c', POLICY_ALLOWS, "a");
        assert_open(&devices, CHOICE_OLDEST, "abd", 'c', POLICY_EVICTS, "ABd");
        assert_open(&sessions, CHOICE_OLDEST, "aaaa", 'a', POLICY_EVICTS, "AAAa");
}

static void test_the_others_go_also_where_the_limit_is_free_again(void **state) {
        assert_open(&devices, CHOICE_OTHERS, "a", 'c', POLICY_EVICTS, "A");
        assert_open(&devices, CHOICE_OTHERS, "", 'c', POLICY_ALLOWS, "");
}

static void test_the_own_device_is_among_the_others_where_sessions_are_limited(void **state) {
        struct policy both = devices;

        assert_open(&devices, CHOICE_OTHERS, "cabc", 'c', POLICY_EVICTS, "cABc");
        assert_open(&sessions, CHOICE_OTHERS, "cabc", 'c', POLICY_EVICTS, "CABC");
        both.max_sessions = 100;
        assert_open(&both, CHOICE_OTHERS, "cabc", 'c', POLICY_EVICTS, "CABC");
}

static void test_a_choice_is_nothing_to_a_policy_that_does_not_ask(void **state) {
        struct policy policy = { .max_devices = 1, .on_limit = ON_LIMIT_DENY };

        assert_open(&policy, CHOICE_OTHERS, "a", 'c', POLICY_DENIES, "a");
        policy.on_limit = ON_LIMIT_EVICT_OLDEST;
        assert_open(&policy, CHOICE_OTHERS, "aba", 'a', POLICY_EVICTS, "aBa");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_would_pass_a_limit_is_asked_and_sees_whom_the_oldest_means),
                cmocka_unit_test(test_who_fits_is_not_asked),
                cmocka_unit_test(test_nobody_is_asked_by_another_policy),
                cmocka_unit_test(test_who_cannot_be_asked_is_refused_in_account_by_max_sessions_and_deny),
                cmocka_unit_test(test_without_a_choice_the_fallback_decides),
                cmocka_unit_test(test_a_choice_beats_the_fallback),
                cmocka_unit_test(test_the_oldest_are_as_many_as_the_limit_asks_for_now),
                cmocka_unit_test(test_the_others_go_also_where_the_limit_is_free_again),
                cmocka_unit_test(test_the_own_device_is_among_the_others_where_sessions_are_limited),
                cmocka_unit_test(test_a_choice_is_nothing_to_a_policy_that_does_not_ask),
        };

        return cmocka_run_group_tests_name("policy_ask", tests, NULL, NULL);
}
