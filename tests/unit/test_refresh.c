/* refresh: one text a token; and what each token of a session's history is answered, by the rules and by a
 * naive model over random histories. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/refresh.h"

#define GRACE (30 * USEC_PER_SEC)
#define DAY   (86400 * USEC_PER_SEC)
#define START (1000 * USEC_PER_SEC)

static const struct sid sid = { { 1, 0x9a, 0xb0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xff } };

/* ---- the text ---- */

static const uint8_t mac[REFRESH_MAC_SIZE] = { 0xfe, 1, 2, 3, [31] = 0xef };

static void write_one(char text[static REFRESH_TOKEN_SIZE]) {
        refresh_write(&(struct refresh_token){ sid, 0x01020304, 0x1112131415161718 }, mac, text);
}

static void assert_text_refused(const char *text) {
        struct refresh_token token, untouched;
        uint8_t read_mac[REFRESH_MAC_SIZE] = { 9 };

        memset(&token, 0xa5, sizeof(token));
        memset(&untouched, 0xa5, sizeof(untouched));
        assert_int_equal(refresh_read(text, &token, read_mac), -EBADMSG);
        assert_memory_equal(&token, &untouched, sizeof(token));
        assert_int_equal(read_mac[0], 9);
}

static void test_a_token_is_read_as_it_was_written(void **state) {
        char text[REFRESH_TOKEN_SIZE];
        struct refresh_token token;
        uint8_t read_mac[REFRESH_MAC_SIZE];

        write_one(text);
        assert_int_equal(strlen(text), REFRESH_LENGTH);
        assert_int_equal(strncmp(text, "sjr1_AZqwAAAAcACAAAAAAAAA_wECAwQREhMUFRYXGP4BAgM", 48), 0);
        assert_int_equal(refresh_read(text, &token, read_mac), 0);
        assert_memory_equal(&token.sid, &sid, sizeof(sid));
        assert_int_equal(token.chain, 0x01020304);
        assert_true(token.counter == 0x1112131415161718);
        assert_memory_equal(read_mac, mac, sizeof(mac));
}

static void test_a_token_has_one_text(void **state) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        char text[REFRESH_TOKEN_SIZE], other[REFRESH_TOKEN_SIZE];

        write_one(text);
        for (size_t i = strlen("sjr1_"); i < REFRESH_LENGTH; i++) {
                for (const char *c = alphabet; *c; c++) {
                        struct refresh_token token;
                        uint8_t read_mac[REFRESH_MAC_SIZE];

                        strcpy(other, text);
                        other[i] = *c;
                        assert_int_equal(refresh_read(other, &token, read_mac), 0);
                        if (*c == text[i])
                                continue;
                        assert_false(memcmp(&token.sid, &sid, sizeof(sid)) == 0 &&
                                     token.chain == 0x01020304 && token.counter == 0x1112131415161718 &&
                                     memcmp(read_mac, mac, sizeof(mac)) == 0);
                }
        }
}

static void test_a_text_with_one_character_of_another_alphabet_is_refused(void **state) {
        char text[REFRESH_TOKEN_SIZE];

        for (size_t i = 0; i < REFRESH_LENGTH; i++) {
                for (const char *c = "+/=.!\n \x7f\x80\xff"; *c; c++) {
                        write_one(text);
                        text[i] = *c;
                        assert_text_refused(text);
                }
        }
}

static void test_a_text_of_another_length_or_prefix_is_refused(void **state) {
        char text[REFRESH_TOKEN_SIZE + 8];

        for (size_t size = 0; size < REFRESH_LENGTH; size++) {
                write_one(text);
                text[size] = '\0';
                assert_text_refused(text);
        }
        for (const char **more = (const char *[]){ "A", "AAAA", "=", ".", "\n", NULL }; *more; more++) {
                write_one(text);
                strcat(text, *more);
                assert_text_refused(text);
        }
        for (size_t i = 0; i < strlen("sjr1_"); i++) {
                write_one(text);
                text[i] ^= 1;
                assert_text_refused(text);
        }
        write_one(text);
        text[0] = 'S';
        assert_text_refused(text);
}

