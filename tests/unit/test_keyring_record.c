/* keyring: how keys are kept, in the clear and wrapped; whatever is altered is refused. */
#include "tests/unit/kept_key.h"

static struct wrapping_key wrapping = { "32 bytes that nobody could guess" };
static struct wrapping_key other = { "32 bytes that nobody would guess" };

/* The known key's record, added to a keyring of its own. */
static int add(const void *record, size_t size) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct keyset_entry entries[JWKS_KEYS_MAX];
        int r = keyring_add(keyring, NULL, SIGNER_KID, record, size);

        assert_int_equal(keyring_public(keyring, entries), r == 0);
        assert_int_equal(ERR_peek_error(), 0);
        return r;
}

/* ---- records ---- */

static void test_a_record_of_another_size_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (size_t i = 0; i <= sizeof(record); i++)
                assert_int_equal(add(record, i), i == size ? 0 : -EBADMSG);
}

static void test_a_record_of_another_version_state_or_wrapping_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (unsigned i = 0; i < 256; i++) {
                record[0] = (uint8_t) i;
                assert_int_equal(add(record, size), i == 2 ? 0 : -EBADMSG);
        }
        record[0] = 2;
        for (unsigned i = 0; i < 256; i++) {
                record[1] = (uint8_t) i;
                assert_int_equal(add(record, size), i >= KEY_NEXT && i <= KEY_RETIRING ? 0 : -EBADMSG);
        }
        record[1] = KEY_ACTIVE;
        for (unsigned i = 0; i < 256; i++) {
                record[2] = (uint8_t) i;
                assert_int_equal(add(record, size), i == 0 ? 0 : -EBADMSG);
        }
}

static void test_a_record_without_a_sequence_number_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        record[10] = 0;
        assert_int_equal(add(record, size), -EBADMSG);
}

