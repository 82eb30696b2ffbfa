/* api: who may call what, whose sessions they are, in which realm, and how each outcome is told. */
#include "tests/unit/login_fixture.h"

#include "daemon/api.h"
#include "daemon/process.h"

#define ALICE 1000
#define BOB   1001

/* A request made by hand: of alice, who is no admin and in no session. */
static struct request q;
static char reply_bytes[MESSAGE_MAX];

static int ask_setup(void **state) {
        struct desk *desk;

        if (desk_setup(state) != 0)
                return -1;
        desk = *state;
        q = (struct request){ .service = &desk->service,
                .config = desk->config,
                .peer = { .uid = ALICE, .gid = ALICE, .connected_boot = clock_now().boot },
                .now = clock_now(),
                .reply_bytes = reply_bytes,
                .reply_size = sizeof(reply_bytes) };
        return 0;
}

static int ask_teardown(void **state) {
        store_abort(&q.txn);
        return desk_teardown(state);
}

static void ask_as(uid_t uid, bool is_admin) {
        q.peer.uid = uid;
        q.peer.is_admin = is_admin;
        q.detail[0] = '\0';
}

static void begin_asking(void **state) {
        store_abort(&q.txn);
        q.txn = begin_read(((struct desk *) *state)->store);
}

/* ---- methods ---- */

static int find(const char *method) {
        snprintf(q.call.method, sizeof(q.call.method), "%s", method);
        q.method = NULL;
        q.detail[0] = '\0';
        return api_find_method(&q);
}

static void test_rights_are_checked_before_anything_is_looked_at(void **state) {
        static const char *const everybodys[] = { "org.varlink.service.GetInfo",
                "org.varlink.service.GetInterfaceDescription", "org.sessjwt.Introspect",
                "org.sessjwt.GetKeys", "org.sessjwt.GetStatusList", "org.sessjwt.MintToken",
                "org.sessjwt.ListSessions", "org.sessjwt.GetSession", "org.sessjwt.RevokeSession",
                "org.sessjwt.RevokeOthers", "org.sessjwt.RevokeAll", "org.sessjwt.ListDevices",
                "org.sessjwt.RenameDevice", "org.sessjwt.BlockDevice", "org.sessjwt.UnblockDevice",
                "org.sessjwt.ForgetDevice", "org.sessjwt.GetHealth" };
        static const char *const roots[] = { "org.sessjwt.Reload", "org.sessjwt.RotateKey",
                "org.sessjwt.ListKeys" };

        for (int who = 0; who < 3; who++) {
                ask_as(who == 2 ? 0 : ALICE, who > 0);
                assert_int_equal(find("org.sessjwt.ExplainPolicy"), who > 0 ? 0 : API_PERMISSION_DENIED);
                for (size_t i = 0; i < sizeof(everybodys) / sizeof(*everybodys); i++) {
                        assert_int_equal(find(everybodys[i]), 0);
                        assert_string_equal(q.method->name, everybodys[i]);
                        assert_non_null(q.method->handler);
                }
                for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
                        assert_int_equal(find(roots[i]), who == 2 ? 0 : API_PERMISSION_DENIED);
                        assert_int_equal(q.method == NULL, who != 2);
                }
        }
}

