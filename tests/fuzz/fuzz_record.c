/* Any bytes are refused, or are a record that is written back to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be(int truth) {
        if (!truth)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint8_t again[RECORD_MAX];
        struct session session;
        struct history_row row;
        struct device device;
        struct account account;
        struct password_change change;
        struct lockout lockout;
        size_t again_size;

        if (record_read_session(data, size, &session) == 0) {
                must_be(record_write_session(&session, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        if (record_read_device(data, size, &device) == 0) {
                must_be(record_write_device(&device, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        if (record_read_account(data, size, &account) == 0) {
                must_be(record_write_account(&account, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        if (record_read_password_change(data, size, &change) == 0) {
                must_be(record_write_password_change(&change, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        if (record_read_lockout(data, size, &lockout) == 0) {
                must_be(record_write_lockout(&lockout, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        if (record_read_history(data, size, &row) == 0) {
                must_be(record_write_history(&row, again, sizeof(again), &again_size) == 0);
                must_be(again_size == size && memcmp(again, data, size) == 0);
        }
        return 0;
}
