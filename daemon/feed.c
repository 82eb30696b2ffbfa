/* feed: see feed.h. */
#include "daemon/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

/* What filters look at, and the text. */
struct entry {
        struct event event;
        size_t size;
        char text[];
};

/* Events first to end - 1 are there, each at its number modulo max_events. */
struct feed {
        size_t max_events, max_bytes;
        uint64_t first, end;
        size_t bytes;
        struct entry *entries[];
};

/* ---- filters ---- */

static size_t kind_index(const char *name) {
        const struct event_kind *kind = event_kind_find(name);

        return kind ? (size_t) (kind - event_kinds) : 63;
}

bool feed_filter_add_kind(struct feed_filter *filter, const char *kind) {
        assert(event_n_kinds < 64);
        if (!event_kind_find(kind))
                return false;
        filter->has_kinds = true;
        filter->kinds |= UINT64_C(1) << kind_index(kind);
        return true;
}

bool feed_filter_lets(const struct feed_filter *filter, const struct event *event) {
        if (filter->is_of_uid && event->uid != filter->uid)
                return false;
        if (filter->hides_root && event->uid == 0)
                return false;
        if (*filter->realm && strcmp(filter->realm, event->realm) != 0)
                return false;
        if (*filter->user && strcmp(filter->user, event->user) != 0)
                return false;
        return !filter->has_kinds || (filter->kinds & UINT64_C(1) << kind_index(event->kind));
}

/* ---- the ring ---- */

int feed_new(size_t max_events, size_t max_bytes, struct feed **ret) {
        struct feed *feed = calloc(1, sizeof(*feed) + max_events * sizeof(*feed->entries));

        if (!feed)
                return -ENOMEM;
        feed->max_events = max_events;
        feed->max_bytes = max_bytes;
        *ret = feed;
        return 0;
}

static struct entry **place_of(struct feed *feed, uint64_t number) {
        return &feed->entries[number % feed->max_events];
}

static size_t entry_size(size_t text) {
        return sizeof(struct entry) + text;
}

static void drop_first(struct feed *feed) {
        struct entry **place = place_of(feed, feed->first++);

        feed->bytes -= entry_size((*place)->size);
        free(TAKE(*place));
}

void feed_free(struct feed **feed) {
        if (!*feed)
                return;
        while ((*feed)->first < (*feed)->end)
                drop_first(*feed);
        free(*feed);
        *feed = NULL;
}

uint64_t feed_end(const struct feed *feed) {
        return feed->end;
}

void feed_add(struct feed *feed, const struct event *event, const char *text, size_t size) {
        struct entry *entry = malloc(entry_size(size));

        while (feed->first < feed->end && (!entry || feed->end - feed->first == feed->max_events ||
                                                  feed->bytes + entry_size(size) > feed->max_bytes))
                drop_first(feed);
        if (!entry) {
                feed->first = ++feed->end;
                return;
        }
        entry->event = *event;
        entry->size = size;
        memcpy(entry->text, text, size);
        feed->bytes += entry_size(size);
        *place_of(feed, feed->end++) = entry;
}

int feed_next(const struct feed *feed, const struct feed_filter *filter, uint64_t *position,
        const char **ret_text, size_t *ret_size) {
        if (*position < feed->first)
                return FEED_LOST;
        while (*position < feed->end) {
                const struct entry *entry = feed->entries[(*position)++ % feed->max_events];

                if (!feed_filter_lets(filter, &entry->event))
                        continue;
                *ret_text = entry->text;
                *ret_size = entry->size;
                return 0;
        }
        return FEED_END;
}
