/* keys_seal: the seal of refresh tokens, kept beside the signing keys. */
#include "daemon/keys.h"

#include <errno.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/log.h"

static void cleanup_record(uint8_t (*record)[SEAL_RECORD_SIZE]) {
        explicit_bzero(*record, sizeof(*record));
}

static int load_kept(struct service *service) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(cleanup_record) uint8_t record[SEAL_RECORD_SIZE] = { 0 };
        size_t size;
        int r;

        r = store_begin_read(service->store, &txn);
        if (r < 0)
                return r;
        r = store_find_seal(txn, record, sizeof(record), &size);
        if (r == STORE_NOT_FOUND)
                return r;
        if (r == 0)
                r = seal_read(record, size, &service->seal);
        if (r < 0)
                log_line(LOG_ERR, "the kept key of refresh tokens cannot be read: %s", strerror(-r));
        return r;
}

static int make_first(struct service *service) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(cleanup_record) uint8_t record[SEAL_RECORD_SIZE] = { 0 };
        int r;

        r = seal_make(&service->seal, record);
        if (r < 0)
                return r;
        r = store_begin_turn(service->store, &txn);
        if (r < 0)
                return r;
        r = store_put_seal(txn, record, sizeof(record));
        if (r < 0)
                return r;
        return store_commit(&txn);
}

/* What it tells apart means nothing to the next daemon, so that nobody who reads the store can try what has
 * been typed as a name. */
static int make_unknown_names(struct service *service) {
        _cleanup_(cleanup_record) uint8_t record[SEAL_RECORD_SIZE] = { 0 };

        return seal_make(&service->unknown_names, record);
}

int keys_load_seal(struct service *service) {
        int r = load_kept(service);

        if (r == STORE_NOT_FOUND)
                r = make_first(service);
        if (r == 0 && service->wrapping)
                r = seal_bind(service->seal, service->wrapping->bytes, sizeof(service->wrapping->bytes));
        return r == 0 ? make_unknown_names(service) : r;
}
