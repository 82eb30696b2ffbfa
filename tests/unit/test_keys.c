#include "tests/unit/store_fixture.h"

#include <sys/stat.h>

#include "client/jws.h"
#include "daemon/keys.h"

#define DAY (86400 * USEC_PER_SEC)

static struct wrapping_key wrapping = { "32 bytes that nobody could guess" };

static struct rotation_rule at(usec_t passed) {
        return (struct rotation_rule){ .lifetime = 30 * DAY,
                .longest_ttl = 900 * USEC_PER_SEC,
                .now = { .wall = 20000 * DAY + passed, .boot = DAY + passed },
                .boot = { "this boot's id." } };
}

static struct rotation read_all(struct fixture *f) {
        _cleanup_(store_abort) struct store_txn *txn = NULL;
        struct rotation rotation;

        assert_int_equal(store_begin_read(f->store, &txn), 0);
        assert_int_equal(keys_read(txn, &rotation), 0);
        return rotation;
}

static size_t count(const struct rotation *rotation, enum key_state state) {
        size_t n = 0;

        for (size_t i = 0; i < rotation->n; i++)
                n += rotation->keys[i].head.state == state;
        return n;
}

static const char *kid_of(struct rotation *rotation, enum key_state state) {
        struct rotation_key *key = rotation_find(rotation, state);

        assert_non_null(key);
        return key->kid;
}

static size_t count_effects(const struct effects *effects, enum effect_kind kind, const char *kid) {
        size_t n = 0;

        for (size_t i = 0; i < effects->n; i++)
                n += effects->items[i].kind == kind && (!kid || strcmp(effects->items[i].note, kid) == 0);
        return n;
}

static void tend(struct fixture *f, struct rotation_rule rule, struct effects *effects) {
        struct store_txn *txn = begin_turn(f);

        effects_clear(effects);
        assert_int_equal(keys_tend(txn, NULL, &rule, effects), 0);
        assert_int_equal(store_commit(&txn), 0);
}

static struct rotation rotate(
        struct fixture *f, struct rotation_rule rule, bool compromised, struct effects *effects) {
        struct store_txn *txn = begin_turn(f);
        struct rotation said, kept;

        effects_clear(effects);
        assert_int_equal(keys_rotate(txn, NULL, &rule, compromised, BY_ADMIN, effects, &said), 0);
        assert_int_equal(store_commit(&txn), 0);
        kept = read_all(f);
        assert_memory_equal(&said, &kept, sizeof(said));
        return kept;
}

/* ---- in a turn ---- */

static void test_an_empty_store_gets_one_that_signs_and_one_for_later(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation rotation;

        tend(f, at(0), &effects);
        rotation = read_all(f);
        assert_int_equal(rotation.n, 2);
        assert_int_equal(rotation_find(&rotation, KEY_ACTIVE)->head.sequence, 1);
        assert_int_equal(rotation_find(&rotation, KEY_NEXT)->head.sequence, 2);
        assert_int_equal(count_effects(&effects, EFFECT_KEY_MADE, NULL), 2);
        assert_true(keys_have_changed(&effects) && !keys_were_revoked(&effects));
        tend(f, at(1), &effects);
        assert_int_equal(effects.n, 0);
        assert_false(keys_have_changed(&effects));
}

static void test_a_next_key_that_is_missing_is_made(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation rotation;
        struct store_txn *txn;

        tend(f, at(0), &effects);
        rotation = read_all(f);
        txn = begin_turn(f);
        assert_int_equal(store_remove_key(txn, kid_of(&rotation, KEY_NEXT)), 0);
        assert_int_equal(store_commit(&txn), 0);
        tend(f, at(1), &effects);
        assert_int_equal(count_effects(&effects, EFFECT_KEY_MADE, NULL), 1);
        rotation = read_all(f);
        assert_int_equal(count(&rotation, KEY_NEXT), 1);
        assert_int_equal(count(&rotation, KEY_ACTIVE), 1);
}

static void test_a_rotation_moves_each_key_on_and_tells_who_signs(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation before, after;

        tend(f, at(0), &effects);
        before = read_all(f);
        after = rotate(f, at(5), false, &effects);
        assert_string_equal(kid_of(&after, KEY_ACTIVE), kid_of(&before, KEY_NEXT));
        assert_string_equal(kid_of(&after, KEY_RETIRING), kid_of(&before, KEY_ACTIVE));
        assert_int_equal(rotation_find(&after, KEY_NEXT)->head.sequence, 3);
        assert_int_equal(count_effects(&effects, EFFECT_KEY_ROTATED, kid_of(&after, KEY_ACTIVE)), 1);
        assert_int_equal(count_effects(&effects, EFFECT_KEY_MADE, kid_of(&after, KEY_NEXT)), 1);
        assert_int_equal(effects.items[0].initiator, BY_ADMIN);
}

