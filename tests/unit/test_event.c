/* event: what an effect is told as; and the table of kinds. */
#include "tests/unit/store_fixture.h"

#include <ctype.h>

#include "daemon/event.h"

static struct effect effect_of(enum effect_kind kind, enum session_end end) {
        struct effect effect = { .kind = kind, .initiator = BY_POLICY, .wall = 7 };

        effect.session = session_of(1, "default", "alice");
        effect.session.end = end;
        strcpy(effect.note, "why");
        return effect;
}

static void assert_told_as(enum effect_kind kind, enum session_end end, const char *name) {
        const struct effect effect = effect_of(kind, end);

        assert_string_equal(event_kind_of(&effect)->name, name);
        assert_string_equal(event_of(&effect).kind, name);
}

static void test_each_end_reason_is_a_kind_of_its_own(void **state) {
        for (enum session_end end = END_NONE + 1; end < _END_MAX; end++) {
                const struct effect ended = effect_of(EFFECT_SESSION_ENDED, end);
                const struct effect ending = effect_of(EFFECT_SESSION_ENDING, end);

                assert_int_equal(event_kind_of(&ended)->end, end);
                assert_ptr_equal(event_kind_of(&ended), event_kind_of(&ending));
        }
        assert_told_as(EFFECT_SESSION_ENDED, END_LOGOUT, "logout");
        assert_told_as(EFFECT_SESSION_ENDING, END_EVICTED, "evicted");
        assert_told_as(EFFECT_SESSION_ENDED, END_REFRESH_REUSE, "reuse");
}

static void test_a_denied_login_is_told_alike_with_a_row_and_without(void **state) {
        assert_told_as(EFFECT_LOGIN_DENIED, END_DENIED, "denied");
        assert_told_as(EFFECT_SESSION_DENIED, END_DENIED, "denied");
}

static void test_what_has_no_row_is_told_all_the_same(void **state) {
        assert_told_as(EFFECT_SESSION_ENDED, END_NONE, "other");
        assert_told_as(0, END_NONE, "other");
        assert_true(event_kind_find("other") == NULL);
}

/* By chance alone two would be alike once in 2^64 tries. */
static void test_kinds_have_names_and_ids_of_their_own(void **state) {
        for (size_t i = 0; i < event_n_kinds; i++) {
                const struct event_kind *kind = &event_kinds[i];

                assert_true(strlen(kind->name) > 0 && strlen(kind->name) <= EVENT_KIND_MAX);
                assert_int_equal(strspn(kind->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(kind->name));
                assert_int_equal(strspn(kind->message_id, "0123456789abcdef"), 32);
                assert_int_equal(strlen(kind->message_id), 32);
                assert_true(islower((unsigned char) *kind->sentence));
                assert_ptr_equal(event_kind_find(kind->name), kind);
                for (size_t j = 0; j < i; j++) {
                        assert_string_not_equal(kind->message_id, event_kinds[j].message_id);
                        assert_false(kind->effect == event_kinds[j].effect &&
                                     (kind->end == event_kinds[j].end || !event_kinds[j].end));
                }
        }
}

static void test_an_event_says_who_when_from_where_and_why(void **state) {
        const struct effect effect = effect_of(EFFECT_SESSION_ENDING, END_EVICTED);
        const struct session *session = &effect.session;
        const struct event event = event_of(&effect);

        assert_int_equal(event.wall, 7);
        assert_string_equal(event.realm, "default");
        assert_string_equal(event.user, "alice");
        assert_int_equal(event.uid, session->uid);
        assert_true(event_has_session(&event) && sid_compare(&event.sid, &session->sid) == 0);
        assert_true(device_id_equal(&event.device, &session->device));
        assert_string_equal(event.service, session->service);
        assert_string_equal(event.device_name, session->device_name);
        assert_string_equal(event.ip, session->ip);
        assert_int_equal(event.methods, session->methods);
        assert_int_equal(event.initiator, BY_POLICY);
        assert_int_equal(event.end, END_EVICTED);
        assert_string_equal(event.note, "why");
}

static void test_what_is_nobodys_has_no_user_no_session_and_no_device(void **state) {
        const struct effect effect = { .kind = EFFECT_KEY_ROTATED, .initiator = BY_SYSTEM, .note = "kid" };
        const struct event event = event_of(&effect);

        assert_string_equal(event.kind, "key-rotated");
        assert_int_equal(event.uid, EVENT_UID_NONE);
        assert_false(event_has_session(&event) || event_has_device(&event));
        assert_string_equal(event.user, "");
        assert_string_equal(event.note, "kid");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_end_reason_is_a_kind_of_its_own),
                cmocka_unit_test(test_a_denied_login_is_told_alike_with_a_row_and_without),
                cmocka_unit_test(test_what_has_no_row_is_told_all_the_same),
                cmocka_unit_test(test_kinds_have_names_and_ids_of_their_own),
                cmocka_unit_test(test_an_event_says_who_when_from_where_and_why),
                cmocka_unit_test(test_what_is_nobodys_has_no_user_no_session_and_no_device),
        };

        return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
