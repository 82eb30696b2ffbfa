/* limit_question: what a user reads who may choose whom his login signs out. See limit_private.h. */
#include "daemon/limit_private.h"

#include <stdio.h>
#include <string.h>

#define CUT_TEXT     "  ...\n"
#define ROW_TEXT_MAX (DEVICE_NAME_MAX + IP_MAX + 2 * CLOCK_TEXT_SIZE + 64)

/* Where sessions are limited each has its line; else each device, at its oldest session. */
static bool has_line(const struct limit_login *login, const struct limit_verdict *verdict, size_t index) {
        const struct policy_row *rows = verdict->rows;

        if (!policy_row_is_other(login->policy, &rows[index], login->asked_from))
                return false;
        for (size_t i = 0; login->policy->max_sessions == 0 && i < index; i++)
                if (device_id_equal(&rows[i].device, &rows[index].device))
                        return false;
        return true;
}

/* The session by which that line says what was seen last: the newest of its device. */
static const struct policy_row *newest_row(
        const struct limit_login *login, const struct limit_verdict *verdict, size_t index) {
        const struct policy_row *rows = verdict->rows;

        for (size_t i = verdict->n_rows; login->policy->max_sessions == 0 && i-- > index;)
                if (device_id_equal(&rows[i].device, &rows[index].device))
                        return &rows[i];
        return &rows[index];
}

/* The device may have been renamed since its login. */
static void find_name(
        struct store_txn *txn, const struct session *session, char ret[static DEVICE_NAME_MAX + 1]) {
        struct device device;
        bool is_known = store_find_device(txn, session->realm, session->user, &session->device, &device) == 0;

        snprintf(ret, DEVICE_NAME_MAX + 1, "%s", is_known ? device.name : session->device_name);
}

static size_t write_line(
        struct store_txn *txn, const struct policy_row *oldest, const struct sid *newest, char *ret) {
        char name[DEVICE_NAME_MAX + 1], since[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];
        struct session session;
        bool shows_ip;

        if (store_find_session(txn, newest, &session) != 0)
                return 0;
        find_name(txn, &session, name);
        shows_ip = *session.ip && strcmp(session.ip, name) != 0;
        clock_write(oldest->created_at, since);
        clock_write(session.last_seen, seen);
        return (size_t) snprintf(ret, ROW_TEXT_MAX, "%c %s%s%s since %.16sZ, seen %.16sZ\n",
                oldest->victim ? '*' : ' ', name, shows_ip ? " from " : "", shows_ip ? session.ip : "", since,
                seen);
}

void limit_write_question(
        struct store_txn *txn, const struct limit_login *login, struct limit_verdict *verdict) {
        char *text = verdict->text, line[ROW_TEXT_MAX];
        size_t length = (size_t) snprintf(text, QUESTION_TEXT_MAX + 1,
                "You are signed in already, as often as policy %s allows:\n", login->policy->name);

        for (size_t i = 0; i < verdict->n_rows; i++) {
                size_t n = has_line(login, verdict, i) ? write_line(txn, &verdict->rows[i],
                                                                 &newest_row(login, verdict, i)->sid, line)
                                                       : 0;

                if (n > 0 && length + n > QUESTION_TEXT_MAX - strlen(CUT_TEXT)) {
                        memcpy(text + length, CUT_TEXT, sizeof(CUT_TEXT));
                        return;
                }
                memcpy(text + length, line, n);
                length += n;
                text[length] = '\0';
        }
}
