/* policy: who has to go. Held against a naive model over many small cases. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "daemon/policy.h"

#define N(array)     (sizeof(array) / sizeof(*(array)))
#define STRINGS(...) ((char **) (const char *[]){ __VA_ARGS__ })
#define NAMES(...)                                                                                           \
        { .n = N(((const char *[]){ __VA_ARGS__ })), .names = STRINGS(__VA_ARGS__) }

/* Rows from a word: a letter a session, oldest first, named after its device. */
static size_t rows_of(const char *word, struct policy_row *ret) {
        size_t n = strlen(word);

        for (size_t i = 0; i < n; i++)
                ret[i] = (struct policy_row){
                        .sid = { { (uint8_t) (i + 1) } },
                        .device = { { (uint8_t) word[i] } },
                        .created_at = 1000 - i, /* a clock that goes backwards deceives nobody */
                        .victim = true,         /* a leftover; every call decides anew */
                };
        return n;
}

/* The outcome for a login from `device`, and its victims as upper-case letters. */
static enum policy_outcome decide(const struct policy *policy, const char *word, char device, char *ret) {
        struct policy_row rows[64];
        struct device_id id = { { (uint8_t) device } };
        size_t n = rows_of(word, rows);
        enum policy_outcome outcome = policy_decide_open(policy, CHOICE_NONE, rows, n, &id);

        for (size_t i = 0; i < n; i++)
                ret[i] = (char) (rows[i].victim ? word[i] - 'a' + 'A' : word[i]);
        ret[n] = '\0';
        return outcome;
}

static void assert_allows(const struct policy *policy, const char *word, char device) {
        char after[65];

        assert_int_equal(decide(policy, word, device, after), POLICY_ALLOWS);
        assert_string_equal(after, word);
}

static void assert_evicts(const struct policy *policy, const char *word, char device, const char *expected) {
        char after[65];

        assert_int_equal(decide(policy, word, device, after), POLICY_EVICTS);
        assert_string_equal(after, expected);
}

static void assert_denies(const struct policy *policy, const char *word, char device) {
        char after[65];

        assert_int_equal(decide(policy, word, device, after), POLICY_DENIES);
        assert_string_equal(after, word);
}

static const struct policy customer = { .max_devices = 5, .on_limit = ON_LIMIT_EVICT_OLDEST };
static const struct policy owner = { .max_devices = 3, .on_limit = ON_LIMIT_DENY };
static const struct policy single = { .max_devices = 1, .on_limit = ON_LIMIT_EVICT_OLDEST };

static void test_no_limit_allows_everything(void **state) {
        const struct policy unlimited = { .on_limit = ON_LIMIT_DENY };

        assert_allows(&unlimited, "", 'a');
        assert_allows(&unlimited, "abcdefghijklmnop", 'q');
}

static void test_a_fifth_device_of_a_customer_fits(void **state) {
        assert_allows(&customer, "", 'a');
        assert_allows(&customer, "abcd", 'e');
}

static void test_the_sixth_device_of_a_customer_evicts_the_first(void **state) {
        assert_evicts(&customer, "abcde", 'f', "Abcde");
}

static void test_the_device_whose_latest_login_is_oldest_goes_with_all_its_sessions(void **state) {
        assert_evicts(&customer, "abbcdea", 'f', "aBBcdea");
        assert_evicts(&customer, "aabbcacded", 'f', "aaBBcacded");
}

static void test_a_device_already_there_needs_no_room(void **state) {
        assert_allows(&customer, "abcde", 'a');
        assert_allows(&customer, "abcde", 'e');
        assert_allows(&owner, "abc", 'b');
        assert_allows(&single, "a", 'a');
}

static void test_many_sessions_of_one_device_never_evict_each_other(void **state) {
        assert_allows(&single, "aaaaaaaaaaaaaaaaaaaa", 'a');
        assert_allows(&customer, "aaaaabbbbbccccc", 'd');
}

static void test_the_fourth_device_of_an_owner_is_denied(void **state) {
        assert_allows(&owner, "ab", 'c');
        assert_denies(&owner, "abc", 'd');
        assert_denies(&owner, "aabbcc", 'd');
}

static void test_a_single_device_gives_way_to_the_next(void **state) {
        assert_evicts(&single, "a", 'b', "A");
        assert_evicts(&single, "aaa", 'b', "AAA");
}

