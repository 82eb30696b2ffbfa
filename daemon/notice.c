/* notice: see notice.h. */
#include "daemon/notice.h"

#include <stdio.h>

#include "daemon/terminal.h"

#define ROWS_MAX  256 /* of the user that are looked at */
#define HEARD_MAX 16  /* sessions that hear of one device */

#define DEVICE_ID_SHOWN 8

static void write_new_device(const struct session *session, char ret[static NOTICE_LINE_SIZE]) {
        char id[DEVICE_ID_TEXT_SIZE];

        device_id_write(&session->device, id);
        snprintf(ret, NOTICE_LINE_SIZE,
                "*** sessjwt: new device: %s%s%s by %s. Not you? sessjwt device block %s ***",
                session->device_name, *session->ip ? " at " : "", session->ip, session->service,
                id + sizeof(id) - 1 - DEVICE_ID_SHOWN);
}

static void add(struct notices *notices, const struct session *to, const char *line) {
        struct notice *notice;

        notice = &notices->items[(notices->first + notices->n++) % NOTICES_MAX];
        *notice = (struct notice){ .leader = to->leader, .uid = to->uid };
        snprintf(notice->line, sizeof(notice->line), "%s", line);
}

/* One process may lead several; its terminals hear it once. */
static bool waits_for(const struct notices *notices, size_t n_last, const struct leader_id *leader) {
        for (size_t i = notices->n - n_last; i < notices->n; i++)
                if (leader_id_equal(&notices->items[(notices->first + i) % NOTICES_MAX].leader, leader))
                        return true;
        return false;
}

int notices_add_new_device(struct notices *notices, struct store_txn *txn, const struct session *session) {
        const size_t before = notices->n;
        struct store_cursor cursor = { 0 };
        char line[NOTICE_LINE_SIZE];
        struct session other;
        int r = 0;

        write_new_device(session, line);
        for (size_t i = 0; i < ROWS_MAX && notices->n - before < HEARD_MAX && notices->n < NOTICES_MAX; i++) {
                r = store_next_session_of_user(txn, session->realm, session->user, &cursor, &other);
                if (r)
                        return r < 0 ? r : 0;
                if (other.state == SESSION_LIVE && other.uid == session->uid &&
                        !leader_id_equal(&other.leader, &session->leader) &&
                        !waits_for(notices, notices->n - before, &other.leader))
                        add(notices, &other, line);
        }
        return 0;
}

void notices_say(struct notices *notices, const struct leaders *leaders) {
        const struct notice *notice = &notices->items[notices->first];

        if (notices->n == 0)
                return;
        if (leaders_find(leaders, &notice->leader))
                (void) terminal_tell(notice->leader.pid, notice->uid, notice->line);
        notices->first = (notices->first + 1) % NOTICES_MAX;
        notices->n--;
}
