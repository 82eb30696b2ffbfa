/* frame: see the header. Fields are written and read through a cursor; the strings of a request are a
 * table. */
#include "pam/frame.h"

#include <errno.h>
#include <string.h>

#include "client/utf8.h"

#define MAGIC_SIZE    4
#define MAGIC_REQUEST "SJWT"
#define MAGIC_REPLY   "SJWR"
#define SIZE_OFFSET   8 /* of the u32 total size, in both kinds of frame */

enum text {
        TEXT_PLAIN, /* UTF-8 without control characters */
        TEXT_LINES, /* newlines too */
        TEXT_ANY,   /* all but NUL */
};

static const struct string_field {
        const char *name;
        size_t offset;
        size_t max;
        enum text text;
} request_strings[] = {
        { "user", offsetof(struct frame_request, user), USER_MAX, TEXT_PLAIN },
        { "service", offsetof(struct frame_request, service), SERVICE_MAX, TEXT_PLAIN },
        { "realm", offsetof(struct frame_request, realm), REALM_MAX, TEXT_PLAIN },
        { "tty", offsetof(struct frame_request, tty), TTY_MAX, TEXT_PLAIN },
        { "rhost", offsetof(struct frame_request, rhost), RHOST_MAX, TEXT_PLAIN },
        { "ruser", offsetof(struct frame_request, ruser), USER_MAX, TEXT_PLAIN },
        { "ssh_connection", offsetof(struct frame_request, ssh_connection), SSH_CONNECTION_MAX, TEXT_PLAIN },
        { "auth_info", offsetof(struct frame_request, auth_info), AUTH_INFO_MAX, TEXT_ANY },
        { "session_id", offsetof(struct frame_request, session_id), SID_TEXT_MAX, TEXT_PLAIN },
};
#define N_REQUEST_STRINGS (sizeof(request_strings) / sizeof(request_strings[0]))

/* ---- bytes: a cursor that remembers that it ran over the end, so that it is asked once ---------------- */

struct writer {
        uint8_t *start;
        size_t size;
        size_t at;
        bool full;
};

struct reader {
        const uint8_t *at;
        size_t left;
        bool ended;
};

static void write_bytes(struct writer *w, const void *bytes, size_t n) {
        if (n > w->size - w->at) {
                w->full = true;
                return;
        }
        memcpy(w->start + w->at, bytes, n);
        w->at += n;
}

static void write_number(struct writer *w, uint64_t value, size_t width) {
        uint8_t bytes[8];

        for (size_t i = 0; i < width; i++)
                bytes[i] = (uint8_t) (value >> (8 * i));
        write_bytes(w, bytes, width);
}

static void write_string(struct writer *w, const char *text, size_t length) {
        write_number(w, length, 2);
        write_bytes(w, text, length);
        write_bytes(w, "", 1);
}

/* The total size is known last and stands near the front. */
static int write_end(struct writer *w, size_t *ret_size) {
        struct writer patch = { .start = w->start, .size = w->size, .at = SIZE_OFFSET };

        if (w->full)
                return -ENOBUFS;
        write_number(&patch, w->at, 4);
        *ret_size = w->at;
        return 0;
}

static const uint8_t *read_bytes(struct reader *r, size_t n) {
        const uint8_t *bytes = r->at;

        if (r->ended || n > r->left) {
                r->ended = true;
                return NULL;
        }
        r->at += n;
        r->left -= n;
        return bytes;
}

static uint64_t read_number(struct reader *r, size_t width) {
        const uint8_t *bytes = read_bytes(r, width);
        uint64_t value = 0;

        for (size_t i = 0; bytes && i < width; i++)
                value |= (uint64_t) bytes[i] << (8 * i);
        return value;
}

/* ---- text --------------------------------------------------------------------------------------------- */

/* What is no UTF-8 could be neither listed nor put into a token. */
static bool text_is_clean(const char *text, size_t length, enum text kind) {
        const char *end = text + length;

        if (kind == TEXT_ANY)
                return !memchr(text, '\0', length);
        for (size_t n; text < end; text += n) {
                n = utf8_length(text, end);
                if (n == 0)
                        return false;
                if (utf8_has_control(text, n) && !(kind == TEXT_LINES && *text == '\n'))
                        return false;
        }
        return true;
}

bool frame_may_carry(const char *text, size_t max) {
        size_t length = strnlen(text, max + 1);

        return length <= max && text_is_clean(text, length, TEXT_PLAIN);
}

static int write_text(struct writer *w, const char *text, size_t max, enum text kind) {
        size_t length = strnlen(text, max + 1);

        if (length > max)
                return -E2BIG;
        if (!text_is_clean(text, length, kind))
                return -EINVAL;
        write_string(w, text, length);
        return 0;
}

