#include "pam/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "client/protocol.h"

#define TIMEOUT_MIN_MSEC 10
#define GROUP_NAME_MAX   USER_MAX
#define SOCKET_PATH_MAX  (sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1)

static bool is_name(const char *value, size_t max) {
        size_t length = strnlen(value, max + 1);

        if (length == 0 || length > max)
                return false;
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) value[i] <= ' ' || value[i] == 0x7f)
                        return false;
        return true;
}

static bool read_realm(const char *value, struct options *o) {
        if (!is_name(value, REALM_MAX))
                return false;
        o->realm = value;
        return true;
}

static bool read_socket(const char *value, struct options *o) {
        if (value[0] != '/' || strnlen(value, SOCKET_PATH_MAX + 1) > SOCKET_PATH_MAX)
                return false;
        o->socket = value;
        o->socket_given = true;
        return true;
}

/* No strtoul: it takes signs, spaces and the locale. Four digits hold every value within the bounds. */
static bool read_timeout(const char *value, struct options *o) {
        unsigned number = 0;
        size_t digits = 0;

        for (; value[digits] >= '0' && value[digits] <= '9'; digits++) {
                if (digits == 4)
                        return false;
                number = number * 10 + (unsigned) (value[digits] - '0');
        }
        if (digits == 0)
                return false;
        if (strcmp(value + digits, "s") == 0)
                number *= 1000;
        else if (strcmp(value + digits, "ms") != 0)
                return false;
        if (number < TIMEOUT_MIN_MSEC || number > LOGIN_TIMEOUT_MAX_MSEC)
                return false;
        o->timeout_msec = number;
        return true;
}

static bool read_on_error(const char *value, struct options *o) {
        o->denies_on_error = strcmp(value, "deny") == 0;
        return o->denies_on_error || strcmp(value, "ignore") == 0;
}

static bool read_break_glass(const char *value, struct options *o) {
        if (!is_name(value, GROUP_NAME_MAX))
                return false;
        o->break_glass = value;
        return true;
}

static bool read_phase(const char *value, struct options *o, enum auth_phase phase) {
        if (o->phase)
                return false;
        o->phase = phase;
        return true;
}

static bool read_preauth(const char *value, struct options *o) {
        return read_phase(value, o, AUTH_BEFORE);
}

static bool read_authfail(const char *value, struct options *o) {
        return read_phase(value, o, AUTH_FAILED);
}

static bool read_authsucc(const char *value, struct options *o) {
        return read_phase(value, o, AUTH_SUCCEEDED);
}

static bool read_quiet(const char *value, struct options *o) {
        o->quiet = true;
        return true;
}

static bool read_debug(const char *value, struct options *o) {
        o->debug = true;
        return true;
}

static const struct option {
        const char *name; /* with its `=` if it takes a value */
        bool (*read)(const char *value, struct options *o);
} known[] = {
        { "preauth", read_preauth },
        { "authfail", read_authfail },
        { "authsucc", read_authsucc },
        { "realm=", read_realm },
        { "socket=", read_socket },
        { "timeout=", read_timeout },
        { "on_error=", read_on_error },
        { "break_glass=", read_break_glass },
        { "quiet", read_quiet },
        { "debug", read_debug },
};
#define N_KNOWN (sizeof(known) / sizeof(known[0]))

static const char *option_value(const struct option *option, const char *word) {
        size_t length = strlen(option->name);

        if (strncmp(word, option->name, length) != 0)
                return NULL;
        return option->name[length - 1] == '=' || word[length] == '\0' ? word + length : NULL;
}

static bool read_word(const char *word, struct options *o, unsigned *seen) {
        for (size_t i = 0; i < N_KNOWN; i++) {
                const char *value = option_value(&known[i], word);

                if (!value)
                        continue;
                if (*seen & (1u << i))
                        return false;
                *seen |= 1u << i;
                return known[i].read(value, o);
        }
        return false;
}

int options_read(int argc, const char **argv, struct options *ret, const char **ret_bad) {
        const char *bad = NULL;
        unsigned seen = 0;

        *ret = (struct options){
                .realm = SESSJWT_DEFAULT_REALM,
                .socket = SESSJWT_LOGIN_SOCKET,
                .timeout_msec = LOGIN_TIMEOUT_DEFAULT_MSEC,
        };
        for (int i = 0; i < argc; i++)
                if (!read_word(argv[i], ret, &seen) && !bad)
                        bad = argv[i];
        if (!bad)
                return 0;
        *ret_bad = bad;
        return -EINVAL;
}
