#include "client/status_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "client/protocol.h"

struct status_map {
        char *path;
        struct status_view view;
        uint64_t generation;
};

static void unmap(struct status_view *view) {
        if (view->header)
                (void) munmap((void *) view->header, STATUS_HEADER_SIZE + view->size);
        *view = (struct status_view){ 0 };
}

static int judge_header(const struct status_header *header, uint64_t *ret_size) {
        uint64_t size;

        if (atomic_load_explicit(&header->magic, memory_order_acquire) != STATUS_MAGIC)
                return -EBADMSG;
        if (atomic_load_explicit(&header->version, memory_order_relaxed) != STATUS_VERSION)
                return -EPROTONOSUPPORT;
        if (atomic_load_explicit(&header->bits, memory_order_relaxed) != STATUS_BITS)
                return -EBADMSG;
        size = atomic_load_explicit(&header->size, memory_order_acquire);
        if (size == 0 || size > STATUS_SIZE_MAX)
                return -EBADMSG;
        *ret_size = size;
        return 0;
}

/* The header first, by itself: it says how much more there is. */
static int read_header(int fd, uint64_t *ret_size, uint64_t *ret_generation) {
        struct status_header *header;
        int r;

        header = mmap(NULL, STATUS_HEADER_SIZE, PROT_READ, MAP_SHARED, fd, 0);
        if (header == MAP_FAILED)
                return -errno;
        *ret_generation = atomic_load_explicit(&header->generation, memory_order_acquire);
        r = judge_header(header, ret_size);
        (void) munmap(header, STATUS_HEADER_SIZE);
        return r;
}

static int map_file(const char *path, struct status_view *ret, uint64_t *ret_generation) {
        _cleanup_(cleanup_close) int fd = bytes_open(path);
        uint64_t size = 0, generation = 0;
        struct stat st;
        void *mapping;
        int r;

        if (fd < 0)
                return fd == -ELOOP ? -EBADMSG : fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < STATUS_HEADER_SIZE)
                return -EBADMSG;
        r = read_header(fd, &size, &generation);
        if (r < 0)
                return r;
        /* Again: it may have grown, and then the header speaks of what was not there before. */
        if (fstat(fd, &st) < 0)
                return -errno;
        if (size > (uint64_t) st.st_size - STATUS_HEADER_SIZE)
                return -EBADMSG;
        mapping = mmap(NULL, STATUS_HEADER_SIZE + size, PROT_READ, MAP_SHARED, fd, 0);
        if (mapping == MAP_FAILED)
                return -errno;
        *ret = (struct status_view){
                .header = mapping,
                .bytes = (const _Atomic uint8_t *) mapping + STATUS_HEADER_SIZE,
                .size = size,
        };
        *ret_generation = generation;
        return 0;
}

int status_map_open(const char *directory, struct status_map **ret) {
        _cleanup_(status_map_close) struct status_map *map = calloc(1, sizeof(*map));
        int r;

        if (!map || asprintf(&map->path, "%s/" SESSJWT_STATUS_NAME, directory) < 0) {
                if (map)
                        map->path = NULL;
                return -ENOMEM;
        }
        r = map_file(map->path, &map->view, &map->generation);
        if (r < 0)
                return r;
        *ret = TAKE(map);
        return 0;
}

void status_map_close(struct status_map **map) {
        if (!*map)
                return;
        unmap(&(*map)->view);
        free((*map)->path);
        free(*map);
        *map = NULL;
}

const struct status_view *status_map_view(const struct status_map *map) {
        return &map->view;
}

uint64_t status_map_generation(const struct status_map *map) {
        return map->generation;
}

int status_map_renew(struct status_map *map) {
        struct status_view view = { 0 };
        uint64_t generation;
        int r;

        r = map_file(map->path, &view, &generation);
        if (r < 0)
                return r;
        unmap(&map->view);
        map->view = view;
        map->generation = generation;
        return 0;
}
