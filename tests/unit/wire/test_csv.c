/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * CSV: quoting, line ends, sniffing, faults by row, damage and caps, the real files, and write-then-read.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wire/csv.h"

#define LIT(z)                                                                                                         \
    {                                                                                                                  \
        "" z, sizeof(z) - 1                                                                                            \
    }

struct drip {
    struct str left;
    size_t step;
    uint64_t padding, taken;
    char fill;
};

static enum rc drip_read(void *ctx, void *out, size_t n, size_t *got, struct err *err)
{
    struct drip *d = ctx;
    (void)err;
    n = d->step && n > d->step ? d->step : n;
    if (d->left.n > 0) {
        *got = n < d->left.n ? n : d->left.n;
        memcpy(out, d->left.p, *got);
        d->left = str_slice(d->left, *got, d->left.n);
    } else {
        *got = n < d->padding ? n : (size_t)d->padding;
        memset(out, d->fill, *got);
        d->padding -= *got;
    }
    d->taken += *got;
    return RC_OK;
}

/* Rows as "field~field|line\n", faults as "!fault". */
static enum rc render(struct drip *d, const struct csv_options *opt, struct buf *out, struct err *err)
{
    struct csv *c;
    enum rc rc = csv_open((struct byte_source){drip_read, d}, opt, &c, err);
    if (rc != RC_OK)
        return rc;
    for (bool more = true; rc == RC_OK;) {
        struct csv_row row;
        rc = csv_next(c, &row, &more, err);
        if (rc != RC_OK || !more)
            break;
        for (size_t i = 0; i < row.n; i++)
            buf_printf(out, "%s" STR_FMT, i ? "~" : "", STR_ARG(row.fields[i]));
        buf_printf(out, "|%lld%s%s\n", (long long)row.line, row.fault ? "!" : "", row.fault ? row.fault : "");
    }
    csv_close(c);
    return rc;
}

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rows;
    } CASES[] = {
        {"a,b\n1,2\n", "1~2|2\n"},
        {"a,b\r\n1,2\r\n3,4", "1~2|2\n3~4|3\n"},
        {"a,b\r1,2\r", "1~2|2\n"},
        {"\xEF\xBB\xBF"
         "a,b\n1,2\n",
         "1~2|2\n"},
        {"a,b\n\"x, y\",\"he said \"\"no\"\"\"\n", "x, y~he said \"no\"|2\n"},
        {"a,b\n\"two\nlines\r\nmore\",2\n3,4\n", "two\nlines\r\nmore~2|2\n3~4|5\n"},
        {"a,b\n\n\n1,2\n\r\n", "1~2|4\n"},
        {"a,b\n,\n", "~|2\n"},
        {"a,b\n5\" pipe,it's\n", "5\" pipe~it's|2\n"},
        {"a;b\n1,5;2\n", "1,5~2|2\n"},
        {"a\tb\n1\t\n", "1~|2\n"},
        {"a|b\n1|2\n", "1~2|2\n"},
        {"only\nx\n", "x|2\n"},
        {"a,b\n1\n1,2,3\n4,5\n",
         "1|2!1 fields where the first row has 2\n1~2~3|3!3 fields where the first row has 2\n4~5|4\n"},
        {"a,b\n\"x\"y,2\n3,4\n", "xy~2|2!text after a closing quote (line 2, column 4)\n3~4|3\n"},
        {"a,b\n\xE9,2\n3,4\n", "\xE9~2|2!not UTF-8 text: save the file as UTF-8\n3~4|3\n"},
        {"a,b\n\"\",\"\"\n", "~|2\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (size_t step = 0; step < 4; step++) {
            struct drip d = {.left = str_of(CASES[i].text), .step = step};
            struct buf out;
            struct err err = {0};
            buf_init(&out, 0);
            if (render(&d, NULL, &out, &err) != RC_OK)
                fail_msg("case %zu: %s", i, err.text);
            buf_add_char(&out, '\0');
            assert_string_equal(out.p, CASES[i].rows);
            buf_fini(&out);
        }
}

static void test_damage(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *says;
        enum rc rc;
    } CASES[] = {
        {LIT(""), "empty", RC_INVALID},
        {LIT("a,a\n"), "two columns are named \"a\"", RC_INVALID},
        {LIT("a,b\n1,x\0y\n"), "line 2, column 4: a NUL byte", RC_DAMAGED},
        {LIT("a,b\n1,\"x\0y\"\n"), "line 2, column 5: a NUL byte", RC_DAMAGED},
        {LIT("a,b\n1,\"never\nclosed"), "line 2, column 3: the quote", RC_DAMAGED},
        {LIT("\xFF\xFE"
             "a\0,\0"),
         "UTF-16", RC_UNSUPPORTED},
        {LIT("a,\xE9\n1,2\n"), "UTF-8", RC_INVALID},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (size_t step = 0; step < 3; step++) {
            struct drip d = {.left = CASES[i].text, .step = step};
            struct buf out;
            struct err err = {0};
            buf_init(&out, 0);
            assert_int_equal(render(&d, NULL, &out, &err), CASES[i].rc);
            if (!strstr(err.text, CASES[i].says))
                fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.text, CASES[i].says);
            buf_fini(&out);
        }
}

