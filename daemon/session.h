/* session: one login, from open to end. Pure: bytes and times in, values and outcomes out; no store, no
 * clock, no process. DESIGN section 5. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/protocol.h"
#include "daemon/clock.h"
#include "daemon/device.h"
#include "daemon/idle.h"
#include "daemon/refresh.h"
#include "daemon/sid.h"

enum session_state { SESSION_LIVE = 1, SESSION_ENDING, SESSION_ENDED };

enum session_class { CLASS_COUNTED = 1, CLASS_TRACKED, CLASS_NESTED, CLASS_IGNORED };

/* Why a session ended. Kept in records: never renumber. */
enum session_end {
        END_NONE = 0,
        END_LOGOUT = 1,
        END_EVICTED = 2,
        END_REVOKED = 3,
        END_DEVICE_REMOVED = 4,
        END_EXPIRED = 5,
        END_IDLE = 6,
        END_REFRESH_REUSE = 7,
        END_ACCOUNT_RESET = 8,
        END_USER_GONE = 9,
        END_DENIED = 10,
        END_KILLED = 11,
        END_REBOOT = 12,
        END_LOST = 13,
        _END_MAX,
};

/* Kept in records: never renumber. */
enum terminate { TERMINATE_LEADER = 1, TERMINATE_NONE = 2, TERMINATE_SCOPE = 3 };

/* The process that opened the PAM session: a pid alone would be recycled. */
struct leader_id {
        struct boot_id boot;
        pid_t pid;
        uint64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

#define AUDIT_SESSION_UNSET UINT32_MAX

struct session {
        struct sid sid;
        char realm[REALM_MAX + 1];
        char user[USER_MAX + 1];
        uint32_t uid;
        char service[SERVICE_MAX + 1];
        enum session_class class;
        bool counts; /* counted class, neither exempt nor by an uncounted key: takes part in limits */
        char policy[POLICY_NAME_MAX + 1];
        enum terminate terminate;
        struct device_id device;
        char device_name[DEVICE_NAME_MAX + 1]; /* at login; the device's record may have been renamed since */
        char ip[IP_MAX + 1];                   /* numeric or "" */
        char tty[TTY_MAX + 1];                 /* PAM_TTY; sshd's is always "ssh" */
        uint32_t methods;                      /* METHOD_* */
        struct leader_id leader;
        uint32_t audit_session; /* AUDIT_SESSION_UNSET if the kernel has none */
        usec_t created_at;      /* wall */
        usec_t last_seen;       /* wall */
        usec_t deadline_boot;   /* CLOCK_BOOTTIME of leader.boot; USEC_NEVER: none */
        usec_t deadline_wall;   /* for tokens and people; USEC_NEVER: none */
        uint64_t status_index;  /* of its byte on the status page */
        enum session_state state;
        enum session_end end;
        struct refresh_chain refresh;
        struct idle idle;
};

enum session_outcome {
        SESSION_BECAME_ENDING = 1, /* its leader is to be told to go */
        SESSION_BECAME_ENDED,      /* nothing is left to do: the record can go */
        SESSION_WAS_ENDING,        /* already on its way; nothing changed */
};

/* Decides an end while the leader may live (evicted, revoked, expired, denied, …). may_signal: the leader
 * is this session's alone (not shared with another user or a tracked service); without it nothing becomes
 * ending. A counted-class session with terminate = leader (or any denied one) becomes ending, any other
 * ended. One that has ended before keeps its reason and is answered SESSION_BECAME_ENDED. Returns an
 * outcome, never 0. */
int session_end(struct session *session, enum session_end end, bool may_signal);

/* Notes that the login is over (PAM close, death of the leader, reboot, lost): ended; an ending or ended
 * session keeps its own reason. Returns SESSION_BECAME_ENDED. */
int session_finish(struct session *session, enum session_end end);

/* When something is to be done about it if it still lives: its deadline, or a look whether it is idle.
 * USEC_NEVER: nothing. Boot clock. */
usec_t session_due(const struct session *session);

/* Its end by the wall clock as that stands now (that of tokens): USEC_NEVER if there is none. It ends by the
 * boot clock, so when the wall clock was set forward since the login its end there has moved along; else its
 * tokens would be born expired. */
usec_t session_end_wall(const struct session *session, struct moment now);

/* Live, led by a process of this boot (no process outlives its boot, nor does a deadline on the boot clock
 * mean anything in another), and boot_now is before its deadline. */
bool session_is_valid(const struct session *session, const struct boot_id *boot, usec_t boot_now);

bool leader_id_equal(const struct leader_id *a, const struct leader_id *b);

/* Static text; "unknown" for a number that is none of them. */
const char *session_state_name(enum session_state state); /* "live", "ending", "ended" */
const char *session_end_name(enum session_end end);       /* "logout", …; "" for END_NONE */
const char *session_class_name(enum session_class class); /* "counted", … */
const char *terminate_name(enum terminate terminate);     /* "leader", "none", "scope" */
