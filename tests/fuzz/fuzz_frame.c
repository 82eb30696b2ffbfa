/* A packet of any bytes is read as a request and as a reply; what is accepted is written again and must be
 * the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pam/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_request(const uint8_t *packet, size_t size) {
        static uint32_t groups[GROUPS_MAX];
        static uint8_t again[FRAME_REQUEST_MAX];
        struct frame_request request;
        const char *field = NULL;
        uint16_t version;
        size_t n;

        if (frame_read_request(packet, size, &request, groups, &version, &field) != 0) {
                if (!field)
                        abort();
                return;
        }
        if (frame_write_request(&request, again, sizeof(again), &n, &field) != 0 || n != size ||
                memcmp(again, packet, n) != 0)
                abort();
}

static void read_as_reply(const uint8_t *packet, size_t size) {
        uint8_t again[FRAME_REPLY_MAX];
        struct frame_reply reply;
        uint16_t version;
        size_t n;

        if (frame_read_reply(packet, size, &reply, &version) != 0)
                return;
        if (frame_write_reply(&reply, again, sizeof(again), &n) != 0 || n != size ||
                memcmp(again, packet, n) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t *packet = malloc(size ? size : 1); /* of exactly that size, so that reading past it is seen */

        if (!packet)
                return 0;
        if (size)
                memcpy(packet, data, size);
        read_as_request(packet, size);
        read_as_reply(packet, size);
        free(packet);
        return 0;
}
