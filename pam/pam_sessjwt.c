/* pam_sessjwt: tells the daemon of each login, and does what it answers. Every entry point takes the same
 * four steps: options, who, ask, remember. The outcome of each is one of the daemon's own (enum
 * frame_outcome): what is not our business is FRAME_IGNORED, trouble is FRAME_FAILED; the last line makes
 * a PAM code of it.
 *
 * This runs inside sshd, login, su and sudo: no environment, statics, threads, children, signals or
 * waiting beyond the budget. Without the daemon logins go on, unless the line says on_error=deny. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "client/cleanup.h"
#include "client/protocol.h"
#include "pam/ask.h"
#include "pam/choice.h"
#include "pam/frame.h"
#include "pam/options.h"
#include "pam/remember.h"
#include "pam/who.h"

/* For whoever looks at the file: which one is installed (sessjwt doctor). */
static const char version[] __attribute__((used)) = "pam_sessjwt version " SESSJWT_VERSION "\n";

#define SESSION_ID_NAME "SESSJWT_SESSION_ID"
#define TOKEN_FILE_NAME "BEARER_TOKEN_FILE" /* WLCG Bearer Token Discovery */
#define BUDGET_MIN_MSEC 10

struct login {
        pam_handle_t *pamh;
        int flags;
        enum frame_phase phase;
        struct options options;
        struct who who;
        struct frame_reply reply;
        unsigned budget_msec; /* what asking may take; afterwards what is left */
        bool unanswered;      /* the request was sent, and it is not known what became of it */
};

static void login_done(struct login *l) {
        who_done(&l->who);
}

#define debug(login, ...)                                                                                    \
        do {                                                                                                 \
                if ((login)->options.debug)                                                                  \
                        pam_syslog((login)->pamh, LOG_DEBUG, __VA_ARGS__);                                   \
        } while (0)

/* A screen locker runs as its user and has nothing to say here. A socket of our own uid that the line
 * names is for trials as an ordinary user: nobody else can have made it. */
static bool may_ask(const struct options *options) {
        return geteuid() == 0 || (options->socket_given && ask_is_own_socket(options->socket));
}

static bool is_auth(const struct login *l) {
        return l->phase == FRAME_PREAUTH || l->phase == FRAME_AUTHFAIL || l->phase == FRAME_AUTHSUCC;
}

/* The words of an auth line mean nothing in another one. */
static int read_options(struct login *l, int argc, const char **argv, const char **ret_bad) {
        int r = options_read(argc, argv, &l->options, ret_bad);

        if (l->options.phase == AUTH_NONE || is_auth(l))
                return r;
        l->options.phase = AUTH_NONE;
        *ret_bad = "preauth, authfail, authsucc";
        return -EINVAL;
}

/* options, who. The user is looked up even if the options are wrong, because some are never refused. */
static enum frame_outcome login_begin(struct login *l, int argc, const char **argv) {
        const char *bad = NULL, *item = NULL;
        int r, options_error = read_options(l, argc, argv, &bad);

        if (!may_ask(&l->options))
                return FRAME_IGNORED;
        if (options_error < 0)
                pam_syslog(l->pamh, LOG_ERR, "unknown, repeated or wrong option: %s", bad);
        r = who_read(l->pamh, l->flags, &l->options, &l->who, &item);
        if (r == WHO_UNKNOWN) {
                debug(l, "no such user: ignored");
                return FRAME_IGNORED;
        }
        if (l->who.lacks_break_glass)
                pam_syslog(l->pamh, LOG_WARNING, "break_glass: no group %s", l->options.break_glass);
        if (r < 0) {
                pam_syslog(l->pamh, LOG_ERR, "cannot learn the user's %s: %s", item, strerror(-r));
                return FRAME_FAILED;
        }
        l->budget_msec = l->options.timeout_msec;
        return options_error < 0 ? FRAME_FAILED : FRAME_OK;
}

/* ask. An open without a session id is no answer. */
static enum frame_outcome login_ask(struct login *l, const char *session_id) {
        struct ask_trouble trouble = { 0 };
        int r;

        l->who.request.phase = l->phase;
        l->who.request.session_id = session_id;
        debug(l, "asking %s: phase %d, user %s, service %s", l->options.socket, l->phase, l->who.request.user,
                l->who.request.service);
        r = ask_daemon(l->options.socket, &l->budget_msec, &l->who.request, &l->reply, &trouble);
        if (r == 0 && l->phase == FRAME_OPEN && l->reply.outcome == FRAME_OK && !l->reply.session_id[0]) {
                trouble = (struct ask_trouble){ .step = "the reply's session id", .error = EBADMSG };
                r = ASK_UNANSWERED;
        }
        if (r != 0)
                pam_syslog(l->pamh, LOG_ERR, "the daemon did not answer: %s: %s", trouble.step,
                        strerror(trouble.error));
        if (r == ASK_UNSUPPORTED)
                return FRAME_UNSUPPORTED;
        l->unanswered = r == ASK_UNANSWERED;
        if (r != 0)
                return FRAME_FAILED;
        debug(l, "answer %d, session %s", l->reply.outcome, l->reply.session_id);
        if (l->reply.outcome == FRAME_FAILED)
                pam_syslog(l->pamh, LOG_ERR, "the daemon failed: %s", l->reply.text);
        return l->reply.outcome;
}

