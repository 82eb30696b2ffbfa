/* clock: see clock.h. A test build adds offsets from a mapped file, so that tests move time by hand. */
#include "daemon/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/hex.h"

#ifdef SESSJWT_TEST_HOOKS
/* SESSJWT_TEST_CLOCK: a file of two int64, microseconds to add to the wall and the boot clock. */
static const volatile int64_t *clock_offsets(void) {
        static const int64_t none[2];
        static const int64_t *offsets;
        const char *path = getenv("SESSJWT_TEST_CLOCK");

        if (offsets)
                return offsets;
        offsets = none;
        if (path) {
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                void *map = mmap(NULL, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);

                if (map != MAP_FAILED)
                        offsets = map;
                close(fd);
        }
        return offsets;
}
#endif

static usec_t clock_read(clockid_t id) {
        struct timespec ts = { 0 };

        clock_gettime(id, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

struct moment clock_now(void) {
        struct moment now = { .wall = clock_read(CLOCK_REALTIME),
                .boot = clock_read(CLOCK_BOOTTIME),
                .awake = clock_read(CLOCK_MONOTONIC) };

#ifdef SESSJWT_TEST_HOOKS
        now.wall += (usec_t) clock_offsets()[0];
        now.boot += (usec_t) clock_offsets()[1];
#endif
        return now;
}

usec_t clock_awake(void) {
        return clock_read(CLOCK_MONOTONIC);
}

usec_t clock_from_boot(usec_t boot) {
#ifdef SESSJWT_TEST_HOOKS
        boot += (usec_t) clock_offsets()[1];
#endif
        return boot;
}

static int boot_id_read(const char *text, struct boot_id *ret) {
        struct boot_id id;
        size_t n = 0;

        for (const char *p = text; *p && *p != '\n'; p++) {
                int digit;

                if (*p == '-')
                        continue;
                digit = hex_digit(*p);
                if (digit < 0 || n >= 32)
                        return -EBADMSG;
                id.bytes[n / 2] = (uint8_t) (n % 2 ? id.bytes[n / 2] | digit : digit << 4);
                n++;
        }
        if (n != 32)
                return -EBADMSG;
        *ret = id;
        return 0;
}

int clock_boot_id(struct boot_id *ret) {
        _cleanup_(cleanup_close) int fd = -1;
        char text[64];
        ssize_t n;

#ifdef SESSJWT_TEST_HOOKS
        if (getenv("SESSJWT_TEST_BOOT_ID"))
                return boot_id_read(getenv("SESSJWT_TEST_BOOT_ID"), ret);
#endif
        fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return boot_id_read(text, ret);
}

bool boot_id_equal(const struct boot_id *a, const struct boot_id *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void clock_write(usec_t wall, char ret[static CLOCK_TEXT_SIZE]) {
        time_t seconds = (time_t) (wall / USEC_PER_SEC);
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || tm.tm_year > 8099) {
                ret[0] = '\0';
                return;
        }
        snprintf(ret, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", (tm.tm_year + 1900) % 10000,
                (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100,
                (unsigned) (wall % USEC_PER_SEC / 1000));
}

/* Exactly n digits of a number from min to max. NULL: they are not there. */
static const char *read_digits(const char *p, size_t n, int min, int max, int *ret) {
        int value = 0;

        for (size_t i = 0; i < n; i++, p++) {
                if (*p < '0' || *p > '9')
                        return NULL;
                value = value * 10 + (*p - '0');
        }
        *ret = value;
        return value < min || value > max ? NULL : p;
}

static const char *read_char(const char *p, char c) {
        return p && *p == c ? p + 1 : NULL;
}

/* RFC 3339 5.6: microseconds count, what is finer is cut. */
static const char *read_fraction(const char *p, usec_t *ret) {
        usec_t unit = USEC_PER_SEC / 10;

        if (!p || *p != '.')
                return p;
        if (*++p < '0' || *p > '9')
                return NULL;
        for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
                *ret += (usec_t) (*p - '0') * unit;
        return p;
}

int clock_read_text(const char *text, usec_t *ret_wall) {
        struct tm tm = { 0 }, given;
        usec_t fraction = 0;
        const char *p = text;
        time_t seconds;

        p = read_digits(p, 4, 1970, 9999, &tm.tm_year);
        p = read_char(p, '-');
        p = p ? read_digits(p, 2, 1, 12, &tm.tm_mon) : NULL;
        p = read_char(p, '-');
        p = p ? read_digits(p, 2, 1, 31, &tm.tm_mday) : NULL;
        p = read_char(p, 'T');
        p = p ? read_digits(p, 2, 0, 23, &tm.tm_hour) : NULL;
        p = read_char(p, ':');
        p = p ? read_digits(p, 2, 0, 59, &tm.tm_min) : NULL;
        p = read_char(p, ':');
        p = p ? read_digits(p, 2, 0, 59, &tm.tm_sec) : NULL;
        p = read_char(read_fraction(p, &fraction), 'Z');
        if (!p || *p)
                return -EINVAL;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        given = tm;
        seconds = timegm(&tm);
        if (tm.tm_mon != given.tm_mon) /* the 31st of February */
                return -EINVAL;
        *ret_wall = (usec_t) seconds * USEC_PER_SEC + fraction;
        return 0;
}
