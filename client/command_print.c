/* command_print: what came from the daemon, made fit for eyes. */
#include "client/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "client/cleanup.h"

#define MEMBER_TOKENS_MAX 256 /* a session has about 50 */
#define ESCAPE_SIZE       4   /* \xNN */

/* Characters that are printed as nothing and yet change how their neighbours look. */
static bool is_mark(wchar_t c) {
        return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
               c == 0xfeff;
}

char *print_escape(const char *text) {
        char *escaped = malloc(strlen(text) * ESCAPE_SIZE + 1), *p = escaped;
        mbstate_t state = { 0 };

        if (!escaped)
                fail_memory();
        while (*text) {
                wchar_t c;
                size_t n = mbrtowc(&c, text, strlen(text), &state);

                if (n != (size_t) -1 && n != (size_t) -2 && wcwidth(c) >= 0 && !is_mark(c)) {
                        p = mempcpy(p, text, n);
                        text += n;
                        continue;
                }
                if (n == (size_t) -1 || n == (size_t) -2) {
                        state = (mbstate_t){ 0 };
                        n = 1;
                }
                for (; n > 0; n--, p += ESCAPE_SIZE)
                        snprintf(p, ESCAPE_SIZE + 1, "\\x%02x", (unsigned char) *text++);
        }
        *p = 0;
        return escaped;
}

void print_seconds(int64_t seconds, char ret[static TIME_TEXT_MAX]) {
        time_t t = (time_t) seconds;
        struct tm local;

        if (!localtime_r(&t, &local) || strftime(ret, TIME_TEXT_MAX, "%Y-%m-%d %H:%M", &local) == 0)
                snprintf(ret, TIME_TEXT_MAX, "%lld", (long long) seconds);
}

void print_time(const char *rfc3339, char ret[static TIME_TEXT_MAX]) {
        struct tm utc = { 0 };
        const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &utc);

        if (rest && *rest == '.')
                rest += 1 + strspn(rest + 1, "0123456789");
        if (rest && strcmp(rest, "Z") == 0)
                print_seconds(timegm(&utc), ret);
        else
                snprintf(ret, TIME_TEXT_MAX, "%s", rfc3339);
}

void print_span(int64_t seconds, char ret[static TIME_TEXT_MAX]) {
        static const struct {
                int64_t size;
                char name;
        } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
        size_t i = 0;
        int n;

        while (i < 3 && seconds < units[i].size)
                i++;
        n = snprintf(ret, TIME_TEXT_MAX, "%lld%c", (long long) (seconds / units[i].size), units[i].name);
        if (i < 3 && seconds % units[i].size / units[i + 1].size)
                snprintf(ret + n, TIME_TEXT_MAX - (size_t) n, " %lld%c",
                        (long long) (seconds % units[i].size / units[i + 1].size), units[i + 1].name);
}

const char *print_short_id(const char *session_id) {
        size_t size = strlen(session_id);

        return size > SID_SUFFIX_MIN ? session_id + size - SID_SUFFIX_MIN : session_id;
}

static void new_line(size_t depth) {
        putchar('\n');
        for (size_t i = 0; i < depth; i++)
                fputs("  ", stdout);
}

/* Prints the string that begins at p; returns where it ends. */
static const char *print_quoted(const char *p) {
        putchar(*p++);
        for (; *p && *p != '"'; p++) {
                putchar(*p);
                if (*p == '\\' && p[1])
                        putchar(*++p);
        }
        if (*p)
                putchar(*p++);
        return p;
}

/* Indents valid JSON without reading it anew: only strings, brackets, commas and colons matter. */
static void print_pretty(const char *p) {
        size_t depth = 0;
        bool empty = false; /* nothing since the bracket that was opened */

        for (; *p; p += *p != 0) {
                p += strspn(p, " \t\r\n");
                if (empty && *p != '}' && *p != ']')
                        new_line(depth);
                if ((*p == '}' || *p == ']') && depth-- && !empty)
                        new_line(depth);
                empty = *p == '{' || *p == '[';
                depth += empty;
                if (*p == '"')
                        p = print_quoted(p) - 1;
                else if (*p)
                        putchar(*p);
                if (*p == ',')
                        new_line(depth);
                else if (*p == ':')
                        putchar(' ');
        }
}

void print_json(const struct command *command, const char *text) {
        if (command->format == FORMAT_PRETTY)
                print_pretty(text);
        else
                fputs(text, stdout);
        putchar('\n');
}

/* Strings decoded, or as they are written if they cannot be; the other values as people say them. */
static void put_value(FILE *out, const struct json *json, uint32_t token) {
        const struct json_token *t = &json->tokens[token];
        size_t size = t->end - t->start;
        _cleanup_(cleanup_free) char *decoded = NULL;

        switch (t->type) {
        case JSON_STRING:
                decoded = malloc(size + 1);
                if (!decoded)
                        fail_memory();
                if (json_read_string(json, token, decoded, size + 1) >= 0)
                        fputs(decoded, out);
                else
                        fwrite(json->text + t->start, 1, size, out);
                return;
        case JSON_BOOL:
                fputs(t->integer ? "yes" : "no", out);
                return;
        case JSON_ARRAY:
                for (uint32_t i = 0, e = token + 1; i < t->count; i++, e = json->tokens[e].next) {
                        fputs(i ? ", " : "", out);
                        put_value(out, json, e);
                }
                return;
        default:
                fwrite(json->text + t->start, 1, size, out);
        }
}

char *print_value(const struct json *json, uint32_t token) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size;
        FILE *out;

        if (token == 0 || json->tokens[token].type == JSON_NULL)
                return NULL;
        out = open_memstream(&text, &size);
        if (!out)
                fail_memory();
        put_value(out, json, token);
        if (fclose(out) != 0 || !text)
                fail_memory();
        return print_escape(text);
}

char *print_member(const char *object, const char *name) {
        struct json_token tokens[MEMBER_TOKENS_MAX];
        struct json json;

        if (json_read(object, strlen(object), tokens, MEMBER_TOKENS_MAX, &json) < 0)
                return NULL;
        return print_value(&json, json_find(&json, 0, name));
}
