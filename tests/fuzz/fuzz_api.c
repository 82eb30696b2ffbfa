/* Whole calls and logins against a store: what peers of several users and login modules say, in any order, at
 * any time, and what happens to the world meanwhile. After each input the store must agree with itself and
 * with the status page, and everybody who asked must have been answered; no answer tells of another user's
 * session.
 *
 * An input is lines, each a step; one that begins with a comma happens together with the next:
 *   Pr{...}       peer r (root), a, e (alice), b (bob), c (carol, an admin) or z (nobody) says it
 *   L2501310000|  a module: phase, user, service, realm, process, address, way to sign in, flag, choice,
 *                 whether it hangs up; then its texts, a bar before each: rhost, tty, ruser,
 *                 SSH_CONNECTION, SSH_AUTH_INFO_0, session
 *   F…            a module's packet as it is
 *   +4            time passes;   -4: the wall clock steps
 *   x3            process 3 dies
 *   n12           NSS says 2 of user 1
 *   h.            peer hangs up
 *   c2            another configuration, by SIGHUP;   C2: when Reload asks for it
 *   S             the store is small, as the first line
 * In each $1 to $9 stand for the session ids that were told so far, $a to $i for their devices, $t for the
 * last access token, $r and $q for the last refresh token and the one before. */
#include <ctype.h>

#include "tests/fuzz/api_peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 8192
#define STEPS_MAX 64

/* ---- a step's text ---- */

static const char *stands_for(char c) {
        if (c >= '1' && c <= '9')
                return (size_t) (c - '1') < seen.n_sessions ? seen.sessions[c - '1'].sid : NULL;
        if (c >= 'a' && c <= 'i')
                return (size_t) (c - 'a') < seen.n_sessions ? seen.sessions[c - 'a'].device : NULL;
        return c == 't' ? seen.access : c == 'r' ? seen.refresh : c == 'q' ? seen.former_refresh : NULL;
}

/* With a NUL behind it that the size does not count. */
static size_t expand(const char *text, size_t size, char ret[static STEP_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++) {
                const char *other = text[i] == '$' && i + 1 < size ? stands_for(text[i + 1]) : NULL;
                size_t length = other ? strlen(other) : 1;

                if (n + length >= STEP_MAX)
                        break;
                memcpy(ret + n, other ? other : text + i, length);
                n += length;
                i += other != NULL;
        }
        ret[n] = '\0';
        return n;
}

/* 0 where there is none, and behind a bar, where texts begin. */
static unsigned digit_at(const char *text, size_t i) {
        return i < strcspn(text, "|") && isdigit((unsigned char) text[i]) ? (unsigned) (text[i] - '0') : 0;
}

/* ---- logins ---- */

static const char *const services[] = { "sshd", "login", "su", "cron", "sudo", "gdm-password", "systemd-user",
        "xrdp", "vsftpd", "" };
static const char *const realms[] = { "default", "shop", "none", "" };
static const char *const addresses[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1", "", "host.example", "?",
        "192.0.2.3", "192.0.2.4", "::ffff:192.0.2.1", "localhost" };
static const char *const ways[] = {
        "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n",
        "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Eb\n",
        "password\n",
        "keyboard-interactive/pam\n",
        "",
        "publickey ssh-ed25519 AAAA\npassword\n",
};

enum { BEHIND_PHASE = 1, USER = 1, SERVICE, REALM, PROCESS, ADDRESS, WAY, FLAGS, CHOICE, HANGS_UP, TEXTS };

/* The n-th of the texts behind the digits; "" if it is not there. They end in NUL where there was a bar. */
static const char *login_text(const char *const texts[6], size_t n, const char *otherwise) {
        return texts[n] && *texts[n] ? texts[n] : otherwise;
}

static void split_texts(char *text, const char *ret[static 6]) {
        char *bar = strchr(text, '|');

        for (size_t i = 0; i < 6 && bar; i++) {
                *bar = '\0';
                ret[i] = bar + 1;
                bar = strchr(bar + 1, '|');
        }
}

static void step_login(struct house *house, char *text) {
        const unsigned user = digit_at(text, USER) % USERS, process = digit_at(text, PROCESS) % PROCESSES;
        const bool hangs_up = digit_at(text, HANGS_UP) == 1;
        const unsigned phase = digit_at(text, 0), choice = digit_at(text, CHOICE);
        const char *texts[6] = { NULL }, *field;
        struct made_module *module = free_module();
        uint8_t packet[FRAME_REQUEST_MAX];
        struct frame_request frame = { .phase = (enum frame_phase)(phase ? phase : FRAME_OPEN),
                .deadline = clocks.awake + 250000,
                .uid = users[user].uid,
                .user = users[user].name,
                .service = services[digit_at(text, SERVICE)],
                .realm = realms[digit_at(text, REALM) % 4],
                .flags = 1U << digit_at(text, FLAGS) >> 1,
                .choice = (enum frame_choice)(phase == FRAME_CHOOSE && !choice ? 1 : choice),
                .groups = users[user].groups,
                .n_groups = users[user].n_groups };
        const char *address = addresses[digit_at(text, ADDRESS)], *way = ways[digit_at(text, WAY) % 6];
        size_t size;

        split_texts(text, texts);
        frame.rhost = login_text(texts, 0, address);
        frame.tty = login_text(texts, 1, SSHD_TTY);
        frame.ruser = login_text(texts, 2, "");
        frame.ssh_connection = login_text(texts, 3, "");
        frame.auth_info = login_text(texts, 4, way);
        frame.session_id = login_text(texts, 5, "");
        if (!module || frame_write_request(&frame, packet, sizeof(packet), &size, &field) < 0)
                return;
        *module = (struct made_module){
                .uid = frame.uid, .phase = frame.phase, .config = house->server.config
        };
        module->fd = send_packet(
                house, packet, size, digit_at(text, HANGS_UP) == 2 ? -1 : processes[process].pidfd);
        if (hangs_up) {
                cleanup_close(&module->fd);
                module->fd = -1;
        }
}