static void test_what_is_not_there_is_told_as_method_or_interface(void **state) {
        static const struct {
                const char *name;
                int outcome;
                const char *detail;
        } cases[] = {
                { "org.sessjwt.Introspect2", API_METHOD_NOT_FOUND, "Introspect2" },
                { "org.sessjwt.introspect", API_METHOD_NOT_FOUND, "introspect" },
                { "org.sessjwt.", API_METHOD_NOT_FOUND, "" },
                { "org.varlink.service.Reload", API_METHOD_NOT_FOUND, "Reload" },
                { "org.sessjwt", API_INTERFACE_NOT_FOUND, "org" },
                { "org.sessjwtx.Introspect", API_INTERFACE_NOT_FOUND, "org.sessjwtx" },
                { "org.sessjwt.x.Introspect", API_INTERFACE_NOT_FOUND, "org.sessjwt.x" },
                { "Introspect", API_INTERFACE_NOT_FOUND, "Introspect" },
                { ".Introspect", API_INTERFACE_NOT_FOUND, "" },
                { "", API_INTERFACE_NOT_FOUND, "" },
        };
        char name[METHOD_NAME_MAX + 1];

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                assert_int_equal(find(cases[i].name), cases[i].outcome);
                assert_string_equal(q.detail, cases[i].detail);
        }
        memset(name, 'x', METHOD_NAME_MAX);
        name[METHOD_NAME_MAX] = '\0';
        assert_int_equal(find(name), API_INTERFACE_NOT_FOUND);
        assert_string_equal(q.detail, name);
}

/* ---- whose session ---- */

static const char *answer(int outcome) {
        size_t size;

        request_begin_reply(&q);
        assert_int_equal(api_finish_reply(&q, outcome, &size), 0);
        reply_bytes[size] = '\0';
        return reply_bytes;
}

static int find_own(void **state, const char *sid, struct session *ret) {
        begin_asking(state);
        q.detail[0] = '\0';
        return api_find_own_session(&q, sid, ret);
}

static void test_a_foreign_session_is_answered_like_one_that_is_not_there(void **state) {
        struct desk *desk = *state;
        struct session bob = open_session_of(desk, "bob", "192.0.2.1"), out;
        struct store_txn *turn;
        char sid[SID_TEXT_MAX + 1], foreign[1024];

        sid_write(&bob.sid, sid);
        ask_as(BOB, false); /* the fixture's logins are of uid 1000 */
        assert_int_equal(find_own(state, sid, &out), API_SESSION_NOT_FOUND);
        strcpy(foreign, answer(API_SESSION_NOT_FOUND));
        store_abort(&q.txn);
        turn = begin_turn(desk->store);
        assert_int_equal(store_remove_session(turn, &bob.sid), 0);
        commit(turn);
        assert_int_equal(find_own(state, sid, &out), API_SESSION_NOT_FOUND);
        assert_string_equal(answer(API_SESSION_NOT_FOUND), foreign);
        assert_non_null(strstr(foreign, sid));
        assert_null(strstr(foreign, "bob"));
}

static struct session open_of_uid(struct desk *desk, unsigned n, uint32_t uid) {
        struct session session = session_of(n, "default", uid ? "alice" : "root");

        session.uid = uid;
        open_alone(desk->store, &session);
        return session;
}

static void test_owners_admins_and_root_act_on_what_is_theirs(void **state) {
        static const struct {
                uid_t uid;
                bool is_admin;
                bool finds_alices, finds_roots;
        } cases[] = {
                { ALICE, false, true, false },
                { BOB, false, false, false },
                { BOB, true, true, false },
                { ALICE, true, true, false },
                { 0, true, true, true },
        };
        struct session alices = open_of_uid(*state, 1, ALICE), roots = open_of_uid(*state, 2, 0), out;
        char alices_sid[SID_TEXT_MAX + 1], roots_sid[SID_TEXT_MAX + 1];

        sid_write(&alices.sid, alices_sid);
        sid_write(&roots.sid, roots_sid);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ask_as(cases[i].uid, cases[i].is_admin);
                assert_int_equal(
                        find_own(state, alices_sid, &out), cases[i].finds_alices ? 0 : API_SESSION_NOT_FOUND);
                assert_int_equal(
                        find_own(state, roots_sid, &out), cases[i].finds_roots ? 0 : API_SESSION_NOT_FOUND);
                assert_int_equal(api_may_act_on(&q, ALICE), cases[i].finds_alices);
                assert_int_equal(api_may_act_on(&q, 0), cases[i].finds_roots);
        }
}

