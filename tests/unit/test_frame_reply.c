/* The replies of the daemon, byte by byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pam/frame.h"

#define SID "01890a5d-ac96-774b-bcce-b302099a8057"

/* Where the parts of a reply stand. */
enum { AT_MAGIC = 0, AT_VERSION = 4, AT_KIND = 6, AT_SIZE = 8 };

static const struct frame_reply allowed = {
        .outcome = FRAME_OK, .session_id = SID, .text = "Two others.\nOf today.", .token_file = "/run/x/t.jwt"
};

static size_t written_reply(const struct frame_reply *reply, uint8_t buf[static FRAME_REPLY_MAX]) {
        size_t size = 0;

        assert_int_equal(frame_write_reply(reply, buf, FRAME_REPLY_MAX, &size), 0);
        return size;
}

static int read_reply_copy(const void *bytes, size_t size, struct frame_reply *ret, uint16_t *ret_version) {
        void *copy = malloc(size ? size : 1);
        int r;

        assert_non_null(copy);
        if (size)
                memcpy(copy, bytes, size);
        r = frame_read_reply(copy, size, ret, ret_version);
        free(copy);
        return r;
}

static void refuse_reply(const uint8_t *bytes, size_t size) {
        struct frame_reply reply = { .outcome = 77 };
        uint16_t version;

        assert_int_equal(read_reply_copy(bytes, size, &reply, &version), -EBADMSG);
        assert_int_equal(reply.outcome, 77);
}

static void test_every_outcome_is_written_and_read(void **state) {
        for (int outcome = FRAME_OK; outcome <= FRAME_ASKS; outcome++) {
                struct frame_reply reply = allowed, read;
                uint8_t buf[FRAME_REPLY_MAX];
                uint16_t version = 0;

                reply.outcome = (enum frame_outcome) outcome;
                assert_int_equal(read_reply_copy(buf, written_reply(&reply, buf), &read, &version), 0);
                assert_int_equal(read.outcome, outcome);
                assert_string_equal(read.session_id, SID);
                assert_string_equal(read.text, allowed.text);
                assert_string_equal(read.token_file, allowed.token_file);
                assert_int_equal(version, FRAME_VERSION);
        }
}

static void test_a_reply_is_these_bytes(void **state) {
        static const char expected[] = "SJWR\1\0\3\0\x19\0\0\0\0\0\0\2\0no\0\2\0/t\0";
        struct frame_reply reply = { .outcome = FRAME_DENIED, .text = "no", .token_file = "/t" };
        uint8_t buf[FRAME_REPLY_MAX];

        assert_int_equal(written_reply(&reply, buf), sizeof(expected) - 1);
        assert_memory_equal(buf, expected, sizeof(expected) - 1);
}

static void test_the_largest_reply_fits(void **state) {
        struct frame_reply reply = { .outcome = FRAME_DENIED }, read;
        uint8_t buf[FRAME_REPLY_MAX];
        uint16_t version;

        memset(reply.session_id, 's', SID_TEXT_MAX);
        memset(reply.text, 't', MESSAGE_TEXT_MAX);
        memset(reply.token_file, '/', TOKEN_FILE_MAX);
        assert_int_equal(read_reply_copy(buf, written_reply(&reply, buf), &read, &version), 0);
        assert_string_equal(read.text, reply.text);
        assert_string_equal(read.session_id, reply.session_id);
        assert_string_equal(read.token_file, reply.token_file);
}

/* The module puts it into a login's environment. */
static void test_a_token_file_that_is_no_plain_absolute_path_is_neither_written_nor_read(void **state) {
        static const char *const wrong[] = { "run/x/t.jwt2", "../x/t.jwt22", "/run/../t.jw",
                "/run/x/t.jw\n" };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct frame_reply reply = allowed;
                uint8_t buf[FRAME_REPLY_MAX];
                size_t size = written_reply(&allowed, buf), ignored;

                snprintf(reply.token_file, sizeof(reply.token_file), "%s", wrong[i]);
                assert_int_equal(strlen(wrong[i]), strlen(allowed.token_file));
                assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &ignored), -EINVAL);
                assert_int_equal(written_reply(&allowed, buf), size);
                memcpy(buf + size - strlen(wrong[i]) - 1, wrong[i], strlen(wrong[i]));
                refuse_reply(buf, size);
        }
}

static void test_a_token_file_over_its_limit_is_neither_written_nor_read(void **state) {
        uint8_t buf[FRAME_REPLY_MAX + 16];
        struct frame_reply reply = { .outcome = FRAME_OK };
        size_t size;

        memset(reply.token_file, '/', sizeof(reply.token_file));
        assert_int_equal(frame_write_reply(&reply, buf, FRAME_REPLY_MAX, &size), -E2BIG);
        reply.token_file[TOKEN_FILE_MAX] = '\0';
        size = written_reply(&reply, buf);
        memmove(buf + 21, buf + 20, size - 20);
        size++;
        buf[18] = 0;
        buf[19] = 1;
        memcpy(buf + AT_SIZE, &(uint32_t){ (uint32_t) size }, 4);
        refuse_reply(buf, size);
}

