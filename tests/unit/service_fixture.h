/* What every request may use, over a store of its own. */
#pragma once

#include "tests/unit/store_fixture.h"

#include <fcntl.h>

#include "daemon/service.h"

/* A page that nobody else can see: its folder is gone when this returns. */
static inline void service_open_status(struct service *service) {
        char dir[] = "/tmp/test_status.XXXXXX";
        uint8_t id[16];
        int fd;

        assert_non_null(mkdtemp(dir));
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        store_id(service->store, id);
        assert_int_equal(status_open(fd, id, &service->status), 0);
        status_mend(service->status);
        assert_int_equal(unlinkat(fd, "status", 0), 0);
        assert_int_equal(rmdir(dir), 0);
        close(fd);
}

/* Without keys: keys_load makes them. */
static inline void service_open(struct service *service, struct fixture *store) {
        *service = (struct service){ .store = store->store };
        assert_int_equal(clock_boot_id(&service->boot), 0);
        service_open_status(service);
}

static inline void service_close(struct service *service) {
        status_close(&service->status);
        choices_clear(&service->choices);
        keyset_free(&service->keyset);
        keyring_free(&service->keyring);
}
