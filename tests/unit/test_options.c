/* The words of a pam.d line. They belong to the module, which no archive holds, so the source itself is
 * taken in. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "client/protocol.h"
#include "pam/options.c"

#define N(array) (int) (sizeof(array) / sizeof((array)[0]))

static void refuse(const char *word) {
        const char *argv[] = { "quiet", word }, *bad = NULL;
        struct options o;

        assert_int_equal(options_read(N(argv), argv, &o, &bad), -EINVAL);
        assert_ptr_equal(bad, word);
        assert_true(o.quiet);
        assert_int_equal(o.timeout_msec, LOGIN_TIMEOUT_DEFAULT_MSEC);
        assert_string_equal(o.realm, SESSJWT_DEFAULT_REALM);
        assert_string_equal(o.socket, SESSJWT_LOGIN_SOCKET);
        assert_null(o.break_glass);
        assert_false(o.denies_on_error || o.debug || o.socket_given);
}

static unsigned timeout_of(const char *word) {
        const char *bad = NULL;
        struct options o;

        assert_int_equal(options_read(1, &word, &o, &bad), 0);
        return o.timeout_msec;
}

static void test_a_line_without_options_has_the_defaults(void **state) {
        const char *bad = "untouched";
        struct options o;

        assert_int_equal(options_read(0, NULL, &o, &bad), 0);
        assert_string_equal(o.realm, "default");
        assert_string_equal(o.socket, "/run/sessjwt/login");
        assert_int_equal(o.timeout_msec, 250);
        assert_null(o.break_glass);
        assert_false(o.denies_on_error || o.quiet || o.debug || o.socket_given);
        assert_string_equal(bad, "untouched");
}

static void test_every_option_is_read(void **state) {
        const char *argv[] = { "realm=shop", "socket=/run/x", "timeout=1s", "on_error=deny",
                "break_glass=wheel", "quiet", "debug" };
        const char *bad = NULL;
        struct options o;

        assert_int_equal(options_read(N(argv), argv, &o, &bad), 0);
        assert_string_equal(o.realm, "shop");
        assert_string_equal(o.socket, "/run/x");
        assert_true(o.socket_given);
        assert_int_equal(o.timeout_msec, 1000);
        assert_string_equal(o.break_glass, "wheel");
        assert_true(o.denies_on_error && o.quiet && o.debug);
}

static void test_on_error_ignore_is_the_default_said_aloud(void **state) {
        const char *argv[] = { "on_error=ignore" }, *bad = NULL;
        struct options o;

        assert_int_equal(options_read(1, argv, &o, &bad), 0);
        assert_false(o.denies_on_error);
}

static void test_a_timeout_has_a_unit_and_bounds(void **state) {
        assert_int_equal(timeout_of("timeout=10ms"), 10);
        assert_int_equal(timeout_of("timeout=0010ms"), 10);
        assert_int_equal(timeout_of("timeout=1000ms"), 1000);
        assert_int_equal(timeout_of("timeout=1s"), 1000);

        const char *wrong[] = { "timeout=", "timeout=ms", "timeout=s", "timeout=250", "timeout=9ms",
                "timeout=0s", "timeout=1001ms", "timeout=2s", "timeout=9999s", "timeout=00010ms",
                "timeout=99999999999999999999ms", "timeout=-20ms", "timeout=+20ms", "timeout= 20ms",
                "timeout=20 ms", "timeout=20MS", "timeout=20msx", "timeout=0.5s", "timeout=20us",
                "timeout=0x20ms" };
        for (int i = 0; i < N(wrong); i++)
                refuse(wrong[i]);
}

static void test_a_socket_is_an_absolute_path_that_fits_an_address(void **state) {
        char word[256] = "socket=/";
        const char *argv[] = { word }, *bad = NULL;
        struct options o;

        memset(word + strlen("socket=/"), 'x', SOCKET_PATH_MAX - 1);
        assert_int_equal(options_read(1, argv, &o, &bad), 0);
        assert_int_equal(strlen(o.socket), SOCKET_PATH_MAX);
        word[strlen(word)] = 'x';
        refuse(word);
        refuse("socket=");
        refuse("socket=run/x");
        refuse("socket=@abstract");
}

static void test_a_realm_is_a_name_within_its_limit(void **state) {
        char word[256] = "realm=";
        const char *argv[] = { word }, *bad = NULL;
        struct options o;

        memset(word + strlen("realm="), 'r', REALM_MAX);
        assert_int_equal(options_read(1, argv, &o, &bad), 0);
        word[strlen(word)] = 'r';
        refuse(word);
        refuse("realm=");
        refuse("realm=a b");
        refuse("realm=a\nb");
        refuse("realm=a\x7f");
}

static void test_a_break_glass_group_is_a_name_within_its_limit(void **state) {
        char word[512] = "break_glass=";
        const char *argv[] = { word }, *bad = NULL;
        struct options o;

        memset(word + strlen("break_glass="), 'g', GROUP_NAME_MAX);
        assert_int_equal(options_read(1, argv, &o, &bad), 0);
        word[strlen(word)] = 'g';
        refuse(word);
        refuse("break_glass=");
        refuse("break_glass=a b");
}

static void test_unknown_words_are_refused(void **state) {
        const char *wrong[] = { "", "=", "nonsense", "Debug", "debug=1", "debugging", "quiet ", "realm",
                "socket", "timeout", "on_error", "on_error=", "on_error=maybe", "on_error=denyx",
                "on_error=Deny" };
        for (int i = 0; i < N(wrong); i++)
                refuse(wrong[i]);
}

static void test_a_line_has_one_phase_of_a_lock_at_most(void **state) {
        static const char *const words[] = { "preauth", "authfail", "authsucc" };

        for (size_t i = 0; i < 3; i++) {
                const char *argv[] = { words[i], words[(i + 1) % 3] };
                const char *bad = NULL;
                struct options o;

                assert_int_equal(options_read(0, argv, &o, &bad), 0);
                assert_int_equal(o.phase, AUTH_NONE);
                assert_int_equal(options_read(1, argv, &o, &bad), 0);
                assert_int_equal(o.phase, AUTH_BEFORE + i);
                assert_int_equal(options_read(2, argv, &o, &bad), -EINVAL);
                assert_string_equal(bad, argv[1]);
                assert_int_equal(o.phase, AUTH_BEFORE + i);
        }
}

static void test_a_repeated_option_is_refused_and_its_first_value_holds(void **state) {
        const char *pairs[][2] = { { "realm=a", "realm=b" }, { "socket=/a", "socket=/b" },
                { "timeout=20ms", "timeout=30ms" }, { "on_error=deny", "on_error=ignore" },
                { "break_glass=a", "break_glass=b" }, { "quiet", "quiet" }, { "debug", "debug" } };

        for (int i = 0; i < N(pairs); i++) {
                const char *bad = NULL;
                struct options o;

                assert_int_equal(options_read(2, pairs[i], &o, &bad), -EINVAL);
                assert_ptr_equal(bad, pairs[i][1]);
                assert_true(i != 3 || o.denies_on_error);
                assert_true(i != 2 || o.timeout_msec == 20);
        }
}

static void test_the_first_bad_option_is_named_and_later_good_ones_count(void **state) {
        const char *argv[] = { "brake_glass=wheel", "timeout=1h", "on_error=deny" }, *bad = NULL;
        struct options o;

        assert_int_equal(options_read(N(argv), argv, &o, &bad), -EINVAL);
        assert_string_equal(bad, "brake_glass=wheel");
        assert_true(o.denies_on_error);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_line_without_options_has_the_defaults),
                cmocka_unit_test(test_every_option_is_read),
                cmocka_unit_test(test_on_error_ignore_is_the_default_said_aloud),
                cmocka_unit_test(test_a_timeout_has_a_unit_and_bounds),
                cmocka_unit_test(test_a_socket_is_an_absolute_path_that_fits_an_address),
                cmocka_unit_test(test_a_realm_is_a_name_within_its_limit),
                cmocka_unit_test(test_a_break_glass_group_is_a_name_within_its_limit),
                cmocka_unit_test(test_unknown_words_are_refused),
                cmocka_unit_test(test_a_line_has_one_phase_of_a_lock_at_most),
                cmocka_unit_test(test_a_repeated_option_is_refused_and_its_first_value_holds),
                cmocka_unit_test(test_the_first_bad_option_is_named_and_later_good_ones_count),
        };

        return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
