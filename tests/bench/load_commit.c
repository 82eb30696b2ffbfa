/* load_commit FOLDER SESSIONS USERS: the least that a durable login could cost: LMDB and nothing else. One
 * transaction with the rows of one login (session, device, newest event, event, sid, leader: as sessjwtd
 * encodes them, in a store of as many databases), committed, and one ES256 signature. FOLDER is empty;
 * SESSIONS of USERS are there before it is measured.
 *
 * Each line of standard input has how many commits to make, and how many seconds that may take; it is
 * answered by a line of JSON. */
#include <endian.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "client/digest.h"
#include "daemon/keyring.h"
#include "daemon/record.h"
#include "tests/bench/load.h"
#include "tests/unit/signer.h"

#define MAP_SIZE   (UINT64_C(64) << 30)
#define TOKEN_SIZE 700 /* bytes that are signed: an access token's */
#define PER_FILL   4096

enum database { DB_USER, DB_SID, DB_LEADER, DB_HISTORY, DB_MAX = 11 };

static MDB_env *env;
static MDB_dbi dbs[DB_MAX];
static unsigned long n_users;
static uint64_t n_logins;
static struct sid last_sid;

static void check(int r) {
        if (r)
                errx(1, "lmdb: %s", mdb_strerror(r));
}

static void put(
        MDB_txn *txn, enum database db, const void *key, size_t key_size, const void *bytes, size_t size) {
        MDB_val k = { .mv_size = key_size, .mv_data = (void *) key };
        MDB_val v = { .mv_size = size, .mv_data = (void *) bytes };

        check(mdb_put(txn, dbs[db], &k, &v, 0));
}

/* ---- the rows of a login, as the daemon has them ---- */

static usec_t wall_now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

static void random_bytes(void *bytes, size_t size) {
        if (getrandom(bytes, size, 0) != (ssize_t) size)
                errx(1, "no random numbers");
}

static void write_ip(unsigned long user, char *ret, size_t size) {
        snprintf(ret, size, "10.%lu.%lu.%lu", user >> 16 & 255, user >> 8 & 255, user & 255);
}

static struct device make_device(unsigned long user) {
        struct device device = { .uid = (uint32_t) (100000 + user),
                .realm = "default",
                .kind = DEVICE_SSH_KEY,
                .state = DEVICE_KNOWN,
                .identity = "SHA256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
                .name = "ed25519 SHA256:47DEQpj8",
                .first_seen = wall_now(),
                .last_seen = wall_now(),
                .logins = n_logins };
        uint8_t digest[DIGEST_SIZE];

        snprintf(device.user, sizeof(device.user), "u%07lu", user);
        write_ip(user, device.last_ip, sizeof(device.last_ip));
        if (digest_sha256(device.user, strlen(device.user), digest) < 0)
                errx(1, "SHA-256");
        memcpy(device.id.bytes, digest, sizeof(device.id.bytes));
        return device;
}

static struct session make_session(const struct device *device) {
        usec_t now = wall_now();
        struct session s = { .uid = device->uid,
                .realm = "default",
                .service = "sshd",
                .class = CLASS_COUNTED,
                .counts = true,
                .policy = "default",
                .terminate = TERMINATE_LEADER,
                .device = device->id,
                .tty = "ssh",
                .methods = METHOD_KEY,
                .leader = { .boot = { { 7 } }, .pid = (pid_t) (1000 + n_logins % 1000), .start = 123456 },
                .audit_session = AUDIT_SESSION_UNSET,
                .created_at = now,
                .last_seen = now,
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .state = SESSION_LIVE };
        uint8_t random[8];

        random_bytes(random, sizeof(random));
        sid_mint(&last_sid, now, random, &s.sid);
        memcpy(&s.status_index, random, 3);
        snprintf(s.user, sizeof(s.user), "%s", device->user);
        snprintf(s.device_name, sizeof(s.device_name), "%s", device->name);
        snprintf(s.ip, sizeof(s.ip), "%s", device->last_ip);
        return s;
}

static struct history_row make_event(const struct session *s) {
        struct history_row row = { .event = { .kind = "login",
                                           .wall = s->created_at,
                                           .realm = "default",
                                           .uid = s->uid,
                                           .sid = s->sid,
                                           .service = "sshd",
                                           .device = s->device,
                                           .methods = s->methods,
                                           .initiator = BY_USER,
                                           .count = 1 },
                .previous = n_logins };

        snprintf(row.event.user, sizeof(row.event.user), "%s", s->user);
        snprintf(row.event.device_name, sizeof(row.event.device_name), "%s", s->device_name);
        snprintf(row.event.ip, sizeof(row.event.ip), "%s", s->ip);
        return row;
}

