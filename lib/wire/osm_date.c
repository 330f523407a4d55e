/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * See osm_date.h.
 */
#include "wire/osm_date.h"

#include <stdint.h>

enum part { WHOLE, EARLY, MID, LATE };
enum era { ERA_NONE, ERA_AFTER, ERA_BEFORE }; /* of Christ */

struct reader {
    struct str s;
};

/* The word and the blank behind it, in any case. */
static bool take_word(struct reader *r, const char *word)
{
    struct str w = str_of(word);
    if (r->s.n <= w.n || !str_is_equal_nocase(str_slice(r->s, 0, w.n), w) || r->s.p[w.n] != ' ')
        return false;
    r->s = str_trim(str_slice(r->s, w.n, r->s.n));
    return true;
}

static bool take_mark(struct reader *r, char mark)
{
    if (r->s.n == 0 || r->s.p[0] != mark)
        return false;
    r->s = str_slice(r->s, 1, r->s.n);
    return true;
}

/* Between least and most digits; -1: not so. */
static int take_digits(struct reader *r, size_t least, size_t most)
{
    size_t n = 0;
    int v = 0;
    while (n < r->s.n && n < most && r->s.p[n] >= '0' && r->s.p[n] <= '9')
        v = v * 10 + (r->s.p[n++] - '0');
    if (n < least)
        return -1;
    r->s = str_slice(r->s, n, r->s.n);
    return v;
}

static enum era take_era(struct reader *r)
{
    static const struct {
        const char *word;
        enum era era;
    } ERAS[] = {{"BC", ERA_BEFORE}, {"BCE", ERA_BEFORE}, {"AD", ERA_AFTER}, {"CE", ERA_AFTER}};
    struct str rest = str_trim(r->s);
    for (size_t i = 0; i < sizeof ERAS / sizeof ERAS[0]; i++)
        if (r->s.n && r->s.p[0] == ' ' && str_is_equal_nocase(rest, str_of(ERAS[i].word))) {
            r->s = STR_NONE;
            return ERAS[i].era;
        }
    return ERA_NONE;
}

/* Years of the era to those of ISO 8601: before Christ the larger number is the earlier. */
static void era_apply(enum era era, struct osm_years *y)
{
    if (era != ERA_BEFORE)
        return;
    int earliest = 1 - y->latest;
    y->latest = 1 - y->earliest;
    y->earliest = earliest;
}

/* A third of a decade or century, after the era is known: early is early there, too. */
static void part_apply(enum part part, struct osm_years *y)
{
    int n = y->latest - y->earliest + 1, first = y->earliest;
    if (part == WHOLE)
        return;
    y->is_about = true;
    y->earliest = part == EARLY ? first : part == MID ? first + n * 3 / 10 : first + n * 6 / 10;
    y->latest = part == EARLY ? first + n * 4 / 10 - 1 : part == MID ? first + n * 7 / 10 - 1 : first + n - 1;
}

/* C18, of which centuries there are 1 to 99. */
static bool century_take(struct reader *r, struct osm_years *y)
{
    struct reader tried = *r;
    if (!take_mark(&tried, 'C') && !take_mark(&tried, 'c'))
        return false;
    int c = take_digits(&tried, 1, 2);
    if (c < 1 || (tried.s.n && tried.s.p[0] != ' '))
        return false;
    y->earliest = 100 * c - 99;
    y->latest = 100 * c;
    *r = tried;
    return true;
}

static bool decade_take(struct reader *r, struct osm_years *y)
{
    struct reader tried = *r;
    int year = take_digits(&tried, 2, 4);
    if (year < 10 || year % 10 != 0 || !take_mark(&tried, 's'))
        return false;
    y->earliest = year;
    y->latest = year + (year % 100 == 0 ? 99 : 9);
    *r = tried;
    return true;
}

