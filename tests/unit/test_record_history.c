/* An event as bytes: read as it was written, and bytes that are none are not read. */
#include "tests/unit/record_sample.h"

/* Where the fields of version 1 stand. */
enum { AT_WALL = 9, AT_KIND = 17 };

static void assert_refused(const struct bytes *b) {
        struct history_row row, untouched;

        memset(&row, 0xa5, sizeof(row));
        memset(&untouched, 0xa5, sizeof(untouched));
        assert_int_equal(record_read_history(b->bytes, b->size, &row), -EBADMSG);
        assert_memory_equal(&row, &untouched, sizeof(row));
}

static struct history_row a_large_row(void) {
        struct history_row row = a_history_row();

        memset(row.event.kind, 'k', EVENT_KIND_MAX);
        memset(row.event.realm, 'r', REALM_MAX);
        memset(row.event.user, 'u', USER_MAX);
        memset(row.event.service, 's', SERVICE_MAX);
        memset(row.event.device_name, 'd', DEVICE_NAME_MAX);
        memset(row.event.ip, 'i', IP_MAX);
        memset(row.event.note, 'n', EFFECT_NOTE_MAX);
        return row;
}

static void test_an_event_is_read_as_it_was_written(void **state) {
        const struct history_row rows[] = { a_history_row(), a_large_row() };

        for (size_t i = 0; i < 2; i++) {
                struct bytes b = history_bytes(&rows[i]), again;
                struct history_row out;

                assert_int_equal(record_read_history(b.bytes, b.size, &out), 0);
                again = history_bytes(&out);
                assert_int_equal(again.size, b.size);
                assert_memory_equal(again.bytes, b.bytes, b.size);
                assert_true(out.previous == rows[i].previous && out.event.wall == rows[i].event.wall);
                assert_string_equal(out.event.kind, rows[i].event.kind);
                assert_string_equal(out.event.user, rows[i].event.user);
                assert_string_equal(out.event.note, rows[i].event.note);
                assert_true(out.event.end == END_EVICTED && out.event.initiator == BY_POLICY);
        }
}

static void test_the_fields_stand_where_they_stood(void **state) {
        struct history_row row = a_history_row();
        struct bytes b = history_bytes(&row);

        assert_int_equal(b.bytes[0], 1);
        assert_int_equal(b.bytes[1], 8);
        assert_int_equal(b.bytes[AT_KIND], strlen("evicted"));
        assert_memory_equal(b.bytes + AT_KIND + 2, "evicted", strlen("evicted"));
}

static void test_every_truncation_and_a_byte_more_are_refused(void **state) {
        struct history_row row = a_history_row();
        struct bytes b = history_bytes(&row), cut = b;

        for (cut.size = 0; cut.size < b.size; cut.size++)
                assert_refused(&cut);
        cut.size = b.size + 1;
        assert_refused(&cut);
}

static void test_another_version_or_a_kind_without_a_name_is_refused(void **state) {
        struct history_row row = a_history_row();
        struct bytes b = history_bytes(&row);

        b.bytes[0] = 2;
        assert_refused(&b);
        b = history_bytes(&row);
        b.bytes[AT_KIND + 2] = '\0';
        assert_refused(&b);
        b = history_bytes(&row);
        b.bytes[AT_KIND] = EVENT_KIND_MAX + 1;
        assert_refused(&b);
}

static void test_what_could_not_be_read_is_not_written(void **state) {
        struct history_row bad[5];
        uint8_t buf[RECORD_MAX];
        size_t size;

        for (size_t i = 0; i < 5; i++)
                bad[i] = a_history_row();
        bad[0].event.kind[0] = '\0';
        bad[1].event.initiator = 0;
        bad[2].event.end = _END_MAX;
        bad[3].event.methods = 1U << _METHODS_MAX;
        memset(bad[4].event.note, 'x', sizeof(bad[4].event.note));
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(record_write_history(&bad[i], buf, sizeof(buf), &size), -EINVAL);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_event_is_read_as_it_was_written),
                cmocka_unit_test(test_the_fields_stand_where_they_stood),
                cmocka_unit_test(test_every_truncation_and_a_byte_more_are_refused),
                cmocka_unit_test(test_another_version_or_a_kind_without_a_name_is_refused),
                cmocka_unit_test(test_what_could_not_be_read_is_not_written),
        };

        return cmocka_run_group_tests_name("record_history", tests, NULL, NULL);
}
