/* frame: the request that pam_sessjwt sends and the reply that sessjwtd gives: one SOCK_SEQPACKET packet
 * each way, of a fixed order of fields, versioned and length-checked. Pure; libc only, because it lives
 * inside sshd. The daemon includes it.
 *
 * Request: "SJWT", u16 version, u16 phase, u32 total size, u32 flags, u64 deadline, u32 uid, u32 choice, then
 * the strings in the order of struct frame_request as u16 length, bytes and a NUL (which the length does not
 * count), then u16 count and u32 groups.
 * Reply: "SJWR", u16 version, u16 outcome, u32 total size, then its three strings.
 * All little-endian. Trailing bytes are an error. Text is UTF-8 without control characters (U+0000 to
 * U+001F, U+007F to U+009F); what may hold more says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/protocol.h"

#define FRAME_VERSION     1
#define SSHD_TTY          "ssh" /* what sshd sets PAM_TTY to, always; no user can */
#define FRAME_REQUEST_MAX 57344 /* all fields at their limits fit; a test adds them up */
#define FRAME_REPLY_MAX   1024

enum frame_phase {
        FRAME_ACCOUNT = 1,
        FRAME_OPEN,
        FRAME_CLOSE, /* session_id may be empty (open was never answered): leader, user and service find it */
        FRAME_PASSWORD, /* the user's password was changed */
        FRAME_PREAUTH,  /* may a password be tried? */
        FRAME_AUTHFAIL, /* it was wrong */
        FRAME_AUTHSUCC, /* it was right */
        /* What the user answered to FRAME_ASKS: still account, on a connection of its own. */
        FRAME_CHOOSE,
};

enum frame_flag {
        FRAME_DENIES_ON_ERROR = 1 << 0, /* on_error=deny: an unanswered open did not let the login through */
        FRAME_BREAK_GLASS = 1 << 1,     /* user is in the break_glass group: never denied, never evicted */
        FRAME_AUTH_INFO_OMITTED = 1 << 2, /* SSH_AUTH_INFO_0 was longer than AUTH_INFO_MAX */
        FRAME_SILENT = 1 << 3,            /* PAM_SILENT */
        FRAME_BY_USER = 1 << 4,           /* FRAME_PASSWORD: by himself, not by root */
        FRAME_CAN_ASK = 1 << 5,           /* account: the user would see a question, and could answer it */
        FRAME_USER_UNKNOWN = 1 << 6,      /* nobody has this name (preauth, authfail): it is kept nowhere */
        _FRAME_FLAGS_KNOWN = (1 << 7) - 1,
};

enum frame_choice {
        FRAME_CHOICE_NONE = 0,
        FRAME_CHOICE_OLDEST, /* sign out the oldest */
        FRAME_CHOICE_OTHERS, /* sign out all others */
        FRAME_CHOICE_GIVE_UP,
};

/* Strings are borrowed: from the caller when written, from the packet when read (see frame_read_request).
 * Absent is "", and NULL when written means the same. */
struct frame_request {
        enum frame_phase phase;
        uint32_t flags;
        uint64_t deadline;        /* CLOCK_BOOTTIME, microseconds: when the module stops waiting */
        uint32_t uid;             /* of the user */
        enum frame_choice choice; /* FRAME_CHOOSE, and there never NONE */
        const char *user;
        const char *service;
        const char *realm;
        const char *tty; /* tty, rhost, ruser: "?" stands for one that was there but could not be carried */
        const char *rhost;
        const char *ruser;
        const char *ssh_connection;
        const char *auth_info;  /* SSH_AUTH_INFO_0; any bytes but NUL */
        const char *session_id; /* FRAME_CLOSE */
        size_t n_groups;
        const uint32_t *groups;
};

enum frame_outcome {
        FRAME_OK = 1,      /* account: go on; open: session_id is set; close: done */
        FRAME_IGNORED,     /* nothing of ours: a nested or ignored service */
        FRAME_DENIED,      /* by policy; text says why */
        FRAME_FAILED,      /* infrastructure; text says what */
        FRAME_UNSUPPORTED, /* the daemon does not know this version */
        FRAME_ASKS,        /* account, to FRAME_CAN_ASK: text is what the user has to choose from */
};

struct frame_reply {
        enum frame_outcome outcome;
        char session_id[SID_TEXT_MAX + 1];
        char text[MESSAGE_TEXT_MAX + 1];     /* may hold newlines */
        char token_file[TOKEN_FILE_MAX + 1]; /* open: an absolute path; "": there is none */
};

/* Whether the text may stand in a field of `max` bytes: it is not longer, UTF-8, and has no control
 * characters. */
bool frame_may_carry(const char *text, size_t max);

/* 0 with the size; -E2BIG (a string over its limit of protocol.h, too many groups), -EINVAL (an unknown
 * phase or flag, a control character), both with the name of the field (static) in *ret_field; -ENOBUFS. */
int frame_write_request(const struct frame_request *request, void *buf, size_t size, size_t *ret_size,
        const char **ret_field);

/* The packet is read in place: strings point into it and live as long as it does, groups are copied to the
 * caller's array of GROUPS_MAX, to which ret->groups points. 0; -EPROTONOSUPPORT (another version:
 * *ret_version says which, nothing else is read); -EBADMSG for everything else, with the name of the field
 * (static) in *ret_field. */
int frame_read_request(const void *packet, size_t size, struct frame_request *ret,
        uint32_t groups[static GROUPS_MAX], uint16_t *ret_version, const char **ret_field);

/* 0 with the size; -EINVAL (an unknown outcome, a control character, a path that is not absolute), -E2BIG (a
 * string without its NUL), -ENOBUFS. */
int frame_write_reply(const struct frame_reply *reply, void *buf, size_t size, size_t *ret_size);

/* 0; -EPROTONOSUPPORT (another version: *ret_version says which); -EBADMSG. */
int frame_read_reply(const void *packet, size_t size, struct frame_reply *ret, uint16_t *ret_version);
