/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * The table of religious features: what is a site, of which class and kind, and the reason when not. And what is kept of
 * the tags: names by language, faith, heritage; never contacts or service times.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sites/osm_tags.h"

enum { TAGS_MAX = 20 };

/* "key=value|key=value" */
static size_t tags_of(const char *text, struct osm_tag *out)
{
    struct str rest = str_of(text), one;
    size_t n = 0;
    for (bool more = true; more && n < TAGS_MAX; n++) {
        more = str_cut(rest, '|', &one, &rest);
        str_cut(one, '=', &out[n].key, &out[n].value);
    }
    return n;
}

static struct osm_rules *rules;

static void site(const char *text, const char *class_code, const char *kind)
{
    struct osm_tag tags[TAGS_MAX];
    struct osm_verdict v = osm_rules_judge(rules, tags, tags_of(text, tags));
    if (!v.is_read || !v.is_site || v.reason || !str_is_equal(v.class_code, str_of(class_code)) ||
        !str_is_equal(v.kind, str_of(kind)))
        fail_msg("%s: read %d site %d class " STR_FMT " kind " STR_FMT " (%s)", text, v.is_read, v.is_site,
                 STR_ARG(v.class_code), STR_ARG(v.kind), v.reason ? v.reason : "");
}

static void refused(const char *text, const char *reason)
{
    struct osm_tag tags[TAGS_MAX];
    struct osm_verdict v = osm_rules_judge(rules, tags, tags_of(text, tags));
    if (!v.is_read || v.is_site || !v.reason || !strstr(v.reason, reason))
        fail_msg("%s: read %d site %d (%s)", text, v.is_read, v.is_site, v.reason ? v.reason : "");
}

static void not_read(const char *text)
{
    struct osm_tag tags[TAGS_MAX];
    assert_false(osm_rules_judge(rules, tags, tags_of(text, tags)).is_read);
}

static void sites_and_kinds(void **state)
{
    (void)state;
    site("amenity=place_of_worship", "place_of_worship", "OTHER");
    site("amenity=place_of_worship|religion=christian", "place_of_worship", "CHU");
    site("amenity=place_of_worship|religion=muslim|name=Great Mosque School", "place_of_worship", "MOS");
    site("amenity=place_of_worship|religion=jewish", "place_of_worship", "SYN");
    site("amenity=place_of_worship|religion=hindu", "place_of_worship", "TEM-HIN");
    site("amenity=place_of_worship|religion=buddhist", "place_of_worship", "TEM-BUD");
    site("amenity=place_of_worship|religion=sikh|building=school", "place_of_worship", "GUR");
    site("amenity=place_of_worship|building=cathedral|religion=christian", "place_of_worship", "CAT");
    site("amenity=cafe; place_of_worship", "place_of_worship", "OTHER");
    site("amenity=monastery|religion=buddhist", "monastery", "MON");
    site("landuse=cemetery|religion=muslim", "cemetery", "CEM");
    site("amenity=grave_yard", "cemetery", "CEM");
    site("historic=wayside_cross", "wayside", "WAYSIDE");
    site("historic=wayside_shrine|religion=hindu", "wayside", "WAYSIDE");
    site("building=church", "religious_building", "CHU");
    site("natural=tree|religion=hindu", "natural", "NAT");
}

static void others_are_refused_with_a_reason(void **state)
{
    (void)state;
    refused("amenity=kindergarten|religion=christian|building=church", "teaching");
    refused("amenity=school|religion=muslim", "teaching");
    refused("shop=religion|religion=christian", "shop");
    refused("building=church|building:part=yes", "3D");
    refused("religion=christian|name=St Mary’s Primary School", "name");
    refused("sacred=no", "");
    not_read("amenity=cafe|name=Temple Bar");
    not_read("name=Church Street|highway=residential");
    not_read("");
}

