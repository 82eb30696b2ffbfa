#include "daemon/status_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "client/base64url.h"

#define IN_SIZE  8192
#define OUT_SIZE 6144

#define MEMORY_LEVEL 8 /* that of deflateInit, which compressBound is about */

/* Up to here zlib's own way is the shortest and costs little. On larger pages its search for repetitions
 * takes seconds a mebibyte when half of the sessions live; what they repeat are runs of free indices, and
 * these alone are found in a hundredth of the time, for a list longer by a sixth. */
#define SMALL_MAX 4096

_Static_assert(OUT_SIZE % 3 == 0, "pieces of base64url join");

struct output {
        char *text;
        size_t size;
        size_t length;
};

size_t status_list_bound(size_t n_bytes) {
        return BASE64URL_SIZE(compressBound(n_bytes));
}

static void cleanup_deflate(z_stream *z) {
        (void) deflateEnd(z);
}

/* zlib is given a copy: it may read its input more than once. */
static size_t copy_bytes(const struct status_view *view, uint64_t at, uint8_t copy[static IN_SIZE]) {
        uint64_t left = view->size - at;
        size_t n = left < IN_SIZE ? (size_t) left : IN_SIZE;

        for (size_t i = 0; i < n; i++)
                copy[i] = atomic_load_explicit(&view->bytes[at + i], memory_order_relaxed);
        return n;
}

static int put(struct output *output, const uint8_t *bytes, size_t n) {
        if (BASE64URL_SIZE(n) > output->size - output->length)
                return -ENOBUFS;
        output->length += base64url_write(bytes, n, output->text + output->length);
        return 0;
}

/* All that comes of what was put in; the end too, if this is the last of it. */
static int drain(z_stream *z, bool is_last, uint8_t piece[static OUT_SIZE], struct output *output) {
        int done, r;

        for (;;) {
                done = deflate(z, is_last ? Z_FINISH : Z_NO_FLUSH);
                if (done == Z_STREAM_ERROR)
                        return -EINVAL;
                if (z->avail_out > 0 && done != Z_STREAM_END)
                        return 0; /* it wants more */
                r = put(output, piece, OUT_SIZE - z->avail_out);
                if (r < 0 || done == Z_STREAM_END)
                        return r;
                z->next_out = piece;
                z->avail_out = OUT_SIZE;
        }
}

int status_list_write(const struct status_view *view, char *buf, size_t size, size_t *ret_length) {
        __attribute__((cleanup(cleanup_deflate))) z_stream z = { 0 };
        struct output output = { .text = buf, .size = size };
        uint8_t copy[IN_SIZE], piece[OUT_SIZE];
        uint64_t at = 0;
        int r;

        if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS, MEMORY_LEVEL,
                    view->size > SMALL_MAX ? Z_RLE : Z_DEFAULT_STRATEGY) != Z_OK)
                return -ENOMEM;
        z.next_out = piece;
        z.avail_out = sizeof(piece);
        do {
                z.next_in = copy;
                z.avail_in = (uInt) copy_bytes(view, at, copy);
                at += z.avail_in;
                r = drain(&z, at == view->size, piece, &output);
                if (r < 0)
                        return r;
        } while (at < view->size);
        *ret_length = output.length;
        return 0;
}