static void test_caps(void **state)
{
    (void)state;
    struct drip d = {.left = STR("a,b\n1,"), .fill = 'x', .padding = 10 << 20};
    struct buf out;
    struct err err = {0};
    buf_init(&out, 0);
    assert_int_equal(render(&d, NULL, &out, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.text, "line 2"));
    assert_true(d.taken < 2 << 20);
    d = (struct drip){.left = STR("a,b\n1,\""), .fill = 'x', .padding = 10 << 20};
    assert_int_equal(render(&d, NULL, &out, &err), RC_TOO_LARGE);
    d = (struct drip){.fill = ',', .padding = 1000};
    assert_int_equal(render(&d, NULL, &out, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.text, "500 fields"));
    struct csv_options opt = {.rows_max = 2};
    d = (struct drip){.left = STR("a\n1\n2\n3\n")};
    assert_int_equal(render(&d, &opt, &out, &err), RC_TOO_LARGE);
    assert_non_null(strstr(err.text, "line 4"));
    buf_fini(&out);
}

static void test_columns(void **state)
{
    (void)state;
    struct str text = STR(" Name ,LAT,lon\nx,1,2\n");
    struct csv *c;
    struct err err;
    assert_int_equal(csv_open(str_source(&text), NULL, &c, &err), RC_OK);
    assert_int_equal(csv_columns(c), 3);
    assert_int_equal(csv_column_find(c, STR("Name")), 0);
    assert_int_equal(csv_column_find(c, STR("lat")), 1);
    assert_int_equal(csv_column_find(c, STR("name:ar")), -1);
    assert_int_equal(csv_delimiter(c), ',');
    csv_close(c);
    struct csv_options opt = {.no_header = true};
    struct csv_row row;
    bool more;
    text = STR("1,2\n3\n");
    assert_int_equal(csv_open(str_source(&text), &opt, &c, &err), RC_OK);
    assert_int_equal(csv_next(c, &row, &more, &err), RC_OK);
    assert_null(row.fault);
    assert_int_equal(csv_next(c, &row, &more, &err), RC_OK);
    assert_non_null(row.fault);
    csv_close(c);
}

static void count_real(const char *name, int64_t rows, size_t columns, int64_t faults)
{
    char path[1024];
    const char *root = getenv("FANE_SHARED");
    struct input *in;
    struct csv *c;
    struct csv_row row = {0};
    struct err err = {0};
    bool more = true;
    int64_t bad = 0;
    snprintf(path, sizeof path, "%s/data/%s", root ? root : "/nowhere", name);
    if (input_open(path, NULL, &in, &err) != RC_OK) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    assert_int_equal(csv_open(input_source(in), NULL, &c, &err), RC_OK);
    assert_int_equal(csv_columns(c), columns);
    while (more) {
        if (csv_next(c, &row, &more, &err) != RC_OK)
            fail_msg("%s: %s", name, err.text);
        bad += more && row.fault;
    }
    assert_int_equal(row.row, rows);
    assert_int_equal(bad, faults);
    csv_close(c);
    input_close(in);
}

static void test_real_files(void **state)
{
    (void)state;
    count_real("sites/uk-osm-half.csv", 17868, 10, 0);
    count_real("sites/wikidata-cemeteries-half.csv", 2622, 5, 0);
    count_real("incidents/ucdp-ged-syria-2016-2017.csv", 11757, 41, 0);
    count_real("incidents/chicago_aggravated_assaults.csv.gz", 148636, 5, 0);
}

static void test_writer(void **state)
{
    (void)state;
    struct buf b;
    struct csv_out c;
    buf_init(&b, 0);
    csv_out_init(&c, &b, ',', true);
    csv_out_str(&c, STR("=HYPERLINK(\"x\")"));
    csv_out_str(&c, STR("-12.5"));
    csv_out_str(&c, STR("-x"));
    csv_out_i64(&c, -3);
    csv_out_f64(&c, 1.5, 6);
    csv_out_f64(&c, 0.0 / 1 - 2, 1);
    csv_out_end(&c);
    csv_out_str(&c, STR(""));
    csv_out_end(&c);
    buf_add_char(&b, '\0');
    assert_string_equal(b.p, "\"'=HYPERLINK(\"\"x\"\")\",-12.5,\"'-x\",-3,1.5,-2\r\n\"\"\r\n");
    buf_fini(&b);
}

/* Without the guard what was written is what is read. */
static void test_round_trip(void **state)
{
    (void)state;
    const uint64_t seed = 99;
    struct prng r;
    prng_seed(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 3000; i++) {
        char text[6][12];
        size_t columns = 1 + prng_below(&r, 6);
        struct buf b;
        struct csv_out c;
        buf_init(&b, 0);
        csv_out_init(&c, &b, ",;\t|"[prng_below(&r, 4)], false);
        for (size_t k = 0; k < columns; k++) {
            size_t n = prng_below(&r, sizeof text[k]);
            for (size_t m = 0; m < n; m++)
                text[k][m] = "ab \",;\t|\r\n=-"[prng_below(&r, 12)];
            text[k][n] = '\0';
            csv_out_str(&c, str_of(text[k]));
        }
        csv_out_end(&c);
        struct csv_options opt = {.delimiter = c.delimiter, .no_header = true};
        struct drip d = {.left = buf_str(&b), .step = prng_below(&r, 4)};
        struct csv *in;
        struct csv_row row;
        struct err err;
        bool more;
        assert_int_equal(csv_open((struct byte_source){drip_read, &d}, &opt, &in, &err), RC_OK);
        assert_int_equal(csv_next(in, &row, &more, &err), RC_OK);
        assert_true(more);
        assert_int_equal(row.n, columns);
        for (size_t k = 0; k < columns; k++)
            assert_true(str_is_equal(row.fields[k], str_of(text[k])));
        assert_int_equal(csv_next(in, &row, &more, &err), RC_OK);
        assert_false(more);
        csv_close(in);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_damage),     cmocka_unit_test(test_caps),
        cmocka_unit_test(test_columns),    cmocka_unit_test(test_real_files), cmocka_unit_test(test_writer),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
