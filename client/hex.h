/* hex: bytes as hexadecimal digits. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The value of a lower-case digit, -1 if it is none. What we write is lower-case, and read back as
 * strictly. */
static inline int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

/* The same in either case, for texts that others write. */
static inline int hex_digit_any_case(char c) {
        return hex_digit(c >= 'A' && c <= 'F' ? (char) (c - 'A' + 'a') : c);
}

/* Two digits a byte, and no NUL. */
static inline void hex_write(const uint8_t *bytes, size_t size, char *ret) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < size; i++) {
                *ret++ = digits[bytes[i] >> 4];
                *ret++ = digits[bytes[i] & 15];
        }
}
