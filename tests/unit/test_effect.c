/* effect: what a change did, as values in the order of its doing. */
#include "tests/unit/store_fixture.h"

#include "daemon/effect.h"

static void test_effects_are_copies_in_order(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct session session = session_of(0, "default", "alice");

        for (unsigned i = 0; i < 100; i++) {
                session.sid = sid_of(i);
                assert_int_equal(effects_add(&effects, i % 2 ? EFFECT_SESSION_OPENED : EFFECT_SESSION_ENDED,
                                         BY_ADMIN, &session, i % 3 ? "why" : NULL),
                        0);
        }
        assert_int_equal(effects.n, 100);
        for (unsigned i = 0; i < 100; i++) {
                assert_sid(&effects.items[i].session, i);
                assert_int_equal(effects.items[i].kind, i % 2 ? EFFECT_SESSION_OPENED : EFFECT_SESSION_ENDED);
                assert_int_equal(effects.items[i].initiator, BY_ADMIN);
                assert_string_equal(effects.items[i].note, i % 3 ? "why" : "");
        }
}

static void test_of_what_failed_the_ends_stand_and_nothing_else(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct session session = session_of(0, "default", "alice");

        for (unsigned kind = EFFECT_SESSION_OPENED; kind <= EFFECT_DEVICE_NEW; kind++) {
                session.sid = sid_of(kind);
                assert_int_equal(effects_add(&effects, kind, BY_USER, &session, NULL), 0);
        }
        for (int i = 0; i < 2; i++) { /* twice: the turn failed after the change had */
                effects_keep_ends(&effects);
                assert_int_equal(effects.n, 4);
                assert_sid(&effects.items[0].session, EFFECT_SESSION_ENDING);
                assert_sid(&effects.items[1].session, EFFECT_SESSION_ENDED);
                assert_sid(&effects.items[2].session, EFFECT_SESSION_GONE);
                assert_sid(&effects.items[3].session, EFFECT_END_NOT_KEPT);
                assert_int_equal(effects.items[0].kind, EFFECT_END_NOT_KEPT);
        }
}

static void test_cleared_effects_are_forgotten_and_may_be_added_again(void **state) {
        struct effects effects = { 0 };
        struct session session = session_of(1, "default", "alice");

        effects_clear(&effects);
        assert_int_equal(effects_add(&effects, EFFECT_SESSION_ENDED, BY_USER, &session, "old"), 0);
        effects_clear(&effects);
        assert_int_equal(effects.n, 0);
        assert_int_equal(effects_add(&effects, EFFECT_SESSION_OPENED, BY_USER, &session, NULL), 0);
        assert_int_equal(effects.n, 1);
        assert_string_equal(effects.items[0].note, "");
        effects_free(&effects);
        assert_null(effects.items);
        effects_free(&effects);
}

static void test_the_longest_notes_there_are_fit(void **state) {
        _cleanup_(effects_free) struct effects effects = { 0 };
        struct session session = session_of(1, "default", "alice");
        char note[2 * EFFECT_NOTE_MAX];

        assert_true(EFFECT_NOTE_MAX >= MESSAGE_TEXT_MAX && EFFECT_NOTE_MAX >= REASON_TEXT_MAX &&
                    EFFECT_NOTE_MAX >= DEVICE_NAME_MAX + strlen(" at ") + IP_MAX);
        memset(note, 'x', sizeof(note));
        note[EFFECT_NOTE_MAX] = '\0';
        assert_int_equal(effects_add(&effects, EFFECT_SESSION_ENDED, BY_USER, &session, note), 0);
        assert_string_equal(effects.items[0].note, note);
        note[EFFECT_NOTE_MAX] = 'x';
        note[sizeof(note) - 1] = '\0';
        assert_int_equal(effects_add(&effects, EFFECT_SESSION_ENDED, BY_USER, &session, note), 0);
        assert_int_equal(strlen(effects.items[1].note), EFFECT_NOTE_MAX);
}

static void test_initiators_have_names(void **state) {
        assert_string_equal(initiator_name(BY_SYSTEM), "system");
        assert_string_equal(initiator_name(BY_USER), "user");
        assert_string_equal(initiator_name(BY_ADMIN), "admin");
        assert_string_equal(initiator_name(BY_POLICY), "policy");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_effects_are_copies_in_order),
                cmocka_unit_test(test_of_what_failed_the_ends_stand_and_nothing_else),
                cmocka_unit_test(test_cleared_effects_are_forgotten_and_may_be_added_again),
                cmocka_unit_test(test_the_longest_notes_there_are_fit),
                cmocka_unit_test(test_initiators_have_names),
        };

        return cmocka_run_group_tests_name("effect", tests, NULL, NULL);
}
