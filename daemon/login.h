/* login: what pam_sessjwt asks, as handlers: account and preauth (reads), choose (memory only), open, close,
 * authfail and authsucc (changes). Knows frames and sessions, no socket. DESIGN sections 5 to 8. */
#pragma once

#include "daemon/config.h"
#include "daemon/leader.h"
#include "daemon/limit.h"
#include "daemon/service.h"
#include "daemon/turn.h"
#include "pam/frame.h"

/* One request of the module. Owns packet, groups, pidfd and its reference to the configuration. */
struct login {
        struct change change; /* first: the turn hands this back */
        struct service *service;
        struct config *config;
        uint8_t *packet;
        struct frame_request frame; /* points into packet and groups */
        uint32_t *groups;
        int pidfd;               /* of the process that asks; -1: it did not send one */
        bool pidfd_is_lent;      /* by leaders, as long as is_held */
        bool is_held;            /* leader is watched for this open, whatever becomes of it */
        struct leader_id leader; /* pid 0: not known, or gone already */
        uint32_t audit_session;  /* of an open: its leader's; AUDIT_SESSION_UNSET */
        int fd;                  /* the module's connection: looked at for a hang-up, never written here */
        usec_t received_awake;   /* when its frame was read */
        struct frame_reply reply;
        enum policy_choice choice; /* an open: what its user answered in account */
        uint64_t status_index;     /* of the session that it opens, the same when it is run again */
        bool has_status_index;
        struct password_work *password; /* FRAME_PASSWORD: how far it is; NULL: not begun */
        bool answer_is_awaited;         /* false: the module had given up when this was taken up */
};

/* Whether the frame asks anything of the store: nested and ignored services, unknown realms and a leader
 * that cannot be watched are answered at once (reply is filled, false). */
bool login_needs_store(struct login *login, bool leaders_are_full);

/* Account and preauth change nothing: they are answered by a read. */
bool login_only_reads(const struct login *login);

/* Account: refuses only what no later fact can change, and lets the module ask a user who would pass a limit;
 * preauth: refuses whom a lock does. Fills the reply. 0 or negative errno. */
int login_read(struct login *login, struct store_txn *txn);

/* Choose: keeps what the user answered for the open of the process that will lead his login. Fills the reply.
 * Loop thread. */
void login_choose(struct login *login, usec_t boot);
/* Finds what was answered for this open, which alone may carry it out. Loop thread. */
void login_take_choice(struct login *login, usec_t boot);

enum login_outcome {
        LOGIN_AGAIN = 1, /* more than one turn may do: what was put is kept; to be told, and run again */
};

/* The change of any other frame; run by the turn. 0, LOGIN_AGAIN or negative errno. */
int login_run(struct change *change, struct store_txn *txn);

/* Loop thread, behind each run: what it has picked and not used is given back, how far it came is kept. */
void login_settle(struct login *login);

void login_free(struct login **login);
