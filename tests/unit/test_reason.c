#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "client/reason.h"

static void test_every_reason_has_a_name_of_its_own(void **state) {
        for (int i = 0; i < _REASON_MAX; i++) {
                assert_non_null(reason_name(i));
                for (int j = 0; j < i; j++)
                        assert_string_not_equal(reason_name(i), reason_name(j));
        }
}

static void test_names_are_as_promised(void **state) {
        assert_string_equal(reason_name(REASON_NONE), "none");
        assert_string_equal(reason_name(REASON_MALFORMED), "malformed");
        assert_string_equal(reason_name(REASON_BAD_SIGNATURE), "bad-signature");
        assert_string_equal(reason_name(REASON_NOT_YET_VALID), "not-yet-valid");
        assert_string_equal(reason_name(REASON_STALE_STATUS), "stale-status");
}

static void test_names_are_lower_case_words(void **state) {
        for (int i = 0; i < _REASON_MAX; i++)
                assert_int_equal(
                        strspn(reason_name(i), "abcdefghijklmnopqrstuvwxyz-"), strlen(reason_name(i)));
}

static void test_what_is_no_reason_is_unknown(void **state) {
        assert_string_equal(reason_name(_REASON_MAX), "unknown");
        assert_string_equal(reason_name(-1), "unknown");
        assert_string_equal(reason_name(INT_MAX), "unknown");
        assert_string_equal(reason_name(INT_MIN), "unknown");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_reason_has_a_name_of_its_own),
                cmocka_unit_test(test_names_are_as_promised),
                cmocka_unit_test(test_names_are_lower_case_words),
                cmocka_unit_test(test_what_is_no_reason_is_unknown),
        };

        return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
