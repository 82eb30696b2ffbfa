/* request: see request.h. */
#include "daemon/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

void request_begin_reply(struct request *request) {
        json_writer_init(&request->reply, request->reply_bytes, request->reply_size);
        message_begin_reply(&request->reply);
}

int request_own_reply(struct request *request, size_t size) {
        char *bytes = malloc(size);

        if (!bytes)
                return -ENOMEM;
        if (request->owns_reply)
                free(request->reply_bytes);
        request->reply_bytes = bytes;
        request->reply_size = size;
        request->owns_reply = true;
        return 0;
}

struct request *request_keep(const struct request *request, const char *text, size_t size) {
        _cleanup_(request_free) struct request *kept = malloc(sizeof(*kept));

        if (!kept)
                return NULL;
        *kept = *request;
        kept->config = config_ref(request->config);
        kept->keyring = keyring_ref(request->keyring);
        kept->owns_reply = false;
        kept->text = malloc(size + 1);
        if (!kept->text)
                return NULL;
        memcpy(kept->text, text, size);
        kept->text[size] = '\0';
        /* The tokens hold offsets, so only the text and the array itself have moved. */
        kept->call.json.text = kept->text;
        kept->call.json.tokens = kept->call.tokens;
        return TAKE(kept);
}

void list_clear(struct list *list) {
        free(list->held);
        roster_free(&list->roster);
        *list = (struct list){ 0 };
}

void request_free(struct request **request) {
        if (!*request)
                return;
        config_unref(&(*request)->config);
        keyring_free(&(*request)->keyring);
        effects_free(&(*request)->change.effects);
        /* Tokens may be in both. */
        if ((*request)->owns_reply) {
                explicit_bzero((*request)->reply_bytes, (*request)->reply.length);
                free((*request)->reply_bytes);
        }
        if ((*request)->text)
                explicit_bzero((*request)->text, strlen((*request)->text));
        list_clear(&(*request)->list);
        free((*request)->text);
        free(*request);
        *request = NULL;
}
