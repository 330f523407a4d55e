/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * From tags to facts. See osm_tags.h.
 */
#include "sites/osm_tags.h"

#include <stdlib.h>

/* --- languages ----------------------------------------------------------------------------------------------------- */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_alpha(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]))
            return false;
    return true;
}

static bool all_alnum(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]))
            return false;
    return true;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* What a subtag may be, in the order they must come. */
enum part { PART_LANGUAGE, PART_EXTLANG, PART_SCRIPT, PART_REGION, PART_VARIANT, PART_NONE };

static enum part part_of(struct str s)
{
    bool alpha = all_alpha(s);
    if (!all_alnum(s))
        return PART_NONE;
    if (s.n == 4 && alpha)
        return PART_SCRIPT;
    if ((s.n == 2 && alpha) || (s.n == 3 && is_digit(s.p[0]) && is_digit(s.p[1]) && is_digit(s.p[2])))
        return PART_REGION;
    if (s.n == 3 && alpha)
        return PART_EXTLANG;
    if ((s.n >= 5 && s.n <= 8) || (s.n == 4 && is_digit(s.p[0])))
        return PART_VARIANT;
    return PART_NONE;
}

static void subtag_put(struct buf *b, struct str s, enum part part)
{
    if (b->n)
        buf_add_char(b, '-');
    for (size_t i = 0; i < s.n; i++)
        buf_add_char(b, part == PART_REGION || (part == PART_SCRIPT && i == 0) ? upper(s.p[i]) : lower(s.p[i]));
}

static bool language_write(struct str suffix, struct buf *b)
{
    struct str part, rest = suffix;
    enum part last = PART_LANGUAGE;
    bool more = str_cut(rest, '-', &part, &rest);
    if ((part.n != 2 && part.n != 3) || !all_alpha(part))
        return false;
    subtag_put(b, part, PART_LANGUAGE);
    while (more) {
        more = str_cut(rest, '-', &part, &rest);
        enum part kind = part_of(part);
        if (kind == PART_NONE || kind < last || (kind == last && kind != PART_VARIANT && kind != PART_EXTLANG))
            return false;
        subtag_put(b, part, kind);
        last = kind;
    }
    return true;
}

/* Spellings that are common in the data and not BCP 47. */
static const struct {
    const char *said, *means;
} LANGUAGES[] = {
    {"zh_pinyin", "zh-Latn-pinyin"},
    {"zh-pinyin", "zh-Latn-pinyin"},
    {"ja_rm", "ja-Latn"},
    {"ja-rm", "ja-Latn"},
    {"ja_kana", "ja-Hrkt"},
    {"ja_hira", "ja-Hira"},
    {"ja-kana", "ja-Hrkt"},
    {"ko_rm", "ko-Latn"},
    {"ko-rm", "ko-Latn"},
    {"be-x-old", "be-tarask"},
    {"zh_zhuyin", "zh-Bopo"},
};

enum { LANGUAGE_MAX = 35 }; /* bytes; RFC 5646, section 4.4.1 */

bool osm_language(struct str suffix, struct arena *mem, struct str *out)
{
    char z[LANGUAGE_MAX + 1];
    struct buf b;
    bool ok;
    if (suffix.n == 0 || suffix.n > LANGUAGE_MAX)
        return false;
    for (size_t i = 0; i < sizeof LANGUAGES / sizeof *LANGUAGES; i++)
        if (str_is_equal_nocase(suffix, str_of(LANGUAGES[i].said))) {
            *out = str_of(LANGUAGES[i].means);
            return true;
        }
    for (size_t i = 0; i < suffix.n; i++)
        z[i] = suffix.p[i] == '_' ? '-' : suffix.p[i]; /* pt_BR */
    buf_init(&b, LANGUAGE_MAX + 1);
    ok = language_write((struct str){z, suffix.n}, &b);
    if (ok)
        *out = str_copy(mem, buf_str(&b));
    buf_fini(&b);
    return ok;
}

