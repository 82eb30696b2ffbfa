/* What every request may use, over a store of its own. */
#pragma once

#include "tests/unit/store_fixture.h"

#include "daemon/service.h"

/* Without keys: keys_load makes them. */
static inline void service_open(struct service *service, struct fixture *store) {
        *service = (struct service){ .store = store->store };
        assert_int_equal(clock_boot_id(&service->boot), 0);
}

static inline void service_close(struct service *service) {
        keyset_free(&service->keyset);
        keyring_free(&service->keyring);
}
