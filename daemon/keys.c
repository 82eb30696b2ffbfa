/* keys: see keys.h. */
#include "daemon/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/credential.h"
#include "daemon/log.h"
#include "daemon/publish.h"

#define JWKS_TEXT_MAX   (JWKS_KEYS_MAX * 256 + 64)
#define CREDENTIAL_NAME "sessjwt-wrapping-key"

static void cleanup_record(uint8_t (*record)[KEYRING_RECORD_MAX]) {
        explicit_bzero(*record, sizeof(*record));
}

struct rotation_rule keys_rule(const struct config *config, const struct boot_id *boot, struct moment now) {
        struct rotation_rule rule = { .lifetime = config->key_lifetime, .now = now, .boot = *boot };

        for (size_t i = 0; i < config->n_policies; i++)
                if (config->policies[i].access_ttl > rule.longest_ttl)
                        rule.longest_ttl = config->policies[i].access_ttl;
        return rule;
}

int keys_read(struct store_txn *txn, struct rotation *ret) {
        _cleanup_(cleanup_record) uint8_t record[KEYRING_RECORD_MAX];
        struct rotation rotation = { 0 };
        struct store_cursor cursor = { 0 };
        char kid[KID_MAX + 1];
        size_t size;
        int r;

        while ((r = store_next_key(txn, &cursor, kid, record, sizeof(record), &size)) == 0) {
                struct rotation_key *key = &rotation.keys[rotation.n];

                if (rotation.n++ == JWKS_KEYS_MAX)
                        return -EBADMSG;
                memcpy(key->kid, kid, strlen(kid) + 1);
                r = keyring_read_head(record, size, &key->head);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = rotation;
        return 0;
}

/* ---- from the store ---- */

static void say_why(const char *kid, int r) {
        if (r == -ENOKEY)
                log_line(LOG_ERR,
                        "the kept signing keys are wrapped and there is no credential " CREDENTIAL_NAME
                        " to open them with: LoadCredential= or LoadCredentialEncrypted= in sessjwtd.service "
                        "must name it");
        else if (r == -EBADMSG)
                log_line(LOG_ERR,
                        "the kept signing key %s is broken, or was wrapped with another " CREDENTIAL_NAME,
                        kid);
        else
                log_line(LOG_ERR, "the kept signing key %s cannot be read: %s", kid, strerror(-r));
}

static int fill_keyring(struct store *store, const struct wrapping_key *wrapping, struct keyring *keyring) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        _cleanup_(cleanup_record) uint8_t record[KEYRING_RECORD_MAX];
        struct store_cursor cursor = { 0 };
        char kid[KID_MAX + 1];
        size_t size;
        int r;

        r = store_begin_read(store, &txn);
        if (r < 0)
                return r;
        while ((r = store_next_key(txn, &cursor, kid, record, sizeof(record), &size)) == 0) {
                r = keyring_add(keyring, wrapping, kid, record, size);
                if (r < 0) {
                        say_why(kid, r);
                        return r;
                }
        }
        return r < 0 ? r : 0;
}

/* What the store has, as a pair that belongs together. */
static int load_pair(
        const struct service *service, struct keyring **ret_keyring, struct keyset **ret_keyset) {
        _cleanup_(keyring_free) struct keyring *keyring = NULL;
        struct keyset_entry entries[JWKS_KEYS_MAX];
        int r;

        r = keyring_new(&keyring);
        if (r < 0)
                return r;
        r = fill_keyring(service->store, service->wrapping, keyring);
        if (r < 0)
                return r;
        r = keyset_new(entries, keyring_public(keyring, entries), ret_keyset);
        if (r < 0)
                return r;
        *ret_keyring = TAKE(keyring);
        return 0;
}

/* ---- at start ---- */

