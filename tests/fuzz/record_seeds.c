/* The first inputs of fuzz_record: records, into the folder that is named. */
#include <stdio.h>

#include "tests/unit/record_sample.h"

static int put(const char *dir, const char *name, const void *bytes, size_t size) {
        char path[1024];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "wb");
        if (!file || fwrite(bytes, 1, size, file) != size)
                return 1;
        return fclose(file) != 0;
}

int main(int argc, char **argv) {
        struct session session = a_session();
        struct device device = a_device();
        struct history_row row = a_history_row();
        uint8_t bytes[RECORD_MAX];
        size_t size;

        if (argc != 2 || record_write_session(&session, bytes, sizeof(bytes), &size) < 0 ||
                put(argv[1], "session", bytes, size))
                return 1;
        if (record_write_history(&row, bytes, sizeof(bytes), &size) < 0 ||
                put(argv[1], "history", bytes, size))
                return 1;
        return record_write_device(&device, bytes, sizeof(bytes), &size) < 0 ||
               put(argv[1], "device", bytes, size);
}
