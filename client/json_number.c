#include "client/json_number.h"

static const char *skip_digits(const char *p, const char *end) {
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        return p;
}

/* The end of the number at p by the grammar of RFC 8259 6, NULL if there is none. */
static const char *skip_number(const char *p, const char *end, bool *ret_real) {
        const char *q;

        p += *p == '-';
        q = skip_digits(p, end);
        if (q == p || (*p == '0' && q - p > 1))
                return NULL;
        *ret_real = q < end && (*q == '.' || *q == 'e' || *q == 'E');
        if (q < end && *q == '.') {
                p = q + 1;
                q = skip_digits(p, end);
                if (q == p)
                        return NULL;
        }
        if (q < end && (*q == 'e' || *q == 'E')) {
                p = q + 1;
                p += p < end && (*p == '+' || *p == '-');
                q = skip_digits(p, end);
                if (q == p)
                        return NULL;
        }
        return q;
}

/* Appends a decimal digit; false if the value leaves int64, and is then spoilt. */
static bool add_digit(int64_t *value, int digit, bool negative) {
        return !__builtin_mul_overflow(*value, 10, value) &&
               !__builtin_add_overflow(*value, negative ? -digit : digit, value);
}

static bool integer_value(const char *p, const char *end, int64_t *ret) {
        bool negative = *p == '-';
        int64_t value = 0;

        for (p += negative; p < end; p++)
                if (!add_digit(&value, *p - '0', negative))
                        return false;
        *ret = value;
        return true;
}

/* What stands behind the e of a real, held within bounds that no text of 4 GiB of digits makes up for. */
static int64_t exponent_value(const char *p, const char *end) {
        const int64_t far = INT64_C(1) << 40;
        bool negative = p < end && *p == '-';
        int64_t value = 0;

        for (p += p < end && (*p == '-' || *p == '+'); p < end; p++)
                if (value < far)
                        value = value * 10 + (*p - '0');
        return negative ? -value : value;
}

/* Fills in what is whole of the real at p. False if it is 1e308 or more, where doubles end (RFC 8259 6
 * leaves the range to us). Done in decimal: no rounding, no locale. */
static bool real_value(const char *p, const char *end, struct json_token *t) {
        bool negative = *p == '-', fits = true, fraction = false;
        const char *digits = p + negative, *mantissa_end = digits;
        int64_t point, place = 0, leading = -1;

        while (mantissa_end < end && (*mantissa_end | 0x20) != 'e')
                mantissa_end++;
        point = skip_digits(digits, mantissa_end) - digits;
        if (mantissa_end < end)
                point += exponent_value(mantissa_end + 1, end);

        for (p = digits; p < mantissa_end; p++) {
                if (*p == '.')
                        continue;
                if (*p != '0' && leading < 0)
                        leading = place;
                if (place < point)
                        fits = fits && add_digit(&t->integer, *p - '0', negative);
                else if (*p != '0')
                        fraction = true;
                place++;
        }
        if (leading >= 0 && point - leading > 308)
                return false;
        for (; leading >= 0 && fits && place < point; place++)
                fits = add_digit(&t->integer, 0, negative);
        if (!fits)
                t->integer = negative ? INT64_MIN : INT64_MAX;
        t->exact = fits && !fraction;
        return true;
}

const char *json_number_read(const char *p, const char *end, struct json_token *t) {
        const char *behind;
        bool real;

        behind = skip_number(p, end, &real);
        if (!behind)
                return NULL;
        t->type = real ? JSON_REAL : JSON_INTEGER;
        t->exact = !real;
        return (real ? real_value(p, behind, t) : integer_value(p, behind, &t->integer)) ? behind : NULL;
}
