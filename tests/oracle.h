/* oracle: jansson beside client/json.h, as a second opinion. Both have types called JSON_OBJECT and so on,
 * so jansson's are renamed while it is read; its macros that need them (json_is_object …) stay unusable.
 * Include it before anything of ours. */
#pragma once

#define JSON_OBJECT  ORACLE_OBJECT
#define JSON_ARRAY   ORACLE_ARRAY
#define JSON_STRING  ORACLE_STRING
#define JSON_INTEGER ORACLE_INTEGER
#define JSON_REAL    ORACLE_REAL
#define JSON_TRUE    ORACLE_TRUE
#define JSON_FALSE   ORACLE_FALSE
#define JSON_NULL    ORACLE_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

/* Read as we read: any value, no key twice, U+0000 only in values. */
static inline json_t *oracle_read(const char *text, size_t size, json_error_t *ret_error) {
        return json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, ret_error);
}
