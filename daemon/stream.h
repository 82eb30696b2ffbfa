/* stream: NUL-terminated messages over a stream socket, both ways, with a bound on each. Knows no message
 * and no peer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/protocol.h"

struct stream {
        struct {
                char *bytes;
                size_t size, start, end, seen; /* [start, end) is unread; up to seen there is no NUL */
                bool was_filled;               /* by the last read */
        } in;
        struct {
                char *bytes;
                size_t size, start, end;
        } out;
};

void stream_free(struct stream *stream);

/* Reads once from fd. 0; 1: the peer has closed; -EAGAIN: nothing there; -EMSGSIZE: a message of more than
 * MESSAGE_MAX bytes; or errno. Descriptors that come along are dropped by the kernel. */
int stream_read(struct stream *stream, int fd);

/* The next whole message, without its NUL, lent until the next stream_read or stream_next. false: there is
 * none yet. */
bool stream_next(struct stream *stream, char **ret_text, size_t *ret_size);
/* Puts the message that stream_next gave last back, to be given again. */
void stream_unread(struct stream *stream, const char *text);
bool stream_has_input(const struct stream *stream);

/* Appends a message and its NUL. 0; -ENOBUFS: the peer does not read and the bound is reached; -ENOMEM. */
int stream_put(struct stream *stream, const char *text, size_t size);
/* Writes what it can. 0: all is out; 1: the peer must read first; negative errno: it is gone. */
int stream_flush(struct stream *stream, int fd);
bool stream_has_output(const struct stream *stream);
size_t stream_output_size(const struct stream *stream);