static void status_and_hints(void **state)
{
    struct osm_tag tags[TAGS_MAX];
    (void)state;
    struct osm_verdict v =
        osm_rules_judge(rules, tags, tags_of("amenity=place_of_worship|ruins=yes|building=mosque", tags));
    assert_true(str_is_equal(v.status, STR("ruins")));
    assert_true(str_is_equal(v.religion_hint, STR("muslim")));
    v = osm_rules_judge(rules, tags, tags_of("amenity=place_of_worship", tags));
    assert_true(v.status.n == 0 && v.religion_hint.n == 0);
}

static void bad_tables(void **state)
{
    static const char *const BAD[] = {
        "{",
        "[]",
        "{}",
        "{\"first_filter\":[]}",
        "{\"first_filter\":[\"=x\"],\"rules\":[]}",
        "{\"first_filter\":[\"a\"],\"rules\":[]}",
        "{\"first_filter\":[\"a\"],\"rules\":[{\"class\":\"c\",\"when\":[]}]}",
        "{\"first_filter\":[\"a\"],\"rules\":[{\"when\":[{\"key\":\"a\",\"values\":[\"*\"]}]}]}",
        "{\"first_filter\":[\"a\"],\"rules\":[{\"class\":\"c\",\"when\":[{\"key\":\"a\",\"values\":[]}]}]}",
        "{\"first_filter\":[\"a\"],\"rules\":[{\"class\":\"c\",\"when\":[{\"key\":\"a\",\"values\":[7]}]}]}",
    };
    struct osm_rules *r;
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct err err = {0};
        assert_int_equal(osm_rules_new(str_of(BAD[i]), &r, &err), RC_INVALID);
        assert_true(strstr(err.text, "religious features") != NULL);
    }
}

/* --- tags -> facts ------------------------------------------------------------------------------------------------- */

static struct site_draft fill(const char *text, struct arena *mem)
{
    struct osm_tag tags[TAGS_MAX];
    struct site_draft d = {0};
    size_t n = tags_of(text, tags);
    struct osm_verdict v = osm_rules_judge(rules, tags, n);
    osm_tags_fill(tags, n, &v, mem, &d);
    return d;
}

static void is_text(struct str got, const char *want)
{
    if (!str_is_equal(got, str_of(want)))
        fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(got), want);
}

static void has_name(const struct site_draft *d, const char *lang, const char *text)
{
    for (size_t i = 0; i < d->names_n; i++)
        if (str_is_equal(d->names[i].lang, str_of(lang)) && str_is_equal(d->names[i].text, str_of(text)))
            return;
    fail_msg("no name \"%s\" in \"%s\"", text, lang);
}

static void names_by_language(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct site_draft d =
        fill("amenity=place_of_worship|name=Église|name:fr=Église|name:zh_pinyin=Jiaotang|name:EN=Church"
             "|name:etymology:wikidata=Q1|name:left=x|name:pt_BR=Igreja|name:sr-latn=Crkva|alt_name=A; B"
             "|old_name:de=Kirche|int_name=Chiesa|name:=x|names=y|official_name:xx-toolongsub=z",
             &mem);
    has_name(&d, "", "Église");
    has_name(&d, "fr", "Église");
    has_name(&d, "zh-Latn-pinyin", "Jiaotang");
    has_name(&d, "en", "Church");
    has_name(&d, "pt-BR", "Igreja");
    has_name(&d, "sr-Latn", "Crkva");
    has_name(&d, "x-alt", "A");
    has_name(&d, "x-alt", "B");
    has_name(&d, "de-x-old", "Kirche");
    has_name(&d, "x-int", "Chiesa");
    assert_int_equal(d.names_n, 10);
    arena_fini(&mem);
}

static void languages(void **state)
{
    static const struct {
        const char *said, *tag;
    } CASES[] = {
        {"en", "en"},
        {"zh-Hant", "zh-Hant"},
        {"ZH-hant-hk", "zh-Hant-HK"},
        {"ja_rm", "ja-Latn"},
        {"be-tarask", "be-tarask"},
        {"gsw", "gsw"},
        {"es-419", "es-419"},
        {"ar-Latn", "ar-Latn"},
        {"etymology", NULL},
        {"signed", NULL},
        {"left", NULL},
        {"", NULL},
        {"e", NULL},
        {"en-", NULL},
        {"en--GB", NULL},
        {"en-GB-Latn", NULL},
        {"en:x", NULL},
        {"日本", NULL},
        {"1950", NULL},
        {"en-GB-GB", NULL},
        {"zh-min-nan-abcdefgh-abcdefgh-abcdefgh", NULL},
    };
    struct arena mem;
    (void)state;
    arena_init(&mem);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct str tag;
        bool ok = osm_language(str_of(CASES[i].said), &mem, &tag);
        if (ok != (CASES[i].tag != NULL) || (ok && !str_is_equal(tag, str_of(CASES[i].tag))))
            fail_msg("%s", CASES[i].said);
    }
    arena_fini(&mem);
}

