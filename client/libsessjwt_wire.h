/* wire: one Unix stream socket to the daemon and the NUL-terminated messages on it, each within a
 * deadline. Knows no JSON, no method, and never connects or sends twice: who may repeat what is decided
 * above. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds on CLOCK_MONOTONIC. */
int64_t wire_now(void);

struct wire {
        int fd;         /* -1: not connected */
        char *in;       /* what has come */
        size_t in_max;  /* bytes that `in` has room for, at most REPLY_MAX + 1 */
        size_t in_size; /* bytes that have come */
        size_t taken;   /* bytes at the start of `in`, NUL included, that were handed out as a message */
};

void wire_init(struct wire *wire);

/* Wipes and frees; the wire is as after wire_init. */
void wire_done(struct wire *wire);

/* 0; -ETIMEDOUT, or what socket(2) and connect(2) say. The wire must not be connected. */
int wire_connect(struct wire *wire, const char *path, int64_t deadline);

/* Closes the socket and forgets what came; keeps the memory. */
void wire_disconnect(struct wire *wire);

/* Whether a call may be sent: connected, not closed by the daemon, and nothing came that nobody asked for. */
bool wire_is_usable(struct wire *wire);

/* Sends all bytes. 0; -EPIPE, -ECONNRESET (the last byte was not sent: no peer has seen a whole message),
 * -ETIMEDOUT. */
int wire_send(struct wire *wire, const char *bytes, size_t size, int64_t deadline);

/* The next message, NUL-terminated, in memory of the wire that lives until the next wire_receive or
 * wire_disconnect and may be written to; the one before is wiped. 0; -ECONNRESET (closed), -ETIMEDOUT,
 * -EMSGSIZE (longer than REPLY_MAX), -EBADMSG (a descriptor came along; it was never received), -ENOMEM.
 * After an error the wire must be disconnected. */
int wire_receive(struct wire *wire, int64_t deadline, char **ret_text, size_t *ret_size);
