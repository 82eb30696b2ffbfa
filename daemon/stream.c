/* stream: see stream.h. */
#include "daemon/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define IN_SIZE_FIRST 4096
#define IN_SIZE_BUSY  16384
#define IN_SIZE_MAX   (MESSAGE_MAX + 1)
#define OUT_SIZE_MAX  ((size_t) 2 * (REPLY_MAX + 1))

void stream_free(struct stream *stream) {
        free(stream->in.bytes);
        free(stream->out.bytes);
        *stream = (struct stream){ 0 };
}

/* Room for more input: what was read moves to the front, then the buffer grows up to its bound; sooner where
 * the peer has sent more than there was room for, so that many calls take few reads. */
static int make_room(struct stream *stream) {
        size_t size;
        char *bytes;

        if (stream->in.start > 0) {
                memmove(stream->in.bytes, stream->in.bytes + stream->in.start,
                        stream->in.end - stream->in.start);
                stream->in.end -= stream->in.start;
                /* What was given last need not have been looked behind yet. */
                stream->in.seen -= stream->in.seen < stream->in.start ? stream->in.seen : stream->in.start;
                stream->in.start = 0;
        }
        if (stream->in.end < stream->in.size && !(stream->in.was_filled && stream->in.size < IN_SIZE_BUSY))
                return 0;
        if (stream->in.size >= IN_SIZE_MAX)
                return -EMSGSIZE;
        size = stream->in.size ? stream->in.size * 2 : IN_SIZE_FIRST;
        if (size > IN_SIZE_MAX)
                size = IN_SIZE_MAX;
        bytes = realloc(stream->in.bytes, size);
        if (!bytes)
                return -ENOMEM;
        stream->in.bytes = bytes;
        stream->in.size = size;
        return 0;
}

int stream_read(struct stream *stream, int fd) {
        ssize_t n;
        int r;

        r = make_room(stream);
        if (r < 0)
                return r;
        n = recv(fd, stream->in.bytes + stream->in.end, stream->in.size - stream->in.end, MSG_DONTWAIT);
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        if (n == 0)
                return 1;
        stream->in.end += (size_t) n;
        stream->in.was_filled = stream->in.end == stream->in.size;
        return 0;
}

bool stream_next(struct stream *stream, char **ret_text, size_t *ret_size) {
        char *start = stream->in.bytes + stream->in.start, *nul;

        if (stream->in.seen < stream->in.start)
                stream->in.seen = stream->in.start;
        if (stream->in.seen == stream->in.end)
                return false;
        nul = memchr(stream->in.bytes + stream->in.seen, 0, stream->in.end - stream->in.seen);
        if (!nul) {
                stream->in.seen = stream->in.end;
                return false;
        }
        *ret_text = start;
        *ret_size = (size_t) (nul - start);
        stream->in.start += *ret_size + 1;
        return true;
}

void stream_unread(struct stream *stream, const char *text) {
        stream->in.start = (size_t) (text - stream->in.bytes);
        stream->in.seen = stream->in.start;
}

bool stream_has_input(const struct stream *stream) {
        return stream->in.start < stream->in.end;
}

int stream_put(struct stream *stream, const char *text, size_t size) {
        if (stream->out.start == stream->out.end)
                stream->out.start = stream->out.end = 0;
        if (stream->out.end + size + 1 > stream->out.size) {
                size_t want = stream->out.end + size + 1;
                char *bytes;

                if (want > OUT_SIZE_MAX)
                        return -ENOBUFS;
                want = want < OUT_SIZE_MAX / 2 ? want * 2 : OUT_SIZE_MAX;
                bytes = realloc(stream->out.bytes, want);
                if (!bytes)
                        return -ENOMEM;
                stream->out.bytes = bytes;
                stream->out.size = want;
        }
        memcpy(stream->out.bytes + stream->out.end, text, size);
        stream->out.bytes[stream->out.end + size] = '\0';
        stream->out.end += size + 1;
        return 0;
}

int stream_flush(struct stream *stream, int fd) {
        while (stream->out.start < stream->out.end) {
                ssize_t n = send(fd, stream->out.bytes + stream->out.start,
                        stream->out.end - stream->out.start, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return 1;
                if (n < 0)
                        return -errno;
                stream->out.start += (size_t) n;
        }
        /* A peer that once got a large reply is not charged for it for ever. */
        if (stream->out.size > MESSAGE_MAX) {
                free(stream->out.bytes);
                stream->out.bytes = NULL;
                stream->out.size = 0;
        }
        stream->out.start = stream->out.end = 0;
        return 0;
}

bool stream_has_output(const struct stream *stream) {
        return stream->out.start < stream->out.end;
}

size_t stream_output_size(const struct stream *stream) {
        return stream->out.end - stream->out.start;
}
