/* pam_stack: what libpam makes of a service's file: its lines in the order in which they run, with all
 * that they include. Follows Linux-PAM's reading of them (pam.conf(5), pam_handlers.c) and Debian's @include.
 * Pure: whoever calls gives the texts. Knows no module but by its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PAM_STACK_LINES_MAX 512
#define PAM_STACK_DEPTH_MAX 16
#define PAM_STACK_FILE_MAX  65536
#define PAM_ARGUMENTS_MAX   32

enum pam_type { PAM_TYPE_AUTH, PAM_TYPE_ACCOUNT, PAM_TYPE_SESSION, PAM_TYPE_PASSWORD, _PAM_TYPE_MAX };

/* What a line does with what its module returned; greater than 0: so many lines behind it are left out. */
enum pam_action {
        PAM_ACTION_IGNORE = 0,
        PAM_ACTION_OK = -1,
        PAM_ACTION_DONE = -2,
        PAM_ACTION_BAD = -3,
        PAM_ACTION_DIE = -4,
        PAM_ACTION_RESET = -5
};

struct pam_line {
        enum pam_type type;
        unsigned level;    /* how many substacks it is in */
        bool begins_stack; /* it is no module: the lines of the next level belong to it */
        bool is_silent;    /* `-`: a module that is not there is no word in the log */
        bool is_bracketed; /* control is what stood in the brackets, else one word */
        const char *control;
        const char *module; /* a name or a path; of one that begins a stack, the file's */
        const char *arguments[PAM_ARGUMENTS_MAX];
        int n_arguments;
        const char *file; /* as it was asked for */
        unsigned number;
};

/* Gives the text of a file, malloced, NUL-terminated; relative names are services. 0 or negative errno. */
typedef int pam_load(void *userdata, const char *file, char **ret);

struct pam_stack;

#define PAM_STACK_ERROR_MAX 256

/* Reads the stack of one service. 0; negative errno of the loader for the service's own file; -ENOMEM;
 * -EBADMSG: a line, or a file that is included, that libpam could not follow either, with FILE:LINE and why
 * in error. */
int pam_stack_read(const char *service, pam_load *load, void *userdata, struct pam_stack **ret,
        char error[static PAM_STACK_ERROR_MAX]);
/* NULL inside is fine. */
void pam_stack_free(struct pam_stack **stack);

/* All lines, lent until it is freed. */
const struct pam_line *pam_stack_lines(const struct pam_stack *stack, size_t *ret_n);
/* The first line of that type and module from `line` on (NULL: from the first one). NULL: none. */
const struct pam_line *pam_stack_find(
        const struct pam_stack *stack, const struct pam_line *line, enum pam_type type, const char *module);

/* pam_x, /lib/security/pam_x.so and pam_x.so are one module. */
bool pam_line_is(const struct pam_line *line, const char *module);
bool pam_line_has(const struct pam_line *line, const char *argument);
/* Whether PAM goes past `target`, of the same stack, when the module of `line` before it succeeds. */
bool pam_line_passes(const struct pam_line *line, const struct pam_line *target);
/* What it does when its module returns `code`, as pam.conf(5) names it; a code that it does not know falls
 * under `default`, and so does "module_unknown", which libpam returns for a module that it cannot load. */
int pam_line_action(const struct pam_line *line, const char *code);
const char *pam_type_name(enum pam_type type);