static int load_wrapping_key(struct service *service) {
        _cleanup_(wrapping_key_free) struct wrapping_key *key = calloc(1, sizeof(*key));
        int r;

        if (!key)
                return -ENOMEM;
        r = credential_read(CREDENTIAL_NAME, key->bytes, sizeof(key->bytes));
        if (r == CREDENTIAL_NONE)
                return 0;
        if (r == -EBADMSG)
                log_line(LOG_ERR, "the credential " CREDENTIAL_NAME
                                  " is no key: right are exactly 32 bytes, or 64 hexadecimal digits");
        else if (r < 0)
                log_line(LOG_ERR, "cannot read the credential " CREDENTIAL_NAME ": %s", strerror(-r));
        if (r < 0)
                return r;
        service->wrapping = TAKE(key);
        return 0;
}

static void log_made(const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_KEY_MADE)
                        log_line(LOG_NOTICE, "made the signing key %s", effects->items[i].note);
}

/* The turn that the writer thread would run, before there is one. */
static int tend_at_start(struct service *service, const struct rotation_rule *rule, struct effects *effects) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        int r;

        r = store_begin_turn(service->store, &txn);
        if (r < 0)
                return r;
        r = keys_tend(txn, service->wrapping, rule, effects);
        if (r == 0 && service->wrapping)
                r = keys_wrap(txn, service->wrapping);
        return r < 0 ? r : store_commit(&txn);
}

int keys_load(struct service *service, const struct rotation_rule *rule) {
        _cleanup_(keyring_free) struct keyring *opens = NULL;
        _cleanup_(effects_free) struct effects effects = { 0 };
        int r;

        r = load_wrapping_key(service);
        if (r < 0)
                return r;
        /* Nothing is changed in a store that cannot be read whole. */
        r = keyring_new(&opens);
        if (r == 0)
                r = fill_keyring(service->store, service->wrapping, opens);
        if (r == 0)
                r = tend_at_start(service, rule, &effects);
        if (r == 0)
                r = load_pair(service, &service->keyring, &service->keyset);
        if (r < 0)
                log_line(LOG_ERR, "cannot load the signing keys: %s", strerror(-r));
        else
                log_made(&effects);
        return r;
}

/* ---- to public/ ---- */

static int publish(const struct keyring *keyring, const char *runtime_dir) {
        _cleanup_(cleanup_close) int dir = publish_open(runtime_dir);
        struct keyset_entry entries[JWKS_KEYS_MAX];
        char text[JWKS_TEXT_MAX];
        size_t size;
        int r;

        if (dir < 0)
                return dir;
        r = keyset_write(entries, keyring_public(keyring, entries), text, sizeof(text), &size);
        return r < 0 ? r : publish_file(dir, SESSJWT_JWKS_NAME, text, size);
}

int keys_publish(const struct service *service, const char *runtime_dir) {
        return publish(service->keyring, runtime_dir);
}

static void withdraw(const char *runtime_dir) {
        _cleanup_(cleanup_close) int dir = publish_open(runtime_dir);

        if (dir < 0 || (unlinkat(dir, SESSJWT_JWKS_NAME, 0) < 0 && errno != ENOENT))
                log_line(LOG_CRIT, "cannot take the revoked keys out of %s/%s: %s", runtime_dir,
                        SESSJWT_PUBLIC_DIR_NAME, strerror(dir < 0 ? -dir : errno));
}

int keys_apply(struct service *service, const char *runtime_dir, bool revoked) {
        _cleanup_(keyring_free) struct keyring *keyring = NULL;
        _cleanup_(keyset_free) struct keyset *keyset = NULL;
        int r, published;

        r = load_pair(service, &keyring, &keyset);
        if (r < 0)
                return r;
        published = publish(keyring, runtime_dir);
        if (published < 0 && !revoked)
                return published;
        if (published < 0)
                withdraw(runtime_dir);
        keyring_free(&service->keyring);
        keyset_free(&service->keyset);
        service->keyring = TAKE(keyring);
        service->keyset = TAKE(keyset);
        return published;
}

bool keys_have_changed(const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind >= EFFECT_KEY_MADE && effects->items[i].kind <= EFFECT_KEY_REVOKED)
                        return true;
        return false;
}

bool keys_were_revoked(const struct effects *effects) {
        for (size_t i = 0; i < effects->n; i++)
                if (effects->items[i].kind == EFFECT_KEY_REVOKED)
                        return true;
        return false;
}
