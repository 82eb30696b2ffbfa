/* What the library's connection does when the n-th thing that it asks of libc fails, n = 1, 2, …; and when
 * each is interrupted first. */
#include "tests/unit/canned_server.h"

#include "tests/unit/library_faults.h"

/* ---- a daemon that answers whoever calls, until it is told to stop ------------------------------------- */

#define SESSION(sid) "{\"parameters\":{\"session\":{\"sessionId\":\"" sid "\"}}"
#define EVENT(kind)  "{\"parameters\":{\"event\":{\"kind\":\"" kind "\"}}"
#define MORE         ",\"continues\":true}\0"
#define N_KEYS       250 /* more than the library has room for at first, of bytes and of values */

static char many_keys[N_KEYS * 32 + 64];

static struct {
        const char *method, *replies;
        size_t size;
} answers[] = {
#define ANSWER(method, replies)                                                                              \
        { "\"org.sessjwt." method "\"", replies, sizeof(replies) }
        ANSWER("GetHealth", HEALTH), ANSWER("GetKeys", ""), /* many_keys */
        ANSWER("ListSessions", SESSION("s1") MORE SESSION("s2") MORE SESSION("s3") "}"),
        ANSWER("Subscribe", "{\"parameters\":{}" MORE EVENT("opened") MORE EVENT("ended") MORE
                "{\"error\":\"org.sessjwt.EventsLost\"}"),
        ANSWER("GetSession", GONE), ANSWER("RevokeSession", ENDED_ONE),
        ANSWER("Reload", "{}"), /* and hangs up */
};

static struct server *server;
static char last_change[256];
static atomic_uint n_repeated;
static unsigned n_changes;

static void write_many_keys(void) {
        char *end = stpcpy(many_keys, "{\"parameters\":{\"keys\":[");

        for (int i = 0; i < N_KEYS; i++)
                end += sprintf(end, "%s{\"kid\":\"key %d\"}", i ? "," : "", i);
        strcpy(end, "]}}");
        answers[1].replies = many_keys;
        answers[1].size = strlen(many_keys) + 1;
}

/* No two changes are alike: one that is was sent twice. */
static void note_change(const char *call) {
        if (strcmp(call, last_change) == 0)
                n_repeated++;
        snprintf(last_change, sizeof(last_change), "%.*s", (int) sizeof(last_change) - 1, call);
}

/* Returns whether to go on. */
static bool answer(struct server *s, const char *call) {
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                if (!strstr(call, answers[i].method))
                        continue;
                if (strstr(call, "RevokeSession"))
                        note_change(call);
                server_write(s, answers[i].replies, answers[i].size, SIZE_MAX);
                return !strstr(call, "Reload");
        }
        return false;
}

static void *serve(void *userdata) {
        struct server *s = userdata;

        for (server_accept(s); s->peer >= 0; server_accept(s)) {
                do {
                        s->n_calls = 0;
                        server_read(s);
                } while (answer(s, s->calls[0]));
                server_hang_up(s);
        }
        return NULL;
}

static int open_server(void **state) {
        set_up(state);
        server = *state;
        write_many_keys();
        fault.error = 0;
        fault.lasts = false;
        fault.plan = NOTHING;
        return pthread_create(&server->thread, NULL, serve, server);
}

static int close_server(void **state) {
        fault.plan = NOTHING;
        shutdown(server->listener, SHUT_RDWR);
        server_end(server);
        return tear_down(state);
}

/* ---- the uses -----------------------------------------------------------------------------------------*/

static struct sessjwt *c;
static int (*use_connection)(void);

static void begin(void) {
        c = NULL;
}

static int run(void) {
        int r = sessjwt_connect(server->path, &c);

        if (r < 0) {
                assert_null(c);
                return r;
        }
        r = use_connection();
        if (r < 0) {
                assert_null(sessjwt_reply(c));
                assert_null(sessjwt_error_detail(c));
                assert_null(sessjwt_reply_string(c, "version"));
                assert_int_equal(sessjwt_reply_count(c, "keys"), 0);
        }
        return r;
}

/* It is never spoiled. */
static void end(void) {
        if (c)
                assert_int_equal(use_connection(), 0);
        sessjwt_close(&c);
}

static int ask_health(void) {
        int r = sessjwt_get_health(c);

        if (r == 0)
                assert_healthy(c);
        return r;
}

