/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * Linking an incident to a site: what passes, and above all what must not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "incidents/link.h"

struct row {
    const char *what;
    const char *title, *place, *target, *bias;
    double radius_m;
    struct {
        const char *name, *religion, *kind;
        double distance_m;
    } sites[3];
    int chosen; /* index, -1 none */
};

static const struct row ROWS[] = {
    {"exact place, kind named", "Arson at a mosque", "", "SITE", "MUS", 10, {{"Masjid Noor", "muslim", "MOS", 40}}, 0},
    {"a place alone is not enough", "Incident", "", "", "", 10, {{"Masjid Noor", "muslim", "MOS", 40}}, -1},
    {"name in the same town",
     "Attack on Al Noor Mosque",
     "Christchurch",
     "",
     "",
     1000,
     {{"Al Noor Mosque", "muslim", "MOS", 900}, {"Linwood Islamic Centre", "muslim", "MOS", 700}},
     0},
    {"another kind next door",
     "Fire at the synagogue",
     "",
     "",
     "JEW",
     10,
     {{"St Mary", "christian", "CHU", 5}, {"Beth El", "jewish", "SYN", 60}},
     1},
    {"only another faith near", "Fire at the synagogue", "", "", "JEW", 10, {{"St Mary", "christian", "CHU", 5}}, -1},
    {"two of the same kind, neither named",
     "Graffiti on a church",
     "",
     "",
     "CHR",
     100,
     {{"St Mary", "christian", "CHU", 20}, {"St Anne", "christian", "CHU", 30}},
     -1},
    {"the named one of two alike",
     "Graffiti on the church of Saint Anne Hill",
     "",
     "",
     "CHR",
     100,
     {{"St Mary Grove", "christian", "CHU", 20}, {"Saint Anne Hill", "christian", "CHU", 30}},
     1},
    {"common words do not make a name",
     "Attack on the old church",
     "",
     "",
     "CHR",
     5000,
     {{"The Old Church", "christian", "CHU", 100}},
     -1},
    {"a name in another script",
     "Нападение на храм Христа Спасителя",
     "",
     "",
     "",
     500,
     {{"Hram Hrista Spasitela", "christian", "CHU", 300}},
     0},
    {"a district is too vague without a name",
     "Shelling near a mosque",
     "",
     "",
     "MUS",
     25000,
     {{"Masjid Noor", "muslim", "MOS", 200}},
     -1},
    {"grave desecration",
     "Headstones overturned",
     "",
     "GRAVE",
     "JEW",
     100,
     {{"Jewish cemetery", "jewish", "CEM", 50}, {"Beth El", "jewish", "SYN", 40}},
     0},
    {"too far for its precision",
     "Arson at a mosque",
     "",
     "SITE",
     "MUS",
     10,
     {{"Masjid Noor", "muslim", "MOS", 900}},
     -1},
    {"no candidates", "Arson at a mosque", "", "SITE", "MUS", 10, {{NULL, NULL, NULL, 0}}, -1},
};

static void the_table_holds(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof ROWS / sizeof ROWS[0]; r++) {
        const struct row *row = &ROWS[r];
        struct arena mem;
        struct link_candidate c[3];
        struct str names[3];
        size_t n = 0;
        arena_init(&mem);
        for (; n < 3 && row->sites[n].name; n++) {
            names[n] = str_of(row->sites[n].name);
            c[n] = (struct link_candidate){.site = {{(uint8_t)(n + 1)}},
                                           .name = names[n],
                                           .names = &names[n],
                                           .names_n = 1,
                                           .religion = str_of(row->sites[n].religion),
                                           .kind = str_of(row->sites[n].kind),
                                           .distance_m = row->sites[n].distance_m,
                                           .precision_m = 10};
        }
        struct incident in = {.title = str_of(row->title),
                              .place = str_of(row->place),
                              .target = str_of(row->target),
                              .bias = str_of(row->bias),
                              .has_place = true,
                              .radius_m = row->radius_m};
        link_choose(&in, c, n, &mem);
        int got = in.links_n ? in.links[0].site.b[0] - 1 : -1;
        if (got != row->chosen)
            print_error("%s: chose %d (score %.3f, %.*s), wanted %d\n", row->what, got, in.links[0].score,
                        STR_ARG(in.links[0].reasons), row->chosen);
        assert_int_equal(got, row->chosen);
        if (in.links_n) {
            assert_true(in.links[0].score >= LINK_SCORE_MIN && in.links[0].score <= 1);
            assert_true(in.links[0].reasons.n > 2 && in.links[0].reasons.p[0] == '[');
        }
        arena_fini(&mem);
    }
}

/* The order in which candidates come must not matter. */
static void order_does_not_matter(void **state)
{
    (void)state;
    struct arena mem;
    struct str names[3] = {STR("Al Noor Mosque"), STR("Linwood Islamic Centre"), STR("Canterbury Mosque")};
    static const int ORDERS[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    arena_init(&mem);
    for (int o = 0; o < 6; o++) {
        struct link_candidate c[3];
        for (int i = 0; i < 3; i++) {
            int k = ORDERS[o][i];
            c[i] = (struct link_candidate){.site = {{(uint8_t)(k + 1)}},
                                           .name = names[k],
                                           .names = &names[k],
                                           .names_n = 1,
                                           .religion = STR("muslim"),
                                           .kind = STR("MOS"),
                                           .distance_m = 100 + 10 * k};
        }
        struct incident in = {.title = STR("Attack on Al Noor mosque"), .has_place = true, .radius_m = 500};
        link_choose(&in, c, 3, &mem);
        assert_int_equal(in.links_n, 1);
        assert_int_equal(in.links[0].site.b[0], 1);
    }
    arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(order_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