static void test_max_sessions_evicts_the_oldest_session_whatever_its_device(void **state) {
        const struct policy policy = { .max_sessions = 3, .on_limit = ON_LIMIT_EVICT_OLDEST };

        assert_allows(&policy, "aa", 'a');
        assert_evicts(&policy, "aaa", 'a', "Aaa");
        assert_evicts(&policy, "abc", 'd', "Abc");
}

static void test_max_sessions_denies_at_the_limit(void **state) {
        const struct policy policy = { .max_sessions = 1, .on_limit = ON_LIMIT_DENY };

        assert_allows(&policy, "", 'a');
        assert_denies(&policy, "a", 'a');
        assert_denies(&policy, "a", 'b');
}

static void test_both_limits_hold_at_once(void **state) {
        const struct policy policy = {
                .max_devices = 2, .max_sessions = 4, .on_limit = ON_LIMIT_EVICT_OLDEST
        };

        assert_allows(&policy, "aab", 'b');
        assert_evicts(&policy, "aabb", 'b', "Aabb");
        /* the device that goes makes all the room that its sessions took */
        assert_evicts(&policy, "aabb", 'c', "AAbb");
        /* device a goes, and then the oldest session of b */
        assert_evicts(&policy, "abbbb", 'c', "ABbbb");
}

static void test_lowered_limits_take_several_victims(void **state) {
        const struct policy two = { .max_devices = 2, .on_limit = ON_LIMIT_EVICT_OLDEST };
        const struct policy sessions = { .max_sessions = 2, .on_limit = ON_LIMIT_EVICT_OLDEST };

        assert_evicts(&two, "abcde", 'f', "ABCDe");
        assert_evicts(&two, "abcde", 'a', "aBCDe");
        assert_evicts(&single, "abcde", 'c', "ABcDE");
        assert_evicts(&sessions, "aaaaa", 'a', "AAAAa");
}

static void test_a_lowered_limit_denies_until_enough_have_gone(void **state) {
        assert_denies(&owner, "abcde", 'a');
        assert_allows(&owner, "abc", 'a');
}

static void test_the_largest_limits_are_no_off_by_one(void **state) {
        const struct policy policy = {
                .max_devices = UINT32_MAX,
                .max_sessions = UINT32_MAX,
                .on_limit = ON_LIMIT_DENY,
        };

        assert_allows(&policy, "abc", 'd');
}

static void test_enforce_does_not_change_the_answer(void **state) {
        struct policy policy = single;

        policy.enforce = true;
        assert_evicts(&policy, "a", 'b', "A");
        policy.enforce = false;
        assert_evicts(&policy, "a", 'b', "A");
}

/* The naive model: as long as the limits would not hold with the new login in, drop the one the design
 * names. */
static enum policy_outcome model_decide(const struct policy *policy, char *word, char device) {
        enum policy_outcome outcome = POLICY_ALLOWS;

        for (;;) {
                int last[26], n_devices = 0, oldest = -1, n = (int) strlen(word), n_sessions = 1;

                memset(last, -1, sizeof(last));
                for (int i = 0; i < n; i++) {
                        if (word[i] < 'a')
                                continue;
                        last[word[i] - 'a'] = i;
                        n_sessions++;
                }
                last[device - 'a'] = n;
                for (int d = 0; d < 26; d++) {
                        n_devices += last[d] >= 0;
                        if (last[d] >= 0 && d != device - 'a' && (oldest < 0 || last[d] < last[oldest]))
                                oldest = d;
                }
                if (policy->max_devices && (unsigned) n_devices > policy->max_devices) {
                        for (int i = 0; i < n; i++)
                                if (word[i] == 'a' + oldest)
                                        word[i] = (char) ('A' + oldest);
                } else if (policy->max_sessions && (unsigned) n_sessions > policy->max_sessions) {
                        int i = (int) strcspn(word, "abcdefghijklmnopqrstuvwxyz");

                        word[i] = (char) (word[i] - 'a' + 'A');
                } else {
                        return outcome;
                }
                outcome = POLICY_EVICTS;
        }
}