/* --- names --------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    const char *mark; /* added to the language; NULL for the name itself */
} NAME_KEYS[] = {
    {"name", NULL},        {"alt_name", "x-alt"}, {"old_name", "x-old"},     {"official_name", "x-official"},
    {"int_name", "x-int"}, {"loc_name", "x-loc"}, {"short_name", "x-short"}, {"nat_name", "x-nat"},
    {"reg_name", "x-reg"},
};

/* Which entry of NAME_KEYS a key is, and what stands behind its colon; -1: no name. */
static int name_key(struct str key, struct str *suffix)
{
    struct str head, tail;
    bool has_suffix = str_cut(key, ':', &head, &tail);
    for (size_t i = 0; i < sizeof NAME_KEYS / sizeof *NAME_KEYS; i++)
        if (str_is_equal(head, str_of(NAME_KEYS[i].key))) {
            *suffix = tail;
            return has_suffix && tail.n == 0 ? -1 : (int)i;
        }
    return -1;
}

struct names {
    struct site_name *v;
    size_t n, size;
    struct arena *mem;
};

static void name_add(struct names *names, struct str lang, struct str text)
{
    text = str_trim(text);
    if (!text.n || names->n == SITE_NAMES_MAX)
        return;
    for (size_t i = 0; i < names->n; i++)
        if (str_is_equal(names->v[i].lang, lang) && str_is_equal(names->v[i].text, text))
            return;
    if (names->n == names->size) {
        size_t size = names->size ? 2 * names->size : 8;
        names->v = arena_grow(names->mem, names->v, names->size * sizeof *names->v, size * sizeof *names->v);
        names->size = size;
    }
    names->v[names->n++] = (struct site_name){lang, str_clip(text, SITE_TEXT_MAX)};
}

static void names_of_tag(struct names *names, const struct osm_tag *t)
{
    struct str suffix, lang = STR(""), part, rest = t->value;
    int which = name_key(t->key, &suffix);
    if (which < 0 || (suffix.n && !osm_language(suffix, names->mem, &lang)))
        return;
    const char *mark = NAME_KEYS[which].mark;
    if (!mark) {
        name_add(names, lang, t->value);
        return;
    }
    lang = lang.n ? str_printf(names->mem, STR_FMT "-%s", STR_ARG(lang), mark) : str_of(mark);
    for (bool more = true; more;) { /* several other names stand in one value */
        more = str_cut(rest, ';', &part, &rest);
        name_add(names, lang, part);
    }
}

static int name_compare(const void *a, const void *b)
{
    const struct site_name *x = a, *y = b;
    int c = str_compare(x->lang, y->lang);
    return c ? c : str_compare(x->text, y->text);
}

/* --- facts --------------------------------------------------------------------------------------------------------- */

static const char *const FACT_KEYS[] = {
    "religion",
    "denomination",
    "wikidata",
    "heritage",
    "heritage:operator",
    "ref:whc",
    "whc:ref",
    "whc:inscription_date",
    "whc:id",
    "addr:country",
    "disputed",
    "place_of_worship",
    "social_facility",
    "historic",
    "start_date",
    "building",
};

bool osm_tag_is_kept(struct str key)
{
    struct str suffix;
    if (name_key(key, &suffix) >= 0)
        return true;
    for (size_t i = 0; i < sizeof FACT_KEYS / sizeof *FACT_KEYS; i++)
        if (str_is_equal(key, str_of(FACT_KEYS[i])))
            return true;
    return false;
}

static struct str tag_of(const struct osm_tag *tags, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_is_equal(tags[i].key, str_of(key)))
            return str_is_utf8(tags[i].value) ? str_clip(str_trim(tags[i].value), SITE_TEXT_MAX) : STR("");
    return STR("");
}

static void note_add(struct site_draft *d, struct arena *mem, const char *what, struct str value)
{
    struct str more = str_printf(mem, "%s" STR_FMT, what, STR_ARG(value));
    d->note = d->note.n ? str_printf(mem, STR_FMT "; " STR_FMT, STR_ARG(d->note), STR_ARG(more)) : more;
}

