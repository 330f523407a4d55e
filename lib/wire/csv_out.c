/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The CSV writer of csv.h.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire/csv.h"
#include "wire/json_out.h"

void csv_out_init(struct csv_out *c, struct buf *b, char delimiter, bool guard)
{
    *c = (struct csv_out){.b = b, .delimiter = delimiter, .guard = guard};
}

static void separate(struct csv_out *c)
{
    if (c->in_row)
        buf_add_char(c->b, c->delimiter);
    c->in_row = true;
}

static bool is_formula(struct str s)
{
    double number;
    return s.n > 0 && strchr("=+-@\t\r", s.p[0]) && s.p[0] && !str_parse_f64(s, &number);
}

static bool needs_quotes(const struct csv_out *c, struct str s)
{
    /* a row of one empty field would be an empty line, which is no row */
    if (s.n == 0)
        return false;
    if (s.p[0] == ' ' || s.p[s.n - 1] == ' ')
        return true;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == c->delimiter || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r')
            return true;
    return false;
}

void csv_out_str(struct csv_out *c, struct str s)
{
    bool guarded = c->guard && is_formula(s), is_first = !c->in_row;
    separate(c);
    if (!guarded && !needs_quotes(c, s) && !(s.n == 0 && is_first)) {
        buf_add_str(c->b, s);
        return;
    }
    buf_add_z(c->b, guarded ? "\"'" : "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_add_char(c->b, '"');
        buf_add_char(c->b, s.p[i]);
    }
    buf_add_char(c->b, '"');
}

void csv_out_i64(struct csv_out *c, int64_t v)
{
    separate(c);
    buf_printf(c->b, "%lld", (long long)v);
}

void csv_out_f64(struct csv_out *c, double v, int decimals)
{
    struct json_out j;
    separate(c);
    if (!isfinite(v))
        return;
    json_out_init(&j, c->b);
    json_f64(&j, v, decimals);
}

void csv_out_end(struct csv_out *c)
{
    buf_add_z(c->b, "\r\n");
    c->in_row = false;
}