static void show(const struct login *l, int style, const char *text) {
        if (text[0] && !(l->flags & PAM_SILENT) && !l->options.quiet)
                pam_prompt(l->pamh, style, NULL, "%s", text);
}

/* Who always passes has nothing to choose, and who is shown nothing cannot. */
static bool may_be_asked(const struct login *l) {
        bool is_silent = (l->flags & PAM_SILENT) || l->options.quiet;

        return !l->who.passes && !is_silent && choice_has_person(&l->who.request);
}

static void set_variable(const struct login *l, const char *name, const char *value) {
        char variable[sizeof(SESSION_ID_NAME "=") + TOKEN_FILE_MAX];

        snprintf(variable, sizeof(variable), "%s=%s", name, value);
        if (pam_putenv(l->pamh, variable) != PAM_SUCCESS)
                pam_syslog(l->pamh, LOG_ERR, "cannot set %s", name);
}

/* remember. A session that cannot be remembered is open all the same: its end is the leader's. */
static void login_remember(const struct login *l, enum frame_outcome outcome) {
        int r;

        if (outcome != FRAME_OK && !l->unanswered)
                return;
        r = remember_put(l->pamh, l->unanswered ? "" : l->reply.session_id);
        if (r < 0)
                pam_syslog(l->pamh, LOG_ERR, "cannot remember the session: %s", strerror(-r));
        if (outcome != FRAME_OK)
                return;
        set_variable(l, SESSION_ID_NAME, l->reply.session_id);
        if (l->reply.token_file[0])
                set_variable(l, TOKEN_FILE_NAME, l->reply.token_file);
        show(l, PAM_TEXT_INFO, l->reply.text);
}

/* Root passes all but a lock on the address that he comes from (DESIGN section 8). */
static bool always_passes(const struct login *l, enum frame_outcome outcome) {
        if (is_auth(l) && outcome == FRAME_DENIED)
                return l->who.request.flags & FRAME_BREAK_GLASS;
        return l->who.passes;
}

static int login_refuse(const struct login *l, enum frame_outcome outcome, const char *text) {
        if (always_passes(l, outcome)) {
                debug(l, "refused, but this user always passes");
                return PAM_IGNORE;
        }
        show(l, PAM_ERROR_MSG, text);
        if (is_auth(l))
                return PAM_AUTH_ERR;
        return l->phase == FRAME_OPEN ? PAM_SESSION_ERR : PAM_PERM_DENIED;
}

/* Each outcome meets its PAM code here. Only a denial of the daemon tells the user why. */
static int login_answer(const struct login *l, enum frame_outcome outcome) {
        switch (outcome) {
        case FRAME_OK: /* of an auth line no success: it has not looked at a password */
                return is_auth(l) ? PAM_IGNORE : PAM_SUCCESS;
        case FRAME_DENIED:
                return login_refuse(l, outcome, l->reply.text);
        case FRAME_FAILED:
                return l->options.denies_on_error ? login_refuse(l, outcome, "") : PAM_IGNORE;
        case FRAME_IGNORED:
        case FRAME_UNSUPPORTED:
        case FRAME_ASKS: /* to what no user can answer: a fault of the daemon's */
                break;
        }
        return PAM_IGNORE;
}

/* Nothing is held while the user thinks: no connection, no deadline. What he answered is asked anew. A user
 * who gives up is refused whatever the daemon says; one who cannot be asked goes on, and open decides without
 * him. */
static enum frame_outcome login_choose(struct login *l) {
        enum frame_outcome outcome;
        int r;

        r = choice_ask(l->pamh, l->reply.text, &l->who.request.choice);
        if (r == CHOICE_UNANSWERED) {
                debug(l, "the user cannot be asked");
                return FRAME_OK;
        }
        l->budget_msec = l->options.timeout_msec;
        l->phase = FRAME_CHOOSE;
        outcome = login_ask(l, "");
        if (l->who.request.choice != FRAME_CHOICE_GIVE_UP || outcome == FRAME_DENIED)
                return outcome;
        l->reply.text[0] = '\0';
        return FRAME_DENIED;
}

/* Account and open share one budget, and so do the lines of an auth stack, so that a daemon that hangs delays
 * a login by it once. With nothing left a request is still sent: the daemon then knows of the login when it
 * is back. */
