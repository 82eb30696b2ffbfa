/* A public folder for tests: a status page made by hand, and a key set. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/status_page.h"

struct status_file {
        char dir[96];
        char path[112];
        char keys[112];
        struct status_header *header; /* of the page that was made last, writable */
        _Atomic uint8_t *bytes;
        size_t size;
};

static inline void status_file_write(const char *path, const void *bytes, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        if (fd < 0 || write(fd, bytes, size) != (ssize_t) size)
                abort();
        close(fd);
}

/* Makes or grows the page to `size` bytes behind the header and says so in it. */
static inline void status_file_grow(struct status_file *f, size_t size) {
        int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        size_t old = f->size;

        if (fd < 0 || ftruncate(fd, (off_t) (STATUS_HEADER_SIZE + size)) < 0)
                abort();
        if (f->header)
                munmap(f->header, STATUS_HEADER_SIZE + f->size);
        f->header = mmap(NULL, STATUS_HEADER_SIZE + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (f->header == MAP_FAILED)
                abort();
        f->bytes = (_Atomic uint8_t *) f->header + STATUS_HEADER_SIZE;
        memset((void *) (f->bytes + old), STATUS_INVALID, size - old);
        f->size = size;
        atomic_store(&f->header->size, size);
        atomic_store(&f->header->version, STATUS_VERSION);
        atomic_store(&f->header->bits, STATUS_BITS);
        atomic_store(&f->header->heartbeat, status_clock());
        atomic_store(&f->header->magic, STATUS_MAGIC);
}

static inline void status_file_make(struct status_file *f, size_t size) {
        const char *folder = getenv("TMPDIR");

        *f = (struct status_file){ 0 };
        snprintf(f->dir, sizeof(f->dir), "%s/test_status.XXXXXX", folder ? folder : "/tmp");
        if (!mkdtemp(f->dir))
                abort();
        snprintf(f->path, sizeof(f->path), "%s/status", f->dir);
        snprintf(f->keys, sizeof(f->keys), "%s/jwks.json", f->dir);
        if (size)
                status_file_grow(f, size);
}

/* Another file in its place, as after a folder was lost. */
static inline void status_file_replace(struct status_file *f, size_t size) {
        munmap(f->header, STATUS_HEADER_SIZE + f->size);
        f->header = NULL;
        f->size = 0;
        unlink(f->path);
        status_file_grow(f, size);
}

static inline void status_file_remove(struct status_file *f) {
        if (f->header)
                munmap(f->header, STATUS_HEADER_SIZE + f->size);
        unlink(f->path);
        unlink(f->keys);
        rmdir(f->dir);
}
