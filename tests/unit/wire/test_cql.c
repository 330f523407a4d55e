/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * CQL2 text: the tree of what is meant, where it breaks, and the caps.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/cql.h"

/* The tree as a text without doubts: (OR (= faith 'sikh') (NOT (IN kind 'A' 'B'))). */
static void write_tree(struct buf *b, const struct cql *c)
{
    static const char *const NAMES[] = {"AND", "OR", "NOT", "TRUE", "FALSE", "=",  "<>",
                                        "<",   "<=", ">",   ">=",   "LIKE",  "IN", "NULL"};
    static const char TYPES[] = {'\'', '#', '?', 'd', 't'};
    buf_printf(b, "(%s%s", c->is_negated ? "!" : "", NAMES[c->op]);
    if (c->op >= CQL_EQUAL)
        buf_printf(b, " " STR_FMT, STR_ARG(c->property));
    for (size_t i = 0; i < c->values_n; i++)
        buf_printf(b, " %c" STR_FMT, TYPES[c->values[i].type], STR_ARG(c->values[i].text));
    for (const struct cql *kid = c->first; kid; kid = kid->next) {
        buf_add_char(b, ' ');
        write_tree(b, kid);
    }
    buf_add_char(b, ')');
}

static void test_trees(void **state)
{
    static const char *const CASES[][2] = {
        {"faith='sikh'", "(= faith 'sikh)"},
        {"faith = 'a' OR kind = 'b' AND name = 'c'", "(OR (= faith 'a) (AND (= kind 'b) (= name 'c)))"},
        {"(faith = 'a' or kind = 'b') and name = 'c'", "(AND (OR (= faith 'a) (= kind 'b)) (= name 'c))"},
        {"NOT faith = 'a' AND kind = 'b'", "(AND (NOT (= faith 'a)) (= kind 'b))"},
        {"NOT (faith = 'a' AND kind = 'b')", "(NOT (AND (= faith 'a) (= kind 'b)))"},
        {"not not faith='a'", "(NOT (NOT (= faith 'a)))"},
        {"((faith='a')) AND ((kind='b' AND name='c'))", "(AND (= faith 'a) (AND (= kind 'b) (= name 'c)))"},
        {"name LIKE '%x_'", "(LIKE name '%x_)"},
        {"name NOT LIKE 'a\\%'", "(!LIKE name 'a\\%)"},
        {"kind IN ('A','B' , 'C')", "(IN kind 'A 'B 'C)"},
        {"kind not in ('A')", "(!IN kind 'A)"},
        {"name IS NULL", "(NULL name)"},
        {"name is not null", "(!NULL name)"},
        {"name = 'St Mary''s'", "(= name 'St Mary's)"},
        {"name = 'St Mary\\'s'", "(= name 'St Mary's)"},
        {"name = ''", "(= name ')"},
        {"\"name\" <> 'x'", "(<> name 'x)"},
        {"a<1 AND a<=1.5 AND a>-2e3 AND a>=+.5", "(AND (< a #1) (<= a #1.5) (> a #-2e3) (>= a #+.5))"},
        {"a = TRUE OR b = false", "(OR (= a ?TRUE) (= b ?false))"},
        {"TRUE", "(TRUE)"},
        {"false OR true", "(OR (FALSE) (TRUE))"},
        {"t > TIMESTAMP('2026-01-01T00:00:00Z') AND d=DATE('2026-01-01')",
         "(AND (> t t2026-01-01T00:00:00Z) (= d d2026-01-01))"},
        {"имя = 'Храм'", "(= имя 'Храм)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct arena mem;
        struct err err = {0};
        struct buf b;
        const struct cql *c;
        arena_init(&mem);
        buf_init(&b, 0);
        if (cql_parse(str_of(CASES[i][0]), &mem, &c, &err) != RC_OK)
            fail_msg("%s: %s", CASES[i][0], err.text);
        write_tree(&b, c);
        buf_add_char(&b, '\0');
        assert_string_equal(b.p, CASES[i][1]);
        buf_fini(&b);
        arena_fini(&mem);
    }
}

static enum rc parse_rc(struct str text, struct err *err)
{
    struct arena mem;
    const struct cql *c;
    arena_init(&mem);
    enum rc rc = cql_parse(text, &mem, &c, err);
    arena_fini(&mem);
    return rc;
}

static void test_damaged(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
        const char *says;
    } CASES[] = {
        {"", RC_INVALID, "ends"},
        {"   ", RC_INVALID, "ends"},
        {"faith", RC_INVALID, "ends"},
        {"faith =", RC_INVALID, "ends"},
        {"faith = sikh", RC_INVALID, "byte 9"},
        {"faith = 'sikh", RC_INVALID, "never closed"},
        {"faith == 'sikh'", RC_INVALID, "byte 8"},
        {"'sikh' = faith", RC_INVALID, "byte 1"},
        {"faith = 'a' kind = 'b'", RC_INVALID, "byte 13"},
        {"faith = 'a' AND", RC_INVALID, "ends"},
        {"AND faith = 'a'", RC_INVALID, "byte 5"},
        {"(faith = 'a'", RC_INVALID, "ends"},
        {"faith = 'a')", RC_INVALID, "byte 12"},
        {"kind IN ()", RC_INVALID, "byte 10"},
        {"kind IN ('a',)", RC_INVALID, "byte 14"},
        {"kind IN 'a'", RC_INVALID, "byte 9"},
        {"name LIKE 5", RC_INVALID, "pattern"},
        {"name IS 'x'", RC_INVALID, "NULL"},
        {"name NOT = 'x'", RC_INVALID, "LIKE or IN"},
        {"name = 'x'; DROP TABLE site", RC_INVALID, "byte 11"},
        {"name = 'x' -- y", RC_INVALID, "byte 12"},
        {"n BETWEEN 1 AND 2", RC_UNSUPPORTED, "BETWEEN"},
        {"S_INTERSECTS(geom, POINT(0 0))", RC_UNSUPPORTED, "functions"},
        {"name = '\xff'", RC_INVALID, "UTF-8"},
    };
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        err = (struct err){0};
        if (parse_rc(str_of(CASES[i].text), &err) != CASES[i].rc || !strstr(err.text, CASES[i].says))
            fail_msg("%s: %s: %s", CASES[i].text, rc_name(err.rc), err.text);
    }
    assert_int_equal(parse_rc((struct str){"a = 'x\0y'", 9}, &err), RC_INVALID);
}

