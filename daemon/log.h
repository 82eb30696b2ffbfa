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

/* The event's name ("session-opened") as SESSJWT_EVENT, its fields, and the line. */
void log_event(
        int priority, const char *event, const char *line, const struct log_field *fields, size_t n_fields);
