/* log: one event, one line, one place: the journal with SESSJWT_* fields when there is one, standard error
 * otherwise. Control characters are escaped. Only upper rooms log. */
#pragma once

#include <stddef.h>
#include <syslog.h>

/* A line for people. */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A field of an event: SESSJWT_SID=…; a NULL or "" value is left out. */
struct log_field {
        const char *name; /* upper case without the prefix: "SID" */
        const char *value;
};

/* What kind of event it is. message_id: 32 hex digits, by which journalctl -x finds its explanation; NULL: it
 * has none. */
struct log_kind {
        int priority;
        const char *name; /* "login", as SESSJWT_EVENT */
        const char *message_id;
};

/* An event: its kind, its fields, and the line for people. */
void log_event(
        const struct log_kind *kind, const char *line, const struct log_field *fields, size_t n_fields);
