/* api_status: the handler of the status list, which others write. */
#include "daemon/api.h"

#include <stdio.h>

static const struct message_field no_fields[] = { { 0 } };

int on_get_status_list(struct request *q) {
        int r;

        r = api_read(q, no_fields, NULL);
        if (r)
                return r;
        if (!q->service->status_list) {
                snprintf(q->detail, sizeof(q->detail), "the status list could not be written yet");
                return API_NOT_PUBLISHED;
        }
        json_member_string(&q->reply, "statusList", q->service->status_list);
        return 0;
}
