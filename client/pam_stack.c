/* pam_stack: see pam_stack.h. Lines point into the texts of the files, which are cut up where they lie. */
#include "client/pam_stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/cleanup.h"

#define FILES_MAX 128
#define WORD_END  " \t"

struct file {
        char *name;
        char *text;
};

struct pam_stack {
        struct file files[FILES_MAX];
        size_t n_files;
        struct pam_line lines[PAM_STACK_LINES_MAX];
        size_t n;
};

struct reading {
        struct pam_stack *stack;
        pam_load *load;
        void *userdata;
        char *error;
        unsigned depth;
};

static const char *const type_names[_PAM_TYPE_MAX] = {
        [PAM_TYPE_AUTH] = "auth",
        [PAM_TYPE_ACCOUNT] = "account",
        [PAM_TYPE_SESSION] = "session",
        [PAM_TYPE_PASSWORD] = "password",
};

const char *pam_type_name(enum pam_type type) {
        return type_names[type];
}

void pam_stack_free(struct pam_stack **stack) {
        if (!*stack)
                return;
        for (size_t i = 0; i < (*stack)->n_files; i++) {
                free((*stack)->files[i].name);
                free((*stack)->files[i].text);
        }
        free(TAKE(*stack));
}

/* ---- one line ------------------------------------------------------------------------------------------ */

/* Where the logical line at p ends, made a NUL; a comment ends it, a backslash before the newline does not.
 * The start of the next one in *p, NULL behind the last one. */
static char *cut_line(char **p, unsigned *number) {
        char *line = *p, *end = line;

        for (;;) {
                end += strcspn(end, "#\n");
                if (*end == '\n' && end > line && end[-1] == '\\') {
                        end[-1] = *end = ' ';
                        (*number)++;
                        continue;
                }
                break;
        }
        if (*end == '#') {
                *end++ = '\0';
                end += strcspn(end, "\n");
        }
        *p = *end ? end + 1 : NULL;
        *end = '\0';
        (*number)++;
        return line;
}

/* The next word of the line, or what stands in brackets, in which `\]` is a bracket of its own. NULL behind
 * the last one, and for a bracket that nothing closes. */
static char *cut_word(char **p, bool *ret_bracketed) {
        char *word = *p + strspn(*p, WORD_END), *to, *from;

        *ret_bracketed = *word == '[';
        if (*word == '\0')
                return NULL;
        if (*word != '[') {
                *p = word + strcspn(word, WORD_END);
                if (**p)
                        *(*p)++ = '\0';
                return word;
        }
        for (to = word, from = word + 1; *from && *from != ']'; from++) {
                if (*from == '\\' && from[1] == ']')
                        from++;
                *to++ = *from;
        }
        if (!*from)
                return NULL;
        *to = '\0';
        *p = from + 1;
        return word;
}

static int fail(struct reading *reading, const struct pam_line *line, const char *what) {
        snprintf(reading->error, PAM_STACK_ERROR_MAX, "%s:%u: %s", line->file, line->number, what);
        return -EBADMSG;
}

static bool read_type(const char *word, struct pam_line *line) {
        line->is_silent = *word == '-';
        for (unsigned i = 0; i < _PAM_TYPE_MAX; i++)
                if (strcasecmp(word + line->is_silent, type_names[i]) == 0) {
                        line->type = (enum pam_type) i;
                        return true;
                }
        return false;
}

static bool is_control(const struct pam_line *line) {
        static const char *const words[] = { "required", "requisite", "sufficient", "optional", "include",
                "substack" };

        for (size_t i = 0; !line->is_bracketed && i < sizeof(words) / sizeof(*words); i++)
                if (strcasecmp(line->control, words[i]) == 0)
                        return true;
        return line->is_bracketed;
}

/* 0; 1: the line is empty; 2: it is an @include of line->module. */
enum { LINE_EMPTY = 1, LINE_INCLUDE = 2 };

