/* utf8: characters as bytes. Inline because reading and writing JSON stands and falls with it. Pure. */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UTF8_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* How many bytes from p on are ASCII that stands for itself in a string, read or written: no control
 * character, quote, backslash, DEL, nor a byte of a longer character. Eight at a time: a borrow can only
 * flag bytes behind one that is rightly flagged, and only the first is used. */
static inline size_t utf8_plain_run(const char *p, const char *end) {
        const char *start = p;
        uint64_t w, special;
        unsigned char c;

        for (; end - p >= 8; p += 8) {
                memcpy(&w, p, sizeof(w));
                w = le64toh(w);
                special = (w | (w - UTF8_EACH_BYTE(0x20)) | ((w ^ UTF8_EACH_BYTE('"')) - UTF8_EACH_BYTE(1)) |
                                  ((w ^ UTF8_EACH_BYTE('\\')) - UTF8_EACH_BYTE(1)) |
                                  ((w ^ UTF8_EACH_BYTE(0x7f)) - UTF8_EACH_BYTE(1))) &
                          UTF8_EACH_BYTE(0x80);
                if (special)
                        return (size_t) (p - start) + (size_t) __builtin_ctzll(special) / 8;
        }
        for (; p < end; p++) {
                c = (unsigned char) *p;
                if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
                        break;
        }
        return (size_t) (p - start);
}

/* Bytes of the UTF-8 character at p (p < end), 0 if there is none. RFC 3629 4: no overlong form, no
 * surrogate, nothing above U+10FFFF, all of which the second byte gives away. */
static inline size_t utf8_length(const char *p, const char *end) {
        const unsigned char *u = (const unsigned char *) p;
        unsigned char low = 0x80, high = 0xbf;
        size_t n;

        if (u[0] < 0x80)
                return 1;
        if (u[0] < 0xc2 || u[0] > 0xf4)
                return 0;
        n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
        if ((size_t) (end - p) < n)
                return 0;
        if (u[0] == 0xe0)
                low = 0xa0;
        else if (u[0] == 0xed)
                high = 0x9f;
        else if (u[0] == 0xf0)
                low = 0x90;
        else if (u[0] == 0xf4)
                high = 0x8f;
        if (u[1] < low || u[1] > high)
                return 0;
        for (size_t i = 2; i < n; i++)
                if ((u[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

static inline size_t utf8_encode(uint32_t c, char ret[static 4]) {
        if (c < 0x80) {
                ret[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                ret[0] = (char) (0xc0 | c >> 6);
                ret[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                ret[0] = (char) (0xe0 | c >> 12);
                ret[1] = (char) (0x80 | (c >> 6 & 0x3f));
                ret[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }
        ret[0] = (char) (0xf0 | c >> 18);
        ret[1] = (char) (0x80 | (c >> 12 & 0x3f));
        ret[2] = (char) (0x80 | (c >> 6 & 0x3f));
        ret[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

/* Whether n bytes of valid UTF-8 hold a control character, which terminals and logs would obey: U+0000 to
 * U+001F, U+007F to U+009F. */
static inline bool utf8_has_control(const char *p, size_t n) {
        const char *end = p + n;
        unsigned char c;

        while (p += utf8_plain_run(p, end), p < end) {
                c = (unsigned char) *p++;
                if (c < 0x20 || c == 0x7f || (c == 0xc2 && p < end && (unsigned char) *p < 0xa0))
                        return true;
        }
        return false;
}