static void test_what_is_sealed_tells_every_two_tokens_apart(void **state) {
        struct refresh_token tokens[] = { { sid, 1, 1 }, { sid, 1, 2 }, { sid, 2, 1 }, { sid, 0, 1 },
                { sid, 1, UINT64_C(1) << 32 }, { { { 1 } }, 1, 1 } };
        size_t n = sizeof(tokens) / sizeof(*tokens);
        uint8_t a[REFRESH_SEALED_MAX], b[REFRESH_SEALED_MAX];

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < n; j++) {
                        size_t size = refresh_sealed(&tokens[i], a);

                        assert_int_equal(refresh_sealed(&tokens[j], b), size);
                        assert_int_equal(memcmp(a, b, size) == 0, i == j);
                        assert_string_equal((const char *) a, "sessjwt refresh token 1");
                }
        }
}

/* ---- the rules ---- */

/* Stands for SHA-256. */
static void hash_of(uint32_t chain, uint64_t counter, uint8_t ret[static REFRESH_HASH_SIZE]) {
        memset(ret, 0, REFRESH_HASH_SIZE);
        memcpy(ret, &chain, sizeof(chain));
        memcpy(ret + 8, &counter, sizeof(counter));
}

static void hash_current(struct refresh_chain *chain) {
        hash_of(chain->number, chain->counter, chain->hash);
}

static struct refresh_chain a_chain(usec_t ttl) {
        struct refresh_chain chain = { 0 };

        refresh_begin(&chain, ttl, START);
        hash_current(&chain);
        return chain;
}

static int answer(
        const struct refresh_chain *chain, uint32_t number, uint64_t counter, usec_t grace, usec_t now) {
        uint8_t hash[REFRESH_HASH_SIZE];

        hash_of(number, counter, hash);
        return (int) refresh_decide(chain, &(struct refresh_token){ sid, number, counter }, hash, grace, now);
}

static void test_the_current_token_within_the_grace_is_answered_as_it_is(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        assert_int_equal(answer(&chain, 1, 1, GRACE, START), REFRESH_CURRENT);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + GRACE - 1), REFRESH_CURRENT);
}

static void test_an_older_current_token_is_rotated(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        assert_int_equal(answer(&chain, 1, 1, GRACE, START + GRACE), REFRESH_ROTATES);
        refresh_rotate(&chain, DAY, START + GRACE);
        hash_current(&chain);
        assert_int_equal(chain.number, 1);
        assert_true(chain.counter == 2 && chain.rotated_boot == START + GRACE);
        assert_true(chain.deadline_boot == START + GRACE + DAY);
        assert_int_equal(answer(&chain, 1, 2, GRACE, START + GRACE), REFRESH_CURRENT);
}

static void test_the_previous_token_within_the_grace_is_answered_with_the_current_one(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        refresh_rotate(&chain, DAY, START + DAY / 2);
        hash_current(&chain);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY / 2), REFRESH_CURRENT);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY / 2 + GRACE - 1), REFRESH_CURRENT);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY / 2 + GRACE), REFRESH_REUSED);
}

static void test_a_token_before_the_previous_one_is_reuse_even_within_the_grace(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        refresh_rotate(&chain, DAY, START + 1);
        refresh_rotate(&chain, DAY, START + 2);
        hash_current(&chain);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + 2), REFRESH_REUSED);
        assert_int_equal(answer(&chain, 1, 2, GRACE, START + 2), REFRESH_CURRENT);
}

static void test_a_token_that_was_never_made_is_reuse(void **state) {
        struct refresh_chain chain = a_chain(DAY), none = { 0 };

        assert_int_equal(answer(&chain, 1, 2, GRACE, START), REFRESH_REUSED);
        assert_int_equal(answer(&chain, 1, UINT64_MAX, GRACE, START), REFRESH_REUSED);
        assert_int_equal(answer(&chain, 2, 1, GRACE, START), REFRESH_REUSED);
        assert_int_equal(answer(&none, 1, 1, GRACE, START), REFRESH_REUSED);
        assert_int_equal(answer(&none, 0, UINT64_MAX, GRACE, START), REFRESH_REUSED);
        assert_int_equal(answer(&none, 0, 0, GRACE, START), REFRESH_REUSED);
}

static void test_the_current_token_with_another_hash_is_reuse(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        chain.hash[31] ^= 1;
        assert_int_equal(answer(&chain, 1, 1, GRACE, START), REFRESH_REUSED);
}

