/* command_table: the only door to libsmartcols. Cells come escaped, so the library's own encoding is off. */
#include "client/command.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

#define MEMBERS_TOKENS_MAX 1024

static void unref_table(struct libscols_table **table) {
        scols_unref_table(*table);
}

static struct libscols_table *new_table(const struct command *command, FILE *out, bool headings) {
        struct libscols_table *table = scols_new_table();

        if (!table)
                fail_memory();
        scols_table_enable_noencoding(table, 1);
        scols_table_enable_noheadings(table, !headings);
        scols_table_enable_colors(table, command->color);
        scols_table_set_stream(table, out);
        return table;
}

static void add_column(struct libscols_table *table, const char *name, int flags) {
        if (!scols_table_new_column(table, name, 0, flags))
                fail_memory();
}

static struct libscols_line *add_line(struct libscols_table *table) {
        struct libscols_line *line = scols_table_new_line(table, NULL);

        if (!line)
                fail_memory();
        return line;
}

static void set_cell(struct libscols_line *line, size_t column, const char *text) {
        if (scols_line_set_data(line, column, text) < 0)
                fail_memory();
}

enum kind { KIND_TEXT, KIND_TIME, KIND_ID, KIND_CURRENT };

struct column {
        const char *heading;
        const char *member;
        enum kind kind;
        int flags;
};

/* What fits into 80 columns; `show` has the rest. */
static const struct column session_columns[] = {
        { "", "current", KIND_CURRENT, 0 },
        { "SESSION", "sessionId", KIND_ID, 0 },
        { "USER", "user", KIND_TEXT, 0 },
        { "SERVICE", "service", KIND_TEXT, 0 },
        { "DEVICE", "deviceName", KIND_TEXT, SCOLS_FL_TRUNC },
        { "FROM", "ip", KIND_TEXT, 0 },
        { "SINCE", "createdAt", KIND_TIME, 0 },
        { "STATE", "state", KIND_TEXT, 0 },
};

static const struct column device_columns[] = {
        { "", "current", KIND_CURRENT, 0 },
        { "DEVICE", "deviceId", KIND_ID, 0 },
        { "USER", "user", KIND_TEXT, 0 },
        { "NAME", "name", KIND_TEXT, SCOLS_FL_TRUNC },
        { "FROM", "ip", KIND_TEXT, 0 },
        { "LAST SEEN", "lastSeen", KIND_TIME, 0 },
        { "LIVE", "sessions", KIND_TEXT, SCOLS_FL_RIGHT },
        { "STATE", "state", KIND_TEXT, 0 },
};

static const struct column event_columns[] = {
        { "TIME", "time", KIND_TIME, 0 },
        { "EVENT", "kind", KIND_TEXT, 0 },
        { "COUNT", "count", KIND_TEXT, SCOLS_FL_RIGHT },
        { "USER", "user", KIND_TEXT, 0 },
        { "SESSION", "sessionId", KIND_ID, 0 },
        { "SERVICE", "service", KIND_TEXT, 0 },
        { "DEVICE", "deviceName", KIND_TEXT, SCOLS_FL_TRUNC },
        { "FROM", "ip", KIND_TEXT, 0 },
        { "BY", "initiator", KIND_TEXT, 0 },
        { "NOTE", "note", KIND_TEXT, SCOLS_FL_TRUNC },
};

static void set_object_cell(
        struct libscols_line *line, size_t number, const struct column *column, const char *object) {
        _cleanup_(cleanup_free) char *value = print_member(object, column->member);
        char time[TIME_TEXT_MAX];

        switch (column->kind) {
        case KIND_CURRENT:
                set_cell(line, number, value && strcmp(value, "yes") == 0 ? "*" : "");
                if (value && strcmp(value, "yes") == 0)
                        scols_line_set_color(line, "bold");
                return;
        case KIND_ID:
                set_cell(line, number, value ? print_short_id(value) : "-");
                return;
        case KIND_TIME:
                if (value)
                        print_time(value, time);
                set_cell(line, number, value ? time : "-");
                return;
        case KIND_TEXT:
                set_cell(line, number, value && *value ? value : "-");
        }
}

/* A line for each JSON object. */
static void table_objects(const struct command *command, const struct column *columns, size_t n_columns,
        char *const *objects, size_t n, FILE *out) {
        _cleanup_(unref_table) struct libscols_table *table = new_table(command, out, command->legend);

        for (size_t i = 0; i < n_columns; i++)
                add_column(table, columns[i].heading, columns[i].flags);
        for (size_t i = 0; i < n; i++) {
                struct libscols_line *line = add_line(table);

                for (size_t k = 0; k < n_columns; k++)
                        set_object_cell(line, k, &columns[k], objects[i]);
        }
        scols_print_table(table);
}

void table_sessions(const struct command *command, char *const *sessions, size_t n, FILE *out) {
        table_objects(
                command, session_columns, sizeof session_columns / sizeof *session_columns, sessions, n, out);
}

