/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * SaTScan's coordinates and case files: one row per line, fields apart by white space, an id with spaces in double
 * quotes. Every refused row is named by file, line and field.
 */
#include "watch/satscan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { FIELDS_MAX = 8 };

struct row {
    struct str name; /* file */
    uint32_t line;
    struct str field[FIELDS_MAX];
    size_t n;
};

static enum rc row_error(const struct row *r, enum rc rc, size_t field, const char *what, struct err *err)
{
    struct str v = field > 0 && field <= r->n ? str_clip(r->field[field - 1], 60) : STR_NONE;
    if (field == 0)
        return err_set(err, rc, STR_FMT ":%u: %s", STR_ARG(r->name), r->line, what);
    return err_set(err, rc, STR_FMT ":%u: field %zu '" STR_FMT "': %s", STR_ARG(r->name), r->line, field, STR_ARG(v),
                   what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static enum rc row_split(struct row *r, struct str line, struct err *err)
{
    size_t i = 0;
    for (r->n = 0;; r->n++) {
        while (i < line.n && is_space(line.p[i]))
            i++;
        if (i == line.n)
            return RC_OK;
        if (r->n == FIELDS_MAX)
            return row_error(r, RC_INVALID, 0, "too many fields", err);
        size_t from = i;
        bool quoted = line.p[i] == '"';
        if (quoted)
            from = ++i;
        while (i < line.n && (quoted ? line.p[i] != '"' : !is_space(line.p[i])))
            i++;
        if (quoted && i == line.n)
            return row_error(r, RC_INVALID, 0, "a quote is not closed", err);
        r->field[r->n] = str_slice(line, from, i);
        i += quoted;
    }
}

/* Next row with content. False at the end. */
static bool row_next(struct row *r, struct str *rest, struct str *line)
{
    while (rest->n > 0) {
        str_cut(*rest, '\n', line, rest);
        r->line++;
        *line = str_trim(*line);
        if (line->n > 0)
            return true;
    }
    return false;
}

static enum rc text_check(struct str name, struct str *text, struct err *err)
{
    if (text->n > SATSCAN_DATA_MAX)
        return err_set(err, RC_TOO_LARGE, STR_FMT ": a data file is at most %d bytes", STR_ARG(name), SATSCAN_DATA_MAX);
    if (str_starts_with(*text, STR("\xef\xbb\xbf")))
        *text = str_slice(*text, 3, text->n);
    if (text->n && memchr(text->p, 0, text->n))
        return err_set(err, RC_INVALID, STR_FMT ": a zero byte: this is not a text file", STR_ARG(name));
    return RC_OK;
}

bool satscan_parse_date(struct str s, int64_t *day)
{
    struct str y, m, d, rest;
    int64_t year, month, dom;
    char sep = str_contains(s, STR("/")) ? '/' : '-';
    if (!str_cut(s, sep, &y, &rest) || !str_cut(rest, sep, &m, &d))
        return false;
    if (y.n != 4 || m.n < 1 || m.n > 2 || d.n < 1 || d.n > 2)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != sep)
            return false;
    if (!str_parse_i64(y, &year) || !str_parse_i64(m, &month) || !str_parse_i64(d, &dom))
        return false;
    struct civil_date date = {(int)year, (int)month, (int)dom};
    if (!date_is_valid(date))
        return false;
    *day = date_to_days(date);
    return true;
}

/* --- coordinates --- */

static enum rc row_place(const struct row *r, enum watch_coordinates kind, double *a, double *b, struct err *err)
{
    if (r->n != 3)
        return row_error(r, RC_INVALID, 0,
                         kind == WATCH_LAT_LON ? "expected: id, latitude, longitude"
                                               : "expected: id, x, y (more dimensions are not supported)",
                         err);
    if (r->field[0].n == 0 || r->field[0].n > SATSCAN_ID_MAX)
        return row_error(r, RC_INVALID, 0, "the id is empty or too long", err);
    if (!str_parse_f64(r->field[1], a))
        return row_error(r, RC_INVALID, 2, "is not a number", err);
    if (!str_parse_f64(r->field[2], b))
        return row_error(r, RC_INVALID, 3, "is not a number", err);
    if (kind == WATCH_LAT_LON && fabs(*a) > 90)
        return row_error(r, RC_INVALID, 2, "latitude is outside [-90, 90]", err);
    if (kind == WATCH_LAT_LON && fabs(*b) > 180)
        return row_error(r, RC_INVALID, 3, "longitude is outside [-180, 180]", err);
    if (fabs(*a) > 1e12 || fabs(*b) > 1e12)
        return row_error(r, RC_INVALID, 2, "coordinates are out of range", err);
    return RC_OK;
}

struct placed_id {
    struct str id;
    double a, b;
    uint32_t line;
};

static int placed_id_compare(const void *pa, const void *pb)
{
    const struct placed_id *l = pa, *r = pb;
    int c = str_compare(l->id, r->id);
    return c ? c : l->line < r->line ? -1 : l->line > r->line;
}

/* Sorted by id, as SaTScan numbers its places: it decides which of two tied centres is named. A place given twice is
 * fine when its coordinates are the same: the later row goes. */
static enum rc places_keep(struct placed_id *all, size_t n, const struct row *r, struct arena *mem,
                           struct satscan_places *out, struct err *err)
{
    struct satscan_places p = {0};
    p.ids = ARENA_NEW_N(mem, struct str, n);
    p.a = ARENA_NEW_N(mem, double, n);
    p.b = ARENA_NEW_N(mem, double, n);
    qsort(all, n, sizeof *all, placed_id_compare);
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && str_is_equal(all[i].id, all[i - 1].id);
        if (again && (all[i].a != all[i - 1].a || all[i].b != all[i - 1].b))
            return err_set(err, RC_INVALID, STR_FMT ":%u: place '" STR_FMT "' stood in line %u with other coordinates",
                           STR_ARG(r->name), all[i].line, STR_ARG(str_clip(all[i].id, 60)), all[i - 1].line);
        if (again)
            continue;
        p.ids[p.n] = all[i].id;
        p.a[p.n] = all[i].a;
        p.b[p.n++] = all[i].b;
    }
    *out = p;
    return RC_OK;
}

