/* sessjwt: the command. One table of verbs, one of options; each verb is a function in a command_*.c. */
#include "client/command.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb verbs[] = {
        { "list", "[--user USER] [--realm REALM] [--all]", "Show my sessions; this is what no verb does, too",
                OPTION_USER | OPTION_REALM | OPTION_ALL, 0, 0, command_list },
        { "show", "SID|self", "Show everything about one session", 0, 1, 1, command_show },
        { "revoke", "SID|self [--reason TEXT]", "End one session", OPTION_REASON, 1, 1, command_revoke },
        { "logout", "", "End the session this runs in", 0, 0, 0, command_logout },
        { "logout-others", "", "End all my sessions but this one", 0, 0, 0, command_logout_others },
        { "logout-all", "[USER | --user USER] [--realm REALM]",
                "End all my sessions, this one included; no token I ever had counts any more",
                OPTION_USER | OPTION_REALM, 0, 1, command_logout_all },
        { "reset", "USER [--realm REALM]", "The same for a user, whether he is signed in or not (admins)",
                OPTION_REALM, 1, 1, command_reset },
        { "purge", "USER [--realm REALM]", "The same, and forget his devices, locks and history (admins)",
                OPTION_REALM, 1, 1, command_purge },
        { "devices", "[--user USER] [--realm REALM] [--all]", "Show the devices that I have logged in from",
                OPTION_USER | OPTION_REALM | OPTION_ALL, 0, 0, command_devices },
        { "device rename", "DEVICE NAME", "Call a device by another name", 0, 2, 2, command_device_rename },
        { "device block", "DEVICE", "End a device's sessions, and refuse its logins from now on", 0, 1, 1,
                command_device_block },
        { "device unblock", "DEVICE", "Let a blocked device log in again", 0, 1, 1, command_device_unblock },
        { "device forget", "DEVICE", "End a device's sessions, and forget that it was ever seen", 0, 1, 1,
                command_device_forget },
        { "token", "[SID] [--audience AUDIENCE | --refresh]",
                "Print a fresh access token; with --refresh the refresh token below it",
                OPTION_AUDIENCE | OPTION_REFRESH, 0, 1, command_token },
        { "refresh", "[FILE|-]",
                "Trade the refresh token in the file or on stdin for a fresh access token and the refresh "
                "token "
                "to go on with",
                0, 0, 1, command_refresh },
        { "verify", "[FILE|-] [--audience AUDIENCE] [--realm REALM] [--role ROLE]...",
                "Is the token in the file or on stdin good now?",
                OPTION_AUDIENCE | OPTION_REALM | OPTION_ROLE, 0, 1, command_verify },
        { "locks", "[--user USER] [--realm REALM]", "Show who is locked, and until when (admins)",
                OPTION_USER | OPTION_REALM, 0, 0, command_locks },
        { "lock", "USER [--for TIME] [--reason TEXT] [--end-sessions] [--realm REALM]",
                "Let a user sign in no more, by whatever method (admins)",
                OPTION_FOR | OPTION_REASON | OPTION_END_SESSIONS | OPTION_REALM, 1, 1, command_lock },
        { "unlock", "USER [--source SOURCE] [--realm REALM]", "End the locks of a user (admins)",
                OPTION_SOURCE | OPTION_REALM, 1, 1, command_unlock },
        { "policy", "USER [--service SERVICE] [--realm REALM]",
                "Explain which policy applies to a user, and what a login of his would meet now (admins)",
                OPTION_SERVICE | OPTION_REALM, 1, 1, command_policy },
        { "history",
                "[--user USER] [--realm REALM] [--all] [--since TIME] [--until TIME] [--kind KIND]... "
                "[--open] "
                "[--limit N]",
                "Show what happened, newest first; with --open only logins that have not ended",
                OPTION_USER | OPTION_REALM | OPTION_ALL | OPTION_SINCE | OPTION_UNTIL | OPTION_KIND |
                        OPTION_OPEN | OPTION_LIMIT,
                0, 0, command_history },
        { "watch", "[--user USER] [--realm REALM] [--all] [--kind KIND]...",
                "Show what happens as it happens, a line an event, until it is interrupted",
                OPTION_USER | OPTION_REALM | OPTION_ALL | OPTION_KIND, 0, 0, command_watch },
        { "keys", "", "Show the signing keys (root)", 0, 0, 0, command_keys },
        { "rotate-key", "[--revoke]", "Sign with the next key; with --revoke no earlier token counts (root)",
                OPTION_REVOKE, 0, 0, command_rotate_key },
        { "backup", "NAME", "Copy the daemon's store into its folder of backups (root)", 0, 1, 1,
                command_backup },
        { "status", "[--statistics]", "Show how the daemon is, and which session this runs in",
                OPTION_STATISTICS, 0, 0, command_status },
        { "doctor", "", "Say what is wrong with this host's sessions, and how to mend it (root sees all)", 0,
                0, 0, command_doctor },
        { "cat-config", "", "Print the configuration files that count, in their order", 0, 0, 0,
                command_cat_config },
        { 0 },
};