static unsigned find_budget(const struct login *l) {
        unsigned left = remember_find_budget(l->pamh, l->options.timeout_msec);

        if (left > l->options.timeout_msec)
                left = l->options.timeout_msec;
        return left < BUDGET_MIN_MSEC ? BUDGET_MIN_MSEC : left;
}

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        _cleanup_(login_done) struct login login = { .pamh = pamh, .flags = flags, .phase = FRAME_ACCOUNT };
        enum frame_outcome outcome;

        outcome = login_begin(&login, argc, argv);
        if (outcome == FRAME_OK) {
                if (may_be_asked(&login))
                        login.who.request.flags |= FRAME_CAN_ASK;
                outcome = login_ask(&login, "");
                if (outcome == FRAME_ASKS && may_be_asked(&login))
                        outcome = login_choose(&login);
                (void) remember_put_budget(pamh, login.budget_msec); /* else open takes its own */
        }
        return login_answer(&login, outcome);
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        _cleanup_(login_done) struct login login = { .pamh = pamh, .flags = flags, .phase = FRAME_OPEN };
        enum frame_outcome outcome;

        outcome = login_begin(&login, argc, argv);
        if (outcome == FRAME_OK) {
                login.budget_msec = find_budget(&login);
                outcome = login_ask(&login, "");
        }
        login_remember(&login, outcome);
        return login_answer(&login, outcome);
}

/* libpam logs the removal of what is not there. A token file that is not this session's is the user's own. */
static void unset_variables(pam_handle_t *pamh, const char *session_id) {
        const char *path = pam_getenv(pamh, TOKEN_FILE_NAME);

        if (pam_getenv(pamh, SESSION_ID_NAME))
                (void) pam_putenv(pamh, SESSION_ID_NAME);
        if (path && session_id[0] && strstr(path, session_id))
                (void) pam_putenv(pamh, TOKEN_FILE_NAME);
}

/* Whatever the daemon says, a close is done: the leader's death ends what could not be closed here. Without
 * anything remembered (another process opened it, or it was refused) there is nothing to ask. */
int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        _cleanup_(login_done) struct login login = { .pamh = pamh, .flags = flags, .phase = FRAME_CLOSE };
        char session_id[SID_TEXT_MAX + 1];
        const char *bad;

        (void) options_read(argc, argv, &login.options, &bad);
        if (!may_ask(&login.options))
                return PAM_IGNORE;
        if (remember_take(pamh, session_id) == REMEMBER_NOTHING)
                return PAM_SUCCESS;
        unset_variables(pamh, session_id);
        if (login_begin(&login, argc, argv) == FRAME_OK)
                (void) login_ask(&login, session_id);
        return PAM_SUCCESS;
}

/* sshd's "none" method, where empty passwords are permitted, is an attempt with an empty one: nothing was
 * guessed. */
static bool is_empty_attempt(pam_handle_t *pamh) {
        const void *password = NULL;
        int r = pam_get_item(pamh, PAM_AUTHTOK, &password);

        return r == PAM_SUCCESS && password && *(const char *) password == '\0';
}

/* The lines preauth, authfail, authsucc. Each attempt begins with a preauth, and so with a whole budget. */
int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        static const enum frame_phase phases[] = { [AUTH_BEFORE] = FRAME_PREAUTH,
                [AUTH_FAILED] = FRAME_AUTHFAIL,
                [AUTH_SUCCEEDED] = FRAME_AUTHSUCC };
        _cleanup_(login_done) struct login login = { .pamh = pamh, .flags = flags };
        enum frame_outcome outcome;
        struct options options;
        const char *bad;

        (void) options_read(argc, argv, &options, &bad);
        if (options.phase == AUTH_NONE || (options.phase == AUTH_FAILED && is_empty_attempt(pamh)))
                return PAM_IGNORE;
        login.phase = phases[options.phase];
        outcome = login_begin(&login, argc, argv);
        if (outcome == FRAME_OK) {
                if (options.phase != AUTH_BEFORE)
                        login.budget_msec = find_budget(&login);
                outcome = login_ask(&login, "");
                (void) remember_put_budget(pamh, login.budget_msec);
        }
        return login_answer(&login, outcome);
}

/* Called two or three times a login, also in children: nothing is made here. */
int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        return PAM_IGNORE;
}

/* libpam takes the path of the first pass in the second one too, so this is called as well when the module
 * before it could not change anything. PAM_AUTHTOK tells the two apart: whoever changes a password leaves
 * the new one there, and takes one away that was mistyped or too weak. */
static bool password_is_new(pam_handle_t *pamh, int flags) {
        const void *password = NULL;

        if (!(flags & PAM_UPDATE_AUTHTOK) || pam_get_item(pamh, PAM_AUTHTOK, &password) != PAM_SUCCESS)
                return false;
        return password != NULL;
}

/* What has happened is told and never refused, and no answer of ours takes part in what the stack makes of
 * the others': a PAM_SUCCESS here could hide that there was none. */
int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        _cleanup_(login_done) struct login login = { .pamh = pamh, .flags = flags, .phase = FRAME_PASSWORD };

        if (!password_is_new(pamh, flags) || login_begin(&login, argc, argv) != FRAME_OK)
                return PAM_IGNORE;
        if (getuid() == login.who.request.uid)
                login.who.request.flags |= FRAME_BY_USER;
        (void) login_ask(&login, "");
        return PAM_IGNORE;
}
