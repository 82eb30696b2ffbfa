/* status: see status.h. */
#include "daemon/status.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "client/protocol.h"

#define ROOM_MIN       4096 /* bytes of the smallest page */
#define MAPPING_SIZE   (STATUS_HEADER_SIZE + STATUS_SIZE_MAX)
#define TEMPORARY_NAME ".status-new"

#define WORD_BITS 64
#define N_WORDS   (STATUS_SIZE_MAX / WORD_BITS)

struct status {
        int fd;
        struct status_header *header; /* of a mapping as large as a page can get, made once */
        _Atomic uint8_t *bytes;
        _Atomic uint64_t *taken; /* a bit an index; pages of it come as they are used */
        _Atomic uint64_t n_taken;
        uint8_t *wanted; /* until status_mend: what the bytes are to be */
        uint64_t n_wanted;
        uint64_t store_id[2];
        uint64_t n_changes;
};

static uint64_t room_min(void) {
#ifdef SESSJWT_TEST_HOOKS
        /* So that a test sees a page grow without 2048 logins. */
        const char *room = getenv("SESSJWT_TEST_STATUS_ROOM");

        if (room)
                return strtoull(room, NULL, 10);
#endif
        return ROOM_MIN;
}

static uint64_t random_number(void) {
        uint64_t number = 0;

        while (getrandom(&number, sizeof(number), 0) < 0 && errno == EINTR)
                ;
        return number;
}

/* ---- the file ---- */

/* Whether the page of this size that a file begins with is one that we can go on with. */
static bool is_our_page(const struct status_header *header, uint64_t file_size) {
        uint64_t size = atomic_load(&header->size);

        return atomic_load(&header->magic) == STATUS_MAGIC &&
               atomic_load(&header->version) == STATUS_VERSION && atomic_load(&header->bits) == STATUS_BITS &&
               size > 0 && size <= STATUS_SIZE_MAX && size <= file_size - STATUS_HEADER_SIZE;
}

static int map_page(struct status *status) {
        void *mapping = mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, status->fd, 0);

        if (mapping == MAP_FAILED)
                return -errno;
        status->header = mapping;
        status->bytes = (_Atomic uint8_t *) mapping + STATUS_HEADER_SIZE;
        return 0;
}

static void unmap_page(struct status *status) {
        if (status->header)
                (void) munmap(status->header, MAPPING_SIZE);
        status->header = NULL;
        cleanup_close(&status->fd);
        status->fd = -1;
}

/* Room first, then its bytes, then the header that tells of them. */
static int grow(struct status *status, uint64_t size) {
        uint64_t old = atomic_load(&status->header->size);
        int r;

        if (size > STATUS_SIZE_MAX)
                return -ENOSPC;
        r = posix_fallocate(status->fd, 0, (off_t) (STATUS_HEADER_SIZE + size));
        if (r)
                return -r;
        assert(status->bytes);
        memset((void *) (status->bytes + old), STATUS_INVALID, size - old);
        atomic_store_explicit(&status->header->size, size, memory_order_release);
        return 0;
}

