/* store_look: what is in a store, and whether it agrees with itself and with the status page. Reads a line a
 * question, "STATE_DIR" or "STATE_DIR PAGE", and answers in lines, the last one "end STATUS". Each question
 * has a process of its own, which a store with broken pages may end: then STATUS is its signal.
 *
 *   check ok | check WHAT IS WRONG          store_check
 *   seen ok | seen behind | seen nothing    whether the file beside the store has seen a later one
 *   page ok | page WHERE IT DISAGREES
 *   session SID STATE STATUS-INDEX LEADER COUNTER DEVICE USER    COUNTER of its refresh tokens
 *   device ID STATE USER NAME
 *   lock USER KIND        account USER RESET-AT        key KID        event KIND SID USER
 *
 * --break SID in STATE_DIR: takes away what finds that session by its sid, for a test to see it found. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/status_page.h"
#include "daemon/store_private.h"

/* ---- the page ---- */

struct page {
        const struct status_header *header;
        uint8_t *wanted; /* by index */
};

static void page_open(struct page *page, const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                err(1, "%s", path);
        page->header = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (page->header == MAP_FAILED)
                err(1, "%s", path);
        page->wanted = malloc(page->header->size);
        if (!page->wanted)
                err(1, "malloc");
        memset(page->wanted, STATUS_INVALID, page->header->size);
        close(fd);
}

static void page_want(struct page *page, const struct session *session) {
        if (!page->header || session->state != SESSION_LIVE)
                return;
        if (session->status_index >= page->header->size)
                printf("page ends before %llu\n", (unsigned long long) session->status_index);
        else
                page->wanted[session->status_index] = STATUS_VALID;
}

static void page_compare(const struct page *page) {
        const uint8_t *bytes = (const uint8_t *) page->header + STATUS_HEADER_SIZE;

        for (uint64_t i = 0; i < page->header->size; i++)
                if (bytes[i] != page->wanted[i]) {
                        printf("page says %u of %llu, and should say %u\n", bytes[i], (unsigned long long) i,
                                page->wanted[i]);
                        return;
                }
        printf("page ok\n");
}

/* ---- rows ---- */

static void show_sessions(struct store_txn *txn, struct page *page) {
        struct store_cursor cursor = { 0 };
        char sid[SID_TEXT_MAX + 1], device[DEVICE_ID_TEXT_SIZE];
        struct session s;

        while (store_next_session(txn, &cursor, &s) == 0) {
                sid_write(&s.sid, sid);
                device_id_write(&s.device, device);
                printf("session %s %s %llu %d %llu %s %s\n", sid, session_state_name(s.state),
                        (unsigned long long) s.status_index, s.leader.pid,
                        (unsigned long long) s.refresh.counter, device, s.user);
                page_want(page, &s);
        }
        if (page->header)
                page_compare(page);
}

static void show_users(struct store_txn *txn) {
        char realm[REALM_MAX + 1], user[USER_MAX + 1], id[DEVICE_ID_TEXT_SIZE];
        struct store_cursor names = { 0 };

        while (store_next_name(txn, &names, realm, user) == 0) {
                struct store_cursor cursor = { 0 };
                struct device device;
                struct account account;

                while (store_next_device_of_user(txn, realm, user, &cursor, &device) == 0) {
                        device_id_write(&device.id, id);
                        printf("device %s %s %s %s\n", id, device_state_name(device.state), user,
                                device.name);
                }
                if (store_find_account(txn, realm, user, &account) == 0)
                        printf("account %s %llu\n", user, (unsigned long long) account.reset_at);
        }
}

static void show_rest(struct store_txn *txn) {
        struct store_cursor locks = { 0 }, keys = { 0 };
        char sid[SID_TEXT_MAX + 1], kid[KID_MAX + 1];
        uint64_t sequence, previous;
        struct lockout lockout;
        uint8_t key[RECORD_MAX];
        struct event event;
        size_t size;

        while (store_next_lockout(txn, &locks, &lockout) == 0)
                if (lockout.lasts > 0)
                        printf("lock %s %s\n", lockout.user,
                                lockout.kind == LOCKOUT_ADMIN ? "admin" : "failures");
        while (store_next_key(txn, &keys, kid, key, sizeof(key), &size) == 0)
                printf("key %s\n", kid);
        for (int r = store_newest_event(txn, &sequence); r == 0;
                r = store_event_before(txn, sequence, &sequence)) {
                if (store_find_event(txn, sequence, &event, &previous))
                        break;
                sid_write(&event.sid, sid);
                printf("event %s %s %s\n", event.kind, sid, event.user);
        }
}

static void show_seen(const struct store *store) {
        struct store_point point;

        if (store_find_seen(store, &point))
                printf("seen nothing\n");
        else
                printf("seen %s\n", store_is_behind(store, &point) ? "behind" : "ok");
}

static int look(const char *dir, const char *page_path) {
        struct store *store = NULL;
        struct store_txn *txn = NULL;
        struct page page = { 0 };
        char error[256] = "";
        pid_t holder;
        int r;

        if (page_path)
                page_open(&page, page_path);
        r = store_open(dir, 0, &store, &holder);
        if (r == 0)
                r = store_begin_read(store, &txn);
        if (r) {
                printf("check cannot open: %s\n", strerror(-r));
                return 1;
        }
        r = store_check(txn, error, sizeof(error));
        printf("check %s\n", r == 0 ? "ok" : *error ? error : strerror(-r));
        show_seen(store);
        show_sessions(txn, &page);
        show_users(txn);
        show_rest(txn);
        store_abort(&txn);
        store_close(&store);
        return 0;
}

static int break_session(const char *dir, const char *text) {
        struct store *store = NULL;
        struct store_txn *txn = NULL;
        struct sid sid;
        pid_t holder;
        int r;

        r = sid_read(text, &sid);
        if (r == 0)
                r = store_open(dir, 0, &store, &holder);
        if (r == 0)
                r = store_begin_turn(store, &txn);
        if (r == 0)
                r = row_remove(txn, DB_SID, SPAN_OF_SID(&sid));
        if (r == 0)
                r = store_commit(&txn);
        store_close(&store);
        return r != 0;
}

int main(int argc, char **argv) {
        char line[2 * 4096];

        if (argc == 4 && strcmp(argv[1], "--break") == 0)
                return break_session(argv[3], argv[2]);
        if (argc != 1)
                errx(2, "store_look [--break SID STATE_DIR]");
        while (fgets(line, sizeof(line), stdin)) {
                const char *dir = strtok(line, " \n"), *page = strtok(NULL, " \n");
                int status = 0;
                pid_t pid;

                if (!dir)
                        continue;
                pid = fork();
                if (pid == 0) {
                        int r = look(dir, page);

                        fflush(stdout);
                        _exit(r);
                }
                if (pid < 0 || waitpid(pid, &status, 0) < 0)
                        err(1, "fork");
                printf("end %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
                fflush(stdout);
        }
        return 0;
}
