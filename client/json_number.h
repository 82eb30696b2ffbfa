/* json_number: the number of a JSON text. Part of json, for nobody else. Pure. */
#pragma once

#include "client/json.h"

/* Reads the number at p (p < end) by the grammar of RFC 8259 6 into type, integer (0 until then) and exact
 * of t. Returns where it ends; NULL if there is none, if it is an integer beyond int64, or a real of 1e308
 * or more. */
const char *json_number_read(const char *p, const char *end, struct json_token *t);
