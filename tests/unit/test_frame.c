/* The requests of the module, byte by byte; test_frame_broken has what is none, test_frame_reply what comes
 * back. */
#include "tests/unit/frame_packet.h"

static const char *get_field(const struct frame_request *request, size_t i) {
        const char *text;

        memcpy(&text, (const char *) request + fields[i].offset, sizeof(text));
        return text;
}

static char *text_of(size_t n) {
        char *text = malloc(n + 1);

        assert_non_null(text);
        memset(text, 'x', n);
        text[n] = '\0';
        return text;
}

static void test_what_is_written_is_read(void **state) {
        struct packet *p = written(&login);
        struct frame_request read;
        uint32_t groups[GROUPS_MAX];
        const char *field = NULL;
        uint16_t version = 0;

        assert_int_equal(frame_read_request(p->bytes, p->size, &read, groups, &version, &field), 0);
        assert_int_equal(version, FRAME_VERSION);
        assert_int_equal(read.phase, login.phase);
        assert_int_equal(read.flags, login.flags);
        assert_true(read.deadline == login.deadline);
        assert_int_equal(read.uid, login.uid);
        for (size_t i = 0; i < N_FIELDS; i++) {
                const char *text = get_field(&read, i);

                assert_string_equal(text, get_field(&login, i));
                assert_in_range((uintptr_t) text, (uintptr_t) p->bytes, (uintptr_t) p->bytes + p->size);
        }
        assert_int_equal(read.n_groups, 3);
        assert_ptr_equal(read.groups, groups);
        assert_memory_equal(groups, some_groups, sizeof(some_groups));
        free(p);
}

static void test_a_request_is_these_bytes(void **state) {
        static const char expected[] = "SJWT\1\0\3\0\x4a\0\0\0\2\0\0\0\1\2\0\0\0\0\0\0\xe8\3\0\0\0\0\0\0"
                                       "\1\0u\0"
                                       "\4\0sshd\0"
                                       "\0\0\0\0\0\0\0\0\0"
                                       "\0\0\0\0\0\0\0\0\0"
                                       "\4\0SIDX\0"
                                       "\1\0\x64\0\0\0";
        struct frame_request request = { .phase = FRAME_CLOSE,
                .flags = FRAME_BREAK_GLASS,
                .deadline = 513,
                .uid = 1000,
                .user = "u",
                .service = "sshd",
                .session_id = "SIDX",
                .n_groups = 1,
                .groups = some_groups };
        struct packet *p = written(&request);

        assert_int_equal(p->size, sizeof(expected) - 1);
        assert_memory_equal(p->bytes, expected, p->size);
        free(p);
}

static void test_an_absent_string_is_written_as_an_empty_one(void **state) {
        struct frame_request absent = { .phase = FRAME_ACCOUNT }, empty = absent;
        struct packet *a, *e;

        for (size_t i = 0; i < N_FIELDS; i++)
                set_field(&empty, i, "");
        a = written(&absent);
        e = written(&empty);
        assert_int_equal(a->size, e->size);
        assert_memory_equal(a->bytes, e->bytes, a->size);
        free(a);
        free(e);
}

static void test_all_fields_at_their_limits_fit_the_largest_request(void **state) {
        struct frame_request request = { .phase = FRAME_OPEN,
                .flags = _FRAME_FLAGS_KNOWN,
                .deadline = UINT64_MAX,
                .uid = UINT32_MAX,
                .n_groups = GROUPS_MAX };
        uint32_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
        char *texts[N_FIELDS];
        size_t sum = AT_TEXT + 2 + sizeof(*groups) * GROUPS_MAX;
        const char *field = NULL;
        uint16_t version = 0;
        struct packet *p;

        assert_non_null(groups);
        request.groups = groups;
        for (size_t i = 0; i < N_FIELDS; i++) {
                texts[i] = text_of(fields[i].max);
                set_field(&request, i, texts[i]);
                sum += 2 + fields[i].max + 1;
        }
        p = written(&request);
        assert_int_equal(p->size, sum);
        assert_in_range(sum, 1, FRAME_REQUEST_MAX);
        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), 0);
        for (size_t i = 0; i < N_FIELDS; i++)
                free(texts[i]);
        free(groups);
        free(p);
}

static void test_a_string_over_its_limit_is_refused_by_name(void **state) {
        for (size_t i = 0; i < N_FIELDS; i++) {
                struct frame_request request = login;
                struct packet *p = calloc(1, sizeof(*p));
                char *text = text_of(fields[i].max + 1);
                const char *field = NULL;
                size_t start, size = 0;

                /* written */
                assert_non_null(p);
                set_field(&request, i, text);
                assert_int_equal(
                        frame_write_request(&request, p->bytes, sizeof(p->bytes), &size, &field), -E2BIG);
                assert_string_equal(field, fields[i].name);
                assert_int_equal(size, 0);
                free(p);

                /* read: the longest, with a byte more put in */
                text[fields[i].max] = '\0';
                p = written(&request);
                start = offset_of_field(p, i) + 2;
                memmove(p->bytes + start + 1, p->bytes + start, p->size - start);
                p->size++;
                p->bytes[start] = 'x';
                p->bytes[start - 2] = (uint8_t) (fields[i].max + 1);
                p->bytes[start - 1] = (uint8_t) ((fields[i].max + 1) >> 8);
                set_size(p);
                refuse(p, fields[i].name);
                free(p);
                free(text);
        }
}

