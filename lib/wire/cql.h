/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Filters as people type them into a URL: a part of CQL2 text (OGC 21-065r2). Comparisons (= <> < <= > >=), LIKE, IN,
 * IS NULL, each with NOT where the language has it; AND, OR, NOT, parentheses, TRUE and FALSE. A property stands on the
 * left, a literal on the right. Only a tree comes out; what a property is and what a comparison means is the caller's.
 * Not here: functions, arithmetic, BETWEEN, space and time; they are refused by name.
 */
#ifndef WIRE_CQL_H
#define WIRE_CQL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum {
    CQL_BYTES_MAX = 2000,
    CQL_DEPTH_MAX = 32,   /* of parentheses and NOT */
    CQL_TERMS_MAX = 100,  /* predicates */
    CQL_VALUES_MAX = 200, /* literals of all predicates together */
};

enum cql_op {
    CQL_AND, /* of all kids: two or more */
    CQL_OR,
    CQL_NOT, /* of the one kid */
    CQL_TRUE,
    CQL_FALSE,
    CQL_EQUAL, /* from here on: property, and values_n values */
    CQL_NOT_EQUAL,
    CQL_LESS,
    CQL_LESS_EQUAL,
    CQL_GREATER,
    CQL_GREATER_EQUAL,
    CQL_LIKE, /* values[0] is the pattern: % any characters, _ one, \ before a character that means itself */
    CQL_IN,
    CQL_IS_NULL /* no value */
};
enum cql_type { CQL_TEXT, CQL_NUMBER, CQL_BOOLEAN, CQL_DATE, CQL_TIMESTAMP };
struct cql_value {
    enum cql_type type;
    struct str text; /* of a text: without its quotes; else as written */
};
struct cql {
    enum cql_op op;
    bool is_negated; /* NOT LIKE, NOT IN, IS NOT NULL */
    struct str property;
    struct cql_value *values;
    size_t values_n;
    struct cql *first; /* kids, chained by next */
    struct cql *next;
    size_t at; /* byte of the text where it begins, from 1 */
};

/* The tree lies in mem. RC_INVALID says at which byte; RC_UNSUPPORTED names what is not done; RC_TOO_LARGE the cap. */
MUST_CHECK enum rc cql_parse(struct str text, struct arena *mem, const struct cql **out, struct err *err);

#endif
