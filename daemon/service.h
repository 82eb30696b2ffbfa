/* service: what every request may use, made once at start. Who may touch what: store reads, keyring and
 * keyset belong to the loop thread, which puts others in their place after a rotation (a request has a
 * reference of its own to the keyring of its arrival); last_sid to the writer thread; the rest, seal too, is
 * constant. */
#pragma once

#include "client/keyset.h"
#include "client/token_cache.h"
#include "daemon/choice.h"
#include "daemon/clock.h"
#include "daemon/health.h"
#include "daemon/keyring.h"
#include "daemon/seal.h"
#include "daemon/names.h"
#include "daemon/sid.h"
#include "daemon/statistics.h"
#include "daemon/status.h"
#include "daemon/store.h"

/* What Introspect says of a token that was seen: its members as text, without braces. */
struct token_text {
        size_t size; /* 0: not written yet, or too long to be kept */
        char bytes[1024];
};

struct service {
        struct store *store;
        struct keyring *keyring;       /* a reference */
        struct keyset *keyset;         /* the public side of keyring */
        struct wrapping_key *wrapping; /* of the kept keys; NULL: they are kept in the clear */
        struct status *status;
        char *status_list; /* the token that public/status.jwt holds, for the loop thread; NULL: none yet */
        struct token_cache *tokens_seen; /* with room for a struct token_text */
        uint64_t seen_generation;        /* of the status page, when tokens_seen was empty */
        struct seal *seal;               /* of refresh tokens */
        struct seal *unknown_names;      /* of names that nobody has; made at each start and kept nowhere */
        struct names *names;             /* loop thread only */
        struct choices choices;          /* loop thread only */
        struct health health;            /* loop thread only */
        struct statistics statistics;    /* loop thread only */
        struct boot_id boot;
        bool is_renewed; /* at start: see renewal.h */
        usec_t started_boot;
        struct sid last_sid; /* the newest one minted or stored */
};
