/* reload: a configuration read again on a thread of its own, one at a time. */
#include "tests/unit/process_fixture.h"

#include <stdio.h>
#include <string.h>

#include "daemon/reload.h"

struct place {
        char path[64];
        struct reload *reload;
};

static int place_setup(void **state) {
        struct place *place = calloc(1, sizeof(*place));
        int fd;

        assert_non_null(place);
        strcpy(place->path, "/tmp/test_reload.XXXXXX");
        fd = mkstemp(place->path);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(reload_new(place->path, &place->reload), 0);
        *state = place;
        return 0;
}

static int place_teardown(void **state) {
        struct place *place = *state;

        reload_free(&place->reload);
        assert_null(place->reload);
        reload_free(&place->reload);
        (void) unlink(place->path);
        free(place);
        return 0;
}

static void write_config(const struct place *place, const char *text) {
        FILE *file = fopen(place->path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int start_and_take(struct place *place, struct config **ret, char *error) {
        assert_int_equal(reload_start(place->reload), 0);
        assert_true(is_readable(reload_fd(place->reload), PATIENCE_MSEC));
        return reload_take(place->reload, ret, error);
}

static void test_a_reading_ends_with_the_configuration_of_its_time(void **state) {
        struct place *place = *state;
        char error[CONFIG_ERROR_MAX] = "";

        assert_false(is_readable(reload_fd(place->reload), 0));
        for (unsigned n = 1; n <= 20; n++) {
                struct config *config = NULL;
                char text[64];

                snprintf(text, sizeof(text), "[policy default]\nmax_devices = %u\n", n);
                write_config(place, text);
                assert_int_equal(start_and_take(place, &config, error), 0);
                assert_false(is_readable(reload_fd(place->reload), 0));
                assert_int_equal(config->policies[0].max_devices, n);
                config_unref(&config);
        }
        assert_string_equal(error, "");
}

static void test_a_bad_configuration_is_an_error_that_names_its_line(void **state) {
        struct place *place = *state;
        char error[CONFIG_ERROR_MAX] = "";
        struct config *config = NULL;

        write_config(place, "[policy default]\nmax_devices = many\n");
        assert_int_equal(start_and_take(place, &config, error), -EINVAL);
        assert_null(config);
        assert_non_null(strstr(error, place->path));
        assert_non_null(strstr(error, ":2:"));
        write_config(place, "");
        assert_int_equal(start_and_take(place, &config, error), 0);
        config_unref(&config);
}

static void test_a_second_reading_waits_for_the_first(void **state) {
        struct place *place = *state;
        char error[CONFIG_ERROR_MAX];
        struct config *config = NULL;

        assert_int_equal(reload_start(place->reload), 0);
        assert_int_equal(reload_start(place->reload), -EALREADY);
        assert_true(is_readable(reload_fd(place->reload), PATIENCE_MSEC));
        assert_int_equal(reload_start(place->reload), -EALREADY); /* until it is taken */
        assert_int_equal(reload_take(place->reload, &config, error), 0);
        config_unref(&config);
        assert_int_equal(start_and_take(place, &config, error), 0);
        config_unref(&config);
}

static void test_freeing_waits_for_the_reading_that_goes_on(void **state) {
        struct place *place = *state;

        write_config(place, "[policy default]\nmax_devices = 1\n");
        assert_int_equal(reload_start(place->reload), 0);
        reload_free(&place->reload); /* a leak or a use after free would be seen by the sanitizers */
}

#define reload_test(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                reload_test(test_a_reading_ends_with_the_configuration_of_its_time),
                reload_test(test_a_bad_configuration_is_an_error_that_names_its_line),
                reload_test(test_a_second_reading_waits_for_the_first),
                reload_test(test_freeing_waits_for_the_reading_that_goes_on),
        };

        return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
