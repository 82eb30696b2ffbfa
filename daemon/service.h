/* service: what every request may use, made once at start. Who may touch what: store reads, keyring and
 * keyset belong to the loop thread; last_sid to the writer thread; the rest is constant. */
#pragma once

#include "client/keyset.h"
#include "daemon/clock.h"
#include "daemon/keyring.h"
#include "daemon/sid.h"
#include "daemon/store.h"

struct service {
        struct store *store;
        struct keyring *keyring;
        struct keyset *keyset; /* the public side of keyring */
        struct boot_id boot;
        usec_t started_boot;
        struct sid last_sid; /* the newest one minted or stored */
};