static void test_age_rotates_and_the_end_of_its_tokens_takes_a_key_away(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation before, after;

        tend(f, at(0), &effects);
        before = read_all(f);
        tend(f, at(30 * DAY), &effects);
        after = read_all(f);
        assert_string_equal(kid_of(&after, KEY_ACTIVE), kid_of(&before, KEY_NEXT));
        assert_int_equal(effects.items[0].initiator, BY_POLICY);
        tend(f, at(31 * DAY), &effects);
        assert_int_equal(count_effects(&effects, EFFECT_KEY_GONE, kid_of(&before, KEY_ACTIVE)), 1);
        after = read_all(f);
        assert_int_equal(after.n, 2);
        assert_int_equal(count(&after, KEY_RETIRING), 0);
}

static void test_a_revocation_leaves_two_new_keys_and_tells_of_each_that_went(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation before, after;

        tend(f, at(0), &effects);
        before = rotate(f, at(1), false, &effects);
        after = rotate(f, at(2), true, &effects);
        assert_int_equal(before.n, 3);
        assert_int_equal(after.n, 2);
        for (size_t i = 0; i < before.n; i++) {
                assert_int_equal(count_effects(&effects, EFFECT_KEY_REVOKED, before.keys[i].kid), 1);
                for (size_t k = 0; k < after.n; k++)
                        assert_string_not_equal(before.keys[i].kid, after.keys[k].kid);
        }
        assert_true(keys_were_revoked(&effects));
        assert_int_equal(rotation_find(&after, KEY_ACTIVE)->head.sequence, 4);
        assert_int_equal(rotation_find(&after, KEY_NEXT)->head.sequence, 5);
}

static void test_a_rotation_without_room_changes_nothing(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation_rule rule = at(0);
        struct rotation before, after, unset;
        struct store_txn *txn;

        tend(f, at(0), &effects);
        for (int i = 0; i < JWKS_KEYS_MAX - 2; i++)
                before = rotate(f, at(1), false, &effects);
        assert_int_equal(before.n, JWKS_KEYS_MAX);
        effects_clear(&effects);
        txn = begin_turn(f);
        assert_int_equal(keys_rotate(txn, NULL, &rule, false, BY_ADMIN, &effects, &unset), ROTATION_FULL);
        assert_int_equal(store_commit(&txn), 0);
        after = read_all(f);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_int_equal(effects.n, 0);
}

static void test_a_rotation_that_is_undone_has_left_nothing(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct rotation_rule rule = at(1);
        struct rotation before, after;
        struct store_txn *txn;

        tend(f, at(0), &effects);
        before = read_all(f);
        txn = begin_turn(f);
        assert_int_equal(keys_rotate(txn, NULL, &rule, true, BY_ADMIN, &effects, &after), 0);
        store_abort(&txn);
        after = read_all(f);
        assert_memory_equal(&before, &after, sizeof(before));
}

static void test_more_keys_than_can_be_published_or_a_broken_one_are_not_read(void **state) {
        static const uint8_t broken[20] = { 2, KEY_ACTIVE };
        struct fixture *f = *state;
        struct rotation rotation;
        struct store_txn *txn = begin_turn(f);
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        for (uint64_t i = 1; i <= JWKS_KEYS_MAX + 1; i++) {
                const struct key_head head = { .state = KEY_RETIRING, .sequence = i };

                assert_int_equal(keyring_make(&head, NULL, kid, record, &size), 0);
                assert_int_equal(store_put_key(txn, kid, record, size), 0);
                assert_int_equal(keys_read(txn, &rotation), i <= JWKS_KEYS_MAX ? 0 : -EBADMSG);
        }
        assert_int_equal(store_remove_key(txn, kid), 0);
        assert_int_equal(keys_read(txn, &rotation), 0);
        assert_int_equal(store_put_key(txn, rotation.keys[0].kid, broken, sizeof(broken)), 0);
        assert_int_equal(keys_read(txn, &rotation), -EBADMSG);
        store_abort(&txn);
}

/* ---- at start, and to public/ ---- */

static bool is_published(const struct fixture *f, const char *kid) {
        char path[128], text[JWKS_MAX] = "";
        FILE *file;

        snprintf(path, sizeof(path), "%s/public/jwks.json", f->above);
        file = fopen(path, "re");
        if (!file)
                return false;
        (void) !fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        return strstr(text, kid) != NULL;
}

