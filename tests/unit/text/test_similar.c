/* SPDX-License-Identifier: AGPL-3.0-or-later
 *
 * How alike words are: edits against the plain recurrence, sounds of the usual transliterations, words cut short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "text/similar.h"

/* Optimal string alignment, every cell of the table. */
static int distance(const char *a, size_t n, const char *b, size_t m)
{
    static int d[TEXT_WORD_MAX + 1][TEXT_WORD_MAX + 1];
    for (size_t i = 0; i <= n; i++)
        for (size_t k = 0; k <= m; k++) {
            int best = i == 0 ? (int)k : k == 0 ? (int)i : d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
            if (i && k && d[i - 1][k] + 1 < best)
                best = d[i - 1][k] + 1;
            if (i && k && d[i][k - 1] + 1 < best)
                best = d[i][k - 1] + 1;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] && d[i - 2][k - 2] + 1 < best)
                best = d[i - 2][k - 2] + 1;
            d[i][k] = best;
        }
    return d[n][m];
}

static void edits_as_the_table_says(void **state)
{
    (void)state;
    const char *given = getenv("FANE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_monotonic_us();
    struct prng r;
    printf("seed %llu (FANE_SEED replays)\n", (unsigned long long)seed);
    prng_seed(&r, seed);
    for (int round = 0; round < 20000; round++) {
        char a[TEXT_WORD_MAX], b[TEXT_WORD_MAX];
        size_t n = prng_below(&r, 14), m = prng_below(&r, 14);
        for (size_t i = 0; i < n; i++)
            a[i] = (char)('a' + prng_below(&r, 3));
        for (size_t i = 0; i < m; i++)
            b[i] = prng_below(&r, 3) && i < n ? a[i] : (char)('a' + prng_below(&r, 3));
        size_t longer = n > m ? n : m;
        double want = longer ? 1 - (double)distance(a, n, b, m) / (double)longer : 1;
        double got = text_edit_similarity((struct str){a, n}, (struct str){b, m}, 0);
        assert_true(fabs(got - want) < 1e-12);
        double least = prng_unit(&r), cut = text_edit_similarity((struct str){a, n}, (struct str){b, m}, least);
        assert_true(want > least + 1e-9 ? fabs(cut - want) < 1e-12 : want < least - 1e-9 ? cut <= 0 : true);
    }
}

static void words(void **state)
{
    (void)state;
    char x[TEXT_WORD_MAX], y[TEXT_WORD_MAX];
    assert_true(str_is_equal(text_skeleton(STR("petros"), x), text_skeleton(STR("butrus"), y)));
    assert_true(str_is_equal(text_skeleton(STR("philip"), x), text_skeleton(STR("filib"), y)));
    static const struct {
        const char *a, *b;
        bool alike;
    } PAIRS[] = {{"nicholas", "nikolas", true}, {"catherine", "katarina", true},
                 {"methodist", "meth", true},   {"evangelist", "evangelits", true},
                 {"noor", "nwr", true},         {"peter", "paul", false},
                 {"john", "joan", true},        {"me", "methodist", false},
                 {"mark", "martin", false},     {"a", "b", false}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        double s = text_word_similarity(str_of(PAIRS[i].a), str_of(PAIRS[i].b));
        if ((s > 0) != PAIRS[i].alike)
            fail_msg("%s %s: %.2f", PAIRS[i].a, PAIRS[i].b, s);
        assert_true(fabs(s - text_word_similarity(str_of(PAIRS[i].b), str_of(PAIRS[i].a))) < 1e-12);
    }
    assert_true(text_word_similarity(STR("bethel"), STR("bethel")) >= 1);
    char huge[5000];
    memset(huge, 'k', sizeof huge);
    assert_true(text_word_similarity((struct str){huge, sizeof huge}, (struct str){huge, sizeof huge - 1}) > 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(edits_as_the_table_says), cmocka_unit_test(words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