static void test_without_grace_each_token_counts_once(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        assert_int_equal(answer(&chain, 1, 1, 0, START), REFRESH_ROTATES);
        refresh_rotate(&chain, DAY, START);
        hash_current(&chain);
        assert_int_equal(answer(&chain, 1, 1, 0, START), REFRESH_REUSED);
        assert_int_equal(answer(&chain, 1, 2, 0, START), REFRESH_ROTATES);
}

static void test_a_token_expires_refresh_ttl_after_its_rotation(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY - 1), REFRESH_ROTATES);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY), REFRESH_EXPIRED);
        refresh_rotate(&chain, DAY, START + DAY - 1);
        hash_current(&chain);
        assert_int_equal(answer(&chain, 1, 2, GRACE, START + 2 * DAY - 2), REFRESH_ROTATES);
        assert_int_equal(answer(&chain, 1, 2, GRACE, START + 2 * DAY - 1), REFRESH_EXPIRED);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + 2 * DAY), REFRESH_REUSED);
}

static void test_a_token_without_ttl_does_not_expire(void **state) {
        struct refresh_chain chain = a_chain(0);

        assert_true(chain.deadline_boot == USEC_NEVER);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + 10000 * DAY), REFRESH_ROTATES);
}

static void test_issuing_again_prolongs_the_token_and_does_not_make_it_younger(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        refresh_prolong(&chain, DAY, START + DAY / 2);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY / 2), REFRESH_ROTATES);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY), REFRESH_ROTATES);
        assert_int_equal(answer(&chain, 1, 1, GRACE, START + DAY + DAY / 2), REFRESH_EXPIRED);
}

static void test_a_chain_that_was_given_up_is_refused_without_reuse(void **state) {
        struct refresh_chain chain = a_chain(DAY);

        refresh_rotate(&chain, DAY, START);
        refresh_give_up(&chain);
        assert_false(refresh_is_live(&chain, START));
        assert_int_equal(answer(&chain, 1, 1, GRACE, START), REFRESH_EXPIRED);
        assert_int_equal(answer(&chain, 1, 2, GRACE, START), REFRESH_EXPIRED);
        refresh_begin(&chain, DAY, START);
        hash_current(&chain);
        assert_true(refresh_is_live(&chain, START));
        assert_int_equal(answer(&chain, 1, 2, GRACE, START), REFRESH_EXPIRED);
        assert_int_equal(answer(&chain, chain.number, 1, GRACE, START), REFRESH_CURRENT);
}

/* ---- against a model that remembers every token, and looks at nothing else ---- */

#define TOKENS_MAX 256

struct model_token {
        struct refresh_token token;
        usec_t made, replaced; /* USEC_NEVER: it is the last */
        bool given_up;
        size_t successor;
};

struct model {
        struct model_token tokens[TOKENS_MAX];
        size_t n;
        usec_t grace, ttl, dies; /* dies: of the last token */
};

static int model_answer(const struct model *m, size_t i, usec_t now) {
        const struct model_token *t = &m->tokens[i];

        if (t->given_up)
                return REFRESH_EXPIRED;
        if (t->replaced == USEC_NEVER) {
                if (now >= m->dies)
                        return REFRESH_EXPIRED;
                return now < t->made + m->grace ? REFRESH_CURRENT : REFRESH_ROTATES;
        }
        if (m->tokens[t->successor].replaced != USEC_NEVER || now >= t->replaced + m->grace)
                return REFRESH_REUSED;
        return now >= m->dies ? REFRESH_EXPIRED : REFRESH_CURRENT;
}

static void model_add(struct model *m, const struct refresh_chain *chain, usec_t now) {
        m->tokens[m->n++] = (struct model_token){
                .token = refresh_current(chain, &sid), .made = now, .replaced = USEC_NEVER
        };
        m->dies = m->ttl ? now + m->ttl : USEC_NEVER;
}

static void check_all(const struct model *m, const struct refresh_chain *chain, usec_t now) {
        for (size_t i = 0; i < m->n; i++) {
                const struct refresh_token *t = &m->tokens[i].token;

                assert_int_equal(answer(chain, t->chain, t->counter, m->grace, now), model_answer(m, i, now));
        }
        for (size_t i = 0; i < m->n; i++)
                for (size_t j = 0; j < i; j++)
                        assert_false(m->tokens[i].token.chain == m->tokens[j].token.chain &&
                                     m->tokens[i].token.counter == m->tokens[j].token.counter);
}