static void service_free(struct service *service) {
        keyring_free(&service->keyring);
        keyset_free(&service->keyset);
}

static void block(const struct fixture *f, bool blocked) {
        char path[128];

        snprintf(path, sizeof(path), "%s/public/.publish-jwks.json", f->above);
        assert_int_equal(blocked ? mkdir(path, 0700) : rmdir(path), 0);
}

static void test_what_a_start_finds_is_what_a_crash_left(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct service first = { .store = f->store }, second = { .store = f->store };
        struct rotation_rule rule = at(0);
        struct rotation rotation;

        assert_int_equal(keys_load(&first, &rule), 0);
        rotation = rotate(f, at(1), false, &effects); /* and nobody applies it */
        assert_int_equal(keys_load(&second, &rule), 0);
        assert_string_equal(keyring_active(second.keyring), kid_of(&rotation, KEY_ACTIVE));
        for (size_t i = 0; i < rotation.n; i++)
                assert_non_null(keyset_find(second.keyset, rotation.keys[i].kid));
        assert_int_equal(keyring_oldest_sequence(second.keyring), 1);
        assert_int_equal(keyring_active_sequence(second.keyring), 2);
        service_free(&first);
        service_free(&second);
}

static void test_applied_keys_are_published_and_in_use_while_the_former_ones_are_still_held(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        _cleanup_(keyring_free) struct keyring *held = NULL;
        struct fixture *f = *state;
        struct service service = { .store = f->store };
        struct rotation_rule rule = at(0);
        struct rotation rotation;
        uint8_t signature[JWS_SIGNATURE_SIZE];

        assert_int_equal(keys_load(&service, &rule), 0);
        assert_int_equal(keys_publish(&service, f->above), 0);
        held = keyring_ref(service.keyring);
        rotation = rotate(f, at(1), false, &effects);
        assert_false(is_published(f, kid_of(&rotation, KEY_NEXT)));
        assert_int_equal(keys_apply(&service, f->above, false), 0);
        for (size_t i = 0; i < rotation.n; i++)
                assert_true(is_published(f, rotation.keys[i].kid));
        assert_string_equal(keyring_active(service.keyring), kid_of(&rotation, KEY_ACTIVE));
        assert_non_null(keyset_find(service.keyset, kid_of(&rotation, KEY_NEXT)));
        assert_string_equal(keyring_active(held), kid_of(&rotation, KEY_RETIRING));
        assert_int_equal(keyring_sign(held, "text", 4, signature), 0);
        service_free(&service);
}

static void test_keys_that_cannot_be_published_are_not_in_use(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct service service = { .store = f->store };
        struct rotation_rule rule = at(0);
        struct rotation rotation;

        assert_int_equal(keys_load(&service, &rule), 0);
        assert_int_equal(keys_publish(&service, f->above), 0);
        rotation = rotate(f, at(1), false, &effects);
        block(f, true);
        assert_true(keys_apply(&service, f->above, false) < 0);
        assert_string_equal(keyring_active(service.keyring), kid_of(&rotation, KEY_RETIRING));
        assert_null(keyset_find(service.keyset, kid_of(&rotation, KEY_NEXT)));
        assert_true(is_published(f, kid_of(&rotation, KEY_RETIRING)));
        block(f, false);
        assert_int_equal(keys_apply(&service, f->above, false), 0);
        assert_string_equal(keyring_active(service.keyring), kid_of(&rotation, KEY_ACTIVE));
        service_free(&service);
}

static void test_revoked_keys_are_given_up_even_if_the_new_ones_cannot_be_published(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct service service = { .store = f->store };
        struct rotation_rule rule = at(0);
        struct rotation before, after;

        assert_int_equal(keys_load(&service, &rule), 0);
        assert_int_equal(keys_publish(&service, f->above), 0);
        before = read_all(f);
        after = rotate(f, at(1), true, &effects);
        block(f, true);
        assert_true(keys_apply(&service, f->above, true) < 0);
        assert_null(keyset_find(service.keyset, kid_of(&before, KEY_ACTIVE)));
        assert_string_equal(keyring_active(service.keyring), kid_of(&after, KEY_ACTIVE));
        assert_false(is_published(f, kid_of(&before, KEY_ACTIVE)));
        block(f, false);
        assert_int_equal(keys_apply(&service, f->above, false), 0);
        assert_true(is_published(f, kid_of(&after, KEY_ACTIVE)));
        service_free(&service);
}

