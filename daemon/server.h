/* server: the daemon's one loop. Opens everything, runs until it is told to stop, closes everything. */
#pragma once

struct server_options {
        const char *config_file; /* NULL: the usual places */
        const char *state_dir;
        const char *runtime_dir;
};

/* Returns the exit status of the process. */
int server_run(const struct server_options *options);