static void test_caps(void **state)
{
    struct buf b;
    struct err err;
    (void)state;
    buf_init(&b, 0);
    for (int deep = CQL_DEPTH_MAX; deep <= CQL_DEPTH_MAX + 1; deep++) {
        buf_clear(&b);
        for (int i = 0; i < deep; i++)
            buf_add_z(&b, i % 2 ? "NOT " : "(");
        buf_add_z(&b, "a='x'");
        for (int i = 0; i < deep; i += 2)
            buf_add_z(&b, ")");
        assert_int_equal(parse_rc(buf_str(&b), &err), deep <= CQL_DEPTH_MAX ? RC_OK : RC_TOO_LARGE);
    }
    for (int n = CQL_TERMS_MAX; n <= CQL_TERMS_MAX + 1; n++) {
        buf_clear(&b);
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%sa='x'", i ? " OR " : "");
        assert_int_equal(parse_rc(buf_str(&b), &err), n <= CQL_TERMS_MAX ? RC_OK : RC_TOO_LARGE);
    }
    for (int n = CQL_VALUES_MAX; n <= CQL_VALUES_MAX + 1; n++) {
        buf_clear(&b);
        buf_add_z(&b, "a IN (");
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s'x'", i ? "," : "");
        buf_add_z(&b, ")");
        assert_int_equal(parse_rc(buf_str(&b), &err), n <= CQL_VALUES_MAX ? RC_OK : RC_TOO_LARGE);
    }
    buf_clear(&b);
    buf_add_z(&b, "a='");
    while (b.n < CQL_BYTES_MAX)
        buf_add_char(&b, 'x');
    buf_add_z(&b, "'");
    assert_int_equal(parse_rc(buf_str(&b), &err), RC_TOO_LARGE);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trees), cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_caps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
