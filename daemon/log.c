/* log: see log.h. */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define LOG_LINE_MAX   2048
#define LOG_FIELDS_MAX 20

/* Standard error is the journal when JOURNAL_STREAM names its device and inode (systemd.exec(5)). */
static bool log_is_journal(void) {
        static int known = -1;
        const char *stream;
        unsigned long long device, inode;
        struct stat st;

        if (known >= 0)
                return known;
        stream = getenv("JOURNAL_STREAM");
        known = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
        return known;
}

/* Bytes that could end a line or drive a terminal become \xNN. */
static void log_escape(const char *text, char *ret, size_t size) {
        size_t length = 0;

        for (const unsigned char *p = (const unsigned char *) text; *p && length + 5 < size; p++) {
                if (*p < 0x20 || *p == 0x7f)
                        length += (size_t) snprintf(ret + length, size - length, "\\x%02x", *p);
                else
                        ret[length++] = (char) *p;
        }
        ret[length] = '\0';
}

void log_line(int priority, const char *format, ...) {
        char line[LOG_LINE_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        log_event(&(struct log_kind){ .priority = priority }, line, NULL, 0);
}

/* The line alone, its NUL replaced by its end, in one write: nobody reads half of one. */
static void write_line(char *message) {
        size_t length = strlen(message);

        message[length++] = '\n';
        (void) !write(STDERR_FILENO, message, length);
}

void log_event(
        const struct log_kind *kind, const char *line, const struct log_field *fields, size_t n_fields) {
        char text[LOG_FIELDS_MAX + 4][LOG_LINE_MAX], message[LOG_LINE_MAX - sizeof("MESSAGE=")];
        struct iovec iov[LOG_FIELDS_MAX + 4];
        int n = 0;

        log_escape(line, message, sizeof(message));
        if (!log_is_journal()) {
                if (kind->priority < LOG_DEBUG)
                        write_line(message);
                return;
        }
        snprintf(text[n++], LOG_LINE_MAX, "PRIORITY=%d", kind->priority);
        snprintf(text[n++], LOG_LINE_MAX, "MESSAGE=%s", message);
        if (kind->message_id)
                snprintf(text[n++], LOG_LINE_MAX, "MESSAGE_ID=%s", kind->message_id);
        if (kind->name)
                snprintf(text[n++], LOG_LINE_MAX, "SESSJWT_EVENT=%s", kind->name);
        for (size_t i = 0; i < n_fields && i < LOG_FIELDS_MAX; i++) {
                char value[LOG_LINE_MAX - 64];

                if (!fields[i].value || !*fields[i].value)
                        continue;
                log_escape(fields[i].value, value, sizeof(value));
                snprintf(text[n++], LOG_LINE_MAX, "SESSJWT_%.40s=%s", fields[i].name, value);
        }
        for (int i = 0; i < n; i++)
                iov[i] = (struct iovec){ .iov_base = text[i], .iov_len = strlen(text[i]) };
        (void) sd_journal_sendv(iov, n);
}
