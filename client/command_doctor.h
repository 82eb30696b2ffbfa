/* command_doctor: what the checks of `sessjwt doctor` share. Each looks at one thing, and tells what it finds
 * wrong with how to mend it; none changes anything. */
#pragma once

#include "client/command.h"

#define DOCTOR_FINDINGS_MAX 256
#define DOCTOR_SERVICES_MAX 128
#define DOCTOR_OUTPUT_MAX   65536
#define DOCTOR_PATH_MAX     512

/* A note is worth knowing and may be meant; what is wrong makes the exit status 1. */
enum grade { GRADE_NOTE, GRADE_WRONG };

struct finding {
        const char *check;
        enum grade grade;
        char *text, *mend; /* sentences without their full stops */
};

struct doctor {
        struct command *command;
        const char *check; /* the one that looks */
        struct finding findings[DOCTOR_FINDINGS_MAX];
        size_t n;

        bool has_daemon;  /* it answers */
        bool has_details; /* and we are an administrator to it */
        bool is_root;
        bool asks, ends_by_scope, token_files; /* what its policies want */
        int64_t store_fill;
        char *state_dir, *config_file, *config_read_at; /* NULL: not told */
        char **config_files;
        size_t n_config_files;

        char runtime_dir[DOCTOR_PATH_MAX];   /* where its sockets are */
        char *services[DOCTOR_SERVICES_MAX]; /* whose stacks have our session line */
        size_t n_services;
};

/* One more finding, unless the same was found already. mend is copied. */
void doctor_find(struct doctor *doctor, enum grade grade, const char *mend, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

char *doctor_copy(const char *text); /* of a string; NULL of NULL */
bool doctor_has_service(const struct doctor *doctor, const char *service);

/* Runs a program of the system's own without our environment. What it wrote (both streams, cut) in ret, its
 * exit status returned; negative errno: it could not be run. */
int doctor_run(const char *const *argv, char *ret, size_t size);

/* The first line of a text, for a sentence: cuts it there. */
char *doctor_first_line(char *text);

void check_daemon(struct doctor *doctor);
void check_configuration(struct doctor *doctor);
void check_keys(struct doctor *doctor);
void check_store(struct doctor *doctor);

void check_sockets(struct doctor *doctor);
void check_page(struct doctor *doctor);
void check_public(struct doctor *doctor);
void check_sshd(struct doctor *doctor);

void check_pam(struct doctor *doctor);
/* Of one line that names the module: its file. */
void check_module(struct doctor *doctor, const char *module, const char *place);

void check_logins(struct doctor *doctor);