static void test_what_is_no_session_id_is_an_invalid_parameter(void **state) {
        static const char *const texts[] = { "", "0", "01020000-0000-0000-0000-00000000000",
                "01020000-0000-0000-0000-0000000000011", "01020000-0000-0000-0000-00000000000G",
                "0102000000000000000000000000000001", "../../../etc/passwd",
                "{1020000-0000-0000-0000-000000000001", "01020000-0000-0000-0000-0000000000A1" };
        struct session out = { .uid = 7 };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                assert_int_equal(find_own(state, texts[i], &out), API_INVALID_PARAMETER);
                assert_string_equal(q.detail, "sessionId");
        }
        assert_int_equal(out.uid, 7);
}

/* ---- realms ---- */

static int find_realm(void **state, const char *named, const char *expected) {
        const struct realm *realm;
        int r;

        begin_asking(state);
        r = api_find_realm(&q, named, &realm);
        if (r == 0)
                assert_string_equal(realm->name, expected);
        else
                assert_string_equal(q.detail, *named ? named : expected);
        return r;
}

static void test_with_one_realm_there_is_no_other(void **state) {
        for (int is_admin = 0; is_admin < 2; is_admin++) {
                ask_as(ALICE, is_admin);
                assert_int_equal(find_realm(state, "", "default"), 0);
                assert_int_equal(find_realm(state, "default", "default"), 0);
                assert_int_equal(find_realm(state, "elsewhere", NULL), API_REALM_NOT_FOUND);
        }
}

static void configure_realms(void **state) {
        struct desk *desk = *state;

        desk_configure(desk, "[realm blue]\n[realm red]\n");
        q.config = desk->config;
}

static void test_another_realm_is_unknown_to_all_but_admins(void **state) {
        configure_realms(state);
        ask_as(ALICE, false);
        assert_int_equal(find_realm(state, "", "default"), 0);
        assert_int_equal(find_realm(state, "blue", NULL), API_REALM_NOT_FOUND);
        assert_int_equal(find_realm(state, "nowhere", NULL), API_REALM_NOT_FOUND);
        ask_as(ALICE, true);
        assert_int_equal(find_realm(state, "", "default"), 0);
        assert_int_equal(find_realm(state, "blue", "blue"), 0);
        assert_int_equal(find_realm(state, "nowhere", NULL), API_REALM_NOT_FOUND);
}

/* This very process leads a session of alice's in `realm`, and asks. */
static void ask_from_a_session(void **state, const char *realm) {
        struct session session = session_of(1, realm, "alice");
        struct process self;

        assert_int_equal(process_read(getpid(), &self), 0);
        session.uid = ALICE;
        session.leader = (struct leader_id){ .boot = q.service->boot, .pid = self.pid, .start = self.start };
        open_alone(((struct desk *) *state)->store, &session);
        q.peer.pid = self.pid;
}

static void test_a_caller_is_in_the_realm_of_his_session(void **state) {
        configure_realms(state);
        ask_as(ALICE, false);
        ask_from_a_session(state, "blue");
        assert_int_equal(find_realm(state, "", "blue"), 0);
        assert_int_equal(find_realm(state, "blue", "blue"), 0);
        assert_int_equal(find_realm(state, "default", NULL), API_REALM_NOT_FOUND);
        assert_int_equal(find_realm(state, "red", NULL), API_REALM_NOT_FOUND);
        ask_as(BOB, false); /* the same process, but the session is not his */
        assert_int_equal(find_realm(state, "", "default"), 0);
}

static void test_an_admin_is_in_the_realm_of_his_session_and_may_name_any(void **state) {
        configure_realms(state);
        ask_as(ALICE, true);
        ask_from_a_session(state, "blue");
        assert_int_equal(find_realm(state, "", "blue"), 0);
        assert_int_equal(find_realm(state, "default", "default"), 0);
        assert_int_equal(find_realm(state, "red", "red"), 0);
        assert_int_equal(find_realm(state, "nowhere", NULL), API_REALM_NOT_FOUND);
}

