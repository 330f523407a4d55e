/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Streaming JSON writer into a buffer. Commas and quoting are its business; text that is not UTF-8 has the bad bytes
 * replaced by U+FFFD. NaN and infinity are written as null. Unbalanced use is a bug (ENSURE).
 */
#ifndef WIRE_JSON_OUT_H
#define WIRE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { JSON_OUT_DEPTH = 32 };
struct json_out {
    struct buf *b;
    int depth;
    bool first[JSON_OUT_DEPTH]; /* no comma needed yet at this depth */
    bool after_key;
};
void json_out_init(struct json_out *j, struct buf *b);
void json_begin_object(struct json_out *j);
void json_end_object(struct json_out *j);
void json_begin_array(struct json_out *j);
void json_end_array(struct json_out *j);
void json_key(struct json_out *j, const char *key);
void json_key_str(struct json_out *j, struct str key);
void json_str(struct json_out *j, struct str s);
void json_z(struct json_out *j, const char *z); /* NULL gives null */
void json_i64(struct json_out *j, int64_t v);
void json_f64(struct json_out *j, double v, int decimals); /* fixed, trailing zeros dropped */
void json_bool(struct json_out *j, bool v);
void json_nil(struct json_out *j);                  /* writes null; the obvious name is jansson's */
void json_raw(struct json_out *j, struct str json); /* already JSON */
/* key and value in one */
void json_put_str(struct json_out *j, const char *key, struct str s);
void json_put_str_opt(struct json_out *j, const char *key, struct str s); /* nothing when empty */
void json_put_i64(struct json_out *j, const char *key, int64_t v);
void json_put_f64(struct json_out *j, const char *key, double v, int decimals);
void json_put_bool(struct json_out *j, const char *key, bool v);

#endif
