#include "client/base64url.h"

#include <errno.h>

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each character plus one, so that whatever is not named is 0: no character of the alphabet. */
/* clang-format off */
static const uint8_t values[256] = {
        ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
        ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
        ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
        ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
        ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
        ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
        ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
        ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};
/* clang-format on */

static uint32_t value_of(char character) {
        return values[(uint8_t) character] - 1u;
}

size_t base64url_write(const void *bytes, size_t size, char *ret) {
        const uint8_t *in = bytes;
        char *out = ret;
        size_t i;

        for (i = 0; i + 3 <= size; i += 3) {
                uint32_t group = (uint32_t) in[i] << 16 | (uint32_t) in[i + 1] << 8 | in[i + 2];

                *out++ = alphabet[group >> 18];
                *out++ = alphabet[group >> 12 & 63];
                *out++ = alphabet[group >> 6 & 63];
                *out++ = alphabet[group & 63];
        }
        if (size - i == 1) {
                *out++ = alphabet[in[i] >> 2];
                *out++ = alphabet[in[i] << 4 & 63];
        } else if (size - i == 2) {
                *out++ = alphabet[in[i] >> 2];
                *out++ = alphabet[(in[i] << 4 | in[i + 1] >> 4) & 63];
                *out++ = alphabet[in[i + 1] << 2 & 63];
        }
        return (size_t) (out - ret);
}

bool base64url_is_canonical(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (values[(uint8_t) text[i]] == 0)
                        return false;

        /* RFC 4648 3.5: bits that stand for nothing must be 0, or one value would have many texts. */
        switch (size % 4) {
        case 1:
                return false;
        case 2:
                return (value_of(text[size - 1]) & 15) == 0;
        case 3:
                return (value_of(text[size - 1]) & 3) == 0;
        default:
                return true;
        }
}

int base64url_read(const char *text, size_t size, void *ret, size_t max, size_t *ret_size) {
        uint8_t *out = ret;
        uint32_t bits = 0;

        if (!base64url_is_canonical(text, size))
                return -EBADMSG;
        if (BASE64URL_BYTES(size) > max)
                return -ENOBUFS;

        for (size_t i = 0; i < size; i++) {
                bits = bits << 6 | value_of(text[i]);
                if (i % 4 == 1)
                        *out++ = (uint8_t) (bits >> 4);
                else if (i % 4 == 2)
                        *out++ = (uint8_t) (bits >> 2);
                else if (i % 4 == 3)
                        *out++ = (uint8_t) bits;
        }
        *ret_size = BASE64URL_BYTES(size);
        return 0;
}
