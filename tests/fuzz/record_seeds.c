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

static int put_sessions(const char *dir) {
        struct session session = a_session();
        uint8_t bytes[RECORD_MAX];
        size_t size;

        return record_write_session(&session, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "session", bytes, size);
}

static int put_devices(const char *dir) {
        struct device device = a_device();
        uint8_t bytes[RECORD_MAX];
        size_t size;

        return record_write_device(&device, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "device", bytes, size);
}

static int put_history(const char *dir) {
        struct history_row row = a_history_row();
        uint8_t bytes[RECORD_MAX];
        size_t size;

        return record_write_history(&row, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "history", bytes, size);
}

static int put_accounts(const char *dir) {
        struct account account = account_of("default", "alice");
        uint8_t bytes[RECORD_MAX];
        size_t size;

        account.uid = 1000;
        account.reset_at = 1800000000 * USEC_PER_SEC;
        account.failures = 3;
        account.failed_at = account.reset_at;
        snprintf(account.failed_from, sizeof(account.failed_from), "192.0.2.1");
        return record_write_account(&account, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "account", bytes, size);
}

static int put_password_changes(const char *dir) {
        struct password_change change = a_password_change();
        uint8_t bytes[RECORD_MAX];
        size_t size;

        return record_write_password_change(&change, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "password-change", bytes, size);
}

static int put_lockouts(const char *dir) {
        struct lockout lockout = { .realm = "default",
                .user = "alice",
                .kind = LOCKOUT_SOURCE,
                .source = "192.0.2.1",
                .at_boot = 1,
                .at_wall = 1800000000 * USEC_PER_SEC,
                .lasts = USEC_PER_SEC };
        uint8_t bytes[RECORD_MAX];
        size_t size;

        if (record_write_lockout(&lockout, bytes, sizeof(bytes), &size) < 0 ||
                put(dir, "lockout", bytes, size))
                return 1;
        lockout.kind = LOCKOUT_ADMIN;
        lockout.source[0] = '\0';
        snprintf(lockout.reason, sizeof(lockout.reason), "lost laptop");
        return record_write_lockout(&lockout, bytes, sizeof(bytes), &size) < 0 ||
               put(dir, "lockout-admin", bytes, size);
}

int main(int argc, char **argv) {
        if (argc != 2)
                return 1;
        return put_sessions(argv[1]) || put_devices(argv[1]) || put_history(argv[1]) ||
               put_accounts(argv[1]) || put_password_changes(argv[1]) || put_lockouts(argv[1]);
}