static int read_text(struct reader *r, size_t max, enum text kind, const char **ret) {
        size_t length = read_number(r, 2);
        const char *text = (const char *) read_bytes(r, length);
        const uint8_t *end = read_bytes(r, 1);

        if (!end || *end != '\0' || length > max || !text_is_clean(text, length, kind))
                return -EBADMSG;
        *ret = text;
        return 0;
}

/* Magic, version, kind and total size are the same in every frame and version; only they are read of
 * another one. */
static int read_start(struct reader *r, const char *magic, uint64_t *ret_kind, uint16_t *ret_version,
        const char **ret_field) {
        size_t size = r->left;
        const uint8_t *bytes = read_bytes(r, MAGIC_SIZE);
        uint64_t version = read_number(r, 2), kind, total;

        *ret_field = "magic";
        if (!bytes || memcmp(bytes, magic, MAGIC_SIZE) != 0)
                return -EBADMSG;
        *ret_field = "version";
        if (r->ended)
                return -EBADMSG;
        if (version != FRAME_VERSION) {
                *ret_version = (uint16_t) version;
                return -EPROTONOSUPPORT;
        }
        kind = read_number(r, 2);
        total = read_number(r, 4);
        *ret_field = "size";
        if (r->ended || total != size)
                return -EBADMSG;
        *ret_version = (uint16_t) version;
        *ret_kind = kind;
        return 0;
}

/* ---- requests ----------------------------------------------------------------------------------------- */

static bool is_phase(uint64_t phase) {
        return phase >= FRAME_ACCOUNT && phase <= FRAME_CHOOSE;
}

static bool choice_fits(uint64_t phase, uint64_t choice) {
        if (phase != FRAME_CHOOSE)
                return choice == FRAME_CHOICE_NONE;
        return choice >= FRAME_CHOICE_OLDEST && choice <= FRAME_CHOICE_GIVE_UP;
}

static int write_request_strings(
        struct writer *w, const struct frame_request *request, const char **ret_field) {
        for (size_t i = 0; i < N_REQUEST_STRINGS; i++) {
                const struct string_field *f = &request_strings[i];
                const char *text;
                int r;

                memcpy(&text, (const char *) request + f->offset, sizeof(text));
                r = write_text(w, text ? text : "", f->max, f->text);
                if (r < 0) {
                        *ret_field = f->name;
                        return r;
                }
        }
        return 0;
}

static int refuse(int error, const char *field, const char **ret_field) {
        *ret_field = field;
        return error;
}

int frame_write_request(const struct frame_request *request, void *buf, size_t size, size_t *ret_size,
        const char **ret_field) {
        struct writer w = { .start = buf, .size = size };
        int r;

        if (!is_phase(request->phase))
                return refuse(-EINVAL, "phase", ret_field);
        if (!choice_fits(request->phase, request->choice))
                return refuse(-EINVAL, "choice", ret_field);
        if (request->flags & ~(uint32_t) _FRAME_FLAGS_KNOWN)
                return refuse(-EINVAL, "flags", ret_field);
        if (request->n_groups > GROUPS_MAX)
                return refuse(-E2BIG, "groups", ret_field);

        write_bytes(&w, MAGIC_REQUEST, MAGIC_SIZE);
        write_number(&w, FRAME_VERSION, 2);
        write_number(&w, request->phase, 2);
        write_number(&w, 0, 4); /* the total size: see write_end */
        write_number(&w, request->flags, 4);
        write_number(&w, request->deadline, 8);
        write_number(&w, request->uid, 4);
        write_number(&w, request->choice, 4);
        r = write_request_strings(&w, request, ret_field);
        if (r < 0)
                return r;
        write_number(&w, request->n_groups, 2);
        for (size_t i = 0; i < request->n_groups; i++)
                write_number(&w, request->groups[i], 4);
        return write_end(&w, ret_size);
}

static int read_request_strings(struct reader *r, struct frame_request *request, const char **ret_field) {
        for (size_t i = 0; i < N_REQUEST_STRINGS; i++) {
                const struct string_field *f = &request_strings[i];
                const char *text;

                if (read_text(r, f->max, f->text, &text) < 0)
                        return refuse(-EBADMSG, f->name, ret_field);
                memcpy((char *) request + f->offset, &text, sizeof(text));
        }
        return 0;
}

