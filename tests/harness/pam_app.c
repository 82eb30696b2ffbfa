/* pam_app CONFDIR: a PAM application that does what it is told, one line a step, and answers each with one
 * line:
 *
 * start HANDLE SERVICE USER           item HANDLE RHOST|TTY|RUSER|USER VALUE      putenv HANDLE NAME=VALUE
 * account|open|close HANDLE [silent]  getenv HANDLE NAME                          end HANDLE [data-silent]
 * authenticate|password HANDLE        fork-open|fork-close HANDLE                 fork-close-as HANDLE UID
 * run HANDLE UID COMMAND              spoil HANDLE HOW [VALUE]                    threads HANDLE N USER
 * type HANDLE TEXT                    pid                                         quit
 *
 * rc=<number> <PAM constant, or the value>[ text=<messages of the conversation joined by |>]
 *
 * getenv answers with the value as text (PAM_BAD_ITEM if there is none), pid with the number in the
 * constant's place, run with the command's status and its output as text. Values run to the end of the
 * line; in them and in texts \n is a newline and \\ a backslash. Prompts are refused, or answered with what
 * `type` said last. `spoil` puts the program into a state that nobody would wish for (spoil.h); `threads`
 * has each of N threads log in and out on a handle of its own, with the service and from the host of this
 * one, and answers how many had no session. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <security/pam_appl.h>

#include "tests/harness/spoil.h"

#define HANDLES_MAX 1024
#define TEXT_MAX    8192
#define THREADS_MAX 64
#define BAD_COMMAND (-1)

static struct {
        pam_handle_t *pamh;
        int last; /* what the last call returned, for pam_end */
} handles[HANDLES_MAX];

/* What the conversation was told since the last answer, and what it says when it is asked. */
static char heard[TEXT_MAX], typed[256];

static const char *const names[] = {
        [PAM_SUCCESS] = "PAM_SUCCESS",
        [PAM_OPEN_ERR] = "PAM_OPEN_ERR",
        [PAM_SYMBOL_ERR] = "PAM_SYMBOL_ERR",
        [PAM_SERVICE_ERR] = "PAM_SERVICE_ERR",
        [PAM_SYSTEM_ERR] = "PAM_SYSTEM_ERR",
        [PAM_BUF_ERR] = "PAM_BUF_ERR",
        [PAM_PERM_DENIED] = "PAM_PERM_DENIED",
        [PAM_AUTH_ERR] = "PAM_AUTH_ERR",
        [PAM_CRED_INSUFFICIENT] = "PAM_CRED_INSUFFICIENT",
        [PAM_AUTHINFO_UNAVAIL] = "PAM_AUTHINFO_UNAVAIL",
        [PAM_USER_UNKNOWN] = "PAM_USER_UNKNOWN",
        [PAM_MAXTRIES] = "PAM_MAXTRIES",
        [PAM_NEW_AUTHTOK_REQD] = "PAM_NEW_AUTHTOK_REQD",
        [PAM_ACCT_EXPIRED] = "PAM_ACCT_EXPIRED",
        [PAM_SESSION_ERR] = "PAM_SESSION_ERR",
        [PAM_CRED_UNAVAIL] = "PAM_CRED_UNAVAIL",
        [PAM_CRED_EXPIRED] = "PAM_CRED_EXPIRED",
        [PAM_CRED_ERR] = "PAM_CRED_ERR",
        [PAM_NO_MODULE_DATA] = "PAM_NO_MODULE_DATA",
        [PAM_CONV_ERR] = "PAM_CONV_ERR",
        [PAM_AUTHTOK_ERR] = "PAM_AUTHTOK_ERR",
        [PAM_ABORT] = "PAM_ABORT",
        [PAM_AUTHTOK_EXPIRED] = "PAM_AUTHTOK_EXPIRED",
        [PAM_MODULE_UNKNOWN] = "PAM_MODULE_UNKNOWN",
        [PAM_BAD_ITEM] = "PAM_BAD_ITEM",
        [PAM_CONV_AGAIN] = "PAM_CONV_AGAIN",
        [PAM_INCOMPLETE] = "PAM_INCOMPLETE",
        [PAM_IGNORE] = "PAM_IGNORE",
};

static const char *name_of(int rc) {
        return rc >= 0 && rc < (int) (sizeof(names) / sizeof(names[0])) && names[rc] ? names[rc] : "UNKNOWN";
}

static void answer(int rc, const char *name, const char *text) {
        printf("rc=%d %s", rc, name);
        if (text[0])
                fputs(" text=", stdout);
        for (; *text; text++)
                if (*text == '\n' || *text == '\\')
                        printf("\\%c", *text == '\n' ? 'n' : '\\');
                else
                        putchar(*text);
        putchar('\n');
        fflush(stdout);
}

static void answer_heard(int rc) {
        answer(rc, rc == BAD_COMMAND ? "BAD_COMMAND" : name_of(rc), heard);
        heard[0] = '\0';
}

