/* api_backup: the handler of Backup, and its answer when the copy is there. */
#include "daemon/api.h"

#include <stdio.h>
#include <string.h>

#include "daemon/backup.h"

struct backup_params {
        char name[BACKUP_NAME_MAX + 1];
};

static const struct message_field backup_fields[] = {
        MESSAGE_FIELD_STRING(struct backup_params, name, "name", true),
        { 0 },
};

int on_backup(struct request *q) {
        struct backup_params p = { 0 };
        int r;

        r = api_read(q, backup_fields, &p);
        if (r)
                return r;
        if (!backup_name_is_valid(p.name)) {
                snprintf(q->detail, sizeof(q->detail), "name");
                return API_INVALID_PARAMETER;
        }
        snprintf(q->detail, sizeof(q->detail), "%s", p.name);
        return 0;
}

void api_put_backup(struct request *q, const char *path, uint64_t size) {
        json_member_string(&q->reply, "path", path);
        json_member_integer(&q->reply, "size", (int64_t) size);
}
