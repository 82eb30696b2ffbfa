/* ini: see ini.h. */
#include "daemon/ini.h"

#include <errno.h>
#include <string.h>

#include "client/utf8.h"

void ini_init(struct ini *ini, const char *text, size_t size) {
        ini->text = text;
        ini->size = size;
        ini->at = 0;
        ini->line = 0;
        ini->has_section = false;
}

/* What is wrong with the bytes of a line; NULL if nothing is. */
static const char *find_bad_byte(const char *line, size_t size) {
        const char *end = line + size;

        for (size_t length; line < end; line += length) {
                length = utf8_length(line, end);
                if (length == 0)
                        return "the line is not valid UTF-8";
                if (*line == '\0')
                        return "the line has a NUL byte";
                if (*line == '\r')
                        return "the line has a carriage return; a line feed alone ends a line";
                if (*line != '\t' && utf8_has_control(line, length))
                        return "the line has a control character";
        }
        return NULL;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* Cuts white space off both ends of text[0..size), in place. */
static char *trim(char *text, size_t size) {
        while (size > 0 && is_blank(*text)) {
                text++;
                size--;
        }
        while (size > 0 && is_blank(text[size - 1]))
                size--;
        text[size] = '\0';
        return text;
}

/* Copies the next line into buf. Outcome as of ini_next, but 1 for a line. */
static int next_line(struct ini *ini, const char **ret_problem) {
        const char *line = ini->text + ini->at, *end;
        size_t size;

        if (ini->at >= ini->size)
                return 0;
        end = memchr(line, '\n', ini->size - ini->at);
        size = end ? (size_t) (end - line) : ini->size - ini->at;
        ini->at += size + (end != NULL);
        ini->line++;
        if (size > INI_LINE_MAX) {
                *ret_problem = "the line is longer than 4096 bytes";
                return -E2BIG;
        }
        *ret_problem = find_bad_byte(line, size);
        if (*ret_problem)
                return -EINVAL;
        memcpy(ini->buf, line, size);
        ini->buf[size] = '\0';
        return 1;
}

static int read_section(struct ini *ini, char *line, struct ini_entry *ret, const char **ret_problem) {
        size_t length = strlen(line);

        if (line[length - 1] != ']' || strcspn(line + 1, "[]") != length - 2) {
                *ret_problem = "a section's line is [NAME] and nothing more";
                return -EINVAL;
        }
        ini->has_section = true;
        ret->section = trim(line + 1, length - 2);
        return INI_SECTION;
}

static int read_key(struct ini *ini, char *line, struct ini_entry *ret, const char **ret_problem) {
        char *equals = strchr(line, '=');
        size_t length;

        *ret_problem = NULL;
        if (!equals)
                *ret_problem = "the line has no =; a setting is KEY = VALUE, a comment starts with #";
        else if (equals == line)
                *ret_problem = "no key stands before the =";
        else if (!ini->has_section)
                *ret_problem = "a key stands before any [section]";
        if (*ret_problem)
                return -EINVAL;

        ret->value = trim(equals + 1, strlen(equals + 1));
        ret->key = trim(line, (size_t) (equals - line));
        length = strlen(ret->value);
        if (length > INI_VALUE_MAX) {
                *ret_problem = "the value is longer than 4000 bytes";
                return -E2BIG;
        }
        if (length > 0 && ret->value[length - 1] == '\\') {
                *ret_problem = "the value ends in a backslash; there are no continuation lines";
                return -EINVAL;
        }
        return INI_KEY;
}

int ini_next(struct ini *ini, struct ini_entry *ret, const char **ret_problem) {
        char *line;
        int r;

        for (;;) {
                r = next_line(ini, ret_problem);
                *ret = (struct ini_entry){ .line = ini->line };
                if (r <= 0)
                        return r;
                line = trim(ini->buf, strlen(ini->buf));
                if (*line == '[')
                        return read_section(ini, line, ret, ret_problem);
                if (*line != '\0' && *line != '#' && *line != ';')
                        return read_key(ini, line, ret, ret_problem);
        }
}