/* The first part of a list, in lower case; the others go to the note. */
static struct str first_of(struct str value, const char *what, struct arena *mem, struct site_draft *d)
{
    struct str head, rest;
    if (str_cut(value, ';', &head, &rest) && str_trim(rest).n)
        note_add(d, mem, what, str_trim(rest));
    return str_lower(mem, str_trim(head));
}

static bool is_qid(struct str s)
{
    if (s.n < 2 || s.n > 16 || s.p[0] != 'Q' || s.p[1] == '0')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_digit(s.p[i]))
            return false;
    return true;
}

static struct str wikidata_of(struct str value)
{
    struct str head, rest;
    str_cut(value, ';', &head, &rest);
    head = str_trim(head);
    return is_qid(head) ? head : STR("");
}

/* heritage=2 heritage:operator=whc -> "2 whc" */
static struct str heritage_of(const struct osm_tag *tags, size_t n, struct arena *mem)
{
    struct str level = tag_of(tags, n, "heritage"), by = tag_of(tags, n, "heritage:operator");
    if (level.n && by.n)
        return str_printf(mem, STR_FMT " " STR_FMT, STR_ARG(level), STR_ARG(by));
    return level.n ? level : by;
}

static void world_heritage(const struct osm_tag *tags, size_t n, struct site_draft *d)
{
    static const char *const KEYS[] = {"ref:whc", "whc:ref", "whc:id"};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS && !d->unesco_id.n; i++)
        d->unesco_id = tag_of(tags, n, KEYS[i]);
    int64_t year;
    struct str date = tag_of(tags, n, "whc:inscription_date");
    if (date.n >= 4 && str_parse_i64(str_slice(date, 0, 4), &year) && year >= 1978 && year <= 2200)
        d->whs_year = (int)year;
}

static struct str country_of(const struct osm_tag *tags, size_t n, struct arena *mem)
{
    struct str c = tag_of(tags, n, "addr:country");
    if (c.n != 2 || !all_alpha(c))
        return STR("");
    char *z = str_z(mem, c);
    z[0] = upper(z[0]);
    z[1] = upper(z[1]);
    return (struct str){z, 2};
}

static void faith_fill(const struct osm_tag *tags, size_t n, const struct osm_verdict *v, struct arena *mem,
                       struct site_draft *d)
{
    d->religion = first_of(tag_of(tags, n, "religion"), "religion also: ", mem, d);
    d->denomination = first_of(tag_of(tags, n, "denomination"), "denomination also: ", mem, d);
    if (!d->religion.n && v->religion_hint.n) {
        d->religion = v->religion_hint;
        note_add(d, mem, "religion guessed from what was built", STR(""));
    }
}

static void names_fill(const struct osm_tag *tags, size_t n, struct arena *mem, struct site_draft *d)
{
    struct names names = {.mem = mem};
    for (size_t i = 0; i < n; i++)
        if (str_is_utf8(tags[i].value))
            names_of_tag(&names, &tags[i]);
    if (names.n)
        qsort(names.v, names.n, sizeof *names.v, name_compare); /* whatever order the file had its tags in */
    d->names = names.v;
    d->names_n = names.n;
}

void osm_tags_fill(const struct osm_tag *tags, size_t n, const struct osm_verdict *v, struct arena *mem,
                   struct site_draft *out)
{
    names_fill(tags, n, mem, out);
    faith_fill(tags, n, v, mem, out);
    world_heritage(tags, n, out);
    out->class_code = v->class_code;
    out->kind = v->kind;
    out->status = v->status;
    out->wikidata = wikidata_of(tag_of(tags, n, "wikidata"));
    out->heritage = heritage_of(tags, n, mem);
    out->start_date = tag_of(tags, n, "start_date");
    out->country = country_of(tags, n, mem);
    out->is_disputed = str_is_equal(tag_of(tags, n, "disputed"), STR("yes"));
    out->is_guarded = v->is_guarded;
}