static void test_a_record_of_another_key_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        for (size_t bit = 0; bit < 256; bit++) {
                record[SIGNER_SCALAR + bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(add(record, size), -EBADMSG);
                record[SIGNER_SCALAR + bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        assert_int_equal(add(record, size), 0);
}

static void test_a_scalar_outside_1_to_n_is_refused(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        size_t size = signer_record(KEY_ACTIVE, record);

        memset(record + SIGNER_SCALAR, 0, 32);
        assert_int_equal(add(record, size), -EBADMSG);
        memset(record + SIGNER_SCALAR, 0xff, 32);
        assert_int_equal(add(record, size), -EBADMSG);
}

static void test_a_head_is_read_as_it_was_written_and_the_key_stays(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct key_head head = { .state = KEY_RETIRING,
                .sequence = UINT64_C(0x0102030405060708),
                .created_at = 5,
                .longest_ttl = 6,
                .age = { .usec = 7, .noted = { .wall = 8, .boot = 9 }, .boot = { "a boot's number" } } };
        struct kept kept = make(KEY_ACTIVE, 1, &wrapping);
        struct key_head read = { 0 };

        assert_int_equal(keyring_write_head(&head, kept.record, kept.size), 0);
        assert_int_equal(keyring_read_head(kept.record, kept.size, &read), 0);
        assert_true(read.is_wrapped);
        read.is_wrapped = false;
        assert_memory_equal(&read.age, &head.age, sizeof(head.age));
        assert_int_equal(read.state, head.state);
        assert_int_equal(read.sequence, head.sequence);
        assert_int_equal(read.created_at, head.created_at);
        assert_int_equal(read.longest_ttl, head.longest_ttl);
        assert_int_equal(add_kept(keyring, &wrapping, &kept), 0);
        assert_int_equal(keyring_oldest_sequence(keyring), head.sequence);
}

static void test_a_head_that_cannot_be_is_neither_written_nor_made(void **state) {
        struct kept kept = make(KEY_ACTIVE, 1, NULL), before = kept;
        struct key_head nameless = { .state = (enum key_state) 9, .sequence = 1 };
        struct key_head unnumbered = { .state = KEY_NEXT };
        struct key_head good = { .state = KEY_NEXT, .sequence = 1 };

        assert_int_equal(keyring_write_head(&nameless, kept.record, kept.size), -EINVAL);
        assert_int_equal(keyring_write_head(&unnumbered, kept.record, kept.size), -EINVAL);
        assert_int_equal(keyring_write_head(&good, kept.record, kept.size - 1), -EBADMSG);
        assert_int_equal(keyring_make(&nameless, NULL, kept.kid, kept.record, &kept.size), -EINVAL);
        assert_int_equal(keyring_make(&unnumbered, &wrapping, kept.kid, kept.record, &kept.size), -EINVAL);
        assert_memory_equal(&kept, &before, sizeof(kept));
}

/* ---- wrapping ---- */

static void test_a_wrapped_key_opens_with_the_key_that_wrapped_it_alone(void **state) {
        struct kept kept = make(KEY_ACTIVE, 1, &wrapping);
        const struct {
                const struct wrapping_key *with;
                int expected;
        } cases[] = { { &wrapping, 0 }, { &other, -EBADMSG }, { NULL, -ENOKEY } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
                struct keyset_entry entries[JWKS_KEYS_MAX];

                assert_int_equal(add_kept(keyring, cases[i].with, &kept), cases[i].expected);
                assert_int_equal(keyring_public(keyring, entries), cases[i].expected == 0);
        }
}

static void test_a_key_kept_in_the_clear_opens_with_or_without_a_wrapping_key(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept kept = make(KEY_ACTIVE, 1, NULL);

        assert_int_equal(add_kept(keyring, &wrapping, &kept), 0);
}

static void test_a_wrapped_record_that_was_changed_anywhere_behind_its_head_is_refused(void **state) {
        struct kept kept = make(KEY_ACTIVE, 1, &wrapping);

        for (size_t bit = SIGNER_SCALAR * 8; bit < kept.size * 8; bit++) {
                _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();

                kept.record[bit / 8] ^= (uint8_t) (1 << bit % 8);
                assert_int_equal(add_kept(keyring, &wrapping, &kept), -EBADMSG);
                kept.record[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
}

static void test_a_wrapped_record_of_another_size_or_called_plain_is_refused(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept kept = make(KEY_ACTIVE, 1, &wrapping);
        size_t whole = kept.size;

        for (kept.size = 0; kept.size < whole; kept.size++)
                assert_int_equal(add_kept(keyring, &wrapping, &kept), -EBADMSG);
        kept.record[2] = 0;
        assert_int_equal(add_kept(keyring, &wrapping, &kept), -EBADMSG);
        kept.size = SIGNER_SCALAR + 32;
        assert_int_equal(add_kept(keyring, &wrapping, &kept), -EBADMSG);
}

static void test_a_wrapped_key_under_another_kid_is_refused(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept first = make(KEY_ACTIVE, 1, &wrapping), second = make(KEY_NEXT, 2, &wrapping);

        strcpy(first.kid, second.kid);
        assert_int_equal(add_kept(keyring, &wrapping, &first), -EBADMSG);
}

static void test_wrapping_a_kept_key_leaves_the_same_key_and_nothing_of_its_scalar(void **state) {
        _cleanup_(keyring_free) struct keyring *keyring = empty_keyring();
        struct kept kept = { .kid = SIGNER_KID };
        uint8_t scalar[32];
        size_t n;

        kept.size = signer_record(KEY_ACTIVE, kept.record);
        base64url_read(SIGNER_D, strlen(SIGNER_D), scalar, sizeof(scalar), &n);
        assert_int_equal(keyring_wrap(&wrapping, SIGNER_KID, kept.record, &kept.size), 0);
        assert_null(memmem(kept.record, sizeof(kept.record), scalar, 8));
        assert_int_equal(add_kept(keyring, NULL, &kept), -ENOKEY);
        assert_int_equal(add_kept(keyring, &wrapping, &kept), 0);
        assert_int_equal(keyring_active_sequence(keyring), 3);
        assert_int_equal(keyring_wrap(&wrapping, SIGNER_KID, kept.record, &kept.size), -EALREADY);
        kept.size--;
        assert_int_equal(keyring_wrap(&wrapping, SIGNER_KID, kept.record, &kept.size), -EBADMSG);
}

static void test_no_two_wrapped_keys_have_one_nonce(void **state) {
        struct kept first = { 0 }, second;

        first.size = signer_record(KEY_ACTIVE, first.record);
        second = first;
        assert_int_equal(keyring_wrap(&wrapping, SIGNER_KID, first.record, &first.size), 0);
        assert_int_equal(keyring_wrap(&wrapping, SIGNER_KID, second.record, &second.size), 0);
        assert_memory_not_equal(first.record + SIGNER_SCALAR, second.record + SIGNER_SCALAR, 12);
        assert_memory_not_equal(first.record + SIGNER_SCALAR + 12, second.record + SIGNER_SCALAR + 12, 32);
}

static void test_a_wrapping_key_is_freed_once(void **state) {
        struct wrapping_key *key = calloc(1, sizeof(*key));

        wrapping_key_free(&key);
        assert_null(key);
        wrapping_key_free(&key);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_record_of_another_size_is_refused),
                cmocka_unit_test(test_a_record_of_another_version_state_or_wrapping_is_refused),
                cmocka_unit_test(test_a_record_without_a_sequence_number_is_refused),
                cmocka_unit_test(test_a_record_of_another_key_is_refused),
                cmocka_unit_test(test_a_scalar_outside_1_to_n_is_refused),
                cmocka_unit_test(test_a_head_is_read_as_it_was_written_and_the_key_stays),
                cmocka_unit_test(test_a_head_that_cannot_be_is_neither_written_nor_made),
                cmocka_unit_test(test_a_wrapped_key_opens_with_the_key_that_wrapped_it_alone),
                cmocka_unit_test(test_a_key_kept_in_the_clear_opens_with_or_without_a_wrapping_key),
                cmocka_unit_test(test_a_wrapped_record_that_was_changed_anywhere_behind_its_head_is_refused),
                cmocka_unit_test(test_a_wrapped_record_of_another_size_or_called_plain_is_refused),
                cmocka_unit_test(test_a_wrapped_key_under_another_kid_is_refused),
                cmocka_unit_test(test_wrapping_a_kept_key_leaves_the_same_key_and_nothing_of_its_scalar),
                cmocka_unit_test(test_no_two_wrapped_keys_have_one_nonce),
                cmocka_unit_test(test_a_wrapping_key_is_freed_once),
        };

        return cmocka_run_group_tests_name("keyring_record", tests, NULL, NULL);
}
