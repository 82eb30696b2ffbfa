#include "client/json.h"

#include <errno.h>
#include <string.h>

#include "client/utf8.h"

static void put_bytes(struct json_writer *w, const char *bytes, size_t n) {
        if (w->error)
                return;
        if (n > w->size - w->length) {
                w->error = -ENOBUFS;
                return;
        }
        if (n > 0)
                memcpy(w->buf + w->length, bytes, n);
        w->length += n;
}

/* What stands before any key and any value that is not a member's. */
static void put_comma(struct json_writer *w) {
        if (w->comma)
                put_bytes(w, ",", 1);
        w->comma = false;
}

static void put_value(struct json_writer *w, const char *text, size_t size) {
        put_comma(w);
        put_bytes(w, text, size);
        w->comma = true;
}

static void open_container(struct json_writer *w, const char *bracket) {
        put_comma(w);
        put_bytes(w, bracket, 1);
}

static void close_container(struct json_writer *w, const char *bracket) {
        put_bytes(w, bracket, 1);
        w->comma = true;
}

/* One character that does not stand for itself; returns its length. U+0080 to U+009F are control
 * characters as well. */
static size_t put_special(struct json_writer *w, const char *p, const char *end) {
        static const char hex[] = "0123456789abcdef", codes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
        size_t n = utf8_length(p, end);
        unsigned char code = (unsigned char) p[n == 2];
        const char *name;
        bool control = n == 1 || (n == 2 && (unsigned char) p[0] == 0xc2 && code < 0xa0);

        if (n == 0 || *p == '\0') {
                w->error = -EILSEQ;
                return 1;
        }
        name = n == 1 ? memchr(codes, *p, sizeof(codes) - 1) : NULL;
        if (name)
                put_bytes(w, (char[]){ '\\', names[name - codes] }, 2);
        else if (control)
                put_bytes(w, (char[]){ '\\', 'u', '0', '0', hex[code >> 4], hex[code & 0xf] }, 6);
        else
                put_bytes(w, p, n);
        return n;
}

static void put_quoted(struct json_writer *w, const char *p, size_t size) {
        const char *end = p + size;
        size_t n;

        put_bytes(w, "\"", 1);
        while (!w->error) {
                n = utf8_plain_run(p, end);
                put_bytes(w, p, n);
                p += n;
                if (p == end)
                        break;
                p += put_special(w, p, end);
        }
        put_bytes(w, "\"", 1);
}

void json_writer_init(struct json_writer *w, char *buf, size_t size) {
        *w = (struct json_writer){ .buf = buf, .size = size };
}

void json_open_object(struct json_writer *w) {
        open_container(w, "{");
}

void json_close_object(struct json_writer *w) {
        close_container(w, "}");
}

void json_open_array(struct json_writer *w) {
        open_container(w, "[");
}

void json_close_array(struct json_writer *w) {
        close_container(w, "]");
}

void json_key(struct json_writer *w, const char *key) {
        put_comma(w);
        put_quoted(w, key, strlen(key));
        put_bytes(w, ":", 1);
}

void json_put_string(struct json_writer *w, const char *value) {
        json_put_string_n(w, value, strlen(value));
}

void json_put_string_n(struct json_writer *w, const char *value, size_t size) {
        put_comma(w);
        put_quoted(w, value, size);
        w->comma = true;
}

void json_put_integer(struct json_writer *w, int64_t value) {
        uint64_t rest = value < 0 ? -(uint64_t) value : (uint64_t) value;
        char digits[20], *p = digits + sizeof(digits); /* -9223372036854775808 */

        do
                *--p = (char) ('0' + rest % 10);
        while (rest /= 10);
        if (value < 0)
                *--p = '-';
        put_value(w, p, (size_t) (digits + sizeof(digits) - p));
}

void json_put_bool(struct json_writer *w, bool value) {
        put_value(w, value ? "true" : "false", value ? 4 : 5);
}

void json_put_null(struct json_writer *w) {
        put_value(w, "null", 4);
}

void json_put_raw(struct json_writer *w, const char *text, size_t size) {
        put_value(w, text, size);
}

void json_member_string(struct json_writer *w, const char *key, const char *value) {
        json_key(w, key);
        json_put_string(w, value);
}

void json_member_integer(struct json_writer *w, const char *key, int64_t value) {
        json_key(w, key);
        json_put_integer(w, value);
}

void json_member_bool(struct json_writer *w, const char *key, bool value) {
        json_key(w, key);
        json_put_bool(w, value);
}

int json_writer_finish(const struct json_writer *w, size_t *ret_size) {
        if (w->error)
                return w->error;
        *ret_size = w->length;
        return 0;
}
