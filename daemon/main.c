/* main: the command line of sessjwtd. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cleanup.h"
#include "client/protocol.h"
#include "daemon/config.h"
#include "daemon/restore.h"
#include "daemon/server.h"

static void print_help(void) {
        printf("sessjwtd [OPTION…]\n"
               "\n"
               "Gives every login on this host a session that one can see, prove and end. Stays in the "
               "foreground.\n"
               "\n"
               "  --config FILE       configuration (default: %s and drop-ins)\n"
               "  --state-dir DIR     where the store is (default: %s)\n"
               "  --runtime-dir DIR   where the sockets and public/ are (default: %s)\n"
               "  --check-config      read the configuration, print what would apply, and end\n"
               "  --restore FILE      put a backup in the place of the store, and end\n"
               "  --version           print the version and end\n"
               "  --help              print this and end\n",
                SESSJWT_CONFIG_FILE, SESSJWT_STATE_DIR, SESSJWT_RUNTIME_DIR);
}

static int check_config(const char *file) {
        _cleanup_(config_unref) struct config *config = NULL;
        _cleanup_(cleanup_free) char *text = NULL;
        char error[CONFIG_ERROR_MAX];

        if (config_load(file, &config, error) < 0) {
                fprintf(stderr, "%s\n", error);
                return 1;
        }
        if (config_write(config, &text) < 0)
                return 1;
        fputs(text, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
        enum {
                OPT_CONFIG = 256,
                OPT_STATE_DIR,
                OPT_RUNTIME_DIR,
                OPT_CHECK_CONFIG,
                OPT_RESTORE,
                OPT_VERSION,
                OPT_HELP
        };
        static const struct option long_options[] = { { "config", required_argument, NULL, OPT_CONFIG },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR },
                { "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
                { "restore", required_argument, NULL, OPT_RESTORE },
                { "version", no_argument, NULL, OPT_VERSION }, { "help", no_argument, NULL, OPT_HELP },
                { 0 } };
        struct server_options options = { .state_dir = SESSJWT_STATE_DIR,
                .runtime_dir = SESSJWT_RUNTIME_DIR };
        const char *restore = NULL;
        int option, check = 0;

        while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
                switch (option) {
                case OPT_CONFIG:
                        options.config_file = optarg;
                        break;
                case OPT_STATE_DIR:
                        options.state_dir = optarg;
                        break;
                case OPT_RUNTIME_DIR:
                        options.runtime_dir = optarg;
                        break;
                case OPT_CHECK_CONFIG:
                        check = 1;
                        break;
                case OPT_RESTORE:
                        restore = optarg;
                        break;
                case OPT_VERSION:
                        printf("sessjwtd %s\n", SESSJWT_VERSION);
                        return 0;
                case 'h':
                case OPT_HELP:
                        print_help();
                        return 0;
                default:
                        return 2;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "sessjwtd: unexpected argument '%s'\n", argv[optind]);
                return 2;
        }
        if (restore)
                return restore_run(options.state_dir, restore);
        return check ? check_config(options.config_file) : server_run(&options);
}