/* What the handlers do with one token of the history that comes. */
static void refresh(struct model *m, struct refresh_chain *chain, usec_t now) {
        size_t i = (size_t) rand() % m->n;
        const struct refresh_token *t = &m->tokens[i].token;

        if (answer(chain, t->chain, t->counter, m->grace, now) != REFRESH_ROTATES)
                return;
        refresh_rotate(chain, m->ttl, now);
        hash_current(chain);
        m->tokens[i].replaced = now;
        m->tokens[i].successor = m->n;
        model_add(m, chain, now);
}

static void give_up(struct model *m, struct refresh_chain *chain) {
        refresh_give_up(chain);
        for (size_t i = 0; i < m->n; i++)
                m->tokens[i].given_up = true;
        m->dies = 0;
}

static void issue(struct model *m, struct refresh_chain *chain, usec_t now) {
        assert_int_equal(refresh_is_live(chain, now), m->n > 0 && now < m->dies);
        if (refresh_is_live(chain, now)) {
                refresh_prolong(chain, m->ttl, now);
                m->dies = m->ttl ? now + m->ttl : USEC_NEVER;
                return;
        }
        give_up(m, chain);
        refresh_begin(chain, m->ttl, now);
        hash_current(chain);
        model_add(m, chain, now);
}

static void run_history(unsigned seed) {
        static const usec_t graces[] = { 0, 1, GRACE, 300 * USEC_PER_SEC };
        static const usec_t ttls[] = { 0, 10 * USEC_PER_SEC, 3600 * USEC_PER_SEC };
        struct model m = { .grace = graces[seed % 4], .ttl = ttls[seed / 4 % 3] };
        struct refresh_chain chain = { 0 };
        usec_t now = START;

        srand(seed);
        for (int step = 0; step < 100 && m.n < TOKENS_MAX; step++) {
                int dice = rand() % 100;

                if (m.n == 0 || dice < 5)
                        issue(&m, &chain, now);
                else if (dice < 7)
                        give_up(&m, &chain);
                else
                        refresh(&m, &chain, now);
                check_all(&m, &chain, now);
                dice = rand() % 10;
                if (dice < 3)
                        now += 1 + (usec_t) rand() % (m.grace + 2);
                else if (dice < 5)
                        now += m.grace - (m.grace > 0) + (usec_t) rand() % 3;
                else if (dice == 5)
                        now += (usec_t) rand() % (m.ttl + USEC_PER_SEC);
                check_all(&m, &chain, now);
        }
}

static void test_a_thousand_random_histories_are_answered_as_a_model_would_that_forgets_nothing(
        void **state) {
        for (unsigned seed = 0; seed < 1200; seed++)
                run_history(seed);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_is_read_as_it_was_written),
                cmocka_unit_test(test_a_token_has_one_text),
                cmocka_unit_test(test_a_text_with_one_character_of_another_alphabet_is_refused),
                cmocka_unit_test(test_a_text_of_another_length_or_prefix_is_refused),
                cmocka_unit_test(test_what_is_sealed_tells_every_two_tokens_apart),
                cmocka_unit_test(test_the_current_token_within_the_grace_is_answered_as_it_is),
                cmocka_unit_test(test_an_older_current_token_is_rotated),
                cmocka_unit_test(test_the_previous_token_within_the_grace_is_answered_with_the_current_one),
                cmocka_unit_test(test_a_token_before_the_previous_one_is_reuse_even_within_the_grace),
                cmocka_unit_test(test_a_token_that_was_never_made_is_reuse),
                cmocka_unit_test(test_the_current_token_with_another_hash_is_reuse),
                cmocka_unit_test(test_without_grace_each_token_counts_once),
                cmocka_unit_test(test_a_token_expires_refresh_ttl_after_its_rotation),
                cmocka_unit_test(test_a_token_without_ttl_does_not_expire),
                cmocka_unit_test(test_issuing_again_prolongs_the_token_and_does_not_make_it_younger),
                cmocka_unit_test(test_a_chain_that_was_given_up_is_refused_without_reuse),
                cmocka_unit_test(
                        test_a_thousand_random_histories_are_answered_as_a_model_would_that_forgets_nothing),
        };

        return cmocka_run_group_tests_name("refresh", tests, NULL, NULL);
}