static void test_a_realm_that_a_session_has_outlived_is_named(void **state) {
        configure_realms(state);
        ask_as(ALICE, false);
        ask_from_a_session(state, "gone");
        assert_int_equal(find_realm(state, "", "gone"), API_REALM_NOT_FOUND);
}

static void test_a_session_of_ones_own_in_another_realm_is_not_there(void **state) {
        char red_sid[SID_TEXT_MAX + 1], blue_sid[SID_TEXT_MAX + 1];
        struct session red = session_of(2, "red", "alice"), blue = session_of(1, "blue", "alice"), out;

        configure_realms(state);
        red.uid = ALICE;
        sid_write(&red.sid, red_sid);
        sid_write(&blue.sid, blue_sid);
        open_alone(((struct desk *) *state)->store, &red);
        ask_as(ALICE, false);
        assert_int_equal(find_own(state, red_sid, &out), API_SESSION_NOT_FOUND);
        assert_string_equal(q.detail, red_sid);
        store_abort(&q.txn);
        ask_from_a_session(state, "blue");
        assert_int_equal(find_own(state, red_sid, &out), API_SESSION_NOT_FOUND);
        assert_int_equal(find_own(state, blue_sid, &out), 0);
        ask_as(ALICE, true);
        assert_int_equal(find_own(state, red_sid, &out), 0);
}

static void test_a_caller_finds_his_own_session_or_none(void **state) {
        struct session session;

        begin_asking(state);
        assert_int_equal(api_find_callers_session(&q, &session), API_NO_SESSION);
        store_abort(&q.txn);
        ask_from_a_session(state, "default");
        begin_asking(state);
        assert_int_equal(api_find_callers_session(&q, &session), 0);
        assert_sid(&session, 1);
        ask_as(BOB, true);
        assert_int_equal(api_find_callers_session(&q, &session), API_NO_SESSION);
}

/* ---- what is answered ---- */

