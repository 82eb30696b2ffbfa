/* login: see login.h. Which request it is, close, and when an open still counts. */
#include "daemon/login_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/ending.h"
#include "daemon/hook.h"
#include "daemon/process.h"

void login_reply(struct login *login, enum frame_outcome outcome, const char *text) {
        login->reply = (struct frame_reply){ .outcome = outcome };
        snprintf(login->reply.text, sizeof(login->reply.text), "%s", text ? text : "");
}

/* su and sudo get no session, but who may guess a password there could guess it everywhere. */
static bool is_about_a_password(enum frame_phase phase) {
        return phase == FRAME_PREAUTH || phase == FRAME_AUTHFAIL || phase == FRAME_AUTHSUCC;
}

bool login_needs_store(struct login *login, bool leaders_are_full) {
        const struct frame_request *frame = &login->frame;
        enum session_class class = config_class(login->config, frame->service);
        char text[MESSAGE_TEXT_MAX + 1];

        if (frame->phase == FRAME_CLOSE)
                return true;
        if (frame->phase != FRAME_PASSWORD &&
                (class == CLASS_IGNORED || (class == CLASS_NESTED && !is_about_a_password(frame->phase)))) {
                login_reply(login, FRAME_IGNORED, NULL);
                return false;
        }
        if (!config_has_realm(login->config, frame->realm)) {
                snprintf(text, sizeof(text), "sessjwt: realm '%s' is not configured", frame->realm);
                login_reply(login, FRAME_FAILED, text);
                return false;
        }
        if (frame->phase == FRAME_OPEN && login->leader.pid == 0) {
                login_reply(login, FRAME_FAILED, "sessjwt: the process that asks cannot be identified");
                return false;
        }
        if (frame->phase == FRAME_OPEN && leaders_are_full) {
                login_reply(login, FRAME_FAILED, "sessjwt: too many login processes are watched already");
                return false;
        }
        return true;
}

/* ---- close ---- */

static bool is_of_this_login(const struct login *login, const struct session *session) {
        const struct frame_request *frame = &login->frame;
        char sid[SID_TEXT_MAX + 1];

        if (!leader_id_equal(&session->leader, &login->leader))
                return false;
        sid_write(&session->sid, sid);
        if (*frame->session_id)
                return strcmp(sid, frame->session_id) == 0;
        /* Its open was never answered, so the module does not know the id. */
        return strcmp(session->user, frame->user) == 0 && strcmp(session->realm, frame->realm) == 0 &&
               strcmp(session->service, frame->service) == 0;
}

/* Only the leader closes: systemd's (sd-pam) and forked children close for a session that goes on. An
 * ending one is left when its leader is gone, not when it says that it will go. */
static int login_close(struct login *login, struct store_txn *txn) {
        struct store_cursor cursor = { 0 };
        struct session session;
        int r;

        login_reply(login, FRAME_OK, NULL);
        if (login->leader.pid == 0)
                return 0;
        while ((r = store_next_session_of_leader(txn, &login->leader, &cursor, &session)) == 0) {
                if (session.state != SESSION_LIVE || !is_of_this_login(login, &session))
                        continue;
                r = ending_finish(txn, &session, END_LOGOUT, &login->change.effects);
                return r;
        }
        return r < 0 ? r : 0;
}

/* ---- the change ---- */

static bool module_has_hung_up(const struct login *login) {
        struct pollfd p = { .fd = login->fd, .events = POLLIN | POLLRDHUP };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

/* DESIGN section 5: taken up in time, an open counts if somebody waits for it. Taken up late, it counts if
 * the login went on without us: a late open, whose denial is carried out by disconnecting. */
static bool open_still_counts(struct login *login, bool has_hung_up, struct moment now) {
        if (login->pidfd >= 0 && !pidfd_is_alive(login->pidfd))
                return false;
        if (now.boot < login->frame.deadline)
                return !has_hung_up;
        login->answer_is_awaited = false;
        return !(login->frame.flags & FRAME_DENIES_ON_ERROR);
}

int login_run(struct change *change, struct store_txn *txn) {
        struct login *login = (struct login *) change;
        struct moment now;
        bool has_hung_up;

        HOOK("login-taken");
        login->answer_is_awaited = true;
        if (login->frame.phase == FRAME_CLOSE)
                return login_close(login, txn);
        if (login->frame.phase == FRAME_PASSWORD) /* it has happened, whoever still waits */
                return login_password(login, txn);
        if (is_about_a_password(login->frame.phase)) /* it was tried, whoever still waits */
                return login_change_lock(login, txn, clock_now());
        has_hung_up = module_has_hung_up(login);
        now = clock_now(); /* after that look: at its deadline the module hangs up and lets the login go on */
        if (!open_still_counts(login, has_hung_up, now)) {
                login_reply(login, FRAME_FAILED, "sessjwt: too late");
                return 0;
        }
        return login_open(login, txn, now);
}

void login_free(struct login **login) {
        if (!*login)
                return;
        config_unref(&(*login)->config);
        free((*login)->password);
        effects_free(&(*login)->change.effects);
        if (!(*login)->pidfd_is_lent)
                cleanup_close(&(*login)->pidfd);
        cleanup_close(&(*login)->fd);
        free((*login)->packet);
        free((*login)->groups);
        free(*login);
        *login = NULL;
}
