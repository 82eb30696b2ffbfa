/* What is no request of the module, byte by byte, is refused, and the part that is wrong is named. */
#include "tests/unit/frame_packet.h"

static void test_a_string_without_its_nul_or_with_one_inside_is_refused(void **state) {
        for (size_t i = 0; i < N_FIELDS; i++) {
                struct frame_request request = login;
                struct packet *p;
                size_t at;

                set_field(&request, i, "abc");
                p = written(&request);
                at = offset_of_field(p, i);
                p->bytes[at + 5] = 'x';
                refuse(p, fields[i].name);
                p->bytes[at + 5] = '\0';
                p->bytes[at + 3] = '\0';
                refuse(p, fields[i].name);
                free(p);
        }
}

static void test_a_length_past_the_end_is_refused(void **state) {
        for (size_t i = 0; i < N_FIELDS; i++) {
                struct packet *p = written(&login);
                size_t at = offset_of_field(p, i);

                p->bytes[at] = 0xff;
                p->bytes[at + 1] = 0xff;
                refuse(p, fields[i].name);
                free(p);
        }
}

static void test_a_request_cut_anywhere_is_refused(void **state) {
        struct packet *p = written(&login);
        size_t whole = p->size;
        const char *field = NULL;
        uint16_t version;

        for (p->size = 0; p->size < whole; p->size++) {
                if (p->size >= AT_SIZE + 4) /* once as it would arrive, once with a size that agrees */
                        refuse(p, "size"), set_size(p);
                assert_int_equal(read_copy(p->bytes, p->size, &field, &version), -EBADMSG);
                p->bytes[AT_SIZE] = (uint8_t) whole;
                p->bytes[AT_SIZE + 1] = (uint8_t) (whole >> 8);
        }
        free(p);
}

static void test_each_missing_part_is_named(void **state) {
        static const struct {
                size_t size;
                const char *field;
        } cuts[] = { { 0, "magic" }, { 3, "magic" }, { 5, "version" }, { 7, "size" }, { AT_SIZE + 3, "size" },
                { AT_FLAGS, "flags" }, { AT_DEADLINE, "deadline" }, { AT_UID, "uid" },
                { AT_CHOICE, "choice" }, { AT_TEXT, "user" } };

        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
                struct packet *p = written(&login);

                p->size = cuts[i].size;
                set_size(p);
                refuse(p, cuts[i].field);
                free(p);
        }
        for (size_t i = 0; i <= N_FIELDS; i++) {
                struct packet *p = written(&login);

                p->size = offset_of_field(p, i);
                set_size(p);
                refuse(p, i < N_FIELDS ? fields[i].name : "groups");
                free(p);
        }
}

static void test_trailing_bytes_are_refused(void **state) {
        struct packet *p = written(&login);

        p->size++;
        refuse(p, "size");
        set_size(p);
        refuse(p, "groups");
        free(p);
}

static void test_an_oversized_packet_is_refused(void **state) {
        struct packet *p = written(&login);
        uint8_t *large = calloc(1, FRAME_REQUEST_MAX + 1);
        const char *field = NULL;
        uint16_t version;

        assert_non_null(large);
        memcpy(large, p->bytes, p->size);
        assert_int_equal(read_copy(large, FRAME_REQUEST_MAX + 1, &field, &version), -EBADMSG);
        assert_string_equal(field, "size");
        free(large);
        free(p);
}

static void test_a_wrong_magic_is_refused(void **state) {
        struct packet *p = written(&login);

        p->bytes[AT_MAGIC + 3] = 'R'; /* a reply's */
        refuse(p, "magic");
        free(p);
}

static void test_another_version_is_told_apart_and_nothing_else_of_it_is_read(void **state) {
        struct packet *p = written(&login);
        const char *field = NULL;
        uint16_t version = 0;

        p->bytes[AT_VERSION] = 2;
        p->bytes[AT_VERSION + 1] = 1;
        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), -EPROTONOSUPPORT);
        assert_int_equal(version, 258);
        assert_int_equal(read_copy(p->bytes, AT_KIND, &field, &version), -EPROTONOSUPPORT);
        p->bytes[AT_VERSION] = p->bytes[AT_VERSION + 1] = 0;
        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), -EPROTONOSUPPORT);
        assert_int_equal(version, 0);
        free(p);
}