void table_devices(const struct command *command, char *const *devices, size_t n, FILE *out) {
        table_objects(
                command, device_columns, sizeof device_columns / sizeof *device_columns, devices, n, out);
}

void table_events(const struct command *command, char *const *events, size_t n, FILE *out) {
        table_objects(command, event_columns, sizeof event_columns / sizeof *event_columns, events, n, out);
}

static const struct {
        const char *heading;
        const char *member;
        bool is_time;
} key_columns[] = {
        { "KEY", "kid", false },
        { "STATE", "state", false },
        { "CREATED", "createdAt", true },
        { "SINCE", "since", true },
        { "UNTIL", "until", true },
};

#define N_KEY_COLUMNS (sizeof key_columns / sizeof *key_columns)

static void set_time_or_text(struct libscols_line *line, size_t column, const char *value, bool is_time) {
        _cleanup_(cleanup_free) char *escaped = value ? print_escape(value) : NULL;
        char time[TIME_TEXT_MAX];

        if (escaped && is_time)
                print_time(escaped, time);
        set_cell(line, column, !escaped ? "-" : is_time ? time : escaped);
}

void table_keys(const struct command *command) {
        _cleanup_(unref_table) struct libscols_table *table = new_table(command, stdout, command->legend);
        size_t n = sessjwt_reply_count(command->c, "keys");

        for (size_t i = 0; i < N_KEY_COLUMNS; i++)
                add_column(table, key_columns[i].heading, 0);
        for (size_t i = 0; i < n; i++) {
                struct libscols_line *line = add_line(table);

                for (size_t k = 0; k < N_KEY_COLUMNS; k++) {
                        char path[64];

                        snprintf(path, sizeof path, "keys.%zu.%s", i, key_columns[k].member);
                        set_time_or_text(
                                line, k, sessjwt_reply_string(command->c, path), key_columns[k].is_time);
                }
        }
        scols_print_table(table);
}

static const struct {
        const char *heading;
        const char *member;
        bool is_time;
} lock_columns[] = {
        { "USER", "user", false },
        { "KIND", "kind", false },
        { "SOURCE", "source", false },
        { "SINCE", "since", true },
        { "UNTIL", "until", true },
        { "REASON", "reason", false },
};

void table_locks(const struct command *command) {
        _cleanup_(unref_table) struct libscols_table *table = new_table(command, stdout, command->legend);
        size_t n = sessjwt_reply_count(command->c, "locks");

        for (size_t k = 0; k < sizeof lock_columns / sizeof *lock_columns; k++)
                add_column(table, lock_columns[k].heading, 0);
        for (size_t i = 0; i < n; i++) {
                struct libscols_line *line = add_line(table);

                for (size_t k = 0; k < sizeof lock_columns / sizeof *lock_columns; k++) {
                        char path[64];

                        snprintf(path, sizeof path, "locks.%zu.%s", i, lock_columns[k].member);
                        set_time_or_text(
                                line, k, sessjwt_reply_string(command->c, path), lock_columns[k].is_time);
                }
        }
        scols_print_table(table);
}

/* The members that are times: RFC 3339 texts, and the NumericDates of RFC 7519 2. */
static bool is_time(const char *name) {
        return strcmp(name, "createdAt") == 0 || strcmp(name, "lastSeen") == 0 ||
               strcmp(name, "expiresAt") == 0;
}

static bool is_numeric_date(const char *name) {
        return strcmp(name, "iat") == 0 || strcmp(name, "exp") == 0 || strcmp(name, "auth_time") == 0 ||
               strcmp(name, "reset") == 0;
}

static void add_member(struct libscols_table *table, const struct json *json, uint32_t key) {
        _cleanup_(cleanup_free) char *name = print_value(json, key);
        _cleanup_(cleanup_free) char *value = print_value(json, key + 1);
        struct libscols_line *line;
        char time[TIME_TEXT_MAX];

        if (!value || !*value)
                return;
        line = add_line(table);
        set_cell(line, 0, name);
        if (is_time(name))
                print_time(value, time);
        else if (is_numeric_date(name))
                print_seconds(strtoll(value, NULL, 10), time);
        set_cell(line, 1, is_time(name) || is_numeric_date(name) ? time : value);
}

void table_members(const struct command *command, const char *object, const char *inner, const char *skip) {
        _cleanup_(unref_table) struct libscols_table *table = new_table(command, stdout, false);
        struct json_token tokens[MEMBERS_TOKENS_MAX];
        struct json json;
        uint32_t root, key;

        if (json_read(object, strlen(object), tokens, MEMBERS_TOKENS_MAX, &json) < 0)
                return;
        root = inner ? json_find(&json, 0, inner) : 0;
        if (tokens[root].type != JSON_OBJECT || (inner && root == 0))
                return;
        add_column(table, "NAME", SCOLS_FL_RIGHT);
        add_column(table, "VALUE", 0);
        key = root + 1;
        for (uint32_t i = 0; i < tokens[root].count; i++, key = tokens[key + 1].next)
                if (!skip || !json_is(&json, key, skip))
                        add_member(table, &json, key);
        scols_print_table(table);
}