static void hear(const char *text) {
        size_t used = strlen(heard);

        snprintf(heard + used, sizeof(heard) - used, "%s%s", used ? "|" : "", text);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        struct pam_response *responses = calloc((size_t) n, sizeof(*responses));

        if (!responses)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++)
                if (messages[i]->msg_style == PAM_ERROR_MSG || messages[i]->msg_style == PAM_TEXT_INFO)
                        hear(messages[i]->msg);
                else if (n == 1 && typed[0])
                        responses[i].resp = strdup(typed);
                else {
                        free(responses);
                        return PAM_CONV_ERR;
                }
        *ret = responses;
        return PAM_SUCCESS;
}

/* In threads: nothing is heard, nothing is said. */
static int converse_not(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        *ret = calloc((size_t) n, sizeof(**ret));
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

/* Cuts the first word off; "" when there is none. */
static char *take_word(char **line) {
        char *word = strsep(line, " ");

        return word ? word : (char *) "";
}

static char *take_value(char *line) {
        char *to = line;

        if (!line)
                return (char *) "";
        for (char *from = line; *from; from++)
                if (from[0] == '\\' && (from[1] == 'n' || from[1] == '\\'))
                        *to++ = *++from == 'n' ? '\n' : '\\';
                else
                        *to++ = *from;
        *to = '\0';
        return line;
}

static int read_item_type(const char *name) {
        if (strcmp(name, "RHOST") == 0)
                return PAM_RHOST;
        if (strcmp(name, "TTY") == 0)
                return PAM_TTY;
        if (strcmp(name, "RUSER") == 0)
                return PAM_RUSER;
        return strcmp(name, "USER") == 0 ? PAM_USER : BAD_COMMAND;
}

/* ---- commands: each is given its handle and the rest of the line, and returns what PAM did ------------ */

static const char *confdir;

static int on_start(size_t handle, char *rest) {
        static const struct pam_conv conversation = { .conv = converse };
        const char *service = take_word(&rest), *user = take_value(rest);

        if (handles[handle].pamh)
                return BAD_COMMAND;
        return pam_start_confdir(
                service, user[0] ? user : NULL, &conversation, confdir, &handles[handle].pamh);
}

static int on_item(size_t handle, char *rest) {
        int type = read_item_type(take_word(&rest));

        return type == BAD_COMMAND ? type : pam_set_item(handles[handle].pamh, type, take_value(rest));
}

static int on_putenv(size_t handle, char *rest) {
        return pam_putenv(handles[handle].pamh, take_value(rest));
}

static int on_getenv(size_t handle, char *rest) {
        const char *value = pam_getenv(handles[handle].pamh, take_word(&rest));

        hear(value ? value : "");
        return value ? PAM_SUCCESS : PAM_BAD_ITEM;
}

static int flags_of(char *rest) {
        return strcmp(take_word(&rest), "silent") == 0 ? PAM_SILENT : 0;
}

static int on_account(size_t handle, char *rest) {
        return pam_acct_mgmt(handles[handle].pamh, flags_of(rest));
}

static int on_open(size_t handle, char *rest) {
        return pam_open_session(handles[handle].pamh, flags_of(rest));
}

static int on_close(size_t handle, char *rest) {
        return pam_close_session(handles[handle].pamh, flags_of(rest));
}

static int on_authenticate(size_t handle, char *rest) {
        return pam_authenticate(handles[handle].pamh, flags_of(rest));
}

static int on_password(size_t handle, char *rest) {
        return pam_chauthtok(handles[handle].pamh, flags_of(rest));
}

static int on_type(size_t handle, char *rest) {
        snprintf(typed, sizeof(typed), "%s", take_value(rest));
        return PAM_SUCCESS;
}

/* One call in a child, as this uid; what the child heard is not passed on. */
static int fork_and(int (*call)(pam_handle_t *pamh, int flags), size_t handle, uid_t uid) {
        pid_t child = fork();
        int status;

        if (child == 0) {
                if (uid != 0 && (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0))
                        _exit(PAM_ABORT);
                _exit(call(handles[handle].pamh, 0));
        }
        if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
                return PAM_ABORT;
        return WEXITSTATUS(status);
}

static int on_fork_open(size_t handle, char *rest) {
        return fork_and(pam_open_session, handle, 0);
}

static int on_fork_close(size_t handle, char *rest) {
        return fork_and(pam_close_session, handle, 0);
}

/* As systemd's (sd-pam) does it. */
static int on_fork_close_as(size_t handle, char *rest) {
        return fork_and(pam_close_session, handle, (uid_t) strtoul(take_word(&rest), NULL, 10));
}

static void become_command(uid_t uid, const char *command, const int output[2]) {
        int null = open("/dev/null", O_RDONLY);

        if (null < 0 || dup2(null, 0) < 0 || dup2(output[1], 1) < 0 || dup2(output[1], 2) < 0)
                _exit(126);
        close(output[0]);
        close(output[1]);
        if (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
                _exit(126);
        execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        _exit(127);
}

/* As a login program starts the user's shell: a child, which is so in the sessions that this process
 * leads. */
static int on_run(size_t handle, char *rest) {
        uid_t uid = (uid_t) strtoul(take_word(&rest), NULL, 10);
        const char *command = take_value(rest);
        int output[2], status;
        size_t used = 0;
        ssize_t n;
        pid_t child;

        if (pipe2(output, O_CLOEXEC) < 0)
                return PAM_ABORT;
        child = fork();
        if (child == 0)
                become_command(uid, command, output);
        close(output[1]);
        while ((n = read(output[0], heard + used, sizeof(heard) - 1 - used)) > 0)
                used += (size_t) n;
        heard[used] = '\0';
        close(output[0]);
        if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
                return PAM_ABORT;
        return WEXITSTATUS(status);
}

static int on_spoil(size_t handle, char *rest) {
        const char *how = take_word(&rest);

        return spoil(how, take_value(rest)) < 0 ? BAD_COMMAND : PAM_SUCCESS;
}

struct visitor {
        pthread_t thread;
        const char *service, *user, *rhost;
        bool had_session;
};

static void *visit(void *userdata) {
        static const struct pam_conv conversation = { .conv = converse_not };
        struct visitor *visitor = userdata;
        pam_handle_t *pamh;

        if (pam_start_confdir(visitor->service, visitor->user, &conversation, confdir, &pamh) != PAM_SUCCESS)
                return NULL;
        visitor->had_session =
                pam_set_item(pamh, PAM_RHOST, visitor->rhost) == PAM_SUCCESS &&
                pam_acct_mgmt(pamh, 0) == PAM_SUCCESS && pam_open_session(pamh, 0) == PAM_SUCCESS &&
                pam_getenv(pamh, "SESSJWT_SESSION_ID") && pam_close_session(pamh, 0) == PAM_SUCCESS;
        pam_end(pamh, PAM_SUCCESS);
        return NULL;
}

static int on_threads(size_t handle, char *rest) {
        struct visitor visitors[THREADS_MAX] = { 0 };
        unsigned long n = strtoul(take_word(&rest), NULL, 10);
        const void *service = NULL, *rhost = NULL;
        const char *user = take_value(rest);
        int without = 0;

        (void) pam_get_item(handles[handle].pamh, PAM_SERVICE, &service);
        (void) pam_get_item(handles[handle].pamh, PAM_RHOST, &rhost);
        if (n > THREADS_MAX)
                return BAD_COMMAND;
        for (size_t i = 0; i < n; i++) {
                visitors[i] = (struct visitor){ .service = service, .user = user, .rhost = rhost };
                if (pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]) != 0)
                        abort();
        }
        for (size_t i = 0; i < n; i++) {
                (void) pthread_join(visitors[i].thread, NULL);
                without += !visitors[i].had_session;
        }
        return without;
}

