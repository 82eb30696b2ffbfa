/* Status pages from a file that anybody may have written: headers of all kinds, files longer and shorter than
 * they say. Mapped or refused; never read beyond the file, which would be SIGBUS. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/protocol.h"
#include "client/status_map.h"

#define REQUIRE(condition) ((condition) ? (void) 0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[32];
static char path[sizeof(dir) + sizeof(SESSJWT_STATUS_NAME) + 1];
static int fd = -1;

static void remove_file(void) {
        (void) unlink(path);
        (void) rmdir(dir);
}

/* In memory, where there is such a folder: it is written anew for each input. */
static void make_file(void) {
        snprintf(dir, sizeof(dir), "%s/fuzz_status.XXXXXX",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        REQUIRE(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/" SESSJWT_STATUS_NAME, dir);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        atexit(remove_file);
}

/* The first two bytes say how long the file is beyond what was written, or how much is cut off; then come the
 * header's numbers. */
static uint64_t write_file(const uint8_t *data, size_t size) {
        int16_t more;
        off_t end;

        memcpy(&more, data, sizeof(more));
        end = STATUS_HEADER_SIZE + more;
        if (end < 0)
                end = 0;
        REQUIRE(ftruncate(fd, 0) == 0);
        REQUIRE(pwrite(fd, data + sizeof(more), size - sizeof(more), 0) == (ssize_t) (size - sizeof(more)));
        REQUIRE(ftruncate(fd, end) == 0);
        return (uint64_t) end;
}

static void read_all(const struct status_view *view, uint64_t file_size) {
        uint64_t step = view->size > 4096 ? view->size / 4096 : 1;

        REQUIRE(view->size > 0 && view->size <= file_size - STATUS_HEADER_SIZE);
        for (uint64_t i = 0; i < view->size; i += step)
                (void) status_view_get(view, i);
        (void) status_view_get(view, view->size - 1);
        REQUIRE(status_view_get(view, view->size) == STATUS_INVALID);
        REQUIRE(status_view_get(view, UINT64_MAX) == STATUS_INVALID);
        REQUIRE(atomic_load(&view->header->magic) == STATUS_MAGIC);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct status_map *map = NULL;
        uint64_t file_size;
        int r;

        if (size < 2 || size > STATUS_HEADER_SIZE)
                return 0;
        if (fd < 0)
                make_file();
        file_size = write_file(data, size);
        r = status_map_open(dir, &map);
        REQUIRE(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        REQUIRE((r == 0) == (map != NULL));
        if (r == 0) {
                read_all(status_map_view(map), file_size);
                REQUIRE(status_map_renew(map) == 0);
                read_all(status_map_view(map), file_size);
        }
        status_map_close(&map);
        return 0;
}