/* ---- what goes wrong --------------------------------------------------------------------------------- */

static bool is_unreachable(int r) {
        return r == -ENOENT || r == -ECONNREFUSED || r == -EACCES || r == -ETIMEDOUT || r == -ECONNRESET ||
               r == -EPIPE;
}

int fail_call(const struct command *command, int r) {
        const char *detail = sessjwt_error_detail(command->c);
        char *escaped;

        if (is_unreachable(r)) {
                fprintf(stderr, "sessjwt: sessjwtd does not answer on %s: %s.\n", command->socket,
                        sessjwt_error_text(r));
                fprintf(stderr, "Is it running? Try: systemctl status sessjwtd.socket\n");
                return STATUS_FAILED;
        }
        if (r < 0 || !detail) {
                fprintf(stderr, "sessjwt: %s.\n", sessjwt_error_text(r));
                return STATUS_FAILED;
        }
        escaped = print_escape(detail);
        fprintf(stderr, "sessjwt: %s: %s\n", sessjwt_error_text(r), escaped);
        free(escaped);
        return STATUS_FAILED;
}

static void print_usage(FILE *out, const struct verb *verb) {
        if (verb)
                fprintf(out, "Usage: sessjwt [OPTION...] %s%s%s\n", verb->name, *verb->arguments ? " " : "",
                        verb->arguments);
        else
                fprintf(out, "Usage: sessjwt [OPTION...] [VERB] [ARGUMENT...]; see sessjwt --help\n");
}

int fail_usage(const struct verb *verb, const char *format, ...) {
        va_list arguments;

        fputs("sessjwt: ", stderr);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputs(".\n", stderr);
        print_usage(stderr, verb);
        return STATUS_USAGE;
}

void fail_memory(void) {
        fputs("sessjwt: Out of memory.\n", stderr);
        exit(STATUS_FAILED);
}

/* ---- how it was called ------------------------------------------------------------------------------- */

enum { LONG_SOCKET = 256, LONG_JSON, LONG_NO_LEGEND, LONG_NO_PAGER, LONG_VERSION, LONG_OWN };

/* A verb's own option is LONG_OWN + its bit. */
static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, LONG_VERSION },
        { "socket", required_argument, NULL, LONG_SOCKET },
        { "json", required_argument, NULL, LONG_JSON },
        { "no-legend", no_argument, NULL, LONG_NO_LEGEND },
        { "no-pager", no_argument, NULL, LONG_NO_PAGER },
        { "user", required_argument, NULL, LONG_OWN + OPTION_USER },
        { "realm", required_argument, NULL, LONG_OWN + OPTION_REALM },
        { "all", no_argument, NULL, LONG_OWN + OPTION_ALL },
        { "reason", required_argument, NULL, LONG_OWN + OPTION_REASON },
        { "audience", required_argument, NULL, LONG_OWN + OPTION_AUDIENCE },
        { "revoke", no_argument, NULL, LONG_OWN + OPTION_REVOKE },
        { "refresh", no_argument, NULL, LONG_OWN + OPTION_REFRESH },
        { "role", required_argument, NULL, LONG_OWN + OPTION_ROLE },
        { "statistics", no_argument, NULL, LONG_OWN + OPTION_STATISTICS },
        { "service", required_argument, NULL, LONG_OWN + OPTION_SERVICE },
        { "for", required_argument, NULL, LONG_OWN + OPTION_FOR },
        { "end-sessions", no_argument, NULL, LONG_OWN + OPTION_END_SESSIONS },
        { "source", required_argument, NULL, LONG_OWN + OPTION_SOURCE },
        { "since", required_argument, NULL, LONG_OWN + OPTION_SINCE },
        { "until", required_argument, NULL, LONG_OWN + OPTION_UNTIL },
        { "kind", required_argument, NULL, LONG_OWN + OPTION_KIND },
        { "open", no_argument, NULL, LONG_OWN + OPTION_OPEN },
        { "limit", required_argument, NULL, LONG_OWN + OPTION_LIMIT },
        { 0 },
};