static void test_control_characters_are_refused_by_name(void **state) {
        static const char controls[] = "\x01\t\n\r\x1b\x1f\x7f";

        for (size_t i = 0; i < N_FIELDS; i++)
                for (size_t c = 0; c < sizeof(controls) - 1; c++) {
                        char text[] = { 'a', controls[c], 'b', '\0' };
                        struct frame_request request = login;
                        const char *field = NULL;
                        uint8_t buf[FRAME_REQUEST_MAX];
                        struct packet *p;
                        size_t size;

                        set_field(&request, i, text);
                        if (strcmp(fields[i].name, "auth_info") == 0) {
                                assert_int_equal(
                                        frame_write_request(&request, buf, sizeof(buf), &size, &field), 0);
                                continue;
                        }
                        assert_int_equal(
                                frame_write_request(&request, buf, sizeof(buf), &size, &field), -EINVAL);
                        assert_string_equal(field, fields[i].name);

                        set_field(&request, i, "a-b");
                        p = written(&request);
                        p->bytes[offset_of_field(p, i) + 3] = (uint8_t) controls[c];
                        refuse(p, fields[i].name);
                        free(p);
                }
}

static void test_what_is_no_utf8_is_refused_by_name(void **state) {
        static const char *const texts[] = { "caf\xe9", "\xff\xfe", "\x80", "\xc3", "\xc0\xaf",
                "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc2\x9b[31m" };

        for (size_t i = 0; i < N_FIELDS; i++)
                for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
                        struct frame_request request = login;
                        const char *field = NULL;
                        uint8_t buf[FRAME_REQUEST_MAX];
                        struct packet *p;
                        size_t size;
                        int r;

                        set_field(&request, i, texts[t]);
                        r = frame_write_request(&request, buf, sizeof(buf), &size, &field);
                        if (strcmp(fields[i].name, "auth_info") == 0) {
                                assert_int_equal(r, 0);
                                continue;
                        }
                        assert_int_equal(r, -EINVAL);
                        assert_string_equal(field, fields[i].name);

                        set_field(&request, i, "12345678");
                        p = written(&request);
                        memcpy(p->bytes + offset_of_field(p, i) + 2, texts[t], strlen(texts[t]));
                        refuse(p, fields[i].name);
                        free(p);
                }
}

static void test_nobody_logs_in_without_a_name_or_by_nothing(void **state) {
        static const char *const names[] = { "user", "service" };

        for (size_t i = 0; i < 2; i++) {
                struct frame_request request = login;
                struct packet *p;

                assert_string_equal(fields[i].name, names[i]);
                set_field(&request, i, "");
                p = written(&request);
                refuse(p, names[i]);
                free(p);
        }
}

static void test_bytes_of_other_scripts_are_text(void **state) {
        struct frame_request request = login;
        struct packet *p;
        const char *field = NULL;
        uint16_t version = 0;

        request.user = "j\xc3\xb6rg";
        p = written(&request);
        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), 0);
        free(p);
}

static void test_a_buffer_that_is_too_small_is_said_so(void **state) {
        struct packet *p = written(&login);

        for (size_t room = 0; room < p->size; room++) {
                uint8_t *buf = malloc(room ? room : 1);
                const char *field = NULL;
                size_t size = 77;

                assert_non_null(buf);
                assert_int_equal(frame_write_request(&login, buf, room, &size, &field), -ENOBUFS);
                assert_int_equal(size, 77);
                free(buf);
        }
        free(p);
}

static void test_what_a_frame_may_carry_is_asked_before(void **state) {
        assert_true(frame_may_carry("", 0));
        assert_true(frame_may_carry("abc", 3));
        assert_false(frame_may_carry("abcd", 3));
        assert_false(frame_may_carry("a\nb", 3));
        assert_false(frame_may_carry("a\x7f", 3));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_written_is_read),
                cmocka_unit_test(test_a_request_is_these_bytes),
                cmocka_unit_test(test_an_absent_string_is_written_as_an_empty_one),
                cmocka_unit_test(test_all_fields_at_their_limits_fit_the_largest_request),
                cmocka_unit_test(test_a_string_over_its_limit_is_refused_by_name),
                cmocka_unit_test(test_control_characters_are_refused_by_name),
                cmocka_unit_test(test_what_is_no_utf8_is_refused_by_name),
                cmocka_unit_test(test_nobody_logs_in_without_a_name_or_by_nothing),
                cmocka_unit_test(test_bytes_of_other_scripts_are_text),
                cmocka_unit_test(test_a_buffer_that_is_too_small_is_said_so),
                cmocka_unit_test(test_what_a_frame_may_carry_is_asked_before),
        };

        return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
