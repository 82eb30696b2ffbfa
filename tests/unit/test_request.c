/* request: a call that outlives its round owns all that it needs. */
#include "tests/unit/login_fixture.h"

#include "daemon/request.h"

#define CALL "{\"method\":\"org.sessjwt.GetSession\",\"parameters\":{\"sessionId\":\"abc\"}}"

struct params {
        char session_id[16];
};

static const struct message_field fields[] = {
        MESSAGE_FIELD_STRING(struct params, session_id, "sessionId", true),
        { 0 },
};

static struct request scratch;
static char scratch_reply[1024];

/* The server's scratch, with a call in it that stands in `text`. */
static void take_call(struct desk *desk, const char *text) {
        scratch = (struct request){ .service = &desk->service,
                .config = desk->config,
                .reply_bytes = scratch_reply,
                .reply_size = sizeof(scratch_reply),
                .slot = 7,
                .generation = 9 };
        assert_int_equal(keyring_new(&scratch.keyring), 0);
        assert_int_equal(message_read_call(text, strlen(text), &scratch.call), 0);
        request_begin_reply(&scratch);
}

static void test_a_kept_request_survives_its_text_its_round_and_a_reload(void **state) {
        struct desk *desk = *state;
        char *text = strdup(CALL), name[METHOD_NAME_MAX + 1];
        struct params params = { "" };
        struct request *kept;

        take_call(desk, text);
        kept = request_keep(&scratch, text, strlen(text));
        assert_non_null(kept);
        memset(text, 'x', strlen(text));
        free(text);
        keyring_free(&scratch.keyring);
        memset(&scratch, 'y', sizeof(scratch));
        desk_configure(desk, ""); /* the old one goes, but for this request */
        assert_string_equal(kept->call.method, "org.sessjwt.GetSession");
        assert_int_equal(message_read(&kept->call, fields, &params, name), 0);
        assert_string_equal(params.session_id, "abc");
        assert_int_equal(kept->slot, 7);
        assert_int_equal(kept->generation, 9);
        assert_int_equal(kept->config->n_realms, 1);
        request_free(&kept);
        assert_null(kept);
        request_free(&kept);
}

static void test_a_kept_request_writes_a_reply_of_its_own(void **state) {
        struct request *kept;
        size_t size;

        take_call(*state, CALL);
        kept = request_keep(&scratch, CALL, strlen(CALL));
        assert_int_equal(request_own_reply(kept, 256), 0);
        request_begin_reply(kept);
        json_member_string(&kept->reply, "a", "b");
        message_end_reply(&kept->reply, false);
        assert_int_equal(json_writer_finish(&kept->reply, &size), 0);
        assert_memory_equal(kept->reply_bytes, "{\"parameters\":{\"a\":\"b\"}}", size);
        assert_ptr_not_equal(kept->reply_bytes, scratch_reply);
        assert_int_equal(request_own_reply(kept, 512), 0); /* a larger one instead */
        assert_int_equal(kept->reply_size, 512);
        request_begin_reply(kept);
        request_free(&kept);
        keyring_free(&scratch.keyring);
}

/* As before a change is run once more. */
static void test_a_reply_begun_again_has_nothing_of_the_first_try(void **state) {
        size_t size;

        take_call(*state, CALL);
        json_member_string(&scratch.reply, "first", "try");
        json_put_string(&scratch.reply, "\xff"); /* it has failed, too */
        request_begin_reply(&scratch);
        message_end_reply(&scratch.reply, false);
        assert_int_equal(json_writer_finish(&scratch.reply, &size), 0);
        assert_memory_equal(scratch_reply, "{\"parameters\":{}}", size);
        keyring_free(&scratch.keyring);
}

static void test_a_request_frees_its_effects_and_the_row_that_it_holds(void **state) {
        struct session session = session_of(1, "default", "alice");
        struct request *kept;

        take_call(*state, CALL);
        kept = request_keep(&scratch, CALL, strlen(CALL));
        assert_int_equal(
                effects_add(&kept->change.effects, EFFECT_SESSION_ENDED, BY_USER, &session, NULL), 0);
        kept->list.held = malloc(100);
        request_free(&kept); /* a leak would be seen by the sanitizers */
        keyring_free(&scratch.keyring);
}

#define request_test(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                request_test(test_a_kept_request_survives_its_text_its_round_and_a_reload),
                request_test(test_a_kept_request_writes_a_reply_of_its_own),
                request_test(test_a_reply_begun_again_has_nothing_of_the_first_try),
                request_test(test_a_request_frees_its_effects_and_the_row_that_it_holds),
        };

        return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
