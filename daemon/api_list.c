/* api_list: how lists are answered. With `more` a row is a reply; a row is held back until the next one is
 * known, so that the last one goes out without `continues`. Without, rows are elements of one array, which
 * says when it was cut. */
#include "daemon/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

#define REPLY_ENDING_SIZE 64 /* room for what closes a plain list */

static int list_send_held(struct request *q, const char *name, bool continues) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size = q->list.held_size + REPLY_ENDING_SIZE;
        struct json_writer w;
        int r;

        text = malloc(size);
        if (!text)
                return -ENOMEM;
        json_writer_init(&w, text, size);
        message_begin_reply(&w);
        json_key(&w, name);
        json_put_raw(&w, q->list.held, q->list.held_size);
        message_end_reply(&w, continues);
        r = json_writer_finish(&w, &size);
        if (r < 0)
                return r;
        return q->emit(q->emit_userdata, text, size);
}

static int list_hold(struct request *q, const char *row, size_t size) {
        char *held = realloc(q->list.held, size);

        if (!held)
                return -ENOMEM;
        memcpy(held, row, size);
        q->list.held = held;
        q->list.held_size = size;
        return 0;
}

int list_put(struct request *q, const char *name, const char *plural, const char *row, size_t size) {
        bool is_first = !q->list.has_begun;
        int r;

        q->list.has_begun = true;
        if (q->call.more) {
                r = is_first ? 0 : list_send_held(q, name, true);
                return r < 0 ? r : list_hold(q, row, size);
        }
        if (is_first) {
                json_key(&q->reply, plural);
                json_open_array(&q->reply);
        }
        if (q->reply.length + size + REPLY_ENDING_SIZE > q->reply.size) {
                q->list.is_truncated = true;
                return LIST_FULL;
        }
        json_put_raw(&q->reply, row, size);
        return 0;
}

int list_end(struct request *q, const char *name, const char *plural) {
        if (q->call.more) {
                if (q->list.has_begun) {
                        json_key(&q->reply, name);
                        json_put_raw(&q->reply, q->list.held, q->list.held_size);
                }
                return 0;
        }
        if (!q->list.has_begun) {
                json_key(&q->reply, plural);
                json_open_array(&q->reply);
        }
        json_close_array(&q->reply);
        if (q->list.is_truncated)
                json_member_bool(&q->reply, "truncated", true);
        return 0;
}