static void facts(void **state)
{
    struct arena mem;
    (void)state;
    arena_init(&mem);
    struct site_draft d = fill("amenity=place_of_worship|religion=Christian;muslim|denomination=catholic; lutheran"
                               "|wikidata=Q2981;Q5|heritage=1|heritage:operator=whc|ref:whc=600"
                               "|whc:inscription_date=1991-12-13|start_date=before 1250|addr:country=fr|disputed=yes",
                               &mem);
    is_text(d.religion, "christian");
    is_text(d.denomination, "catholic");
    is_text(d.note, "religion also: muslim; denomination also: lutheran");
    is_text(d.wikidata, "Q2981");
    is_text(d.heritage, "1 whc");
    is_text(d.unesco_id, "600");
    is_text(d.country, "FR");
    assert_int_equal(d.whs_year, 1991);
    is_text(d.start_date, "before 1250");
    assert_true(d.is_disputed && !d.is_guarded);
    d = fill("amenity=place_of_worship|place_of_worship=house_church|wikidata=P31|addr:country=France|ref:whc=\xFF",
             &mem);
    assert_true(d.is_guarded);
    is_text(d.wikidata, "");
    is_text(d.country, "");
    is_text(d.unesco_id, "");
    static const struct {
        const char *tags;
        bool is_guarded;
    } HOMES[] = {{"amenity=place_of_worship|building=detached", true},
                 {"amenity=place_of_worship|building=detached|heritage=2", false},
                 {"amenity=place_of_worship|building=church", false},
                 {"amenity=place_of_worship|access=private", true},
                 {"amenity=place_of_worship|access=private|wikidata=Q5", false},
                 {"amenity=place_of_worship|access=yes", false},
                 {"amenity=place_of_worship|place_of_worship=family_shrine|wikidata=Q5", true},
                 {"amenity=place_of_worship|social_facility=shelter", true}};
    for (size_t i = 0; i < sizeof HOMES / sizeof *HOMES; i++)
        if (fill(HOMES[i].tags, &mem).is_guarded != HOMES[i].is_guarded)
            fail_msg("%s", HOMES[i].tags);
    d = fill("building=synagogue|amenity=place_of_worship", &mem);
    is_text(d.religion, "jewish");
    assert_true(str_contains(d.note, STR("guessed")));
    arena_fini(&mem);
}

static void never_kept(void **state)
{
    static const char *const KEYS[] = {"service_times",
                                       "opening_hours",
                                       "phone",
                                       "contact:phone",
                                       "email",
                                       "contact:email",
                                       "website",
                                       "capacity",
                                       "operator",
                                       "access",
                                       "contact:facebook",
                                       "addr:street",
                                       "addr:housenumber",
                                       "surveillance",
                                       "note",
                                       "description"};
    (void)state;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        assert_false(osm_tag_is_kept(str_of(KEYS[i])));
    assert_true(osm_tag_is_kept(STR("name:ar")));
    assert_true(osm_tag_is_kept(STR("religion")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_and_kinds),
        cmocka_unit_test(others_are_refused_with_a_reason),
        cmocka_unit_test(status_and_hints),
        cmocka_unit_test(bad_tables),
        cmocka_unit_test(names_by_language),
        cmocka_unit_test(languages),
        cmocka_unit_test(facts),
        cmocka_unit_test(never_kept),
    };
    struct err err;
    if (osm_rules_new(STR(""), &rules, &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    osm_rules_free(rules);
    return failed;
}
