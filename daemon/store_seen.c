/* store_seen: a file beside the store remembers how far it had come: an older copy that is put in its place
 * is then seen for what it is, after a reboot too. It is written over and over, in one sector, and is only
 * ever behind the store: what it says was durable before it was written. */
#include "daemon/store_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct seen_row {
        uint8_t magic[8];
        uint8_t id[16];
        uint64_t transaction_le;
};

static const uint8_t seen_magic[8] = "sessjwt1";

/* What is no row of ours says nothing. */
int store_open_seen(struct store *store, int dir_fd) {
        struct seen_row row;
        ssize_t n;

        store->seen_fd = openat(dir_fd, "seen", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->seen_fd < 0)
                return -errno;
        n = pread(store->seen_fd, &row, sizeof(row), 0);
        if (n < 0)
                return -errno;
        if (n != sizeof(row) || memcmp(row.magic, seen_magic, sizeof(seen_magic)) != 0)
                return 0;
        memcpy(store->seen.id, row.id, sizeof(row.id));
        store->seen.transaction = le64toh(row.transaction_le);
        return 0;
}

int store_find_seen(const struct store *store, struct store_point *ret) {
        if (store->seen.transaction == 0)
                return STORE_NOT_FOUND;
        *ret = store->seen;
        return 0;
}

static int find_point(const struct store *store, struct store_point *ret) {
        memcpy(ret->id, store->id, sizeof(store->id));
        return store_last_transaction(store, &ret->transaction);
}

void store_note_seen(struct store *store) {
        struct store_point point;
        struct seen_row row;

        if (store->seen_fd < 0 || find_point(store, &point) < 0)
                return;
        memcpy(row.magic, seen_magic, sizeof(seen_magic));
        memcpy(row.id, point.id, sizeof(point.id));
        row.transaction_le = htole64(point.transaction);
        (void) !pwrite(store->seen_fd, &row, sizeof(row), 0);
}

int store_is_behind(const struct store *store, const struct store_point *point) {
        struct store_point own;
        int r;

        r = find_point(store, &own);
        if (r < 0)
                return r;
        return memcmp(own.id, point->id, sizeof(own.id)) != 0 || own.transaction < point->transaction;
}