static void test_each_outcome_has_its_error_and_says_what_is_needed(void **state) {
        static const struct {
                int outcome;
                const char *reply;
        } cases[] = {
                { API_INTERFACE_NOT_FOUND,
                        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
                        "\"what\"}}" },
                { API_METHOD_NOT_FOUND, "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{"
                                        "\"method\":\"what\"}}" },
                { API_INVALID_PARAMETER,
                        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"
                        "\"what\"}}" },
                { API_PERMISSION_DENIED,
                        "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}" },
                { API_SESSION_NOT_FOUND, "{\"error\":\"org.sessjwt.SessionNotFound\",\"parameters\":{"
                                         "\"sessionId\":\"what\"}}" },
                { API_SESSION_ENDED,
                        "{\"error\":\"org.sessjwt.SessionEnded\",\"parameters\":{\"sessionId\":\"what\","
                        "\"endReason\":\"evicted\"}}" },
                { API_NO_SESSION, "{\"error\":\"org.sessjwt.NoSession\",\"parameters\":{}}" },
                { API_REALM_NOT_FOUND,
                        "{\"error\":\"org.sessjwt.RealmNotFound\",\"parameters\":{\"realm\":\"what\"}}" },
                { API_USER_NOT_FOUND,
                        "{\"error\":\"org.sessjwt.UserNotFound\",\"parameters\":{\"user\":\"what\"}}" },
                { API_NAMES_UNAVAILABLE, "{\"error\":\"org.sessjwt.NamesUnavailable\",\"parameters\":{}}" },
                { API_TOO_MANY_CONNECTIONS,
                        "{\"error\":\"org.sessjwt.TooManyConnections\",\"parameters\":{\"limit\":64}}" },
                { API_CONNECTIONS_TAKEN,
                        "{\"error\":\"org.sessjwt.TooManyConnections\",\"parameters\":{\"limit\":4096}}" },
                { API_TOO_MANY_SUBSCRIPTIONS,
                        "{\"error\":\"org.sessjwt.TooManySubscriptions\",\"parameters\":{\"limit\":16}}" },
                { API_SUBSCRIPTIONS_TAKEN,
                        "{\"error\":\"org.sessjwt.TooManySubscriptions\",\"parameters\":{\"limit\":1024}}" },
                { API_TOO_MANY_CHANGES,
                        "{\"error\":\"org.sessjwt.TooManyChanges\",\"parameters\":{\"limit\":50}}" },
                { API_TOO_MUCH_HELD,
                        "{\"error\":\"org.sessjwt.TooMuchUnread\",\"parameters\":{\"limit\":16777216}}" },
                { API_ALL_HELD,
                        "{\"error\":\"org.sessjwt.TooMuchUnread\",\"parameters\":{\"limit\":134217728}}" },
                { API_CONFIGURATION_INVALID, "{\"error\":\"org.sessjwt.ConfigurationInvalid\",\"parameters\":"
                                             "{\"message\":\"what\"}}" },
                { -ENOSPC, "{\"error\":\"org.sessjwt.StoreUnavailable\",\"parameters\":{\"reason\":\"No "
                           "space left on "
                           "device\"}}" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                strcpy(q.detail, "what");
                strcpy(q.detail_more, "evicted");
                assert_string_equal(answer(cases[i].outcome), cases[i].reply);
        }
}

static void test_members_that_a_failed_handler_wrote_are_not_answered(void **state) {
        size_t size;

        request_begin_reply(&q);
        json_member_string(&q.reply, "secret", "half a reply");
        assert_int_equal(api_finish_reply(&q, API_NO_SESSION, &size), 0);
        reply_bytes[size] = '\0';
        assert_null(strstr(reply_bytes, "secret"));
}

static void test_a_reply_that_does_not_fit_is_an_error_not_a_cut(void **state) {
        size_t size;

        q.reply_size = 100;
        request_begin_reply(&q);
        for (int i = 0; i < 20; i++)
                json_member_string(&q.reply, "name", "value");
        assert_int_equal(api_finish_reply(&q, 0, &size), 0);
        reply_bytes[size] = '\0';
        assert_memory_equal(reply_bytes, "{\"error\":\"org.sessjwt.StoreUnavailable\"", 39);
        assert_true(size <= 100);
}

static void test_the_longest_detail_can_be_answered(void **state) {
        memset(q.detail, '"', sizeof(q.detail) - 1);
        q.detail[sizeof(q.detail) - 1] = '\0';
        assert_true(strlen(answer(API_CONFIGURATION_INVALID)) > 2 * CONFIG_ERROR_MAX);
}

#define api_test(name) cmocka_unit_test_setup_teardown(name, ask_setup, ask_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                api_test(test_rights_are_checked_before_anything_is_looked_at),
                api_test(test_what_is_not_there_is_told_as_method_or_interface),
                api_test(test_a_foreign_session_is_answered_like_one_that_is_not_there),
                api_test(test_owners_admins_and_root_act_on_what_is_theirs),
                api_test(test_what_is_no_session_id_is_an_invalid_parameter),
                api_test(test_with_one_realm_there_is_no_other),
                api_test(test_another_realm_is_unknown_to_all_but_admins),
                api_test(test_a_caller_is_in_the_realm_of_his_session),
                api_test(test_an_admin_is_in_the_realm_of_his_session_and_may_name_any),
                api_test(test_a_realm_that_a_session_has_outlived_is_named),
                api_test(test_a_session_of_ones_own_in_another_realm_is_not_there),
                api_test(test_a_caller_finds_his_own_session_or_none),
                api_test(test_each_outcome_has_its_error_and_says_what_is_needed),
                api_test(test_members_that_a_failed_handler_wrote_are_not_answered),
                api_test(test_a_reply_that_does_not_fit_is_an_error_not_a_cut),
                api_test(test_the_longest_detail_can_be_answered),
        };

        return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