static void test_a_reply_with_bad_text_is_not_written(void **state) {
        struct frame_reply reply = allowed;
        uint8_t buf[FRAME_REPLY_MAX];
        size_t size;

        memset(reply.text, 't', sizeof(reply.text));
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -E2BIG);
        reply = allowed;
        memset(reply.session_id, 's', sizeof(reply.session_id));
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -E2BIG);
        reply = allowed;
        strcpy(reply.text, "\x1b[2J");
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -EINVAL);
        reply = allowed;
        reply.session_id[3] = '\n';
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -EINVAL);
        reply = allowed;
        reply.outcome = 0;
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -EINVAL);
        reply.outcome = FRAME_ASKS + 1;
        assert_int_equal(frame_write_reply(&reply, buf, sizeof(buf), &size), -EINVAL);
        for (size_t room = 0, whole = written_reply(&allowed, buf); room < whole; room++)
                assert_int_equal(frame_write_reply(&allowed, buf, room, &size), -ENOBUFS);
}

static void test_a_reply_cut_anywhere_or_with_more_behind_is_refused(void **state) {
        uint8_t buf[FRAME_REPLY_MAX];
        size_t whole = written_reply(&allowed, buf);

        for (size_t size = 0; size < whole; size++) {
                refuse_reply(buf, size);
                buf[AT_SIZE] = (uint8_t) size; /* whole < 256 */
                refuse_reply(buf, size);
                buf[AT_SIZE] = (uint8_t) whole;
        }
        buf[whole] = '\0';
        refuse_reply(buf, whole + 1);
        buf[AT_SIZE]++;
        refuse_reply(buf, whole + 1);
}

static void test_a_reply_with_one_wrong_part_is_refused(void **state) {
        static const struct {
                size_t at;
                uint8_t byte;
        } wrong[] = { { AT_MAGIC + 3, 'T' }, { AT_KIND, 0 }, { AT_KIND, FRAME_ASKS + 1 }, { AT_KIND + 1, 1 },
                { AT_SIZE + 3, 1 }, { 12, SID_TEXT_MAX + 1 }, { 13, 1 }, { 14, '\n' }, { 15, '\0' },
                { 14 + SID_TEXT_MAX, 'x' }, { 14 + SID_TEXT_MAX + 2, 0xff },
                { 14 + SID_TEXT_MAX + 3, '\x1b' } };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                uint8_t buf[FRAME_REPLY_MAX];
                size_t size = written_reply(&allowed, buf);

                buf[wrong[i].at] = wrong[i].byte;
                refuse_reply(buf, size);
        }
}

static void test_a_reply_text_over_its_limit_is_refused(void **state) {
        uint8_t buf[FRAME_REPLY_MAX + 16];
        struct frame_reply reply = { .outcome = FRAME_DENIED };
        size_t size;

        memset(reply.text, 't', MESSAGE_TEXT_MAX);
        size = written_reply(&reply, buf);
        memmove(buf + 18, buf + 17, size - 17);
        size++;
        buf[15]++;
        buf[AT_SIZE]++;
        refuse_reply(buf, size);
}

static void test_a_reply_of_another_version_is_told_apart(void **state) {
        struct frame_reply reply;
        uint8_t buf[FRAME_REPLY_MAX];
        size_t size = written_reply(&allowed, buf);
        uint16_t version = 0;

        buf[AT_VERSION] = 9;
        assert_int_equal(read_reply_copy(buf, size, &reply, &version), -EPROTONOSUPPORT);
        assert_int_equal(version, 9);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_outcome_is_written_and_read),
                cmocka_unit_test(test_a_reply_is_these_bytes),
                cmocka_unit_test(test_the_largest_reply_fits),
                cmocka_unit_test(
                        test_a_token_file_that_is_no_plain_absolute_path_is_neither_written_nor_read),
                cmocka_unit_test(test_a_token_file_over_its_limit_is_neither_written_nor_read),
                cmocka_unit_test(test_a_reply_with_bad_text_is_not_written),
                cmocka_unit_test(test_a_reply_cut_anywhere_or_with_more_behind_is_refused),
                cmocka_unit_test(test_a_reply_with_one_wrong_part_is_refused),
                cmocka_unit_test(test_a_reply_text_over_its_limit_is_refused),
                cmocka_unit_test(test_a_reply_of_another_version_is_told_apart),
        };

        return cmocka_run_group_tests_name("frame_reply", tests, NULL, NULL);
}
