/* Keys as they are kept, to be looked at and altered. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/keyring.h"
#include "tests/unit/signer.h"

struct kept {
        char kid[KID_MAX + 1];
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size;
};

static inline struct keyring *empty_keyring(void) {
        struct keyring *keyring = NULL;

        assert_int_equal(keyring_new(&keyring), 0);
        return keyring;
}

static inline struct kept make(enum key_state state, uint64_t sequence, const struct wrapping_key *with) {
        const struct key_head head = { .state = state, .sequence = sequence };
        struct kept kept = { 0 };

        assert_int_equal(keyring_make(&head, with, kept.kid, kept.record, &kept.size), 0);
        return kept;
}

static inline int add_kept(
        struct keyring *keyring, const struct wrapping_key *with, const struct kept *kept) {
        int r = keyring_add(keyring, with, kept->kid, kept->record, kept->size);

        assert_int_equal(ERR_peek_error(), 0);
        return r;
}
