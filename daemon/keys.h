/* keys: the signing keys between store, keyring and public/: loads them, makes the first one, publishes
 * the public side. */
#pragma once

#include "daemon/service.h"

/* Fills service->keyring and service->keyset from the store; at the first start makes a key and keeps it.
 * Before the writer thread is started. 0 or negative errno. */
int keys_load(struct service *service, usec_t now_wall);

/* Writes public/jwks.json under runtime_dir. 0 or negative errno. */
int keys_publish(const struct service *service, const char *runtime_dir);
