/* login_choose: what became of the question that account let the module ask. See login.h. */
#include "daemon/login_private.h"

#include <errno.h>
#include <string.h>

#include "daemon/choice.h"
#include "daemon/log.h"

/* sshd asks in a child that is gone when its parent opens the session; login(1) does both in one process. */
static int find_leader_to_be(const struct login *login, struct leader_id *ret) {
        if (strcmp(login->frame.tty, SSHD_TTY) == 0)
                return leader_identify_parent(login->pidfd, &login->service->boot, ret);
        *ret = login->leader;
        return login->leader.pid == 0 ? -ESRCH : 0;
}

static struct choice_key key_of(const struct login *login, const struct leader_id *leader) {
        return (struct choice_key){ .leader = *leader,
                .realm = login->frame.realm,
                .user = login->frame.user,
                .service = login->frame.service };
}

static void note(const struct login *login, const char *what) {
        log_line(LOG_NOTICE, "login of %s by %s from %s: the user %s", login->frame.user,
                login->frame.service, *login->frame.rhost ? login->frame.rhost : "here", what);
}

static int keep_choice(struct login *login, enum policy_choice choice, usec_t boot) {
        struct leader_id leader;
        struct choice_key key;
        int r = find_leader_to_be(login, &leader);

        if (r < 0)
                return r;
        key = key_of(login, &leader);
        return choices_put(&login->service->choices, &key, choice, boot);
}

void login_choose(struct login *login, usec_t boot) {
        bool is_oldest = login->frame.choice == FRAME_CHOICE_OLDEST;
        int r;

        if (login->frame.choice == FRAME_CHOICE_GIVE_UP) {
                note(login, "gave up at the limit");
                login_reply(login, FRAME_DENIED, "You gave up; nobody was signed out.");
                return;
        }
        r = keep_choice(login, is_oldest ? CHOICE_OLDEST : CHOICE_OTHERS, boot);
        if (r < 0) {
                log_line(LOG_ERR, "a choice of %s cannot be kept: %s", login->frame.user, strerror(-r));
                login_reply(login, FRAME_FAILED, "sessjwt: the choice cannot be kept");
                return;
        }
        note(login, is_oldest ? "chose to sign out the oldest" : "chose to sign out all others");
        login_reply(login, FRAME_OK, NULL);
}

void login_take_choice(struct login *login, usec_t boot) {
        struct choice_key key = key_of(login, &login->leader);

        login->choice = choices_take(&login->service->choices, &key, boot);
}