static bool month_and_day_take(struct reader *r, bool *has_month, int *month)
{
    struct reader tried = *r;
    *has_month = false;
    if (!take_mark(&tried, '-') || tried.s.n < 2 || (tried.s.n > 2 && tried.s.p[2] != '-' && tried.s.p[2] != ' '))
        return true; /* 1914-1918 */
    *month = take_digits(&tried, 2, 2);
    if (*month < 1 || *month > 12)
        return false;
    if (take_mark(&tried, '-')) {
        int day = take_digits(&tried, 2, 2);
        if (day < 1 || day > 31)
            return false;
    }
    *has_month = true;
    *r = tried;
    return true;
}

static bool year_take(struct reader *r, bool *is_sharp, struct osm_years *y)
{
    struct reader tried = *r;
    bool is_julian = tried.s.n > 2 && (tried.s.p[0] == 'j' || tried.s.p[0] == 'J') && tried.s.p[1] == ':', has_month;
    int month = 0;
    if (is_julian)
        tried.s = str_slice(tried.s, 2, tried.s.n);
    int year = take_digits(&tried, 1, 4);
    if (year < 1 || !month_and_day_take(&tried, &has_month, &month))
        return false;
    y->earliest = year;
    y->latest = year + (is_julian && month == 12); /* its last days are in the next year */
    *is_sharp = has_month;
    *r = tried;
    return true;
}

struct one {
    struct osm_years years;
    bool is_sharp; /* known to the month: "before" it may be in its year */
};

/* One date that fills the text. */
static bool one_parse(struct str text, struct one *out)
{
    struct reader r = {str_trim(text)};
    struct one o = {0};
    enum part part = WHOLE;
    bool is_about = take_mark(&r, '~');
    if (take_word(&r, "early"))
        part = EARLY;
    else if (take_word(&r, "mid"))
        part = MID;
    else if (take_word(&r, "late"))
        part = LATE;
    enum era era = take_word(&r, "AD") ? ERA_AFTER : ERA_NONE;
    if (!century_take(&r, &o.years) && !decade_take(&r, &o.years)) {
        if (part != WHOLE || !year_take(&r, &o.is_sharp, &o.years))
            return false;
    }
    if (era == ERA_NONE)
        era = take_era(&r);
    if (r.s.n == 1 && take_mark(&r, '?'))
        is_about = true;
    if (r.s.n || (o.is_sharp && era == ERA_BEFORE))
        return false;
    era_apply(era, &o.years);
    part_apply(part, &o.years);
    o.years.is_about |= is_about;
    if (o.years.latest > OSM_DATE_YEAR_MAX)
        return false;
    *out = o;
    return true;
}

/* Where the second date begins, and the first ends. */
static bool range_cut(struct str s, struct str *from, struct str *to)
{
    for (size_t i = 0; i + 1 < s.n; i++)
        if (s.p[i] == '.' && s.p[i + 1] == '.') {
            *from = str_slice(s, 0, i);
            *to = str_slice(s, i + 2, s.n);
            return true;
        }
    if (s.n != 9 || s.p[4] != '-')
        return false;
    *from = str_slice(s, 0, 4);
    *to = str_slice(s, 5, 9);
    return true;
}

static bool range_parse(struct str from, struct str to, struct osm_years *out)
{
    struct one a, b;
    if (!one_parse(from, &a) || !one_parse(to, &b) || a.years.earliest > b.years.latest)
        return false;
    *out = (struct osm_years){a.years.earliest, b.years.latest, a.years.is_about || b.years.is_about};
    return true;
}

bool osm_date_parse(struct str text, struct osm_years *out)
{
    struct reader r = {str_trim(text)};
    struct str from, to;
    struct one o;
    if (text.n > OSM_DATE_TEXT_MAX)
        return false;
    if (range_cut(r.s, &from, &to))
        return range_parse(from, to, out);
    bool is_before = take_word(&r, "before"), is_after = !is_before && take_word(&r, "after");
    if (!one_parse(r.s, &o))
        return false;
    *out = o.years;
    if (is_before) {
        out->latest = o.is_sharp ? o.years.latest : o.years.earliest - 1;
        out->earliest = OSM_DATE_NO_EARLIEST;
    }
    if (is_after) {
        out->earliest = o.is_sharp ? o.years.earliest : o.years.latest + 1;
        out->latest = OSM_DATE_NO_LATEST;
    }
    return true;
}
