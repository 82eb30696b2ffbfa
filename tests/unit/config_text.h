/* Configurations from texts. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/config.h"

#define N(array) (sizeof(array) / sizeof(*(array)))
#define MINUTE   (60 * USEC_PER_SEC)
#define DAY      (24 * 60 * MINUTE)

static inline struct config *read_config(const char *text) {
        struct config *config = NULL;
        char error[CONFIG_ERROR_MAX];

        if (config_read("test.conf", text, strlen(text), &config, error))
                fail_msg("%s", error);
        assert_string_equal(error, "");
        return config;
}

static inline void assert_error_n(const char *text, size_t size, int expected, const char *message) {
        struct config *config = NULL;
        char error[CONFIG_ERROR_MAX] = "";

        assert_int_equal(config_read("test.conf", text, size, &config, error), expected);
        assert_null(config);
        if (strncmp(error, message, strlen(message)) != 0)
                fail_msg("%s\n  does not begin with %s", error, message);
}

static inline void assert_error(const char *text, const char *message) {
        assert_error_n(text, strlen(text), -EINVAL, message);
}

/* `line` as the only line of [policy p], so line 2 of the file. */
static inline void assert_policy_error(const char *line, const char *message) {
        char text[8192], expected[1024];

        snprintf(text, sizeof(text), "[policy p]\n%s\n", line);
        snprintf(expected, sizeof(expected), "test.conf:2: %s", message);
        assert_error(text, expected);
}
