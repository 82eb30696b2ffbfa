/* status_page: the layout of public/status, which the daemon writes and every verifier on the host maps: a
 * header of one page, then one byte a session, the byte array of a Token Status List with bits = 8. Only the
 * layout and the loads and stores that both sides must agree on; knows no file.
 *
 * All numbers are 64-bit integers of this machine, naturally aligned, each read and written whole. The file
 * only grows; new bytes are STATUS_INVALID before the header's size covers them. The writer stores the bytes
 * of ended sessions, then of opened ones, and only then answers; it raises the generation when what readers
 * remember must be forgotten: keys, tokens seen, and the mapping. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* "sessjwt\0" as the first eight bytes of the file, on a little-endian machine; on another one the magic of
 * a file from elsewhere does not match, as it should not. */
#define STATUS_MAGIC       UINT64_C(0x0074776a73736573)
#define STATUS_VERSION     1
#define STATUS_BITS        8
#define STATUS_HEADER_SIZE 4096
#define STATUS_SIZE_MAX    (UINT64_C(1) << 28) /* bytes behind the header */

/* Token Status List 7.1 */
enum status_value { STATUS_VALID = 0, STATUS_INVALID = 1, STATUS_SUSPENDED = 2 };

struct status_header {
        _Atomic uint64_t magic; /* stored last when a page is made */
        _Atomic uint64_t version;
        _Atomic uint64_t bits;
        _Atomic uint64_t generation;
        _Atomic uint64_t size;      /* bytes behind the header */
        _Atomic uint64_t heartbeat; /* microseconds of CLOCK_MONOTONIC_COARSE, every second */
        _Atomic uint64_t wall;      /* the daemon's time, microseconds since 1970; never backwards */
        _Atomic uint64_t store_id[2];
        _Atomic uint64_t last_transaction; /* of that store */
};

_Static_assert(sizeof(struct status_header) == 80, "no padding");
_Static_assert(
        ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_CHAR_LOCK_FREE == 2, "a page is shared between processes");

/* A mapped page as far as its reader knows it; lent by whoever mapped it. */
struct status_view {
        const struct status_header *header;
        const _Atomic uint8_t *bytes;
        uint64_t size; /* mapped bytes, at most what the header said */
};

/* Of an index that is not in the view, STATUS_INVALID. */
static inline uint8_t status_view_get(const struct status_view *view, uint64_t index) {
        if (index >= view->size)
                return STATUS_INVALID;
        return atomic_load_explicit(&view->bytes[index], memory_order_acquire);
}

/* The clock of the heartbeat. Nothing sets it, and both sides read the same tick. */
static inline uint64_t status_clock(void) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}
