/* load_pam FOLDER SERVICE USER: what PAM costs a login: each is a process of its own that starts PAM with the
 * stack in FOLDER, asks account, opens the session, closes it and ends PAM, and times all of that.
 *
 * Each line of standard input has how many logins to make, one after the other; it is answered by a line of
 * JSON. */
#include <security/pam_appl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/load.h"

static int say_nothing(
        int n, const struct pam_message **messages, struct pam_response **ret, void *userdata) {
        return PAM_CONV_ERR;
}

static void check(pam_handle_t *pamh, int r, const char *what) {
        if (r != PAM_SUCCESS)
                errx(1, "%s: %s", what, pam_strerror(pamh, r));
}

static double log_in(const char *folder, const char *service, const char *user) {
        const struct pam_conv conv = { .conv = say_nothing };
        double begun = load_now();
        pam_handle_t *pamh = NULL;

        check(pamh, pam_start_confdir(service, user, &conv, folder, &pamh), "pam_start");
        check(pamh, pam_set_item(pamh, PAM_RHOST, "192.0.2.10"), "rhost");
        check(pamh, pam_set_item(pamh, PAM_TTY, "ssh"), "tty");
        check(pamh, pam_acct_mgmt(pamh, 0), "account");
        check(pamh, pam_open_session(pamh, 0), "open");
        check(pamh, pam_close_session(pamh, 0), "close");
        check(pamh, pam_end(pamh, PAM_SUCCESS), "end");
        return load_now() - begun;
}

static double run_login(char **argv) {
        double seconds = 0;
        int fds[2], status;
        pid_t pid;

        if (pipe(fds) < 0 || (pid = fork()) < 0)
                err(1, "fork");
        if (pid == 0) {
                seconds = log_in(argv[1], argv[2], argv[3]);
                _exit(write(fds[1], &seconds, sizeof(seconds)) == sizeof(seconds) ? 0 : 1);
        }
        close(fds[1]);
        if (read(fds[0], &seconds, sizeof(seconds)) != sizeof(seconds) || waitpid(pid, &status, 0) != pid ||
                status != 0)
                errx(1, "a login failed");
        close(fds[0]);
        return seconds;
}

int main(int argc, char **argv) {
        char line[64];

        if (argc != 4)
                errx(2, "usage: load_pam FOLDER SERVICE USER");
        while (fgets(line, sizeof(line), stdin)) {
                size_t wanted = strtoul(line, NULL, 10);
                struct load_times times;

                load_times_make(&times, wanted);
                while (times.n < wanted)
                        load_times_add(&times, run_login(argv));
                load_times_print(&times);
                fflush(stdout);
        }
        return 0;
}
