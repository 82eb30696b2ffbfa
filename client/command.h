/* command: what the verbs of sessjwt(1) share: how they were called, and how they print. Everything that
 * comes from the daemon is escaped before it meets a terminal, but for --json, where JSON has done so.
 * Memory that cannot be had ends the command with status 1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/json.h"
#include "client/protocol.h"
#include "client/sessjwt.h"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

#define KINDS_MAX 16 /* as many as a call may have */

enum format { FORMAT_TEXT, FORMAT_PRETTY, FORMAT_SHORT };

/* The options that a verb may take besides the global ones; bits of verb.options. */
enum {
        OPTION_USER = 1,
        OPTION_REALM = 2,
        OPTION_ALL = 4,
        OPTION_REASON = 8,
        OPTION_AUDIENCE = 16,
        OPTION_REVOKE = 32,
        OPTION_REFRESH = 64,
        OPTION_ROLE = 128,
        OPTION_SERVICE = 256,
        OPTION_STATISTICS = 512,
        OPTION_FOR = 1 << 16,
        OPTION_END_SESSIONS = 1 << 17,
        OPTION_SOURCE = 1 << 18,
        OPTION_SINCE = 1024,
        OPTION_UNTIL = 2048,
        OPTION_KIND = 4096,
        OPTION_OPEN = 8192,
        OPTION_LIMIT = 16384
};

struct command;

struct verb {
        const char *name;      /* one word, or two: "device block" */
        const char *arguments; /* as --help shows them, options of its own included */
        const char *sentence;
        unsigned options;
        int min_arguments, max_arguments;
        int (*run)(struct command *command); /* returns the exit status */
};

struct command {
        const struct verb *verb;
        struct sessjwt *c;
        const char *socket;
        enum format format;
        bool legend, color;
        const char *user, *realm, *reason, *audience, *service;
        const char *roles[ROLES_MAX];
        size_t n_roles; /* given; those beyond ROLES_MAX are not kept */
        const char *duration, *source;
        bool all, revoke, refresh, statistics, end_sessions;
        const char *since, *until, *limit;
        const char *kinds[KINDS_MAX];
        size_t n_kinds; /* given; those beyond KINDS_MAX are not kept */
        bool open;
        unsigned options; /* which of the verb's own were given */
        char **arguments;
        int n_arguments;
};

int command_list(struct command *command);
int command_show(struct command *command);
int command_revoke(struct command *command);
int command_logout(struct command *command);
int command_logout_others(struct command *command);
int command_logout_all(struct command *command);
int command_reset(struct command *command);
int command_purge(struct command *command);
int command_devices(struct command *command);
int command_device_rename(struct command *command);
int command_device_block(struct command *command);
int command_device_unblock(struct command *command);
int command_device_forget(struct command *command);
int command_token(struct command *command);
int command_refresh(struct command *command);
int command_verify(struct command *command);
int command_locks(struct command *command);
int command_lock(struct command *command);
int command_unlock(struct command *command);
int command_policy(struct command *command);
int command_history(struct command *command);
int command_watch(struct command *command);
int command_keys(struct command *command);
int command_rotate_key(struct command *command);
int command_status(struct command *command);
int command_doctor(struct command *command);
int command_cat_config(struct command *command);
int command_backup(struct command *command);

/* Says on stderr what a call of the library returned. Returns STATUS_FAILED. */
int fail_call(const struct command *command, int r);

/* Says what is wrong with the arguments, and how the verb is used. Returns STATUS_USAGE. */
int fail_usage(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

_Noreturn void fail_memory(void);

/* ---- command_print: text for people ------------------------------------------------------------------ */

#define TIME_TEXT_MAX 40

/* The text with everything that a terminal may not be given as \xNN: control characters, what the locale
 * cannot print, and the marks that turn the direction of writing around. The caller frees it. */
char *print_escape(const char *text);

/* Local time to the minute. A text that is no RFC 3339 time in UTC stays as it is, cut to fit. */
void print_time(const char *rfc3339, char ret[static TIME_TEXT_MAX]);
/* The two largest units: 3d 2h, 2h 5m, 12s. */
void print_span(int64_t seconds, char ret[static TIME_TEXT_MAX]);
void print_seconds(int64_t seconds, char ret[static TIME_TEXT_MAX]);

/* The end of a session id, which tables show and verbs accept. Points into it. */
const char *print_short_id(const char *session_id);

/* JSON text to stdout in the command's format, and a newline. */
void print_json(const struct command *command, const char *text);

/* The value of a member of a JSON object: strings decoded, arrays with commas, booleans yes and no, all
 * escaped. NULL when absent or null. The caller frees it. */
char *print_member(const char *object, const char *name);
char *print_value(const struct json *json, uint32_t token);

/* ---- command_table: columns, by libsmartcols --------------------------------------------------------- */

/* The keys of the reply at hand. */
void table_keys(const struct command *command);

/* The locks of the reply at hand. */
void table_locks(const struct command *command);

void table_events(const struct command *command, char *const *events, size_t n, FILE *out);
void table_sessions(const struct command *command, char *const *sessions, size_t n, FILE *out);
void table_devices(const struct command *command, char *const *devices, size_t n, FILE *out);

/* A line for each member that is neither null nor empty, of a JSON object or of the object that its member
 * `inner` is (or NULL): name, value. skip: a name to leave out, or NULL. */
void table_members(const struct command *command, const char *object, const char *inner, const char *skip);

/* ---- command_object: lists of what the daemon answered ------------------------------------------------ */

struct objects {
        char **items; /* JSON texts */
        size_t n;
};

void objects_add(struct objects *objects, const char *text);
void objects_done(struct objects *objects);
/* Those that match move to the front. Returns how many they are. */
size_t objects_select(
        struct objects *objects, bool (*matches)(const char *object, const char *text), const char *text);
/* {"name":[…]} to stdout in the command's format, the objects unchanged. */
void print_objects(const struct command *command, const char *name, const struct objects *objects);

/* ---- command_session: which sessions there are ------------------------------------------------------- */

/* 0, or what the library returned. */
int sessions_load(
        struct command *command, const char *user, const char *realm, bool all, struct objects *ret);

/* The JSON text of the session that the command runs in, lent by the list; NULL if there is none. */
const char *sessions_current(const struct objects *sessions);

/* The full id of the one session that the argument (`self`, an id, or the end of one) means. STATUS_DONE,
 * or the exit status after what is wrong was said. */
int find_session(struct command *command, const char *argument, char ret_session_id[static SID_TEXT_MAX + 1]);