/* The groups are the end of the frame: their count must account for all that is left. */
static int read_groups(struct reader *r, uint32_t groups[static GROUPS_MAX], size_t *ret_n) {
        size_t n = read_number(r, 2);

        if (r->ended || n > GROUPS_MAX || r->left != n * 4)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                groups[i] = (uint32_t) read_number(r, 4);
        *ret_n = n;
        return 0;
}

int frame_read_request(const void *packet, size_t size, struct frame_request *ret,
        uint32_t groups[static GROUPS_MAX], uint16_t *ret_version, const char **ret_field) {
        struct reader reader = { .at = packet, .left = size };
        struct frame_request request = { .groups = groups };
        uint64_t phase, choice;
        int r;

        if (size > FRAME_REQUEST_MAX)
                return refuse(-EBADMSG, "size", ret_field);
        r = read_start(&reader, MAGIC_REQUEST, &phase, ret_version, ret_field);
        if (r < 0)
                return r;
        if (!is_phase(phase))
                return refuse(-EBADMSG, "phase", ret_field);
        request.phase = (enum frame_phase) phase;
        request.flags = (uint32_t) read_number(&reader, 4);
        if (reader.ended || request.flags & ~(uint32_t) _FRAME_FLAGS_KNOWN)
                return refuse(-EBADMSG, "flags", ret_field);
        request.deadline = read_number(&reader, 8);
        if (reader.ended)
                return refuse(-EBADMSG, "deadline", ret_field);
        request.uid = (uint32_t) read_number(&reader, 4);
        if (reader.ended)
                return refuse(-EBADMSG, "uid", ret_field);
        choice = read_number(&reader, 4);
        if (reader.ended || !choice_fits(phase, choice))
                return refuse(-EBADMSG, "choice", ret_field);
        request.choice = (enum frame_choice) choice;
        r = read_request_strings(&reader, &request, ret_field);
        if (r < 0)
                return r;
        if (!*request.user || !*request.service) /* nobody can be told apart by an empty one */
                return refuse(-EBADMSG, *request.user ? "service" : "user", ret_field);
        if (read_groups(&reader, groups, &request.n_groups) < 0)
                return refuse(-EBADMSG, "groups", ret_field);
        *ret = request;
        return 0;
}

/* ---- replies ------------------------------------------------------------------------------------------ */

/* From the root, with no step up. */
static bool is_plain_path(const char *path) {
        return path[0] == '/' && !strstr(path, "/..");
}

int frame_write_reply(const struct frame_reply *reply, void *buf, size_t size, size_t *ret_size) {
        struct writer w = { .start = buf, .size = size };
        int r;

        if (reply->outcome < FRAME_OK || reply->outcome > FRAME_ASKS)
                return -EINVAL;
        write_bytes(&w, MAGIC_REPLY, MAGIC_SIZE);
        write_number(&w, FRAME_VERSION, 2);
        write_number(&w, reply->outcome, 2);
        write_number(&w, 0, 4);
        r = write_text(&w, reply->session_id, SID_TEXT_MAX, TEXT_PLAIN);
        if (r < 0)
                return r;
        r = write_text(&w, reply->text, MESSAGE_TEXT_MAX, TEXT_LINES);
        if (r < 0)
                return r;
        r = write_text(&w, reply->token_file, TOKEN_FILE_MAX, TEXT_PLAIN);
        if (r < 0)
                return r;
        if (*reply->token_file && !is_plain_path(reply->token_file))
                return -EINVAL;
        return write_end(&w, ret_size);
}

int frame_read_reply(const void *packet, size_t size, struct frame_reply *ret, uint16_t *ret_version) {
        struct reader reader = { .at = packet, .left = size };
        const char *session_id, *text, *token_file, *field;
        uint64_t outcome;
        int r;

        r = read_start(&reader, MAGIC_REPLY, &outcome, ret_version, &field);
        if (r < 0)
                return r;
        if (outcome < FRAME_OK || outcome > FRAME_ASKS)
                return -EBADMSG;
        if (read_text(&reader, SID_TEXT_MAX, TEXT_PLAIN, &session_id) < 0 ||
                read_text(&reader, MESSAGE_TEXT_MAX, TEXT_LINES, &text) < 0 ||
                read_text(&reader, TOKEN_FILE_MAX, TEXT_PLAIN, &token_file) < 0 || reader.left != 0)
                return -EBADMSG;
        if (*token_file && !is_plain_path(token_file))
                return -EBADMSG;
        *ret = (struct frame_reply){ .outcome = (enum frame_outcome) outcome };
        memcpy(ret->session_id, session_id, strlen(session_id) + 1);
        memcpy(ret->text, text, strlen(text) + 1);
        memcpy(ret->token_file, token_file, strlen(token_file) + 1);
        return 0;
}