static int read_line(struct reading *reading, char *text, struct pam_line *line) {
        bool bracketed;
        char *word = cut_word(&text, &bracketed);

        if (!word)
                return LINE_EMPTY;
        if (strcasecmp(word, "@include") == 0) {
                line->module = cut_word(&text, &bracketed);
                return line->module ? LINE_INCLUDE : fail(reading, line, "@include of nothing");
        }
        if (bracketed || !read_type(word, line))
                return fail(reading, line, "begins with no type of line");
        line->control = cut_word(&text, &line->is_bracketed);
        if (!line->control || !is_control(line))
                return fail(reading, line, "has no control that PAM knows");
        line->module = cut_word(&text, &bracketed);
        if (!line->module)
                return fail(reading, line, "names no module");
        while ((word = cut_word(&text, &bracketed)) && line->n_arguments < PAM_ARGUMENTS_MAX)
                line->arguments[line->n_arguments++] = word;
        return 0;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static int read_file(struct reading *reading, const char *name, int only, unsigned level);

static int add_line(struct reading *reading, const struct pam_line *line) {
        struct pam_stack *stack = reading->stack;

        if (stack->n == PAM_STACK_LINES_MAX)
                return fail(reading, line, "has too many lines before it");
        stack->lines[stack->n++] = *line;
        return 0;
}

static int include(struct reading *reading, const struct pam_line *line, int only, unsigned level) {
        char text[PAM_STACK_ERROR_MAX / 2];
        int r;

        if (reading->depth == PAM_STACK_DEPTH_MAX)
                return fail(reading, line, "includes itself, or too deep");
        reading->depth++;
        r = read_file(reading, line->module, only, level);
        reading->depth--;
        if (r == 0 || r == -EBADMSG || r == -ENOMEM)
                return r;
        snprintf(text, sizeof(text), "includes %s: %s", line->module, strerror(-r));
        return fail(reading, line, text);
}

/* Only lines of one type, or with -1 of all. */
static int take_line(struct reading *reading, struct pam_line *line, int only) {
        int r;

        if (only >= 0 && line->type != (enum pam_type) only)
                return 0;
        if (line->is_bracketed ||
                (strcasecmp(line->control, "include") != 0 && strcasecmp(line->control, "substack") != 0))
                return add_line(reading, line);
        if (strcasecmp(line->control, "include") == 0)
                return include(reading, line, (int) line->type, line->level);
        line->begins_stack = true;
        r = add_line(reading, line);
        return r < 0 ? r : include(reading, line, (int) line->type, line->level + 1);
}

static int read_lines(struct reading *reading, const struct file *file, int only, unsigned level) {
        unsigned number = 0;
        char *p = file->text;

        while (p) {
                struct pam_line line = { .file = file->name, .level = level, .number = number + 1 };
                int r = read_line(reading, cut_line(&p, &number), &line);

                if (r == 0)
                        r = take_line(reading, &line, only);
                else if (r == LINE_INCLUDE)
                        r = include(reading, &line, only, level);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_file(struct reading *reading, const char *name, int only, unsigned level) {
        struct pam_stack *stack = reading->stack;
        struct file *file = &stack->files[stack->n_files];
        int r;

        if (stack->n_files == FILES_MAX)
                return -EMFILE;
        r = reading->load(reading->userdata, name, &file->text);
        if (r < 0)
                return r;
        stack->n_files++;
        file->name = strdup(name);
        return file->name ? read_lines(reading, file, only, level) : -ENOMEM;
}

int pam_stack_read(const char *service, pam_load *load, void *userdata, struct pam_stack **ret,
        char error[static PAM_STACK_ERROR_MAX]) {
        _cleanup_(pam_stack_free) struct pam_stack *stack = calloc(1, sizeof(*stack));
        struct reading reading = { .stack = stack, .load = load, .userdata = userdata, .error = error };
        int r;

        if (!stack)
                return -ENOMEM;
        r = read_file(&reading, service, -1, 0);
        if (r < 0)
                return r;
        *ret = TAKE(stack);
        return 0;
}

/* ---- what the lines mean ------------------------------------------------------------------------------- */

const struct pam_line *pam_stack_lines(const struct pam_stack *stack, size_t *ret_n) {
        *ret_n = stack->n;
        return stack->lines;
}

bool pam_line_is(const struct pam_line *line, const char *module) {
        const char *slash = strrchr(line->module, '/'), *name = slash ? slash + 1 : line->module;
        size_t size = strlen(module);

        return !line->begins_stack && strncmp(name, module, size) == 0 &&
               (name[size] == '\0' || strcmp(name + size, ".so") == 0);
}

bool pam_line_has(const struct pam_line *line, const char *argument) {
        for (int i = 0; i < line->n_arguments; i++)
                if (strcmp(line->arguments[i], argument) == 0)
                        return true;
        return false;
}

const struct pam_line *pam_stack_find(
        const struct pam_stack *stack, const struct pam_line *line, enum pam_type type, const char *module) {
        for (line = line ? line : stack->lines; line < stack->lines + stack->n; line++)
                if (line->type == type && pam_line_is(line, module))
                        return line;
        return NULL;
}

/* Whether a jump of so many lines goes over target. It counts a substack with all that is in it as one line,
 * and does not leave the one it is in. */
static bool jumps_over(const struct pam_line *line, int count, const struct pam_line *target) {
        for (const struct pam_line *p = line + 1; p <= target; p++) {
                if (p->type != line->type)
                        continue;
                if (p->level < line->level)
                        return false;
                count -= p->level == line->level;
                if (count < 0)
                        return false;
        }
        return true;
}

bool pam_line_passes(const struct pam_line *line, const struct pam_line *target) {
        int action = pam_line_action(line, "success");

        if (line->type != target->type || line >= target || line->begins_stack)
                return false;
        if (action > 0)
                return jumps_over(line, action, target);
        for (const struct pam_line *p = line; p <= target; p++)
                if (p->type == line->type && p->level < line->level)
                        return false;
        return action == PAM_ACTION_DONE;
}

static int read_action(const char *word, size_t size) {
        static const struct {
                const char *name;
                int action;
        } actions[] = { { "ignore", PAM_ACTION_IGNORE }, { "ok", PAM_ACTION_OK }, { "done", PAM_ACTION_DONE },
                { "bad", PAM_ACTION_BAD }, { "die", PAM_ACTION_DIE }, { "reset", PAM_ACTION_RESET } };

        for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
                if (strlen(actions[i].name) == size && strncasecmp(actions[i].name, word, size) == 0)
                        return actions[i].action;
        return size < 4 && strspn(word, "0123456789") >= size ? atoi(word) : PAM_ACTION_BAD;
}

/* The action of one name in code=action code=action …; false: it is not there. */
static bool find_action(const char *control, const char *name, int *ret) {
        size_t size = strlen(name);

        for (const char *p = control; *p;) {
                const char *value;

                p += strspn(p, WORD_END);
                value = p + size;
                if (strncasecmp(p, name, size) == 0 && *value == '=') {
                        *ret = read_action(value + 1, strcspn(value + 1, WORD_END));
                        return true;
                }
                p += strcspn(p, WORD_END);
        }
        return false;
}

int pam_line_action(const struct pam_line *line, const char *code) {
        static const struct {
                const char *word, *control;
        } words[] = {
                { "required", "success=ok new_authtok_reqd=ok ignore=ignore default=bad" },
                { "requisite", "success=ok new_authtok_reqd=ok ignore=ignore default=die" },
                { "optional", "success=ok new_authtok_reqd=ok default=ignore" },
                { "sufficient", "success=done new_authtok_reqd=done default=ignore" },
        };
        const char *control = line->is_bracketed ? line->control : "";
        int action;

        for (size_t i = 0; !line->is_bracketed && i < sizeof(words) / sizeof(*words); i++)
                if (strcasecmp(line->control, words[i].word) == 0)
                        control = words[i].control;
        if (find_action(control, code, &action) || find_action(control, "default", &action))
                return action;
        return PAM_ACTION_BAD; /* what is not said at all is a failure (pam.conf(5)) */
}