/* Only what the user was asked has an answer, and it has one of three. */
static void test_a_choice_stands_in_its_own_phase_and_nowhere_else(void **state) {
        static const struct {
                enum frame_phase phase;
                unsigned choice;
                bool fits;
        } cases[] = { { FRAME_ACCOUNT, FRAME_CHOICE_NONE, true },
                { FRAME_ACCOUNT, FRAME_CHOICE_OLDEST, false }, { FRAME_OPEN, FRAME_CHOICE_OTHERS, false },
                { FRAME_CLOSE, FRAME_CHOICE_GIVE_UP, false }, { FRAME_CHOOSE, FRAME_CHOICE_NONE, false },
                { FRAME_CHOOSE, FRAME_CHOICE_OLDEST, true }, { FRAME_CHOOSE, FRAME_CHOICE_OTHERS, true },
                { FRAME_CHOOSE, FRAME_CHOICE_GIVE_UP, true },
                { FRAME_CHOOSE, FRAME_CHOICE_GIVE_UP + 1, false }, { FRAME_CHOOSE, 0x101, false } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct frame_request request = login;
                struct packet *p = written(&login);
                const char *field = "";
                uint8_t buf[FRAME_REQUEST_MAX];
                uint16_t version;
                size_t size;

                p->bytes[AT_KIND] = (uint8_t) cases[i].phase;
                p->bytes[AT_CHOICE] = (uint8_t) cases[i].choice;
                p->bytes[AT_CHOICE + 1] = (uint8_t) (cases[i].choice >> 8);
                request.phase = cases[i].phase;
                request.choice = (enum frame_choice) cases[i].choice;
                assert_int_equal(frame_write_request(&request, buf, sizeof(buf), &size, &field),
                        cases[i].fits ? 0 : -EINVAL);
                if (cases[i].fits) {
                        assert_memory_equal(buf, p->bytes, p->size);
                        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), 0);
                } else {
                        assert_string_equal(field, "choice");
                        refuse(p, "choice");
                }
                free(p);
        }
}

static void test_unknown_phases_and_flags_are_refused(void **state) {
        static const unsigned phases[] = { 0, FRAME_CHOOSE + 1, 0x0101 };
        struct packet *p = written(&login);
        struct frame_request request = login;
        const char *field = NULL;
        uint8_t buf[512];
        size_t size;

        for (size_t i = 0; i < 3; i++) {
                p->bytes[AT_KIND] = (uint8_t) phases[i];
                p->bytes[AT_KIND + 1] = (uint8_t) (phases[i] >> 8);
                refuse(p, "phase");
                request.phase = (enum frame_phase) phases[i];
                assert_int_equal(frame_write_request(&request, buf, sizeof(buf), &size, &field), -EINVAL);
                assert_string_equal(field, "phase");
        }
        p->bytes[AT_KIND] = FRAME_OPEN;
        p->bytes[AT_KIND + 1] = 0;
        p->bytes[AT_FLAGS] = _FRAME_FLAGS_KNOWN + 1;
        refuse(p, "flags");
        p->bytes[AT_FLAGS] = 0;
        p->bytes[AT_FLAGS + 3] = 0x80;
        refuse(p, "flags");
        request = login;
        request.flags = _FRAME_FLAGS_KNOWN + 1;
        assert_int_equal(frame_write_request(&request, buf, sizeof(buf), &size, &field), -EINVAL);
        assert_string_equal(field, "flags");
        free(p);
}

static void test_groups_are_bounded_and_their_count_is_exact(void **state) {
        static uint32_t many[GROUPS_MAX + 1];
        struct frame_request request = login;
        struct packet *p = written(&login);
        const char *field = NULL;
        uint8_t buf[512];
        size_t at = offset_of_field(p, N_FIELDS), size;

        p->bytes[at] = 2;
        refuse(p, "groups");
        p->bytes[at] = 4;
        refuse(p, "groups");
        p->bytes[at] = 3;
        p->size--;
        set_size(p);
        refuse(p, "groups");
        free(p);

        request.groups = many;
        request.n_groups = GROUPS_MAX;
        p = written(&request); /* one group more than a reader has room for */
        at = offset_of_field(p, N_FIELDS);
        p->size += 4;
        set_size(p);
        p->bytes[at]++;
        refuse(p, "groups");
        free(p);

        request.n_groups = GROUPS_MAX + 1;
        assert_int_equal(frame_write_request(&request, buf, sizeof(buf), &size, &field), -E2BIG);
        assert_string_equal(field, "groups");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_string_without_its_nul_or_with_one_inside_is_refused),
                cmocka_unit_test(test_a_length_past_the_end_is_refused),
                cmocka_unit_test(test_a_request_cut_anywhere_is_refused),
                cmocka_unit_test(test_each_missing_part_is_named),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_an_oversized_packet_is_refused),
                cmocka_unit_test(test_a_wrong_magic_is_refused),
                cmocka_unit_test(test_another_version_is_told_apart_and_nothing_else_of_it_is_read),
                cmocka_unit_test(test_a_choice_stands_in_its_own_phase_and_nowhere_else),
                cmocka_unit_test(test_unknown_phases_and_flags_are_refused),
                cmocka_unit_test(test_groups_are_bounded_and_their_count_is_exact),
        };

        return cmocka_run_group_tests_name("frame_broken", tests, NULL, NULL);
}