/* 0; -ENOENT when there is none, or none that is ours to go on with. */
static int open_page(struct status *status, int dirfd) {
        struct stat st;
        int r;

        status->fd = openat(dirfd, SESSJWT_STATUS_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (status->fd < 0)
                return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -ENOENT : -errno;
        if (fstat(status->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < STATUS_HEADER_SIZE)
                return -ENOENT;
        if (fchmod(status->fd, 0644) < 0)
                return -errno;
        r = map_page(status);
        if (r < 0)
                return r;
        return is_our_page(status->header, (uint64_t) st.st_size) ? 0 : -ENOENT;
}

/* Under another name, so that no reader meets half of it; and never in a file that a reader may have
 * mapped. */
static int make_page(struct status *status, int dirfd) {
        int r;

        if (unlinkat(dirfd, TEMPORARY_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        status->fd = openat(dirfd, TEMPORARY_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (status->fd < 0)
                return -errno;
        r = posix_fallocate(status->fd, 0, STATUS_HEADER_SIZE);
        if (r)
                return -r;
        r = map_page(status);
        if (r == 0)
                r = grow(status, room_min());
        if (r < 0)
                return r;
        atomic_store(&status->header->version, STATUS_VERSION);
        atomic_store(&status->header->bits, STATUS_BITS);
        /* Unlike that of the page which it follows: who has mapped that one must see that this is another. */
        atomic_store(&status->header->generation, random_number() >> 16);
        atomic_store(&status->header->heartbeat, status_clock());
        atomic_store(&status->header->magic, STATUS_MAGIC);
        if (fchmod(status->fd, 0644) < 0)
                return -errno;
        return renameat(dirfd, TEMPORARY_NAME, dirfd, SESSJWT_STATUS_NAME) < 0 ? -errno : 0;
}

static int open_or_make_page(struct status *status, int dirfd) {
        int r = open_page(status, dirfd);

        if (r != -ENOENT)
                return r;
        unmap_page(status);
        r = make_page(status, dirfd);
        if (r < 0)
                (void) unlinkat(dirfd, TEMPORARY_NAME, 0);
        return r;
}

int status_open(int dirfd, const uint8_t store_id[static 16], struct status **ret) {
        _cleanup_(status_close) struct status *status = calloc(1, sizeof(*status));
        void *taken;
        int r;

        if (!status)
                return -ENOMEM;
        status->fd = -1;
        taken = mmap(NULL, STATUS_SIZE_MAX / 8, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (taken == MAP_FAILED)
                return -errno;
        status->taken = taken;
        r = open_or_make_page(status, dirfd);
        if (r < 0)
                return r;
        memcpy(status->store_id, store_id, sizeof(status->store_id));
        *ret = TAKE(status);
        return 0;
}

int status_find_store(int dirfd, uint8_t ret_store_id[static 16], uint64_t *ret_transaction) {
        static const uint8_t none[16];
        _cleanup_(cleanup_close) int fd = -1;
        struct status_header header = { 0 };
        uint64_t id[2];
        ssize_t n;

        fd = openat(dirfd, SESSJWT_STATUS_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT || errno == ELOOP || errno == ENXIO ? STATUS_NONE : -errno;
        n = pread(fd, &header, sizeof(header), 0);
        if (n < 0)
                return errno == EISDIR ? STATUS_NONE : -errno;
        id[0] = atomic_load(&header.store_id[0]);
        id[1] = atomic_load(&header.store_id[1]);
        if (n != sizeof(header) || atomic_load(&header.magic) != STATUS_MAGIC ||
                atomic_load(&header.version) != STATUS_VERSION || memcmp(id, none, sizeof(none)) == 0)
                return STATUS_NONE;
        memcpy(ret_store_id, id, sizeof(id));
        *ret_transaction = atomic_load(&header.last_transaction);
        return 0;
}

void status_close(struct status **status) {
        if (!*status)
                return;
        unmap_page(*status);
        if ((*status)->taken)
                (void) munmap((void *) (*status)->taken, STATUS_SIZE_MAX / 8);
        free((*status)->wanted);
        free(*status);
        *status = NULL;
}

/* ---- indices ---- */

/* Whether it was free. */
static bool take(struct status *status, uint64_t index) {
        uint64_t bit = UINT64_C(1) << (index % WORD_BITS);

        if (atomic_fetch_or(&status->taken[index / WORD_BITS], bit) & bit)
                return false;
        atomic_fetch_add(&status->n_taken, 1);
        return true;
}

void status_give_back(struct status *status, uint64_t index) {
        uint64_t bit = UINT64_C(1) << (index % WORD_BITS);

        assert(index < STATUS_SIZE_MAX);
        if (atomic_fetch_and(&status->taken[index / WORD_BITS], ~bit) & bit)
                atomic_fetch_sub(&status->n_taken, 1);
}

/* The first free one from there on. At most half are taken, so it is near. */
static uint64_t take_from(struct status *status, uint64_t index, uint64_t size) {
        while (!take(status, index))
                index = index + 1 < size ? index + 1 : 0;
        return index;
}

/* Anywhere at random; then a few more tries, so that the neighbours of what is taken are not more likely
 * than others. */
static uint64_t take_random(struct status *status, uint64_t size) {
        uint64_t index = 0;

        for (int i = 0; i < 64; i++) {
                index = random_number() % size;
                if (take(status, index))
                        return index;
        }
        return take_from(status, index, size);
}

int status_pick(struct status *status, uint64_t *ret) {
        uint64_t size = atomic_load(&status->header->size);

        if ((atomic_load(&status->n_taken) + 1) * 2 > size) {
                int r = grow(status, size * 2);

                if (r < 0)
                        return r;
                size *= 2;
        }
        *ret = take_random(status, size);
        return 0;
}

/* ---- at start ---- */

static int want_room(struct status *status, uint64_t index) {
        uint64_t size = status->n_wanted ? status->n_wanted : atomic_load(&status->header->size);
        uint8_t *wanted;

        while (size <= index)
                size *= 2;
        if (size > STATUS_SIZE_MAX)
                size = STATUS_SIZE_MAX;
        if (size == status->n_wanted)
                return 0;
        wanted = realloc(status->wanted, size);
        if (!wanted)
                return -ENOMEM;
        memset(wanted + status->n_wanted, STATUS_INVALID, size - status->n_wanted);
        status->wanted = wanted;
        status->n_wanted = size;
        return size > atomic_load(&status->header->size) ? grow(status, size) : 0;
}

int status_claim(struct status *status, uint64_t index, bool is_live) {
        int r;

        if (index >= STATUS_SIZE_MAX)
                return -EBADMSG;
        r = want_room(status, index);
        if (r < 0)
                return r;
        (void) take(status, index);
        if (is_live)
                status->wanted[index] = STATUS_VALID;
        return 0;
}

/* The time that it told held for another store's tokens, which no key of ours has signed. */
static void take_over(struct status *status) {
        struct status_header *header = status->header;

        if (atomic_load(&header->store_id[0]) == status->store_id[0] &&
                atomic_load(&header->store_id[1]) == status->store_id[1])
                return;
        atomic_store(&header->wall, 0);
        atomic_store(&header->last_transaction, 0);
        atomic_store(&header->store_id[0], status->store_id[0]);
        atomic_store(&header->store_id[1], status->store_id[1]);
}

/* A byte that is right is not written: a page of memory that nobody writes stays shared and clean. */
void status_mend(struct status *status) {
        uint64_t size = atomic_load(&status->header->size);

        for (uint64_t i = 0; i < size; i++) {
                uint8_t wanted = i < status->n_wanted ? status->wanted[i] : STATUS_INVALID;

                if (atomic_load_explicit(&status->bytes[i], memory_order_relaxed) != wanted)
                        atomic_store_explicit(&status->bytes[i], wanted, memory_order_release);
        }
        free(TAKE(status->wanted));
        status->n_wanted = 0;
        status_raise_generation(status);
        take_over(status);
}

/* ---- the page ---- */

void status_set(struct status *status, uint64_t index, enum status_value value) {
        assert(index < atomic_load(&status->header->size));
        /* In order with all that follows. */
        if (atomic_exchange(&status->bytes[index], (uint8_t) value) != value)
                status->n_changes++;
}

uint64_t status_changes(const struct status *status) {
        return status->n_changes;
}

void status_raise_generation(struct status *status) {
        atomic_fetch_add(&status->header->generation, 1);
}

static void raise_wall(struct status_header *header, usec_t wall) {
        uint64_t told = atomic_load_explicit(&header->wall, memory_order_relaxed);

        while (told < wall && !atomic_compare_exchange_weak(&header->wall, &told, wall))
                ;
}

void status_note_transaction(struct status *status, uint64_t last_transaction) {
        atomic_store_explicit(&status->header->last_transaction, last_transaction, memory_order_relaxed);
}

void status_beat(struct status *status, usec_t wall) {
        struct status_header *header = status->header;

        raise_wall(header, wall);
        atomic_store_explicit(&header->heartbeat, status_clock(), memory_order_release);
}

/* Not for each microsecond: whoever verifies reads this memory all the time. */
usec_t status_time(struct status *status, usec_t wall) {
        uint64_t told = atomic_load_explicit(&status->header->wall, memory_order_relaxed);

        if (wall / USEC_PER_SEC > told / USEC_PER_SEC)
                raise_wall(status->header, wall);
        return told > wall ? told : wall;
}

struct status_view status_view(const struct status *status) {
        return (struct status_view){
                .header = status->header,
                .bytes = status->bytes,
                .size = atomic_load_explicit(&status->header->size, memory_order_acquire),
        };
}

uint64_t status_generation(const struct status *status) {
        return atomic_load_explicit(&status->header->generation, memory_order_acquire);
}