static int print_help(const struct verb *verb) {
        if (verb) {
                print_usage(stdout, verb);
                printf("\n%s.\n", verb->sentence);
                return STATUS_DONE;
        }
        puts("Usage: sessjwt [OPTION...] [VERB] [ARGUMENT...]\n\n"
             "See, prove and end the login sessions of this host.\n\nVerbs:");
        for (const struct verb *v = verbs; v->name; v++)
                printf("  %s%s%s\n        %s\n", v->name, *v->arguments ? " " : "", v->arguments,
                        v->sentence);
        printf("\nSID is a session id, its last %d or more characters, or self: the session this runs in.\n"
               "DEVICE is a device's id, its first or last %d or more characters, or its name.\n\n"
               "Options:\n"
               "  -h, --help            Show this, or the verb's own help\n"
               "      --version         Show the version\n"
               "      --socket PATH     Ask the daemon on another socket\n"
               "      --json MODE       Print the daemon's objects: pretty, short or off\n"
               "  -j                    The same, pretty on a terminal, else short\n"
               "      --no-legend       No headings and no totals\n"
               "      --no-pager        Accepted; there is no pager\n\n"
               "Exit status: 0 done, 1 refused or failed (verify: not a live token), 2 usage.\n",
                SID_SUFFIX_MIN, DEVICE_PART_MIN);
        return STATUS_DONE;
}

static bool set_format(struct command *command, const char *mode) {
        static const char *const modes[] = {
                [FORMAT_TEXT] = "off", [FORMAT_PRETTY] = "pretty", [FORMAT_SHORT] = "short"
        };

        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
                if (strcmp(mode, modes[i]) == 0) {
                        command->format = (enum format) i;
                        return true;
                }
        return false;
}

static void set_role(struct command *command, const char *role) {
        if (command->n_roles < ROLES_MAX)
                command->roles[command->n_roles] = role;
        command->n_roles++;
}

static void set_kind(struct command *command, const char *kind) {
        if (command->n_kinds < KINDS_MAX)
                command->kinds[command->n_kinds] = kind;
        command->n_kinds++;
}

/* Notes one of the verbs' own options; whether the verb takes it is seen when the verb is known. */
static void set_own(struct command *command, unsigned option, const char *value) {
        command->options |= option;
        if (option == OPTION_USER)
                command->user = value;
        else if (option == OPTION_REALM)
                command->realm = value;
        else if (option == OPTION_REASON)
                command->reason = value;
        else if (option == OPTION_AUDIENCE)
                command->audience = value;
        else if (option == OPTION_STATISTICS)
                command->statistics = true;
        else if (option == OPTION_SERVICE)
                command->service = value;
        else if (option == OPTION_ROLE)
                set_role(command, value);
        else if (option == OPTION_FOR)
                command->duration = value;
        else if (option == OPTION_SOURCE)
                command->source = value;
        else if (option == OPTION_END_SESSIONS)
                command->end_sessions = true;
        else if (option == OPTION_SINCE)
                command->since = value;
        else if (option == OPTION_UNTIL)
                command->until = value;
        else if (option == OPTION_LIMIT)
                command->limit = value;
        else if (option == OPTION_KIND)
                set_kind(command, value);
        else if (option == OPTION_OPEN)
                command->open = true;
        else if (option == OPTION_REVOKE)
                command->revoke = true;
        else if (option == OPTION_REFRESH)
                command->refresh = true;
        else
                command->all = true;
}

struct asked {
        bool help, version;
};

