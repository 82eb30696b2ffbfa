/* The requests of the module, byte by byte; test_frame_reply has what comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pam/frame.h"

/* Where the parts of a request stand. */
enum {
        AT_MAGIC = 0,
        AT_VERSION = 4,
        AT_KIND = 6,
        AT_SIZE = 8,
        AT_FLAGS = 12,
        AT_DEADLINE = 16,
        AT_UID = 24,
        AT_TEXT = 28
};

static const uint32_t some_groups[] = { 100, 4294967294u, 27 };

static const struct frame_request login = {
        .phase = FRAME_OPEN,
        .flags = FRAME_BREAK_GLASS | FRAME_SILENT,
        .deadline = 0x0102030405060708,
        .uid = 0xfffffffe,
        .user = "alice",
        .service = "sshd",
        .realm = "default",
        .tty = "ssh",
        .rhost = "192.0.2.7",
        .ruser = "",
        .ssh_connection = "192.0.2.7 51000 192.0.2.1 22",
        .auth_info = "publickey ssh-ed25519 AAAA\npassword\n",
        .session_id = "",
        .n_groups = 3,
        .groups = some_groups,
};

/* The strings in the order of the frame, with their limits. */
static const struct {
        const char *name;
        size_t offset;
        size_t max;
} fields[] = {
        { "user", offsetof(struct frame_request, user), USER_MAX },
        { "service", offsetof(struct frame_request, service), SERVICE_MAX },
        { "realm", offsetof(struct frame_request, realm), REALM_MAX },
        { "tty", offsetof(struct frame_request, tty), TTY_MAX },
        { "rhost", offsetof(struct frame_request, rhost), RHOST_MAX },
        { "ruser", offsetof(struct frame_request, ruser), USER_MAX },
        { "ssh_connection", offsetof(struct frame_request, ssh_connection), SSH_CONNECTION_MAX },
        { "auth_info", offsetof(struct frame_request, auth_info), AUTH_INFO_MAX },
        { "session_id", offsetof(struct frame_request, session_id), SID_TEXT_MAX },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

struct packet {
        uint8_t bytes[FRAME_REQUEST_MAX];
        size_t size;
};

static const char *get_field(const struct frame_request *request, size_t i) {
        const char *text;

        memcpy(&text, (const char *) request + fields[i].offset, sizeof(text));
        return text;
}

static void set_field(struct frame_request *request, size_t i, const char *text) {
        memcpy((char *) request + fields[i].offset, &text, sizeof(text));
}

static char *text_of(size_t n) {
        char *text = malloc(n + 1);

        assert_non_null(text);
        memset(text, 'x', n);
        text[n] = '\0';
        return text;
}

static struct packet *written(const struct frame_request *request) {
        struct packet *p = calloc(1, sizeof(*p));
        const char *field = NULL;

        assert_non_null(p);
        assert_int_equal(frame_write_request(request, p->bytes, sizeof(p->bytes), &p->size, &field), 0);
        return p;
}

/* Reads a copy of exactly the packet's size, so that a sanitizer sees a read past it. Strings go with the
 * copy. */
static int read_copy(const void *bytes, size_t size, const char **ret_field, uint16_t *ret_version) {
        struct frame_request request, before;
        uint32_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
        void *copy = malloc(size ? size : 1);
        int r;

        assert_true(copy && groups);
        if (size)
                memcpy(copy, bytes, size);
        memset(&request, 0x5a, sizeof(request));
        before = request;
        r = frame_read_request(copy, size, &request, groups, ret_version, ret_field);
        if (r < 0)
                assert_memory_equal(&request, &before, sizeof(request));
        free(groups);
        free(copy);
        return r;
}

static void refuse(const struct packet *p, const char *expected) {
        const char *field = NULL;
        uint16_t version = 0;

        assert_int_equal(read_copy(p->bytes, p->size, &field, &version), -EBADMSG);
        assert_string_equal(field, expected);
}

static void set_size(struct packet *p) {
        for (int i = 0; i < 4; i++)
                p->bytes[AT_SIZE + i] = (uint8_t) (p->size >> (8 * i));
}

/* Where the length of the i-th string stands; for N_FIELDS, where the count of groups does. */
static size_t offset_of_field(const struct packet *p, size_t i) {
        size_t at = AT_TEXT;

        for (; i > 0; i--)
                at += 2 + (size_t) (p->bytes[at] | p->bytes[at + 1] << 8) + 1;
        return at;
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
        static const char expected[] = "SJWT\1\0\3\0\x46\0\0\0\2\0\0\0\1\2\0\0\0\0\0\0\xe8\3\0\0"
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
                { AT_FLAGS, "flags" }, { AT_DEADLINE, "deadline" }, { AT_UID, "uid" }, { AT_TEXT, "user" } };

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

static void test_unknown_phases_and_flags_are_refused(void **state) {
        static const unsigned phases[] = { 0, FRAME_CLOSE + 1, 0x0101 };
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
        p->bytes[AT_FLAGS] = 0x10;
        refuse(p, "flags");
        p->bytes[AT_FLAGS] = 0;
        p->bytes[AT_FLAGS + 3] = 0x80;
        refuse(p, "flags");
        request = login;
        request.flags = 0x10;
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
                cmocka_unit_test(test_a_string_without_its_nul_or_with_one_inside_is_refused),
                cmocka_unit_test(test_a_length_past_the_end_is_refused),
                cmocka_unit_test(test_a_request_cut_anywhere_is_refused),
                cmocka_unit_test(test_each_missing_part_is_named),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_an_oversized_packet_is_refused),
                cmocka_unit_test(test_a_wrong_magic_is_refused),
                cmocka_unit_test(test_another_version_is_told_apart_and_nothing_else_of_it_is_read),
                cmocka_unit_test(test_unknown_phases_and_flags_are_refused),
                cmocka_unit_test(test_groups_are_bounded_and_their_count_is_exact),
                cmocka_unit_test(test_a_buffer_that_is_too_small_is_said_so),
                cmocka_unit_test(test_what_a_frame_may_carry_is_asked_before),
        };

        return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
