/* server_backup: who waits for a backup, and the answer when it is there. */
#include "daemon/server_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/api.h"
#include "daemon/log.h"

int server_begin_backup(struct server *server, struct request *request) {
        _cleanup_(request_free) struct request *q = request;
        int r;

        r = backup_start(server->backup, q->detail);
        if (r == -EALREADY)
                return API_BACKUP_UNDER_WAY;
        if (r < 0)
                return r;
        request_begin_reply(q);
        server->backup_waits = TAKE(q);
        return 0;
}

static int outcome_of(struct server *server, struct request *q, int result, const struct backup_made *made,
        const char *error) {
        char path[PATH_MAX];

        switch (result) {
        case 0:
                snprintf(path, sizeof(path), "%s/%s/%s", server->options->state_dir, SESSJWT_BACKUPS_DIR_NAME,
                        made->name);
                log_line(LOG_NOTICE, "backup %s was made, %llu bytes", path, (unsigned long long) made->size);
                api_put_backup(q, path, made->size);
                return 0;
        case BACKUP_EXISTS: /* q->detail is the name */
                return API_BACKUP_EXISTS;
        default:
                log_line(LOG_ERR, "backup %s was not made: %s", q->detail, error);
                snprintf(q->detail, sizeof(q->detail), "%s", error);
                return API_BACKUP_FAILED;
        }
}

void server_take_backup(struct server *server) {
        _cleanup_(request_free) struct request *q = TAKE(server->backup_waits);
        char error[BACKUP_ERROR_MAX] = "";
        struct backup_made made;
        int r;

        if (!q)
                return;
        r = backup_take(server->backup, &made, error);
        server_answer(server, q, outcome_of(server, q, r, &made, error));
}
