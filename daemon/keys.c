/* keys: see keys.h. */
#include "daemon/keys.h"

#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"
#include "daemon/publish.h"

#define JWKS_TEXT_MAX (JWKS_KEYS_MAX * 256 + 64)

static void cleanup_record(uint8_t (*record)[KEYRING_RECORD_MAX]) {
        explicit_bzero(*record, sizeof(*record));
}

static int load_kept(struct service *service) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(cleanup_record) uint8_t record[KEYRING_RECORD_MAX];
        struct store_cursor cursor = { 0 };
        char kid[65];
        size_t size;
        int r;

        r = store_begin_read(service->store, &txn);
        if (r < 0)
                return r;
        while ((r = store_next_key(txn, &cursor, kid, record, sizeof(record), &size)) == 0) {
                r = keyring_add(service->keyring, kid, record, size);
                if (r < 0) {
                        log_line(LOG_ERR, "the kept key %s cannot be read: %s", kid, strerror(-r));
                        return r;
                }
        }
        return r < 0 ? r : 0;
}

static int make_first(struct service *service, usec_t now_wall) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(cleanup_record) uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;
        int r;

        r = keyring_generate(service->keyring, KEY_ACTIVE, now_wall, kid, record, &size);
        if (r < 0)
                return r;
        r = store_begin_turn(service->store, &txn);
        if (r < 0)
                return r;
        r = store_put_key(txn, kid, record, size);
        if (r < 0)
                return r;
        r = store_commit(&txn);
        if (r < 0)
                return r;
        log_line(LOG_NOTICE, "made the first signing key, %s", kid);
        return 0;
}

int keys_load(struct service *service, usec_t now_wall) {
        struct keyset_entry entries[JWKS_KEYS_MAX];
        int r;

        r = keyring_new(&service->keyring);
        if (r < 0)
                return r;
        r = load_kept(service);
        if (r < 0)
                return r;
        if (!keyring_active(service->keyring)) {
                r = make_first(service, now_wall);
                if (r < 0)
                        return r;
        }
        return keyset_new(entries, keyring_public(service->keyring, entries), &service->keyset);
}

int keys_publish(const struct service *service, const char *runtime_dir) {
        _cleanup_(cleanup_close) int dir = publish_open(runtime_dir);
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[JWKS_TEXT_MAX];
        size_t size;
        int r;

        if (dir < 0)
                return dir;
        r = keyset_write(entries, keyring_public(service->keyring, entries), text, sizeof(text), &size);
        return r < 0 ? r : publish_file(dir, SESSJWT_JWKS_NAME, text, size);
}
