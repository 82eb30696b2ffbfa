/* server_feed: events as they happen, to those who subscribe. Each is sent as much as it reads; what it has
 * not read waits in the feed, not with it. */
#include "daemon/server_private.h"

#include <errno.h>
#include <string.h>

#include "daemon/api.h"
#include "daemon/event.h"
#include "daemon/feed.h"
#include "daemon/log.h"
#include "daemon/tell.h"

#define REPLY_ENDS_SIZE 64 /* room for what is around an event */

static int put_error(struct server *server, struct connection *connection, int outcome) {
        struct request *q = &server->scratch;
        size_t size;
        int r;

        q->reply_bytes = server->scratch_reply;
        q->reply_size = REPLY_MAX;
        r = api_finish_reply(q, outcome, &size);
        return r < 0 ? r : stream_put(&connection->stream, q->reply_bytes, size);
}

/* One at a time, so that no more than one waits in the connection of a peer that does not read. */
int server_feed_connection(struct server *server, struct connection *connection) {
        struct subscription *subscription = connection->subscription;
        const char *text;
        size_t size;
        int r;

        for (;;) {
                r = feed_next(server->feed, &subscription->filter, &subscription->position, &text, &size);
                if (r == FEED_END)
                        return 0;
                if (r == FEED_LOST) {
                        connections_unsubscribe(server->connections, connection);
                        r = put_error(server, connection, API_EVENTS_LOST);
                        return r < 0 ? r : stream_flush(&connection->stream, connection->fd);
                }
                r = stream_put(&connection->stream, text, size);
                if (r == 0)
                        r = stream_flush(&connection->stream, connection->fd);
                if (r)
                        return r;
        }
}

/* The first reply has no event: it says that whatever happens from now on will be told. */
int server_subscribe(struct server *server, struct connection *connection, const struct feed_filter *filter) {
        static const char begun[] = "{\"parameters\":{},\"continues\":true}";
        int r;

        r = connections_subscribe(server->connections, connection, filter, feed_end(server->feed));
        if (r > 0)
                return put_error(server, connection,
                        r == CONNECTIONS_FULL ? API_SUBSCRIPTIONS_TAKEN : API_TOO_MANY_SUBSCRIPTIONS);
        return r < 0 ? r : stream_put(&connection->stream, begun, strlen(begun));
}

static void feed_event(struct server *server, const struct effect *effect) {
        char object[EVENT_TEXT_MAX], text[EVENT_TEXT_MAX + REPLY_ENDS_SIZE];
        const struct event event = event_of(effect);
        struct json_writer w;
        size_t size;
        int r;

        r = api_write_event(&event, object, &size);
        if (r == 0) {
                json_writer_init(&w, text, sizeof(text));
                message_begin_reply(&w);
                json_key(&w, "event");
                json_put_raw(&w, object, size);
                message_end_reply(&w, true);
                r = json_writer_finish(&w, &size);
        }
        if (r < 0)
                log_line(LOG_ERR, "an event could not be told: %s", strerror(-r));
        else
                feed_add(server->feed, &event, text, size);
}

void server_tell_events(struct server *server, const struct effects *effects) {
        struct connection *connection;
        uint32_t slot = 0;

        tell_events(effects);
        if (!connections_next_subscribed(server->connections, &(uint32_t){ 0 }))
                return;
        for (size_t i = 0; i < effects->n; i++)
                if (event_kind_of(&effects->items[i])->use == EVENT_KEPT)
                        feed_event(server, &effects->items[i]);
        while ((connection = connections_next_subscribed(server->connections, &slot)))
                server_feed_subscriber(server, connection);
}
