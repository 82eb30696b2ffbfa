/* Whatever config_read accepts, config_write writes so that it reads back to the same; whatever it refuses
 * has a message. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition) {
        if (!condition)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_unref) struct config *first = NULL, *second = NULL;
        _cleanup_(cleanup_free) char *once = NULL, *twice = NULL;
        char error[CONFIG_ERROR_MAX] = "";
        int r;

        r = config_read("fuzz", (const char *) data, size, &first, error);
        if (r) {
                check(r < 0 && !first && strncmp(error, "fuzz:", 5) == 0 && strlen(error) < sizeof(error));
                return 0;
        }
        check(first && first->n_policies >= 1 && first->n_realms >= 1);
        check(strcmp(first->policies[first->n_policies - 1].name, SESSJWT_DEFAULT_POLICY) == 0);
        check(config_write(first, &once) == 0);
        check(config_read("again", once, strlen(once), &second, error) == 0);
        check(config_write(second, &twice) == 0);
        check(strcmp(once, twice) == 0);
        return 0;
}