static void check_written(int r) {
        if (r < 0)
                errx(1, "a record cannot be written: %s", strerror(-r));
}

static void put_leader(MDB_txn *txn, const struct session *s) {
        uint8_t key[sizeof(s->leader.boot) + 4 + 8 + sizeof(s->sid)];
        uint32_t pid_be = htobe32((uint32_t) s->leader.pid);
        uint64_t start_be = htobe64(s->leader.start);

        memcpy(key, &s->leader.boot, 16);
        memcpy(key + 16, &pid_be, 4);
        memcpy(key + 20, &start_be, 8);
        memcpy(key + 28, &s->sid, 16);
        put(txn, DB_LEADER, key, sizeof(key), "", 0);
}

static void put_event(MDB_txn *txn, const struct session *s) {
        struct history_row row = make_event(s);
        uint64_t sequence_be = htobe64(++n_logins);
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size = 0;

        check_written(record_write_history(&row, record, sizeof(record), &size));
        put(txn, DB_HISTORY, &sequence_be, sizeof(sequence_be), record, size);
        record_key_newest(s->realm, s->user, &key);
        put(txn, DB_USER, key.bytes, key.size, &sequence_be, sizeof(sequence_be));
}

static void put_login(MDB_txn *txn) {
        struct device device = make_device(n_logins % n_users);
        struct session s = make_session(&device);
        uint8_t record[RECORD_MAX];
        struct record_key key;
        size_t size = 0;

        check_written(record_write_session(&s, record, sizeof(record), &size));
        record_key_session(s.realm, s.user, &s.sid, &key);
        put(txn, DB_USER, key.bytes, key.size, record, size);
        check_written(record_write_device(&device, record, sizeof(record), &size));
        record_key_device(s.realm, s.user, &device.id, &key);
        put(txn, DB_USER, key.bytes, key.size, record, size);
        record_key_user(s.realm, s.user, &key);
        put(txn, DB_SID, &s.sid, sizeof(s.sid), key.bytes, key.size - 1);
        put_leader(txn, &s);
        put_event(txn, &s);
}

/* ---- the measure ---- */

static void open_store(const char *folder) {
        char name[8];
        MDB_txn *txn;

        check(mdb_env_create(&env));
        check(mdb_env_set_mapsize(env, MAP_SIZE));
        check(mdb_env_set_maxdbs(env, DB_MAX));
        check(mdb_env_open(env, folder, MDB_NOTLS, 0600));
        check(mdb_txn_begin(env, NULL, 0, &txn));
        for (int i = 0; i < DB_MAX; i++) {
                snprintf(name, sizeof(name), "%d", i);
                check(mdb_dbi_open(txn, name, MDB_CREATE, &dbs[i]));
        }
        check(mdb_txn_commit(txn));
}

static void fill(unsigned long sessions) {
        for (unsigned long done = 0; done < sessions;) {
                MDB_txn *txn;

                check(mdb_txn_begin(env, NULL, 0, &txn));
                for (int i = 0; i < PER_FILL && done < sessions; i++, done++)
                        put_login(txn);
                check(mdb_txn_commit(txn));
        }
}

static void measure(unsigned long commits, double seconds, const struct keyring *keyring) {
        uint8_t token[TOKEN_SIZE], signature[JWS_SIGNATURE_SIZE];
        double start = load_now();
        struct load_times times;

        random_bytes(token, sizeof(token));
        load_times_make(&times, commits);
        for (unsigned long i = 0; i < commits && (i == 0 || load_now() - start < seconds); i++) {
                double begun = load_now();
                MDB_txn *txn;

                check(mdb_txn_begin(env, NULL, 0, &txn));
                put_login(txn);
                check_written(keyring_sign(keyring, token, sizeof(token), signature));
                check(mdb_txn_commit(txn));
                load_times_add(&times, load_now() - begun);
        }
        times.rate = (double) times.n / (load_now() - start);
        load_times_print(&times);
        fflush(stdout);
}

int main(int argc, char **argv) {
        struct keyring *keyring = signer_keyring();
        char line[64];

        if (argc != 4)
                errx(2, "usage: load_commit FOLDER SESSIONS USERS");
        if (!keyring)
                errx(1, "no memory");
        n_users = strtoul(argv[3], NULL, 10);
        if (n_users == 0)
                errx(2, "no users");
        open_store(argv[1]);
        fill(strtoul(argv[2], NULL, 10));
        while (fgets(line, sizeof(line), stdin)) {
                char *end;
                unsigned long commits = strtoul(line, &end, 10);

                measure(commits, strtod(end, NULL), keyring);
        }
        mdb_env_close(env);
        keyring_free(&keyring);
        return 0;
}
