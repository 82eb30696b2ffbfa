/* command_history: the verbs that show what happened and what happens. */
#include "client/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cleanup.h"

#define SHOWN_DEFAULT 1000
#define TIME_UTC_MAX  32

/* ---- which ------------------------------------------------------------------------------------------- */

static bool write_utc(time_t seconds, char ret[static TIME_UTC_MAX]) {
        struct tm tm;

        return gmtime_r(&seconds, &tm) && strftime(ret, TIME_UTC_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

/* 15m, 2h, 7d: so long ago. */
static bool read_ago(const char *text, time_t now, time_t *ret) {
        static const struct {
                char unit;
                time_t seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        char *end;
        long n = strtol(text, &end, 10);

        if (end == text || *text < '0' || *text > '9' || n > 1000000 || !*end || end[1])
                return false;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (units[i].unit == *end) {
                        *ret = now - n * units[i].seconds;
                        return true;
                }
        return false;
}

/* A local day or time, today, yesterday. */
static bool read_local(const char *text, time_t now, time_t *ret) {
        static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S" };
        struct tm tm;

        if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
                localtime_r(&now, &tm);
                tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
                tm.tm_mday -= *text == 'y';
                tm.tm_isdst = -1;
                *ret = mktime(&tm);
                return true;
        }
        for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
                const char *end;

                tm = (struct tm){ .tm_isdst = -1 };
                end = strptime(text, formats[i], &tm);
                if (end && !*end) {
                        *ret = mktime(&tm);
                        return true;
                }
        }
        return false;
}

/* Times of the interface go through as they are; whether one is right is for the daemon to say. */
static int read_time(const struct command *command, const char *option, const char *text,
        char buf[static TIME_UTC_MAX], const char **ret) {
        time_t now = time(NULL), at;

        if (!text || strchr(text, 'T')) {
                *ret = text;
                return STATUS_DONE;
        }
        if ((!read_ago(text, now, &at) && !read_local(text, now, &at)) || !write_utc(at, buf))
                return fail_usage(command->verb,
                        "%s is a time like 2026-11-22, '2026-11-22 15:20', yesterday, today or 2h (ago)",
                        option);
        *ret = buf;
        return STATUS_DONE;
}

static int read_limit(const struct command *command, unsigned int *ret) {
        char *end;
        unsigned long n;

        *ret = SHOWN_DEFAULT;
        if (!command->limit)
                return STATUS_DONE;
        errno = 0;
        n = strtoul(command->limit, &end, 10);
        if (errno || *end || *command->limit < '0' || *command->limit > '9' || n > 100000000)
                return fail_usage(command->verb, "--limit is a number up to 100000000, 0 for no limit");
        *ret = (unsigned int) n;
        return STATUS_DONE;
}

/* What a call has in common for both verbs. */
static int read_filter(const struct command *command, struct sessjwt_event_filter *ret) {
        if (command->n_kinds > KINDS_MAX)
                return fail_usage(command->verb, "--kind can be given %d times at most", KINDS_MAX);
        *ret = (struct sessjwt_event_filter){ .user = command->user,
                .realm = command->realm,
                .all = command->all,
                .kinds = command->kinds,
                .n_kinds = command->n_kinds };
        return STATUS_DONE;
}

/* ---- history ----------------------------------------------------------------------------------------- */

struct texts {
        char **items;
        size_t n;
};

static void texts_done(struct texts *texts) {
        for (size_t i = 0; i < texts->n; i++)
                free(texts->items[i]);
        free(texts->items);
}

static void texts_add(struct texts *texts, const char *text) {
        if ((texts->n & (texts->n + 1)) == 0) /* full at 0, 1, 3, 7, … */
                texts->items = reallocarray(texts->items, texts->n * 2 + 1, sizeof *texts->items);
        if (!texts->items)
                fail_memory();
        texts->items[texts->n] = strdup(text);
        if (!texts->items[texts->n++])
                fail_memory();
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Whether the session's end was seen: it is newer than its login, so it came first. The set is sorted when it
 * is asked. */
static bool has_ended(struct texts *ended, size_t *n_sorted, const char *session_id) {
        if (*n_sorted != ended->n)
                qsort(ended->items, ended->n, sizeof *ended->items, compare_texts);
        *n_sorted = ended->n;
        return ended->n > 0 &&
               bsearch(&session_id, ended->items, ended->n, sizeof *ended->items, compare_texts);
}

struct open_logins {
        struct texts ended;
        size_t n_sorted;
};

static bool is_open_login(struct open_logins *open, const char *event) {
        _cleanup_(cleanup_free) char *kind = print_member(event, "kind");
        _cleanup_(cleanup_free) char *end = print_member(event, "endReason");
        _cleanup_(cleanup_free) char *session_id = print_member(event, "sessionId");

        if (!kind || !session_id)
                return false;
        if (strcmp(kind, "login") == 0)
                return !has_ended(&open->ended, &open->n_sorted, session_id);
        if (end && *end)
                texts_add(&open->ended, session_id);
        return false;
}

static int load_events(struct command *command, const struct sessjwt_event_filter *filter, unsigned int limit,
        struct texts *ret) {
        struct open_logins open = { 0 };
        const char *event = NULL;
        int r;

        r = sessjwt_list_history(command->c, filter);
        while (r == 0 && (limit == 0 || ret->n < limit)) {
                r = sessjwt_next_event(command->c, &event);
                if (r == 0 && !event)
                        break;
                if (r == 0 && (!command->open || is_open_login(&open, event)))
                        texts_add(ret, event);
        }
        texts_done(&open.ended);
        return r;
}

/* {"events":[…]}, the objects unchanged. */
static void print_events_json(const struct command *command, const struct texts *events) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                fail_memory();
        fputs("{\"events\":[", out);
        for (size_t i = 0; i < events->n; i++)
                fprintf(out, "%s%s", i ? "," : "", events->items[i]);
        fputs("]}", out);
        if (fclose(out) != 0 || !text)
                fail_memory();
        print_json(command, text);
}

int command_history(struct command *command) {
        _cleanup_(texts_done) struct texts events = { 0 };
        struct sessjwt_event_filter filter;
        char since[TIME_UTC_MAX], until[TIME_UTC_MAX];
        unsigned int limit;
        int r;

        r = read_filter(command, &filter);
        if (r == STATUS_DONE)
                r = read_time(command, "--since", command->since, since, &filter.since);
        if (r == STATUS_DONE)
                r = read_time(command, "--until", command->until, until, &filter.until);
        if (r == STATUS_DONE)
                r = read_limit(command, &limit);
        if (r != STATUS_DONE)
                return r;
        if (command->open && command->n_kinds > 0)
                return fail_usage(command->verb, "--open shows logins, so it takes no --kind");
        /* Ends must be seen to tell what is open, so then the limit is kept here. */
        filter.limit = command->open ? 0 : limit;
        r = load_events(command, &filter, limit, &events);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_events_json(command, &events);
                return STATUS_DONE;
        }
        table_events(command, events.items, events.n, stdout);
        if (command->legend && events.n == 0)
                puts("No events.");
        else if (command->legend)
                printf("\n%zu event%s%s.\n", events.n, events.n == 1 ? "" : "s",
                        limit > 0 && events.n == limit ? ", there may be more: see --limit" : "");
        return STATUS_DONE;
}