static int on_end(size_t handle, char *rest) {
        int flag = strcmp(take_word(&rest), "data-silent") == 0 ? PAM_DATA_SILENT : 0;

        return pam_end(handles[handle].pamh, handles[handle].last | flag);
}

static const struct command {
        const char *name;
        int (*run)(size_t handle, char *rest);
} commands[] = {
        { "start", on_start },
        { "item", on_item },
        { "putenv", on_putenv },
        { "getenv", on_getenv },
        { "account", on_account },
        { "open", on_open },
        { "close", on_close },
        { "authenticate", on_authenticate },
        { "password", on_password },
        { "type", on_type },
        { "fork-open", on_fork_open },
        { "fork-close", on_fork_close },
        { "fork-close-as", on_fork_close_as },
        { "spoil", on_spoil },
        { "threads", on_threads },
        { "run", on_run },
        { "end", on_end },
};

static int run(const char *name, char *rest) {
        char *number = take_word(&rest), *end;
        unsigned long handle = strtoul(number, &end, 10);
        int rc = BAD_COMMAND;

        if (number[0] == '\0' || *end != '\0' || handle >= HANDLES_MAX)
                return BAD_COMMAND;
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                if (strcmp(name, commands[i].name) == 0) {
                        if (!handles[handle].pamh && commands[i].run != on_start)
                                return BAD_COMMAND;
                        rc = commands[i].run(handle, rest);
                        if (commands[i].run != on_run && commands[i].run != on_threads)
                                handles[handle].last = rc == BAD_COMMAND ? PAM_SUCCESS : rc;
                        if (commands[i].run == on_end)
                                handles[handle].pamh = NULL;
                }
        return rc;
}

int main(int argc, char **argv) {
        char *line = NULL;
        size_t room = 0;
        ssize_t length;

        if (argc != 2) {
                fprintf(stderr, "usage: pam_app CONFDIR\n");
                return 2;
        }
        confdir = argv[1];
        while ((length = getline(&line, &room, stdin)) > 0) {
                char *rest = line, number[16];
                const char *name;

                if (line[length - 1] == '\n')
                        line[length - 1] = '\0';
                name = take_word(&rest);
                if (strcmp(name, "quit") == 0)
                        break;
                if (strcmp(name, "pid") == 0) {
                        snprintf(number, sizeof(number), "%d", (int) getpid());
                        answer(0, number, "");
                } else
                        answer_heard(run(name, rest));
        }
        free(line);
        return 0;
}
