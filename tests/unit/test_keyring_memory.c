/* Where a private key was, none of it is left: the process reads its own memory. What is looked for is put
 * together byte by byte from masked ones, so that the search does not find itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/keyring.h"
#include "daemon/keyring_private.h"

#define NEEDLE_SIZE 16 /* half a scalar is enough to tell */
#define MASK        0x5a

struct needle {
        uint8_t masked[NEEDLE_SIZE];
};

/* Both orders: as it is kept, and as OpenSSL has numbers. */
static struct needle forwards, backwards;

static void learn(const uint8_t *scalar) {
        for (size_t i = 0; i < NEEDLE_SIZE; i++) {
                forwards.masked[i] = scalar[i] ^ MASK;
                backwards.masked[i] = scalar[RECORD_SCALAR_SIZE - 1 - i] ^ MASK;
        }
}

static bool is_at(const struct needle *needle, const uint8_t *p) {
        for (size_t i = 0; i < NEEDLE_SIZE; i++)
                if ((p[i] ^ MASK) != needle->masked[i])
                        return false;
        return true;
}

static size_t count_in(const uint8_t *bytes, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i + NEEDLE_SIZE <= size; i++)
                n += is_at(&forwards, bytes + i) || is_at(&backwards, bytes + i);
        return n;
}

/* Read through the kernel: freed memory may be read no other way. */
static size_t count_in_range(int mem, unsigned long begin, unsigned long end, uint8_t *window, size_t size) {
        size_t n = 0;

        for (unsigned long at = begin; at < end; at += size - NEEDLE_SIZE) {
                size_t want = end - at < size ? end - at : size;
                ssize_t got = pread(mem, window, want, (off_t) at);

                if (got <= 0)
                        return n;
                n += count_in(window, (size_t) got);
                memset(window, 0, (size_t) got);
        }
        return n;
}

/* In all that this process may write, but for the window that is looked through. */
static size_t count_in_memory(void) {
        static uint8_t window[1 << 16];
        FILE *maps = fopen("/proc/self/maps", "re");
        int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        unsigned long begin, end;
        char line[512], rights[8];
        size_t n = 0;

        assert_non_null(maps);
        assert_true(mem >= 0);
        while (fgets(line, sizeof(line), maps))
                if (sscanf(line, "%lx-%lx %7s", &begin, &end, rights) == 3 && rights[1] == 'w' &&
                        end - begin < (1UL << 32)) /* not a sanitizer's shadow */
                        n += count_in_range(mem, begin, end, window, sizeof(window));
        fclose(maps);
        close(mem);
        return n;
}

/* A kept key, whose scalar is learnt. */
static void make(
        const struct wrapping_key *wrapping, char kid[static KID_MAX + 1], uint8_t *record, size_t *size) {
        const struct key_head head = { .state = KEY_ACTIVE, .sequence = 1 };
        uint8_t scalar[RECORD_SCALAR_SIZE];

        assert_int_equal(keyring_make(&head, wrapping, kid, record, size), 0);
        assert_int_equal(record_open(wrapping, kid, record, *size, scalar), 0);
        learn(scalar);
        explicit_bzero(scalar, sizeof(scalar));
}

static struct wrapping_key *wrapping_key(void) {
        struct wrapping_key *key = malloc(sizeof(*key));

        assert_non_null(key);
        memset(key->bytes, 0xa5, sizeof(key->bytes));
        return key;
}

static void test_the_search_finds_what_is_there(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        make(NULL, kid, record, &size);
        assert_true(count_in_memory() > 0);
        explicit_bzero(record, sizeof(record));
}

static void test_nothing_is_left_of_a_key_that_was_made(void **state) {
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        make(NULL, kid, record, &size);
        explicit_bzero(record, sizeof(record));
        assert_int_equal(count_in_memory(), 0);
}

static void test_nothing_is_left_of_a_key_that_was_wrapped_and_opened(void **state) {
        _cleanup_(wrapping_key_free) struct wrapping_key *wrapping = wrapping_key();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        make(wrapping, kid, record, &size);
        assert_int_equal(count_in_memory(), 0);
}

static void use(const struct wrapping_key *wrapping) {
        _cleanup_(keyring_free) struct keyring *keyring = NULL;
        uint8_t record[KEYRING_RECORD_MAX], signature[JWS_SIGNATURE_SIZE];
        char kid[KID_MAX + 1];
        size_t size;

        make(wrapping, kid, record, &size);
        assert_int_equal(keyring_new(&keyring), 0);
        assert_int_equal(keyring_add(keyring, wrapping, kid, record, size), 0);
        explicit_bzero(record, sizeof(record));
        for (int i = 0; i < 3; i++)
                assert_int_equal(keyring_sign(keyring, "text", 4, signature), 0);
        assert_true(count_in_memory() > 0); /* it is in the keyring */
}

static void test_nothing_is_left_of_a_key_that_signed_when_its_keyring_is_given_up(void **state) {
        _cleanup_(wrapping_key_free) struct wrapping_key *wrapping = wrapping_key();

        use(NULL);
        assert_int_equal(count_in_memory(), 0);
        use(wrapping);
        assert_int_equal(count_in_memory(), 0);
}

static void test_nothing_is_left_of_a_wrapping_key_that_was_freed(void **state) {
        struct wrapping_key *wrapping = wrapping_key();
        uint8_t record[KEYRING_RECORD_MAX];
        char kid[KID_MAX + 1];
        size_t size;

        for (size_t i = 0; i < WRAPPING_KEY_SIZE; i++)
                wrapping->bytes[i] = (uint8_t) (7 * i + 1);
        make(wrapping, kid, record, &size);
        learn(wrapping->bytes);
        assert_true(count_in_memory() > 0);
        wrapping_key_free(&wrapping);
        assert_int_equal(count_in_memory(), 0);
}

int main(void) {
#ifdef __SANITIZE_THREAD__
        puts("1..1\nok 1 - nothing is left # SKIP ThreadSanitizer's calls leave registers on the stack");
        return 0;
#endif
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_search_finds_what_is_there),
                cmocka_unit_test(test_nothing_is_left_of_a_key_that_was_made),
                cmocka_unit_test(test_nothing_is_left_of_a_key_that_was_wrapped_and_opened),
                cmocka_unit_test(test_nothing_is_left_of_a_key_that_signed_when_its_keyring_is_given_up),
                cmocka_unit_test(test_nothing_is_left_of_a_wrapping_key_that_was_freed),
        };

        return cmocka_run_group_tests_name("keyring memory", tests, NULL, NULL);
}