/* ---- watch ------------------------------------------------------------------------------------------- */

static void print_event(const char *event) {
        static const struct {
                const char *before, *member, *after;
        } parts[] = { { " ", "kind", "" }, { " ", "user", "" }, { " ", "sessionId", "" },
                { " by ", "service", "" }, { " from ", "deviceName", "" }, { " at ", "ip", "" },
                { " (", "note", ")" } };
        _cleanup_(cleanup_free) char *at = print_member(event, "time");
        char time[TIME_TEXT_MAX] = "-";

        if (at)
                print_time(at, time);
        fputs(time, stdout);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
                _cleanup_(cleanup_free) char *value = print_member(event, parts[i].member);
                bool is_id = strcmp(parts[i].member, "sessionId") == 0;

                if (value && *value)
                        printf("%s%s%s", parts[i].before, is_id ? print_short_id(value) : value,
                                parts[i].after);
        }
        putchar('\n');
}

int command_watch(struct command *command) {
        struct sessjwt_event_filter filter;
        const char *event = NULL;
        int r;

        r = read_filter(command, &filter);
        if (r != STATUS_DONE)
                return r;
        r = sessjwt_subscribe(command->c, &filter);
        while (r == 0) {
                r = sessjwt_next_event(command->c, &event);
                if (r != 0)
                        break;
                if (!event) /* no daemon ends it without an error */
                        return STATUS_FAILED;
                if (command->format != FORMAT_TEXT)
                        print_json(command, event);
                else
                        print_event(event);
                if (fflush(stdout) != 0)
                        return STATUS_FAILED;
        }
        return fail_call(command, r);
}