static int parse_options(int argc, char **argv, struct command *command, struct asked *asked) {
        int option;

        while ((option = getopt_long(argc, argv, "hj", long_options, NULL)) >= 0)
                switch (option) {
                case 'h':
                        asked->help = true;
                        break;
                case LONG_VERSION:
                        asked->version = true;
                        break;
                case 'j':
                        command->format = isatty(STDOUT_FILENO) ? FORMAT_PRETTY : FORMAT_SHORT;
                        break;
                case LONG_JSON:
                        if (!set_format(command, optarg))
                                return fail_usage(NULL, "--json is pretty, short or off");
                        break;
                case LONG_SOCKET:
                        command->socket = optarg;
                        break;
                case LONG_NO_LEGEND:
                        command->legend = false;
                        break;
                case LONG_NO_PAGER:
                        break;
                case '?':
                        print_usage(stderr, NULL);
                        return STATUS_USAGE;
                default:
                        set_own(command, (unsigned) (option - LONG_OWN), optarg);
                }
        return STATUS_DONE;
}

/* How many of the arguments are this verb; 0: they are another one. */
static int count_words(const struct verb *verb, char *const *arguments, int n) {
        size_t size = strcspn(verb->name, " ");

        if (n < 1 || strlen(arguments[0]) != size || strncmp(verb->name, arguments[0], size) != 0)
                return 0;
        if (!verb->name[size])
                return 1;
        return n > 1 && strcmp(verb->name + size + 1, arguments[1]) == 0 ? 2 : 0;
}

static int find_verb(struct command *command) {
        if (command->n_arguments == 0) {
                command->verb = verbs;
                return STATUS_DONE;
        }
        for (const struct verb *verb = verbs; verb->name; verb++) {
                int n = count_words(verb, command->arguments, command->n_arguments);

                if (n > 0) {
                        command->verb = verb;
                        command->arguments += n;
                        command->n_arguments -= n;
                        return STATUS_DONE;
                }
        }
        if (strcmp(command->arguments[0], "device") == 0)
                return fail_usage(NULL, "What shall become of the device? rename, block, unblock or forget");
        return fail_usage(NULL, "There is no such verb");
}

static int check_arguments(const struct command *command) {
        static const char *const counts[] = { "no argument", "one argument", "two arguments" };
        const struct verb *verb = command->verb;

        assert(verb);
        for (const struct option *option = long_options; option->name; option++)
                if (option->val > LONG_OWN &&
                        command->options & ~verb->options & (unsigned) (option->val - LONG_OWN))
                        return fail_usage(verb, "%s takes no --%s", verb->name, option->name);
        if (command->n_arguments < verb->min_arguments)
                return fail_usage(verb, "%s needs %s", verb->name, counts[verb->min_arguments]);
        if (command->n_arguments > verb->max_arguments)
                return fail_usage(verb, "%s takes %s", verb->name, counts[verb->max_arguments]);
        return STATUS_DONE;
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static int run(struct command *command) {
        int r, status;

        r = sessjwt_connect(command->socket, &command->c);
        if (r < 0)
                return fail_usage(NULL, "--socket: %s", sessjwt_error_text(r));
        status = command->verb->run(command);
        sessjwt_close(&command->c);
        return status;
}

/* What was printed must have arrived: a token that met a full disk is no token. */
static int finish(int status) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        fprintf(stderr, "sessjwt: Cannot write the output: %s\n", strerror(errno));
        return status == STATUS_DONE ? STATUS_FAILED : status;
}

/* Escapes are for a terminal that knows them and a person who does not mind (https://no-color.org). */
static bool wants_color(void) {
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0 &&
               !(no_color && *no_color);
}

int main(int argc, char **argv) {
        struct command command = { .socket = SESSJWT_VARLINK_SOCKET, .legend = true };
        struct asked asked = { 0 };
        int status;

        setlocale(LC_ALL, "");
        command.color = wants_color();
        status = parse_options(argc, argv, &command, &asked);
        if (status != STATUS_DONE)
                return status;
        if (asked.version) {
                puts("sessjwt " SESSJWT_VERSION);
                return finish(STATUS_DONE);
        }
        command.arguments = argv + optind;
        command.n_arguments = argc - optind;
        if (asked.help && command.n_arguments == 0)
                return finish(print_help(NULL));
        status = find_verb(&command);
        if (status != STATUS_DONE)
                return status;
        if (asked.help)
                return finish(print_help(command.verb));
        status = check_arguments(&command);
        if (status != STATUS_DONE)
                return status;
        return finish(run(&command));
}
