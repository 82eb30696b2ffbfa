/* A fuzzer's corpus without a fuzzer: every input goes through once, so that what a fuzzer has found before
 * is tried by any compiler, in every run of the tests. Named fuzz_NAME, it takes tests/fuzz/corpus/NAME. One
 * test, in TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Into memory of exactly its size, so that reading past it is seen. Its name first: should it crash, it is
 * the last line. */
static int replay(const char *dir, const char *name) {
        static uint8_t bytes[INPUT_MAX];
        char path[1024];
        uint8_t *exact;
        size_t size;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        printf("# %s\n", path);
        fflush(stdout);
        file = fopen(path, "rb");
        if (!file)
                return -1;
        size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        exact = malloc(size ? size : 1);
        if (!exact)
                return -1;
        memcpy(exact, bytes, size);
        (void) LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        return 0;
}

int main(int argc, char **argv) {
        const char *name = strstr(argv[0], "fuzz_");
        char dir[256];
        struct dirent *entry;
        int n = 0, failed = 0;
        DIR *folder;

        for (const char *next = name; next; next = strstr(name + 1, "fuzz_"))
                name = next; /* the last one: the folder may be called so, too */
        snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", name ? name + strlen("fuzz_") : "");
        printf("1..1\n");
        folder = opendir(dir);
        while (folder && (entry = readdir(folder))) {
                if (entry->d_name[0] == '.')
                        continue;
                failed |= replay(dir, entry->d_name);
                n++;
        }
        if (folder)
                closedir(folder);
        failed |= n == 0;
        printf("%sok 1 - the %d inputs in %s break nothing\n", failed ? "not " : "", n, dir);
        return failed ? 1 : 0;
}
