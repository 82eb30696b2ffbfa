/* session: it ends once, with one reason, and only a leader of its own is ever told to go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/session.h"

static const struct boot_id this_boot = { { 1, 2, 3 } };
static const struct boot_id other_boot = { { 1, 2, 4 } };

static struct session live(enum session_class class, enum terminate terminate) {
        return (struct session){
                .class = class,
                .terminate = terminate,
                .leader = { .boot = this_boot, .pid = 42, .start = 4242 },
                .deadline_boot = USEC_NEVER,
                .deadline_wall = USEC_NEVER,
                .state = SESSION_LIVE,
        };
}

static void assert_end(enum session_class class, enum terminate terminate, enum session_end end,
        bool may_signal, int outcome) {
        struct session session = live(class, terminate);

        assert_int_equal(session_end(&session, end, may_signal), outcome);
        assert_int_equal(session.end, end);
        assert_int_equal(session.state, outcome == SESSION_BECAME_ENDING ? SESSION_ENDING : SESSION_ENDED);
}

static void test_an_evicted_counted_session_becomes_ending(void **state) {
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_EVICTED, true, SESSION_BECAME_ENDING);
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_REVOKED, true, SESSION_BECAME_ENDING);
        assert_end(CLASS_COUNTED, TERMINATE_SCOPE, END_REVOKED, true, SESSION_BECAME_ENDING);
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_EXPIRED, true, SESSION_BECAME_ENDING);
}

static void test_a_shared_leader_is_never_told_to_go(void **state) {
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_REVOKED, false, SESSION_BECAME_ENDED);
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_DENIED, false, SESSION_BECAME_ENDED);
        assert_end(CLASS_TRACKED, TERMINATE_NONE, END_DENIED, false, SESSION_BECAME_ENDED);
}

static void test_a_tracked_session_is_only_revoked(void **state) {
        assert_end(CLASS_TRACKED, TERMINATE_LEADER, END_REVOKED, true, SESSION_BECAME_ENDED);
        assert_end(CLASS_TRACKED, TERMINATE_LEADER, END_EXPIRED, true, SESSION_BECAME_ENDED);
}

static void test_terminate_none_only_revokes(void **state) {
        assert_end(CLASS_COUNTED, TERMINATE_NONE, END_REVOKED, true, SESSION_BECAME_ENDED);
        assert_end(CLASS_COUNTED, TERMINATE_NONE, END_EVICTED, true, SESSION_BECAME_ENDED);
}

static void test_a_denied_login_is_ending_whatever_terminate_says(void **state) {
        assert_end(CLASS_COUNTED, TERMINATE_LEADER, END_DENIED, true, SESSION_BECAME_ENDING);
        assert_end(CLASS_COUNTED, TERMINATE_NONE, END_DENIED, true, SESSION_BECAME_ENDING);
}

static void test_an_ending_session_keeps_its_first_reason(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);

        assert_int_equal(session_end(&session, END_EVICTED, true), SESSION_BECAME_ENDING);
        assert_int_equal(session_end(&session, END_REVOKED, true), SESSION_WAS_ENDING);
        assert_int_equal(session_end(&session, END_REVOKED, false), SESSION_WAS_ENDING);
        assert_int_equal(session.state, SESSION_ENDING);
        assert_int_equal(session.end, END_EVICTED);

        assert_int_equal(session_finish(&session, END_LOGOUT), SESSION_BECAME_ENDED);
        assert_int_equal(session.state, SESSION_ENDED);
        assert_int_equal(session.end, END_EVICTED);
}

static void test_an_ended_session_keeps_its_reason_for_ever(void **state) {
        struct session session = live(CLASS_TRACKED, TERMINATE_LEADER);

        assert_int_equal(session_end(&session, END_REVOKED, true), SESSION_BECAME_ENDED);
        assert_int_equal(session_end(&session, END_DENIED, true), SESSION_BECAME_ENDED);
        assert_int_equal(session_finish(&session, END_LOST), SESSION_BECAME_ENDED);
        assert_int_equal(session.end, END_REVOKED);
        assert_int_equal(session.state, SESSION_ENDED);
}

static void test_a_logout_ends_a_live_session(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);

        assert_int_equal(session_finish(&session, END_LOGOUT), SESSION_BECAME_ENDED);
        assert_int_equal(session.state, SESSION_ENDED);
        assert_int_equal(session.end, END_LOGOUT);
}

static void test_a_session_without_deadline_is_valid_while_it_lives(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);

        assert_true(session_is_valid(&session, &this_boot, 0));
        assert_true(session_is_valid(&session, &this_boot, USEC_NEVER));
        session.state = SESSION_ENDING;
        assert_false(session_is_valid(&session, &this_boot, 0));
        session.state = SESSION_ENDED;
        assert_false(session_is_valid(&session, &this_boot, 0));
}

static void test_a_session_is_invalid_from_its_deadline_on(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);

        session.deadline_boot = 100;
        assert_true(session_is_valid(&session, &this_boot, 99));
        assert_false(session_is_valid(&session, &this_boot, 100));
        assert_false(session_is_valid(&session, &this_boot, 101));
}

static void test_a_session_of_another_boot_is_invalid(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);

        assert_false(session_is_valid(&session, &other_boot, 0));
        session.deadline_boot = 100;
        assert_false(session_is_valid(&session, &other_boot, 99));
}

static void test_a_pid_alone_is_no_leader(void **state) {
        struct leader_id a = { .boot = this_boot, .pid = 42, .start = 4242 }, b = a;

        assert_true(leader_id_equal(&a, &b));
        b.start++;
        assert_false(leader_id_equal(&a, &b));
        b = a;
        b.pid++;
        assert_false(leader_id_equal(&a, &b));
        b = a;
        b.boot = other_boot;
        assert_false(leader_id_equal(&a, &b));
}

static void test_every_end_has_the_name_of_the_design(void **state) {
        static const char *const names[_END_MAX] = { "", "logout", "evicted", "revoked", "device-removed",
                "expired", "idle", "refresh-reuse", "account-reset", "user-gone", "denied", "killed",
                "reboot", "lost" };

        for (unsigned i = 0; i < _END_MAX; i++)
                assert_string_equal(session_end_name((enum session_end) i), names[i]);
        assert_string_equal(session_end_name(_END_MAX), "unknown");
}

static void test_the_other_names_are_those_of_the_configuration(void **state) {
        assert_string_equal(session_state_name(SESSION_LIVE), "live");
        assert_string_equal(session_state_name(SESSION_ENDING), "ending");
        assert_string_equal(session_state_name(SESSION_ENDED), "ended");
        assert_string_equal(session_class_name(CLASS_COUNTED), "counted");
        assert_string_equal(session_class_name(CLASS_TRACKED), "tracked");
        assert_string_equal(session_class_name(CLASS_NESTED), "nested");
        assert_string_equal(session_class_name(CLASS_IGNORED), "ignored");
        assert_string_equal(terminate_name(TERMINATE_LEADER), "leader");
        assert_string_equal(terminate_name(TERMINATE_NONE), "none");
        assert_string_equal(terminate_name(TERMINATE_SCOPE), "scope");
}

static void test_a_number_out_of_range_has_the_name_unknown(void **state) {
        assert_string_equal(session_state_name((enum session_state) 0), "unknown");
        assert_string_equal(session_state_name((enum session_state) 4), "unknown");
        assert_string_equal(session_class_name((enum session_class) 0), "unknown");
        assert_string_equal(session_class_name((enum session_class) - 1), "unknown");
        assert_string_equal(terminate_name((enum terminate) 4), "unknown");
}

static void test_a_wall_clock_that_was_set_forward_takes_the_end_along(void **state) {
        struct session session = live(CLASS_COUNTED, TERMINATE_LEADER);
        struct moment now = { .wall = 5000 * USEC_PER_SEC, .boot = 400 * USEC_PER_SEC };

        assert_true(session_end_wall(&session, now) == USEC_NEVER);
        session.deadline_boot = 1000 * USEC_PER_SEC;
        session.deadline_wall = 5600 * USEC_PER_SEC;
        assert_true(session_end_wall(&session, now) == session.deadline_wall);
        now.wall += USEC_PER_SEC / 2; /* read a moment later */
        assert_true(session_end_wall(&session, now) == session.deadline_wall);
        now.wall = 95000 * USEC_PER_SEC;
        assert_true(session_end_wall(&session, now) == 95600 * USEC_PER_SEC);
        now.wall = 1000 * USEC_PER_SEC; /* set back: never earlier than it was said */
        assert_true(session_end_wall(&session, now) == session.deadline_wall);
        session.state = SESSION_ENDED;
        now.wall = 95000 * USEC_PER_SEC;
        assert_true(session_end_wall(&session, now) == session.deadline_wall);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_wall_clock_that_was_set_forward_takes_the_end_along),
                cmocka_unit_test(test_an_evicted_counted_session_becomes_ending),
                cmocka_unit_test(test_a_shared_leader_is_never_told_to_go),
                cmocka_unit_test(test_a_tracked_session_is_only_revoked),
                cmocka_unit_test(test_terminate_none_only_revokes),
                cmocka_unit_test(test_a_denied_login_is_ending_whatever_terminate_says),
                cmocka_unit_test(test_an_ending_session_keeps_its_first_reason),
                cmocka_unit_test(test_an_ended_session_keeps_its_reason_for_ever),
                cmocka_unit_test(test_a_logout_ends_a_live_session),
                cmocka_unit_test(test_a_session_without_deadline_is_valid_while_it_lives),
                cmocka_unit_test(test_a_session_is_invalid_from_its_deadline_on),
                cmocka_unit_test(test_a_session_of_another_boot_is_invalid),
                cmocka_unit_test(test_a_pid_alone_is_no_leader),
                cmocka_unit_test(test_every_end_has_the_name_of_the_design),
                cmocka_unit_test(test_the_other_names_are_those_of_the_configuration),
                cmocka_unit_test(test_a_number_out_of_range_has_the_name_unknown),
        };

        return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