static void test_wrapping_leaves_no_key_in_the_clear_and_every_key_as_it_was(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct service service = { .store = f->store }, without = { .store = f->store };
        struct rotation_rule rule = at(0);
        struct rotation before, after;
        struct store_txn *txn;

        tend(f, at(0), &effects);
        before = read_all(f);
        txn = begin_turn(f);
        assert_int_equal(keys_wrap(txn, &wrapping), 0);
        assert_int_equal(keys_wrap(txn, &wrapping), 0);
        assert_int_equal(store_commit(&txn), 0);
        after = read_all(f);
        assert_int_equal(after.n, before.n);
        for (size_t i = 0; i < after.n; i++) {
                assert_true(after.keys[i].head.is_wrapped);
                assert_string_equal(after.keys[i].kid, before.keys[i].kid);
        }
        service.wrapping = &wrapping;
        assert_int_equal(keys_apply(&service, f->above, false), 0);
        assert_string_equal(keyring_active(service.keyring), kid_of(&before, KEY_ACTIVE));
        assert_int_equal(keys_load(&without, &rule), -ENOKEY);
        assert_null(without.keyring);
        after = read_all(f);
        assert_int_equal(after.n, before.n);
        service_free(&service);
}

static void test_a_store_with_a_broken_key_is_not_touched(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct fixture *f = *state;
        struct service service = { .store = f->store };
        struct rotation_rule rule = at(100 * DAY);
        struct rotation before, after;
        struct store_txn *txn;
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size;

        tend(f, at(0), &effects);
        before = read_all(f);
        txn = begin_turn(f);
        assert_int_equal(store_find_key(txn, kid_of(&before, KEY_NEXT), record, sizeof(record), &size), 0);
        record[size - 1] ^= 1;
        assert_int_equal(store_put_key(txn, kid_of(&before, KEY_NEXT), record, size), 0);
        assert_int_equal(store_commit(&txn), 0);
        assert_int_equal(keys_load(&service, &rule), -EBADMSG);
        after = read_all(f);
        assert_memory_equal(&before, &after, sizeof(before));
}

static void test_the_longest_token_of_all_policies_counts(void **state) {
        static const char text[] = "[token]\nkey_lifetime = 2d\n[policy a]\nusers = a\naccess_ttl = 2h\n"
                                   "[policy default]\naccess_ttl = 1m\n";
        _cleanup_(config_unref) struct config *config = NULL;
        char error[CONFIG_ERROR_MAX];
        struct rotation_rule rule;

        assert_int_equal(config_read("test", text, strlen(text), &config, error), 0);
        rule = keys_rule(config, &(struct boot_id){ "x" }, (struct moment){ .wall = 1, .boot = 2 });
        assert_int_equal(rule.longest_ttl, 7200 * USEC_PER_SEC);
        assert_int_equal(rule.lifetime, 2 * DAY);
        assert_int_equal(rule.now.boot, 2);
}

/* ---- the fixture's folder is the runtime folder, too ---- */

static int setup(void **state) {
        struct fixture *f;

        (void) unsetenv("CREDENTIALS_DIRECTORY");
        fixture_setup(state);
        f = *state;
        return f ? 0 : -1;
}

static int teardown(void **state) {
        struct fixture *f = *state;
        char path[128];

        snprintf(path, sizeof(path), "%s/public/jwks.json", f->above);
        (void) unlink(path);
        snprintf(path, sizeof(path), "%s/public", f->above);
        (void) rmdir(path);
        return fixture_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_an_empty_store_gets_one_that_signs_and_one_for_later),
                TEST(test_a_next_key_that_is_missing_is_made),
                TEST(test_a_rotation_moves_each_key_on_and_tells_who_signs),
                TEST(test_age_rotates_and_the_end_of_its_tokens_takes_a_key_away),
                TEST(test_a_revocation_leaves_two_new_keys_and_tells_of_each_that_went),
                TEST(test_a_rotation_without_room_changes_nothing),
                TEST(test_a_rotation_that_is_undone_has_left_nothing),
                TEST(test_more_keys_than_can_be_published_or_a_broken_one_are_not_read),
                TEST(test_what_a_start_finds_is_what_a_crash_left),
                TEST(test_applied_keys_are_published_and_in_use_while_the_former_ones_are_still_held),
                TEST(test_keys_that_cannot_be_published_are_not_in_use),
                TEST(test_revoked_keys_are_given_up_even_if_the_new_ones_cannot_be_published),
                TEST(test_wrapping_leaves_no_key_in_the_clear_and_every_key_as_it_was),
                TEST(test_a_store_with_a_broken_key_is_not_touched),
                TEST(test_the_longest_token_of_all_policies_counts),
        };

        return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