enum rc satscan_read_places(struct str name, struct str text, enum watch_coordinates kind, struct arena *mem,
                            struct satscan_places *out, struct err *err)
{
    struct row r = {.name = str_clip(name, 300)};
    struct placed_id *all = NULL;
    struct str line;
    size_t n = 0, size = 0;
    TRY(text_check(r.name, &text, err));
    enum rc rc = RC_OK;
    while (rc == RC_OK && row_next(&r, &text, &line)) {
        if (n == size)
            all = mem_realloc(all, (size = size ? 2 * size : 256) * sizeof *all);
        rc = row_split(&r, line, err);
        if (rc == RC_OK)
            rc = row_place(&r, kind, &all[n].a, &all[n].b, err);
        if (rc == RC_OK && n == WATCH_PLACES_MAX)
            rc = row_error(&r, RC_TOO_LARGE, 0, "too many places", err);
        all[n].id = r.field[0];
        all[n++].line = r.line;
    }
    if (rc == RC_OK && n == 0)
        rc = err_set(err, RC_INVALID, STR_FMT ": holds no place", STR_ARG(r.name));
    if (rc == RC_OK)
        rc = places_keep(all, n, &r, mem, out, err);
    free(all);
    return rc;
}

/* --- cases --- */

static bool place_find(const struct satscan_places *p, struct str id, uint32_t *out)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = str_compare(p->ids[mid], id);
        if (c == 0) {
            *out = (uint32_t)mid;
            return true;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

static enum rc row_case(const struct row *r, const struct prm_plan *plan, const struct satscan_places *places,
                        struct satscan_cases *all, struct watch_case *out, bool *keep, struct err *err)
{
    int64_t count;
    *keep = false;
    if (r->n > 3)
        return row_error(r, RC_UNSUPPORTED, 4, "covariates are not supported yet by this version", err);
    if (r->n < 3)
        return row_error(r, RC_INVALID, 0, "expected: id, number of cases, date", err);
    if (!str_parse_i64(r->field[1], &count) || count < 0 || count > WATCH_CASES_MAX)
        return row_error(r, RC_INVALID, 2, "is not a number of cases", err);
    if (!satscan_parse_date(r->field[2], &out->day))
        return row_error(r, RC_INVALID, 3, "is not a date, YYYY/MM/DD", err);
    if (!place_find(places, r->field[0], &out->place)) {
        if (!plan->drop_unknown_places)
            return row_error(r, RC_INVALID, 1, "this place has no coordinates", err);
        all->dropped_unknown_places++;
        return RC_OK;
    }
    if (out->day < plan->params.start_day || out->day > plan->params.end_day) {
        if (!plan->drop_outside_period)
            return row_error(r, RC_INVALID, 3, "lies outside the study period", err);
        all->dropped_outside_period++;
        return RC_OK;
    }
    out->count = (uint32_t)count;
    *keep = true;
    return RC_OK;
}

enum rc satscan_read_cases(struct str name, struct str text, const struct prm_plan *plan,
                           const struct satscan_places *places, struct arena *mem, struct satscan_cases *out,
                           struct err *err)
{
    struct satscan_cases all = {0};
    struct row r = {.name = str_clip(name, 300)};
    struct watch_case *rows = NULL;
    struct str line;
    size_t size = 0;
    uint64_t total = 0;
    TRY(text_check(r.name, &text, err));
    enum rc rc = RC_OK;
    while (rc == RC_OK && row_next(&r, &text, &line)) {
        bool keep = false;
        if (all.n == size)
            rows = mem_realloc(rows, (size = size ? 2 * size : 1024) * sizeof *rows);
        rc = row_split(&r, line, err);
        if (rc == RC_OK)
            rc = row_case(&r, plan, places, &all, &rows[all.n], &keep, err);
        total += rc == RC_OK && keep ? rows[all.n].count : 0;
        if (rc == RC_OK && total > WATCH_CASES_MAX)
            rc = row_error(&r, RC_TOO_LARGE, 2, "too many cases in all", err);
        all.n += keep;
    }
    if (rc == RC_OK && total == 0)
        rc = err_set(err, RC_INVALID, STR_FMT ": holds no case", STR_ARG(r.name));
    if (rc == RC_OK) {
        all.at = arena_copy(mem, rows, all.n * sizeof *rows);
        *out = all;
    }
    free(rows);
    return rc;
}