static void test_any_small_case_is_decided_as_by_the_naive_model(void **state) {
        uint32_t random = 20240501;

        for (unsigned i = 0; i < 200000; i++) {
                char word[9] = "", expected[9], after[9], device;
                enum policy_outcome outcome;
                struct policy policy = { 0 };
                unsigned draws[13];

                for (size_t d = 0; d < N(draws); d++) {
                        random = random * 1664525 + 1013904223;
                        draws[d] = random >> 16;
                }
                for (unsigned s = 0; s < draws[8] % 9; s++)
                        word[s] = (char) ('a' + draws[s] % 5);
                device = (char) ('a' + draws[9] % 6);
                policy.max_devices = draws[10] % 6;
                policy.max_sessions = draws[11] % 7;
                policy.on_limit = draws[12] % 2 ? ON_LIMIT_DENY : ON_LIMIT_EVICT_OLDEST;

                strcpy(expected, word);
                outcome = model_decide(&policy, expected, device);
                if (outcome == POLICY_EVICTS && policy.on_limit == ON_LIMIT_DENY) {
                        outcome = POLICY_DENIES;
                        strcpy(expected, word);
                }
                assert_int_equal(decide(&policy, word, device, after), outcome);
                assert_string_equal(after, expected);
        }
}

/* Of a login from `c`, of whom somebody can be asked. */
static enum policy_outcome decide_account(const struct policy *policy, const char *word) {
        struct policy_row rows[64];
        struct device_id id = { { 'c' } };

        return policy_decide_account(policy, rows, rows_of(word, rows), &id);
}

static void test_account_refuses_only_max_sessions_under_deny(void **state) {
        struct policy policy = { .max_sessions = 2, .max_devices = 1, .on_limit = ON_LIMIT_DENY };

        assert_int_equal(decide_account(&policy, "a"), POLICY_ALLOWS);
        assert_int_equal(decide_account(&policy, "aa"), POLICY_DENIES);
        assert_int_equal(decide_account(&policy, "aab"), POLICY_DENIES);
        policy.on_limit = ON_LIMIT_EVICT_OLDEST;
        assert_int_equal(decide_account(&policy, "aab"), POLICY_ALLOWS);
        policy = (struct policy){ .max_devices = 1, .on_limit = ON_LIMIT_DENY };
        assert_int_equal(decide_account(&policy, "aab"), POLICY_ALLOWS);
}

static void test_on_limit_has_the_names_of_the_configuration(void **state) {
        assert_string_equal(on_limit_name(ON_LIMIT_EVICT_OLDEST), "evict-oldest");
        assert_string_equal(on_limit_name(ON_LIMIT_DENY), "deny");
        assert_string_equal(on_limit_name(ON_LIMIT_ASK), "ask");
        assert_string_equal(on_limit_name((enum on_limit) 0), "unknown");
}

static void test_clearing_frees_every_list_and_may_be_repeated(void **state) {
        struct policy policy = { 0 };

        policy.users.names = calloc(1, sizeof(char *));
        policy.users.names[0] = strdup("alice");
        policy.users.n = 1;
        policy.exempt_groups.names = calloc(1, sizeof(char *));
        policy.exempt_groups.names[0] = strdup("wheel");
        policy.exempt_groups.gids = calloc(1, sizeof(int64_t));
        policy.exempt_groups.n = 1;
        policy_clear(&policy);
        assert_int_equal(policy.users.n, 0);
        assert_null(policy.exempt_groups.gids);
        policy_clear(&policy);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_limit_allows_everything),
                cmocka_unit_test(test_a_fifth_device_of_a_customer_fits),
                cmocka_unit_test(test_the_sixth_device_of_a_customer_evicts_the_first),
                cmocka_unit_test(test_the_device_whose_latest_login_is_oldest_goes_with_all_its_sessions),
                cmocka_unit_test(test_a_device_already_there_needs_no_room),
                cmocka_unit_test(test_many_sessions_of_one_device_never_evict_each_other),
                cmocka_unit_test(test_the_fourth_device_of_an_owner_is_denied),
                cmocka_unit_test(test_a_single_device_gives_way_to_the_next),
                cmocka_unit_test(test_max_sessions_evicts_the_oldest_session_whatever_its_device),
                cmocka_unit_test(test_max_sessions_denies_at_the_limit),
                cmocka_unit_test(test_both_limits_hold_at_once),
                cmocka_unit_test(test_lowered_limits_take_several_victims),
                cmocka_unit_test(test_a_lowered_limit_denies_until_enough_have_gone),
                cmocka_unit_test(test_the_largest_limits_are_no_off_by_one),
                cmocka_unit_test(test_enforce_does_not_change_the_answer),
                cmocka_unit_test(test_any_small_case_is_decided_as_by_the_naive_model),
                cmocka_unit_test(test_account_refuses_only_max_sessions_under_deny),
                cmocka_unit_test(test_on_limit_has_the_names_of_the_configuration),
                cmocka_unit_test(test_clearing_frees_every_list_and_may_be_repeated),
        };

        return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