static void step_packet(struct house *house, const char *bytes, size_t size) {
        struct made_module *module = free_module();

        if (!module || size == 0)
                return;
        *module = (struct made_module){ .phase = FRAME_CLOSE, .uid = UINT32_MAX };
        module->fd = send_packet(house, bytes, size, processes[0].pidfd);
}

/* ---- the world ---- */

static void step_time(const char *text, int64_t direction) {
        static const uint64_t usec[] = { 1000, 300000, 1100000, 6000000, 31000000, 61000000, 601000000,
                3601000000, 86401000000, 2678401000000 };
        uint64_t by = usec[digit_at(text, 0)];

        clocks_move(direction * (int64_t) by, direction > 0 ? by : 1000);
}

static void step_names(struct house *house, const char *text) {
        users[digit_at(text, 0) % USERS].state = (int) digit_at(text, 1) % 4;
        house->server.now = clock_now();
        server_go_on_with_names(&house->server);
}

static void do_step(struct house *house, char *text, size_t size) {
        struct made_peer *peer = size > 1 ? peer_by_letter(text[1]) : NULL;

        switch (size > 0 ? text[0] : 0) {
        case 'P':
                if (peer)
                        peer_say(house, peer, text + 2, size - 1);
                break;
        case 'L':
                step_login(house, text + 1);
                break;
        case 'F':
                step_packet(house, text + 1, size - 1);
                break;
        case '+':
                step_time(text + 1, 1);
                break;
        case '-':
                step_time(text + 1, -1);
                break;
        case 'x':
                process_die(&processes[digit_at(text, 1) % PROCESSES]);
                break;
        case 'n':
                step_names(house, text + 1);
                break;
        case 'h':
                if (peer)
                        peer_leave(peer);
                break;
        case 'c':
        case 'C':
                next_config = digit_at(text, 1);
                if (text[0] == 'c')
                        (void) reload_start(NULL);
                break;
        default:
                break;
        }
}

/* ---- until nobody has anything left to do ---- */

static void settle(struct house *house) {
        bool did = true;

        for (int i = 0; did; i++) {
                REQUIRE(i < ROUNDS_MAX);
                did = house_round(house);
                for (size_t j = 0; j < PEERS; j++)
                        did |= peer_hear(&peers[j]);
                for (size_t j = 0; j < MODULES; j++)
                        did |= module_hear(house, &modules[j]);
        }
        for (size_t j = 0; j < MODULES; j++)
                REQUIRE(modules[j].fd < 0);
        for (size_t j = 0; j < PEERS; j++)
                check_answered(house, &peers[j]);
}

static void run_steps(struct house *house, const char *text, size_t size) {
        static char step[STEP_MAX];

        for (int i = 0; size > 0 && i < STEPS_MAX; i++) {
                const char *end = memchr(text, '\n', size);
                size_t length = end ? (size_t) (end - text) : size;
                bool is_alone = *text != ',';
                size_t n = expand(text + !is_alone, length - !is_alone, step);

                if (getenv("FUZZ_API_LOG"))
                        fprintf(stderr, "> %s\n", step);
                do_step(house, step, n);
                clocks_move(1000, 1000);
                if (is_alone)
                        settle(house);
                length += end != NULL;
                text += length;
                size -= length;
        }
        settle(house);
}

/* ---- what must hold ---- */

static void check_status(struct house *house, struct store_txn *txn) {
        struct status_view view = status_view(house->server.service.status);
        struct store_cursor cursor = { 0 };
        struct session session;

        while (store_next_session_by_user(txn, &cursor, &session) == 0) {
                bool is_valid = status_view_get(&view, session.status_index) == STATUS_VALID;

                REQUIRE(session.state == SESSION_LIVE || session.state == SESSION_ENDING);
                REQUIRE(is_valid == (session.state == SESSION_LIVE) || house->server.unkept.n > 0);
        }
}

static void check_house(struct house *house) {
        struct store_txn *txn;
        char error[256];

        REQUIRE(store_begin_read(house->server.service.store, &txn) == 0);
        if (store_check(txn, error, sizeof(error)) != 0) {
                fprintf(stderr, "the store: %s\n", error);
                abort();
        }
        check_status(house, txn);
        store_abort(&txn);
}

static void everybody_leaves(struct house *house) {
        for (size_t i = 0; i < PEERS; i++) {
                peer_leave(&peers[i]);
                peers[i].has_token = false;
                peers[i].said = 0;
        }
        users_begin();
        server_go_on_with_names(&house->server);
        settle(house);
        seen.n_sessions = 0;
        *seen.access = *seen.refresh = *seen.former_refresh = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct house *house;

        if (size == 0 || size > INPUT_MAX)
                return 0;
        for (size_t i = 0; i < MODULES; i++)
                modules[i].fd = -1;
        house = house_begin(data[0] == 'S');
        run_steps(house, (const char *) data, size);
        check_house(house);
        everybody_leaves(house);
        check_house(house);
        house_end(house);
        return 0;
}
