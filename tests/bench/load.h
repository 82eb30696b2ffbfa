/* load: what load generators share: the processor they run on, the clock, and how long each call took. */
#pragma once

#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct load_times {
        double *seconds; /* of each call */
        size_t n, size;
        double rate; /* calls a second; 0: to be had from the times */
};

/* A number from the command line, 1 … max. */
static inline size_t load_number(const char *text, size_t max) {
        char *end;
        unsigned long number = strtoul(text, &end, 10);

        if (*end || end == text || number < 1 || number > max)
                errx(2, "%s: want 1 to %zu", text, max);
        return number;
}

/* This process on one processor; "-" is any. */
static inline void load_pin(const char *cpu) {
        cpu_set_t set;
        char *end;

        if (cpu[0] == '-')
                return;
        CPU_ZERO(&set);
        CPU_SET(strtoul(cpu, &end, 10), &set);
        if (sched_setaffinity(0, sizeof(set), &set) < 0)
                err(1, "processor %s", cpu);
}

static inline double load_now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static inline void load_times_make(struct load_times *times, size_t size) {
        *times = (struct load_times){ .seconds = malloc(size * sizeof(double)), .size = size };
        if (!times->seconds)
                errx(1, "no memory");
}

static inline void load_times_add(struct load_times *times, double seconds) {
        if (times->n < times->size)
                times->seconds[times->n++] = seconds;
}

static inline int load_compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static inline double load_percentile(const struct load_times *times, double part) {
        return times->seconds[(size_t) ((double) (times->n - 1) * part)] * 1e6;
}

/* One JSON object: calls a second and, where single calls were timed, their percentiles in microseconds.
 * Frees the times. */
static inline void load_times_print(struct load_times *times) {
        double sum = 0;

        for (size_t i = 0; i < times->n; i++)
                sum += times->seconds[i];
        if (times->n == 0) {
                printf("{\"rate\": %.9g}\n", times->rate);
        } else {
                qsort(times->seconds, times->n, sizeof(double), load_compare);
                printf("{\"rate\": %.9g, \"p50\": %.9g, \"p90\": %.9g, \"p99\": %.9g, \"p999\": %.9g, "
                       "\"max\": %.9g}\n",
                        times->rate > 0 ? times->rate : (double) times->n / sum, load_percentile(times, 0.5),
                        load_percentile(times, 0.9), load_percentile(times, 0.99),
                        load_percentile(times, 0.999), load_percentile(times, 1));
        }
        free(times->seconds);
}