static int ask_keys(void) {
        int r = sessjwt_get_keys(c);

        if (r)
                return r;
        assert_int_equal(sessjwt_reply_count(c, "keys"), N_KEYS);
        assert_string_equal(sessjwt_reply_string(c, "keys.249.kid"), "key 249");
        return 0;
}

static int read_list(void) {
        static const char untouched[] = "";
        int r = sessjwt_list_sessions(c, NULL, NULL, true);

        for (int i = 1; r == 0; i++) {
                const char *session = untouched;
                char expected[] = "s0";

                r = sessjwt_next_session(c, &session);
                if (r != 0) {
                        assert_ptr_equal(session, untouched);
                        assert_int_equal(sessjwt_next_session(c, &session), -EINVAL); /* it is given up */
                        break;
                }
                if (!session) {
                        assert_int_equal(i, 4);
                        return 0;
                }
                expected[1] += (char) i;
                assert_string_equal(sessjwt_reply_string(c, "sessionId"), expected);
        }
        return r;
}

static int hear_events(void) {
        static const char *const kinds[] = { "opened" };
        static const struct sessjwt_event_filter filter = { .kinds = kinds, .n_kinds = 1 };
        static const char untouched[] = "";
        const char *event = untouched;
        int r = sessjwt_subscribe(c, &filter);

        for (int i = 0; i < 2 && r == 0; i++) {
                event = untouched;
                r = sessjwt_next_event(c, &event);
                if (r == 0)
                        assert_string_equal(sessjwt_reply_string(c, "kind"), i ? "ended" : "opened");
        }
        if (r == 0) {
                event = untouched;
                r = sessjwt_next_event(c, &event);
        }
        assert_ptr_equal(event, untouched);
        return r == SESSJWT_E_EVENTS_LOST ? 0 : r;
}

static int hear_an_error(void) {
        int r = sessjwt_get_session(c, "s1");

        if (r < 0)
                return r;
        assert_int_equal(r, SESSJWT_E_SESSION_NOT_FOUND);
        assert_string_equal(sessjwt_error_detail(c), "s1");
        return 0;
}

static int change_something(void) {
        char reason[32];
        int r;

        snprintf(reason, sizeof(reason), "%u", ++n_changes);
        r = sessjwt_revoke_session(c, "s1", reason);
        if (r == 0)
                assert_string_equal(sessjwt_reply_string(c, "session.sessionId"), "s1");
        return r;
}

static int change_after_a_question(void) {
        int r = ask_health();

        return r ? r : change_something();
}

/* The daemon hangs up when it has answered, as one does that is restarted. */
static int change_after_a_restart(void) {
        struct pollfd connection = { .events = POLLRDHUP };
        int r = sessjwt_reload(c);

        if (r)
                return r;
        connection.fd = last_fd;
        assert_int_equal(poll(&connection, 1, -1), 1);
        return change_something();
}

#define CALLS "calloc malloc socket setsockopt connect send recvmsg poll"

static const struct {
        struct use use;
        int (*of)(void);
} uses[] = {
        { { "a question", begin, run, end, CALLS }, ask_health },
        { { "a long answer", begin, run, end, CALLS " reallocarray" }, ask_keys },
        { { "a list", begin, run, end, CALLS }, read_list },
        { { "events", begin, run, end, CALLS }, hear_events },
        { { "an error", begin, run, end, CALLS }, hear_an_error },
        { { "a change", begin, run, end, CALLS " recv" }, change_after_a_question },
        { { "a change after a restart", begin, run, end, CALLS " recv" }, change_after_a_restart },
};

#define FOR_EACH_USE(do_it)                                                                                  \
        for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {                                        \
                use_connection = uses[i].of;                                                                 \
                do_it(&uses[i].use);                                                                         \
        }

static void test_every_fault_is_told_and_leaves_nothing_behind(void **state) {
        FOR_EACH_USE(assert_every_fault_is_told)
        print_message("in all: %u faults\n", n_faults);
}

static void test_no_fault_makes_a_change_be_sent_twice(void **state) {
        n_repeated = 0;
        use_connection = change_after_a_question;
        assert_every_fault_is_told(&uses[5].use);
        use_connection = change_after_a_restart;
        assert_every_fault_is_told(&uses[6].use);
        assert_int_equal(n_repeated, 0);
}

static void test_what_is_interrupted_is_done_again(void **state) {
        FOR_EACH_USE(assert_interruptions_are_not_seen)
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)
                T(test_every_fault_is_told_and_leaves_nothing_behind),
                T(test_no_fault_makes_a_change_be_sent_twice),
                T(test_what_is_interrupted_is_done_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
