/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Scoring of candidate sites. See link.h for the scale.
 */
#include "incidents/link.h"

#include "text/fold.h"

#include <math.h>
#include <stdio.h>

/* Decibans. Working values: an exact place near a site of the named kind just passes, a place alone never does, a full
 * name in the same town passes, and any contradiction in kind or faith outweighs nearness. */
#define W_PRIOR           (-10.0) /* the site may not be in the registry at all */
#define W_NEAR            12.0    /* within the stated precision, when that is LINK_FINE_M or finer */
#define W_FAR             (-10.0) /* three times the stated precision away, or more */
#define W_NAME_WHOLE      15.0
#define W_NAME_HALF       8.0
#define W_KIND            4.0
#define W_KIND_WRONG      (-15.0)
#define W_FAITH           4.0
#define W_FAITH_WRONG     (-10.0)
#define W_LEAD            6.0 /* by so much the best must lead the second */
#define LINK_FINE_M       250.0
#define LINK_VAGUE_M      5000.0 /* nearness within so much says nothing */
#define LINK_NAME_LETTERS 4      /* telling letters a name must have to count */
#define LINK_LEAST_M      100.0  /* no two maps agree closer than this about a large building */

double link_radius_m(const struct incident *in)
{
    double r = in->radius_m > LINK_LEAST_M ? in->radius_m : LINK_LEAST_M;
    return r * 3 < 30000 ? r * 3 : 30000; /* beyond it only a name could tell, and names recur */
}

/* What words say of the kind of building, folded. */
static const struct {
    const char *word, *kinds; /* kinds: codes between spaces */
} KIND_WORDS[] = {
    {"mosque", " MOS PRAYER-ROOM "},
    {"masjid", " MOS PRAYER-ROOM "},
    {"mosquee", " MOS PRAYER-ROOM "},
    {"mezquita", " MOS PRAYER-ROOM "},
    {"mechet", " MOS PRAYER-ROOM "},
    {"husainia", " MOS PRAYER-ROOM "},
    {"church", " CHU CAT CHA "},
    {"cathedral", " CAT CHU "},
    {"basilica", " CHU CAT "},
    {"chapel", " CHA CHU "},
    {"eglise", " CHU CAT CHA "},
    {"iglesia", " CHU CAT CHA "},
    {"kirche", " CHU CAT CHA "},
    {"synagogue", " SYN "},
    {"sinagoga", " SYN "},
    {"shul", " SYN "},
    {"gurdwara", " GUR "},
    {"gurudwara", " GUR "},
    {"temple", " TEM-HIN TEM-BUD TEM-JAI TAO SHI SHRINE "},
    {"mandir", " TEM-HIN TEM-JAI "},
    {"pagoda", " TEM-BUD "},
    {"monastery", " MON "},
    {"convent", " MON "},
    {"abbey", " MON CHU "},
    {"shrine", " SHRINE SHI PILG MOS "},
    {"cemetery", " CEM "},
    {"graveyard", " CEM "},
    {"cementerio", " CEM "},
};

/* Words too common in names of sites to tell one from another. */
static const char *const COMMON_WORDS[] = {
    "the",       "of",           "and",       "de",        "la",      "le",      "el",       "al",        "in",
    "at",        "our",          "lady",      "saint",     "st",      "san",     "santa",    "sri",       "great",
    "grand",     "old",          "new",       "central",   "holy",    "first",   "church",   "cathedral", "basilica",
    "chapel",    "mosque",       "masjid",    "synagogue", "temple",  "mandir",  "gurdwara", "monastery", "shrine",
    "cemetery",  "abbey",        "kirche",    "eglise",    "iglesia", "islamic", "center",   "centre",    "jewish",
    "community", "congregation", "religious", "site"};

static bool is_common(struct str word)
{
    for (size_t i = 0; i < sizeof COMMON_WORDS / sizeof COMMON_WORDS[0]; i++)
        if (str_is_equal(word, str_of(COMMON_WORDS[i])))
            return true;
    return word.n < 3;
}

static bool has_word(struct str text, struct str word)
{
    struct str w;
    while (text_next_word(&text, &w))
        if (str_is_equal(w, word))
            return true;
    return false;
}

/* The share of a name's telling words that the text holds; *telling is how many letters they have. */
static double name_share(struct str name, struct str text, size_t *telling)
{
    size_t words = 0, found = 0;
    struct str w;
    *telling = 0;
    while (text_next_word(&name, &w)) {
        if (is_common(w))
            continue;
        words++;
        *telling += w.n;
        found += has_word(text, w);
    }
    return words ? (double)found / (double)words : 0;
}

/* The faith an incident was aimed at, as the registry writes it; NULL when the bias names none. */
static const char *faith_of_bias(struct str bias)
{
    static const struct {
        const char *bias, *religion;
    } FAITHS[] = {{"CHR", "christian"},   {"MUS", "muslim"}, {"JEW", "jewish"}, {"BUD", "buddhist"},
                  {"HIN", "hindu"},       {"SIK", "sikh"},   {"JAI", "jain"},   {"BAH", "bahai"},
                  {"ZOR", "zoroastrian"}, {"YAZ", "yazidi"}};
    for (size_t i = 0; i < sizeof FAITHS / sizeof FAITHS[0]; i++)
        if (str_starts_with(bias, str_of(FAITHS[i].bias)))
            return FAITHS[i].religion;
    return NULL;
}

