/* ini: text of sections and `key = value` lines -> its entries, one at a time. Strict: what could be meant
 * in two ways is an error. Pure; knows no file, no section and no key.
 *
 * # a comment, or ; one, on a line of its own [section] key = value
 *
 * White space around section, key and value is dropped; there are no quotes, no escapes, no continuation
 * lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define INI_LINE_MAX  4096
#define INI_VALUE_MAX 4000 /* shorter than a line, so that whatever was read can be written with its key */

struct ini {
        const char *text;
        size_t size;
        size_t at;
        unsigned line;
        bool has_section;
        char buf[INI_LINE_MAX + 1];
};

/* Strings live until the next call. */
struct ini_entry {
        unsigned line;
        const char *section; /* INI_SECTION: what stands between the brackets */
        const char *key;     /* INI_KEY */
        const char *value;   /* INI_KEY; "" if nothing stands behind the = */
};

enum { INI_SECTION = 1, INI_KEY };

/* Borrows the text for as long as entries are read. */
void ini_init(struct ini *ini, const char *text, size_t size);

/* INI_SECTION, INI_KEY, or 0 at the end. -E2BIG (an overlong line or value) or -EINVAL (NUL, control
 * character, invalid UTF-8, no =, no key, a broken section header, a key before any section, a backslash
 * at the end) with the line in ret->line and static text in *ret_problem; the text behind it is then not
 * to be read on. */
int ini_next(struct ini *ini, struct ini_entry *ret, const char **ret_problem);
