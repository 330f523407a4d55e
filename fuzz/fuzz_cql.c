/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * A filter of any bytes: parsed, checked, and made into SQL. No byte of the filter's texts may stand in that SQL, which
 * holds as many parameters as there are arguments; a parsed filter is within its caps.
 */
#include <stdint.h>
#include <string.h>

#include "sites/site_features_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* All that such a text may be made of; a filter's own words and signs are longer or other than these. */
static bool is_ours(struct str sql)
{
    static const char *const WORDS[] = {"AND",    "OR",     "NOT",        "IN",     "IS",     "NULL", "LIKE", "GLOB",
                                        "ESCAPE", "NULLIF", "s.religion", "s.kind", "s.name", "''",   "'\\'", "1"};
    while (sql.n) {
        size_t k = 0;
        if (strchr(" (),=<>", sql.p[0]))
            k = 1;
        else if (sql.p[0] == '?')
            for (k = 1; k < sql.n && sql.p[k] >= '0' && sql.p[k] <= '9'; k++) {
            }
        else if (sql.p[0] == '0')
            k = 1;
        for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
            if (str_starts_with(sql, str_of(WORDS[i])) && (strlen(WORDS[i]) > k))
                k = strlen(WORDS[i]);
        if (!k)
            return false;
        sql = str_slice(sql, k, sql.n);
    }
    return true;
}

static size_t highest_of(struct str sql)
{
    size_t highest = 0;
    for (size_t i = 0; i < sql.n; i++) {
        size_t number = 0;
        if (sql.p[i] != '?')
            continue;
        while (i + 1 < sql.n && sql.p[i + 1] >= '0' && sql.p[i + 1] <= '9')
            number = number * 10 + (size_t)(sql.p[++i] - '0');
        highest = number > highest ? number : highest;
    }
    return highest;
}

static void translate(const struct cql *c, enum store_engine engine, struct arena *mem)
{
    struct features_sql *q = ARENA_NEW(mem, struct features_sql);
    struct err err;
    q->engine = engine;
    q->mem = mem;
    buf_init(&q->text, 0);
    if (features_filter_add(q, c, &err) == RC_OK) {
        ENSURE(is_ours(buf_str(&q->text)));
        ENSURE(highest_of(buf_str(&q->text)) == q->n && q->n <= CQL_VALUES_MAX);
    }
    buf_fini(&q->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena mem;
    struct err err;
    const struct cql *c;
    arena_init(&mem);
    if (cql_parse((struct str){(const char *)data, n}, &mem, &c, &err) == RC_OK) {
        ENSURE(n <= CQL_BYTES_MAX);
        translate(c, STORE_SQLITE, &mem);
        translate(c, STORE_POSTGRES, &mem);
    }
    arena_fini(&mem);
    return 0;
}