struct scoring {
    const struct incident *in;
    struct str text; /* folded title and place */
    struct text_folder *folder;
    struct arena *mem;
};

struct score {
    double decibans;
    struct buf reasons;
    bool any;
};

static void reason(struct score *s, double weight, const char *what)
{
    s->decibans += weight;
    buf_printf(&s->reasons, "%s\"%s (%+.0f)\"", s->any ? "," : "", what, weight);
    s->any = true;
}

static void score_distance(const struct scoring *c, const struct link_candidate *site, struct score *s)
{
    double r = c->in->radius_m + site->precision_m;
    char what[96];
    if (r < LINK_LEAST_M)
        r = LINK_LEAST_M;
    double telling = r <= LINK_FINE_M    ? 1
                     : r >= LINK_VAGUE_M ? 0
                                         : log(LINK_VAGUE_M / r) / log(LINK_VAGUE_M / LINK_FINE_M);
    double over = (site->distance_m / r - 1) / 2; /* 0 at the precision, 1 at three times it */
    double weight = over <= 0 ? W_NEAR * telling : over >= 1 ? W_FAR : W_NEAR * telling * (1 - over) + W_FAR * over;
    snprintf(what, sizeof what, "%.0f m away, place good to %.0f m", site->distance_m, r);
    reason(s, weight, what);
}

static void score_name(const struct scoring *c, const struct link_candidate *site, struct score *s)
{
    double best = 0;
    size_t best_letters = 0;
    for (size_t i = 0; i < site->names_n; i++) {
        size_t letters;
        double share = name_share(text_fold(c->folder, site->names[i], c->mem), c->text, &letters);
        if (share > best || (share == best && letters > best_letters)) {
            best = share;
            best_letters = letters;
        }
    }
    if (best >= 1 && best_letters >= LINK_NAME_LETTERS)
        reason(s, W_NAME_WHOLE, "its name is named");
    else if (best >= 0.5 && best_letters >= LINK_NAME_LETTERS)
        reason(s, W_NAME_HALF, "part of its name is named");
}

static void score_kind(const struct scoring *c, const struct link_candidate *site, struct score *s)
{
    struct str kind = str_printf(c->mem, " " STR_FMT " ", STR_ARG(site->kind));
    bool named = false, fits = false;
    for (size_t i = 0; i < sizeof KIND_WORDS / sizeof KIND_WORDS[0]; i++) {
        if (!has_word(c->text, str_of(KIND_WORDS[i].word)))
            continue;
        named = true;
        fits |= str_contains(str_of(KIND_WORDS[i].kinds), kind);
    }
    if (str_is_equal(c->in->target, STR("GRAVE"))) {
        named = true;
        fits |= str_is_equal(site->kind, STR("CEM"));
    }
    if (named && fits)
        reason(s, W_KIND, "of the kind named");
    else if (named && site->kind.n && !str_is_equal(site->kind, STR("OTHER")) &&
             !str_is_equal(site->kind, STR("MULTI")))
        reason(s, W_KIND_WRONG, "of another kind than named");
}

static void score_faith(const struct scoring *c, const struct link_candidate *site, struct score *s)
{
    const char *faith = faith_of_bias(c->in->bias);
    if (!faith || site->religion.n == 0)
        return;
    if (str_is_equal(site->religion, str_of(faith)))
        reason(s, W_FAITH, "of the faith aimed at");
    else if (!str_is_equal(site->religion, STR("multifaith")))
        reason(s, W_FAITH_WRONG, "of another faith");
}

static double score_one(const struct scoring *c, const struct link_candidate *site, struct str *reasons)
{
    struct score s = {.decibans = W_PRIOR};
    buf_init(&s.reasons, 0);
    buf_add_char(&s.reasons, '[');
    score_distance(c, site, &s);
    score_name(c, site, &s);
    score_kind(c, site, &s);
    score_faith(c, site, &s);
    buf_add_char(&s.reasons, ']');
    *reasons = str_copy(c->mem, buf_str(&s.reasons));
    buf_fini(&s.reasons);
    return s.decibans;
}

void link_choose(struct incident *in, const struct link_candidate *candidates, size_t n, struct arena *mem)
{
    struct scoring c = {.in = in, .mem = mem};
    struct str best_reasons = STR_NONE, reasons;
    double best = -1e9, second = -1e9;
    size_t at = 0;
    if (n == 0 || in->links_n == INCIDENT_LINKS_MAX || text_folder_new(&c.folder, NULL) != RC_OK)
        return;
    c.text = text_fold(c.folder, str_printf(mem, STR_FMT " " STR_FMT, STR_ARG(in->title), STR_ARG(in->place)), mem);
    for (size_t i = 0; i < n; i++) {
        double decibans = score_one(&c, &candidates[i], &reasons);
        if (decibans > best) {
            second = best;
            best = decibans;
            best_reasons = reasons;
            at = i;
        } else if (decibans > second) {
            second = decibans;
        }
    }
    text_folder_free(c.folder);
    double score = 1 / (1 + pow(10, -best / 10));
    if (score < LINK_SCORE_MIN || best - second < W_LEAD)
        return;
    in->links[in->links_n++] = (struct incident_link){.site = candidates[at].site,
                                                      .site_public_id = candidates[at].site_public_id,
                                                      .score = score,
                                                      .reasons = best_reasons,
                                                      .site_name = candidates[at].name};
}
