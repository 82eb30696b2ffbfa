/* credential: see credential.h. */
#include "daemon/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/bytes.h"
#include "client/cleanup.h"
#include "client/hex.h"

#define TEXT_MAX (2 * CREDENTIAL_SIZE_MAX + 1)

static void cleanup_text(uint8_t (*text)[TEXT_MAX + 1]) {
        explicit_bzero(*text, sizeof(*text));
}

static int open_file(const char *name) {
        _cleanup_(cleanup_close) int dir = -1;
        const char *path = getenv("CREDENTIALS_DIRECTORY");
        int fd;

        if (!path || !*path)
                return -ENOENT;
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int read_hex(const uint8_t *text, uint8_t *ret, size_t size) {
        for (size_t i = 0; i < size; i++) {
                int high = hex_digit_any_case((char) text[2 * i]);
                int low = hex_digit_any_case((char) text[2 * i + 1]);

                if (high < 0 || low < 0) {
                        explicit_bzero(ret, i);
                        return -EBADMSG;
                }
                ret[i] = (uint8_t) (high << 4 | low);
        }
        return 0;
}

int credential_read(const char *name, uint8_t *ret, size_t size) {
        _cleanup_(cleanup_text) uint8_t text[TEXT_MAX + 1];
        _cleanup_(cleanup_close) int fd = open_file(name);
        ssize_t n;

        if (fd < 0)
                return fd == -ENOENT ? CREDENTIAL_NONE : fd;
        n = bytes_read(fd, text, sizeof(text)); /* one more than fits is one too many */
        if (n < 0)
                return (int) n;
        if ((size_t) n == size) {
                memcpy(ret, text, size);
                return 0;
        }
        if ((size_t) n == 2 * size || ((size_t) n == 2 * size + 1 && text[n - 1] == '\n'))
                return read_hex(text, ret, size);
        return -EBADMSG;
}
